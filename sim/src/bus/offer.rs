//! What readers are given: what is there when they open, what comes, and again what was not acked in time.

use std::collections::BTreeMap;

use arena_proto::Timestamp;

use super::deliver::{Alarm, Down, Event};
use super::limits::ACK_WAIT;
use super::reader::{From, Reader, Source, Token};
use super::{Arrival, Bucket, Bus, LANE_DOWN, Message, Party, Subject};
use crate::net::Kind;

impl Bus {
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
                let begins = state.begins.take();
                state.catches_up |= begins.is_some();
                let ephemeral = read.durable.is_none();
                let last = From::LastPerSubject;
                // Where nothing of them has come it begins with them anew.
                let anew = (ephemeral && reached == 0 && read.from == last).then_some(last);
                if let Some(begins) = begins.or(anew) {
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
                } else if ephemeral {
                    state.first.clear();
                    state.sent = reached;
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
}
