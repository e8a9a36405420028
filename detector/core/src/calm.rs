//! The short way past what a message does not change, which is nearly everything in nearly every message.
//!
//! After a message was judged whole, and no signal of the node is raised, pending or recovering, it is known what the next one
//! must say to change nothing: the same states, and values within bounds that follow from the rules. One pass over a few columns finds
//! which bounds are left, and only the signals behind them are judged. Other states, or a signal that is not quiet any more, and the
//! message is judged whole again.
//!
//! Why nothing is lost: of a signal without a run ([`Signal::is_quiet`]) a judgement that leaves its state as it is leaves nothing
//! behind but the time of the sample, which is asked of runs only. A test holds this way against the whole one.
//!
//! [`Signal::is_quiet`]: crate::signal::Signal::is_quiet

use arena_expression::{Comparison, Plain, Term};
use arena_proto::{Telemetry, Timestamp};

/// A signal of a node, by its places: the entity's among the tracks, and its own among the entity's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) track: usize,
    pub(crate) signal: usize,
}

/// What one column must say for one signal. As small as can be: ten thousand nodes have more of these than a processor keeps at hand.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Bound {
    /// At least this, or at most.
    level: f32,
    column: u16,
    track: u16,
    signal: u8,
    at_least: bool,
    /// There must be no reading.
    missing: bool,
    /// The rule is this comparison and no more: without a reading it has no answer.
    alone: bool,
}

impl Bound {
    fn holds(&self, values: &[f32]) -> bool {
        values.get(usize::from(self.column)).is_some_and(|value| {
            if self.missing {
                value.is_nan()
            } else if self.at_least {
                *value >= self.level
            } else {
                *value <= self.level
            }
        })
    }

    fn place(&self) -> Place {
        Place {
            track: self.track.into(),
            signal: self.signal.into(),
        }
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
    bounds: Vec<Bound>,
    /// Which bounds the message at hand has left.
    left: Vec<usize>,
    /// Sampled at this time or later: every process is warm, and no clock was set back.
    from: Option<Timestamp>,
}

impl Calm {
    /// Nothing is known: the next message is judged whole.
    pub(crate) fn forget(&mut self) {
        self.known = false;
    }

    /// Begins to note what must be, after a message.
    pub(crate) fn begin(&mut self) {
        self.known = true;
        self.bounds.clear();
        self.from = None;
    }

    /// A process is warm from then on.
    pub(crate) fn not_before(&mut self, warm: Timestamp) {
        self.from = self.from.max(Some(warm));
    }

    /// The condition of the signal there must go on to be false, or to have no answer; `column`: where a variable stands, `None` when
    /// that changes.
    pub(crate) fn expect(
        &mut self,
        place: Place,
        condition: Option<&Plain>,
        has_reading: bool,
        column: &impl Fn(usize) -> Option<usize>,
    ) {
        let noted = self.bounds.len();
        let alone = matches!(condition, Some(Plain::Compare(..)));
        let found = condition.is_some_and(|condition| self.keep_false(condition, column));
        // Joined comparisons may have no answer for several reasons.
        if !found || !has_reading && !alone {
            return self.forget();
        }
        let (Ok(track), Ok(signal)) = (place.track.try_into(), place.signal.try_into()) else {
            return self.forget();
        };
        for bound in &mut self.bounds[noted..] {
            (bound.track, bound.signal) = (track, signal);
            (bound.missing, bound.alone) = (!has_reading, alone);
        }
    }

    /// Notes what is enough for the condition to be false; false when that cannot be told.
    fn keep_false(&mut self, condition: &Plain, column: &impl Fn(usize) -> Option<usize>) -> bool {
        match condition {
            // One false side is enough.
            Plain::And(sides) => sides.iter().any(|side| {
                let noted = self.bounds.len();
                let found = self.keep_false(side, column);
                if !found {
                    self.bounds.truncate(noted);
                }
                found
            }),
            Plain::Or(sides) => sides.iter().all(|side| self.keep_false(side, column)),
            Plain::Compare(Term::Variable(at), comparison, Term::Literal(level)) => {
                let (is_at_least, level) = match comparison {
                    Comparison::Greater => (false, at_most(*level)),
                    Comparison::GreaterOrEqual => (false, at_most(level.next_down())),
                    Comparison::Less => (true, at_least(*level)),
                    Comparison::LessOrEqual => (true, at_least(level.next_up())),
                    Comparison::Equal | Comparison::NotEqual => return false,
                };
                let bound = column(*at)
                    .and_then(|at| u16::try_from(at).ok())
                    .map(|column| Bound {
                        level,
                        column,
                        track: 0,
                        signal: 0,
                        at_least: is_at_least,
                        missing: false,
                        alone: false,
                    });
                self.bounds.extend(bound);
                bound.is_some()
            }
            Plain::Compare(..) | Plain::Not(_) => false,
        }
    }

    /// Whether the message can change nothing but the signals that [`Calm::next_left`] gives then. Who asks has seen that its entries fit the
    /// schema, that its services are those of the one before it, and that its values are not.
    pub(crate) fn holds(&mut self, telemetry: &Telemetry) -> bool {
        self.left.clear();
        let same = self.known && self.from.is_none_or(|from| telemetry.time >= from);
        // A message of states alone has no reading, which is not the same as one that is missing.
        if same && !telemetry.values.is_empty() {
            let bounds = self.bounds.iter().enumerate();
            let left = bounds.filter(|(_, bound)| !bound.holds(&telemetry.values));
            self.left.extend(left.map(|(at, _)| at));
            self.left.reverse();
        }
        same
    }

    /// The next signal, in their order, of which a bound was left; each once. With the number of its bound.
    pub(crate) fn next_left(&mut self) -> Option<(Place, usize)> {
        let at = self.left.pop()?;
        let place = self.bounds.get(at)?.place();
        while let Some(next) = self.left.last()
            && self.bounds.get(*next).map(Bound::place) == Some(place)
        {
            self.left.pop();
        }
        Some((place, at))
    }

    /// The signal behind the bound was judged: it is quiet with a reading or without one, or not quiet at all (`None`).
    pub(crate) fn renew(&mut self, bound: usize, quiet: Option<bool>) {
        match (self.bounds.get_mut(bound), quiet) {
            (Some(bound), Some(has_reading)) if has_reading || bound.alone => {
                bound.missing = !has_reading;
            }
            _ => self.forget(),
        }
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
