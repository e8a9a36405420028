//! What a simulated run is made of, all of it: the same setup gives the same event log, byte by byte.

use std::time::Duration;

use arena_expression::Mistake;
use arena_proto::{NodeName, VillainRequest};
use arena_remediator_core::Playbooks;
use arena_scenario::judge;
use arena_scenario::{LayoutError, Scenario};

use crate::net::Network;
use crate::policy::Policy;

/// One run.
#[derive(Debug)]
pub struct Setup {
    /// The arena, its faults, and what is true about them.
    pub scenario: Scenario,
    /// Of everything that the scenario leaves to chance: noise, times, the network, ids.
    pub seed: u64,
    /// Who heals.
    pub healer: Healer,
    /// Who hurts.
    pub villain: Villain,
    /// A claimed heal is put to the test: each fault that can be made again is made again, and has to be healed again.
    pub encore: bool,
    /// What is kept of the event log.
    pub log: crate::log::LogLevel,
    /// Parts of the arena itself that die and come back.
    pub deaths: Vec<Death>,
    /// The network between the arena's parts and its bus, and their clocks.
    pub network: Network,
    /// The detector takes no short way past calm messages. The run is the same, and slower: for what compares the two.
    pub thorough: bool,
}

impl Setup {
    /// A scenario as `arena run --sim` plays it: its own villain, its own seed, nothing dies.
    #[must_use]
    pub fn new(scenario: Scenario, healer: Healer) -> Self {
        Self {
            seed: scenario.seed,
            scenario,
            healer,
            villain: Villain::Scenario,
            encore: false,
            log: crate::log::LogLevel::Hash,
            deaths: Vec::new(),
            network: Network::quiet(),
            thorough: false,
        }
    }
}

/// Who heals.
#[derive(Debug)]
pub enum Healer {
    /// The remediator, by these playbooks.
    Rules(Playbooks),
    /// Nobody: the remediator plans and never acts.
    Nobody,
    /// Who knows the truth.
    Reference,
    /// A policy, once a virtual second.
    Policy(Box<dyn Policy>),
    /// Whoever steps the simulation, by [`crate::Sim::order`].
    Outside,
}

impl Healer {
    /// As the judge has it.
    #[must_use]
    pub const fn as_judged(&self) -> judge::Policy {
        match self {
            // A policy is judged as the remediator is: that it calls a person counts.
            Self::Rules(_) | Self::Policy(_) | Self::Outside => judge::Policy::Felix,
            Self::Nobody => judge::Policy::None,
            Self::Reference => judge::Policy::Reference,
        }
    }
}

/// Who hurts.
#[derive(Debug, Clone)]
pub enum Villain {
    /// The injections of the scenario.
    Scenario,
    /// By chance, within this request's budget; its `seed` is the setup's where it has none.
    Random(VillainRequest),
    /// By what hurt longest, within this request's budget.
    Adaptive(VillainRequest),
    /// Whoever steps the simulation, by [`crate::Sim::inject`].
    Outside,
    /// The same, by somebody who never asks what is to be seen: nothing is kept for that.
    Blind,
}

/// A part of the arena that dies and comes back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Death {
    /// Who.
    pub who: Mortal,
    /// How long after the steady state was found.
    pub after: Duration,
    /// For how long it is dead.
    pub lasts: Duration,
}

/// Who can die besides a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mortal {
    /// The detector: it forgets everything, and takes up what the stream says.
    Detector,
    /// The remediator: its lease runs out, and the next one replays the streams.
    Remediator,
    /// A node's agent: its services go on without it, and the next one takes them over.
    Agent(NodeName),
}

/// Why there is no run.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The scenario's arena cannot be laid out.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// The laid-out arena does not parse.
    #[error("the scenario's arena: {0}")]
    Arena(String),
    /// A check does not compile, which one that was read from a file does.
    #[error("a check of the scenario: {what}\n  mend: {mend}")]
    Check {
        /// What is wrong.
        what: String,
        /// How to mend it.
        mend: String,
    },
    /// The injector does not take this villain.
    #[error("the villain does not play: {0}")]
    Villain(String),
    /// A policy of the project does not parse.
    #[error("{0}")]
    Policy(String),
}

impl From<Mistake> for SetupError {
    fn from(mistake: Mistake) -> Self {
        Self::Check {
            what: mistake.what,
            mend: mistake.mend,
        }
    }
}
