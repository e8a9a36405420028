//! One signal of an entity: what it is read from, what a message says about it, and why, in words.

use std::sync::Arc;

use arena_proto::{Entity, ProcessState, ServiceSample, SignalState};

use crate::book::Process;
use crate::message::Message;
use crate::rules::{Binding, Sample};
use crate::samples::Samples;
use crate::signal::{Reading, Signal, Timing};
use crate::state;
use crate::symptom::{Symptom, View};
use crate::track::Change;

#[derive(Debug)]
pub(crate) enum Source {
    ProcessExited,
    ProbeFailed,
    /// Whether the node's values stand still.
    Frozen,
    /// Which rule, and its columns. A rule without columns reads nothing.
    Rule(usize, Binding),
}

#[derive(Debug)]
pub(crate) struct Tracked {
    pub(crate) source: Source,
    pub(crate) symptom: Arc<Symptom>,
    pub(crate) signal: Signal,
    pub(crate) samples: Samples,
}

impl Tracked {
    /// Neither raised nor on its way to be, and nothing kept: whether with a reading.
    pub(crate) fn quiet(&self) -> Option<bool> {
        let quiet = self.signal.is_quiet() && self.samples.is_empty();
        quiet.then(|| self.signal.state() != SignalState::NoData)
    }

    /// What the message says, if anything, and how long that must last to count.
    pub(crate) fn read(
        &self,
        message: &Message<'_>,
        sample: Option<&ServiceSample>,
        values: Sample<'_>,
    ) -> (Option<Reading>, Timing) {
        match &self.source {
            Source::ProcessExited => state_reading(message, sample, state::process_exited),
            Source::ProbeFailed => state_reading(message, sample, state::probe_failed),
            Source::Frozen => (
                message.stillness().reading(message.values),
                state::timing(message.reader.policy.silence_limit),
            ),
            Source::Rule(at, binding) => {
                let raised = self.signal.is_raised();
                rule_reading(message, sample, (*at, binding), values, raised)
            }
        }
    }

    pub(crate) fn change(&self, entity: &Entity, process: Process, evidence: String) -> Change {
        Change {
            entity: entity.clone(),
            symptom: Arc::clone(&self.symptom),
            view: View::of(&self.signal, evidence, self.samples.readings()),
            process,
        }
    }

    /// Remembers what the reading rests on, from the first abnormal one.
    pub(crate) fn take_sample(
        &mut self,
        message: &Message<'_>,
        values: Sample<'_>,
        reading: Reading,
    ) {
        let Source::Rule(at, binding) = &self.source else {
            return;
        };
        // What stands still is no reading.
        if message.stillness().is_frozen() {
            return;
        }
        if reading == Reading::Abnormal || self.signal.is_raised() {
            let rule = &message.reader.policy.rules[*at];
            self.samples
                .push(message.seen(message.sampled), rule.values(binding, values));
        } else {
            self.samples.clear();
        }
    }

    pub(crate) fn evidence(
        &self,
        message: &Message<'_>,
        sample: Option<&ServiceSample>,
        values: Sample<'_>,
        (reading, timing): (Reading, Timing),
    ) -> String {
        let (at, binding) = match &self.source {
            Source::ProcessExited | Source::ProbeFailed => {
                return sample.map(state::evidence).unwrap_or_default();
            }
            Source::Frozen => return message.stillness().in_words(),
            Source::Rule(..) if message.stillness().is_frozen() => {
                return "no reading: the node's values stand still".to_owned();
            }
            Source::Rule(at, binding) => (at, binding),
        };
        let rule = &message.reader.policy.rules[*at];
        let raise = rule.raise.source();
        let clear = rule.clear.source();
        let Timing {
            raise_for,
            clear_for,
            idle_for,
            ..
        } = timing;
        let words = match (self.signal.state(), reading) {
            (SignalState::NoData, _) => "no reading".to_owned(),
            (SignalState::Firing, Reading::Abnormal) => format!("with `{raise}` for {raise_for:?}"),
            (SignalState::Resolved, Reading::Healthy) => {
                format!("with `{clear}` for {clear_for:?}")
            }
            (SignalState::Resolved, Reading::Idle) => {
                format!("with nothing to measure for {idle_for:?}")
            }
            (_, Reading::Abnormal | Reading::Settling) => format!("with `{raise}`"),
            (_, Reading::Healthy) => format!("with `{clear}`"),
            (_, Reading::Idle) => "with nothing to measure".to_owned(),
            (_, Reading::Between | Reading::NoData) => format!("not with `{raise}`"),
        };
        format!("{}, {words}", rule.readings(binding, values))
    }
}

fn state_reading(
    message: &Message<'_>,
    sample: Option<&ServiceSample>,
    read: impl Fn(&ServiceSample) -> Reading,
) -> (Option<Reading>, Timing) {
    let timing = state::timing(message.reader.policy.silence_limit);
    (sample.map(read), timing)
}

/// `None` when the message tells of a state only. A service that does not run has no readings of its own, whatever is
/// measured around it; one that was stopped on purpose has nothing to measure.
fn rule_reading(
    message: &Message<'_>,
    sample: Option<&ServiceSample>,
    (at, binding): (usize, &Binding),
    values: Sample<'_>,
    raised: bool,
) -> (Option<Reading>, Timing) {
    let rule = &message.reader.policy.rules[at];
    let timing = rule.timing;
    match sample.map(|sample| sample.state) {
        Some(ProcessState::Stopped) => {
            let idle_for = state::STOPPED_FOR;
            (Some(Reading::Idle), Timing { idle_for, ..timing })
        }
        None | Some(ProcessState::Running) if message.values.is_empty() => (None, timing),
        None | Some(ProcessState::Running) if message.stillness().is_frozen() => {
            (Some(Reading::NoData), timing)
        }
        None | Some(ProcessState::Running) => {
            let reading = rule.read(binding, values, raised, message.reader);
            (Some(reading), timing)
        }
        Some(_) => (Some(Reading::NoData), timing),
    }
}
