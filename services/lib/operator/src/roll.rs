//! Whom the bus knows, and who of them answers.

use std::collections::BTreeMap;
use std::time::Duration;

use arena_proto::{Entity, NodeStatus, ServiceName, Timestamp};
use arena_view::Liveness;
use arena_view::status::{COMPONENTS, Found, GATEWAY, observed};

use crate::{Kind, Operator, OperatorError, control};

/// How long everybody has to answer a ping: on loopback they do within a few milliseconds, and a stopped one never does.
const PING_WAIT: Duration = Duration::from_millis(300);

/// Whom the bus knows, and who of them answers.
#[derive(Debug, Clone)]
pub struct Roll {
    /// What every node last wrote about itself, by name, and whether its agent answers.
    pub nodes: Vec<(NodeStatus, Liveness)>,
    /// Whether each of [`COMPONENTS`] answers; the gateway where one does.
    pub components: BTreeMap<String, Liveness>,
}

impl Operator {
    /// Calls the roll. Since when somebody is silent, one call cannot tell.
    pub async fn roll(&self, now: Timestamp) -> Result<Roll, OperatorError> {
        let mut nodes = self.bus.statuses().await?;
        nodes.sort_by(|left, right| left.node.cmp(&right.node));
        let answered = self.bus.ping_services(PING_WAIT).await?;
        let liveness = |answers| {
            if answers {
                Liveness::Answers
            } else {
                Liveness::Silent { since: None }
            }
        };
        let has = |name: &str| answered.iter().any(|ping| ping.name == name);
        let has_node = |node: &NodeStatus| {
            // Of a node without an agent the gateway tells, again and again while it hears of it.
            if !node.has_agent() {
                let told = now.saturating_since(node.at) < NodeStatus::TOLD_EVERY * 2;
                return told && has(GATEWAY);
            }
            answered.iter().any(|ping| {
                ping.name == "node"
                    && ping.metadata.get("node").map(String::as_str) == Some(node.node.as_str())
            })
        };
        Ok(Roll {
            nodes: nodes
                .into_iter()
                .map(|node| {
                    let answers = has_node(&node);
                    (node, liveness(answers))
                })
                .collect(),
            components: COMPONENTS
                .into_iter()
                .chain(has(GATEWAY).then_some(GATEWAY))
                .map(|name| (name.to_owned(), liveness(has(name))))
                .collect(),
        })
    }

    /// Everything that a status tells.
    pub async fn found(&self, up_died: bool, now: Timestamp) -> Result<Found, OperatorError> {
        let roll = self.roll(now).await?;
        let in_words = |error: OperatorError| error.sentence().to_owned();
        let summary = self.summary().await.map_err(in_words);
        // Who does not answer once is not waited for twice more.
        let (incidents, faults) = match &summary {
            Ok(_) => (
                self.newest_incidents().await.map_err(in_words),
                self.faults().await.map_err(in_words),
            ),
            Err(why) => (Err(why.clone()), Err(why.clone())),
        };
        let decided = self.bus.decided().await?;
        Ok(Found {
            nodes: roll.nodes,
            components: roll.components,
            observed: self
                .bus
                .schemas()
                .await?
                .iter()
                .flat_map(observed)
                .collect(),
            control_lost: control::lost(&decided),
            control: decided.control(),
            observers: self.bus.observers().await?,
            summary,
            incidents,
            faults,
            up_died,
            now,
        })
    }

    /// The node of this entity as it stands; [`Kind::NotFound`] when the arena has no such node or service.
    pub async fn known(&self, entity: &Entity) -> Result<NodeStatus, OperatorError> {
        let nodes = self.bus.statuses().await?;
        let found = nodes.iter().find(|node| {
            let has_service =
                |name: &ServiceName| node.services.iter().any(|service| service.name == *name);
            node.node == entity.node && entity.service.as_ref().is_none_or(has_service)
        });
        found.cloned().ok_or_else(|| {
            let names: Vec<String> = nodes.iter().flat_map(entities).collect();
            Kind::NotFound.because(no_such(entity, &names))
        })
    }
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
#[must_use]
pub fn no_such(entity: &Entity, known: &[String]) -> String {
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
        let all = known.join(", ");
        return format!("no {what} {entity}\n  mend: use one of {all}");
    }
    let meant = meant.join(" or ");
    format!("no {what} {entity}\n  mend: did you mean {meant}?")
}
