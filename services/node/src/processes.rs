//! The processes of the services, for whoever has to signal them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arena_node_core::ProcessRef;
use arena_supervisor::Process;

/// Handles by pid and start time. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Processes(Arc<Mutex<BTreeMap<ProcessRef, Process>>>);

impl Processes {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<ProcessRef, Process>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn insert(&self, process: &Process) -> ProcessRef {
        let reference = ProcessRef {
            pid: process.pid,
            start_time: process.start_time,
        };
        self.lock().insert(reference, process.clone());
        reference
    }

    /// The process, while it lives or is known; one of a predecessor is adopted.
    pub(crate) fn get(&self, reference: ProcessRef) -> Option<Process> {
        let known = self.lock().get(&reference).cloned();
        known.or_else(|| Process::adopt(reference.pid, reference.start_time))
    }

    pub(crate) fn remove(&self, reference: ProcessRef) {
        self.lock().remove(&reference);
    }
}
