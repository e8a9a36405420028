//! The processes of the services, for whoever has to signal them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arena_node_core::ProcessRef;
use arena_supervisor::Process;
use tokio::sync::{OwnedRwLockReadGuard, RwLock};

#[derive(Debug)]
struct Known {
    process: Process,
    /// Read-locked while its group is being stopped.
    stopping: Arc<RwLock<()>>,
}

/// Handles by pid and start time. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Processes(Arc<Mutex<BTreeMap<ProcessRef, Known>>>);

impl Processes {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<ProcessRef, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn insert(&self, process: &Process) -> ProcessRef {
        let reference = ProcessRef {
            pid: process.pid,
            start_time: process.start_time,
        };
        let known = Known {
            process: process.clone(),
            stopping: Arc::default(),
        };
        self.lock().entry(reference).or_insert(known);
        reference
    }

    /// The process, while it lives or is known; one of a predecessor is adopted.
    pub(crate) fn get(&self, reference: ProcessRef) -> Option<Process> {
        let known = self
            .lock()
            .get(&reference)
            .map(|known| known.process.clone());
        known.or_else(|| Process::adopt(reference.pid, reference.start_time))
    }

    /// Hold this while its group is being stopped.
    pub(crate) fn begin_stop(&self, reference: ProcessRef) -> Option<OwnedRwLockReadGuard<()>> {
        let stopping = Arc::clone(&self.lock().get(&reference)?.stopping);
        stopping.try_read_owned().ok()
    }

    /// Waits while its group is being stopped: what the leader leaves behind has its grace too.
    pub(crate) async fn stopped(&self, reference: ProcessRef) {
        let stopping = self
            .lock()
            .get(&reference)
            .map(|known| Arc::clone(&known.stopping));
        if let Some(stopping) = stopping {
            let _ = stopping.write().await;
        }
    }

    pub(crate) fn remove(&self, reference: ProcessRef) {
        self.lock().remove(&reference);
    }
}
