//! What the hosts ask of the bus for each message of telemetry: room for it, and what a clock shows.

use std::sync::Arc;

use arena_proto::{NodeName, SchemaId, Telemetry, Timestamp};

use super::{Bus, Party};
use crate::bus;

impl Bus {
    pub(super) fn party(&self, host: Party) -> Option<bus::Party> {
        match host {
            Party::Node(ix) => *self.nodes.get(ix.0 as usize)?,
            _ => self.parties.get(&host).copied(),
        }
    }

    /// A message of telemetry to be filled anew, that nobody else has: of this node, without values.
    pub(crate) fn spare(&mut self, node: &NodeName) -> Arc<Telemetry> {
        let mut message = self.bus.spare().unwrap_or_else(|| {
            Arc::new(Telemetry {
                node: node.clone(),
                boot_id: 0,
                seq: 0,
                schema_id: SchemaId(0),
                time: Timestamp::EPOCH,
                values: Vec::new(),
                services: Vec::new(),
            })
        });
        if message.node != *node {
            Arc::make_mut(&mut message).node.clone_from(node);
        }
        message
    }

    /// Nobody needs it any more.
    pub(crate) fn give_back(&mut self, telemetry: Arc<Telemetry>) {
        self.bus.give_back(telemetry);
    }

    /// What a part's clock shows.
    pub(crate) fn clock(&self, host: Party, now: Timestamp) -> Timestamp {
        let party = self.party(host);
        party.map_or(now, |party| self.bus.clock(party).at(now))
    }

    /// When a part's clock shows this.
    pub(crate) fn when(&self, host: Party, shown: Timestamp) -> Timestamp {
        let party = self.party(host);
        party.map_or(shown, |party| self.bus.clock(party).when(shown))
    }
}
