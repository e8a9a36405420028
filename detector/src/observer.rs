//! What the detector thinks of its own hearing, on its way to KV `observer`: a task of its own. Only the last word counts:
//! one that could not be written while NATS was away is written when it is there again, unless a newer one took its place.

use std::time::Duration;

use arena_bus::{Bus, Partitions};
use arena_chassis::Clock;
use arena_detector_core::Hearing;
use arena_proto::Observer;
use tokio::sync::watch;

/// Between two attempts at a word that could not be written.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The way in. The task ends when this is dropped.
pub(crate) struct ObserverWriter(watch::Sender<Option<Hearing>>);

impl ObserverWriter {
    pub(crate) fn start(bus: &Bus, clock: Clock, partitions: &Partitions) -> Self {
        let (sender, receiver) = watch::channel(None);
        let name = name(partitions);
        tokio::spawn(write(bus.clone(), clock, name, receiver));
        Self(sender)
    }

    pub(crate) fn tell(&self, hearing: Hearing) {
        let Hearing { state, reason, .. } = &hearing;
        tracing::info!("{state}: {reason}");
        self.0.send_replace(Some(hearing));
    }
}

async fn write(
    bus: Bus,
    clock: Clock,
    detector: String,
    mut hearings: watch::Receiver<Option<Hearing>>,
) {
    while hearings.changed().await.is_ok() {
        let mut told = false;
        loop {
            let Some(hearing) = hearings.borrow_and_update().clone() else {
                break;
            };
            let observer = Observer {
                detector: detector.clone(),
                state: hearing.state,
                reason: hearing.reason,
                since: hearing.since,
                silent: hearing.silent,
                known: hearing.known,
                at: clock.now(),
            };
            let Err(error) = bus.put_observer(&observer).await else {
                break;
            };
            if !std::mem::replace(&mut told, true) {
                tracing::warn!(
                    "what the detector thinks of its hearing waits to be written: {error}"
                );
            }
            tokio::time::sleep(RETRY_AFTER).await;
        }
    }
}

/// The key: which telemetry this detector hears. One that is started again takes the word of its predecessor's place.
fn name(partitions: &Partitions) -> String {
    match partitions.numbers() {
        None => "all".to_owned(),
        Some(numbers) => {
            let numbers: Vec<String> = numbers.iter().map(u32::to_string).collect();
            numbers.join("-")
        }
    }
}
