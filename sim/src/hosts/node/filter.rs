//! Interim: telemetry without faults, until `arena_node_core::telemetry` is there.

use std::sync::Arc;

use arena_faults::FaultName;
use arena_node_core::Effect;
use arena_proto::{FaultReason, Schema, Telemetry, Timestamp};

#[derive(Debug)]
pub(super) struct Message {
    pub(super) schema: Arc<Schema>,
    pub(super) telemetry: Telemetry,
}

#[derive(Debug)]
pub(super) struct Filter {
    ready: Vec<Message>,
}

pub(super) fn makes(name: FaultName) -> bool {
    name.fault().carrier == arena_faults::Carrier::Agent
}

impl Filter {
    pub(super) fn new(_: u64, _: Arc<Schema>) -> Self {
        Self { ready: Vec::new() }
    }
    pub(super) fn is_silent(&self) -> bool {
        false
    }
    pub(super) fn offer(&mut self, _: Timestamp, message: Message) {
        self.ready.push(message);
    }
    pub(super) fn ready(&mut self, _: Timestamp) -> Vec<Message> {
        std::mem::take(&mut self.ready)
    }
    pub(super) fn next_wakeup(&self) -> Option<Timestamp> {
        None
    }
    pub(super) fn apply(&mut self, _: &Effect) -> Result<(), (FaultReason, String)> {
        Err((FaultReason::Unsupported, "not yet".to_owned()))
    }
    pub(super) fn revert(&mut self, _: Timestamp, _: &Effect) -> Result<(), String> {
        Ok(())
    }
}
