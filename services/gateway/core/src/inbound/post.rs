//! What is posted, read and checked.

use std::collections::BTreeMap;
use std::time::Duration;

use arena_proto::{Column, NodeName, ProbeVerdict, ProcessState, ServiceName, Timestamp};
use serde::Deserialize;
use utoipa::ToSchema;

/// Services of a node: as many as an agent's largest arenas have, and a status stays far below the limit of a message.
const SERVICES_MAX: usize = 64;
/// Metrics of a service, and of the node itself: the built-in agent has a dozen.
pub(super) const METRICS_MAX: usize = 64;
/// Names in `depends_on`.
const DEPENDENCIES_MAX: usize = 32;
/// A clock that is further off is wrong, and what it says would be told to people. Less is borne: durations are measured by the node's
/// own clock.
const CLOCK_OFF_MAX: Duration = Duration::from_mins(5);

/// A post that makes sense.
#[derive(Debug, Clone, PartialEq)]
pub struct Post {
    /// Who tells.
    pub node: NodeName,
    /// When it was measured.
    pub at: Timestamp,
    /// It says goodbye: that it is silent from now on is no trouble.
    pub leaving: bool,
    /// Its services.
    pub services: BTreeMap<ServiceName, PostedService>,
    /// The readings.
    pub samples: BTreeMap<Column, f32>,
}

/// A service as it was posted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostedService {
    /// Its process.
    pub state: ProcessState,
    /// Its probe.
    pub probe: ProbeVerdict,
    /// Its process.
    pub pid: Option<u32>,
    /// How often it was started, where the node counts that.
    pub generation: Option<u32>,
    /// Whom it calls.
    pub depends_on: Vec<ServiceName>,
}

/// A post as it is sent.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PostedTelemetry {
    /// Who tells; no name that an agent has.
    node: String,
    /// When it was measured, RFC 3339; left out: now.
    #[serde(default)]
    at: Option<String>,
    /// It says goodbye.
    #[serde(default)]
    leaving: bool,
    /// All its services, each time.
    #[serde(default)]
    services: Vec<PostedServiceState>,
    /// The readings.
    #[serde(default)]
    samples: Vec<PostedSample>,
}

/// A service.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PostedServiceState {
    /// Its name.
    name: String,
    /// `RUNNING`, `EXITED`...
    state: String,
    /// `PASSING`, `FAILING`, `UNKNOWN`; left out: `NONE`.
    #[serde(default)]
    probe: Option<String>,
    /// Its process.
    #[serde(default)]
    pid: Option<u32>,
    /// How often it was started; left out: counted here.
    #[serde(default)]
    generation: Option<u32>,
    /// The services that it calls.
    #[serde(default)]
    depends_on: Vec<String>,
}

/// A reading.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PostedSample {
    /// Left out: the node itself.
    #[serde(default)]
    service: Option<String>,
    /// Snake case, unit last: `cpu_percent`.
    metric: String,
    /// The reading.
    value: f64,
}

/// Reads a post; the error says what is wrong and where.
pub fn parse(now: Timestamp, body: &[u8]) -> Result<Post, String> {
    let sent: PostedTelemetry =
        serde_json::from_slice(body).map_err(|error| format!("not telemetry in JSON: {error}"))?;
    let node = NodeName::new(sent.node).map_err(|error| format!("node: {error}"))?;
    let at = time(now, sent.at.as_deref())?;
    if sent.services.len() > SERVICES_MAX {
        return Err(format!(
            "services has {} entries, at most {SERVICES_MAX} are taken",
            sent.services.len()
        ));
    }
    let mut services = BTreeMap::new();
    for (index, sent) in sent.services.into_iter().enumerate() {
        let (name, posted) = service(sent).map_err(|what| format!("services[{index}].{what}"))?;
        if services.contains_key(&name) {
            return Err(format!("services[{index}].name: {name} is there twice"));
        }
        services.insert(name, posted);
    }
    let mut samples = BTreeMap::new();
    for (index, sent) in sent.samples.into_iter().enumerate() {
        let (column, value) =
            sample(sent, &services).map_err(|what| format!("samples[{index}].{what}"))?;
        if samples.insert(column, value).is_some() {
            return Err(format!("samples[{index}].metric is there twice"));
        }
    }
    Ok(Post {
        node,
        at,
        leaving: sent.leaving,
        services,
        samples,
    })
}

fn time(now: Timestamp, at: Option<&str>) -> Result<Timestamp, String> {
    let Some(text) = at else {
        return Ok(now);
    };
    let at = Timestamp::parse(text)
        .ok_or_else(|| format!("at is {text:?}, and must be a time as in 2026-01-31T12:00:00Z"))?;
    let off = now.saturating_since(at).max(at.saturating_since(now));
    if off > CLOCK_OFF_MAX {
        return Err(format!(
            "at is {text}, and here it is {now}: at most {} min of difference are taken\n  mend: set the node's clock, or leave `at` out",
            CLOCK_OFF_MAX.as_secs() / 60
        ));
    }
    Ok(at)
}

fn service(sent: PostedServiceState) -> Result<(ServiceName, PostedService), String> {
    let name = ServiceName::new(sent.name).map_err(|error| format!("name: {error}"))?;
    let state = sent
        .state
        .parse()
        .map_err(|error| format!("state: {error}"))?;
    let probe = match sent.probe {
        Some(text) => text.parse().map_err(|error| format!("probe: {error}"))?,
        None => ProbeVerdict::None,
    };
    if sent.depends_on.len() > DEPENDENCIES_MAX {
        return Err(format!(
            "depends_on has {} names, at most {DEPENDENCIES_MAX} are taken",
            sent.depends_on.len()
        ));
    }
    let depends_on = sent.depends_on.into_iter().map(ServiceName::new);
    let depends_on: Result<_, _> = depends_on.collect();
    let posted = PostedService {
        state,
        probe,
        // No process has the number 0: on the bus that stands for none.
        pid: sent.pid.filter(|pid| *pid != 0),
        generation: sent.generation,
        depends_on: depends_on.map_err(|error| format!("depends_on: {error}"))?,
    };
    Ok((name, posted))
}

fn sample(
    sent: PostedSample,
    services: &BTreeMap<ServiceName, PostedService>,
) -> Result<(Column, f32), String> {
    let service = match sent.service {
        None => None,
        Some(text) => {
            let name = ServiceName::new(text).map_err(|error| format!("service: {error}"))?;
            if !services.contains_key(&name) {
                return Err(format!("service: {name} is not among the services"));
            }
            Some(name)
        }
    };
    if !Column::is_metric(&sent.metric) {
        return Err(format!(
            "metric is {:?}, and must be 1 to 64 of a-z, 0-9 and '_', beginning with a letter",
            sent.metric.chars().take(80).collect::<String>()
        ));
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the bus carries 32 bits; what is too large for them is refused below"
    )]
    let value = sent.value as f32;
    if !value.is_finite() {
        return Err(format!(
            "value is {}, which is too large to be told",
            sent.value
        ));
    }
    let column = Column {
        service,
        metric: sent.metric,
    };
    Ok((column, value))
}
