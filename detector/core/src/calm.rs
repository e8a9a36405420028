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

/// What one column must say.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Must {
    /// A reading of at least this, and at most that.
    Lie(f64, f64),
    /// No reading.
    BeMissing,
}

/// What the next message of a node must say to change nothing.
#[derive(Debug, Default)]
pub(crate) struct Calm {
    /// Whether there is a message that would.
    known: bool,
    columns: Vec<(usize, Must)>,
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
            (Some(Plain::Compare(Term::Variable(at), _, Term::Literal(_))), None) => column(*at)
                .is_some_and(|at| {
                    self.columns.push((at, Must::BeMissing));
                    true
                }),
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
                let must = match comparison {
                    Comparison::Greater => Must::Lie(f64::NEG_INFINITY, *level),
                    Comparison::GreaterOrEqual => Must::Lie(f64::NEG_INFINITY, level.next_down()),
                    Comparison::Less => Must::Lie(*level, f64::INFINITY),
                    Comparison::LessOrEqual => Must::Lie(level.next_up(), f64::INFINITY),
                    Comparison::Equal | Comparison::NotEqual => return false,
                };
                column(*at).is_some_and(|at| {
                    self.columns.push((at, must));
                    true
                })
            }
            Plain::Compare(..) | Plain::Not(_) => false,
        }
    }

    /// Whether the message changes nothing; its entries fit the schema, and its values are not those of the one before it.
    pub(crate) fn holds(&self, telemetry: &Telemetry) -> bool {
        let says = |&(at, must): &(usize, Must)| {
            let value = telemetry.values.get(at).copied().map(f64::from);
            match (value, must) {
                (None, _) => false,
                (Some(value), Must::Lie(low, high)) => (low..=high).contains(&value),
                (Some(value), Must::BeMissing) => value.is_nan(),
            }
        };
        self.known
            && self.from.is_none_or(|from| telemetry.time >= from)
            && self.columns.iter().all(says)
            && self.services == telemetry.services
    }
}
