//! The last events, numbered without a gap. Everybody reads from the same ring, each from a place of their own.

use std::collections::VecDeque;

/// What is kept of events that were told. Bounded by their number and by their size; the newest is kept however large it is.
#[derive(Debug, Clone)]
pub struct Ring<T> {
    kept: VecDeque<(T, usize)>,
    /// Of the last one; 0 before the first.
    seq: u64,
    bytes: usize,
    events_max: usize,
    bytes_max: usize,
}

/// Somebody missed what is not kept any more, or names an event that never was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missed;

impl<T: Clone> Ring<T> {
    /// Minutes of a busy arena: who was away for longer is served better by a snapshot.
    pub const EVENTS_MAX: usize = 4096;
    /// A node of a hundred services takes 100 KB an event: the number alone would be no limit to memory.
    pub const BYTES_MAX: usize = 32 * 1024 * 1024;

    /// An empty one.
    #[must_use]
    pub const fn new(events_max: usize, bytes_max: usize) -> Self {
        Self {
            kept: VecDeque::new(),
            seq: 0,
            bytes: 0,
            events_max,
            bytes_max,
        }
    }

    /// The number of the last event; 0 before the first.
    #[must_use]
    pub const fn seq(&self) -> u64 {
        self.seq
    }

    /// How many events are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// Whether no event is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Adds an event of this many bytes under the next number.
    pub fn push(&mut self, bytes: usize, event: impl FnOnce(u64) -> T) {
        self.seq += 1;
        self.bytes += bytes;
        self.kept.push_back((event(self.seq), bytes));
        while self.kept.len() > self.events_max
            || (self.bytes > self.bytes_max && self.kept.len() > 1)
        {
            let Some((_, bytes)) = self.kept.pop_front() else {
                break;
            };
            self.bytes -= bytes;
        }
    }

    /// The events after `seq`, at most `limit` of them.
    pub fn since(&self, seq: u64, limit: usize) -> Result<Vec<T>, Missed> {
        let behind = self.seq.checked_sub(seq).ok_or(Missed)?;
        let behind = usize::try_from(behind).map_err(|_| Missed)?;
        let first = self.kept.len().checked_sub(behind).ok_or(Missed)?;
        let events = self.kept.range(first..).take(limit);
        Ok(events.map(|(event, _)| event.clone()).collect())
    }
}

impl<T: Clone> Default for Ring<T> {
    fn default() -> Self {
        Self::new(Self::EVENTS_MAX, Self::BYTES_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(events_max: usize, bytes_max: usize, sizes: &[usize]) -> Ring<u64> {
        let mut ring = Ring::new(events_max, bytes_max);
        for size in sizes {
            ring.push(*size, |seq| seq);
        }
        ring
    }

    #[test]
    fn events_are_numbered_from_one_without_a_gap() {
        let ring = filled(3, 100, &[1, 1]);
        assert_eq!(ring.since(0, 9), Ok(vec![1, 2]));
        assert_eq!(ring.since(1, 9), Ok(vec![2]));
        assert_eq!(ring.since(2, 9), Ok(vec![]));
    }

    #[test]
    fn what_is_not_kept_and_what_never_was_is_missed() {
        let ring = filled(3, 100, &[1; 5]);
        assert_eq!(ring.since(1, 9), Err(Missed));
        assert_eq!(ring.since(2, 9), Ok(vec![3, 4, 5]));
        assert_eq!(ring.since(6, 9), Err(Missed));
        assert_eq!(ring.since(u64::MAX, 9), Err(Missed));
    }

    #[test]
    fn size_is_a_limit_too_but_the_newest_stays() {
        assert_eq!(filled(9, 10, &[4, 4, 4]).since(1, 9), Ok(vec![2, 3]));
        assert_eq!(filled(9, 10, &[4, 4, 40]).since(2, 9), Ok(vec![3]));
        assert_eq!(filled(9, 10, &[4, 4, 40]).since(1, 9), Err(Missed));
    }

    #[test]
    fn a_reader_takes_no_more_than_it_asks_for() {
        assert_eq!(filled(9, 100, &[1; 5]).since(1, 2), Ok(vec![2, 3]));
    }
}
