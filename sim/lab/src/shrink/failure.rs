//! How a run failed, and whether another one failed in the same way.

use std::collections::BTreeSet;
use std::fmt;

use crate::job::Outcome;

/// The name of the failure of a run that came to no end (a panic).
pub const BROKEN: &str = "broken";

/// How a run failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// These criteria were not fulfilled, and no others.
    Exactly(BTreeSet<String>),
    /// These were not, among others perhaps.
    Among(BTreeSet<String>),
}

impl Failure {
    /// Of a run; `None` when it met its goal.
    #[must_use]
    pub fn of(run: &Result<Outcome, String>) -> Option<Self> {
        let names = names(run);
        (!names.is_empty()).then_some(Self::Exactly(names))
    }

    /// A run failed in this way.
    #[must_use]
    pub fn is_of(&self, run: &Result<Outcome, String>) -> bool {
        let names = names(run);
        match self {
            Self::Exactly(these) => names == *these,
            Self::Among(these) => these.is_subset(&names),
        }
    }
}

fn names(run: &Result<Outcome, String>) -> BTreeSet<String> {
    match run {
        Ok(outcome) if outcome.met => BTreeSet::new(),
        Ok(outcome) => outcome.failed.iter().cloned().collect(),
        Err(_) => BTreeSet::from([BROKEN.to_owned()]),
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Exactly(names) | Self::Among(names)) = self;
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        to.write_str(&names.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::Job;
    use crate::work::fixtures::{curated, play};

    type Run = Result<Outcome, String>;

    fn outcome(failed: &[&str]) -> Outcome {
        let job = Job {
            scenario: curated("dies-crash").into(),
            seed: 1,
            policy: "rules".to_owned(),
            noise: 0,
            encore: false,
            network: "quiet".to_owned(),
        };
        Outcome {
            met: failed.is_empty(),
            failed: failed.iter().map(|name| (*name).to_owned()).collect(),
            ..play(&job)
        }
    }

    #[track_caller]
    fn is_of(failure: &Failure, failed: &[&str], expected: bool) {
        assert_eq!(
            failure.is_of(&Run::Ok(outcome(failed))),
            expected,
            "{failed:?}"
        );
    }

    #[test]
    fn the_same_way_is_the_same_criteria() {
        assert_eq!(Failure::of(&Run::Ok(outcome(&[]))), None);
        let failure = Failure::of(&Run::Ok(outcome(&["cured", "healed_ms"])));
        let failure = failure.expect("it failed");
        is_of(&failure, &["healed_ms", "cured"], true);
        is_of(&failure, &["healed_ms"], false);
        is_of(&failure, &["healed_ms", "cured", "wrong_target"], false);
        assert_eq!(failure.to_string(), "cured, healed_ms");
    }

    #[test]
    fn all_that_are_asked_for_have_to_fail_whatever_else_does() {
        let among = Failure::Among(["cured", "healed_ms"].map(str::to_owned).into());
        is_of(&among, &["healed_ms", "cured"], true);
        is_of(&among, &["healed_ms", "cured", "wrong_target"], true);
        is_of(&among, &["cured"], false);
        is_of(&among, &[], false);
    }

    #[test]
    fn a_panic_is_a_failure_of_its_own() {
        let broken = Failure::of(&Err("it panicked".to_owned())).expect("it failed");
        assert!(broken.is_of(&Err("elsewhere".to_owned())));
        is_of(&broken, &["healed_ms"], false);
    }
}
