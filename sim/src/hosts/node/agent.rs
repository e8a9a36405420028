//! One run of an agent: its core and what it knows besides, gone with it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arena_node_core::telemetry::Filter;
use arena_node_core::{Heard, Input, Node, NodeConfig};
use arena_proto::{CommandId, FaultId, Schema, SchemaId, ServiceName, ServiceSample, Timestamp};

use crate::ground::Ground;
use crate::wire::{Message, Party, Token};

/// A renewal of the lease is told to the core this long after the last one: the live holder renews each second, and only that one counts
/// that comes last before `LEASE_SILENCE` (5 s).
const LEASE_HEARD_EVERY: Duration = Duration::from_secs(4);

/// See the module. In memory as it is written here, see [`super::NodeHost`].
#[derive(Debug)]
#[repr(C)]
pub(super) struct Agent {
    /// Different for each start.
    pub(super) boot_id: u64,
    /// Of the last message of telemetry.
    pub(super) seq: u64,
    /// The schema that is in KV `schema`, with its id.
    pub(super) told: Option<(Arc<Schema>, SchemaId)>,
    /// As telemetry tells them.
    pub(super) samples: Arc<[ServiceSample]>,
    pub(super) filter: Filter,
    pub(super) pid: u32,
    /// The bus is there.
    pub(super) connected: bool,
    /// A status that waits for the end of a silence.
    pub(super) status_waits: bool,
    /// Evidence is captured: nothing else is done meanwhile.
    pub(super) held_up: bool,
    /// When a renewal of the lease was last told to the core, by the node's clock.
    pub(super) heard_at: Timestamp,
    pub(super) core: Node,
    /// Deliveries whose work is not done.
    pub(super) commands: BTreeMap<CommandId, Token>,
    pub(super) faults: BTreeMap<FaultId, Token>,
    /// Which start of each service was asked which faults it makes.
    pub(super) asked: BTreeMap<ServiceName, u32>,
    pub(super) backlog: Vec<Input>,
}

impl Agent {
    pub(super) fn new(config: NodeConfig, boot_id: u64, pid: u32, filter: Filter) -> Self {
        Self {
            core: Node::new(config),
            boot_id,
            pid,
            samples: Arc::default(),
            filter,
            seq: 0,
            told: None,
            status_waits: false,
            commands: BTreeMap::new(),
            faults: BTreeMap::new(),
            asked: BTreeMap::new(),
            held_up: false,
            backlog: Vec::new(),
            connected: false,
            heard_at: Timestamp::EPOCH,
        }
    }

    /// The id of the schema that its telemetry is told by; where it is another than before, KV `schema` is told first.
    pub(super) fn tells(
        &mut self,
        ground: &mut Ground,
        party: Party,
        schema: &Arc<Schema>,
    ) -> SchemaId {
        // Found out once a schema: it takes longer than all the rest of a message.
        if let Some((told, id)) = &self.told
            && Arc::ptr_eq(told, schema)
        {
            return *id;
        }
        let id = schema.id();
        if !self.filter.is_silent() {
            let before = self.told.replace((Arc::clone(schema), id));
            if before.is_none_or(|(_, before)| before != id) {
                ground.publish(party, Message::Schema(Arc::clone(schema)));
            }
        }
        id
    }

    /// When to wake it by the node's clock, for its core or for a renewal that it hears.
    pub(super) fn next_wakeup(&self, ground: &Ground) -> Option<Timestamp> {
        let renewal = self.renewal_due(ground);
        self.core.next_wakeup().into_iter().chain(renewal).min()
    }

    fn renewal_due(&self, ground: &Ground) -> Option<Timestamp> {
        let heard = self.connected && ground.lease.is_some();
        heard.then(|| self.heard_at + LEASE_HEARD_EVERY)
    }

    /// A renewal is due by `now` of the node's clock; it counts as heard.
    pub(super) fn hears_lease(&mut self, ground: &Ground, now: Timestamp) -> bool {
        let due = self.renewal_due(ground).is_some_and(|at| at <= now);
        if due {
            self.heard_at = now;
        }
        due
    }
}

/// A renewal of the lease that is held.
pub(super) fn renewal(ground: &Ground) -> Input {
    ground
        .lease
        .map_or(Input::Tick, |fence| Input::Remediator(Heard { fence }))
}
