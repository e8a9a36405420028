//! The short way past a message that changes nothing, which nearly every message is.
//!
//! After a message was judged whole, and no signal of the node is raised, pending or recovering, it is known what the next one
//! must say to change nothing: the same states, and values within bounds that follow from the rules. Such a message is seen to be
//! calm in one pass over a few columns; any other is judged whole again.
//!
//! Why nothing is lost: of a signal without a run ([`Signal::is_quiet`]) a judgement that leaves its state as it is leaves nothing
//! behind but the time of the sample, which is asked of runs only. A test holds this way against the whole one.
//!
//! [`Signal::is_quiet`]: crate::signal::Signal::is_quiet

use arena_expression::{Comparison, Plain, Term};
use arena_proto::{ServiceSample, Telemetry, Timestamp};

/// What one column must say. As small as can be: ten thousand nodes have more of these than a processor keeps at hand.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Bound {
    column: u32,
    /// At least this; NaN: no reading.
    low: f32,
    /// At most this.
    high: f32,
}

impl Bound {
    fn lies(column: usize, low: f32, high: f32) -> Option<Self> {
        let column = u32::try_from(column).ok()?;
        Some(Self { column, low, high })
    }

    fn holds(self, values: &[f32]) -> bool {
        let value = usize::try_from(self.column)
            .ok()
            .and_then(|at| values.get(at));
        value.is_some_and(|value| {
            (self.low..=self.high).contains(value) || self.low.is_nan() && value.is_nan()
        })
    }
}

/// The greatest reading that is not above the level.
fn at_most(level: f64) -> f32 {
    #[expect(clippy::cast_possible_truncation, reason = "mended on the next line")]
    let near = level as f32;
    if f64::from(near) > level {
        near.next_down()
    } else {
        near
    }
}

/// The least reading that is not below the level.
fn at_least(level: f64) -> f32 {
    -at_most(-level)
}

/// What the next message of a node must say to change nothing.
#[derive(Debug, Default)]
pub(crate) struct Calm {
    /// Whether there is a message that would.
    known: bool,
    columns: Vec<Bound>,
    services: Vec<ServiceSample>,
    /// Sampled at this time or later: every process is warm, and no clock was set back.
    from: Option<Timestamp>,
}

impl Calm {
    /// Nothing is known: the next message is judged whole.
    pub(crate) fn forget(&mut self) {
        self.known = false;
    }

    /// Begins to note what must be, after a message with these services.
    pub(crate) fn begin(&mut self, telemetry: &Telemetry) {
        self.known = true;
        self.columns.clear();
        self.services.clone_from(&telemetry.services);
        self.from = None;
    }

    /// A process is warm from then on.
    pub(crate) fn not_before(&mut self, warm: Timestamp) {
        self.from = self.from.max(Some(warm));
    }

    /// The rule's condition must go on to answer this; `column`: where a variable stands, `None` when that changes.
    pub(crate) fn expect(
        &mut self,
        condition: Option<&Plain>,
        answer: Option<bool>,
        column: &impl Fn(usize) -> Option<usize>,
    ) {
        let noted = self.columns.len();
        let bounded = match (condition, answer) {
            (Some(condition), Some(false)) => self.keep_false(condition, column),
            // Of one comparison only: joined ones may have no answer for several reasons.
            (Some(Plain::Compare(Term::Variable(at), _, Term::Literal(_))), None) => {
                let bound = column(*at).and_then(|at| Bound::lies(at, f32::NAN, f32::NAN));
                self.note(bound)
            }
            _ => false,
        };
        if !bounded {
            self.columns.truncate(noted);
            self.known = false;
        }
    }

    /// Notes what is enough for the condition to be false; false when that cannot be told.
    fn keep_false(&mut self, condition: &Plain, column: &impl Fn(usize) -> Option<usize>) -> bool {
        match condition {
            Plain::And(sides) => {
                // One false side is enough.
                sides.iter().any(|side| {
                    let noted = self.columns.len();
                    let bounded = self.keep_false(side, column);
                    if !bounded {
                        self.columns.truncate(noted);
                    }
                    bounded
                })
            }
            Plain::Or(sides) => sides.iter().all(|side| self.keep_false(side, column)),
            Plain::Compare(Term::Variable(at), comparison, Term::Literal(level)) => {
                let (low, high) = match comparison {
                    Comparison::Greater => (f32::NEG_INFINITY, at_most(*level)),
                    Comparison::GreaterOrEqual => (f32::NEG_INFINITY, at_most(level.next_down())),
                    Comparison::Less => (at_least(*level), f32::INFINITY),
                    Comparison::LessOrEqual => (at_least(level.next_up()), f32::INFINITY),
                    Comparison::Equal | Comparison::NotEqual => return false,
                };
                let bound = column(*at).and_then(|at| Bound::lies(at, low, high));
                self.note(bound)
            }
            Plain::Compare(..) | Plain::Not(_) => false,
        }
    }

    fn note(&mut self, bound: Option<Bound>) -> bool {
        self.columns.extend(bound);
        bound.is_some()
    }

    /// Whether the message changes nothing; its entries fit the schema, and its values are not those of the one before it.
    pub(crate) fn holds(&self, telemetry: &Telemetry) -> bool {
        self.known
            && self.from.is_none_or(|from| telemetry.time >= from)
            && self
                .columns
                .iter()
                .all(|bound| bound.holds(&telemetry.values))
            && self.services == telemetry.services
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_exact_where_a_level_is_no_float() {
        for level in [
            0.1,
            -0.1,
            80.0,
            0.0,
            16_777_217.0,
            240_000_000.0,
            1e300,
            -1e300,
        ] {
            let (below, above) = (at_most(level), at_least(level));
            assert!(
                f64::from(below) <= level && f64::from(below.next_up()) > level,
                "{level}"
            );
            assert!(
                f64::from(above) >= level && f64::from(above.next_down()) < level,
                "{level}"
            );
        }
    }
}
