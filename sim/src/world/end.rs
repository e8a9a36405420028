//! How calls end: with an answer, because their caller gave up, because their service died, or because a leg was set up anew.
//!
//! Invariant: at its inbound leg a request counts as done when somebody answered it, and only with its age when it was abandoned after
//! [`PATIENCE`] or more; at its caller it always counts.

use arena_node_core::leg::PATIENCE;
use arena_proto::{FaultId, Timestamp};

use super::World;
use super::call::{Answer, Asker, CallRef, Stage};
use super::flow::took_ms;
use super::places::ServiceIx;

impl World {
    /// The answer leaves the inbound leg, or the request never got there; its caller has it.
    pub(super) fn deliver(&mut self, now: Timestamp, call: CallRef, answer: Answer) {
        self.give_place_back(call);
        let arrived = self.calls.has_arrived(call);
        let Some(ended) = self.forget(call) else {
            return;
        };
        if let Asker::Storm(number) = ended.asker {
            if let Some(service) = ended.callee {
                self.storm_answered(now, service, number, answer);
            }
            return;
        }
        if let Some(callee) = ended.callee.filter(|_| arrived) {
            let took = took_ms(now, ended.arrived);
            let failed = answer == Answer::Failed;
            let state = &mut self.services[callee.at()];
            state.inbound.ended(took, failed);
            self.notice(callee, took, failed);
            self.legs_answer(now, callee);
            self.legs_answer(now, ended.caller);
        }
        let state = &mut self.services[ended.caller.at()];
        state
            .upstream
            .ended(took_ms(now, ended.began), answer != Answer::Right);
        self.told(now, ended.asker, ended.caller, ended.began, answer);
    }

    /// Who asked hears of it.
    pub(super) fn told(
        &mut self,
        now: Timestamp,
        asker: Asker,
        caller: ServiceIx,
        began: Timestamp,
        answer: Answer,
    ) {
        match asker {
            Asker::User => self.user_served(caller, took_ms(now, began), answer),
            Asker::Storm(_) => {}
            Asker::Call(parent) => self.child_told(now, parent, answer),
        }
    }

    /// One of the calls that a service made for another has ended, and is forgotten.
    fn child_told(&mut self, now: Timestamp, parent: CallRef, answer: Answer) {
        let live: [bool; 2] = match self.calls.get(parent) {
            Some(waiting) if waiting.stage == Stage::Calls => waiting
                .children
                .map(|child| child.is_some_and(|child| self.calls.get(child).is_some())),
            _ => return,
        };
        if answer == Answer::Right {
            if live == [false; 2] {
                self.answer(now, parent, Answer::Right);
            }
            return;
        }
        // The first failure is the answer; nobody waits for the rest.
        self.abandon_children(now, parent);
        self.answer(now, parent, Answer::Failed);
    }

    fn abandon_children(&mut self, now: Timestamp, parent: CallRef) {
        let children = self
            .calls
            .get_mut(parent)
            .map(|parent| std::mem::take(&mut parent.children));
        for child in children.into_iter().flatten().flatten() {
            let Some((caller, began)) = self
                .calls
                .get(child)
                .map(|child| (child.caller, child.began))
            else {
                continue;
            };
            // As the workload counts what it did not wait for: over, and no failure.
            self.services[caller.at()]
                .upstream
                .ended(took_ms(now, began), false);
            self.abandon(now, child);
        }
    }

    /// Nobody waits for a call any more: it goes, with all that was called for it.
    pub(super) fn abandon(&mut self, now: Timestamp, call: CallRef) {
        self.abandon_children(now, call);
        self.give_place_back(call);
        let arrived = self.calls.has_arrived(call);
        let Some(ended) = self.forget(call) else {
            return;
        };
        let Some(callee) = ended.callee.filter(|_| arrived) else {
            return;
        };
        if ended.stage == Stage::Storm {
            self.storm_abandoned(callee, call);
        }
        let age = now.saturating_since(ended.arrived);
        if age >= PATIENCE && !matches!(ended.asker, Asker::Storm(_)) {
            let state = &mut self.services[callee.at()];
            state.inbound.took(took_ms(now, ended.arrived));
            self.notice(callee, took_ms(now, ended.arrived), false);
        }
    }

    /// Out of every list, and nothing of it is due any more.
    pub(super) fn forget(&mut self, call: CallRef) -> Option<super::call::Call> {
        let ended = self.calls.end(call)?;
        for event in [ended.event, ended.patience].into_iter().flatten() {
            self.events.cancel(event);
        }
        if let Some(replica) = ended
            .callee
            .filter(|_| !matches!(ended.asker, Asker::Storm(_)))
        {
            self.landed(self.places.services[ended.caller.at()].node, replica);
        }
        Some(ended)
    }

    /// A process is gone: what it had in its hands fails, what it asked for nobody waits for.
    pub(super) fn drop_calls(&mut self, now: Timestamp, service: ServiceIx) {
        for call in self.calls.outbound(service).to_vec() {
            self.abandon(now, call);
        }
        self.fail_in_service(now, service, |_| true);
        let state = &mut self.services[service.at()];
        state.in_hand = 0;
        state.busy_until = now;
        if let Some(disk) = state.disk.as_mut() {
            disk.clear();
        }
        if let Some(users) = state.users.as_mut() {
            users.leave();
        }
    }

    fn fail_in_service(
        &mut self,
        now: Timestamp,
        service: ServiceIx,
        which: impl Fn(Stage) -> bool,
    ) {
        for call in self.calls.inbound(service).to_vec() {
            let stage = self.calls.get(call).map(|call| call.stage);
            if stage.is_some_and(|stage| stage.in_service() && which(stage)) {
                self.abandon_children(now, call);
                self.deliver(now, call, Answer::Failed);
            }
        }
    }

    /// `POST /recover`: what is under way is cancelled, and answered with 503; behind a lock that nobody gives back, not even that.
    pub(super) fn cancel_work(&mut self, now: Timestamp, service: ServiceIx) {
        let process = self.services[service.at()].process.as_ref();
        if process.is_some_and(super::process::Process::is_deadlocked) {
            return;
        }
        self.fail_in_service(now, service, |stage| stage != Stage::Untouched);
    }

    /// A process goes on, or its lock was given back: so does what it has in its hands.
    pub(super) fn thaw(&mut self, now: Timestamp, service: ServiceIx) {
        for call in self.calls.inbound(service).to_vec() {
            let going = self.calls.get(call).map(|call| (call.stage, call.event));
            if let Some((Stage::Untouched | Stage::Kept(_) | Stage::Work, None)) = going {
                self.go_at(call, now);
            }
        }
        self.disk_goes_on(now, service);
    }

    /// The legs of a service are set up anew: connections close, and what lives in the legs goes.
    pub(super) fn reset_conditions(&mut self, now: Timestamp, service: ServiceIx) {
        for call in self.calls.inbound(service).to_vec() {
            let Some((asker, caller, began)) = self
                .calls
                .get(call)
                .map(|call| (call.asker, call.caller, call.began))
            else {
                continue;
            };
            if matches!(asker, Asker::Storm(_)) {
                continue;
            }
            // The leg counts it as abandoned, its caller as failed.
            self.services[caller.at()]
                .upstream
                .ended(took_ms(now, began), true);
            self.abandon(now, call);
            self.told(now, asker, caller, began, Answer::Failed);
        }
        self.lift(now, service, None);
    }

    /// Takes what a fault placed out of the legs of a service (without a fault: what ends with its legs), and lets go of what it held.
    pub(super) fn lift(&mut self, now: Timestamp, service: ServiceIx, fault: Option<&FaultId>) {
        let removed = self.services[service.at()].leg.remove(fault);
        let waiting = self.calls.inbound(service).to_vec();
        self.let_go(now, &waiting, &removed);
        for (_, before, storm) in removed {
            if let Some(storm) = storm {
                self.lift_storm(now, before, &storm);
            }
        }
        for out in 0..self.services[service.at()].outs.len() {
            let removed = self.services[service.at()].outs[out].leg.remove(fault);
            let waiting = self.calls.outbound(service).to_vec();
            let through = |call: &CallRef| {
                self.calls
                    .get(*call)
                    .is_some_and(|call| usize::from(call.out) == out)
            };
            let waiting: Vec<CallRef> = waiting.into_iter().filter(through).collect();
            self.let_go(now, &waiting, &removed);
        }
        self.touch(now, service);
    }

    fn let_go(
        &mut self,
        now: Timestamp,
        waiting: &[CallRef],
        removed: &[(u32, u32, Option<Box<super::storm::Storm>>)],
    ) {
        for call in waiting {
            let Some(held) = self.calls.get_mut(*call) else {
                continue;
            };
            let in_leg = matches!(
                held.stage,
                Stage::Outbound | Stage::Reaching | Stage::Inbound | Stage::Back(_)
            );
            let by = removed
                .iter()
                .find(|(serial, _, _)| *serial == held.held_by);
            if let Some((_, before, _)) = by.filter(|_| in_leg) {
                held.held_by = *before;
                self.go_at(*call, now);
            }
        }
    }

    /// The storm is over: its attempt is dropped, and who still waits goes to the service.
    fn lift_storm(&mut self, now: Timestamp, before: u32, storm: &super::storm::Storm) {
        if let Some(event) = storm.event {
            self.events.cancel(event);
        }
        if let Some(attempt) = storm.attempt() {
            self.abandon(now, attempt);
        }
        for call in storm.callers() {
            if let Some(waiting) = self.calls.get_mut(call) {
                waiting.stage = Stage::Inbound;
                waiting.held_by = before;
                self.go_at(call, now);
            }
        }
    }
}
