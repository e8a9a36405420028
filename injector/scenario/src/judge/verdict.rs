//! What the judge says.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// The judge's word on a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = RunVerdict))]
pub struct Verdict {
    /// Every criterion that is asked for is fulfilled.
    pub met: bool,
    /// From the first fault until users were well for good.
    pub heal_ms: Option<u64>,
    /// From the first fault until an incident was opened.
    pub detect_ms: Option<u64>,
    /// All that was looked at.
    pub criteria: Vec<Criterion>,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Criterion))]
pub struct Criterion {
    /// Its name, which does not change.
    pub name: Cow<'static, str>,
    /// Without it the goal is not met; others are told only.
    pub required: bool,
    /// It is fulfilled.
    pub passed: bool,
    /// What was measured, where there is a number: milliseconds under a name that ends so, else a count.
    pub number: Option<u64>,
    /// Why it passed or did not.
    pub reason: String,
}

impl Criterion {
    pub(super) fn new(name: &'static str, passed: bool, reason: impl Into<String>) -> Self {
        Self {
            name: Cow::Borrowed(name),
            required: true,
            passed,
            number: None,
            reason: reason.into(),
        }
    }

    pub(super) const fn number(mut self, number: u64) -> Self {
        self.number = Some(number);
        self
    }

    pub(super) const fn required(mut self, required: bool) -> Self {
        self.required = required;
        self
    }
}

impl Verdict {
    pub(super) fn of(criteria: Vec<Criterion>) -> Self {
        Self {
            met: criteria.iter().all(|one| one.passed || !one.required),
            heal_ms: None,
            detect_ms: None,
            criteria,
        }
    }

    /// The criterion of that name.
    #[must_use]
    pub fn criterion(&self, name: &str) -> Option<&Criterion> {
        self.criteria.iter().find(|one| one.name == name)
    }

    /// Why the goal was not met, in a line; empty when it was.
    #[must_use]
    pub fn why_not(&self) -> String {
        let failed = self
            .criteria
            .iter()
            .filter(|one| one.required && !one.passed);
        let told: Vec<String> = failed
            .map(|one| format!("{}: {}", one.name, one.reason))
            .collect();
        told.join("; ")
    }
}
