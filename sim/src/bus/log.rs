//! What a stream keeps: messages in the order in which they came, and the ids of the last minutes.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use arena_proto::Timestamp;

use super::limits::{COMMANDS_MAX, DUPLICATE_WINDOW, EVENTS_MAX, KEEP_COMMANDS, KEEP_EVENTS};
use super::{Message, Refusal, Stream, Subject};

/// One message of a stream.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub(super) sequence: u64,
    pub(super) at: Timestamp,
    pub(super) subject: Subject,
    pub(super) message: Message,
}

/// A stream.
#[derive(Debug)]
pub(super) struct Log {
    kept: VecDeque<Kept>,
    last: u64,
    ids: BTreeMap<String, u64>,
    /// Ids in the order in which they came.
    window: VecDeque<(Timestamp, String)>,
    limits: Limits,
}

#[derive(Debug, Clone, Copy)]
struct Limits {
    age: Duration,
    window: Duration,
    messages: usize,
    /// When it is full a new message is refused; otherwise the oldest goes.
    refuses: bool,
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) sequence: u64,
    pub(super) duplicate: bool,
}

impl Log {
    pub(super) fn of(stream: Stream) -> Self {
        let limits = if stream == Stream::Commands {
            Limits {
                age: KEEP_COMMANDS,
                window: KEEP_COMMANDS,
                messages: COMMANDS_MAX as usize,
                refuses: true,
            }
        } else {
            Limits {
                age: KEEP_EVENTS,
                window: DUPLICATE_WINDOW,
                messages: EVENTS_MAX as usize,
                refuses: false,
            }
        };
        Self {
            kept: VecDeque::new(),
            last: 0,
            ids: BTreeMap::new(),
            window: VecDeque::new(),
            limits,
        }
    }

    /// Keeps a message, unless its id came within the window.
    pub(super) fn store(
        &mut self,
        now: Timestamp,
        subject: Subject,
        message: Message,
    ) -> Result<Outcome, Refusal> {
        self.expire(now);
        let id = message.id();
        if let Some(sequence) = id.as_ref().and_then(|id| self.ids.get(id)) {
            return Ok(Outcome {
                sequence: *sequence,
                duplicate: true,
            });
        }
        if self.kept.len() >= self.limits.messages {
            if self.limits.refuses {
                return Err(Refusal::Full);
            }
            self.kept.pop_front();
        }
        self.last += 1;
        let sequence = self.last;
        if let Some(id) = id {
            self.window.push_back((now, id.clone()));
            self.ids.insert(id, sequence);
        }
        self.kept.push_back(Kept {
            sequence,
            at: now,
            subject,
            message,
        });
        Ok(Outcome {
            sequence,
            duplicate: false,
        })
    }

    /// Forgets what is too old, messages and ids.
    pub(super) fn expire(&mut self, now: Timestamp) {
        while self
            .kept
            .front()
            .is_some_and(|kept| kept.at + self.limits.age <= now)
        {
            self.kept.pop_front();
        }
        while let Some((at, id)) = self.window.front()
            && *at + self.limits.window <= now
        {
            self.ids.remove(id);
            self.window.pop_front();
        }
    }

    /// The number of the newest message there ever was; 0 before the first.
    pub(super) const fn last(&self) -> u64 {
        self.last
    }

    pub(super) fn get(&self, sequence: u64) -> Option<&Kept> {
        let first = self.kept.front()?.sequence;
        self.kept
            .get(usize::try_from(sequence.checked_sub(first)?).ok()?)
    }

    /// The messages after this number.
    pub(super) fn after(&self, sequence: u64) -> impl Iterator<Item = &Kept> {
        let first = self.kept.front().map_or(0, |kept| kept.sequence);
        let skip = (sequence + 1).saturating_sub(first);
        self.kept
            .iter()
            .skip(usize::try_from(skip).unwrap_or(usize::MAX))
    }

    pub(super) fn messages(&self) -> impl Iterator<Item = &Message> {
        self.kept.iter().map(|kept| &kept.message)
    }
}
