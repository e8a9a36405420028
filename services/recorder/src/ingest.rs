//! Events from the bus into the database: a batch is stored in one transaction, and acked once that is committed.
//!
//! A recorder that dies in between gets the batch again, and the database knows each event of it. While the database is
//! away the batch waits here and the rest in the streams; nothing is acked and nothing lost.

use std::time::Duration;

use arena_bus::{Event as Arrived, Events};
use arena_chassis::Chassis;
use arena_recorder_core::Event;
use futures::FutureExt;

use crate::database::{Database, DatabaseError, NewEvent};

/// Events in one transaction. What arrives while one commits makes the next: alone an event waits for nobody, and under
/// load a sync is shared by many.
const BATCH_MAX: usize = 256;
/// The first pause after a failure: a database that restarts is soon back.
const PAUSE_MIN: Duration = Duration::from_millis(100);
/// The longest: it bounds how late after the database's return the recorder goes on.
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// Stores what comes until the program is told to stop. A batch that is under way is finished first, unless the
/// database is away.
pub async fn run(chassis: &Chassis, database: &Database, mut events: Events) -> anyhow::Result<()> {
    loop {
        let first = tokio::select! {
            () = chassis.shutdown.cancelled() => return Ok(()),
            event = events.next() => event,
        };
        let Some(first) = first else {
            anyhow::bail!("the bus gives no more events");
        };
        let mut batch = vec![first];
        while batch.len() < BATCH_MAX
            && let Some(Some(event)) = events.next().now_or_never()
        {
            batch.push(event);
        }
        if !store(chassis, database, &batch).await {
            return Ok(());
        }
        for event in &batch {
            // An ack that is lost brings the event again, and the database knows it.
            if let Err(error) = event.ack().await {
                tracing::debug!("cannot ack an event: {error}");
            }
        }
    }
}

/// Stores a batch, however long that takes; `false` when the program was told to stop before it was done.
async fn store(chassis: &Chassis, database: &Database, arrived: &[Arrived]) -> bool {
    let batch: Vec<NewEvent> = arrived.iter().map(new_event).collect();
    let mut outage = Outage::new(chassis);
    tracing::debug!("storing {} events", batch.len());
    loop {
        let error = match database.store(chassis.clock.now(), &batch).await {
            Ok(new) => {
                tracing::debug!("stored {new} new events of {}", batch.len());
                outage.over();
                return true;
            }
            Err(error) if error.is_about_the_values() => {
                match store_one_by_one(chassis, database, &batch).await {
                    Ok(()) => return true,
                    Err(error) => error,
                }
            }
            Err(error) => error,
        };
        outage.goes_on(&error);
        for event in arrived {
            // Without a word for 15 s the server offers them again, to no purpose.
            if let Err(error) = event.progress().await {
                tracing::debug!("cannot ask for more time for an event: {error}");
            }
        }
        if !outage.pause().await {
            return false;
        }
    }
}

/// After a batch was refused for what is in it: stores what can be stored. What the database refuses by itself is told
/// and passed over, or it would block everything behind it for good.
async fn store_one_by_one(
    chassis: &Chassis,
    database: &Database,
    batch: &[NewEvent],
) -> Result<(), DatabaseError> {
    for event in batch {
        match database
            .store(chassis.clock.now(), std::slice::from_ref(event))
            .await
        {
            Err(error) if error.is_about_the_values() => {
                let NewEvent {
                    event_id, subject, ..
                } = event;
                tracing::error!("event {event_id} of {subject} is not stored: {error}");
            }
            other => {
                other?;
            }
        }
    }
    Ok(())
}

/// A database that is away: told once when it begins and once when it ends.
pub(crate) struct Outage<'a> {
    chassis: &'a Chassis,
    since: Option<arena_proto::Timestamp>,
    pause: Duration,
}

impl<'a> Outage<'a> {
    pub(crate) const fn new(chassis: &'a Chassis) -> Self {
        Self {
            chassis,
            since: None,
            pause: PAUSE_MIN,
        }
    }

    /// It failed, again or for the first time.
    pub(crate) fn goes_on(&mut self, error: &DatabaseError) {
        if self.since.is_none() {
            tracing::warn!("{error}; trying again until it works, nothing is lost meanwhile");
            self.since = Some(self.chassis.clock.now());
        }
    }

    /// It works.
    pub(crate) fn over(&self) {
        if let Some(since) = self.since {
            let away = self.chassis.clock.now().saturating_since(since);
            tracing::info!("the database works again after {:.1} s", away.as_secs_f64());
        }
    }

    /// Waits before the next try; `false` when the program was told to stop.
    pub(crate) async fn pause(&mut self) -> bool {
        let pause = self.pause;
        self.pause = (pause * 2).min(PAUSE_MAX);
        tokio::select! {
            () = self.chassis.shutdown.cancelled() => false,
            () = tokio::time::sleep(pause) => true,
        }
    }
}

fn new_event(arrived: &Arrived) -> NewEvent {
    macro_rules! new_event {
        ($kind:ident, $delivery:expr) => {
            NewEvent {
                event: Event::$kind($delivery.message.clone()),
                event_id: $delivery.event_id.clone(),
                subject: $delivery.subject.clone(),
                trace: $delivery.trace,
            }
        };
    }
    match arrived {
        Arrived::Incident(delivery) => new_event!(Incident, delivery),
        Arrived::Plan(delivery) => new_event!(Plan, delivery),
        Arrived::Command(delivery) => new_event!(Command, delivery),
        Arrived::Outcome(delivery) => new_event!(Outcome, delivery),
        Arrived::Fault(delivery) => new_event!(Fault, delivery),
        Arrived::FaultStatus(delivery) => new_event!(FaultStatus, delivery),
        Arrived::Evidence(delivery) => new_event!(Evidence, delivery),
    }
}
