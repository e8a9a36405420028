//! What is due when: events by time, and at the same time by number of entry.
//!
//! Absent on purpose: a clock (whoever pops says how late it is) and chance. Invariants: events come out by (time, number of entry), whatever
//! way they went in; a cancelled event never comes out; [`EventQueue::next_at`] is the time of an event that will come out. In the steady
//! state nothing is allocated: places of events that came out are used again.
//!
//! Two ways in, one way out. What is due at any time goes into a heap ([`EventQueue::push`]). What always goes in later than what went in
//! before it (ticks of one period, messages over links of one delay) goes into a lane ([`EventQueue::push_in_lane`]), which is a plain FIFO
//! and costs the same for three nodes as for ten thousand; one that does come out of turn goes into the heap by itself, so that a lane never
//! changes what comes out when. A lane holds its events themselves, side by side in memory and in the order of their numbers.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use arena_proto::Timestamp;

/// Names an event that waits, so that it can be cancelled. Of one that came out it says nothing any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct EntryId {
    kept: Kept,
    number: u64,
}

/// Where an event is kept: at a place, or in a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kept {
    Place(u32),
    Lane(u32),
}

/// When an event is due, which entry it was, and where it is kept. Ordered by the first two: a number is given once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Due {
    at: Timestamp,
    number: u64,
    place: u32,
}

/// What waits in a lane.
#[derive(Debug, Clone)]
struct InLane<E> {
    at: Timestamp,
    number: u64,
    /// `None`: it was cancelled.
    event: Option<E>,
}

#[derive(Debug, Clone)]
struct Place<E> {
    /// Of the entry that is or was here last.
    number: u64,
    /// `None`: it came out, or was cancelled.
    event: Option<E>,
}

/// Events that wait.
#[derive(Debug, Clone)]
pub struct EventQueue<E> {
    heap: BinaryHeap<Reverse<Due>>,
    lanes: Vec<VecDeque<InLane<E>>>,
    /// What waits in the heap.
    places: Vec<Place<E>>,
    free: Vec<u32>,
    entries: u64,
    waiting: usize,
}

/// Which of the ways an event comes from.
#[derive(Debug, Clone, Copy)]
enum Way {
    Heap,
    Lane(usize),
}

impl<E> EventQueue<E> {
    /// Empty, with so many lanes.
    #[must_use]
    pub fn new(lanes: usize) -> Self {
        Self {
            heap: BinaryHeap::new(),
            lanes: (0..lanes).map(|_| VecDeque::new()).collect(),
            places: Vec::new(),
            free: Vec::new(),
            entries: 0,
            waiting: 0,
        }
    }

    /// Events that wait.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.waiting
    }

    /// Whether none waits.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.waiting == 0
    }

    /// Enters an event, due at any time.
    pub fn push(&mut self, at: Timestamp, event: E) -> EntryId {
        let number = self.enter();
        let event = Some(event);
        let place = if let Some(place) = self.free.pop() {
            self.places[place as usize] = Place { number, event };
            place
        } else {
            self.places.push(Place { number, event });
            u32::try_from(self.places.len() - 1).unwrap_or(u32::MAX)
        };
        self.heap.push(Reverse(Due { at, number, place }));
        let kept = Kept::Place(place);
        EntryId { kept, number }
    }

    /// Enters an event that is due no earlier than what went into this lane before. One that is, and one whose lane there is not, is
    /// entered as by [`EventQueue::push`].
    #[inline]
    pub fn push_in_lane(&mut self, lane: usize, at: Timestamp, event: E) -> EntryId {
        let last = self.lanes.get(lane).map(VecDeque::back);
        let (true, Ok(place)) = (
            last.is_some_and(|last| last.is_none_or(|last| last.at <= at)),
            u32::try_from(lane),
        ) else {
            return self.push(at, event);
        };
        let number = self.enter();
        let event = Some(event);
        self.lanes[lane].push_back(InLane { at, number, event });
        let kept = Kept::Lane(place);
        EntryId { kept, number }
    }

    /// Takes an event back; `None` when it came out already, or was cancelled.
    pub fn cancel(&mut self, entry: EntryId) -> Option<E> {
        let event = match entry.kept {
            Kept::Place(place) => {
                let place = self.places.get_mut(place as usize)?;
                if place.number != entry.number {
                    return None;
                }
                place.event.take()?
            }
            Kept::Lane(lane) => {
                let lane = self.lanes.get_mut(lane as usize)?;
                let there = lane.binary_search_by_key(&entry.number, |waits| waits.number);
                lane.get_mut(there.ok()?)?.event.take()?
            }
        };
        self.waiting -= 1;
        match entry.kept {
            Kept::Place(_) => self.drop_cancelled(),
            Kept::Lane(lane) => self.drop_cancelled_of(lane as usize),
        }
        Some(event)
    }

    /// When the next event is due.
    #[must_use]
    pub fn next_at(&self) -> Option<Timestamp> {
        self.next().map(|(at, _)| at)
    }

    /// The next event, when it is due by now, with the time at which it was.
    pub fn pop(&mut self, now: Timestamp) -> Option<(Timestamp, E)> {
        let (at, way) = self.next().filter(|(at, _)| *at <= now)?;
        let event = match way {
            Way::Lane(lane) => {
                let event = self.lanes[lane].pop_front()?.event?;
                self.drop_cancelled_of(lane);
                event
            }
            Way::Heap => {
                let Reverse(due) = self.heap.pop()?;
                let event = self.places[due.place as usize].event.take()?;
                self.free.push(due.place);
                self.drop_cancelled();
                event
            }
        };
        self.waiting -= 1;
        Some((at, event))
    }

    /// One more waits: its number.
    const fn enter(&mut self) -> u64 {
        self.waiting += 1;
        self.entries += 1;
        self.entries - 1
    }

    fn next(&self) -> Option<(Timestamp, Way)> {
        let first = self.heap.peek();
        let mut next = first.map(|Reverse(due)| ((due.at, due.number), Way::Heap));
        for (index, lane) in self.lanes.iter().enumerate() {
            if let Some(first) = lane.front()
                && next.is_none_or(|(least, _)| (first.at, first.number) < least)
            {
                next = Some(((first.at, first.number), Way::Lane(index)));
            }
        }
        next.map(|((at, _), way)| (at, way))
    }

    /// Frees what was cancelled as far as nothing that waits is before it in the heap, so that what comes next is always an event.
    fn drop_cancelled(&mut self) {
        while let Some(Reverse(due)) = self.heap.peek()
            && self.places[due.place as usize].event.is_none()
        {
            self.free.push(due.place);
            self.heap.pop();
        }
    }

    /// The same of a lane.
    fn drop_cancelled_of(&mut self, lane: usize) {
        let lane = &mut self.lanes[lane];
        while lane.front().is_some_and(|first| first.event.is_none()) {
            lane.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(nanos: u16) -> Timestamp {
        Timestamp::from_unix_nanos(i64::from(nanos))
    }

    #[derive(Debug, Clone)]
    enum Act {
        Push(u16),
        Lane(usize, u16),
        Cancel(usize),
        Pop(u16),
    }

    fn act() -> impl Strategy<Value = Act> {
        prop_oneof![
            (0_u16..50).prop_map(Act::Push),
            (0_usize..3, 0_u16..50).prop_map(|(lane, at)| Act::Lane(lane, at)),
            (0_usize..100).prop_map(Act::Cancel),
            (0_u16..60).prop_map(Act::Pop),
        ]
    }

    proptest! {
        /// Against a list that is searched for its least entry.
        #[test]
        fn events_come_out_by_time_and_number_of_entry(acts in prop::collection::vec(act(), 0..200)) {
            let mut queue = EventQueue::new(2);
            let mut model: Vec<(Timestamp, usize)> = Vec::new();
            let mut entries = Vec::new();
            for act in acts {
                let number = entries.len();
                match act {
                    Act::Push(due) => {
                        entries.push(queue.push(at(due), number));
                        model.push((at(due), number));
                    }
                    Act::Lane(lane, due) => {
                        entries.push(queue.push_in_lane(lane, at(due), number));
                        model.push((at(due), number));
                    }
                    Act::Cancel(which) => {
                        let Some(entry) = entries.get(which) else { continue };
                        let there = model.iter().position(|(_, number)| *number == which);
                        prop_assert_eq!(queue.cancel(*entry), there.map(|there| model.remove(there).1));
                    }
                    Act::Pop(now) => {
                        let least = model.iter().min().copied().filter(|(due, _)| *due <= at(now));
                        prop_assert_eq!(queue.pop(at(now)), least);
                        model.retain(|entry| Some(*entry) != least);
                    }
                }
                prop_assert_eq!(queue.len(), model.len());
                prop_assert_eq!(queue.next_at(), model.iter().min().map(|(due, _)| *due));
            }
        }
    }

    #[test]
    fn places_are_used_again() {
        let mut queue = EventQueue::new(1);
        for round in 0..1000_u16 {
            queue.push(at(round), ());
            let cancelled = queue.push(at(round), ());
            queue.push_in_lane(0, at(round), ());
            queue.cancel(cancelled);
            while queue.pop(at(round)).is_some() {}
        }
        assert!(queue.is_empty());
        assert_eq!(queue.places.len(), 2);
    }
}
