//! The remediator: what the live one's shell does around its core (`remediator/src/{term,shell}.rs`).
//!
//! A term begins with the lease and ends with it; nodes are told of as many of its renewals as matter (`hosts/node/agent.rs`). Absent on
//! purpose: a second remediator that waits. Invariants: outputs are published in their order, and only then the input is acknowledged; a new one
//! knows what the streams say, and nothing else.

use std::collections::BTreeSet;
use std::sync::Arc;

use arena_proto::{CommandId, RejectionReason};
use arena_remediator_core::{Input, Output, Playbooks, Remediator};

use crate::ground::{Alarm, Ground, Host};
use crate::wire::{Delivery, Message, Party};

/// See the module.
#[derive(Debug)]
pub(crate) struct RemediatorHost {
    playbooks: Playbooks,
    /// While it holds the lease.
    term: Option<Term>,
    alarm: Alarm,
}

#[derive(Debug)]
struct Term {
    core: Remediator,
    fence: u64,
    /// The commands planned under this lease and not yet done.
    planned: BTreeSet<CommandId>,
}

impl RemediatorHost {
    pub(crate) fn new(playbooks: Playbooks) -> Self {
        Self {
            playbooks,
            term: None,
            alarm: Alarm::default(),
        }
    }

    /// Starts; it acts once it has the lease.
    pub(crate) fn start(ground: &mut Ground) {
        ground.bus.connect(ground.now, Party::Remediator);
        ground.bus.take_lease(ground.now, Party::Remediator);
    }

    /// Is killed: its lease runs out.
    pub(crate) fn die(&mut self, ground: &mut Ground) {
        self.end_term(ground);
        self.alarm.set(ground, Host::Remediator, None);
        ground.bus.disconnect(ground.now, Party::Remediator);
    }

    fn end_term(&mut self, ground: &mut Ground) {
        if self.term.take().is_some() {
            ground.lose_lease();
            ground.bus.read_no_more(Party::Remediator);
        }
    }

    /// It is not renewed any more and runs out, unless it is lost already; this one waits for it as anybody else.
    fn start_over(&mut self, ground: &mut Ground) {
        self.end_term(ground);
        self.arm(ground);
        ground.bus.take_lease(ground.now, Party::Remediator);
    }

    fn begin_term(&mut self, ground: &mut Ground, fence: u64) {
        ground.have_lease(fence);
        ground.bus.read_as_remediator(ground.now, Party::Remediator);
        self.term = Some(Term {
            core: Remediator::new(self.playbooks.clone()),
            fence,
            planned: BTreeSet::new(),
        });
        self.replay(ground);
        self.arm(ground);
    }

    /// First what people decided, so that nothing is done against it; then all that was, as the live shell has it.
    fn replay(&mut self, ground: &mut Ground) {
        let mut inputs = vec![Input::Control(ground.bus.control())];
        inputs.extend(ground.bus.observers().into_iter().map(Input::Observer));
        inputs.extend(
            ground
                .bus
                .statuses()
                .into_iter()
                .map(|status| Input::Status((*status).clone())),
        );
        inputs.extend(ground.bus.all_plans().into_iter().map(Input::Restore));
        inputs.extend(ground.bus.all_incidents().into_iter().map(Input::Incident));
        inputs.extend(ground.bus.all_outcomes().into_iter().map(Input::Outcome));
        inputs.push(Input::Restored);
        for input in inputs {
            self.step(ground, input);
        }
    }

    pub(crate) fn deliver(&mut self, ground: &mut Ground, delivery: Delivery) {
        let input = match delivery.message {
            Message::Control(control) => Input::Control((*control).clone()),
            Message::Observer(observer) => Input::Observer((*observer).clone()),
            Message::Status(status) => Input::Status((*status).clone()),
            Message::Outcome(outcome) => {
                let Some(term) = &mut self.term else {
                    return;
                };
                if outcome.reason == Some(RejectionReason::Fenced)
                    && term.planned.contains(&outcome.command_id)
                {
                    // Another one holds a newer lease: the outcome is left to that.
                    return self.start_over(ground);
                }
                if outcome.state.is_final() {
                    term.planned.remove(&outcome.command_id);
                }
                Input::Outcome((*outcome).clone())
            }
            Message::Incident(event) => Input::Incident((*event).clone()),
            Message::LeaseTaken(fence) => return self.begin_term(ground, fence),
            Message::LeaseLost => return self.start_over(ground),
            _ => return,
        };
        if self.term.is_some() {
            self.step(ground, input);
            if let Some(token) = delivery.token {
                ground.bus.ack(ground.now, token);
            }
            self.arm(ground);
        }
    }

    pub(crate) fn wake(&mut self, ground: &mut Ground) {
        self.alarm.rung();
        self.step(ground, Input::Tick);
        self.arm(ground);
    }

    fn step(&mut self, ground: &mut Ground, input: Input) {
        let Some(term) = &mut self.term else {
            return;
        };
        let now = ground.bus.clock(Party::Remediator, ground.now);
        for output in term.core.step(now, input) {
            match output {
                Output::Publish(plan) => {
                    term.planned.extend(plan.command_id.clone());
                    ground.publish(Party::Remediator, Message::Plan(Arc::new(*plan)));
                }
                Output::Issue(mut command) => {
                    command.fence = Some(term.fence);
                    ground.publish(Party::Remediator, Message::Command(Arc::new(*command)));
                }
                // For people, and for the traces.
                Output::Note(_) | Output::Record(_) => {}
            }
        }
    }

    fn arm(&mut self, ground: &mut Ground) {
        let term = self.term.as_ref();
        let at = term.and_then(|term| term.core.next_wakeup());
        self.alarm.set(ground, Host::Remediator, at);
    }
}
