//! Requests on the bus: `incidents`, `story`, `command`, `efficacy`, `score`, `faults` and `summary` (docs/ARCHITECTURE.md, "Requests").

use std::collections::BTreeMap;

use arena_bus::{Bus, BusError, Registration, ServiceDescription, ServiceError};
use arena_chassis::Clock;
use arena_proto::{CommandQuery, EfficacyQuery, IncidentQuery, ScoreQuery, StoryQuery};
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
    let incidents = move |query: IncidentQuery| {
        let database = held.clone();
        async move { told(database.incidents(clock.now(), &query).await) }
    };
    registration.endpoint("incidents", incidents).await?;
    let held = database.clone();
    let story = move |query: StoryQuery| {
        let database = held.clone();
        async move { told(database.story(&query).await) }
    };
    registration.endpoint("story", story).await?;
    let held = database.clone();
    let command = move |query: CommandQuery| {
        let database = held.clone();
        async move { told(database.command(&query).await) }
    };
    registration.endpoint("command", command).await?;
    let held = database.clone();
    let efficacy = move |query: EfficacyQuery| {
        let database = held.clone();
        async move { told(database.efficacy(clock.now(), &query).await) }
    };
    registration.endpoint("efficacy", efficacy).await?;
    let held = database.clone();
    let score = move |query: ScoreQuery| {
        let database = held.clone();
        async move { told(database.score(clock.now(), &query).await) }
    };
    registration.endpoint("score", score).await?;
    let held = database.clone();
    let faults = move |_: Nothing| {
        let database = held.clone();
        async move { told(database.faults().await) }
    };
    registration.endpoint("faults", faults).await?;
    let held = database.clone();
    let summary = move |_: Nothing| {
        let database = held.clone();
        async move { told(database.summary(clock.now()).await) }
    };
    registration.endpoint("summary", summary).await?;
    Ok(registration)
}

/// A failure as who asked hears of it.
fn told<T>(answer: Result<T, DatabaseError>) -> Result<T, ServiceError> {
    answer.map_err(|error| ServiceError {
        code: match error {
            DatabaseError::NoSuch { .. } => 404,
            DatabaseError::SeveralIncidents { .. } => 409,
            _ => 500,
        },
        message: error.to_string(),
    })
}
