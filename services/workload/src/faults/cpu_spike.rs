//! `cpu-spike`: threads that burn a core each.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Instant;

use super::Effect;
use crate::{clock, work};

/// The burning threads. Each looks after its end after some tens of microseconds of work.
pub(super) struct CpuSpike {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl CpuSpike {
    /// So many threads, until `ends_at`.
    pub(super) fn start(cores: u64, ends_at: Instant) -> io::Result<Self> {
        let mut spike = Self {
            stop: Arc::default(),
            threads: Vec::new(),
        };
        for seed in 0..cores {
            let stop = Arc::clone(&spike.stop);
            let burn = move || {
                while !stop.load(Ordering::Relaxed) && clock::now() < ends_at {
                    work::burn(seed);
                }
            };
            let spawned = std::thread::Builder::new()
                .name("cpu-spike".into())
                .spawn(burn);
            match spawned {
                Ok(thread) => spike.threads.push(thread),
                Err(error) => {
                    spike.end();
                    return Err(error);
                }
            }
        }
        Ok(spike)
    }
}

impl Effect for CpuSpike {
    fn is_live(&self, _: Instant) -> bool {
        self.threads.iter().any(|thread| !thread.is_finished())
    }

    fn end(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}
