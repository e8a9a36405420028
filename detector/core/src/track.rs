//! One entity of a node (the node itself, or a service) and its signals: what each says about a message.

use std::sync::Arc;

use arena_proto::{Entity, ProbeVerdict, ProcessState, ServiceSample, SignalState, Timestamp};

use crate::book::Process;
use crate::calm::{Calm, Place};
use crate::message::{Message, Reader};
use crate::policy::Policy;
use crate::rules::{Binding, ColumnIndex};
use crate::samples::Samples;
use crate::signal::{Reading, Signal};
use crate::state;
use crate::symptom::{Symptom, View};
use crate::tracked::{Source, Tracked};

/// A signal whose state changed.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) entity: Entity,
    pub(crate) symptom: Arc<Symptom>,
    pub(crate) view: View,
    pub(crate) process: Process,
}

/// What a message has changed.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    pub(crate) told: Vec<Change>,
    /// Something else changed, which nobody heeds: a reading that comes or goes where nothing is or was wrong.
    pub(crate) unheeded: bool,
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
        changes: &mut Changes,
    ) {
        let settling = sample.is_some_and(|sample| self.follow_process(message, sample, changes));
        for at in 0..self.signals.len() {
            self.read_signal(at, message, sample, settling, changes);
        }
    }

    /// Reads the signal there alone, of a process that is warm; whether it is quiet then, and with a reading.
    pub(crate) fn reread(
        &mut self,
        at: usize,
        message: &Message<'_>,
        sample: Option<&ServiceSample>,
        changes: &mut Changes,
    ) -> Option<bool> {
        self.read_signal(at, message, sample, false, changes);
        self.signals.get(at)?.quiet()
    }

    fn read_signal(
        &mut self,
        at: usize,
        message: &Message<'_>,
        sample: Option<&ServiceSample>,
        settling: bool,
        changes: &mut Changes,
    ) {
        let values = message.sample_of(&self.entity);
        let Some(tracked) = self.signals.get_mut(at) else {
            return;
        };
        let (reading, timing) = tracked.read(message, sample, values);
        let Some(reading) = reading else {
            return;
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
        let was_quiet = tracked.signal.is_quiet();
        let signal = &mut tracked.signal;
        if !signal.observe(message.moment(theirs), reading, &timing) {
            return;
        }
        if was_quiet && tracked.signal.is_quiet() && !(message.reader.heeds)(&self.entity) {
            changes.unheeded = true;
            return;
        }
        let evidence = tracked.evidence(message, sample, values, (reading, timing));
        let change = tracked.change(&self.entity, self.process, evidence);
        changes.told.push(change);
    }

    /// Notes which process the sample is about; true while it warms up.
    fn follow_process(
        &mut self,
        message: &Message<'_>,
        sample: &ServiceSample,
        changes: &mut Changes,
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
                    let change = tracked.change(&self.entity, self.process, evidence);
                    changes.told.push(change);
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

    /// Notes what the next message must say of this entity, the one at this place of its node, to change nothing; `sample` is that of the
    /// last one.
    pub(crate) fn expect(
        &self,
        track: usize,
        policy: &Policy,
        sample: Option<&ServiceSample>,
        calm: &mut Calm,
    ) {
        if let Some(sample) = sample {
            let well = sample.state == ProcessState::Running
                && sample.probe != ProbeVerdict::Failing
                && self.restart != Some(Restart::GoingOn);
            match self.settling_from.filter(|_| well) {
                Some(from) => calm.not_before(from + policy.settle),
                None => return calm.forget(),
            }
        }
        for (signal, tracked) in self.signals.iter().enumerate() {
            match (&tracked.source, tracked.quiet()) {
                (Source::Rule(at, binding), Some(has_reading)) => {
                    let place = Place { track, signal };
                    policy.rules[*at].expect(binding, place, has_reading, calm);
                }
                (_, Some(true)) => {}
                (_, None | Some(false)) => calm.forget(),
            }
        }
    }

    pub(crate) fn process(&self) -> Process {
        self.process
    }

    pub(crate) fn restart(&self) -> Option<Restart> {
        self.restart
    }
}
