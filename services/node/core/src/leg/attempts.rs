//! The queue of a retry storm: which attempts of which requests wait, and what is repeated when. Pure.
//!
//! Invariants: at most [`ATTEMPTS_MAX`] attempts wait, first come, first served; a request is attempted at most `1 + retries` times; what
//! nobody can answer any more is forgotten.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use arena_proto::Timestamp;

use super::REQUESTS_MAX;

/// Attempts that wait: as many as a leg takes requests. With the shortest work of a storm that is a quarter of a second, with the
/// default nine.
const ATTEMPTS_MAX: usize = REQUESTS_MAX;

/// A request of which attempts wait or are under way.
#[derive(Debug)]
struct Open {
    waiting: u32,
    under_way: bool,
    answered: bool,
    retries_left: u32,
    repeat_at: Timestamp,
}

impl Open {
    const fn is_forgotten(&self) -> bool {
        self.waiting == 0 && !self.under_way
    }
}

/// See the module. A request is named by its number.
#[derive(Debug)]
pub struct Attempts {
    retries: u32,
    timeout: Duration,
    queue: VecDeque<u64>,
    open: BTreeMap<u64, Open>,
    next: u64,
}

impl Attempts {
    /// Each request is repeated up to `retries` times, `timeout` after the last time, until it is answered.
    #[must_use]
    pub const fn new(retries: u32, timeout: Duration) -> Self {
        Self {
            retries,
            timeout,
            queue: VecDeque::new(),
            open: BTreeMap::new(),
            next: 0,
        }
    }

    /// A request comes; its number, or `None` when there is no room.
    pub fn arrive(&mut self, now: Timestamp) -> Option<u64> {
        if self.queue.len() >= ATTEMPTS_MAX {
            return None;
        }
        let request = self.next;
        self.next += 1;
        self.queue.push_back(request);
        let open = Open {
            waiting: 1,
            under_way: false,
            answered: false,
            retries_left: self.retries,
            repeat_at: now + self.timeout,
        };
        self.open.insert(request, open);
        Some(request)
    }

    /// Queues what was not answered in time once more. A repetition that finds no room is lost.
    pub fn repeat(&mut self, now: Timestamp) {
        for (request, open) in &mut self.open {
            if open.answered || open.retries_left == 0 || now < open.repeat_at {
                continue;
            }
            open.retries_left -= 1;
            open.repeat_at = now + self.timeout;
            if self.queue.len() < ATTEMPTS_MAX {
                open.waiting += 1;
                self.queue.push_back(*request);
            }
        }
    }

    /// When something is to be repeated next.
    #[must_use]
    pub fn due(&self) -> Option<Timestamp> {
        self.open
            .values()
            .filter(|open| !open.answered && open.retries_left > 0)
            .map(|open| open.repeat_at)
            .min()
    }

    /// The attempt that has waited longest, to be made now.
    pub fn begin(&mut self) -> Option<u64> {
        let request = self.queue.pop_front()?;
        if let Some(open) = self.open.get_mut(&request) {
            open.waiting -= 1;
            open.under_way = true;
        }
        Some(request)
    }

    /// The attempt that was made is over: it was answered, or failed for good. True when the request may be forgotten.
    pub fn done(&mut self, request: u64) -> bool {
        let Some(open) = self.open.get_mut(&request) else {
            return true;
        };
        open.under_way = false;
        open.answered = true;
        let forgotten = open.is_forgotten();
        if forgotten {
            self.open.remove(&request);
        }
        forgotten
    }

    #[cfg(test)]
    fn waiting(&self) -> usize {
        self.queue.len()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// One worker, requests at a steady rate, in steps of a millisecond; nothing is worked on before `trigger_ms`.
    struct World {
        attempts: Attempts,
        work_ms: u64,
        every_ms: u64,
        opens_ms: u64,
        now_ms: u64,
        working: Option<(u64, u64)>,
        arrived: BTreeMap<u64, u64>,
        tries: BTreeMap<u64, u32>,
        /// How long each of the last requests to be answered had waited.
        waits_ms: Vec<u64>,
    }

    impl World {
        fn new(
            retries: u32,
            timeout_ms: u64,
            work_ms: u64,
            every_ms: u64,
            trigger_ms: u64,
        ) -> Self {
            Self {
                attempts: Attempts::new(retries, Duration::from_millis(timeout_ms)),
                work_ms,
                every_ms,
                opens_ms: trigger_ms,
                now_ms: 0,
                working: None,
                arrived: BTreeMap::new(),
                tries: BTreeMap::new(),
                waits_ms: Vec::new(),
            }
        }

        fn run(&mut self, ms: u64) {
            for _ in 0..ms {
                self.now_ms += 1;
                let now = Timestamp::EPOCH + MS * u32::try_from(self.now_ms).expect("small");
                if self.now_ms.is_multiple_of(self.every_ms)
                    && let Some(request) = self.attempts.arrive(now)
                {
                    self.arrived.insert(request, self.now_ms);
                }
                self.attempts.repeat(now);
                if let Some((request, until)) = self.working
                    && self.now_ms >= until
                {
                    self.attempts.done(request);
                    self.working = None;
                    if let Some(at) = self.arrived.remove(&request) {
                        self.waits_ms.push(self.now_ms - at);
                    }
                }
                if self.working.is_none() && self.now_ms >= self.opens_ms {
                    self.working = self.attempts.begin().map(|request| {
                        *self.tries.entry(request).or_default() += 1;
                        (request, self.now_ms + self.work_ms)
                    });
                }
            }
        }

        /// Of the next second: the longest wait of what was answered, if anything was.
        fn worst_ms(&mut self) -> Option<u64> {
            self.waits_ms.clear();
            self.run(1_000);
            self.waits_ms.iter().max().copied()
        }
    }

    #[test]
    fn the_same_load_is_well_before_a_stall_and_sick_for_ever_after_it() {
        let mut calm = World::new(3, 300, 35, 50, 0);
        calm.run(20_000);
        assert!(calm.worst_ms().is_some_and(|worst| worst < 100));
        let mut storm = World::new(3, 300, 35, 50, 2_000);
        for round in 0..5 {
            storm.run(20_000);
            let worst = storm.worst_ms();
            assert!(
                worst.is_none_or(|worst| worst > 1_000),
                "{round}: {worst:?}"
            );
        }
    }

    #[test]
    fn with_little_load_it_recovers_by_itself() {
        // 4 requests a second, 16 attempts: less than the 28 that are worked on.
        let mut world = World::new(3, 300, 35, 250, 2_000);
        world.run(20_000);
        assert!(world.worst_ms().is_some_and(|worst| worst < 100));
    }

    #[test]
    fn without_room_it_takes_no_more_and_says_so() {
        let mut attempts = Attempts::new(1, MS);
        let taken = (0..1_000).filter_map(|_| attempts.arrive(Timestamp::EPOCH));
        assert_eq!(taken.count(), ATTEMPTS_MAX);
        attempts.repeat(Timestamp::EPOCH + MS);
        assert_eq!(attempts.waiting(), ATTEMPTS_MAX);
    }

    proptest! {
        // Each case walks through some ten thousand steps.
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn it_is_bounded_tries_no_request_too_often_and_forgets_what_is_over(
            retries in 1_u32..=10, timeout in 50_u64..5_000, work in 1_u64..1_000, every in 5_u64..500, trigger in 0_u64..10_000,
        ) {
            let mut world = World::new(retries, timeout, work, every, trigger);
            for _ in 0..20 {
                world.run(500);
                prop_assert!(world.attempts.waiting() <= ATTEMPTS_MAX);
                prop_assert!(world.attempts.open.len() <= ATTEMPTS_MAX + 1);
            }
            prop_assert!(world.tries.values().all(|tries| *tries <= 1 + retries));
            // Nobody asks any more: all that waits is worked off, and nothing stays.
            world.every_ms = u64::MAX;
            world.run(timeout * u64::from(retries) + 10_000);
            let mut left = 2 * ATTEMPTS_MAX;
            while !world.attempts.open.is_empty() && left > 0 {
                world.run(world.work_ms);
                left -= 1;
            }
            prop_assert!(world.attempts.open.is_empty() && world.attempts.due().is_none());
        }
    }
}
