//! Who heals instead of Felix: a policy is shown what the bus would show a remediator, once a virtual second, and says what to do.
//!
//! Absent on purpose: faults and the truth, which no policy sees. Invariant: an order goes through the same guard, the same bus and the
//! same node as anybody's; what a policy says of itself counts for nothing.

pub mod cheats;
mod noop;
mod random;
mod restart;

use std::collections::BTreeMap;

use arena_proto::{ActionKind, Decision, Entity, IncidentId, NodeName, Resolution, Timestamp};

use crate::observe::Observation;
use crate::setup::{Healer, SetupError};

pub use noop::Noop;
pub use random::Random;
pub use restart::Restart;

/// Who heals. The same seed and the same observations give the same deeds.
pub trait Policy: std::fmt::Debug + Send {
    /// As it is listed.
    fn name(&self) -> &str;

    /// What it does now, seeing this.
    fn step(&mut self, now: Timestamp, seen: &Observation) -> Vec<Deed>;
}

/// Something that a policy does.
#[derive(Debug, Clone, PartialEq)]
pub enum Deed {
    /// An action, as a person's `arena do` asks for it.
    Order(Order),
    /// A decision about an incident, as the remediator publishes it.
    Claim {
        /// Which incident.
        incident: IncidentId,
        /// What is claimed.
        claim: Claim,
    },
    /// What no healer may do: for cheats alone, which must not get anything out of it.
    Forge(Forgery),
}

/// One action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// A node, or a service of one.
    pub target: Entity,
    /// What to do.
    pub action: ActionKind,
    /// How.
    pub params: BTreeMap<String, String>,
    /// For which incident.
    pub incident: Option<IncidentId>,
}

impl Order {
    /// An action without parameters, for no incident.
    #[must_use]
    pub const fn new(action: ActionKind, target: Entity) -> Self {
        Self {
            target,
            action,
            params: BTreeMap::new(),
            incident: None,
        }
    }
}

/// What a policy says of an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// It is over, in this way.
    Resolve(Resolution),
    /// A person has to come.
    Escalate,
}

impl Claim {
    /// The word of the plan.
    #[must_use]
    pub const fn decision(self) -> Decision {
        match self {
            Self::Resolve(_) => Decision::Resolve,
            Self::Escalate => Decision::Escalate,
        }
    }
}

/// What no role of the bus but another's may do.
#[derive(Debug, Clone, PartialEq)]
pub enum Forgery {
    /// Telemetry of this node reaches nobody any more.
    Mute(NodeName),
    /// The detector's "cleared" for this incident.
    Clear(IncidentId),
    /// From now on this metric of this entity is told as this value.
    Telemetry {
        /// Whose.
        entity: Entity,
        /// Which.
        metric: String,
        /// What is told.
        value: f32,
    },
}

/// Goes before a cheat's name.
pub const CHEAT: &str = "cheat-";

/// The other name of `rules`.
const FELIX: &str = "felix";

/// Who can be named as a healer, each with what it is in a line. Each of [`cheats::all`] can be, too, with [`CHEAT`] before its
/// name.
pub const HEALERS: &[(&str, &str)] = &[
    ("rules", "the remediator, by its playbooks (also: felix)"),
    ("none", "nobody: the remediator plans and never acts"),
    ("noop", "a policy that does nothing"),
    ("random", "a policy that acts by chance"),
    (
        "restart",
        "a policy that restarts what is held for the cause",
    ),
    ("reference", "who knows the truth, and cures it"),
];

/// The healer of that name; its chance comes of the seed. The error names those that there are.
pub fn healer(name: &str, seed: u64) -> Result<Healer, SetupError> {
    Ok(match name {
        "rules" | FELIX => {
            let playbooks = arena_remediator_core::Playbooks::built_in();
            Healer::Rules(playbooks.map_err(|mistake| SetupError::Policy(mistake.to_string()))?)
        }
        "none" => Healer::Nobody,
        "noop" => Healer::Policy(Box::new(Noop)),
        "random" => Healer::Policy(Box::new(Random::new(seed))),
        "restart" => Healer::Policy(Box::new(Restart::default())),
        "reference" => Healer::Reference,
        other => {
            let cheat = other.strip_prefix(CHEAT);
            let cheat =
                cheat.and_then(|name| cheats::all().into_iter().find(|one| one.name == name));
            if let Some(cheat) = cheat {
                return Ok(Healer::Policy(Box::new(cheats::Cheating::new(cheat))));
            }
            let mut known: Vec<&str> = HEALERS.iter().map(|(name, _)| *name).collect();
            known.push(FELIX);
            let what = format!(
                "there is no policy {other}\n  mend: use one of {}",
                known.join(", ")
            );
            return Err(SetupError::Policy(what));
        }
    })
}
