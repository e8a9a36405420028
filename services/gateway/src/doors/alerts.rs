//! Alerts, on their way into KV `alerts`. What is kept is read anew for each payload, so that a gateway that was started again knows
//! what the last one did.

use std::collections::BTreeMap;
use std::sync::Arc;

use arena_bus::{Bus, Consume, From};
use arena_chassis::Clock;
use arena_gateway_core::alerts::{AlertView, Counts, parse, receive, view};
use arena_proto::{AlertState, IncidentEvent};
use tokio::sync::Mutex;

use super::{away, is_away, not_said};
use crate::http::problem::{Kind, Problem};

/// Where Alertmanager's payloads are taken.
#[derive(Debug, Clone)]
pub struct AlertDoor {
    bus: Bus,
    clock: Clock,
    /// One payload at a time: each is judged by what the one before has left.
    one_at_a_time: Arc<Mutex<()>>,
}

impl AlertDoor {
    pub(super) fn new(bus: Bus, clock: Clock) -> Self {
        Self {
            bus,
            clock,
            one_at_a_time: Arc::default(),
        }
    }

    /// Takes a payload, all of it, or says what of it was not taken.
    pub async fn take(&self, body: &[u8]) -> Result<Counts, Problem> {
        let payload = parse(body).map_err(|what| Problem::new(Kind::BadRequest, what))?;
        if is_away(&self.bus) {
            return Err(away());
        }
        let _turn = self.one_at_a_time.lock().await;
        let known = self.bus.alerts().await.map_err(|error| not_said(&error))?;
        let nodes = self
            .bus
            .statuses()
            .await
            .map_err(|error| not_said(&error))?;
        let known: BTreeMap<_, _> = known
            .into_iter()
            .map(|alert| (alert.fingerprint.clone(), alert))
            .collect();
        let receipt = receive(self.clock.now(), &payload, &known, &nodes);
        for fingerprint in &receipt.forget {
            let removed = self.bus.forget_alert(fingerprint).await;
            removed.map_err(|error| not_said(&error))?;
        }
        for alert in &receipt.write {
            let written = self.bus.put_alert(alert).await;
            written.map_err(|error| not_said(&error))?;
            let (name, state, message) = (&alert.name, alert.state, &alert.message);
            if let Some(entity) = &alert.entity {
                tracing::info!("alert {name} {state} of {entity}, {message}");
            } else {
                tracing::warn!("alert {name} {state} is about nobody: {message}");
            }
        }
        let counts = receipt.told;
        if counts.truncated > 0 {
            let left_out = counts.truncated;
            tracing::warn!("Alertmanager left {left_out} alerts out of a payload (max_alerts)");
        }
        if counts.over_limit > 0 {
            let (over, of) = (counts.over_limit, payload.alerts.len());
            return Err(Problem::new(
                Kind::TooMany,
                format!("{over} of {of} alerts were not taken: so many fire that there is no room"),
            ));
        }
        Ok(counts)
    }

    /// All that are kept: what fires first, and of that what began last.
    pub async fn list(&self) -> Result<Vec<AlertView>, Problem> {
        if is_away(&self.bus) {
            return Err(away());
        }
        let mut alerts = self.bus.alerts().await.map_err(|error| not_said(&error))?;
        alerts.sort_by_key(|alert| {
            let resolved = alert.state == AlertState::Resolved;
            (
                resolved,
                std::cmp::Reverse(alert.starts_at),
                alert.fingerprint.clone(),
            )
        });
        let last = Consume::ephemeral().from(From::LastPerSubject);
        let incidents = self.bus.consume::<IncidentEvent>(last).await;
        let mut incidents = incidents.map_err(|error| not_said(&error))?;
        let mut events = Vec::new();
        while let Some(delivery) = incidents.next_stored().await {
            events.push(delivery.message);
        }
        let now = self.clock.now();
        Ok(alerts
            .iter()
            .map(|alert| view(now, alert, &events))
            .collect())
    }
}
