//! A retry storm in an inbound leg: one worker, a queue, and repetitions of what takes too long. The queue is the live sidecar's own
//! ([`Attempts`]).
//!
//! Invariant: an attempt is made whether its caller still waits or not; who still waits gets the first answer.

use std::collections::BTreeMap;
use std::time::Duration;

use arena_faults::Params;
use arena_node_core::leg::Attempts;
use arena_proto::Timestamp;

use super::World;
use super::call::{Answer, Asker, CallRef, Stage};
use super::flow::Event;
use super::places::ServiceIx;
use crate::queue::EntryId;

/// See the module.
#[derive(Debug)]
pub(super) struct Storm {
    attempts: Attempts,
    work: Duration,
    /// Nothing passes before.
    opens_at: Timestamp,
    /// Who waits, by the number of the request.
    waiting: BTreeMap<u64, CallRef>,
    working: Option<Working>,
    pub(super) event: Option<EntryId>,
}

/// The attempt that is made.
#[derive(Debug)]
struct Working {
    number: u64,
    attempt: CallRef,
    not_before: Timestamp,
    answer: Option<Answer>,
}

impl Storm {
    pub(super) fn new(now: Timestamp, params: &Params) -> Self {
        let retries = u32::try_from(params.count("retries")).unwrap_or(1);
        Self {
            attempts: Attempts::new(retries, params.duration("timeout")),
            work: params.duration("work"),
            opens_at: now + params.duration("trigger"),
            waiting: BTreeMap::new(),
            working: None,
            event: None,
        }
    }

    /// Who waits in it.
    pub(super) fn callers(&self) -> impl Iterator<Item = CallRef> + '_ {
        self.waiting.values().copied()
    }

    /// The attempt under way.
    pub(super) fn attempt(&self) -> Option<CallRef> {
        self.working.as_ref().map(|working| working.attempt)
    }

    fn due(&self, now: Timestamp) -> Option<Timestamp> {
        let opens = (now < self.opens_at).then_some(self.opens_at);
        let worked = self
            .working
            .as_ref()
            .filter(|working| working.answer.is_some());
        let worked = worked.map(|working| working.not_before);
        [opens, worked, self.attempts.due()]
            .into_iter()
            .flatten()
            .min()
    }
}

impl World {
    /// A request has come to the storm in this leg.
    pub(super) fn storm_arrives(&mut self, now: Timestamp, service: ServiceIx, call: CallRef) {
        let Some(storm) = self.services[service.at()].leg.storm() else {
            return;
        };
        match storm.attempts.arrive(now) {
            Some(number) => {
                storm.waiting.insert(number, call);
                if let Some(call) = self.calls.get_mut(call) {
                    call.stage = Stage::Storm;
                }
                self.storm_turns(now, service);
            }
            None => self.deliver(now, call, Answer::Failed),
        }
    }

    /// Something is due in the storm.
    pub(super) fn storm_due(&mut self, now: Timestamp, service: ServiceIx) {
        if let Some(storm) = self.services[service.at()].leg.storm() {
            storm.event = None;
            self.storm_turns(now, service);
        }
    }

    /// What is due in the storm is done.
    fn storm_turns(&mut self, now: Timestamp, service: ServiceIx) {
        loop {
            let Some(storm) = self.services[service.at()].leg.storm() else {
                return;
            };
            storm.attempts.repeat(now);
            let done = storm
                .working
                .take_if(|working| working.answer.is_some() && working.not_before <= now);
            if let Some(done) = done {
                storm.attempts.done(done.number);
                if let (Some(call), Some(answer)) =
                    (storm.waiting.remove(&done.number), done.answer)
                {
                    self.deliver(now, call, answer);
                }
                continue;
            }
            let free = storm.working.is_none() && storm.opens_at <= now;
            let Some(number) = free.then(|| storm.attempts.begin()).flatten() else {
                break;
            };
            let attempt = self.calls.begin(now, Asker::Storm(number), service, 0);
            let not_before = now + storm.work;
            storm.working = Some(Working {
                number,
                attempt,
                not_before,
                answer: None,
            });
            if let Some(call) = self.calls.get_mut(attempt) {
                call.callee = Some(service);
            }
            self.calls.arrive(attempt, service);
            self.serve(now, attempt);
        }
        self.storm_waits(now, service);
    }

    fn storm_waits(&mut self, now: Timestamp, service: ServiceIx) {
        let Some(storm) = self.services[service.at()].leg.storm() else {
            return;
        };
        if let Some(event) = storm.event.take() {
            self.events.cancel(event);
        }
        // An instant later at least: what is due by now was done.
        let due = storm
            .due(now)
            .map(|due| due.max(now + Duration::from_micros(1)));
        storm.event = due.map(|due| self.events.push(due, Event::Storm(service)));
    }

    /// The attempt under way has an answer.
    pub(super) fn storm_answered(
        &mut self,
        now: Timestamp,
        service: ServiceIx,
        number: u64,
        answer: Answer,
    ) {
        if let Some(storm) = self.services[service.at()].leg.storm()
            && let Some(working) = storm
                .working
                .as_mut()
                .filter(|working| working.number == number)
        {
            working.answer = Some(answer);
            // Not at once: whoever told is in the middle of something.
            if let Some(event) = storm.event.take() {
                self.events.cancel(event);
            }
            let due = working.not_before.max(now);
            storm.event = Some(self.events.push(due, Event::Storm(service)));
        }
    }

    /// A caller in the storm gave up: its attempts are made all the same.
    pub(super) fn storm_abandoned(&mut self, service: ServiceIx, call: CallRef) {
        if let Some(storm) = self.services[service.at()].leg.storm() {
            storm.waiting.retain(|_, waiting| *waiting != call);
        }
    }
}
