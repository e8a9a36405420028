//! What a villain sees of the arena: incidents, decisions and telemetry. Read only while there is a villain: a large arena's telemetry is
//! not heard for nothing.

use std::time::Duration;

use anyhow::Context;
use arena_bus::{Bus, Consume, Deliveries, From, Partitions, TelemetryStream};
use arena_injector_core::Input;
use arena_proto::{IncidentEvent, Plan, Timestamp};

/// Incidents that were last told of longer ago are not seen: the detector tells of one that is open whenever it changes.
const HISTORY: Duration = Duration::from_hours(1);

/// The readers.
pub(crate) struct PublicReaders {
    incidents: Deliveries<IncidentEvent>,
    plans: Deliveries<Plan>,
    telemetry: TelemetryStream,
}

impl PublicReaders {
    /// Opens them. Incidents that opened lately are told first ([`Self::next_stored`]).
    pub(crate) async fn open(bus: &Bus, now: Timestamp) -> anyhow::Result<Self> {
        let lately = Consume::ephemeral().from(From::Since(now - HISTORY));
        let from_now = Consume::ephemeral().from(From::New);
        Ok(Self {
            incidents: bus.consume(lately).await.context("reading incidents")?,
            plans: bus.consume(from_now).await.context("reading plans")?,
            telemetry: bus
                .telemetry(Partitions::all())
                .await
                .context("reading telemetry")?,
        })
    }

    /// The next incident that was told before now; `None` when that was all.
    pub(crate) async fn next_stored(&mut self) -> Option<Input> {
        let stored = self.incidents.next_stored().await?;
        Some(Input::Incident(stored.message))
    }

    /// The next thing that is told. Cancel safe.
    pub(crate) async fn next(&mut self) -> anyhow::Result<Input> {
        let gone = "the bus is gone";
        Ok(tokio::select! {
            incident = self.incidents.next() => Input::Incident(incident.context(gone)?.message),
            plan = self.plans.next() => Input::Plan(plan.context(gone)?.message),
            heard = self.telemetry.next() => {
                let (telemetry, schema) = heard.context(gone)?;
                Input::Telemetry(telemetry, schema)
            }
        })
    }
}
