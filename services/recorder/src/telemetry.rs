//! Telemetry from the bus into roll-ups in the database.
//!
//! Telemetry is not durable: what the bus loses is lost, a recorder that is killed loses the open bucket, and a database
//! that is away for longer than the queue bridges loses buckets. Each loss is counted and told.

use arena_bus::TelemetryStream;
use arena_chassis::Chassis;
use arena_recorder_core::{Rollup, Rollups};
use tokio::sync::mpsc;

use crate::database::{Database, PendingRollup, SeriesIds};
use crate::ingest::Outage;

/// Closed buckets that wait for the database: a minute, the time of a restart of PostgreSQL.
const WAITING_MAX: usize = 6;

/// Rolls telemetry up until the program is told to stop; then stores what there is of the open bucket.
pub async fn run(
    chassis: &Chassis,
    database: &Database,
    telemetry: TelemetryStream,
) -> anyhow::Result<()> {
    let (closed, waiting) = mpsc::channel(WAITING_MAX);
    tokio::join!(
        roll_up(chassis, telemetry, closed),
        write(chassis, database, waiting)
    );
    Ok(())
}

async fn roll_up(chassis: &Chassis, mut telemetry: TelemetryStream, closed: mpsc::Sender<Rollup>) {
    let mut rollups = Rollups::default();
    let mut losses = Losses::default();
    loop {
        let wakeup = rollups.next_wakeup();
        let rollup = tokio::select! {
            () = chassis.shutdown.cancelled() => break,
            sample = telemetry.next() => match sample {
                Some((sample, schema)) => rollups.observe(chassis.clock.now(), &sample, &schema),
                None => break,
            },
            () = until(chassis, wakeup) => rollups.close(chassis.clock.now()),
        };
        if wakeup.is_none() && rollups.next_wakeup().is_some() {
            tracing::debug!("telemetry comes in");
        }
        if let Some(rollup) = rollup {
            losses.buckets += u64::from(closed.try_send(rollup).is_err());
            losses.samples = telemetry.lost() + rollups.dropped();
            losses.tell();
        }
    }
    if let Some(rollup) = rollups.take() {
        losses.buckets += u64::from(closed.try_send(rollup).is_err());
        losses.tell();
    }
}

/// Never, without a time.
async fn until(chassis: &Chassis, at: Option<arena_proto::Timestamp>) {
    match at {
        Some(at) => chassis.clock.sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// Ends when the buckets do, or, told to stop, when the database fails.
async fn write(chassis: &Chassis, database: &Database, mut waiting: mpsc::Receiver<Rollup>) {
    let mut ids = SeriesIds::default();
    while let Some(rollup) = waiting.recv().await {
        let mut rollup = PendingRollup::new(rollup);
        let mut outage = Outage::new(chassis);
        loop {
            let Err(error) = database.store_rollup(&mut ids, &mut rollup).await else {
                outage.over();
                break;
            };
            if error.is_about_the_values() {
                tracing::error!("a bucket of roll-ups is not stored: {error}");
                break;
            }
            outage.goes_on(&error);
            if !outage.pause().await {
                return;
            }
        }
    }
}

/// What was lost since the start, and what of it was told.
#[derive(Default)]
struct Losses {
    buckets: u64,
    samples: u64,
    told: (u64, u64),
}

impl Losses {
    fn tell(&mut self) {
        if self.told != (self.buckets, self.samples) {
            tracing::warn!(
                "telemetry lost since the start: {} messages or readings before they were rolled up, {} buckets \
                 because the database was away",
                self.samples,
                self.buckets
            );
            self.told = (self.buckets, self.samples);
        }
    }
}
