//! The remediator: what the live one's shell does around its core (`remediator/src/{term,shell}.rs`).
//!
//! One holds the lease and acts; its renewals are no events (`hosts/node/agent.rs` tells nodes of as many as matter). Absent on purpose: a
//! second remediator that waits. Invariants: outputs are published in their order, and only then the input is acknowledged; a new one
//! knows what the streams say, and nothing else.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use arena_proto::{CommandId, RejectionReason, Timestamp};
use arena_remediator_core::{Input, Output, Playbooks, Remediator};

use crate::ground::{Alarm, Ground, Host};
use crate::wire::{Delivery, Message, Party};

/// KV `lease` forgets who does not renew for this long.
const LEASE_KEPT: Duration = Duration::from_secs(3);
/// Between two attempts to take a lease that somebody holds.
const TAKE_EVERY: Duration = Duration::from_millis(500);

/// See the module.
#[derive(Debug)]
pub(crate) struct RemediatorHost {
    playbooks: Playbooks,
    /// While it holds the lease.
    term: Option<Term>,
    /// When it tries next to take the lease.
    tries_at: Option<Timestamp>,
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
            tries_at: None,
            alarm: Alarm::default(),
        }
    }

    /// Starts; it acts once it has the lease.
    pub(crate) fn start(&mut self, ground: &mut Ground) {
        ground.bus.connect(ground.now, Party::Remediator);
        self.take_lease(ground);
    }

    /// Is killed: its lease runs out.
    pub(crate) fn die(&mut self, ground: &mut Ground) {
        self.end_term(ground);
        self.tries_at = None;
        self.alarm.set(ground, Host::Remediator, None);
        ground.bus.disconnect(ground.now, Party::Remediator);
    }

    fn end_term(&mut self, ground: &mut Ground) {
        if self.term.take().is_some() {
            ground.lose_lease(ground.now + LEASE_KEPT);
        }
    }

    fn take_lease(&mut self, ground: &mut Ground) {
        let Some(fence) = ground.take_lease() else {
            self.tries_at = Some(ground.now + TAKE_EVERY);
            return self.arm(ground);
        };
        self.tries_at = None;
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
                    self.end_term(ground);
                    return self.take_lease(ground);
                }
                if outcome.state.is_final() {
                    term.planned.remove(&outcome.command_id);
                }
                Input::Outcome((*outcome).clone())
            }
            Message::Incident(event) => Input::Incident((*event).clone()),
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
        if self.tries_at.is_some_and(|at| at <= ground.now) {
            return self.take_lease(ground);
        }
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
        let at = self
            .term
            .as_ref()
            .map_or(self.tries_at, |term| term.core.next_wakeup());
        self.alarm.set(ground, Host::Remediator, at);
    }
}
