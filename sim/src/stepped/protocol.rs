//! The lines of the stepped mode, one JSON object each: what is asked, and what is answered. docs/gym.md tells them; the JSON Schema of
//! all is docs/gym-schema.json. Fields are added, never renamed; a change that breaks a reader has another [`SCHEMA`].

use std::collections::BTreeMap;

use arena_proto::{ActionKind, Resolution};
use arena_scenario::judge::FaultFact;
use arena_scenario::score::Score;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::options::Options;
use super::vectors::{Shape, Vectors};
use super::villain::VillainSeen;
use crate::observe::Observation;

/// The version of the lines and of the observations in them.
pub const SCHEMA: u32 = 1;

/// What is asked.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
pub enum Request {
    /// The shapes of an episode with these options, without beginning it.
    Describe {
        /// What is left out is as the program was started with.
        #[serde(default)]
        options: Options,
    },
    /// A new episode; the last one is dropped. Answered at its steady state.
    Reset {
        /// Of everything that is left to chance; the scenario's when left out.
        #[serde(default)]
        seed: Option<u64>,
        /// What is left out is as the program was started with.
        #[serde(default)]
        options: Options,
    },
    /// One step: these actions, and then time passes.
    Step {
        /// What each agent does; who is left out does nothing.
        #[serde(default)]
        actions: Actions,
    },
    /// The end; the same as the end of the input.
    Close,
}

/// What each agent does in a step, in this order: the villain first, as trouble comes before its cure.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Actions {
    /// Of the healer.
    #[schemars(with = "Vec<FelixAction>")]
    pub felix: Vec<Value>,
    /// Of the villain.
    #[schemars(with = "Vec<VillainAction>")]
    pub villain: Vec<Value>,
}

/// One thing that the healer does.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema)]
#[serde(untagged)]
pub enum FelixAction {
    /// By its number in `action_mask`; 0: nothing.
    Number(u64),
    /// A command to a node.
    Order(OrderWords),
    /// A decision about an incident.
    Claim(ClaimWords),
}

/// A command to a node, as `arena do` gives one.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderWords {
    /// What to do: RESTART, RECOVER, DRAIN...
    #[schemars(with = "String")]
    pub order: ActionKind,
    /// `node` or `node/service`.
    pub target: String,
    /// How, by name; none is needed.
    #[serde(default)]
    pub params: BTreeMap<String, String>,
    /// For which incident.
    #[serde(default)]
    pub incident: Option<String>,
}

/// A decision about an incident, as the remediator publishes one.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClaimWords {
    /// Which decision.
    pub claim: ClaimWord,
    /// Which incident.
    pub incident: String,
    /// How it ended, of RESOLVE; REMEDIATED when left out. The referee believes no word of it.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub resolution: Option<Resolution>,
}

/// Which decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum ClaimWord {
    /// It is over.
    Resolve,
    /// A person has to come.
    Escalate,
}

/// One thing that the villain does.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema)]
#[serde(untagged)]
pub enum VillainAction {
    /// By its number in `action_mask`; 0: nothing.
    Number(u64),
    /// A fault.
    Inject(InjectWords),
    /// The end of a fault of its own.
    Revert(RevertWords),
}

/// A fault, as `arena inject` makes one.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InjectWords {
    /// Its name in the catalogue.
    pub inject: String,
    /// `node` or `node/service`.
    pub target: String,
    /// Its time to live in milliseconds; 30000 when left out.
    #[serde(default)]
    pub ttl_ms: Option<u64>,
    /// Its parameters; the catalogue's defaults where they are left out.
    #[serde(default)]
    pub params: BTreeMap<String, String>,
}

/// The end of faults.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RevertWords {
    /// A fault's id, or `all`.
    pub revert: String,
}

/// What is answered.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Reply {
    /// Once, before anything is asked.
    Hello {
        /// Of the program.
        version: String,
        /// Of these lines: [`SCHEMA`].
        schema: u32,
    },
    /// To `describe`.
    Description(Box<Description>),
    /// To `reset`: the episode has begun.
    Reset(Box<Begun>),
    /// To `step`.
    Step(Box<Stepped>),
    /// To anything that cannot be done. Nothing has changed, and the next line is read.
    Error(Mistake),
    /// To `close`.
    Closed,
}

/// What was wrong with a line, where, and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Mistake {
    /// What is wrong.
    pub what: String,
    /// Where: a field, or a column of the line.
    #[serde(rename = "where")]
    pub place: String,
    /// How to mend it.
    pub mend: String,
}

impl Mistake {
    /// All three in words.
    #[must_use]
    pub fn new(what: impl Into<String>, place: impl Into<String>, mend: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            place: place.into(),
            mend: mend.into(),
        }
    }
}

/// The shapes of an episode.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Description {
    /// Of the scenario.
    pub scenario: String,
    /// The agents that are played from outside.
    pub agents: Vec<String>,
    /// How long a step is.
    pub step_ms: u64,
    /// So many steps, and an episode is truncated.
    pub steps_max: u64,
    /// What each row of `rows` is about, and each numbered action by its remainder.
    pub places: Vec<String>,
    /// Of the healer's vectors.
    pub felix: Shape,
    /// Of the villain's.
    pub villain: Shape,
}

/// An episode has begun: its steady state was found.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Begun {
    /// Of everything that is left to chance.
    pub seed: u64,
    /// The scenario's name.
    pub scenario: String,
    /// The virtual time of the run, in milliseconds.
    pub at_ms: u64,
    /// What each agent sees.
    pub observations: Observations,
}

/// A step was made.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Stepped {
    /// The virtual time of the run, in milliseconds.
    pub at_ms: u64,
    /// What each agent sees.
    pub observations: Observations,
    /// What each agent is given for this step.
    pub rewards: Each<f64>,
    /// The episode is over by its own rules.
    pub terminations: Each<bool>,
    /// The episode is over as its time is.
    pub truncations: Each<bool>,
    /// What else there is to say to each agent.
    pub infos: Each<Info>,
}

/// One of these for each agent that is played from outside.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Each<T> {
    /// The healer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub felix: Option<T>,
    /// The villain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub villain: Option<T>,
}

/// What each agent sees.
#[derive(Debug, Clone, PartialEq, Default, Serialize, JsonSchema)]
pub struct Observations {
    /// The healer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub felix: Option<Seen<Observation>>,
    /// The villain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub villain: Option<Seen<VillainSeen>>,
}

/// What one agent sees, in the forms that were asked for.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Seen<T> {
    /// Field by field.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub full: Option<T>,
    /// As numbers of a fixed shape.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vectors: Option<Vectors>,
}

/// What else there is to say to an agent.
#[derive(Debug, Clone, PartialEq, Default, Serialize, JsonSchema)]
pub struct Info {
    /// What became of each of its actions, in their order.
    pub actions: Vec<ActionResult>,
    /// With the last step alone: what it was worth, and the truth.
    #[serde(rename = "final", skip_serializing_if = "Option::is_none")]
    pub end: Option<Final>,
}

/// What an episode was worth, and what was true of it.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Final {
    /// The referee's word, each number with its reason: docs/score.md.
    #[schemars(with = "Value")]
    pub score: Score,
    /// Every fault that was asked for, in the order of the asking: as `facts.faults` of a run record (docs/runs.md).
    #[schemars(with = "Vec<Value>")]
    pub faults: Vec<FaultFact>,
    /// SHA-256 of the run's event log, in hexadecimal: the same for the same seed and actions.
    pub sha256: String,
}

/// What became of an action as it was given. What a node makes of a command comes later, as an outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ActionResult {
    /// It was passed on.
    pub accepted: bool,
    /// Why it was not, in the guard's words; empty when it was.
    pub refused: String,
    /// What it became: a command's id, or a fault's; empty when it has none.
    pub id: String,
}

impl Info {
    pub(crate) const fn of(actions: Vec<ActionResult>) -> Self {
        Self { actions, end: None }
    }
}

impl ActionResult {
    pub(crate) fn accepted(id: impl Into<String>) -> Self {
        Self {
            accepted: true,
            refused: String::new(),
            id: id.into(),
        }
    }

    pub(crate) fn refused(why: impl Into<String>) -> Self {
        Self {
            accepted: false,
            refused: why.into(),
            id: String::new(),
        }
    }
}
