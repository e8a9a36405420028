//! Signals to processes that a test did not start itself.

use std::process::Command;

/// Sends a signal, written as `kill` takes it: `-KILL`.
///
/// # Panics
/// When one of the processes is gone.
pub fn signal(signal: &str, pids: &[u32]) {
    let sent = Command::new("kill")
        .arg(signal)
        .args(pids.iter().map(u32::to_string))
        .status();
    assert!(sent.expect("kill").success(), "kill {signal} {pids:?}");
}

/// Processes that are stopped where they are (SIGSTOP) for as long as this lives: they neither answer nor end.
#[derive(Debug)]
pub struct Frozen(Vec<u32>);

impl Frozen {
    /// Stops them.
    ///
    /// # Panics
    /// When one of them is gone.
    #[must_use]
    pub fn new(pids: Vec<u32>) -> Self {
        signal("-STOP", &pids);
        Self(pids)
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        signal("-CONT", &self.0);
    }
}
