//! Removes what is old, at the start and now and then.

use std::time::Duration;

use arena_chassis::Chassis;

use crate::database::{Database, Retention};

/// Often enough that a round has little to do, rare enough to cost nothing.
const EVERY: Duration = Duration::from_mins(10);

/// Runs until the program is told to stop.
pub async fn run(chassis: &Chassis, database: &Database, retention: Retention) {
    loop {
        let round = database.retain(chassis.clock.now(), retention);
        let result = tokio::select! {
            () = chassis.shutdown.cancelled() => return,
            result = round => result,
        };
        match result {
            Ok(removed) => tracing::debug!(?removed, "removed what is old"),
            // The next round makes up for it; that the database is away, ingest tells.
            Err(error) => tracing::debug!("cannot remove what is old: {error}"),
        }
        tokio::select! {
            () = chassis.shutdown.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}
