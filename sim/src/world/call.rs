//! Requests that are under way: where each is, who asked it, what it waits for.
//!
//! Invariants: a call has one asker, and is forgotten when that has its answer or has given up; a place is used again, and [`CallRef`] tells a
//! call from the next one in its place.

use arena_proto::Timestamp;

use super::places::{ServiceIx, count};
use crate::queue::EntryId;

/// A call, told from a later one in the same place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CallRef {
    place: u32,
    life: u32,
}

/// Who asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asker {
    /// A service, for another call.
    Call(CallRef),
    /// A user.
    User,
    /// The retry storm in a leg, for the request of this number.
    Storm(u64),
}

/// What came of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// What was asked for.
    Right,
    /// 200, and something else than what was asked for.
    Wrong,
    /// An error, or none at all.
    Failed,
}

/// Where a call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// In the caller's outbound leg.
    Outbound,
    /// It has a replica, and is on its way there.
    Reaching,
    /// In the inbound leg.
    Inbound,
    /// In the queue of a retry storm.
    Storm,
    /// The service has taken it, and can do nothing: it is stopped, or its requests wait for a lock.
    Untouched,
    /// In the queue for the CPU, or on it.
    Work,
    /// The service waits for what it calls.
    Calls,
    /// It waits for the disk.
    Disk,
    /// The service has an answer, and cannot give it: see [`Stage::Untouched`].
    Kept(Answer),
    /// The answer is on its way through a narrow pipe.
    Back(Answer),
}

impl Stage {
    /// The service has it in its hands.
    pub(super) const fn in_service(self) -> bool {
        matches!(
            self,
            Self::Untouched | Self::Work | Self::Calls | Self::Disk | Self::Kept(_)
        )
    }
}

/// A request of one service to another.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) asker: Asker,
    pub(super) caller: ServiceIx,
    /// Which of the caller's outbound legs.
    pub(super) out: u8,
    pub(super) callee: Option<ServiceIx>,
    pub(super) began: Timestamp,
    /// At the inbound leg.
    pub(super) arrived: Timestamp,
    pub(super) stage: Stage,
    /// The condition that holds it, or held it last; 0: none.
    pub(super) held_by: u32,
    /// Its place among those that the service serves at once.
    pub(super) has_place: bool,
    /// What it calls.
    pub(super) children: [Option<CallRef>; 2],
    /// What happens to it next.
    pub(super) event: Option<EntryId>,
    /// When its caller gives up.
    pub(super) patience: Option<EntryId>,
    /// Where it is in the list of its callee.
    in_at: u32,
    /// Where it is in the list of its caller.
    out_at: u32,
}

#[derive(Debug, Default)]
struct Place {
    life: u32,
    call: Option<Call>,
}

/// All of them, and by whom they are made and served.
#[derive(Debug)]
pub(super) struct Calls {
    places: Vec<Place>,
    free: Vec<u32>,
    /// Of each service: those at its inbound leg.
    inbound: Vec<Vec<CallRef>>,
    /// Of each service: those that it made.
    outbound: Vec<Vec<CallRef>>,
}

const NOWHERE: u32 = u32::MAX;

impl Calls {
    pub(super) fn new(services: usize) -> Self {
        Self {
            places: Vec::new(),
            free: Vec::new(),
            inbound: vec![Vec::new(); services],
            outbound: vec![Vec::new(); services],
        }
    }

    pub(super) fn get(&self, call: CallRef) -> Option<&Call> {
        let place = self.places.get(call.place as usize)?;
        place.call.as_ref().filter(|_| place.life == call.life)
    }

    pub(super) fn get_mut(&mut self, call: CallRef) -> Option<&mut Call> {
        let place = self.places.get_mut(call.place as usize)?;
        let life = place.life;
        place.call.as_mut().filter(|_| life == call.life)
    }

    /// Those at a service's inbound leg.
    pub(super) fn inbound(&self, service: ServiceIx) -> &[CallRef] {
        &self.inbound[service.at()]
    }

    /// Those that a service made.
    pub(super) fn outbound(&self, service: ServiceIx) -> &[CallRef] {
        &self.outbound[service.at()]
    }

    /// A new call of `caller`.
    pub(super) fn begin(
        &mut self,
        now: Timestamp,
        asker: Asker,
        caller: ServiceIx,
        out: u8,
    ) -> CallRef {
        // A storm's attempt is nobody's call but the leg's.
        let is_listed = !matches!(asker, Asker::Storm(_));
        let out_at = if is_listed {
            count(self.outbound[caller.at()].len())
        } else {
            NOWHERE
        };
        let call = Call {
            asker,
            caller,
            out,
            callee: None,
            began: now,
            arrived: now,
            stage: Stage::Outbound,
            held_by: 0,
            has_place: false,
            children: [None; 2],
            event: None,
            patience: None,
            in_at: NOWHERE,
            out_at,
        };
        let place = self.free.pop().unwrap_or_else(|| {
            self.places.push(Place::default());
            count(self.places.len() - 1)
        });
        let there = &mut self.places[place as usize];
        there.life = there.life.wrapping_add(1);
        there.call = Some(call);
        let reference = CallRef {
            place,
            life: there.life,
        };
        if is_listed {
            self.outbound[caller.at()].push(reference);
        }
        reference
    }

    /// It is at the inbound leg of its callee.
    pub(super) fn arrive(&mut self, call: CallRef, callee: ServiceIx) {
        let list = &mut self.inbound[callee.at()];
        list.push(call);
        let at = count(list.len() - 1);
        if let Some(call) = self.get_mut(call) {
            call.in_at = at;
        }
    }

    /// It is at its callee's inbound leg.
    pub(super) fn has_arrived(&self, call: CallRef) -> bool {
        self.get(call).is_some_and(|call| call.in_at != NOWHERE)
    }

    /// It has left its callee's inbound leg.
    pub(super) fn leave(&mut self, call: CallRef) {
        let Some((callee, at)) = self
            .get(call)
            .and_then(|call| Some((call.callee?, call.in_at)))
        else {
            return;
        };
        if at == NOWHERE {
            return;
        }
        let list = &mut self.inbound[callee.at()];
        list.swap_remove(at as usize);
        if let Some(moved) = list.get(at as usize).copied()
            && let Some(moved) = self.get_mut(moved)
        {
            moved.in_at = at;
        }
        if let Some(call) = self.get_mut(call) {
            call.in_at = NOWHERE;
        }
    }

    /// It is over.
    pub(super) fn end(&mut self, call: CallRef) -> Option<Call> {
        self.leave(call);
        let place = self
            .places
            .get_mut(call.place as usize)
            .filter(|place| place.life == call.life)?;
        let ended = place.call.take()?;
        self.free.push(call.place);
        if ended.out_at != NOWHERE {
            let list = &mut self.outbound[ended.caller.at()];
            list.swap_remove(ended.out_at as usize);
            if let Some(moved) = list.get(ended.out_at as usize).copied()
                && let Some(moved) = self.get_mut(moved)
            {
                moved.out_at = ended.out_at;
            }
        }
        Some(ended)
    }

    /// Every call.
    pub(super) fn all(&self) -> impl Iterator<Item = (CallRef, &Call)> {
        self.places.iter().enumerate().filter_map(|(place, there)| {
            let reference = CallRef {
                place: count(place),
                life: there.life,
            };
            Some((reference, there.call.as_ref()?))
        })
    }
}
