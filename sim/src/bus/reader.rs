//! Who reads streams and watches buckets, and how far each is.
//!
//! A durable reader is the bus's: it stays when its party is gone, offers what was not acked again after [`ACK_WAIT`], and is taken over by
//! whoever opens its name next. Any other is its party's: it goes on after a new connection where the party was, and ends with its program;
//! nothing would mend a loss on its way, so the connection does.

use std::collections::{BTreeMap, VecDeque};

use arena_proto::{NodeName, Timestamp};

use super::deliver::{Alarm, Down, Event, Up};
use super::limits::{ACK_PENDING_MAX, ACK_WAIT};
use super::{Arrival, Bucket, Bus, Family, LANE_DOWN, LANE_UP, Message, Party, Stream, Subject};
use crate::net::Kind;
use crate::queue::EntryId;

/// Reads a stream, or watches a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reader(u32);

/// Names a message that a reader was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Token {
    reader: Reader,
    sequence: u64,
}

/// Where a reader that the bus does not know yet begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// With the oldest message that the stream has.
    All,
    /// With the next one.
    New,
    /// With the newest of each subject.
    LastPerSubject,
    /// With the first that was stored at this time or later.
    Since(Timestamp),
}

/// What to read of a stream, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    /// What kind of message.
    pub family: Family,
    /// Only what is about this node, and its services; `None`: all.
    pub node: Option<NodeName>,
    /// Where to begin.
    pub from: From,
    /// Under this name the bus remembers what was acked; `None`: nothing is remembered, and acks do nothing.
    pub durable: Option<String>,
    /// At most so many messages are out and not acked.
    pub in_hand_max: usize,
}

impl Read {
    /// All of a family from the oldest on, of which nothing is remembered.
    #[must_use]
    pub const fn ephemeral(family: Family) -> Self {
        Self {
            family,
            node: None,
            from: From::All,
            durable: None,
            in_hand_max: ACK_PENDING_MAX as usize,
        }
    }

    /// All of a family from the oldest on, under a name.
    #[must_use]
    pub fn durable(family: Family, name: impl Into<String>) -> Self {
        Self {
            durable: Some(name.into()),
            ..Self::ephemeral(family)
        }
    }

    /// Where to begin.
    #[must_use]
    pub fn from(self, from: From) -> Self {
        Self { from, ..self }
    }

    /// Only what is about this node.
    #[must_use]
    pub fn node(self, node: NodeName) -> Self {
        let node = Some(node);
        Self { node, ..self }
    }
}

/// What a reader reads.
#[derive(Debug, Clone)]
enum Source {
    Stream(Read),
    /// Of a bucket, one key or all.
    Bucket(Bucket, Option<String>),
}

#[derive(Debug)]
pub(super) struct ReaderState {
    /// Whose it is now; `None`: of nobody just now, or of nobody any more.
    party: Option<Party>,
    source: Source,
    /// The bus may send: its party is connected, and has asked.
    active: bool,
    /// The bus has sent everything up to this number.
    sent: u64,
    /// Nothing that it reads comes after `sent`.
    at_end: bool,
    /// What it was given first, before it goes on from `sent`.
    first: VecDeque<u64>,
    /// To be offered again.
    again: VecDeque<u64>,
    /// Out and not acked.
    out: BTreeMap<u64, EntryId>,
    /// The last number that reached its party.
    reached: u64,
    /// Where it begins, until that is decided.
    begins: Option<From>,
    /// It has not yet sent all that was there when it was opened.
    catches_up: bool,
}

impl ReaderState {
    const fn is_durable(&self) -> bool {
        matches!(&self.source, Source::Stream(read) if read.durable.is_some())
    }

    fn wants(&self, subject: &Subject) -> bool {
        match &self.source {
            Source::Stream(read) => {
                read.family == subject.family
                    && read.node.as_ref().is_none_or(|node| *node == subject.node)
            }
            Source::Bucket(..) => false,
        }
    }

    const fn kind(&self) -> Kind {
        if self.is_durable() {
            Kind::Loose
        } else {
            Kind::Firm
        }
    }
}

/// Which readers may want what.
#[derive(Debug, Default)]
pub(super) struct Routes {
    family: BTreeMap<Family, Vec<Reader>>,
    node: BTreeMap<NodeName, Vec<Reader>>,
    bucket: BTreeMap<Bucket, Vec<Reader>>,
}

impl Bus {
    /// Reads a stream from now on. One that is durable and known goes on where it was, for this party from now on.
    pub fn read(&mut self, now: Timestamp, party: Party, read: Read) -> Reader {
        self.now = self.now.max(now);
        let known = read.durable.clone().map(|name| (name, read.family));
        if let Some(known) = &known
            && let Some(reader) = self.durables.get(known).copied()
        {
            self.forget_reader_of_party(reader);
            self.adopt(now, party, reader);
            return reader;
        }
        let (family, node) = (read.family, read.node.clone());
        let reader = self.new_reader(Source::Stream(read));
        if let Some(known) = known {
            self.durables.insert(known, reader);
        }
        match node {
            Some(node) => self.routes.node.entry(node).or_default().push(reader),
            None => self.routes.family.entry(family).or_default().push(reader),
        }
        self.adopt(now, party, reader);
        reader
    }

    /// Watches a bucket from now on: first what is there, then each change. After a new connection what is there comes once more.
    pub fn watch(&mut self, now: Timestamp, party: Party, bucket: Bucket) -> Reader {
        self.watch_key(now, party, bucket, None)
    }

    /// Watches one key of a bucket.
    pub fn watch_key(
        &mut self,
        now: Timestamp,
        party: Party,
        bucket: Bucket,
        key: Option<&str>,
    ) -> Reader {
        self.now = self.now.max(now);
        let reader = self.new_reader(Source::Bucket(bucket, key.map(str::to_owned)));
        self.routes.bucket.entry(bucket).or_default().push(reader);
        self.adopt(now, party, reader);
        reader
    }

    /// The work on a message is done. Acks that do not arrive are asked for again, by offering the message again.
    pub fn ack(&mut self, now: Timestamp, party: Party, token: Token) {
        if self.readers[token.reader.0 as usize].is_durable() {
            self.send_up(now, party, Kind::Loose, LANE_UP, Up::Ack(token));
        }
    }

    /// Reads and watches no more. A durable reader stays on the bus, of nobody.
    pub fn close(&mut self, party: Party, reader: Reader) {
        if self.readers[reader.0 as usize].party == Some(party) {
            self.forget_reader_of_party(reader);
            self.drop_ephemeral(reader);
        }
    }

    fn new_reader(&mut self, source: Source) -> Reader {
        let reader = Reader(u32::try_from(self.readers.len()).unwrap_or(u32::MAX));
        let begins = match &source {
            Source::Stream(read) => Some(read.from),
            Source::Bucket(..) => None,
        };
        self.readers.push(ReaderState {
            party: None,
            source,
            active: false,
            sent: 0,
            at_end: false,
            first: VecDeque::new(),
            again: VecDeque::new(),
            out: BTreeMap::new(),
            reached: 0,
            begins,
            catches_up: false,
        });
        reader
    }

    fn adopt(&mut self, now: Timestamp, party: Party, reader: Reader) {
        self.readers[reader.0 as usize].party = Some(party);
        self.parties[party.index()].readers.push(reader);
        self.ask_for(now, reader);
    }

    fn ask_for(&mut self, now: Timestamp, reader: Reader) {
        let state = &self.readers[reader.0 as usize];
        let (Some(party), reached) = (state.party, state.reached) else {
            return;
        };
        self.send_up(now, party, Kind::Firm, LANE_UP, Up::Open(reader, reached));
    }

    fn forget_reader_of_party(&mut self, reader: Reader) {
        let state = &mut self.readers[reader.0 as usize];
        state.active = false;
        if let Some(party) = state.party.take() {
            let readers = &mut self.parties[party.index()].readers;
            readers.retain(|other| *other != reader);
        }
    }

    /// Of nobody, it will never be anybody's again.
    fn drop_ephemeral(&mut self, reader: Reader) {
        if self.readers[reader.0 as usize].is_durable() {
            return;
        }
        let Routes {
            family,
            node,
            bucket,
        } = &mut self.routes;
        let lists = family.values_mut();
        let lists = lists.chain(node.values_mut()).chain(bucket.values_mut());
        for list in lists {
            list.retain(|other| *other != reader);
        }
    }

    /// The program is gone.
    pub(super) fn drop_readers(&mut self, party: Party) {
        for reader in std::mem::take(&mut self.parties[party.index()].readers) {
            let state = &mut self.readers[reader.0 as usize];
            (state.party, state.active) = (None, false);
            self.drop_ephemeral(reader);
        }
    }

    /// The connection is gone.
    pub(super) fn rest_readers(&mut self, party: Party) {
        for reader in &self.parties[party.index()].readers {
            self.readers[reader.0 as usize].active = false;
        }
    }

    /// The connection is there again.
    pub(super) fn resume_readers(&mut self, party: Party) {
        for index in 0..self.parties[party.index()].readers.len() {
            let reader = self.parties[party.index()].readers[index];
            self.ask_for(self.now, reader);
        }
    }

    /// A party asked for what it reads.
    pub(super) fn open(&mut self, reader: Reader, reached: u64) {
        let now = self.now;
        let state = &mut self.readers[reader.0 as usize];
        if state.party.is_none() {
            return;
        }
        state.active = true;
        match &state.source {
            Source::Stream(read) => {
                let log = &mut self.logs[read.family.stream() as usize];
                log.expire(now);
                if let Some(begins) = state.begins.take() {
                    state.catches_up = true;
                    match begins {
                        From::All => {}
                        From::New => (state.sent, state.reached) = (log.last(), log.last()),
                        From::Since(at) => {
                            let older = log.after(0).take_while(|kept| kept.at < at);
                            state.sent = older.last().map_or(0, |kept| kept.sequence);
                            state.reached = state.sent;
                        }
                        From::LastPerSubject => {
                            let mut last = BTreeMap::new();
                            let wanted = log.after(0).filter(|kept| {
                                read.family == kept.subject.family
                                    && read
                                        .node
                                        .as_ref()
                                        .is_none_or(|node| *node == kept.subject.node)
                            });
                            for kept in wanted {
                                last.insert(&kept.subject, kept.sequence);
                            }
                            let mut first: Vec<u64> = last.into_values().collect();
                            first.sort_unstable();
                            state.first = first.into();
                            state.sent = log.last();
                        }
                    }
                } else if read.durable.is_none() {
                    state.first.retain(|sequence| *sequence > reached);
                    state.sent = state
                        .sent
                        .min(reached.max(state.first.front().copied().unwrap_or(reached)));
                }
                state.at_end = false;
                self.pump(reader);
            }
            Source::Bucket(bucket, _) => {
                let bucket = *bucket;
                self.tell_values(reader, bucket);
            }
        }
    }

    /// Everything that is in a bucket, and that this was it.
    fn tell_values(&mut self, reader: Reader, bucket: Bucket) {
        let written = self.buckets[bucket as usize].written(self.now);
        let keys: Vec<String> = written.into_iter().map(|(key, _)| key.to_owned()).collect();
        for key in keys {
            self.tell_value(reader, bucket, &key);
        }
        let state = &self.readers[reader.0 as usize];
        if let Some(party) = state.party {
            self.send_down(party, Kind::Firm, LANE_DOWN, Down::CaughtUp(reader));
        }
    }

    fn tell_value(&mut self, reader: Reader, bucket: Bucket, key: &str) {
        let state = &self.readers[reader.0 as usize];
        let Some(party) = state.party.filter(|_| state.active) else {
            return;
        };
        let Source::Bucket(_, wanted) = &state.source else {
            return;
        };
        if wanted.as_ref().is_some_and(|wanted| wanted != key) {
            return;
        }
        let Some(entry) = self.buckets[bucket as usize].entry(self.now, key) else {
            return;
        };
        let down = match &entry.message {
            Some(message) => Down::Message(reader, entry.revision, entry.at, message.clone()),
            None => Down::Removed(reader, key.to_owned()),
        };
        self.send_down(party, Kind::Firm, LANE_DOWN, down);
    }

    /// A value was written.
    pub(super) fn spread_value(&mut self, bucket: Bucket, key: &str) {
        let count = self.routes.bucket.get(&bucket).map_or(0, Vec::len);
        for index in 0..count {
            let reader = self.routes.bucket[&bucket][index];
            self.tell_value(reader, bucket, key);
        }
    }

    /// A message was stored.
    pub(super) fn spread(&mut self, subject: &Subject, sequence: u64) {
        let of_family = self.routes.family.get(&subject.family);
        let of_node = self.routes.node.get(&subject.node);
        let mut wanting: Vec<Reader> = of_family
            .into_iter()
            .chain(of_node)
            .flatten()
            .copied()
            .collect();
        // In the order in which they were opened, whatever they want.
        wanting.sort_unstable();
        for reader in wanting {
            let state = &mut self.readers[reader.0 as usize];
            if !state.wants(subject) {
                continue;
            }
            let room = match &state.source {
                Source::Stream(read) if read.durable.is_some() => {
                    state.out.len() < read.in_hand_max
                }
                _ => true,
            };
            let waits = !state.first.is_empty() || !state.again.is_empty();
            if state.active && state.at_end && room && !waits {
                state.sent = sequence;
                self.send(reader, sequence);
            } else {
                state.at_end = false;
                self.pump(reader);
            }
        }
    }

    /// Sends as much as there is, and as may be out.
    fn pump(&mut self, reader: Reader) {
        loop {
            let state = &mut self.readers[reader.0 as usize];
            let Source::Stream(read) = &state.source else {
                return;
            };
            let full = read.durable.is_some() && state.out.len() >= read.in_hand_max;
            if !state.active || full {
                return;
            }
            let log = &self.logs[read.family.stream() as usize];
            let next = if let Some(sequence) = state.again.pop_front() {
                Some(sequence)
            } else if let Some(sequence) = state.first.pop_front() {
                Some(sequence)
            } else {
                let next = log
                    .after(state.sent)
                    .find(|kept| state.wants(&kept.subject));
                let next = next.map(|kept| kept.sequence);
                state.sent = next.unwrap_or(state.sent);
                next
            };
            let Some(next) = next else {
                state.at_end = true;
                self.tell_caught_up(reader);
                return;
            };
            self.send(reader, next);
        }
    }

    fn tell_caught_up(&mut self, reader: Reader) {
        let state = &mut self.readers[reader.0 as usize];
        let party = state.party;
        if std::mem::take(&mut state.catches_up)
            && let Some(party) = party
        {
            // Should this be lost nobody would tell it again.
            self.send_down(party, Kind::Firm, LANE_DOWN, Down::CaughtUp(reader));
        }
    }

    /// One message to its reader. What the stream does not keep any more is not sent.
    fn send(&mut self, reader: Reader, sequence: u64) {
        let state = &mut self.readers[reader.0 as usize];
        let Source::Stream(read) = &state.source else {
            return;
        };
        let Some(kept) = self.logs[read.family.stream() as usize].get(sequence) else {
            return;
        };
        let Some(party) = state.party else {
            return;
        };
        let (kind, durable) = (state.kind(), state.is_durable());
        let down = Down::Message(reader, sequence, kept.at, kept.message.clone());
        if durable {
            let token = Token { reader, sequence };
            let alarm = Event::Alarm(Alarm::AckWait(token));
            let alarm = self.queue.push(self.now + ACK_WAIT, alarm);
            state.out.insert(sequence, alarm);
        }
        self.send_down(party, kind, LANE_DOWN, down);
    }

    /// An ack arrived.
    pub(super) fn acked(&mut self, token: Token) {
        let state = &mut self.readers[token.reader.0 as usize];
        state.again.retain(|sequence| *sequence != token.sequence);
        if let Some(alarm) = state.out.remove(&token.sequence) {
            self.queue.cancel(alarm);
        }
        if !state.at_end || !state.again.is_empty() || !state.first.is_empty() {
            self.pump(token.reader);
        }
    }

    /// Nobody acked in time.
    pub(super) fn offer_again(&mut self, token: Token) {
        let state = &mut self.readers[token.reader.0 as usize];
        if state.out.remove(&token.sequence).is_some() {
            state.again.push_back(token.sequence);
            self.pump(token.reader);
        }
    }

    /// Whether somebody wants to know that this reader has caught up: whose it is, and not its lease's machine.
    pub(super) fn tells_caught_up(&self, to: Party, reader: Reader) -> bool {
        self.readers[reader.0 as usize].party == Some(to) && !self.is_of_claim(to, reader)
    }

    pub(super) fn hand_over(
        &mut self,
        to: Party,
        reader: Reader,
        sequence: u64,
        stored_at: Timestamp,
        message: Message,
    ) {
        let state = &mut self.readers[reader.0 as usize];
        if state.party != Some(to) {
            return;
        }
        if matches!(state.source, Source::Stream(_)) {
            state.reached = state.reached.max(sequence);
        }
        let token = Token { reader, sequence };
        if self.lease_heard(to, reader, Some(&message)) {
            return;
        }
        self.tell(
            to,
            Arrival::Message {
                reader,
                message,
                token,
                stored_at,
            },
        );
    }

    pub(super) fn hand_removal_over(&mut self, to: Party, reader: Reader, key: String) {
        if self.readers[reader.0 as usize].party != Some(to) || self.lease_heard(to, reader, None) {
            return;
        }
        self.tell(to, Arrival::Removed { reader, key });
    }

    /// How many messages of a durable reader are out and not acked, and how many were given back.
    #[must_use]
    pub fn unacked(&self, reader: Reader) -> usize {
        let state = &self.readers[reader.0 as usize];
        state.out.len() + state.again.len()
    }

    /// The stream that a reader reads; `None`: it watches a bucket.
    #[must_use]
    pub fn stream_of(&self, reader: Reader) -> Option<Stream> {
        match &self.readers[reader.0 as usize].source {
            Source::Stream(read) => Some(read.family.stream()),
            Source::Bucket(..) => None,
        }
    }
}
