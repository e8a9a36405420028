//! How many arenas of one test program run at the same time.

use tokio::sync::{Semaphore, SemaphorePermit};

/// Arenas at once. On a small machine more would be each other's noisy neighbours.
const AT_ONCE: u32 = 2;

/// Whose turn it is: a `static` of a test program whose tests each start an arena.
#[derive(Debug)]
pub struct Turns(Semaphore);

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

    /// Waits for the machine: whose test is about who has the CPU shares it with no other arena.
    pub async fn alone(&self) -> SemaphorePermit<'_> {
        self.take(AT_ONCE).await
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
