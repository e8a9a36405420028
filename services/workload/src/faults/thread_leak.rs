//! `thread-leak`: threads that are started, do nothing, and never end.

use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use super::leak::Hoard;

/// Address space of each: they do nothing, and nobody should run out of memory by them.
const STACK_BYTES: usize = 64 * 1024;

/// The idle threads. Each waits until `open` is gone.
pub(super) struct Threads {
    open: Option<Sender<()>>,
    closed: Arc<Mutex<Receiver<()>>>,
    idle: Vec<JoinHandle<()>>,
}

impl Default for Threads {
    fn default() -> Self {
        let (open, closed) = channel();
        Self {
            open: Some(open),
            closed: Arc::new(Mutex::new(closed)),
            idle: Vec::new(),
        }
    }
}

impl Hoard for Threads {
    fn take(&mut self, count: u64) -> io::Result<()> {
        for _ in 0..count {
            let closed = Arc::clone(&self.closed);
            // One waits for the channel, the others for that one: nothing is ever sent.
            let idle = move || {
                let _ = closed.lock().unwrap_or_else(PoisonError::into_inner).recv();
            };
            let thread = std::thread::Builder::new()
                .name("thread-leak".into())
                .stack_size(STACK_BYTES)
                .spawn(idle)?;
            self.idle.push(thread);
        }
        Ok(())
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.open = None;
        for thread in self.idle.drain(..) {
            // None of them can panic.
            let _ = thread.join();
        }
    }
}
