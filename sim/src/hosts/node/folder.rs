//! What outlives an agent: its folder, with the saved state and the undo journal.

use std::collections::BTreeMap;

use arena_node_core::{JournalEntry, Saved};
use arena_proto::FaultId;

/// The folder of one node.
#[derive(Debug, Default)]
pub(super) struct Folder {
    /// As the last agent left it.
    pub(super) saved: Saved,
    /// By fault.
    pub(super) journal: BTreeMap<FaultId, JournalEntry>,
}
