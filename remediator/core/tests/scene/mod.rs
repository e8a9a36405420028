//! Golden transcripts: one line in, one line out. A line in is a time in milliseconds and what is told; between the lines
//! time passes as the shell lets it pass, by `next_wakeup`.
//!
//! ```text
//! 0 status node-1/orders RUNNING PASSING 10 1     state, probe, pid (0: none), generation; see `detail`
//! 0 opened a node-1/orders cpu_high               also updated, cleared; revisions count by themselves
//! 0 opened a node-1/orders cpu_starved cpu_percent=3.5 neighbour=node-1/reports   its context
//! 0 updated a cpu_high=NO_DATA process_exited=FIRING   its own signals
//! 9 cleared a cpu_high=RESOLVED@5                  and since when
//! 0 outcome cmd-a.1 SUCCEEDED                     also REJECTED with a reason; `a`: of its last command
//! 0 person node-1/orders RESTART                  succeeded by hand
//! 0 control AUTO STOPPED
//! 0 pause node-1/orders                           on top of the last control
//! 0 approve a.1                                   also deny; a person's answer to a plan
//! 0 observer STORM                                also CLEAR
//! 0 restart                                       a new core, told what was published so far
//! 0 tick
//! ```

use std::collections::BTreeMap;
use std::fmt::Write as _;

use arena_proto::{
    Approval, Command, Control, IncidentEvent, IncidentEventKind, IncidentId, NodeName, NodeStatus,
    Number, Observer, Pause, Plan, PlanId, ServiceClass, ServiceName, Severity, Timestamp, Verdict,
};
use arena_remediator_core::{Input, Output, Playbooks, Remediator};

use crate::common::{at, entity, event, outcome, persons, signal, status};

pub(crate) struct Scene {
    playbooks: Playbooks,
    pub(crate) remediator: Remediator,
    pub(crate) opened: BTreeMap<String, IncidentEvent>,
    pub(crate) plans: Vec<Plan>,
    pub(crate) commands: Vec<Command>,
    spans: bool,
    statuses: BTreeMap<NodeName, NodeStatus>,
    control: Control,
    pub(crate) transcript: String,
}

impl Scene {
    pub(crate) fn with(playbooks: Playbooks, spans: bool) -> Self {
        let mut remediator = Remediator::new(playbooks.clone());
        remediator.step(at(0), Input::Restored);
        Self {
            playbooks,
            remediator,
            opened: BTreeMap::new(),
            plans: Vec::new(),
            commands: Vec::new(),
            spans,
            statuses: BTreeMap::new(),
            control: Control::default(),
            transcript: String::new(),
        }
    }

    pub(crate) fn play(&mut self, line: &str) {
        let (ms, words) = line.trim().split_once(' ').unwrap();
        let now = at(ms.parse().unwrap());
        while let Some(wakeup) = self.remediator.next_wakeup().filter(|wakeup| *wakeup < now) {
            let out = self.remediator.step(wakeup, Input::Tick);
            self.write(wakeup, out);
        }
        writeln!(self.transcript, "{ms:<6} {words}").unwrap();
        if words == "restart" {
            self.restart(now);
            return;
        }
        let input = self.read(now, words);
        let out = self.remediator.step(now, input);
        self.write(now, out);
    }

    fn read(&mut self, now: Timestamp, words: &str) -> Input {
        let words: Vec<&str> = words.split(' ').collect();
        match words[..] {
            [
                "status",
                target,
                state,
                probe,
                pid,
                generation,
                ref more @ ..,
            ] => {
                let pid = Some(pid.parse().unwrap()).filter(|pid| *pid != 0);
                let process = (pid, generation.parse().unwrap());
                let (state, probe) = (state.parse().unwrap(), probe.parse().unwrap());
                let mut told = status(target, state, probe, process, now);
                for word in more {
                    detail(&mut told, word, now);
                }
                self.merge(told)
            }
            [kind @ ("opened" | "updated" | "cleared"), id, ref rest @ ..] => {
                Input::Incident(self.event(now, kind.parse().unwrap(), id, rest))
            }
            ["outcome", id, state, ref rest @ ..] => self.outcome(now, id, state, rest),
            ["person", target, action] => {
                Input::Outcome(persons(target, action.parse().unwrap(), now))
            }
            ["control", mode, lever] => {
                self.control = Control {
                    mode: mode.parse().unwrap(),
                    lever: lever.parse().unwrap(),
                    at: now,
                    by: "ada".to_owned(),
                    ..Control::default()
                };
                Input::Control(self.control.clone())
            }
            ["pause", target] => {
                self.control.pauses.push(Pause {
                    entity: entity(target),
                    by: "ada".to_owned(),
                    reason: String::new(),
                    at: now,
                    until: None,
                });
                Input::Control(self.control.clone())
            }
            [verdict @ ("approve" | "deny"), plan] => answer(now, verdict, plan),
            ["observer", state] => Input::Observer(Observer {
                detector: "detector".to_owned(),
                state: state.parse().unwrap(),
                reason: "2 of 3 nodes are silent".to_owned(),
                since: now,
                silent: 2,
                known: 3,
                at: now,
            }),
            ["tick"] => Input::Tick,
            _ => panic!("{words:?}"),
        }
    }

    fn outcome(&self, now: Timestamp, id: &str, state: &str, rest: &[&str]) -> Input {
        let is_it = |command: &&Command| {
            let incident = command.incident_id.as_ref();
            command.id.as_str() == id || incident.is_some_and(|it| it.as_str() == id)
        };
        let command = self.commands.iter().rev().find(is_it);
        let reason = rest.first().map(|reason| reason.parse().unwrap());
        let mut outcome = outcome(command.unwrap(), state.parse().unwrap(), reason, now);
        outcome.pid_after = Some(99);
        Input::Outcome(outcome)
    }

    /// A node tells of all its services at once.
    fn merge(&mut self, mut told: NodeStatus) -> Input {
        if let Some(before) = self.statuses.remove(&told.node) {
            let others = before.services.into_iter();
            told.services.extend(
                others
                    .filter(|other| other.name != told.services[0].name)
                    .collect::<Vec<_>>(),
            );
        }
        self.statuses.insert(told.node.clone(), told.clone());
        Input::Status(told)
    }

    fn event(
        &mut self,
        now: Timestamp,
        kind: IncidentEventKind,
        id: &str,
        rest: &[&str],
    ) -> IncidentEvent {
        let mut next = match (self.opened.get(id), rest) {
            (Some(last), _) => IncidentEvent {
                revision: last.revision + 1,
                ..last.clone()
            },
            (None, [target, symptom, root_cause @ ..]) => {
                let mut event = event(kind, id, 1, target, symptom, (now, now));
                if let Some(root_cause) = root_cause.first().filter(|word| !word.contains('=')) {
                    event.root_cause = entity(root_cause);
                }
                event
            }
            (None, _) => panic!("{id} {rest:?}"),
        };
        if kind != IncidentEventKind::Opened {
            let signals = rest.iter().filter_map(|word| word.split_once('='));
            let signals = signals.filter(|(_, state)| state.starts_with(char::is_uppercase));
            let signals = signals.map(|(symptom, state)| {
                let (state, since) = state.split_once('@').unwrap_or((state, ""));
                let since = since.parse().map_or(now, at);
                signal(&next.entity, symptom, state, since)
            });
            next.signals = signals.collect();
        }
        for (name, value) in rest.iter().filter_map(|word| word.split_once('=')) {
            if name == "neighbour" {
                next.context.neighbour = Some(entity(value));
            } else if let Some(number) = value.parse().ok().and_then(Number::new) {
                next.context.facts.insert(name.to_owned(), number);
            }
        }
        (next.kind, next.at, next.severity) = (kind, now, Severity::Error);
        self.opened.insert(id.to_owned(), next.clone());
        next
    }

    fn restart(&mut self, now: Timestamp) {
        self.remediator = Remediator::new(self.playbooks.clone());
        let people = Input::Control(self.control.clone());
        let statuses = self.statuses.values().cloned().map(Input::Status);
        let people = statuses.chain([people]);
        let known = self.opened.values().cloned().map(Input::Incident);
        let plans = self.plans.iter().cloned().map(Input::Restore);
        let inputs: Vec<Input> = people
            .chain(plans)
            .chain(known)
            .chain([Input::Restored])
            .collect();
        for input in inputs {
            let out = self.remediator.step(now, input);
            self.write(now, out);
        }
    }

    fn write(&mut self, now: Timestamp, out: Vec<Output>) {
        let ms = now.saturating_since(at(0)).as_millis();
        for output in out {
            match output {
                Output::Publish(plan) => {
                    self.write_plan(ms, &plan);
                    self.plans.push(*plan);
                }
                Output::Issue(command) => {
                    let mut meant = String::new();
                    if let Some(pid) = command.preconditions.pid {
                        write!(meant, " pid {pid}").unwrap();
                    }
                    if let Some(generation) = command.preconditions.generation {
                        write!(meant, " generation {generation}").unwrap();
                    }
                    for (name, value) in &command.params {
                        write!(meant, " {name}={value}").unwrap();
                    }
                    let (id, action) = (&command.id, command.action);
                    let target = command.target();
                    writeln!(
                        self.transcript,
                        "{ms:<6}   -> {id} {action} {target}{meant}"
                    )
                    .unwrap();
                    self.commands.push(*command);
                }
                Output::Record(span) if self.spans => {
                    let (start, end) = (span.start, span.end);
                    let start = start.saturating_since(at(0)).as_millis();
                    let end = end.saturating_since(at(0)).as_millis();
                    let error = span.error.as_deref().unwrap_or("ok");
                    let (name, key) = (span.name, &span.key);
                    let depth = if span.parent().is_some() { "  " } else { "" };
                    writeln!(
                        self.transcript,
                        "{ms:<6}   .. {depth}{name} [{key}] {start}..{end} {error}"
                    )
                    .unwrap();
                }
                Output::Record(_) => {}
                Output::Note(note) => writeln!(self.transcript, "{ms:<6}   note {note}").unwrap(),
            }
        }
    }

    fn write_plan(&mut self, ms: u128, plan: &Plan) {
        let resolution = plan
            .resolution
            .map_or(String::new(), |resolution| format!(" {resolution}"));
        let (id, decision, state) = (&plan.id, plan.decision, plan.incident_state);
        let (rung, rungs, reason) = (plan.rung, plan.rungs, &plan.reason);
        writeln!(
            self.transcript,
            "{ms:<6}   {id} {decision} {state}{resolution} {rung}/{rungs}: {reason}"
        )
        .unwrap();
    }
}

/// One more thing that a status tells of a service.
fn detail(status: &mut NodeStatus, word: &str, now: Timestamp) {
    if word == "no-agent" {
        status.pid = 0;
        status.services[0].detail.no_agent = true;
        return;
    }
    let service = &mut status.services[0];
    let detail = &mut service.detail;
    match word.split_once('=').unwrap_or((word, "")) {
        ("batch", _) => detail.class = Some(ServiceClass::Batch),
        ("service", _) => detail.class = Some(ServiceClass::Service),
        ("standby", _) => detail.standby = true,
        ("drained", _) => detail.drained = true,
        ("throttled", _) => detail.throttled = Some((now, 50)),
        ("rollback", _) => detail.can_roll_back = true,
        ("clean", _) => detail.can_clean_disk = true,
        ("held", by) => detail.port_holder = Some((812, by.to_owned())),
        ("started", ticks) => detail.start_time = Some(ticks.parse().unwrap()),
        ("calls", callee) => service.depends_on.push(ServiceName::new(callee).unwrap()),
        _ => panic!("{word}"),
    }
}

/// A person's answer to a plan.
fn answer(now: Timestamp, verdict: &str, plan: &str) -> Input {
    let (incident, _) = plan.rsplit_once('.').unwrap();
    let approved = verdict == "approve";
    Input::Approval(Approval {
        incident_id: IncidentId::new(incident).unwrap(),
        plan_id: PlanId::new(plan).unwrap(),
        verdict: if approved {
            Verdict::Approved
        } else {
            Verdict::Denied
        },
        by: "ada".to_owned(),
        reason: String::new(),
        at: now,
    })
}
