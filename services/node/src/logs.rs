//! Keeps the services' log files within bounds.

use std::path::PathBuf;
use std::time::Duration;

use arena_supervisor::logs::rotate_if_larger;

/// A log is rotated beyond this size: an editor still opens it at once.
const BYTES_MAX: u64 = 10 * 1024 * 1024;
/// Old files kept of each.
const KEEP: u32 = 3;
/// How often sizes are looked at. A service that writes 100 MB/s overshoots by half a gigabyte at most.
const EVERY: Duration = Duration::from_secs(5);

/// Runs until it is dropped.
pub(crate) async fn rotate(paths: Vec<PathBuf>) {
    loop {
        tokio::time::sleep(EVERY).await;
        let paths = paths.clone();
        // Ten megabytes to copy are milliseconds that no exit notice should wait for.
        let rotated = tokio::task::spawn_blocking(move || {
            for path in &paths {
                if let Err(error) = rotate_if_larger(path, BYTES_MAX, KEEP) {
                    tracing::warn!(path = %path.display(), %error, "cannot rotate a log");
                }
            }
        });
        let _ = rotated.await;
    }
}
