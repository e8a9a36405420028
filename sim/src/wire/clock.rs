//! What the clock of each part of the arena shows.

use arena_proto::Timestamp;

use super::{Bus, Party};
use crate::bus;

impl Bus {
    pub(super) fn party(&self, host: Party) -> Option<bus::Party> {
        match host {
            Party::Node(ix) => *self.nodes.get(ix.0 as usize)?,
            _ => self.parties.get(&host).copied(),
        }
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
