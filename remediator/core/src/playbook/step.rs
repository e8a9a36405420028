//! What a rung of a ladder says: what is done, to whom, when it applies, and what it may hurt.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arena_expression::Expression;
use arena_proto::{ActionKind, RiskClass};

/// One rung of a ladder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What is done.
    pub action: StepAction,
    /// To whom.
    pub target: Target,
    /// The rung is passed over unless this holds; `None`: it always applies.
    pub when: Option<Condition>,
    /// What must hold after the action, beyond the cleared symptom.
    pub verify: Option<Condition>,
    /// What is believed to be wrong when this rung is taken, as a part of a sentence; empty when the file does not say.
    pub cause: String,
    /// How much it can hurt when it is wrong: who may decide it depends on this.
    pub risk: RiskClass,
    /// How dear it is to those who are served, from 0; shown to people, and nothing is chosen by it.
    pub cost: u32,
    /// How long the node may take for it.
    pub deadline: Duration,
    /// How long the symptom may take to clear after the action.
    pub verify_within: Duration,
    /// How long other incidents of the target are left alone after the action.
    pub settle: Duration,
    /// What the command says besides, by name.
    pub params: BTreeMap<String, String>,
}

/// What a rung does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepAction {
    /// One command to a node.
    Command(ActionKind),
    /// Two commands: a standby replica on another node is started, then the hurt one is drained.
    Failover,
    /// Nothing, for as long as `verify_within`: the symptom is expected to clear when its cause does.
    Wait,
    /// A person is called, with the cause.
    Escalate,
}

impl StepAction {
    /// Every one that a file may name.
    pub fn all() -> impl Iterator<Item = Self> {
        ActionKind::ALL.iter().copied().map(Self::Command).chain([
            Self::Failover,
            Self::Wait,
            Self::Escalate,
        ])
    }

    /// How much it can hurt where the playbook does not say.
    #[must_use]
    pub const fn risk(self) -> RiskClass {
        match self {
            Self::Wait | Self::Escalate => RiskClass::Low,
            Self::Command(action) => action.risk(),
            Self::Failover => RiskClass::Medium,
        }
    }

    /// How dear it is where the playbook does not say: about the seconds for which somebody is served worse.
    #[must_use]
    pub const fn cost(self) -> u32 {
        match self {
            Self::Wait | Self::Escalate => 0,
            Self::Command(action) => action.cost(),
            Self::Failover => 10,
        }
    }
}

/// As the file writes it: "clean-disk", "failover".
impl fmt::Display for StepAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command(action) => f.pad(&action.verb()),
            Self::Failover => f.pad("failover"),
            Self::Wait => f.pad("wait"),
            Self::Escalate => f.pad("escalate"),
        }
    }
}

/// To whom a rung does something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// `self`: the service that is believed to be the cause, else the one that is hurt.
    Own,
    /// The other service of the node that uses the most CPU.
    Neighbour,
    /// What the detector believes to be the cause, service or node.
    Root,
    /// The node that the incident is on.
    Node,
}

impl Target {
    pub(crate) const ALL: [Self; 4] = [Self::Own, Self::Neighbour, Self::Root, Self::Node];

    /// As the file writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Own => "self",
            Self::Neighbour => "neighbour",
            Self::Root => "root",
            Self::Node => "node",
        }
    }
}

/// A condition on facts, checked when its file was read.
#[derive(Debug, Clone)]
pub struct Condition(pub(crate) Arc<Expression>);

impl Condition {
    /// As it was written.
    #[must_use]
    pub fn source(&self) -> &str {
        self.0.source()
    }
}

impl PartialEq for Condition {
    fn eq(&self, other: &Self) -> bool {
        self.source() == other.source()
    }
}

impl Eq for Condition {}
