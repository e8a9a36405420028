//! `noop`: does nothing. What heals under it healed by itself.

use arena_proto::Timestamp;

use super::{Deed, Policy};
use crate::observe::Observation;

/// See the module.
#[derive(Debug, Clone, Copy, Default)]
pub struct Noop;

impl Policy for Noop {
    fn name(&self) -> &'static str {
        "noop"
    }

    fn step(&mut self, _: Timestamp, _: &Observation) -> Vec<Deed> {
        Vec::new()
    }
}
