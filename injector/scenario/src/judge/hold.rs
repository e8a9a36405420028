//! Do conditions hold, and for how long already?
//!
//! Invariant: what is not known does not hold, and a pause between two samples is not known either.

use std::time::Duration;

use arena_expression::{Evaluator, Expression, Kind, Mistake, Scope};

use super::facts::Sample;
use crate::model::Check;

/// Samples are half a second apart; where they are further apart than this, nobody looked.
const GAP_MAX_MS: u64 = 5000;

/// What a [`Check`] may name, with what it means.
pub const CHECK_NAMES: &[(&str, Kind)] = &[
    ("user_error_percent", Kind::Number),
    ("user_latency_p95_ms", Kind::Number),
    ("user_request_rate_hz", Kind::Number),
    ("services_unhealthy", Kind::Number),
    ("incidents_open", Kind::Number),
];

/// How the mistakes of a check are worded.
pub const CHECK_SCOPE: Scope<'static> = Scope {
    known: CHECK_NAMES,
    noun: "reading",
    example: "user_error_percent < 2.0",
    unknown_mend: "a check knows only what users feel and how the arena is",
};

/// Conditions, compiled once.
#[derive(Debug)]
pub struct Conditions {
    expressions: Vec<Expression>,
    evaluator: Evaluator,
}

impl Conditions {
    /// Compiles them.
    pub fn compile<'a>(checks: impl IntoIterator<Item = &'a Check>) -> Result<Self, Mistake> {
        let compile = |check: &Check| Expression::compile(&check.0, &CHECK_SCOPE);
        Ok(Self {
            expressions: checks.into_iter().map(compile).collect::<Result<_, _>>()?,
            evaluator: Evaluator::new(),
        })
    }

    /// The first that does not hold, as it was written; `None` when all hold.
    #[must_use]
    pub fn broken(&self, sample: &Sample) -> Option<&str> {
        let fails = |expression: &&Expression| {
            let values: Vec<Option<f64>> = expression
                .names()
                .iter()
                .map(|name| sample.reading(name))
                .collect();
            self.evaluator.holds(expression, &values) != Some(true)
        };
        self.expressions.iter().find(fails).map(Expression::source)
    }

    /// All hold.
    #[must_use]
    pub fn hold(&self, sample: &Sample) -> bool {
        self.broken(sample).is_none()
    }
}

impl Sample {
    fn reading(&self, name: &str) -> Option<f64> {
        match name {
            "user_error_percent" => self.user_error_percent,
            "user_latency_p95_ms" => self.user_latency_p95_ms,
            "user_request_rate_hz" => self.user_request_rate_hz,
            "services_unhealthy" => self.services_unhealthy,
            "incidents_open" => self.incidents_open,
            _ => None,
        }
    }
}

/// Since when something has held without a break.
#[derive(Debug, Clone)]
pub struct Hold {
    /// Milliseconds, as all three.
    wanted: u64,
    since: Option<u64>,
    looked: u64,
}

/// A time without a break that was long enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// It began.
    pub since_ms: u64,
    /// It was long enough.
    pub until_ms: u64,
}

impl Hold {
    /// Waits for so long a time without a break.
    #[must_use]
    pub fn new(hold: Duration) -> Self {
        Self {
            wanted: u64::try_from(hold.as_millis()).unwrap_or(u64::MAX),
            since: None,
            looked: 0,
        }
    }

    /// Takes one look; the times go up.
    pub fn step(&mut self, at_ms: u64, holds: bool) -> Option<Held> {
        if !holds || at_ms.saturating_sub(self.looked) > GAP_MAX_MS {
            self.since = None;
        }
        self.looked = at_ms;
        if !holds {
            return None;
        }
        let since_ms = *self.since.get_or_insert(at_ms);
        let held = at_ms - since_ms >= self.wanted;
        held.then_some(Held {
            since_ms,
            until_ms: at_ms,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(error: Option<f64>) -> Sample {
        Sample {
            user_error_percent: error,
            ..Sample::default()
        }
    }

    #[test]
    fn what_is_not_known_does_not_hold() {
        let check = Check("user_error_percent < 2.0".to_owned());
        let conditions = Conditions::compile([&check]).unwrap();
        assert!(conditions.hold(&sample(Some(1.0))));
        assert_eq!(conditions.broken(&sample(Some(3.0))), Some(&*check.0));
        assert_eq!(conditions.broken(&sample(None)), Some(&*check.0));
        assert_eq!(conditions.broken(&sample(Some(f64::NAN))), Some(&*check.0));
    }

    #[test]
    fn a_hold_begins_anew_after_a_break_and_after_a_gap() {
        let mut hold = Hold::new(Duration::from_secs(2));
        let expected = Held {
            since_ms: 1000,
            until_ms: 3000,
        };
        assert_eq!(hold.step(1000, true), None);
        assert_eq!(hold.step(2999, true), None);
        assert_eq!(hold.step(3000, true), Some(expected));
        assert_eq!(hold.step(3500, false), None);
        assert_eq!(hold.step(4000, true), None);
        assert_eq!(
            hold.step(4000 + GAP_MAX_MS + 1, true),
            None,
            "nobody looked"
        );
        assert!(hold.step(4000 + GAP_MAX_MS + 2001, true).is_some());
    }

    #[test]
    fn an_unknown_name_is_refused() {
        let check = Check("cpu_percent < 2.0".to_owned());
        assert!(Conditions::compile([&check]).is_err());
    }
}
