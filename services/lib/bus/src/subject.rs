//! Subjects and keys: written here, read here, nowhere else.

use std::fmt;

use arena_proto::{Entity, NodeName, ServiceName};

/// What kind of message a subject or key carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// `arena.telemetry.<node>`, delivered as `arena.telemetry.<partition>.<node>`.
    Telemetry,
    /// `arena.incident.<node>.<service>`.
    Incident,
    /// `arena.plan.<node>.<service>`.
    Plan,
    /// `arena.command.<node>`.
    Command,
    /// `arena.outcome.<node>`.
    Outcome,
    /// `arena.fault.<node>`.
    Fault,
    /// `arena.fault_status.<node>`.
    FaultStatus,
    /// `arena.evidence.<node>`.
    Evidence,
    /// KV `status`.
    Status,
    /// KV `schema`.
    Schema,
    /// KV `control`.
    Control,
    /// KV `approvals`.
    Approval,
    /// KV `observer`.
    Observer,
    /// KV `lease`.
    Lease,
    /// KV `alerts`.
    Alert,
}

/// Stands for the service where the node itself is meant.
const NODE_ITSELF: &str = "_";
/// The only key of KV `control`.
pub(crate) const CONTROL_KEY: &str = "control";
/// Stands for the node where a message is about none.
const NO_NODE: &str = "none";
/// The longest key: that of an id.
const KEY_CHARACTERS_MAX: usize = 128;

/// Whether a text can be a bucket's key: one token of a subject.
pub(crate) fn is_key(text: &str) -> bool {
    (1..=KEY_CHARACTERS_MAX).contains(&text.len())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '='))
}

/// What the canary of a role listens to and says, told apart by `name`.
pub(crate) fn canary(role: &str, name: &str) -> String {
    format!("arena.canary.{role}.{name}")
}

/// Whose canary travels on this subject.
pub(crate) fn canary_role(subject: &str) -> Option<&str> {
    let (role, _) = subject.strip_prefix("arena.canary.")?.split_once('.')?;
    Some(role)
}

impl Family {
    /// Its name, as in the subject.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Telemetry => "telemetry",
            Self::Incident => "incident",
            Self::Plan => "plan",
            Self::Command => "command",
            Self::Outcome => "outcome",
            Self::Fault => "fault",
            Self::FaultStatus => "fault_status",
            Self::Evidence => "evidence",
            Self::Status => "status",
            Self::Schema => "schema",
            Self::Control => "control",
            Self::Approval => "approvals",
            Self::Observer => "observer",
            Self::Lease => "lease",
            Self::Alert => "alerts",
        }
    }

    /// The stream that keeps it; `None` for telemetry, which nothing keeps.
    pub(crate) const fn stream(self) -> Option<&'static str> {
        match self {
            Self::Telemetry => None,
            Self::Incident => Some("INCIDENTS"),
            Self::Plan => Some("PLANS"),
            Self::Command => Some("COMMANDS"),
            Self::Outcome => Some("OUTCOMES"),
            Self::Fault | Self::FaultStatus => Some("FAULTS"),
            Self::Evidence => Some("EVIDENCE"),
            Self::Status => Some("KV_status"),
            Self::Schema => Some("KV_schema"),
            Self::Control => Some("KV_control"),
            Self::Approval => Some("KV_approvals"),
            Self::Observer => Some("KV_observer"),
            Self::Lease => Some("KV_lease"),
            Self::Alert => Some("KV_alerts"),
        }
    }

    const fn names_a_service(self) -> bool {
        matches!(self, Self::Incident | Self::Plan)
    }

    pub(crate) const fn is_bucket(self) -> bool {
        self.keeps_nodes()
            || matches!(
                self,
                Self::Control | Self::Approval | Self::Observer | Self::Lease | Self::Alert
            )
    }

    /// A bucket whose keys are names of nodes.
    const fn keeps_nodes(self) -> bool {
        matches!(self, Self::Status | Self::Schema)
    }

    const fn prefix(self) -> &'static str {
        if self.is_bucket() { "$KV" } else { "arena" }
    }

    /// Matches all of this family.
    pub(crate) fn all(self) -> String {
        let (prefix, name) = (self.prefix(), self.as_str());
        if self.names_a_service() {
            format!("{prefix}.{name}.*.*")
        } else if self == Self::Telemetry {
            format!("{prefix}.{name}.>")
        } else {
            format!("{prefix}.{name}.*")
        }
    }

    /// Matches all of this family that is about a node.
    pub(crate) fn of_node(self, node: &NodeName) -> String {
        let (prefix, name) = (self.prefix(), self.as_str());
        if self.names_a_service() {
            format!("{prefix}.{name}.{node}.*")
        } else {
            format!("{prefix}.{name}.{node}")
        }
    }

    /// The subject of a bucket's key.
    pub(crate) fn of_key(self, key: &str) -> String {
        format!("{}.{self}.{key}", self.prefix())
    }

    /// The subject of an entity; where the family names no service, that of its node.
    pub(crate) fn of_entity(self, entity: &Entity) -> String {
        if !self.names_a_service() {
            return self.of_node(&entity.node);
        }
        let service = entity
            .service
            .as_ref()
            .map_or(NODE_ITSELF, ServiceName::as_str);
        format!(
            "{}.{}.{}.{service}",
            self.prefix(),
            self.as_str(),
            entity.node
        )
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a subject says about the message it carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) family: Family,
    /// Of a bucket that is not about nodes: a word that stands for none.
    pub(crate) node: NodeName,
    pub(crate) service: Option<ServiceName>,
}

/// Reads a subject; `None` when no message of ours travels there.
pub(crate) fn parse(subject: &str) -> Option<Address> {
    use Family::{
        Alert, Approval, Command, Control, Evidence, Fault, FaultStatus, Incident, Lease, Observer,
        Outcome, Plan, Schema, Status, Telemetry,
    };
    let tokens: Vec<&str> = subject.split('.').collect();
    let address = |family, node: &str, service| {
        Some(Address {
            family,
            node: NodeName::new(node).ok()?,
            service,
        })
    };
    let service = |text: &str| match text {
        NODE_ITSELF => Some(None),
        text => ServiceName::new(text).ok().map(Some),
    };
    match tokens[..] {
        ["arena", "telemetry", node] => address(Telemetry, node, None),
        ["arena", "telemetry", partition, node] if partition.parse::<u32>().is_ok() => {
            address(Telemetry, node, None)
        }
        ["arena", "incident", node, name] => address(Incident, node, service(name)?),
        ["arena", "plan", node, name] => address(Plan, node, service(name)?),
        ["arena", "command", node] => address(Command, node, None),
        ["arena", "outcome", node] => address(Outcome, node, None),
        ["arena", "fault", node] => address(Fault, node, None),
        ["arena", "fault_status", node] => address(FaultStatus, node, None),
        ["arena", "evidence", node] => address(Evidence, node, None),
        ["$KV", "status", node] => address(Status, node, None),
        ["$KV", "schema", node] => address(Schema, node, None),
        ["$KV", "control", CONTROL_KEY] => address(Control, NO_NODE, None),
        ["$KV", "approvals", key] if is_key(key) => address(Approval, NO_NODE, None),
        ["$KV", "observer", key] if is_key(key) => address(Observer, NO_NODE, None),
        ["$KV", "lease", key] if is_key(key) => address(Lease, NO_NODE, None),
        ["$KV", "alerts", key] if is_key(key) => address(Alert, NO_NODE, None),
        _ => None,
    }
}

/// The node whose telemetry travels on this subject; `None` when it is another subject.
#[must_use]
pub fn telemetry_node(subject: &str) -> Option<NodeName> {
    parse(subject)
        .filter(|address| address.family == Family::Telemetry)
        .map(|address| address.node)
}

/// Where a service answers.
pub(crate) fn api(service: &str, endpoint: &str) -> String {
    format!("arena.api.{service}.{endpoint}")
}

/// Which parts of the telemetry a reader takes. `nats.conf` splits it by node name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partitions(Option<Vec<u32>>);

impl Partitions {
    /// How many there are, as in `nats.conf`.
    pub const COUNT: u32 = 4;

    /// Everything.
    #[must_use]
    pub const fn all() -> Self {
        Self(None)
    }

    /// Only these, each below [`Partitions::COUNT`].
    #[must_use]
    pub fn only(partitions: impl IntoIterator<Item = u32>) -> Self {
        Self(Some(partitions.into_iter().collect()))
    }

    /// Whether the node's telemetry is among them: the server's own hash, FNV-1a of 32 bits over the name
    /// (<https://docs.nats.io/nats-concepts/subject_mapping>, `partition`).
    #[must_use]
    pub fn holds(&self, node: &NodeName) -> bool {
        let hash = node.as_str().bytes().fold(0x811c_9dc5_u32, |hash, byte| {
            (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
        });
        let partition = hash % Self::COUNT;
        self.0.as_ref().is_none_or(|held| held.contains(&partition))
    }

    /// Which parts; `None`: everything.
    #[must_use]
    pub fn numbers(&self) -> Option<&[u32]> {
        self.0.as_deref()
    }

    pub(crate) fn subjects(&self) -> Vec<String> {
        match &self.0 {
            None => vec![Family::Telemetry.all()],
            Some(partitions) => partitions
                .iter()
                .map(|partition| format!("arena.telemetry.{partition}.*"))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let node = NodeName::new("node-1").unwrap();
        let service = Entity::service(node.clone(), ServiceName::new("orders").unwrap());
        for entity in [service, Entity::node(node)] {
            for family in [
                Family::Telemetry,
                Family::Incident,
                Family::Plan,
                Family::Command,
                Family::Outcome,
                Family::Fault,
                Family::FaultStatus,
                Family::Evidence,
                Family::Status,
                Family::Schema,
            ] {
                let address = parse(&family.of_entity(&entity)).unwrap();
                assert_eq!(address.family, family);
                assert_eq!(address.node, entity.node);
                if family.names_a_service() {
                    assert_eq!(address.service, entity.service);
                }
            }
        }
    }

    #[test]
    fn what_is_not_ours_is_not_read() {
        for subject in [
            "",
            "arena",
            "arena.telemetry",
            "arena.telemetry.x.node-1",
            "arena.incident.node-1",
            "arena.command.NODE",
            "arena.command.a.b",
            "$KV.control.other",
            "$KV.approvals.inc-1.2",
            "$KV.lease.",
            "$JS.API.INFO",
        ] {
            assert_eq!(parse(subject), None, "{subject}");
        }
    }
}
