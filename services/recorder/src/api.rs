//! Requests on the bus: `incidents`, `story`, `efficacy`, `faults` and `summary` (docs/ARCHITECTURE.md, "Requests").

use std::collections::BTreeMap;

use arena_bus::{Bus, BusError, Registration, ServiceDescription};
use arena_chassis::Clock;
use arena_proto::{EfficacyQuery, IncidentQuery, StoryQuery};
use serde::Deserialize;

use crate::database::{Database, DatabaseError};

/// A request that says nothing: `{}`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// Answers until the registration is dropped. A failure is told to who asked, as text.
pub async fn register(
    bus: &Bus,
    clock: Clock,
    database: &Database,
) -> Result<Registration, BusError> {
    let registration = bus
        .register(ServiceDescription {
            name: "recorder".into(),
            description: "Incidents, actions and faults, as the database has them".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            metadata: BTreeMap::from([("database".into(), database.kind().into())]),
        })
        .await?;
    let held = database.clone();
    registration
        .endpoint("incidents", move |query: IncidentQuery| {
            let database = held.clone();
            async move {
                let records = database.incidents(clock.now(), &query).await;
                records.map_err(told)
            }
        })
        .await?;
    let held = database.clone();
    registration
        .endpoint("story", move |query: StoryQuery| {
            let database = held.clone();
            async move { database.story(&query).await.map_err(told) }
        })
        .await?;
    let held = database.clone();
    registration
        .endpoint("efficacy", move |query: EfficacyQuery| {
            let database = held.clone();
            async move {
                let rows = database.efficacy(clock.now(), &query).await;
                rows.map_err(told)
            }
        })
        .await?;
    let held = database.clone();
    registration
        .endpoint("faults", move |_: Nothing| {
            let database = held.clone();
            async move { database.faults().await.map_err(told) }
        })
        .await?;
    let held = database.clone();
    registration
        .endpoint("summary", move |_: Nothing| {
            let database = held.clone();
            async move { database.summary(clock.now()).await.map_err(told) }
        })
        .await?;
    Ok(registration)
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn told(error: DatabaseError) -> String {
    error.to_string()
}
