//! Connecting as the operator, and the questions that several commands ask.

use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use arena_bus::{Bus, BusError, NatsArgs, Role, ServicePing};
use arena_proto::{
    Entity, FaultRecord, FaultState, IncidentQuery, IncidentRecord, NodeStatus, ServiceName,
    Summary,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::exit::{Exit, Failure};
use crate::people;
use crate::up::address::Address;

/// How long the components have to answer a ping: on loopback they do within a few milliseconds, and a stopped one
/// never does.
const PING_WAIT: Duration = Duration::from_millis(300);

/// The components that an arena has one of.
pub(crate) const COMPONENTS: [&str; 4] = ["detector", "remediator", "injector", "recorder"];

/// Connects, or fails with [`Exit::NotRunning`].
pub(crate) async fn connect(nats: &NatsArgs) -> Result<Bus, Failure> {
    Bus::connect_once(nats, Role::Operator, "arena")
        .await
        .map_err(|error| match error {
            BusError::NoServer { url, .. } if listens(&nats.nats_url) => {
                Exit::Timeout.because(format!(
                    "something listens at {url} and does not answer as a NATS server: it hangs, is stopped, or is something else\n  mend: `arena doctor` says who holds the port"
                ))
            }
            error @ BusError::NoServer { .. } => {
                Exit::NotRunning.because(format!("no arena is running: {error}"))
            }
            error => error.into(),
        })
}

/// Whether somebody has that port: a stopped process still takes connections.
fn listens(url: &str) -> bool {
    Address::parse(url).is_ok_and(|address| {
        (address.host.as_str(), address.port)
            .to_socket_addrs()
            .into_iter()
            .flatten()
            .any(|socket| TcpStream::connect_timeout(&socket, PING_WAIT).is_ok())
    })
}

/// Whom the bus knows, and who of them answers.
pub(crate) struct Roll {
    /// What every node last wrote about itself.
    pub nodes: Vec<NodeStatus>,
    answered: Vec<ServicePing>,
}

impl Roll {
    /// Calls the roll.
    pub(crate) async fn call(bus: &Bus) -> Result<Self, Failure> {
        let mut nodes = bus.statuses().await?;
        nodes.sort_by(|left, right| left.node.cmp(&right.node));
        let answered = bus.ping_services(PING_WAIT).await?;
        Ok(Self { nodes, answered })
    }

    /// Does this component answer?
    pub(crate) fn has_component(&self, name: &str) -> bool {
        self.answered.iter().any(|ping| ping.name == name)
    }

    /// Does the agent of this node answer?
    pub(crate) fn has_node(&self, node: &NodeStatus) -> bool {
        self.answered.iter().any(|ping| {
            ping.name == "node"
                && ping.metadata.get("node").map(String::as_str) == Some(node.node.as_str())
        })
    }
}

/// Asks the recorder, where the caller goes on without it: why it gave nothing is told in words.
async fn ask_recorder<T: DeserializeOwned>(
    bus: &Bus,
    endpoint: &str,
    query: &impl Serialize,
) -> Result<T, String> {
    bus.request("recorder", endpoint, query)
        .await
        .map_err(|error| error.to_string())
}

/// The recorder's totals, or why there are none: it does not run, or its database does not answer.
pub(crate) async fn summary(bus: &Bus) -> Result<Summary, String> {
    ask_recorder(bus, "summary", &serde_json::json!({})).await
}

/// The faults that are in effect, or why nobody can say.
pub(crate) async fn active_faults(bus: &Bus) -> Result<Vec<FaultRecord>, String> {
    let faults: Vec<FaultRecord> = ask_recorder(bus, "faults", &serde_json::json!({})).await?;
    let now = people::now().to_string();
    Ok(faults
        .into_iter()
        .filter(|fault| is_active(fault, &now))
        .collect())
}

/// Both times are RFC 3339 in UTC to the millisecond, which are ordered as text.
fn is_active(fault: &FaultRecord, now: &str) -> bool {
    let over = fault.state.parse().is_ok_and(FaultState::is_final);
    let late = fault.expires_at.as_deref().is_some_and(|end| end <= now);
    !over && !late
}

/// The newest incidents that are open, or why nobody can say.
pub(crate) async fn open_incidents(bus: &Bus) -> Result<Vec<IncidentRecord>, String> {
    let incidents: Vec<IncidentRecord> =
        ask_recorder(bus, "incidents", &IncidentQuery::default()).await?;
    let is_open = |record: &IncidentRecord| !matches!(record.state.as_str(), "RESOLVED" | "CLOSED");
    Ok(incidents.into_iter().filter(is_open).collect())
}

/// Fails with [`Exit::NotRunning`] when the arena has no such node or service.
pub(crate) async fn known(bus: &Bus, entity: &Entity) -> Result<(), Failure> {
    let nodes = bus.statuses().await?;
    let names: Vec<String> = nodes.iter().flat_map(entities).collect();
    if names.contains(&entity.to_string()) {
        return Ok(());
    }
    Err(Exit::NotRunning.because(no_such(entity, &names)))
}

/// A node and its services, as people write them.
fn entities(node: &NodeStatus) -> impl Iterator<Item = String> {
    let services = node
        .services
        .iter()
        .map(|service| format!("{}/{}", node.node, service.name));
    std::iter::once(node.node.to_string()).chain(services)
}

/// That there is no such thing, and which one may be meant: `orders` is a service of several nodes.
pub(crate) fn no_such(entity: &Entity, known: &[String]) -> String {
    let wanted = entity
        .service
        .as_ref()
        .map_or(entity.node.as_str(), ServiceName::as_str);
    let meant: Vec<&str> = known
        .iter()
        .filter(|name| name.split('/').nth(1) == Some(wanted))
        .map(String::as_str)
        .collect();
    let what = if entity.service.is_some() {
        "service"
    } else {
        "node"
    };
    if meant.is_empty() {
        return format!(
            "no {what} {entity}\n  mend: use one of {}",
            known.join(", ")
        );
    }
    format!(
        "no {what} {entity}\n  mend: did you mean {}?",
        meant.join(" or ")
    )
}

/// Turns "nobody answers" into [`Exit::NotRunning`] with the mend.
pub(crate) fn not_running(error: BusError) -> Failure {
    match error {
        error @ BusError::NotRunning { .. } => Exit::NotRunning.because(format!(
            "{error}\n  mend: `arena up` starts what is missing"
        )),
        error @ BusError::NoAnswer { .. } => Exit::Failed.because(format!(
            "{error}\n  mend: `arena status` shows whether it runs; when it wakes up it drops what it was asked meanwhile"
        )),
        error => error.into(),
    }
}
