//! What is kept of one node: where its telemetry stands, and the signals of the node and its services.
//!
//! State travels in every message, so a message that was lost, came twice or came late neither makes nor hides a
//! symptom: only a message that is newer than all before it is looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arena_proto::{Entity, NodeName, Schema, SchemaId, Telemetry, Timestamp};

use crate::book::Process;
use crate::calm::Calm;
use crate::fleet::Latest;
use crate::message::{Message, Reader};
use crate::rules::ColumnIndex;
use crate::sequence::{Order, Sequence};
use crate::symptom::Symptom;
use crate::track::{Change, Changes, Restart, Track};

/// The signals that open incidents of before a restart rest on, until their node is heard.
pub(crate) type Restored = BTreeMap<Entity, Vec<(Arc<Symptom>, Timestamp)>>;

/// One node.
#[derive(Debug)]
pub(crate) struct Node {
    sequence: Sequence,
    schema: Option<(SchemaId, Latest)>,
    /// The node itself first, then its services in the order of the schema.
    tracks: Vec<Track>,
    calm: Calm,
}

impl Node {
    pub(crate) fn new(boot_id: u64) -> Self {
        Self {
            sequence: Sequence::new(boot_id),
            schema: None,
            tracks: Vec::new(),
            calm: Calm::default(),
        }
    }

    /// Whether the entity, one of this node's, is being restarted.
    pub(crate) fn restart(&self, entity: &Entity) -> Option<Restart> {
        let mut tracks = self.tracks.iter();
        tracks.find(|track| track.entity == *entity)?.restart()
    }

    /// The process that the entity, one of this node's, is.
    pub(crate) fn process(&self, entity: &Entity) -> Process {
        let mut tracks = self.tracks.iter();
        let track = tracks.find(|track| track.entity == *entity);
        track.map(Track::process).unwrap_or_default()
    }

    /// What it said last.
    pub(crate) fn latest(&self) -> Option<&Latest> {
        self.schema.as_ref().map(|(_, latest)| latest)
    }

    pub(crate) fn boot_id(&self) -> u64 {
        self.sequence.boot_id()
    }

    /// How many of its last messages did not come.
    pub(crate) fn lost(&self) -> u32 {
        self.sequence.lost()
    }

    /// Takes note of a message's place.
    pub(crate) fn take(&mut self, boot_id: u64, seq: u64) -> Order {
        self.sequence.take(boot_id, seq)
    }

    pub(crate) fn has_schema(&self, id: SchemaId) -> bool {
        self.schema.as_ref().is_some_and(|(known, _)| *known == id)
    }

    /// Takes another schema. Signals go on where their entity is still there; where it is not, their symptom is over.
    pub(crate) fn set_schema(
        &mut self,
        reader: Reader<'_>,
        id: SchemaId,
        schema: &Arc<Schema>,
        restored: &mut Restored,
    ) -> Vec<Change> {
        let mut old: BTreeMap<Entity, Track> = std::mem::take(&mut self.tracks)
            .into_iter()
            .map(|track| (track.entity.clone(), track))
            .collect();
        let index = ColumnIndex::of(schema);
        let names = schema.services.iter().map(|service| Some(&service.name));
        for service in std::iter::once(None).chain(names) {
            let entity = Entity {
                node: schema.node.clone(),
                service: service.cloned(),
            };
            let before = old.remove(&entity);
            let raised_before = restored.remove(&entity).unwrap_or_default();
            let track = Track::build(reader, &index, entity, before, raised_before);
            self.tracks.push(track);
        }
        self.schema = Some((id, Latest::new(schema)));
        self.calm.forget();
        let evidence = "the node runs no such service any more";
        let mut changes: Vec<Change> = old
            .into_values()
            .flat_map(|track| track.retire(reader.now, evidence))
            .collect();
        changes.extend(retire_restored(
            reader.now,
            &schema.node,
            restored,
            evidence,
        ));
        changes
    }

    /// The node is no more, and what it showed over.
    pub(crate) fn retire(self, now: Timestamp, evidence: &str) -> Vec<Change> {
        let tracks = self.tracks.into_iter();
        tracks
            .flat_map(|track| track.retire(now, evidence))
            .collect()
    }

    /// Reads a newer message; its entries fit the schema.
    pub(crate) fn read(
        &mut self,
        reader: Reader<'_>,
        telemetry: &Telemetry,
        changes: &mut Changes,
    ) {
        let Some((_, latest)) = &mut self.schema else {
            return;
        };
        let same_services = latest.take(telemetry);
        let moves = latest.stillness().moves();
        let message = Message::new(reader, telemetry, latest);
        if !reader.thorough && same_services && moves && self.calm.holds(telemetry) {
            while let Some((place, bound)) = self.calm.next_left() {
                let sample = place.track.checked_sub(1);
                let sample = sample.and_then(|at| telemetry.services.get(at));
                let track = self.tracks.get_mut(place.track);
                let quiet =
                    track.and_then(|track| track.reread(place.signal, &message, sample, changes));
                self.calm.renew(bound, quiet);
            }
            return;
        }
        let samples = std::iter::once(None).chain(telemetry.services.iter().map(Some));
        self.calm.begin();
        for (at, (track, sample)) in self.tracks.iter_mut().zip(samples).enumerate() {
            track.read(&message, sample, changes);
            track.expect(at, reader.policy, sample, &mut self.calm);
        }
    }

    /// The node is not heard: none of its signals has a reading.
    pub(crate) fn silence(&mut self, now: Timestamp) -> Vec<Change> {
        self.calm.forget();
        let tracks = self.tracks.iter_mut();
        tracks.flat_map(|track| track.silence(now)).collect()
    }

    /// The signals that are raised, for when the node comes back.
    pub(crate) fn into_restored(self) -> Restored {
        let tracks = self.tracks.into_iter().map(Track::into_raised);
        tracks.filter(|(_, raised)| !raised.is_empty()).collect()
    }
}

/// What is restored of a node, and not there any more, is over.
pub(crate) fn retire_restored(
    now: Timestamp,
    node: &NodeName,
    restored: &mut Restored,
    evidence: &str,
) -> Vec<Change> {
    let gone = restored.extract_if(.., |entity, _| entity.node == *node);
    gone.flat_map(|(entity, signals)| Track::restored(entity, signals).retire(now, evidence))
        .collect()
}

/// Whether a message fits the schema that it names; `known`: the schema itself was looked at before.
pub(crate) fn fits(telemetry: &Telemetry, schema: &Schema, known: bool) -> bool {
    telemetry.node == schema.node
        && telemetry.services.len() == schema.services.len()
        && (telemetry.values.is_empty() || telemetry.values.len() == schema.columns.len())
        && (known || has_unique_services(schema))
}

fn has_unique_services(schema: &Schema) -> bool {
    let names: BTreeSet<_> = schema
        .services
        .iter()
        .map(|service| &service.name)
        .collect();
    names.len() == schema.services.len()
}
