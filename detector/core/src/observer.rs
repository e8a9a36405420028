//! Can the detector believe what it hears?
//!
//! It doubts itself while it is cut off from the bus, when it was held up, and while its own canary (a word a second to
//! itself, over the server) does not come back; more than a third of the nodes going silent at once ([`crate::liveness`])
//! is a doubt too. Any of these is a storm: who acts by the detector's words must wait. A doubt about itself ends with the
//! first canary that was sent after it began, and no other.

use std::time::Duration;

use arena_proto::{ObserverState, Timestamp};

/// Between two canaries: as often as a node speaks.
const CANARY_EVERY: Duration = Duration::from_secs(1);

/// A canary takes a millisecond; two that are lost and a tick's jitter are no accident.
const CANARY_LIMIT: Duration = Duration::from_millis(2500);

/// A step that comes later than this after it was due means that the detector was held up, and could not hear: one tick.
pub(crate) const OVERSLEPT: Duration = Duration::from_secs(1);

/// What the detector thinks of its own hearing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hearing {
    /// STORM: nobody acts by what it says.
    pub state: ObserverState,
    /// Why, in plain words with the numbers.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
    /// How many nodes are silent.
    pub silent: u32,
    /// Of how many.
    pub known: u32,
}

/// Nodes that went silent at once, and how many there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Crowd {
    pub(crate) silent: usize,
    pub(crate) known: usize,
}

/// Why it does not believe itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doubt {
    CutOff,
    HeldUp(Duration),
    CanaryLost,
}

impl Doubt {
    fn in_words(self) -> String {
        match self {
            Self::CutOff => {
                "the detector was cut off from NATS, and has not heard itself since".to_owned()
            }
            Self::HeldUp(by) => format!("the detector was held up for {:.1} s", by.as_secs_f64()),
            Self::CanaryLost => format!(
                "the detector has not heard its own canary for {:.1} s",
                CANARY_LIMIT.as_secs_f64()
            ),
        }
    }
}

/// The detector's view of itself.
#[derive(Debug, Default)]
pub(crate) struct Observer {
    /// When the next canary is due; `None` while there is no bus.
    next_canary: Option<Timestamp>,
    /// The number of the last canary.
    sent: u64,
    /// The last canary that came back, or the time from which one was to be expected.
    heard_at: Timestamp,
    doubt: Option<Doubt>,
    /// Canaries up to this one were sent before the doubt, and end none.
    doubted_at: u64,
    /// What was said last, and the cause.
    told: Option<(Option<Cause>, Hearing)>,
}

/// A doubt of its own goes before one about the nodes: it explains it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    Own(Doubt),
    Nodes,
}

impl Observer {
    /// The bus is there, or gone.
    pub(crate) fn connected(&mut self, now: Timestamp, connected: bool) {
        self.heard_at = now;
        self.next_canary = connected.then_some(now);
        if !connected {
            self.doubt(Doubt::CutOff);
        }
    }

    /// It cannot believe what it hears.
    pub(crate) fn doubts(&self) -> bool {
        self.doubt.is_some()
    }

    pub(crate) fn next_wakeup(&self) -> Option<Timestamp> {
        let canary = self.next_canary?;
        let missed = (!self.doubts()).then_some(self.heard_at + CANARY_LIMIT);
        Some(missed.map_or(canary, |missed| missed.min(canary)))
    }

    /// Time has passed; the canary to send, if one is due.
    pub(crate) fn wake(&mut self, now: Timestamp) -> Option<u64> {
        let due = self.next_canary?;
        let late = now.saturating_since(due);
        if late > OVERSLEPT {
            self.heard_at = now;
            self.doubt(Doubt::HeldUp(late));
        } else if !self.doubts() && now.saturating_since(self.heard_at) >= CANARY_LIMIT {
            self.doubt(Doubt::CanaryLost);
        }
        if now < due {
            return None;
        }
        self.sent += 1;
        self.next_canary = Some(now + CANARY_EVERY);
        Some(self.sent)
    }

    /// A canary came back.
    pub(crate) fn canary_heard(&mut self, now: Timestamp, number: u64) {
        if self.next_canary.is_some() && number > self.doubted_at && number <= self.sent {
            self.heard_at = now;
            self.doubt = None;
        }
    }

    /// What is to be said, when it is something else than before; `storm`: that of the nodes.
    pub(crate) fn tell(
        &mut self,
        now: Timestamp,
        storm: bool,
        crowd: impl FnOnce() -> Crowd,
    ) -> Option<Hearing> {
        let cause = match self.doubt {
            Some(doubt) => Some(Cause::Own(doubt)),
            None => storm.then_some(Cause::Nodes),
        };
        if self.told.as_ref().is_some_and(|(told, _)| *told == cause) {
            return None;
        }
        let Crowd { silent, known } = crowd();
        let reason = match cause {
            Some(Cause::Own(doubt)) => doubt.in_words(),
            Some(Cause::Nodes) => format!(
                "{silent} of {known} nodes went silent at once: a fault between them and the detector"
            ),
            None => format!("{} of {known} nodes are heard", known - silent.min(known)),
        };
        let state = if cause.is_some() {
            ObserverState::Storm
        } else {
            ObserverState::Clear
        };
        let before = self.told.as_ref().map(|(_, hearing)| hearing);
        let since = before
            .filter(|before| before.state == state)
            .map_or(now, |before| before.since);
        let hearing = Hearing {
            state,
            reason,
            since,
            silent: count(silent),
            known: count(known),
        };
        self.told = Some((cause, hearing.clone()));
        Some(hearing)
    }

    fn doubt(&mut self, doubt: Doubt) {
        // Being held up or cut off explains the canary that does not come.
        if self.doubt.is_none() || doubt == Doubt::CutOff {
            self.doubt = Some(doubt);
        }
        self.doubted_at = self.sent;
    }
}

fn count(nodes: usize) -> u32 {
    u32::try_from(nodes).unwrap_or(u32::MAX)
}
