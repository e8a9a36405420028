//! Telemetry with its schema. What is lost is counted: nothing here waits for a reader that is too slow.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use arena_proto::{NodeName, Schema, SchemaId, Telemetry, Timestamp};
use async_nats::Subscriber;
use futures::StreamExt;
use futures::stream::SelectAll;

use crate::bucket::Values;
use crate::consume::decode;
use crate::subject::{Family, Partitions};
use crate::{Bus, BusError};

/// Schemas kept of one node: the one in use, and those that late messages may still name.
const SCHEMAS_KEPT: usize = 4;
/// Schema ids that were asked for in vain; beyond this some are asked for again.
const UNKNOWN_MAX: usize = 1024;
/// How long one look into KV `schema` may take; telemetry waits for it.
const LOOK_MAX: Duration = Duration::from_secs(1);

/// Telemetry as it comes, each with the schema that says what its columns mean.
#[derive(Debug)]
pub struct TelemetryStream {
    bus: Bus,
    messages: SelectAll<Subscriber>,
    watch: Values<Schema>,
    schemas: Schemas,
    /// Asked for once, and not there: the watch will tell when they come.
    unknown: BTreeSet<SchemaId>,
    sequences: Sequences,
    /// Decoded, and waiting for its schema: keeps [`TelemetryStream::next`] cancel safe.
    waiting: Option<Telemetry>,
}

impl TelemetryStream {
    /// The next message; `None` once the bus is gone. Rubbish is counted and never comes out. Cancel safe.
    pub async fn next(&mut self) -> Option<(Telemetry, Arc<Schema>)> {
        loop {
            if let Some(ready) = self.resolve().await {
                return Some(ready);
            }
            tokio::select! {
                biased;
                schema = self.watch.next() => self.schemas.insert(schema?),
                message = self.messages.next() => self.take(&message?),
            }
        }
    }

    /// Messages that were published and never arrived here, by the gaps in their sequences.
    #[must_use]
    pub const fn lost(&self) -> u64 {
        self.sequences.lost
    }

    fn take(&mut self, message: &async_nats::Message) {
        let subject = message.subject.as_str();
        // Telemetry says itself when its samples were taken.
        match decode::<Telemetry>(subject, &message.payload, None, Timestamp::EPOCH) {
            Ok(telemetry) => {
                self.sequences.count(&telemetry);
                self.waiting = Some(telemetry);
            }
            Err(error) => self.reject(subject, |rejected, subject| {
                rejected.count(Family::Telemetry, subject, &error);
            }),
        }
    }

    fn reject(&self, subject: &str, count: impl FnOnce(&crate::rejected::Rejected, &str)) {
        count(&self.bus.inner.rejected, subject);
    }

    /// What waits, with its schema.
    async fn resolve(&mut self) -> Option<(Telemetry, Arc<Schema>)> {
        let (node, id) = match &self.waiting {
            Some(telemetry) => (telemetry.node.clone(), telemetry.schema_id),
            None => return None,
        };
        if self.schemas.find(&node, id).is_none() && !self.unknown.contains(&id) {
            if let Some(schema) = self.bus.look_up_schema(&node).await {
                self.schemas.insert(schema);
            }
            if self.schemas.find(&node, id).is_none() {
                if self.unknown.len() >= UNKNOWN_MAX {
                    self.unknown.pop_first();
                }
                self.unknown.insert(id);
            }
        }
        let telemetry = self.waiting.take()?;
        let subject = Family::Telemetry.of_node(&node);
        let Some(schema) = self.schemas.find(&node, id) else {
            self.reject(&subject, |rejected, subject| {
                let why = "KV `schema` does not have its schema";
                rejected.count_kind(Family::Telemetry, subject, "unknown schema", why);
            });
            return None;
        };
        if let Err(why) = fits(&telemetry, &schema) {
            self.reject(&subject, |rejected, subject| {
                rejected.count_kind(Family::Telemetry, subject, "not as its schema", &why);
            });
            return None;
        }
        Some((telemetry, schema))
    }
}

/// A message has one value a column, or none at all, and one entry a service.
fn fits(telemetry: &Telemetry, schema: &Schema) -> Result<(), String> {
    let (values, columns) = (telemetry.values.len(), schema.columns.len());
    if values != 0 && values != columns {
        return Err(format!("{values} values for {columns} columns"));
    }
    let (entries, services) = (telemetry.services.len(), schema.services.len());
    if entries != services {
        return Err(format!("{entries} entries for {services} services"));
    }
    Ok(())
}

#[derive(Debug, Default)]
struct Schemas(BTreeMap<NodeName, Vec<(SchemaId, Arc<Schema>)>>);

impl Schemas {
    fn insert(&mut self, schema: Schema) {
        let id = schema.id();
        let known = self.0.entry(schema.node.clone()).or_default();
        if known.iter().any(|(known, _)| *known == id) {
            return;
        }
        if known.len() >= SCHEMAS_KEPT {
            known.remove(0);
        }
        known.push((id, Arc::new(schema)));
    }

    fn find(&self, node: &NodeName, id: SchemaId) -> Option<Arc<Schema>> {
        let known = self.0.get(node)?;
        let (_, schema) = known.iter().find(|(known, _)| *known == id)?;
        Some(Arc::clone(schema))
    }
}

/// Counts gaps, node by node and boot by boot; what comes late was not lost.
#[derive(Debug, Default)]
struct Sequences {
    nodes: BTreeMap<NodeName, Seen>,
    lost: u64,
}

/// What has come of one node.
#[derive(Debug)]
struct Seen {
    boot: u64,
    newest: u64,
    /// Bit n: the message n before the newest has come, or was not to be expected. What is late by more counts as lost.
    come: u64,
}

impl Sequences {
    fn count(&mut self, telemetry: &Telemetry) {
        let (boot, seq) = (telemetry.boot_id, telemetry.seq);
        let Some(seen) = self.nodes.get_mut(&telemetry.node) else {
            // Who joins late has lost nothing.
            let (newest, come) = (seq, u64::MAX);
            let seen = Seen { boot, newest, come };
            self.nodes.insert(telemetry.node.clone(), seen);
            return;
        };
        if seen.boot != boot {
            // A new boot begins at 1, and what it sent before this was lost too.
            let (newest, come) = (0, 0);
            *seen = Seen { boot, newest, come };
        }
        let bits = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
        if seq > seen.newest {
            let step = seq - seen.newest;
            self.lost = self.lost.saturating_add(step - 1);
            seen.come = seen.come.checked_shl(bits(step)).unwrap_or(0) | 1;
            seen.newest = seq;
            return;
        }
        let late = 1_u64.checked_shl(bits(seen.newest - seq)).unwrap_or(0);
        if late != 0 && seen.come & late == 0 {
            seen.come |= late;
            self.lost = self.lost.saturating_sub(1);
        }
    }
}

impl Bus {
    /// Reads telemetry from now on.
    pub async fn telemetry(&self, partitions: Partitions) -> Result<TelemetryStream, BusError> {
        let watch = self.watch_schemas().await?;
        let mut messages = SelectAll::new();
        for subject in partitions.subjects() {
            messages.push(self.subscribe(&subject).await?);
        }
        Ok(TelemetryStream {
            bus: self.clone(),
            messages,
            watch,
            schemas: Schemas::default(),
            unknown: BTreeSet::new(),
            sequences: Sequences::default(),
            waiting: None,
        })
    }

    /// One look into KV `schema`, for telemetry that overtook the watch.
    async fn look_up_schema(&self, node: &NodeName) -> Option<Schema> {
        let key = Family::Schema.of_node(node);
        let subject = format!("$JS.API.DIRECT.GET.KV_schema.{key}");
        let request = self.inner.client.request(subject, bytes::Bytes::new());
        let reply = tokio::time::timeout(LOOK_MAX, request).await.ok()?.ok()?;
        if reply.status.is_some() {
            return None;
        }
        decode(&key, &reply.payload, None, Timestamp::EPOCH).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(boot_id: u64, seq: u64) -> Telemetry {
        Telemetry {
            node: NodeName::new("node-1").unwrap(),
            boot_id,
            seq,
            schema_id: SchemaId(0),
            time: Timestamp::EPOCH,
            values: Vec::new(),
            services: [].into(),
        }
    }

    #[test]
    fn gaps_are_counted_by_boot() {
        let mut sequences = Sequences::default();
        for (boot, seq, lost) in [
            (1, 5, 0),
            (1, 6, 0),
            (1, 9, 2),
            (1, 9, 2),
            (1, 8, 1),
            (1, 8, 1),
            (2, 1, 1),
            (2, 2, 1),
            (3, 4, 4),
            (3, 3, 3),
            (3, 200, 198),
            (3, 3, 198),
            (3, u64::MAX, u64::MAX - 3),
            (3, u64::MAX, u64::MAX - 3),
        ] {
            sequences.count(&message(boot, seq));
            assert_eq!(sequences.lost, lost, "boot {boot} seq {seq}");
        }
    }
}
