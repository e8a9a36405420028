//! What an episode is to be: which scenario, who is played from outside, how long a step is.

use std::time::Duration;

use arena_injector_core::villain::Budget;
use arena_proto::VillainRequest;
use arena_remediator_core::Playbooks;
use arena_scenario::{Scenario, curated};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::protocol::Mistake;
use crate::log::LogLevel;
use crate::{Healer, Setup, Villain};

/// A step, when nobody says: the period of telemetry, so that each step has news.
const STEP: Duration = Duration::from_secs(1);
/// Below this nothing that an agent sees has changed; above it users would have suffered unseen for long.
const STEP_RANGE_MS: std::ops::RangeInclusive<u64> = 100..=60_000;
/// Of a seed: TOML, in which a scenario may be written down, knows no more.
const SEED_MAX: u64 = i64::MAX as u64;

/// What is played when no scenario is named: the shop, without faults of its own, for five minutes.
const FREE: &str = r#"
name = "free-play"
summary = "The shop, and no faults but those that a villain makes."
difficulty = "medium"
limit = "5m"
[truth]
expect = "no-action"
"#;

/// What can be chosen of an episode. What is left out is as `arena gym` was started with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// The name of a curated scenario.
    pub scenario: Option<String>,
    /// A scenario's text, TOML, instead of a name.
    pub scenario_text: Option<String>,
    /// Who heals.
    pub felix: Option<FelixPlayer>,
    /// Who hurts.
    pub villain: Option<VillainPlayer>,
    /// The seed of an episode whose reset names none; the scenario's when left out.
    pub seed: Option<u64>,
    /// How long a step is, in milliseconds: 100 to 60000.
    pub step_ms: Option<u64>,
    /// How observations are written.
    pub form: Option<Form>,
    /// What a villain may make at most; of `agent`, `random` and `adaptive`.
    pub budget: Option<VillainBudget>,
}

/// What a villain may make at most. What is left out is as `arena villain` has it (docs/villain.md).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct VillainBudget {
    /// So many faults, and no more: 1 to 1000; 20 when left out.
    pub faults: Option<u32>,
    /// So many of them at once: 1 to 8; 2 when left out.
    pub at_once: Option<u32>,
    /// Only faults of these names; empty: all that `families` allows.
    pub names: Vec<String>,
    /// Only faults of these families; empty: of all.
    pub families: Vec<String>,
    /// The shortest time to live of a fault, in milliseconds; of `random` and `adaptive`.
    pub ttl_min_ms: Option<u64>,
    /// The longest; of `random` and `adaptive`.
    pub ttl_max_ms: Option<u64>,
    /// Of `random` and `adaptive`: the mean pause between two faults, in milliseconds.
    pub every_ms: Option<u64>,
}

impl VillainBudget {
    fn request(&self) -> VillainRequest {
        VillainRequest {
            budget: self.faults,
            at_once: self.at_once,
            every_ms: self.every_ms,
            faults: self.names.clone(),
            families: self.families.clone(),
            ttl_min_ms: self.ttl_min_ms,
            ttl_max_ms: self.ttl_max_ms,
            ..VillainRequest::default()
        }
    }

    /// Checks it.
    pub(crate) fn check(&self) -> Result<Budget, Mistake> {
        Budget::of(&self.request()).map_err(|what| {
            Mistake::new(
                what,
                "options.budget",
                "docs/villain.md tells what is allowed",
            )
        })
    }
}

/// Who heals.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FelixPlayer {
    /// Whoever steps.
    #[default]
    Agent,
    /// The remediator, by its playbooks.
    Rules,
    /// Nobody.
    Nobody,
    /// Who knows the truth.
    Reference,
}

/// Who hurts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum VillainPlayer {
    /// Whoever steps.
    #[default]
    Agent,
    /// The scenario, with its own faults.
    Scenario,
    /// Chance.
    Random,
    /// By what hurt longest.
    Adaptive,
    /// Nobody.
    Nobody,
}

/// How observations are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// Field by field.
    #[default]
    Full,
    /// As numbers of a fixed shape.
    Vectors,
    /// Both.
    Both,
}

impl Form {
    /// Field by field, among others.
    #[must_use]
    pub const fn is_full(self) -> bool {
        matches!(self, Self::Full | Self::Both)
    }

    /// As numbers, among others.
    #[must_use]
    pub const fn is_vectors(self) -> bool {
        matches!(self, Self::Vectors | Self::Both)
    }
}

/// All of an episode that was chosen.
#[derive(Debug, Clone)]
pub struct Chosen {
    /// With the seed that its layout and its targets come from.
    pub scenario: Scenario,
    /// Of all chance in the run.
    pub seed: u64,
    /// Who heals.
    pub felix: FelixPlayer,
    /// Who hurts.
    pub villain: VillainPlayer,
    /// How long a step is.
    pub step: Duration,
    /// How observations are written.
    pub form: Form,
    /// What a villain may make at most.
    pub budget: VillainBudget,
    /// The same, checked, with the defaults filled in.
    pub(crate) purse: Budget,
}

impl Options {
    /// These, and where they say nothing, those.
    #[must_use]
    pub fn or(self, others: &Self) -> Self {
        let others = others.clone();
        // A name and a text are one choice: who names one does not want the other's text.
        let (scenario, scenario_text) = if self.scenario.is_some() || self.scenario_text.is_some() {
            (self.scenario, self.scenario_text)
        } else {
            (others.scenario, others.scenario_text)
        };
        Self {
            scenario,
            scenario_text,
            felix: self.felix.or(others.felix),
            villain: self.villain.or(others.villain),
            seed: self.seed.or(others.seed),
            step_ms: self.step_ms.or(others.step_ms),
            form: self.form.or(others.form),
            budget: self.budget.or(others.budget),
        }
    }

    /// Checks them. `seed`: another one than the scenario's.
    pub fn check(&self, seed: Option<u64>) -> Result<Chosen, Mistake> {
        let step_ms = self.step_ms.unwrap_or(millis(STEP));
        if !STEP_RANGE_MS.contains(&step_ms) {
            let what = format!("a step of {step_ms} ms");
            return Err(Mistake::new(what, "options.step_ms", "use 100 to 60000"));
        }
        self.check_players()?;
        let budget = self.budget.clone().unwrap_or_default();
        let (scenario, seed) = self.scenario(seed.or(self.seed))?;
        Ok(Chosen {
            purse: budget.check()?,
            budget,
            scenario,
            seed,
            felix: self.felix.unwrap_or_default(),
            villain: self.villain.unwrap_or_default(),
            step: Duration::from_millis(step_ms),
            form: self.form.unwrap_or_default(),
        })
    }

    /// Somebody plays from here, else nobody would be told anything; and a villain that is the scenario needs one.
    fn check_players(&self) -> Result<(), Mistake> {
        let (felix, villain) = (
            self.felix.unwrap_or_default(),
            self.villain.unwrap_or_default(),
        );
        if felix != FelixPlayer::Agent && villain != VillainPlayer::Agent {
            return Err(Mistake::new(
                "neither felix nor the villain is played from here",
                "options",
                "use `agent` for one of them; `arena run --sim` plays a scenario by itself",
            ));
        }
        let is_free = self.scenario.is_none() && self.scenario_text.is_none();
        if villain == VillainPlayer::Scenario && is_free {
            return Err(Mistake::new(
                "free play has no faults that a scenario could make",
                "options.villain",
                "name a scenario, or use `random`, `adaptive`, `agent` or `nobody`",
            ));
        }
        Ok(())
    }

    /// The scenario as it is played with this seed, or with its own; and which one that is.
    fn scenario(&self, seed: Option<u64>) -> Result<(Scenario, u64), Mistake> {
        let (name, text) = match (&self.scenario, &self.scenario_text) {
            (Some(_), Some(_)) => {
                return Err(Mistake::new(
                    "a scenario's name and a scenario's text",
                    "options",
                    "give one of them",
                ));
            }
            (Some(name), None) => (name.as_str(), curated_text(name)?),
            (None, Some(text)) => ("scenario_text", text.as_str()),
            (None, None) => ("free-play", FREE),
        };
        if let Some(seed) = seed.filter(|seed| *seed > SEED_MAX) {
            let what = format!("the seed {seed}");
            return Err(Mistake::new(what, "seed", "use 0 to 2^63 - 1"));
        }
        let seeded = Scenario::parse(name, text).and_then(|scenario| {
            let seed = seed.unwrap_or(scenario.seed);
            Ok((scenario.seeded(seed)?, seed))
        });
        seeded.map_err(|mistake| {
            Mistake::new(
                mistake.to_string(),
                "options.scenario",
                "`arena scenarios check FILE` tells what a scenario may say",
            )
        })
    }
}

fn curated_text(name: &str) -> Result<&'static str, Mistake> {
    let known = curated();
    if let Some((_, text)) = known.iter().find(|(known, _)| *known == name) {
        return Ok(text);
    }
    let nearest = arena_config::closest(name, known.iter().map(|(name, _)| *name));
    let mend = nearest.map_or_else(
        || {
            "`arena scenarios list` shows the curated ones; a file's text goes into `scenario_text`"
                .to_owned()
        },
        |nearest| format!("did you mean {nearest}?"),
    );
    let shown: String = name.chars().take(80).collect();
    Err(Mistake::new(
        format!("there is no curated scenario {shown:?}"),
        "options.scenario",
        mend,
    ))
}

impl Chosen {
    /// How long a step is.
    pub(crate) fn step_ms(&self) -> u64 {
        millis(self.step)
    }

    /// How long an episode is at most.
    pub(crate) fn length_ms(&self) -> u64 {
        millis(self.scenario.limit)
    }

    /// The run that it is.
    pub fn setup(&self) -> Result<Setup, Mistake> {
        let request = VillainRequest {
            seed: Some(self.seed),
            ..self.budget.request()
        };
        let healer = match self.felix {
            FelixPlayer::Agent => Healer::Outside,
            FelixPlayer::Rules => Healer::Rules(playbooks()?),
            FelixPlayer::Nobody => Healer::Nobody,
            FelixPlayer::Reference => Healer::Reference,
        };
        let villain = match self.villain {
            VillainPlayer::Agent | VillainPlayer::Nobody => Villain::Outside,
            VillainPlayer::Scenario => Villain::Scenario,
            VillainPlayer::Random => Villain::Random(request),
            VillainPlayer::Adaptive => Villain::Adaptive(request),
        };
        let mut setup = Setup::new(self.scenario.clone(), healer);
        setup.seed = self.seed;
        setup.villain = villain;
        setup.log = LogLevel::Hash;
        Ok(setup)
    }
}

fn playbooks() -> Result<Playbooks, Mistake> {
    Playbooks::built_in().map_err(|wrong| {
        Mistake::new(
            wrong.to_string(),
            "the built-in playbooks",
            "use another `felix`",
        )
    })
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
