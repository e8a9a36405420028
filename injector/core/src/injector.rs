//! The state machine: requests, nodes' words and time in; requests to nodes, replies and log lines out.
//!
//! Invariants: a fault of ours is renewed from its start until its end and not after; nothing is asked of a node that is not there or
//! that refuses faults; after [`Input::Stop`], and while the safety lever is stopped, nothing new begins and nothing is renewed. A new `Injector` adopts no fault of an earlier one: those end
//! by their lease, and are until then known as others' are; nor does it go on with a villain of an earlier one.

use arena_proto::{
    Control, FaultId, FaultOperation, FaultRequest, FaultState, FaultStatus, InjectReply,
    InjectRequest, LeverPosition, RevertRequest, Timestamp,
};

use crate::checked::{Checked, check};
use crate::io::{Input, Output};
use crate::live::{LEASE, Live, check_room};
use crate::refusal::Refusal;
use crate::schedule::Schedule;
use crate::villain::{Public, Villain};
use crate::{ceiling, targets};

/// The machine.
#[derive(Debug)]
pub struct Injector {
    /// Used for the next id, and then another.
    pub(crate) nonce: u64,
    /// When the first step was.
    pub(crate) started_at: Option<Timestamp>,
    pub(crate) public: Public,
    /// The one that is there, or the last one.
    pub(crate) villain: Option<Villain>,
    pub(crate) live: Live,
    schedule: Schedule,
    /// When each entry of the schedule is next due; `None` until every target runs.
    due: Option<Vec<Option<Timestamp>>>,
    stopping: bool,
    /// Who stopped the safety lever (` by ann`, or nothing), while it is stopped.
    stopped_by: Option<String>,
}

impl Injector {
    /// `nonce` makes the ids of this run differ from those of any other: a random number will do.
    #[must_use]
    pub fn new(schedule: Schedule, nonce: u64) -> Self {
        Self {
            nonce,
            started_at: None,
            public: Public::default(),
            villain: None,
            live: Live::default(),
            schedule,
            due: None,
            stopping: false,
            stopped_by: None,
        }
    }

    /// Takes one input, and what time has brought with it.
    pub fn step(&mut self, now: Timestamp, input: Input) -> Vec<Output> {
        let mut outputs = Vec::new();
        self.started_at.get_or_insert(now);
        match input {
            Input::Inject(ticket, request) => {
                let reply = self.on_inject(now, &request, &mut outputs);
                outputs.push(Output::Reply(ticket, reply));
            }
            Input::Revert(ticket, request) => {
                let reply = self.on_revert(now, &request, &mut outputs);
                outputs.push(Output::Reply(ticket, reply));
            }
            Input::Villain(ticket, request) => {
                let reply = self.on_villain(now, &request, &mut outputs);
                outputs.push(Output::VillainReply(ticket, Box::new(reply)));
            }
            Input::Node(status) => self.public.put_node(status),
            Input::Hearing => self.public.forget_talk(),
            Input::Incident(event) => self.public.put_incident(&event),
            Input::Plan(plan) => self.public.put_plan(&plan),
            Input::Telemetry(telemetry, schema) => {
                self.public.put_telemetry(now, &telemetry, &schema);
            }
            Input::Status(status) => self.on_status(now, &status, &mut outputs),
            Input::Control(control) => self.on_control(now, &control, &mut outputs),
            Input::Stop => self.stop(now, &mut outputs),
            Input::Tick => {}
        }
        self.run_schedule(now, &mut outputs);
        self.run_villain(now, &mut outputs);
        self.keep_alive(now, &mut outputs);
        outputs
    }

    /// The time of the next [`Input::Tick`], at the latest.
    #[must_use]
    pub fn next_wakeup(&self) -> Option<Timestamp> {
        let due = self.due.iter().flatten().flatten().copied();
        let villain = self.villain.iter().filter_map(Villain::next_wakeup);
        due.chain(self.live.next_wakeup()).chain(villain).min()
    }

    /// A request did not reach the bus. A fault whose node has never heard of it is none. One that was not renewed is live, and its
    /// next renewal may be in time; one that was not reverted ends by its lease.
    pub fn unpublished(&mut self, now: Timestamp, request: &FaultRequest) {
        if !matches!(request.operation, FaultOperation::Apply { .. }) {
            return;
        }
        self.live.end(&request.id);
        if let Some(villain) = &mut self.villain {
            villain.lose(now, &request.id);
        }
    }

    /// Faults of ours are not over yet.
    #[must_use]
    pub fn has_live_faults(&self) -> bool {
        self.live.has_own()
    }

    fn on_inject(
        &mut self,
        now: Timestamp,
        request: &InjectRequest,
        outputs: &mut Vec<Output>,
    ) -> InjectReply {
        let checked = check(request).map_err(Refusal::ForGood);
        match checked.and_then(|checked| self.begin(now, checked, outputs)) {
            Ok(id) => InjectReply {
                ids: vec![id.to_string()],
                error: None,
            },
            Err(refusal) => refused(refusal.why().to_owned()),
        }
    }

    /// Anything may begin at all.
    pub(crate) fn may_begin(&self) -> Result<(), String> {
        if self.stopping {
            return Err("the injector is stopping".to_owned());
        }
        if let Some(by) = &self.stopped_by {
            return Err(format!(
                "the safety lever is stopped{by}: no faults until `arena lever resume`"
            ));
        }
        Ok(())
    }

    /// Asks the target's node for a fault.
    pub(crate) fn begin(
        &mut self,
        now: Timestamp,
        checked: Checked,
        outputs: &mut Vec<Output>,
    ) -> Result<FaultId, Refusal> {
        let Checked {
            fault,
            target,
            ttl,
            params,
        } = checked;
        self.may_begin().map_err(Refusal::ForNow)?;
        targets::check(self.public.nodes(), fault, &target)?;
        ceiling::check(self.public.nodes(), fault, &target, self.live.all())
            .and_then(|()| check_room(fault, self.live.all()))
            .map_err(Refusal::ForNow)?;
        let id = FaultId::derive(fault.name.as_str(), &target, now, self.nonce);
        self.nonce = self.nonce.wrapping_add(1);
        outputs.push(Output::Note(format!(
            "{id}: {} on {target} for {}",
            fault.name,
            humantime::format_duration(ttl)
        )));
        outputs.push(Output::Publish(FaultRequest {
            id: id.clone(),
            node: target.node.clone(),
            at: now,
            operation: FaultOperation::Apply {
                fault: fault.name.to_string(),
                service: target.service.clone(),
                ttl,
                lease: Some(LEASE),
                params: params.to_text(),
            },
        }));
        self.live
            .begin(now, id.clone(), fault.name.as_str(), target, ttl);
        Ok(id)
    }

    fn on_revert(
        &mut self,
        now: Timestamp,
        request: &RevertRequest,
        outputs: &mut Vec<Output>,
    ) -> InjectReply {
        let live = self.live.ids();
        let asked = match request.id.as_str() {
            "all" => live,
            id => match id.parse::<FaultId>() {
                Err(error) => return refused(error.to_string()),
                Ok(id) if live.contains(&id) => vec![id],
                // What is over needs no end: asking for it twice is no mistake.
                Ok(id) if self.live.is_over(&id) => vec![],
                Ok(id) => return refused(unknown_fault(&id, &live)),
            },
        };
        for id in &asked {
            self.revert(now, id, outputs);
        }
        InjectReply {
            ids: asked.iter().map(ToString::to_string).collect(),
            error: None,
        }
    }

    pub(crate) fn revert(&mut self, now: Timestamp, id: &FaultId, outputs: &mut Vec<Output>) {
        if let Some(node) = self.live.revert(id) {
            outputs.push(Output::Note(format!("{id}: revert")));
            outputs.push(Output::Publish(FaultRequest {
                id: id.clone(),
                node,
                at: now,
                operation: FaultOperation::Revert,
            }));
        }
    }

    fn on_status(&mut self, now: Timestamp, status: &FaultStatus, outputs: &mut Vec<Output>) {
        if let Some(villain) = &mut self.villain {
            villain.put(now, status);
        }
        let Some(own) = self.live.put(now, status) else {
            return;
        };
        let reason = status.reason.map_or("", arena_proto::FaultReason::as_str);
        let line = format!(
            "{}: {} on {} is {} {reason} {}",
            status.id, own.fault, own.target, status.state, status.message
        );
        let line = line.trim_end().to_owned();
        outputs.push(match status.state {
            FaultState::Reverted => Output::Note(line),
            _ => Output::Warning(line),
        });
    }

    /// Nodes end faults by themselves when the lever is stopped; that they are asked too costs nothing, and reaches a node that
    /// has not heard of the lever yet. Told again that it is stopped, they are asked again.
    fn on_control(&mut self, now: Timestamp, control: &Control, outputs: &mut Vec<Output>) {
        let was_stopped = self.stopped_by.is_some();
        // Whoever changed something else since has not set the lever.
        let by = control.lever_set.as_ref().map_or("", |(by, _)| by);
        self.stopped_by = (control.lever == LeverPosition::Stopped).then(|| match by {
            "" => String::new(),
            by => format!(" by {by}"),
        });
        match &self.stopped_by {
            Some(by) => {
                if !was_stopped {
                    outputs.push(Output::Warning(format!(
                        "the safety lever is stopped{by}: every fault ends, and none begins"
                    )));
                }
                // It does not come back with the lever: a person who stopped everything starts it anew, or not.
                let because = format!("the safety lever is stopped{by}");
                let _ = self.stop_villain(now, &because, outputs);
                self.revert_own(now, outputs);
            }
            None if was_stopped => {
                outputs.push(Output::Note("the safety lever is released".to_owned()));
            }
            None => {}
        }
    }

    fn stop(&mut self, now: Timestamp, outputs: &mut Vec<Output>) {
        self.stopping = true;
        self.due = None;
        // That there is none is as well.
        let _ = self.stop_villain(now, "the injector stops", outputs);
        self.revert_own(now, outputs);
    }

    fn revert_own(&mut self, now: Timestamp, outputs: &mut Vec<Output>) {
        for id in self.live.own_ids() {
            self.revert(now, &id, outputs);
        }
    }

    fn run_schedule(&mut self, now: Timestamp, outputs: &mut Vec<Output>) {
        if self.stopping || self.schedule.entries.is_empty() {
            return;
        }
        let Some(due) = self.due.take() else {
            let mut scheduled = self.schedule.targets().into_iter();
            if scheduled.all(|target| targets::is_running(self.public.nodes(), target)) {
                outputs.push(Output::Note("the schedule begins".to_owned()));
                let entries = self.schedule.entries.iter();
                self.due = Some(entries.map(|entry| Some(now + entry.at)).collect());
            }
            return;
        };
        let next = due
            .into_iter()
            .enumerate()
            .map(|(index, due)| match due {
                Some(at) if at <= now => self.run_entry(now, index, at, outputs),
                later => later,
            })
            .collect();
        self.due = Some(next);
    }

    /// Begins an entry that was due at `at`. Gives when it is due again.
    fn run_entry(
        &mut self,
        now: Timestamp,
        index: usize,
        at: Timestamp,
        outputs: &mut Vec<Output>,
    ) -> Option<Timestamp> {
        let entry = &self.schedule.entries[index];
        let repeat = entry.repeat;
        let checked = Checked {
            fault: entry.fault,
            target: entry.target.clone(),
            ttl: entry.ttl,
            params: entry.params.clone(),
        };
        let name = format!("{} on {}", entry.fault.name, entry.target);
        if let Err(refusal) = self.begin(now, checked, outputs) {
            let why = refusal.why();
            outputs.push(Output::Warning(format!("schedule: no {name}: {why}")));
        }
        // Starts that were slept through are not made up for.
        let behind = now.saturating_since(at).as_nanos();
        repeat.map(|repeat| {
            let missed = u32::try_from(behind / repeat.as_nanos().max(1)).unwrap_or(u32::MAX);
            at + repeat.saturating_mul(missed.saturating_add(1))
        })
    }

    fn keep_alive(&mut self, now: Timestamp, outputs: &mut Vec<Output>) {
        for (id, node) in self.live.renew(now) {
            outputs.push(Output::Publish(FaultRequest {
                id,
                node,
                at: now,
                operation: FaultOperation::Renew,
            }));
        }
        for (id, own) in self.live.forget(now) {
            if let Some(villain) = &mut self.villain {
                villain.lose(now, &id);
            }
            outputs.push(Output::Warning(format!(
                "{id}: {} has not said what became of {}",
                own.target.node, own.fault
            )));
        }
    }
}

fn refused(error: String) -> InjectReply {
    InjectReply {
        ids: vec![],
        error: Some(error),
    }
}

fn unknown_fault(id: &FaultId, live: &[FaultId]) -> String {
    if live.is_empty() {
        return format!("there is no fault {id}: none is live");
    }
    let live: Vec<&str> = live.iter().map(FaultId::as_str).collect();
    format!("there is no fault {id}; live are {}", live.join(", "))
}
