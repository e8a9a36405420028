//! How many arenas of one test program run at the same time.

use std::fs::File;

use tokio::sync::{Semaphore, SemaphorePermit};

/// Arenas at once. On a small machine more would be each other's noisy neighbours.
const AT_ONCE: u32 = 2;

/// Names a file that is locked by whoever needs the machine for itself, and shared by what else uses much of it: the browser in
/// `.ci/run`. Without it there is nobody else to be reckoned with.
const MACHINE: &str = "ARENA_TEST_MACHINE";

/// Whose turn it is: a `static` of a test program whose tests each start an arena.
#[derive(Debug)]
pub struct Turns(Semaphore);

/// The machine is one's own while this lives.
#[derive(Debug)]
pub struct Machine<'a> {
    _turns: SemaphorePermit<'a>,
    _lock: Option<File>,
}

impl Turns {
    /// Nobody's turn yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(Semaphore::const_new(AT_ONCE as usize))
    }

    /// Waits for one of the turns; it is given back when what this returns goes.
    pub async fn one(&self) -> SemaphorePermit<'_> {
        self.take(1).await
    }

    /// Waits for all of them: whose test wants a whole CPU shares the machine with no other arena of this program.
    pub async fn alone(&self) -> SemaphorePermit<'_> {
        self.take(AT_ONCE).await
    }

    /// Waits for the machine: whose test is about who has the CPU shares it with nobody.
    ///
    /// # Panics
    /// When the file of the machine cannot be locked.
    pub async fn machine(&self) -> Machine<'_> {
        // Before the turns: the other arenas go on while the machine is somebody else's.
        let lock = tokio::task::spawn_blocking(lock_machine).await;
        Machine {
            _lock: lock.expect("the machine"),
            _turns: self.alone().await,
        }
    }

    async fn take(&self, turns: u32) -> SemaphorePermit<'_> {
        match self.0.acquire_many(turns).await {
            Ok(permit) => permit,
            Err(_closed) => unreachable!("nobody closes it"),
        }
    }
}

impl Default for Turns {
    fn default() -> Self {
        Self::new()
    }
}

fn lock_machine() -> Option<File> {
    let path = std::env::var_os(MACHINE)?;
    let file = File::create(path).expect("the file of the machine");
    file.lock().expect("the machine is locked");
    Some(file)
}
