//! The way of telemetry through the faults that there are: a message in, and what becomes of it out, now or later. Pure: time
//! and chance are handed in.
//!
//! Invariants: each fault is one stage and ending it takes exactly its own away; what it held goes on through the stages that
//! stay; what is held is bounded, by each stage.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::ops::Bound;
use std::sync::Arc;

use arena_faults::FaultName;
use arena_proto::{FaultId, Schema, Telemetry, Timestamp};

use crate::chance::Chance;

/// One message, with what its columns mean.
#[derive(Debug, Clone)]
pub(super) struct Message {
    pub(super) schema: Arc<Schema>,
    pub(super) telemetry: Telemetry,
}

/// What one fault does to messages.
pub(super) trait Stage: Debug + Send {
    /// What comes out of it at once.
    fn pass(&mut self, now: Timestamp, message: Message, chance: &Chance) -> Vec<Message>;

    /// When [`Stage::wake`] has something to give; `None`: it holds nothing, or until another message comes.
    fn next_wakeup(&self) -> Option<Timestamp> {
        None
    }

    /// What it has held for long enough.
    fn wake(&mut self, _now: Timestamp) -> Vec<Message> {
        Vec::new()
    }

    /// It is over: all that it holds, oldest first.
    fn end(&mut self) -> Vec<Message> {
        Vec::new()
    }
}

/// In which order a message meets the faults: first what is wrong with its contents, the values before the clock, then what
/// is wrong with its way, and at its end whether anything gets out at all.
pub(super) const ORDER: [FaultName; 9] = [
    FaultName::TelemetryFreeze,
    FaultName::TelemetryBias,
    FaultName::TelemetryForge,
    FaultName::TelemetrySkew,
    FaultName::TelemetryLoss,
    FaultName::TelemetryDuplicate,
    FaultName::TelemetryReorder,
    FaultName::TelemetryDelay,
    FaultName::NodeSilent,
];

/// The place of a fault's name in [`ORDER`], and the fault.
type Place = (usize, FaultId);

/// Every fault of telemetry that there is just now.
#[derive(Debug)]
pub(super) struct Filter {
    chance: Chance,
    stages: BTreeMap<Place, Box<dyn Stage>>,
    schema: Arc<Schema>,
    /// The last message with values, as it was measured.
    latest: Option<Message>,
    ready: Vec<Message>,
}

impl Filter {
    pub(super) fn new(seed: u64, schema: Arc<Schema>) -> Self {
        Self {
            chance: Chance::new(seed),
            stages: BTreeMap::new(),
            schema,
            latest: None,
            ready: Vec::new(),
        }
    }

    /// What the node's columns mean just now.
    pub(super) fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// The last message with values, as it was measured.
    pub(super) fn latest(&self) -> Option<Message> {
        self.latest.clone()
    }

    pub(super) fn begin(&mut self, name: FaultName, fault: FaultId, stage: Box<dyn Stage>) {
        self.stages.insert((place(name), fault), stage);
    }

    /// Nothing when there is no such fault.
    pub(super) fn end(&mut self, now: Timestamp, fault: &FaultId) {
        let Some(place) = self.stages.keys().find(|(_, id)| id == fault).cloned() else {
            return;
        };
        let mut stage = self.stages.remove(&place);
        let held = stage.as_mut().map(|stage| stage.end()).unwrap_or_default();
        self.carry(now, Bound::Excluded(place), held);
    }

    pub(super) fn has(&self, fault: &FaultId) -> bool {
        self.stages.keys().any(|(_, id)| id == fault)
    }

    /// Nothing is to be told of the node.
    pub(super) fn is_silent(&self) -> bool {
        let silence = place(FaultName::NodeSilent);
        self.stages.keys().any(|(place, _)| *place == silence)
    }

    pub(super) fn offer(&mut self, now: Timestamp, message: Message) {
        self.schema = Arc::clone(&message.schema);
        if !message.telemetry.values.is_empty() {
            self.latest = Some(message.clone());
        }
        self.carry(now, Bound::Unbounded, vec![message]);
    }

    /// What comes out, in this order.
    pub(super) fn ready(&mut self, now: Timestamp) -> Vec<Message> {
        let places: Vec<Place> = self.stages.keys().cloned().collect();
        for place in places {
            let stage = self.stages.get_mut(&place);
            let due = stage.map(|stage| stage.wake(now)).unwrap_or_default();
            self.carry(now, Bound::Excluded(place), due);
        }
        std::mem::take(&mut self.ready)
    }

    pub(super) fn next_wakeup(&self) -> Option<Timestamp> {
        let stages = self.stages.values();
        stages.filter_map(|stage| stage.next_wakeup()).min()
    }

    /// Through all stages from here on.
    fn carry(&mut self, now: Timestamp, from: Bound<Place>, mut messages: Vec<Message>) {
        for (_, stage) in self.stages.range_mut((from, Bound::Unbounded)) {
            let chance = &self.chance;
            let passed = messages.into_iter();
            messages = passed
                .flat_map(|message| stage.pass(now, message, chance))
                .collect();
        }
        self.ready.extend(messages);
    }
}

fn place(name: FaultName) -> usize {
    let mut order = ORDER.iter();
    order
        .position(|known| *known == name)
        .unwrap_or(ORDER.len())
}
