//! The way of telemetry through the faults that there are: a message in, and what becomes of it out, now or later.
//!
//! Invariants: each fault is one stage and ending it takes exactly its own away; what it held goes on through the stages that
//! stay; what is held is bounded, by each stage.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::ops::Bound;
use std::sync::Arc;

use arena_faults::FaultName;
use arena_proto::{FaultId, FaultReason, Schema, Telemetry, Timestamp};

use crate::{Chance, Effect};

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

/// Every fault of a node's telemetry that there is just now.
#[derive(Debug)]
pub struct Filter {
    chance: Chance,
    stages: BTreeMap<Place, Box<dyn Stage>>,
    schema: Arc<Schema>,
    /// The values of the last message that had some, as they were measured, and what they mean.
    latest: Option<(Arc<Schema>, Vec<f32>)>,
    ready: Vec<Message>,
}

impl Filter {
    /// No fault yet. `seed`: of every chance; `schema`: what the node's columns mean before its first message.
    #[must_use]
    pub fn new(seed: u64, schema: Arc<Schema>) -> Self {
        Self {
            chance: Chance::new(seed),
            stages: BTreeMap::new(),
            schema,
            latest: None,
            ready: Vec::new(),
        }
    }

    /// What the node's columns mean just now.
    #[must_use]
    pub const fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// The values of the last message that had some, as they were measured, and what they mean.
    pub(super) fn latest(&self) -> Option<(Arc<Schema>, Vec<f32>)> {
        self.latest.clone()
    }

    /// Makes a fault, or says why not.
    pub fn apply(&mut self, effect: &Effect) -> Result<(), (FaultReason, String)> {
        let stage = super::stage(effect, self)?;
        let place = (place(effect.name), effect.fault.clone());
        self.stages.insert(place, stage);
        Ok(())
    }

    /// Takes a fault away; what it held back goes out. There is nothing to take away of one that is not there.
    pub fn revert(&mut self, now: Timestamp, fault: &FaultId) {
        let Some(place) = self.stages.keys().find(|(_, id)| id == fault).cloned() else {
            return;
        };
        let mut stage = self.stages.remove(&place);
        let held = stage.as_mut().map(|stage| stage.end()).unwrap_or_default();
        self.carry(now, Bound::Excluded(place), held);
    }

    /// Whether this fault is there.
    #[must_use]
    pub fn has(&self, fault: &FaultId) -> bool {
        self.stages.keys().any(|(_, id)| id == fault)
    }

    /// Nothing is to be told of the node.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        let silence = place(FaultName::NodeSilent);
        self.stages.keys().any(|(place, _)| *place == silence)
    }

    /// A message on its way to the bus; what comes of it is among [`Filter::ready`], now or later.
    pub fn offer(&mut self, now: Timestamp, schema: Arc<Schema>, telemetry: Telemetry) {
        self.note(&schema, &telemetry);
        let message = Message { schema, telemetry };
        self.carry(now, Bound::Unbounded, vec![message]);
    }

    /// Whether a message may go out as it is, because there is no fault, and nothing that one held back. Then it is noted, and need not be
    /// offered: for who has a thousand nodes to tell of. Otherwise it was not heard.
    pub fn lets_pass(&mut self, schema: &Arc<Schema>, telemetry: &Telemetry) -> bool {
        let calm = self.stages.is_empty() && self.ready.is_empty();
        if calm {
            self.note(schema, telemetry);
        }
        calm
    }

    fn note(&mut self, schema: &Arc<Schema>, telemetry: &Telemetry) {
        if !Arc::ptr_eq(&self.schema, schema) {
            self.schema = Arc::clone(schema);
        }
        if telemetry.values.is_empty() {
            return;
        }
        match &mut self.latest {
            Some((meaning, values)) => {
                if !Arc::ptr_eq(meaning, schema) {
                    *meaning = Arc::clone(schema);
                }
                values.clone_from(&telemetry.values);
            }
            None => self.latest = Some((Arc::clone(schema), telemetry.values.clone())),
        }
    }

    /// What is to be published now, in this order.
    pub fn ready(&mut self, now: Timestamp) -> Vec<Telemetry> {
        let places: Vec<Place> = self.stages.keys().cloned().collect();
        for place in places {
            let stage = self.stages.get_mut(&place);
            let due = stage.map(|stage| stage.wake(now)).unwrap_or_default();
            self.carry(now, Bound::Excluded(place), due);
        }
        let ready = self.ready.drain(..);
        ready.map(|message| message.telemetry).collect()
    }

    /// When [`Filter::ready`] has something to give that it has not now; `None`: not before another message or the end of a fault.
    #[must_use]
    pub fn next_wakeup(&self) -> Option<Timestamp> {
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
