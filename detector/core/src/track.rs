//! One entity of a node (the node itself, or a service) and its signals: what each says about a message.

use std::sync::Arc;

use arena_proto::{Entity, ProcessState, ServiceSample, SignalState, Timestamp};

use crate::book::Process;
use crate::message::{Message, Reader};
use crate::rules::{Binding, ColumnIndex, Sample};
use crate::samples::Samples;
use crate::signal::{Reading, Signal, Timing};
use crate::state;
use crate::symptom::{Symptom, View};

/// A signal whose state changed.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) entity: Entity,
    pub(crate) symptom: Arc<Symptom>,
    pub(crate) view: View,
    pub(crate) process: Process,
}

#[derive(Debug)]
enum Source {
    ProcessExited,
    ProbeFailed,
    /// Whether the node's values stand still.
    Frozen,
    /// Which rule, and its columns. A rule without columns reads nothing.
    Rule(usize, Binding),
}

#[derive(Debug)]
struct Tracked {
    source: Source,
    symptom: Arc<Symptom>,
    signal: Signal,
    samples: Samples,
}

/// Whether a service is between two processes, or has just got a new one: who calls it feels that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Restart {
    /// It starts, stops or warms up.
    GoingOn,
    /// It runs and is warm since then.
    Over(Timestamp),
}

/// An entity (the node, or one of its services) and its signals.
#[derive(Debug)]
pub(crate) struct Track {
    pub(crate) entity: Entity,
    process: Process,
    /// Warming up is counted from here, by the node's clock; `None` before the first sample.
    settling_from: Option<Timestamp>,
    restart: Option<Restart>,
    signals: Vec<Tracked>,
}

impl Track {
    pub(crate) fn build(
        reader: Reader<'_>,
        index: &ColumnIndex<'_>,
        entity: Entity,
        before: Option<Self>,
        raised_before: Vec<(Arc<Symptom>, Timestamp)>,
    ) -> Self {
        let policy = reader.policy;
        let mut before = before.unwrap_or_else(|| Self::restored(entity.clone(), raised_before));
        let service = entity.service.as_ref();
        let mut signals = Vec::new();
        let mut track = |source, symptom: &Arc<Symptom>, always: bool| {
            let known = before.take(symptom);
            let raised = known.as_ref().is_some_and(|(signal, _)| signal.is_raised());
            if always || raised {
                let (signal, samples) =
                    known.unwrap_or_else(|| (Signal::new(reader.now), Samples::default()));
                signals.push(Tracked {
                    source,
                    symptom: Arc::clone(symptom),
                    signal,
                    samples,
                });
            }
        };
        if service.is_some() {
            track(Source::ProcessExited, &policy.process_exited, true);
            track(Source::ProbeFailed, &policy.probe_failed, true);
        } else {
            track(Source::Frozen, &policy.telemetry_frozen, true);
        }
        for (at, rule) in policy.rules.iter().enumerate() {
            let binding = Binding::of(rule, index, service);
            let bound = binding.is_some();
            // A raised one without columns is kept: missing data does not clear.
            let source = Source::Rule(at, binding.unwrap_or_default());
            track(source, &rule.symptom, bound);
        }
        Self {
            process: before.process,
            settling_from: before.settling_from,
            restart: before.restart,
            entity,
            signals,
        }
    }

    /// An entity of which only the raised signals are known.
    pub(crate) fn restored(entity: Entity, raised: Vec<(Arc<Symptom>, Timestamp)>) -> Self {
        let signals = raised.into_iter().map(|(symptom, since)| Tracked {
            source: Source::ProcessExited,
            symptom,
            signal: Signal::restored(since),
            samples: Samples::default(),
        });
        Self {
            entity,
            process: Process::default(),
            settling_from: None,
            restart: None,
            signals: signals.collect(),
        }
    }

    fn take(&mut self, symptom: &Symptom) -> Option<(Signal, Samples)> {
        let at = self
            .signals
            .iter()
            .position(|tracked| tracked.symptom.name == symptom.name)?;
        let tracked = self.signals.swap_remove(at);
        Some((tracked.signal, tracked.samples))
    }

    /// The node is not heard: no signal has a reading.
    pub(crate) fn silence(&mut self, now: Timestamp) -> Vec<Change> {
        let mut changes = Vec::new();
        for tracked in &mut self.signals {
            if tracked.signal.silence(now) {
                let evidence = "no telemetry of the node".to_owned();
                changes.push(tracked.change(&self.entity, self.process, evidence));
            }
        }
        changes
    }

    /// The signals that are raised, and since when.
    pub(crate) fn into_raised(self) -> (Entity, Vec<(Arc<Symptom>, Timestamp)>) {
        let signals = self.signals.into_iter();
        let raised = signals
            .filter(|tracked| tracked.signal.is_raised())
            .map(|tracked| (tracked.symptom, tracked.signal.since()));
        (self.entity, raised.collect())
    }

    /// The entity is no more: what it showed is over.
    pub(crate) fn retire(self, now: Timestamp, evidence: &str) -> Vec<Change> {
        let Self {
            entity,
            process,
            signals,
            ..
        } = self;
        let retire = |tracked: Tracked| Change {
            entity: entity.clone(),
            symptom: tracked.symptom,
            view: View {
                state: SignalState::Resolved,
                since: now,
                raised: false,
                first_abnormal_at: tracked.signal.first_abnormal_at(),
                evidence: evidence.to_owned(),
                readings: tracked.samples.readings(),
            },
            process,
        };
        signals.into_iter().map(retire).collect()
    }

    /// `sample` is `None` for the node itself.
    pub(crate) fn read(
        &mut self,
        message: &Message<'_>,
        sample: Option<&ServiceSample>,
        changes: &mut Vec<Change>,
    ) {
        let values = message.sample_of(&self.entity);
        let settling = sample.is_some_and(|sample| self.follow_process(message, sample, changes));
        for tracked in &mut self.signals {
            let (reading, timing) = match &tracked.source {
                Source::ProcessExited => state_reading(message, sample, state::process_exited),
                Source::ProbeFailed => state_reading(message, sample, state::probe_failed),
                Source::Frozen => (
                    message.stillness().reading(message.values),
                    state::timing(message.reader.policy.silence_limit),
                ),
                Source::Rule(at, binding) => {
                    let raised = tracked.signal.is_raised();
                    rule_reading(message, sample, (*at, binding), values, raised)
                }
            };
            let Some(reading) = reading else {
                continue;
            };
            let reading = match (&tracked.source, reading) {
                (Source::Rule(..), Reading::Abnormal) if settling => Reading::Settling,
                (_, reading) => reading,
            };
            let theirs = match (&tracked.source, sample) {
                (Source::ProcessExited | Source::ProbeFailed, Some(sample)) => sample.since,
                _ => message.sampled,
            };
            tracked.take_sample(message, values, reading);
            if tracked
                .signal
                .observe(message.moment(theirs), reading, &timing)
            {
                let evidence = tracked.evidence(message, sample, values, (reading, timing));
                changes.push(tracked.change(&self.entity, self.process, evidence));
            }
        }
    }

    /// Notes which process the sample is about; true while it warms up.
    fn follow_process(
        &mut self,
        message: &Message<'_>,
        sample: &ServiceSample,
        changes: &mut Vec<Change>,
    ) -> bool {
        let first = self.settling_from.is_none();
        let replaced = !first && sample.generation != self.process.generation;
        self.process = Process {
            pid: sample.pid,
            generation: sample.generation,
        };
        if replaced {
            for tracked in &mut self.signals {
                let from_values = matches!(tracked.source, Source::Rule(..));
                if from_values
                    && tracked
                        .signal
                        .replace_process(message.seen(message.sampled))
                {
                    let evidence = "the process was replaced".to_owned();
                    changes.push(tracked.change(&self.entity, self.process, evidence));
                }
            }
        }
        let running = sample.state == ProcessState::Running;
        let from = match self.settling_from {
            Some(from) if running && !replaced => from,
            // A detector that starts later than the process need not wait for it.
            None if running => sample.since,
            _ => message.sampled,
        };
        // A clock that was set back makes no process younger than this moment.
        let from = from.min(message.sampled);
        self.settling_from = Some(from);
        let settling = message.sampled.saturating_since(from) < message.reader.policy.settle;
        let stopped_for = message.sampled.saturating_since(sample.since);
        let left = sample.state == ProcessState::Stopped && stopped_for >= state::STOPPED_FOR;
        self.follow_restart(message.reader.now, settling && !left);
        settling
    }
}

impl Track {
    fn follow_restart(&mut self, now: Timestamp, going_on: bool) {
        if going_on {
            self.restart = Some(Restart::GoingOn);
        } else if self.restart == Some(Restart::GoingOn) {
            self.restart = Some(Restart::Over(now));
        }
    }

    pub(crate) fn process(&self) -> Process {
        self.process
    }

    pub(crate) fn restart(&self) -> Option<Restart> {
        self.restart
    }
}

impl Tracked {
    fn change(&self, entity: &Entity, process: Process, evidence: String) -> Change {
        Change {
            entity: entity.clone(),
            symptom: Arc::clone(&self.symptom),
            view: View::of(&self.signal, evidence, self.samples.readings()),
            process,
        }
    }

    /// Remembers what the reading rests on, from the first abnormal one.
    fn take_sample(&mut self, message: &Message<'_>, values: Sample<'_>, reading: Reading) {
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

    fn evidence(
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
    let Reader {
        policy, evaluator, ..
    } = message.reader;
    let rule = &policy.rules[at];
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
            let reading = rule.read(binding, values, raised, evaluator);
            (Some(reading), timing)
        }
        Some(_) => (Some(Reading::NoData), timing),
    }
}
