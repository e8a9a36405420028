//! A fault: what its node says became of it.

use std::collections::BTreeMap;

use arena_proto::{Entity, FaultStatus, Timestamp};

use super::Facts;
use crate::view::FaultView;

/// What is known of a fault: at most one status a state, so at most seven.
#[derive(Debug, Default)]
pub(crate) struct FaultFacts {
    statuses: BTreeMap<u8, FaultStatus>,
}

impl FaultFacts {
    pub(crate) fn hear(&mut self, status: &FaultStatus) {
        let known = self.statuses.entry(status.state.progress());
        let known = known.or_insert_with(|| status.clone());
        // A state is said once; said twice, the later word counts.
        if status.at > known.at {
            *known = status.clone();
        }
    }

    /// What the status furthest along says that says anything.
    fn known<T>(&self, of: impl Fn(&FaultStatus) -> Option<T>) -> Option<T> {
        self.statuses.values().rev().find_map(of)
    }

    fn first_heard(&self) -> Option<Timestamp> {
        self.statuses.values().map(|status| status.at).min()
    }
}

impl Facts for FaultFacts {
    type View = FaultView;

    fn view(&self, id: &str) -> Option<FaultView> {
        let current = self.statuses.values().next_back()?;
        let of_text = |text: &String| (!text.is_empty()).then(|| text.clone());
        Some(FaultView {
            id: id.to_owned(),
            fault: self
                .known(|status| of_text(&status.fault))
                .unwrap_or_default(),
            target: Entity {
                node: current.node.clone(),
                service: self.known(|status| status.service.clone()),
            },
            state: current.state,
            reason: current.reason,
            message: current.message.clone(),
            at: self.first_heard()?,
            active_at: self.known(|status| status.active_at),
            expires_at: self.known(|status| status.expires_at),
            reverted_at: self.known(|status| status.reverted_at),
            params: self
                .known(|status| (!status.params.is_empty()).then(|| status.params.clone()))
                .unwrap_or_default(),
        })
    }
}
