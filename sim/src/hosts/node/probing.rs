//! The probes of one service, as events only where the answer is news.
//!
//! The live agent asks every interval, whatever the answer. Here nothing is asked whose answer is known: a service that passed and did not
//! change passes again. The times are those of the live agent all the same: a probe starts at `begun + k * period`, so a change is noticed
//! at the first of these after it, and the failures that make it FAILING come one period after the other.

use std::time::Duration;

use arena_config::arena::{Definition, Probe};
use arena_node_core::Pace;
use arena_proto::Timestamp;

/// Between two probes of a service that starts (services/node/src/probe.rs).
const EAGER_EVERY: Duration = Duration::from_millis(20);
/// The same for a probe that is a program.
const EAGER_COMMAND_EVERY: Duration = Duration::from_millis(200);

/// The probes of one service.
#[derive(Debug, Clone, Copy)]
pub(super) struct Probing {
    pub(super) generation: u32,
    begun: Timestamp,
    period: Duration,
    pub(super) timeout: Duration,
    /// So many in a row make it FAILING; 1 or more.
    failures: u32,
    /// Failed in a row since the answer last changed; `None`: the last one passed.
    failed: Option<u32>,
    /// A probe is on its way or due: no other is to be entered.
    pub(super) pending: bool,
    /// Tells the probes of this start and pace from those before it.
    pub(super) number: u32,
}

impl Probing {
    /// Begins; `None` when the definition has no probe.
    pub(super) fn begin(
        now: Timestamp,
        (generation, number): (u32, u32),
        pace: Pace,
        definition: &Definition,
    ) -> Option<Self> {
        let health = definition.health.as_ref()?;
        let period = match (pace, &health.probe) {
            (Pace::Steady, _) => health.interval,
            (Pace::Eager, Probe::Command(_)) => EAGER_COMMAND_EVERY,
            (Pace::Eager, _) => EAGER_EVERY,
        };
        Some(Self {
            generation,
            begun: now,
            period,
            timeout: health.timeout,
            failures: health.failures.max(1),
            failed: Some(0),
            pending: false,
            number,
        })
    }

    /// The first probe at this time or later.
    pub(super) fn next_at(&self, now: Timestamp) -> Timestamp {
        let period = self.period.as_nanos().max(1);
        let passed = now.saturating_since(self.begun).as_nanos();
        let periods = passed.div_ceil(period);
        let after = u64::try_from(periods * period).unwrap_or(u64::MAX);
        self.begun + Duration::from_nanos(after)
    }

    /// The one after a probe that started then.
    pub(super) fn after(&self, started: Timestamp) -> Timestamp {
        started + self.period
    }

    /// The service answers otherwise from now on.
    pub(super) const fn changed(&mut self) {
        self.failed = Some(0);
    }

    /// A probe was answered. True: the next answer is news, too, so there has to be a next probe.
    pub(super) const fn answered(&mut self, passed: bool) -> bool {
        match (passed, self.failed) {
            (true, _) => {
                self.failed = None;
                false
            }
            (false, failed) => {
                let failed = match failed {
                    Some(failed) => failed + 1,
                    None => 1,
                };
                self.failed = Some(failed);
                failed < self.failures
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probing(failures: u32) -> Probing {
        Probing {
            generation: 1,
            begun: Timestamp::EPOCH,
            period: Duration::from_millis(200),
            timeout: Duration::from_millis(500),
            failures,
            failed: None,
            pending: false,
            number: 1,
        }
    }

    #[test]
    fn probes_start_on_the_live_agents_grid() {
        let probing = probing(3);
        let at = Timestamp::from_unix_millis;
        assert_eq!(probing.next_at(at(0)), at(0));
        assert_eq!(probing.next_at(at(1)), at(200));
        assert_eq!(probing.next_at(at(200)), at(200));
        assert_eq!(probing.after(at(200)), at(400));
    }

    #[test]
    fn as_many_probes_follow_a_change_as_can_be_news() {
        let mut probing = probing(3);
        probing.changed();
        let more: Vec<bool> = (0..3).map(|_| probing.answered(false)).collect();
        assert_eq!(more, [true, true, false]);
        probing.changed();
        assert!(!probing.answered(true), "it passes, and will again");
    }
}
