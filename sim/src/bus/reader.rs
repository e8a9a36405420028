//! Who reads streams and watches buckets, and how far each is.
//!
//! A durable reader is the bus's: it stays when its party is gone, offers what was not acked again (`offer`), and is taken over by
//! whoever opens its name next. Any other is its party's: it goes on after a new connection where the party was, and ends with its program;
//! nothing would mend a loss on its way, so the connection does.

use std::collections::{BTreeMap, VecDeque};

use arena_proto::{NodeName, Timestamp};

use super::deliver::Up;
use super::limits::ACK_PENDING_MAX;
use super::{Bucket, Bus, Family, LANE_UP, Party, Subject};
use crate::net::Kind;
use crate::queue::EntryId;

/// Reads a stream, or watches a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reader(pub(super) u32);

/// Names a message that a reader was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Token {
    pub(super) reader: Reader,
    pub(super) sequence: u64,
}

impl Token {
    /// The message's number in its stream; in a bucket its revision.
    #[must_use]
    pub const fn sequence(self) -> u64 {
        self.sequence
    }
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
pub(super) enum Source {
    Stream(Read),
    /// Of a bucket, one key or all.
    Bucket(Bucket, Option<String>),
}

#[derive(Debug)]
pub(super) struct ReaderState {
    /// Whose it is now; `None`: of nobody just now, or of nobody any more.
    pub(super) party: Option<Party>,
    pub(super) source: Source,
    /// The bus may send: its party is connected, and has asked.
    pub(super) active: bool,
    /// The bus has sent everything up to this number.
    pub(super) sent: u64,
    /// Nothing that it reads comes after `sent`.
    pub(super) at_end: bool,
    /// What it was given first, before it goes on from `sent`.
    pub(super) first: VecDeque<u64>,
    /// To be offered again.
    pub(super) again: VecDeque<u64>,
    /// Out and not acked.
    pub(super) out: BTreeMap<u64, EntryId>,
    /// The last number that reached its party.
    pub(super) reached: u64,
    /// Where it begins, until that is decided.
    pub(super) begins: Option<From>,
    /// It has not yet sent all that was there when it was opened.
    pub(super) catches_up: bool,
}

impl ReaderState {
    pub(super) const fn is_durable(&self) -> bool {
        matches!(&self.source, Source::Stream(read) if read.durable.is_some())
    }

    pub(super) fn wants(&self, subject: &Subject) -> bool {
        match &self.source {
            Source::Stream(read) => {
                read.family == subject.family
                    && read.node.as_ref().is_none_or(|node| *node == subject.node)
            }
            Source::Bucket(..) => false,
        }
    }

    pub(super) const fn kind(&self) -> Kind {
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
    pub(super) family: BTreeMap<Family, Vec<Reader>>,
    pub(super) node: BTreeMap<NodeName, Vec<Reader>>,
    pub(super) bucket: BTreeMap<Bucket, Vec<Reader>>,
}

impl Routes {
    /// Where a reader of this source is.
    fn list(&mut self, source: &Source) -> &mut Vec<Reader> {
        match source {
            Source::Stream(read) => match &read.node {
                Some(node) => self.node.entry(node.clone()).or_default(),
                None => self.family.entry(read.family).or_default(),
            },
            Source::Bucket(bucket, _) => self.bucket.entry(*bucket).or_default(),
        }
    }
}

impl Bus {
    /// Reads a stream from now on. One that is durable and known goes on where it was, for this party from now on: it may ask for another
    /// node, or for more in hand, and not for another beginning.
    pub fn read(&mut self, now: Timestamp, party: Party, read: Read) -> Reader {
        self.now = self.now.max(now);
        let known = read.durable.clone().map(|name| (name, read.family));
        if let Some(known) = &known
            && let Some(reader) = self.durables.get(known).copied()
        {
            self.forget_reader_of_party(reader);
            self.unroute(reader);
            let source = Source::Stream(read);
            self.routes.list(&source).push(reader);
            self.readers[reader.0 as usize].source = source;
            self.adopt(now, party, reader);
            return reader;
        }
        let reader = self.new_reader(Source::Stream(read));
        if let Some(known) = known {
            self.durables.insert(known, reader);
        }
        self.adopt(now, party, reader);
        reader
    }

    /// Watches a bucket from now on: first what is there, then each change. After a new connection what is there comes once more.
    pub fn watch(&mut self, now: Timestamp, party: Party, bucket: Bucket) -> Reader {
        self.watch_key(now, party, bucket, None)
    }

    /// Watches one key of a bucket, or all.
    pub(super) fn watch_key(
        &mut self,
        now: Timestamp,
        party: Party,
        bucket: Bucket,
        key: Option<&str>,
    ) -> Reader {
        self.now = self.now.max(now);
        let reader = self.new_reader(Source::Bucket(bucket, key.map(str::to_owned)));
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
        self.routes.list(&source).push(reader);
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
        if !self.readers[reader.0 as usize].is_durable() {
            self.unroute(reader);
        }
    }

    fn unroute(&mut self, reader: Reader) {
        let source = &self.readers[reader.0 as usize].source;
        self.routes.list(source).retain(|other| *other != reader);
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
}
