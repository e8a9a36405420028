//! What the detector hears, in one loop: telemetry, which nodes there are, alerts, the state of the connection, and time.

use arena_bus::{
    Bus, CanaryReceiver, CanarySender, Change, Consume, From, Partitions, TelemetryStream, Values,
};
use arena_chassis::{CancellationToken, Chassis, Clock};
use arena_detector_core::{Detector, Input, Output};
use arena_proto::{Alert, IncidentEvent, NodeName, NodeStatus, ProcessState, Timestamp};
use tokio::sync::watch;

use crate::observer::ObserverWriter;
use crate::publisher::Publisher;

/// Losses are told at most this often, in milliseconds: one line a minute shows that they go on.
const LOSS_TOLD_EVERY_MS: i64 = 60_000;

/// The core, and where its inputs come from.
pub(crate) struct Intake {
    detector: Detector,
    clock: Clock,
    telemetry: TelemetryStream,
    statuses: Values<NodeStatus>,
    alerts: Values<Alert>,
    partitions: Partitions,
    canary: (CanarySender, CanaryReceiver),
    observer: ObserverWriter,
    connected: watch::Receiver<bool>,
    lost: Loss,
}

#[derive(Default)]
struct Loss {
    told: u64,
    told_at: Option<Timestamp>,
}

impl Intake {
    /// Subscribes; what comes from now on waits for [`Intake::run`].
    pub(crate) async fn open(
        bus: &Bus,
        chassis: &Chassis,
        detector: Detector,
        partitions: Partitions,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            detector,
            clock: chassis.clock,
            telemetry: bus.telemetry(partitions.clone()).await?,
            statuses: bus.watch_statuses().await?,
            alerts: bus.watch_alerts().await?,
            canary: bus.canary().await?,
            observer: ObserverWriter::start(bus, chassis.clock, &partitions),
            partitions,
            connected: bus.connected(),
            lost: Loss::default(),
        })
    }

    /// Takes up which alerts stand, and what was open: the last event of each entity says.
    pub(crate) async fn restore(&mut self, bus: &Bus, publisher: &Publisher) -> anyhow::Result<()> {
        for alert in bus.alerts().await? {
            let input = about_alert(Change::Put(alert), &self.partitions);
            self.step(input, publisher).await;
        }
        let last = Consume::ephemeral().from(From::LastPerSubject);
        let mut incidents = bus.consume::<IncidentEvent>(last).await?;
        while let Some(delivery) = incidents.next_stored().await {
            if self.partitions.holds(&delivery.message.entity.node) {
                let event = Box::new(delivery.message);
                self.step(Input::Restore(event), publisher).await;
            }
        }
        self.step(Input::Started, publisher).await;
        Ok(())
    }

    pub(crate) fn open_incidents(&self) -> usize {
        self.detector.open_incidents()
    }

    /// Until told to stop, or the bus is gone for good.
    pub(crate) async fn run(&mut self, shutdown: &CancellationToken, publisher: &Publisher) {
        loop {
            let wakeup = self.detector.next_wakeup();
            let input = tokio::select! {
                () = shutdown.cancelled() => return,
                received = self.telemetry.next() => match received {
                    Some((telemetry, schema)) => Input::Telemetry { telemetry, schema },
                    None => return,
                },
                change = self.statuses.next_change() => match change.map(about_node) {
                    Some((node, input)) if self.partitions.holds(&node) => input,
                    Some(_) => continue,
                    None => return,
                },
                change = self.alerts.next_change() => match change {
                    Some(change) => about_alert(change, &self.partitions),
                    None => return,
                },
                changed = self.connected.changed() => match changed {
                    Ok(()) => Input::Connected(*self.connected.borrow_and_update()),
                    Err(_) => return,
                },
                heard = self.canary.1.next() => match heard {
                    Some(number) => Input::CanaryHeard(number),
                    None => return,
                },
                () = sleep_until(&self.clock, wakeup) => Input::Tick,
            };
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = self.step(input, publisher) => self.tell_losses(),
            }
        }
    }

    async fn step(&mut self, input: Input, publisher: &Publisher) {
        for output in self.detector.step(self.clock.now(), input) {
            match output {
                Output::Publish(event) => publisher.publish(*event).await,
                Output::Observer(hearing) => self.observer.tell(hearing),
                Output::SendCanary(number) => {
                    // Refused while the bus is away: then it does not come back, which is what it is for.
                    if let Err(error) = self.canary.0.send(number).await {
                        tracing::debug!("no canary: {error}");
                    }
                }
            }
        }
    }

    fn tell_losses(&mut self) {
        let lost = self.telemetry.lost();
        if lost == self.lost.told {
            return;
        }
        let now = self.clock.now();
        let due = |at: Timestamp| now.unix_millis() - at.unix_millis() >= LOSS_TOLD_EVERY_MS;
        if self.lost.told_at.is_none_or(due) {
            tracing::warn!("{lost} telemetry messages were lost so far");
            self.lost = Loss {
                told: lost,
                told_at: Some(now),
            };
        }
    }
}

/// An alert that is about none of our nodes is none of ours, whatever it was before.
fn about_alert(change: Change<Alert>, partitions: &Partitions) -> Input {
    match change {
        Change::Removed(fingerprint) => Input::AlertForgotten(fingerprint),
        Change::Put(alert) => {
            let ours = alert.entity.as_ref();
            if ours.is_some_and(|entity| partitions.holds(&entity.node)) {
                Input::Alert(Box::new(alert))
            } else {
                Input::AlertForgotten(alert.fingerprint)
            }
        }
    }
}

fn about_node(change: Change<NodeStatus>) -> (NodeName, Input) {
    match change {
        Change::Removed(node) => (node.clone(), Input::NodeForgotten(node)),
        Change::Put(status) => {
            let node = status.node.clone();
            let input = if status.state == ProcessState::Stopping {
                let boot_id = status.boot_id;
                Input::NodeLeaving { node, boot_id }
            } else if status.has_agent() {
                Input::NodeKnown(node)
            } else {
                Input::NodePosts(node)
            };
            (status.node, input)
        }
    }
}

async fn sleep_until(clock: &Clock, wakeup: Option<Timestamp>) {
    match wakeup {
        Some(at) => clock.sleep_until(at).await,
        None => std::future::pending().await,
    }
}
