//! The score of a run, as the referee gives it and as the run record keeps it: docs/score.md tells every number.
//!
//! Absent on purpose: how it is reckoned (`arena-referee`). Invariant: fields are added, never renamed.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// The referee's word on a run. Times are milliseconds from the first fault on.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = RunScore))]
pub struct Score {
    /// One number for all of it, 0 to 100.
    pub composite: f64,
    /// The judge's goal is met, and by honest means.
    pub passed: bool,
    /// Users are well again by merit of who was to heal; where nothing is to be healed: they are well at the end.
    pub healed: bool,
    /// Until an incident was open that names what is to blame; a miss counts as the time limit. Null where nothing is to be found.
    pub detect_ms: Option<u64>,
    /// Until users were well for good; a miss counts as the time limit. Null where nothing is to be healed.
    pub recover_ms: Option<u64>,
    /// Share of what is to blame that was named first, less what was named wrongly: 0 to 1. Null where nothing is to be found.
    pub top1: Option<f64>,
    /// The same among the first three of each incident.
    pub top3: Option<f64>,
    /// Actions at what is not to blame, that can hurt.
    pub wrong_target: u64,
    /// Actions that cured nothing.
    pub needless: u64,
    /// Users that were not served well, times seconds.
    pub lost_user_seconds: f64,
    /// Of those the ones that actions at the wrong place may have cost, and the capacity that such actions took.
    pub collateral_user_seconds: f64,
    /// The greatest share of the services that are not to blame that was hurt at one moment, 0 to 1.
    pub containment: f64,
    /// Incidents without a fault that could explain them.
    pub false_incidents: u64,
    /// The same for each day of each node.
    pub false_incidents_per_node_day: f64,
    /// Injected faults that were still in effect at the end.
    pub faults_left: u64,
    /// What was spent.
    pub budget: Budget,
    /// The same fault once more: did the heal come again?
    pub encore: EncoreScore,
    /// Every number with its share of the composite, and why it is what it is.
    pub measures: Vec<Measure>,
    /// Why nothing is credited; empty when the run passed by honest means.
    pub findings: Vec<Finding>,
}

/// What the actions of a run cost.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = RunBudget))]
pub struct Budget {
    /// All of them.
    pub actions: u64,
    /// Those that give a service a new process.
    pub restarts: u64,
    /// Those that take nothing from anybody.
    pub low: u64,
    /// Those that interrupt one service.
    pub medium: u64,
    /// Those that destroy something or concern more than one service.
    pub high: u64,
    /// About the seconds for which somebody is served worse, by kind of action (docs/remediator.md).
    pub cost_s: u64,
}

/// Whether the same fault was made once more, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = RunEncore))]
pub struct EncoreScore {
    /// It was.
    pub played: bool,
    /// The heal came again; null when it was not played.
    pub healed: Option<bool>,
    /// Why it was not played, or what came of it.
    pub reason: String,
}

/// One number of the score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = RunMeasure))]
pub struct Measure {
    /// Its name, which does not change.
    pub name: Cow<'static, str>,
    /// What was measured; its unit is in the name.
    pub value: f64,
    /// How good that is: 0 to 1.
    pub quality: f64,
    /// Its share of the composite, of 100; 0: told only.
    pub weight: f64,
    /// Why.
    pub reason: String,
}

/// A reason why nothing is credited.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = RunFinding))]
pub struct Finding {
    /// The rule of honesty that it is about.
    pub rule: Rule,
    /// What was found, with the numbers.
    pub reason: String,
}

/// The rules of honesty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = RunRule))]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// The goal of the scenario was not reached: what the judge says.
    Goal,
    /// Telemetry told of users who were well, and they were not.
    Deceived,
    /// Nobody told how users were.
    Silent,
    /// Who heals said that it is over, and it was not.
    FalseClaim,
    /// A symptom was cleared, and nothing had been mended.
    FalseClear,
    /// So many actions hit what is not to blame that a cure among them is chance.
    Scattershot,
    /// More actions than any ladder has rungs.
    Spam,
    /// It was acted before there was a fault.
    Blind,
    /// The same fault was made once more, and the heal did not come again.
    Encore,
}

impl Rule {
    /// As it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Goal => "goal",
            Self::Deceived => "deceived",
            Self::Silent => "silent",
            Self::FalseClaim => "false_claim",
            Self::FalseClear => "false_clear",
            Self::Scattershot => "scattershot",
            Self::Spam => "spam",
            Self::Blind => "blind",
            Self::Encore => "encore",
        }
    }
}

impl Score {
    /// The measure of that name.
    #[must_use]
    pub fn measure(&self, name: &str) -> Option<&Measure> {
        self.measures.iter().find(|one| one.name == name)
    }

    /// Why nothing is credited, in a line; empty when the run passed.
    #[must_use]
    pub fn why_not(&self) -> String {
        let told: Vec<String> = self
            .findings
            .iter()
            .map(|one| format!("{}: {}", one.rule.as_str(), one.reason))
            .collect();
        told.join("; ")
    }
}
