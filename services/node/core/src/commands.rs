//! Commands in flight and finished. A command is accepted once, ends once, and is answered from memory after that.

use std::collections::{BTreeMap, VecDeque};

use arena_proto::{
    ActionKind, Command, CommandId, CommandState, Message, NodeName, Outcome, ProcessState,
    Received, ServiceName, Timestamp,
};

use crate::io::Output;
use crate::judge::Ground;
use crate::limits::REMEMBERED_MAX;
use crate::service::Service;
use crate::throttle::Share;

/// A command that was accepted and is not finished.
#[derive(Debug)]
pub(crate) struct InFlight {
    pub(crate) command: Command,
    accepted_at: Timestamp,
    pid_before: Option<u32>,
    /// The start that was current when it was accepted.
    generation_before: u32,
    /// What the shell said of what it was asked for, if anything was.
    answer: Option<Result<String, String>>,
}

/// A final state and the words for it.
type Ending = (CommandState, String);

impl InFlight {
    fn due(&self) -> Timestamp {
        self.accepted_at + self.command.deadline
    }

    /// How it ended, judged by what is the case with its service; `None`: not yet.
    fn ending(&self, now: Timestamp, service: &Service) -> Option<Ending> {
        let ended = match self.command.action {
            ActionKind::Start | ActionKind::Restart | ActionKind::Rollback => {
                self.start_ending(service)
            }
            ActionKind::Stop => (service.state == ProcessState::Stopped)
                .then(|| (CommandState::Succeeded, "stopped".to_owned())),
            ActionKind::Kill => {
                let gone = service.is_gone() || service.generation != self.generation_before;
                gone.then(|| (CommandState::Succeeded, "killed".to_owned()))
            }
            ActionKind::Recover | ActionKind::Throttle => self.living_ending(service),
            ActionKind::FreePort => match &self.answer {
                Some(Ok(freed)) if service.generation > self.generation_before => {
                    let started = self.start_ending(service);
                    started.map(|(state, message)| (state, format!("{freed}; {message}")))
                }
                _ => self.answer_ending(),
            },
            ActionKind::CleanDisk => self.answer_ending(),
            ActionKind::Drain => done("drained"),
            ActionKind::Undrain => done("undrained"),
            ActionKind::Unthrottle => done("not throttled any more"),
            // Of the node: done when they were accepted.
            ActionKind::Quarantine | ActionKind::Unquarantine => done(""),
        };
        ended.or_else(|| {
            (now >= self.due()).then(|| {
                let deadline = self.command.deadline.as_millis();
                let message = format!(
                    "not done within {deadline} ms: {} is {} {}",
                    self.command.target(),
                    service.state,
                    service.message
                );
                (CommandState::TimedOut, message.trim_end().to_owned())
            })
        })
    }

    fn start_ending(&self, service: &Service) -> Option<Ending> {
        let replaced = service.generation > self.generation_before;
        match service.state {
            ProcessState::Running if replaced && service.is_up() => {
                Some((CommandState::Succeeded, "running".to_owned()))
            }
            ProcessState::Exited
            | ProcessState::Fatal
            | ProcessState::Backoff
            | ProcessState::Stopped => Some((CommandState::Failed, service.message.clone())),
            _ => None,
        }
    }

    /// Of an action on a living process: its end ends it.
    fn living_ending(&self, service: &Service) -> Option<Ending> {
        if service.generation != self.generation_before || service.is_gone() {
            let message = format!("{} meanwhile", service.state);
            return Some((CommandState::Failed, message));
        }
        self.answer_ending()
    }

    fn answer_ending(&self) -> Option<Ending> {
        self.answer.clone().map(|answer| match answer {
            Ok(message) => (CommandState::Succeeded, message),
            Err(message) => (CommandState::Failed, message.trim().to_owned()),
        })
    }
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "an arm among others that may not have ended"
)]
fn done(message: &str) -> Option<Ending> {
    Some((CommandState::Succeeded, message.to_owned()))
}

/// Every command that matters still.
#[derive(Debug)]
pub(crate) struct CommandBook {
    node: NodeName,
    /// At most one a service.
    in_flight: BTreeMap<ServiceName, InFlight>,
    /// Final outcomes, oldest first; at most [`REMEMBERED_MAX`].
    finished: VecDeque<Outcome>,
}

impl CommandBook {
    pub(crate) fn new(node: NodeName) -> Self {
        Self {
            node,
            in_flight: BTreeMap::new(),
            finished: VecDeque::new(),
        }
    }

    /// Takes up what a predecessor saved. What it had accepted and not finished, nobody knows the end of.
    pub(crate) fn restore(
        &mut self,
        now: Timestamp,
        accepted: &[String],
        outcomes: &[String],
        out: &mut Vec<Output>,
    ) {
        let node = self.node.clone();
        let read = |text: &String| read_saved::<Outcome>(&node, now, text);
        self.finished.extend(outcomes.iter().filter_map(read));
        for outcome in accepted.iter().filter_map(read) {
            self.finish(
                Outcome {
                    state: CommandState::Unknown,
                    message: "the agent restarted while it did this".to_owned(),
                    at: now,
                    ..outcome
                },
                out,
            );
        }
    }

    /// Judges a command. True when it is to be done now.
    pub(crate) fn judge(
        &mut self,
        now: Timestamp,
        command: &Command,
        ground: &Ground<'_>,
        out: &mut Vec<Output>,
    ) -> bool {
        let known = |done: &&Outcome| done.command_id == command.id;
        if let Some(outcome) = self.finished.iter().find(known) {
            out.push(Output::Outcome(outcome.clone()));
            return false;
        }
        if self
            .in_flight
            .values()
            .any(|at| at.command.id == command.id)
        {
            return false;
        }
        let process = ground.service.and_then(|service| service.process);
        let pid_before = process.map(|process| process.pid);
        let outcome = outcome_of(&self.node, command, pid_before, now);
        if let Err((reason, message)) = ground.check(now, command) {
            let rejected = Outcome {
                state: CommandState::Rejected,
                reason: Some(reason),
                message,
                pid_after: pid_before,
                ..outcome
            };
            self.finish(rejected, out);
            return false;
        }
        if let Some(service) = ground.service {
            let in_flight = InFlight {
                command: command.clone(),
                accepted_at: now,
                pid_before,
                generation_before: service.generation,
                answer: None,
            };
            self.in_flight
                .insert(service.config.name.clone(), in_flight);
        }
        out.push(Output::Outcome(outcome));
        out.push(Output::Save);
        true
    }

    /// What is in flight where this command would be: on its service, or anywhere on the node that it is for.
    pub(crate) fn in_the_way_of(&self, command: &Command) -> Option<String> {
        let other = match &command.service {
            Some(service) => self.in_flight.get(service)?,
            None => self.in_flight.values().next()?,
        };
        let Command { action, id, .. } = &other.command;
        let target = other.command.target();
        Some(format!("{action} {id} is in flight on {target}"))
    }

    /// An accepted command to the node as a whole is done already.
    pub(crate) fn done(
        &mut self,
        now: Timestamp,
        command: &Command,
        message: String,
        out: &mut Vec<Output>,
    ) {
        let outcome = Outcome {
            state: CommandState::Succeeded,
            message,
            ..outcome_of(&self.node, command, None, now)
        };
        self.finish(outcome, out);
    }

    /// A command is in flight on this service: what happens to it is the command's doing.
    pub(crate) fn holds(&self, service: &ServiceName) -> bool {
        self.in_flight.contains_key(service)
    }

    /// What was asked for is done, or cannot be; gives the service of the command, if that still is in flight.
    pub(crate) fn answered(
        &mut self,
        command: &CommandId,
        answer: Result<String, String>,
    ) -> Option<ServiceName> {
        let (name, in_flight) = self
            .in_flight
            .iter_mut()
            .find(|(_, in_flight)| in_flight.command.id == *command)?;
        in_flight.answer = Some(answer);
        Some(name.clone())
    }

    /// [`Output::Throttle`] is done for this service; gives what was asked for, if somebody still waits for it.
    pub(crate) fn throttled(
        &mut self,
        service: &ServiceName,
        result: Result<String, String>,
    ) -> Option<Share> {
        let in_flight = self
            .in_flight
            .get_mut(service)
            .filter(|in_flight| in_flight.command.action == ActionKind::Throttle)?;
        let share = Share::parse(&in_flight.command.params).ok()?;
        in_flight.answer = Some(result.map(|how| match how.as_str() {
            "" => share.to_string(),
            how => format!("{share}: {how}"),
        }));
        Some(share)
    }

    /// Ends what has come to its end.
    pub(crate) fn settle(
        &mut self,
        now: Timestamp,
        services: &BTreeMap<ServiceName, Service>,
        out: &mut Vec<Output>,
    ) {
        let ended: Vec<(ServiceName, Ending)> = self
            .in_flight
            .iter()
            .filter_map(|(name, in_flight)| {
                let ending = in_flight.ending(now, services.get(name)?)?;
                Some((name.clone(), ending))
            })
            .collect();
        for (name, ending) in ended {
            self.end(now, &name, ending, services.get(&name), out);
        }
    }

    /// The agent stops: what is in flight will not be finished.
    pub(crate) fn cancel_all(
        &mut self,
        now: Timestamp,
        services: &BTreeMap<ServiceName, Service>,
        out: &mut Vec<Output>,
    ) {
        let names: Vec<ServiceName> = self.in_flight.keys().cloned().collect();
        for name in names {
            let ending = (CommandState::Canceled, format!("{} is stopping", self.node));
            self.end(now, &name, ending, services.get(&name), out);
        }
    }

    fn end(
        &mut self,
        now: Timestamp,
        name: &ServiceName,
        (state, message): Ending,
        service: Option<&Service>,
        out: &mut Vec<Output>,
    ) {
        let Some(in_flight) = self.in_flight.remove(name) else {
            return;
        };
        let pid_after = service
            .and_then(|service| service.process)
            .map(|process| process.pid);
        let outcome = Outcome {
            state,
            message,
            pid_after,
            ..outcome_of(&self.node, &in_flight.command, in_flight.pid_before, now)
        };
        self.finish(outcome, out);
    }

    fn finish(&mut self, outcome: Outcome, out: &mut Vec<Output>) {
        if self.finished.len() >= REMEMBERED_MAX {
            self.finished.pop_front();
        }
        self.finished.push_back(outcome.clone());
        out.push(Output::Outcome(outcome));
        out.push(Output::Save);
    }

    /// When [`CommandBook::settle`] has to look again though nothing happened.
    pub(crate) fn due(&self) -> Option<Timestamp> {
        self.in_flight.values().map(InFlight::due).min()
    }

    /// For [`CommandBook::restore`]: accepted and finished outcomes.
    pub(crate) fn saved(&self) -> (Vec<String>, Vec<String>) {
        let accepted = self.in_flight.values().map(|in_flight| {
            let at = in_flight.accepted_at;
            write_saved(&outcome_of(
                &self.node,
                &in_flight.command,
                in_flight.pid_before,
                at,
            ))
        });
        (
            accepted.collect(),
            self.finished.iter().map(write_saved).collect(),
        )
    }
}

/// The outcome "accepted", which the others differ from by a few fields.
fn outcome_of(
    node: &NodeName,
    command: &Command,
    pid_before: Option<u32>,
    at: Timestamp,
) -> Outcome {
    Outcome {
        command_id: command.id.clone(),
        node: node.clone(),
        service: command.service.clone(),
        action: command.action,
        state: CommandState::Accepted,
        reason: None,
        message: String::new(),
        incident_id: command.incident_id.clone(),
        at,
        pid_before,
        pid_after: None,
    }
}

/// As text, for the state file.
pub(crate) fn write_saved<M: Message>(message: &M) -> String {
    String::from_utf8_lossy(&message.encode()).into_owned()
}

/// From the state file; what cannot be read (an older version's) is forgotten.
pub(crate) fn read_saved<M: Message>(node: &NodeName, now: Timestamp, text: &str) -> Option<M> {
    let received = Received {
        node: node.clone(),
        service: None,
        sequence: None,
        published_at: now,
    };
    M::decode(text.as_bytes(), &received).ok()
}
