//! Connecting as the operator, and the questions that several commands ask.

use std::time::Duration;

use arena_bus::{Bus, BusError, NatsArgs, Role, ServicePing};
use arena_proto::{NodeStatus, Summary};

use crate::exit::{Exit, Failure};

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
            error @ BusError::NoServer { .. } => {
                Exit::NotRunning.because(format!("no arena is running: {error}"))
            }
            error => error.into(),
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

/// The recorder's totals; `None` when it does not answer.
pub(crate) async fn summary(bus: &Bus) -> Result<Option<Summary>, Failure> {
    match bus
        .request("recorder", "summary", &serde_json::json!({}))
        .await
    {
        Ok(summary) => Ok(Some(summary)),
        Err(BusError::NotRunning { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Turns "nobody answers" into [`Exit::NotRunning`] with the mend.
pub(crate) fn not_running(error: BusError) -> Failure {
    match error {
        error @ BusError::NotRunning { .. } => Exit::NotRunning.because(format!(
            "{error}\n  mend: `arena up` starts what is missing"
        )),
        error => error.into(),
    }
}
