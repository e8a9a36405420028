//! Waiting for a condition, never for a time; free ports and folders.

use std::time::Duration;

use tempfile::TempDir;

/// How long [`wait_for`] waits before it fails the test: far more than anything takes on a busy machine, so that only a
/// condition that never comes true reaches it.
const WAIT_MAX: Duration = Duration::from_secs(60);
/// Between two looks: short beside a test, long beside the cost of a look.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Waits until `condition` gives a value, and gives it. Panics, naming `what`, when it never does.
pub async fn wait_for<T>(what: &str, mut condition: impl AsyncFnMut() -> Option<T>) -> T {
    let look = async {
        loop {
            if let Some(value) = condition().await {
                return value;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    match tokio::time::timeout(WAIT_MAX, look).await {
        Ok(value) => value,
        Err(_) => panic!("waited {} s for {what}", WAIT_MAX.as_secs()),
    }
}

/// A loopback port that nobody held a moment ago.
///
/// # Panics
/// When the machine has none left.
#[must_use]
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free loopback port");
    listener.local_addr().expect("a bound address").port()
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
