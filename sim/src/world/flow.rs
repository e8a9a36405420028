//! The way of a request: out of its caller, through legs, to a replica, and to the services that it calls in turn. One event at a time, while
//! something disturbs the arena.
//!
//! Invariants: every call ends once, with an answer to its asker or because that gave up; what a leg or a caller counts is what the live
//! one counts (services/node/src/sidecar, services/workload/src/upstream.rs).

use std::time::Duration;

use arena_node_core::leg::REQUESTS_MAX;
use arena_proto::Timestamp;

use super::World;
use super::call::{Answer, Asker, CallRef, Stage};
use super::leg::Passage;
use super::noise::factor;
use super::places::ServiceIx;
use super::role::Role;

/// What is due on a request's way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    /// A call goes on.
    Go(CallRef),
    /// A caller gives up.
    GivesUp(CallRef),
    /// A user comes.
    User(ServiceIx),
    /// A ledger's disk has done what it was at.
    Disk(ServiceIx),
    /// Something is due in a storm.
    Storm(ServiceIx),
}

/// Each patience has its lane in the queue of events: what is begun later ends later.
pub(super) const LANES: usize = 4;

const fn lane(role: Role) -> usize {
    match role {
        Role::Edge => 1,
        Role::Orders => 2,
        Role::Payments | Role::Inventory => 3,
        Role::Traffic | Role::Ledger | Role::Batch | Role::Plain => 0,
    }
}

/// A process that is stopped does not notice that it has waited for too long until it goes on.
const STOPPED_LOOK: Duration = Duration::from_millis(50);

/// In nanoseconds, for the queue.
pub(super) fn millis(ms: f64) -> Duration {
    Duration::from_secs_f64((ms / 1000.0).max(0.0))
}

impl World {
    /// Sends a request through one of the caller's outbound legs.
    pub(super) fn send(
        &mut self,
        now: Timestamp,
        asker: Asker,
        caller: ServiceIx,
        out: u8,
    ) -> CallRef {
        let call = self.calls.begin(now, asker, caller, out);
        self.services[caller.at()].upstream.came += 1;
        let role = self.places.services[caller.at()].role;
        let patience =
            self.events
                .push_in_lane(lane(role), now + role.patience(), Event::GivesUp(call));
        if let Some(sent) = self.calls.get_mut(call) {
            sent.patience = Some(patience);
        }
        call
    }

    /// Through the outbound leg.
    pub(super) fn go_out(&mut self, now: Timestamp, call: CallRef) {
        let Some((caller, out, held_by)) = self
            .calls
            .get(call)
            .map(|call| (call.caller, call.out, call.held_by))
        else {
            return;
        };
        if self.calls.outbound(caller).len() > REQUESTS_MAX {
            return self.deliver(now, call, Answer::Failed);
        }
        // Both directions share a pipe; here the answer's way is counted with the request's.
        let bytes = self.physics.request_bytes + self.physics.answer_bytes;
        let leg = &mut self.services[caller.at()].outs[usize::from(out)].leg;
        if !leg.is_clear() {
            match leg.pass(now, held_by, false, bytes) {
                Passage::Held { by, until } => return self.wait(call, by, until),
                Passage::Answered(answer) => return self.deliver(now, call, answer),
                Passage::Through | Passage::Storm => {}
            }
        }
        let pool = self.services[caller.at()].outs[usize::from(out)].pool;
        let node = self.places.services[caller.at()].node;
        let Some(replica) = self.choose(node, pool) else {
            return self.deliver(now, call, Answer::Failed);
        };
        let elsewhere = self.places.services[replica.at()].node != node;
        let walled = self.services[caller.at()].outs[usize::from(out)]
            .leg
            .is_walled();
        if let Some(sent) = self.calls.get_mut(call) {
            sent.callee = Some(replica);
            sent.stage = Stage::Reaching;
            sent.held_by = 0;
        }
        match walled.filter(|_| elsewhere) {
            Some(by) => self.wait(call, by, None),
            None => self.reach(now, call),
        }
    }

    /// On its way to the replica.
    fn reach(&mut self, now: Timestamp, call: CallRef) {
        let Some((caller, Some(replica))) =
            self.calls.get(call).map(|call| (call.caller, call.callee))
        else {
            return;
        };
        let spread = self.physics.spread;
        let way_ms = self.physics.way_ms * factor(&mut self.services[caller.at()].chance, spread);
        let node = self.places.services[caller.at()].node;
        let at = self.leg_takes(now, node, caller) + millis(way_ms);
        if self.services[replica.at()].leg.is_clear() {
            // Nothing can happen to it on the way that would not happen there.
            self.arrive(at, call);
        } else {
            self.go_at(call, at);
        }
    }

    /// At the inbound leg.
    fn arrive(&mut self, at: Timestamp, call: CallRef) {
        let Some(replica) = self.calls.get(call).and_then(|call| call.callee) else {
            return;
        };
        self.services[replica.at()].inbound.came += 1;
        if self.calls.inbound(replica).len() >= REQUESTS_MAX {
            self.services[replica.at()].inbound.ended(0.0, true);
            return self.deliver(at, call, Answer::Failed);
        }
        self.calls.arrive(call, replica);
        if let Some(call) = self.calls.get_mut(call) {
            call.arrived = at;
            call.stage = Stage::Inbound;
        }
        self.go_in(at, call);
    }

    /// Through the inbound leg.
    fn go_in(&mut self, at: Timestamp, call: CallRef) {
        let Some((caller, Some(replica), held_by)) = self
            .calls
            .get(call)
            .map(|call| (call.caller, call.callee, call.held_by))
        else {
            return;
        };
        let elsewhere =
            self.places.services[caller.at()].node != self.places.services[replica.at()].node;
        let bytes = self.physics.request_bytes;
        let leg = &mut self.services[replica.at()].leg;
        let passage = if leg.is_clear() {
            Passage::Through
        } else {
            leg.pass(at, held_by, elsewhere, bytes)
        };
        match passage {
            Passage::Through => self.serve(at, call),
            Passage::Held { by, until } => self.wait(call, by, until),
            Passage::Answered(answer) => self.deliver(at, call, answer),
            Passage::Storm => self.storm_arrives(at, replica, call),
        }
    }

    /// The service is given the request.
    pub(super) fn serve(&mut self, at: Timestamp, call: CallRef) {
        let Some(replica) = self.calls.get(call).and_then(|call| call.callee) else {
            return;
        };
        let wake_ms = self.wake_ms(replica);
        let node = self.places.services[replica.at()].node;
        let passed = self.leg_takes(at, node, replica);
        let physics = &self.physics;
        let state = &mut self.services[replica.at()];
        let Some(process) = state
            .process
            .as_ref()
            .filter(|process| process.up && process.ending.is_none())
        else {
            return self.deliver(at, call, Answer::Failed);
        };
        if !process.answers() {
            return self.stay(call, Stage::Untouched);
        }
        if state.in_hand >= process.program.places {
            return self.deliver(at, call, Answer::Failed);
        }
        state.in_hand += 1;
        let since = at.saturating_since(process.up_at);
        let cold = if since < physics.warm_up {
            let left = 1.0 - since.as_secs_f64() / physics.warm_up.as_secs_f64();
            1.0 + (physics.cold - 1.0) * left
        } else {
            1.0
        };
        let work_ms = physics.work_ms * cold * factor(&mut state.chance, physics.spread);
        let waits_ms = wake_ms * factor(&mut state.chance, physics.spread);
        // One thread, one after the other.
        state.busy_until = state.busy_until.max(passed) + millis(work_ms);
        let done = state.busy_until + millis(waits_ms);
        state.usage.used_ms += work_ms;
        state.usage.waited_ms += waits_ms;
        if let Some(call) = self.calls.get_mut(call) {
            call.has_place = true;
            call.stage = Stage::Work;
        }
        self.go_at(call, done);
    }

    /// Its work is done: what it calls is called.
    fn worked(&mut self, now: Timestamp, call: CallRef) {
        let Some(service) = self.calls.get(call).and_then(|call| call.callee) else {
            return;
        };
        if self.services[service.at()]
            .process
            .as_ref()
            .is_some_and(|process| process.held)
        {
            return self.stay(call, Stage::Work);
        }
        match self.places.services[service.at()].role {
            Role::Ledger => self.write(now, service, call),
            Role::Plain | Role::Batch => self.answer(now, call, Answer::Right),
            // It has no such path.
            Role::Traffic => self.answer(now, call, Answer::Failed),
            Role::Edge | Role::Orders | Role::Payments | Role::Inventory => {
                self.call_others(now, service, call);
            }
        }
    }

    fn call_others(&mut self, now: Timestamp, service: ServiceIx, call: CallRef) {
        let role = self.places.services[service.at()].role;
        let outs = self.services[service.at()].calls;
        if outs.iter().flatten().count() < role.calls().len() {
            // One that its definition does not name.
            return self.answer(now, call, Answer::Failed);
        }
        if let Some(call) = self.calls.get_mut(call) {
            call.stage = Stage::Calls;
        }
        let mut children = [None; 2];
        for (child, out) in children.iter_mut().zip(outs) {
            *child = out.map(|out| self.send(now, Asker::Call(call), service, out));
        }
        if let Some(call) = self.calls.get_mut(call) {
            call.children = children;
        }
        for child in children.into_iter().flatten() {
            // The first may have failed at once, and have taken the other along.
            self.go_out(now, child);
        }
    }

    /// The service has an answer.
    pub(super) fn answer(&mut self, now: Timestamp, call: CallRef, answer: Answer) {
        let Some(service) = self.calls.get(call).and_then(|call| call.callee) else {
            return;
        };
        let state = &mut self.services[service.at()];
        if state
            .process
            .as_ref()
            .is_some_and(|process| !process.answers())
        {
            return self.stay(call, Stage::Kept(answer));
        }
        self.give_place_back(call);
        match self.services[service.at()]
            .leg
            .back(now, self.physics.answer_bytes)
        {
            Some(through) if through <= now => self.deliver(now, call, answer),
            through => {
                if let Some(call) = self.calls.get_mut(call) {
                    call.stage = Stage::Back(answer);
                }
                if let Some(through) = through {
                    self.go_at(call, through);
                }
            }
        }
    }

    /// It is served no more.
    pub(super) fn give_place_back(&mut self, call: CallRef) {
        if let Some(call) = self.calls.get_mut(call)
            && std::mem::take(&mut call.has_place)
            && let Some(callee) = call.callee
        {
            let state = &mut self.services[callee.at()];
            state.in_hand = state.in_hand.saturating_sub(1);
            if state.in_hand == 0 {
                self.is_idle(callee);
            }
        }
    }

    /// An event of a call's way is due.
    pub(super) fn go(&mut self, now: Timestamp, call: CallRef) {
        let Some(going) = self.calls.get_mut(call) else {
            return;
        };
        going.event = None;
        match going.stage {
            Stage::Outbound => self.go_out(now, call),
            Stage::Reaching => self.arrive(now, call),
            Stage::Inbound => self.go_in(now, call),
            Stage::Untouched => self.serve(now, call),
            Stage::Work => self.worked(now, call),
            Stage::Kept(answer) => self.answer(now, call, answer),
            Stage::Back(answer) => self.deliver(now, call, answer),
            Stage::Storm | Stage::Calls | Stage::Disk => {}
        }
    }

    /// The caller has waited for long enough.
    pub(super) fn gives_up(&mut self, now: Timestamp, call: CallRef) {
        let Some(waiting) = self.calls.get_mut(call) else {
            return;
        };
        waiting.patience = None;
        let (caller, asker, began) = (waiting.caller, waiting.asker, waiting.began);
        let state = &mut self.services[caller.at()];
        if state.process.as_ref().is_some_and(|process| process.held) {
            let again = self.events.push(now + STOPPED_LOOK, Event::GivesUp(call));
            if let Some(waiting) = self.calls.get_mut(call) {
                waiting.patience = Some(again);
            }
            return;
        }
        state.upstream.ended(took_ms(now, began), true);
        self.abandon(now, call);
        self.told(now, asker, caller, began, Answer::Failed);
    }

    /// It waits here until the condition lets it go.
    fn wait(&mut self, call: CallRef, by: u32, until: Option<Timestamp>) {
        if let Some(call) = self.calls.get_mut(call) {
            call.held_by = by;
        }
        if let Some(until) = until {
            self.go_at(call, until);
        }
    }

    /// It waits in the service until that goes on.
    fn stay(&mut self, call: CallRef, stage: Stage) {
        if let Some(call) = self.calls.get_mut(call) {
            call.stage = stage;
        }
    }

    /// It goes on then, and not when it would have.
    pub(super) fn go_at(&mut self, call: CallRef, at: Timestamp) {
        let Some(waiting) = self.calls.get(call) else {
            return;
        };
        if let Some(before) = waiting.event {
            self.events.cancel(before);
        }
        let event = self.events.push(at, Event::Go(call));
        if let Some(waiting) = self.calls.get_mut(call) {
            waiting.event = Some(event);
        }
    }
}

/// In milliseconds.
pub(super) fn took_ms(now: Timestamp, began: Timestamp) -> f64 {
    now.saturating_since(began).as_secs_f64() * 1000.0
}
