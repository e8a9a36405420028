//! Playbooks: which ladder of actions answers which symptom of which kind of entity.
//!
//! Read from `playbooks.toml` (`file`), rung by rung (`step`). Which rung is taken is not decided here.

mod file;
mod step;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

pub use step::{Condition, Step, StepAction, Target};

/// The ladders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Playbooks {
    ladders: BTreeMap<(String, Option<EntityClass>), Arc<Playbook>>,
}

/// What kind of entity a ladder is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EntityClass {
    /// A service that answers requests; also one whose node does not say what it is.
    Service,
    /// A service that may use all the CPU that nobody else wants.
    Batch,
    /// A node.
    Node,
}

impl EntityClass {
    pub(crate) const ALL: [Self; 3] = [Self::Service, Self::Batch, Self::Node];

    /// As the file writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Batch => "batch",
            Self::Node => "node",
        }
    }
}

/// What is done about one symptom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Playbook {
    /// The symptom that it answers.
    pub symptom: String,
    /// The kind of entity that it is for; `None`: any that has no playbook of its own.
    pub class: Option<EntityClass>,
    /// How long the symptom must stay cleared before the incident is resolved.
    pub stable_for: Duration,
    /// A new incident of the same symptom on the same service within this time after an action goes on at the next
    /// step. Zero: every incident begins at the first.
    pub cooldown: Duration,
    /// How long a question to a person stands before the incident is escalated.
    pub approve_within: Duration,
    /// What a person is told when no step is left; may be empty where there are steps.
    pub escalate: String,
    /// The ladder; empty when a person is called at once.
    pub steps: Vec<Step>,
}

impl Playbook {
    /// `cpu_high`, or `cpu_high.batch` where it is for one class.
    #[must_use]
    pub fn name(&self) -> String {
        match self.class {
            Some(class) => format!("{}.{}", self.symptom, class.as_str()),
            None => self.symptom.clone(),
        }
    }

    /// The step at a rung, from 1.
    #[must_use]
    pub fn step(&self, rung: u32) -> Option<&Step> {
        self.steps.get(usize::try_from(rung.checked_sub(1)?).ok()?)
    }
}

impl Playbooks {
    /// The playbook for a symptom of a kind of entity: its own, else the one for any.
    #[must_use]
    pub fn get(&self, symptom: &str, class: EntityClass) -> Option<&Arc<Playbook>> {
        let of = |class| self.ladders.get(&(symptom.to_owned(), class));
        of(Some(class)).or_else(|| of(None))
    }

    /// The playbook of a [`Playbook::name`].
    #[must_use]
    pub fn named(&self, name: &str) -> Option<&Arc<Playbook>> {
        self.ladders
            .values()
            .find(|playbook| playbook.name() == name)
    }
}
