//! Waiting for a condition, never for a time; free ports and folders.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tempfile::TempDir;

/// How long [`wait_for`] waits before it fails the test: far more than anything takes on a busy machine, so that only a
/// condition that never comes true reaches it.
const WAIT_MAX: Duration = Duration::from_mins(1);
/// After the first look; from then on twice as long each time, for what did not come at once takes its time, and a look may start
/// a process: they would take the CPU from what is waited for.
const PAUSE_MIN: Duration = Duration::from_millis(10);
/// Short beside a test.
const PAUSE_MAX: Duration = Duration::from_millis(100);

/// Waits until `condition` gives a value, and gives it.
///
/// # Panics
/// When it never does; names `what`.
pub async fn wait_for<T>(what: &str, mut condition: impl AsyncFnMut() -> Option<T>) -> T {
    let look = async {
        let mut pause = PAUSE_MIN;
        loop {
            if let Some(value) = condition().await {
                return value;
            }
            tokio::time::sleep(pause).await;
            pause = PAUSE_MAX.min(pause * 2);
        }
    };
    tokio::time::timeout(WAIT_MAX, look)
        .await
        .unwrap_or_else(|_| panic!("waited {} s for {what}", WAIT_MAX.as_secs()))
}

/// A loopback port that nobody holds, and that this test process gives out once.
///
/// Below the range from which the kernel takes the ports of outgoing connections (32768 and up on Linux): one of those
/// could be taken by any connection before the caller listens on it.
///
/// # Panics
/// When the machine has none left.
#[must_use]
pub fn free_port() -> u16 {
    const RANGE: std::ops::Range<u32> = 20_000..32_000;
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    let count = RANGE.end - RANGE.start;
    // Test processes that run at once begin at different places.
    let start = std::process::id().wrapping_mul(101);
    for _ in 0..count {
        let given = GIVEN.fetch_add(1, Ordering::Relaxed);
        let port = RANGE.start + start.wrapping_add(given) % count;
        let port = u16::try_from(port).expect("the range is of ports");
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no free loopback port in {RANGE:?}")
}

/// A temporary folder that goes away with the value.
///
/// # Panics
/// When it cannot be made.
#[must_use]
pub fn temp_dir() -> TempDir {
    tempfile::Builder::new()
        .prefix("arena-test-")
        .tempdir()
        .expect("a temporary folder")
}
