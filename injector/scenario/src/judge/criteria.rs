//! The criteria, one by one.

use arena_proto::{Entity, RiskClass};

use super::case::{Case, seconds};
use super::facts::{ActionFact, Policy};
use super::hold::{Held, Hold};
use super::verdict::Criterion;
use crate::model::When;

/// A ladder of three rungs, of which the last is right, tries two in vain at each root: a remediator sees symptoms only, and begins with what
/// hurts least.
const NEEDLESS_PER_ROOT_MAX: usize = 2;

impl<'a> Case<'a> {
    pub(super) fn injected(&self) -> Criterion {
        let refused: Vec<String> = self
            .facts
            .faults
            .iter()
            .filter(|fault| !fault.is_made())
            .map(|fault| {
                format!(
                    "{} on {}: {}",
                    fault.fault.name.as_str(),
                    fault.target,
                    fault.message
                )
            })
            .chain(self.facts.refusals.iter().cloned())
            .collect();
        let made = self.injections().filter(|fault| fault.is_made()).count();
        let timed = self.scenario.injections.iter();
        let timed = timed.filter(|one| matches!(one.when, When::At(_)));
        if !refused.is_empty() {
            return Criterion::new(
                "injected",
                false,
                format!("not made: {}", refused.join("; ")),
            );
        }
        if timed.count() > 0 && made == 0 {
            return Criterion::new("injected", false, "no fault was made");
        }
        Criterion::new("injected", true, format!("faults made: {made}"))
            .number(u64::try_from(made).unwrap_or(u64::MAX))
    }

    pub(super) fn heal_criterion(&self, healed: &Result<Held, String>) -> Criterion {
        match healed {
            Ok(held) => {
                let time = held.since_ms.saturating_sub(self.first_fault_ms());
                let reason = format!(
                    "users are well since {} after the first fault",
                    seconds(time)
                );
                Criterion::new("healed_ms", true, reason).number(time)
            }
            Err(why) => Criterion::new("healed_ms", false, why.clone()),
        }
    }

    pub(super) fn detected(&self) -> Criterion {
        self.detect_ms().map_or_else(
            || Criterion::new("detected_ms", false, "no incident was opened"),
            |time| {
                let reason = format!("an incident {} after the first fault", seconds(time));
                Criterion::new("detected_ms", true, reason).number(time)
            },
        )
    }

    /// What the detector found. Who knows the truth needs no detector.
    pub(super) fn causes(&self) -> [Criterion; 2] {
        let required = self.facts.policy != Policy::Reference;
        let found = |root: &&Entity| {
            let mut incidents = self.facts.incidents.iter();
            incidents.any(|incident| incident.root_cause == **root)
        };
        let missed: Vec<&Entity> = self.roots.iter().filter(|root| !found(root)).collect();
        let reason = if missed.is_empty() {
            format!("{} was named as the cause", list(&self.roots))
        } else {
            format!("no incident names {} as its cause", list(missed))
        };
        let root_found = Criterion::new("root_found", reason.ends_with("as the cause"), reason);
        [
            self.detected().required(required),
            root_found.required(required),
        ]
    }

    pub(super) fn cured(&self) -> Criterion {
        let missing: Vec<&Entity> = self
            .roots
            .iter()
            .filter(|root| self.cured_ms(root).is_none())
            .collect();
        let verbs: Vec<String> = self
            .scenario
            .truth
            .cures
            .iter()
            .map(|one| one.verb())
            .collect();
        if missing.is_empty() {
            let reason = format!("{} at {}", verbs.join(" or "), list(&self.roots));
            return Criterion::new("cured", true, reason);
        }
        let reason = format!("no {} was done at {}", verbs.join(" or "), list(missing));
        Criterion::new("cured", false, reason)
    }

    pub(super) fn wrong_target(&self) -> Criterion {
        counted("wrong_target", &self.wrong(), 0, "at what is not to blame")
    }

    pub(super) fn needless(&self) -> Criterion {
        let most = NEEDLESS_PER_ROOT_MAX * self.roots.len();
        counted("needless", &self.vain(), most, "that cured nothing")
    }

    /// Actions at what is not to blame, that can hurt.
    #[must_use]
    pub fn wrong(&self) -> Vec<&'a ActionFact> {
        let wrong = |action: &&ActionFact| !self.is_at_root(action) && !action.is_free();
        self.facts.actions.iter().filter(wrong).collect()
    }

    /// At a root: what is no accepted cure, and a cure once more of what was cured.
    #[must_use]
    pub fn vain(&self) -> Vec<&'a ActionFact> {
        let needless = |action: &&ActionFact| {
            if !self.is_at_root(action) || action.is_free() {
                return false;
            }
            let cured = self.cured_ms(&action.target);
            let again = cured.is_some_and(|cured| action.issued_ms >= cured);
            !self.is_cure(action) || (again && self.is_over(&action.target, action.issued_ms))
        };
        self.facts.actions.iter().filter(needless).collect()
    }

    /// Every fault at this root was over then.
    #[must_use]
    pub fn is_over(&self, target: &Entity, at_ms: u64) -> bool {
        let mut here = self.root_faults().filter(|fault| fault.target == *target);
        here.all(|fault| fault.end_ms.is_some_and(|end| end <= at_ms))
    }

    pub(super) fn quiet(&self) -> Criterion {
        let all: Vec<&ActionFact> = self.facts.actions.iter().collect();
        let mut quiet = counted("quiet", &all, 0, "where nothing should be done");
        let called = self.calls().next().filter(|_| quiet.passed);
        if let Some((incident, _)) = called {
            quiet.passed = false;
            quiet.reason = format!(
                "a person was called for {} of {}",
                incident.symptom, incident.entity
            );
        }
        quiet
    }

    /// At the end users are well, for as long as they must be.
    pub(super) fn settled(&self) -> Criterion {
        let mut watch = Hold::new(self.scenario.healed.hold);
        let mut held = None;
        for sample in &self.facts.samples {
            held = watch.step(sample.at_ms, self.is_well(sample));
        }
        match held {
            Some(held) => {
                let time = held.since_ms.saturating_sub(self.first_fault_ms());
                Criterion::new("settled_ms", true, "users are well at the end").number(time)
            }
            None => Criterion::new("settled_ms", false, self.why_unwell(self.facts.play_ms)),
        }
    }

    pub(super) fn escalated(&self) -> Criterion {
        let first = self.first_fault_ms();
        let called = self.calls().map(|(_, at_ms)| at_ms);
        // Before there was a fault nobody can have been called for it.
        let called = called.filter(|at_ms| *at_ms >= first);
        called.min().map_or_else(
            || Criterion::new("escalated_ms", false, "no person was called"),
            |at| {
                let time = at.saturating_sub(first);
                let reason = format!("a person was called after {}", seconds(time));
                Criterion::new("escalated_ms", true, reason).number(time)
            },
        )
    }

    /// What was tried cannot have hurt.
    pub(super) fn harmless(&self) -> Criterion {
        let hurts = |action: &&ActionFact| {
            !action.is_free() && action.risk.is_none_or(|risk| risk > RiskClass::Low)
        };
        let harmful: Vec<&ActionFact> = self.facts.actions.iter().filter(hurts).collect();
        counted("harmless", &harmful, 0, "that can hurt, and cure nothing")
    }
}

fn counted(name: &'static str, actions: &[&ActionFact], most: usize, what: &str) -> Criterion {
    let told: Vec<String> = actions
        .iter()
        .map(|action| format!("{} {}", action.action.verb(), action.target))
        .collect();
    let reason = if actions.is_empty() {
        format!("no action {what}")
    } else {
        format!(
            "{} {what}, at most {most}: {}",
            actions.len(),
            told.join(", ")
        )
    };
    Criterion::new(name, actions.len() <= most, reason)
        .number(u64::try_from(actions.len()).unwrap_or(u64::MAX))
}

fn list<'a>(entities: impl IntoIterator<Item = &'a Entity>) -> String {
    let names: Vec<String> = entities.into_iter().map(ToString::to_string).collect();
    names.join(", ")
}
