//! One symptom of one entity, as a state machine over readings.
//!
//! ```text
//! INACTIVE -abnormal-> PENDING -abnormal for `raise_for`-> FIRING -calm-> RECOVERING -calm for `clear_for`-> RESOLVED
//! ```
//!
//! Any state becomes `NO_DATA` without a reading, and comes back from it with the next one. Invariants: a signal is
//! raised only by an abnormal reading and cleared only by a calm one; missing data does neither. Durations are
//! measured between sample times of the same node, so a skewed clock does not matter.

use std::time::Duration;

use arena_proto::{SignalState, Timestamp};

/// A tick is not exact: a run counts as long enough when it is short of its time by no more than this. A tenth of the
/// 1 s tick is far above a timer's jitter and too short to be taken for a sample.
pub(crate) const TICK_JITTER: Duration = Duration::from_millis(100);

/// What one sample says about one symptom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    /// Above the level that raises.
    Abnormal,
    /// Between the levels: changes nothing that was decided.
    Between,
    /// Above the level that raises, of a process that has just started: not judged yet.
    Settling,
    /// Below the level that clears.
    Healthy,
    /// There is nothing to measure, by somebody's decision (no requests, stopped by request).
    Idle,
    /// There is no reading.
    NoData,
}

/// When a sample was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    /// By the node's clock: for durations.
    pub(crate) sampled: Timestamp,
    /// Comparable with the detector's clock: for what people read.
    pub(crate) seen: Timestamp,
}

/// How long readings must last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Timing {
    /// Abnormal for this long raises; zero: at once.
    pub(crate) raise_for: Duration,
    /// Healthy for this long clears; zero: at once.
    pub(crate) clear_for: Duration,
    /// Idle for this long clears.
    pub(crate) idle_for: Duration,
    /// Samples further apart than this say nothing about the time between them.
    pub(crate) gap_max: Duration,
}

/// The state machine.
#[derive(Debug, Clone)]
pub(crate) struct Signal {
    state: SignalState,
    since: Timestamp,
    raised: bool,
    /// The first abnormal sample of this run, or of what raised it.
    abnormal_from: Option<Moment>,
    calm_from: Option<Timestamp>,
    last_sample: Option<Timestamp>,
    /// The process was replaced since the last abnormal reading.
    replaced: bool,
}

impl Signal {
    pub(crate) fn new(now: Timestamp) -> Self {
        Self {
            state: SignalState::Inactive,
            since: now,
            raised: false,
            abnormal_from: None,
            calm_from: None,
            last_sample: None,
            replaced: false,
        }
    }

    /// A signal that an open incident, known from before a restart, rests on.
    pub(crate) fn restored(since: Timestamp) -> Self {
        Self {
            state: SignalState::NoData,
            raised: true,
            ..Self::new(since)
        }
    }

    pub(crate) fn state(&self) -> SignalState {
        self.state
    }

    /// Since when it is in its state, comparable with the detector's clock.
    pub(crate) fn since(&self) -> Timestamp {
        self.since
    }

    /// Neither raised nor on its way to be: no reading so far counts for what comes.
    pub(crate) fn is_quiet(&self) -> bool {
        !self.raised && self.abnormal_from.is_none() && self.calm_from.is_none()
    }

    /// Fired, and not resolved since.
    pub(crate) fn is_raised(&self) -> bool {
        self.raised
    }

    /// The first abnormal sample, comparable with the detector's clock; `since` when it is not known.
    pub(crate) fn first_abnormal_at(&self) -> Timestamp {
        self.abnormal_from
            .map_or(self.since, |moment| moment.seen.min(self.since))
    }

    /// Takes a reading; true when the state changed.
    pub(crate) fn observe(&mut self, at: Moment, reading: Reading, timing: &Timing) -> bool {
        let lapse = self.last_sample.is_some_and(|last| {
            at.sampled < last || at.sampled.saturating_since(last) > timing.gap_max
        });
        if lapse {
            self.forget_runs();
        }
        self.last_sample = Some(at.sampled);
        let next = match reading {
            Reading::Abnormal => self.abnormal(at, timing),
            // The band between the levels is about a process' own past: a new process was never above.
            Reading::Between if self.replaced => self.calm(at, timing.clear_for),
            Reading::Between | Reading::Settling => {
                self.forget_runs();
                if self.raised {
                    SignalState::Firing
                } else {
                    self.quiet()
                }
            }
            Reading::Healthy => self.calm(at, timing.clear_for),
            Reading::Idle => self.calm(at, timing.idle_for),
            Reading::NoData => {
                self.forget_runs();
                SignalState::NoData
            }
        };
        self.enter(next, at.seen)
    }

    /// The node is silent: there is no reading; true when the state changed.
    pub(crate) fn silence(&mut self, now: Timestamp) -> bool {
        self.forget_runs();
        self.enter(SignalState::NoData, now)
    }

    /// Another process took the place of the one that was measured: nothing is known of it yet; true when the state
    /// changed.
    pub(crate) fn replace_process(&mut self, now: Timestamp) -> bool {
        self.replaced = true;
        self.silence(now)
    }

    fn abnormal(&mut self, at: Moment, timing: &Timing) -> SignalState {
        self.calm_from = None;
        self.replaced = false;
        let first = *self.abnormal_from.get_or_insert(at);
        self.raised |= lasted(first.sampled, at.sampled, timing.raise_for);
        if self.raised {
            SignalState::Firing
        } else {
            SignalState::Pending
        }
    }

    fn calm(&mut self, at: Moment, needed: Duration) -> SignalState {
        if !self.raised {
            self.abnormal_from = None;
            return self.quiet();
        }
        let from = *self.calm_from.get_or_insert(at.sampled);
        if !lasted(from, at.sampled, needed) {
            return SignalState::Recovering;
        }
        self.raised = false;
        self.replaced = false;
        self.forget_runs();
        SignalState::Resolved
    }

    fn quiet(&self) -> SignalState {
        match self.state {
            SignalState::Resolved => SignalState::Resolved,
            _ => SignalState::Inactive,
        }
    }

    /// Unfinished runs start again; what was raised stays so.
    fn forget_runs(&mut self) {
        self.calm_from = None;
        if !self.raised {
            self.abnormal_from = None;
        }
    }

    fn enter(&mut self, next: SignalState, at: Timestamp) -> bool {
        let changed = next != self.state;
        if changed {
            self.state = next;
            self.since = at;
        }
        changed
    }
}

fn lasted(from: Timestamp, to: Timestamp, needed: Duration) -> bool {
    to.saturating_since(from) + TICK_JITTER.min(needed) >= needed
}

#[cfg(test)]
mod tests {
    use super::*;
    use Reading::{Abnormal, Between, Healthy, Idle, NoData};

    const TIMING: Timing = Timing {
        raise_for: Duration::from_secs(1),
        clear_for: Duration::from_secs(1),
        idle_for: Duration::from_secs(3),
        gap_max: Duration::from_millis(3500),
    };

    fn at(millis: i64) -> Moment {
        let time = Timestamp::from_unix_millis(millis);
        Moment {
            sampled: time,
            seen: time,
        }
    }

    /// The states after readings at these milliseconds.
    fn states(readings: &[(i64, Reading)]) -> String {
        let mut signal = Signal::new(Timestamp::EPOCH);
        let states: Vec<_> = readings
            .iter()
            .map(|(millis, reading)| {
                signal.observe(at(*millis), *reading, &TIMING);
                signal.state().as_str()
            })
            .collect();
        states.join(" ")
    }

    fn firing() -> Signal {
        let mut signal = Signal::new(Timestamp::EPOCH);
        signal.observe(at(0), Abnormal, &TIMING);
        signal.observe(at(1000), Abnormal, &TIMING);
        assert_eq!(signal.state(), SignalState::Firing);
        signal
    }

    #[test]
    fn raises_after_its_time_and_clears_after_its_time() {
        let readings = [
            (0, Healthy),
            (1000, Abnormal),
            (1950, Abnormal),
            (3000, Healthy),
            (3910, Healthy),
            (5000, Healthy),
        ];
        assert_eq!(
            states(&readings),
            "INACTIVE PENDING FIRING RECOVERING RESOLVED RESOLVED"
        );
    }

    #[test]
    fn a_tick_may_be_early_by_a_tenth_of_a_second_and_no_more() {
        assert_eq!(states(&[(0, Abnormal), (900, Abnormal)]), "PENDING FIRING");
        assert_eq!(states(&[(0, Abnormal), (899, Abnormal)]), "PENDING PENDING");
    }

    #[test]
    fn the_band_between_keeps_what_was_decided() {
        assert_eq!(
            states(&[(0, Abnormal), (1000, Between), (2000, Abnormal)]),
            "PENDING INACTIVE PENDING"
        );
        let mut signal = firing();
        for (millis, reading) in [(2000, Healthy), (3000, Between), (4000, Healthy)] {
            signal.observe(at(millis), reading, &TIMING);
            assert!(signal.is_raised());
        }
        assert_eq!(signal.state(), SignalState::Recovering);
    }

    #[test]
    fn missing_data_neither_raises_nor_clears() {
        assert_eq!(
            states(&[(0, Abnormal), (1000, NoData), (2000, Abnormal)]),
            "PENDING NO_DATA PENDING"
        );
        let mut signal = firing();
        for second in 2..100 {
            signal.observe(at(second * 1000), NoData, &TIMING);
        }
        assert!(signal.is_raised());
        assert_eq!(signal.state(), SignalState::NoData);
    }

    #[test]
    fn samples_too_far_apart_are_no_run() {
        assert_eq!(
            states(&[(0, Abnormal), (10_000, Abnormal), (11_000, Abnormal)]),
            "PENDING PENDING FIRING"
        );
        assert_eq!(
            states(&[(9000, Abnormal), (1000, Abnormal), (2000, Abnormal)]),
            "PENDING PENDING FIRING",
            "the node's clock was set back"
        );
    }

    #[test]
    fn nothing_to_measure_clears_later_than_health() {
        let mut signal = firing();
        for (millis, raised) in [(2000, true), (3000, true), (4000, true), (5000, false)] {
            signal.observe(at(millis), Idle, &TIMING);
            assert_eq!(signal.is_raised(), raised, "at {millis} ms");
        }
    }

    #[test]
    fn a_new_process_is_not_held_by_the_band_of_the_old_one() {
        let mut signal = firing();
        assert!(signal.replace_process(at(1500).seen));
        assert_eq!(signal.state(), SignalState::NoData);
        assert!(signal.is_raised(), "a restart alone heals nothing");
        signal.observe(at(2000), Between, &TIMING);
        signal.observe(at(3000), Between, &TIMING);
        assert_eq!(signal.state(), SignalState::Resolved);
    }

    #[test]
    fn firing_again_is_a_new_run() {
        let mut signal = firing();
        assert_eq!(signal.first_abnormal_at(), at(0).seen);
        signal.observe(at(2000), Healthy, &TIMING);
        signal.observe(at(3000), Healthy, &TIMING);
        signal.observe(at(4000), Abnormal, &TIMING);
        signal.observe(at(5000), Abnormal, &TIMING);
        assert_eq!(signal.first_abnormal_at(), at(4000).seen);
    }
}
