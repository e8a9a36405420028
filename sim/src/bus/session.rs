//! Connections: who is connected, what a cut holds up, when it is noticed, and the bus that goes away and comes back.
//!
//! As live: a connection outlives a cut that is shorter than its client takes to notice (pings that stay unanswered); what waits in it
//! arrives when it is sent anew, after pauses that double. Once noticed, or when the bus goes away (its sockets close, which is noticed at
//! once), what was under way is gone, and the client tries to connect again.

use std::sync::Arc;
use std::time::Duration;

use arena_proto::{Schema, SchemaId, Timestamp};

use super::deliver::{Alarm, Event};
use super::lease::Claim;
use super::limits::{PING_EVERY, PINGS_MAX, reconnect_pause};
use super::outbox::Outbox;
use super::{Arrival, Bus, Party, Reader};
use crate::chance::{Chance, Purpose, key};
use crate::net::{Clock, Cut, Outage, RandomCuts, Way, Ways, milliseconds, retransmitted};
use crate::queue::EntryId;

/// Between two cuts by chance there is at least this.
const PAUSE_MIN: Duration = Duration::from_secs(1);

/// A party, as the bus knows it. In memory as it is written here: what a message of telemetry needs lies together.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Member {
    /// Told to the party; the bus sees the same.
    pub(super) connected: bool,
    /// Its program runs.
    alive: bool,
    /// Counts connections: what was under way over an earlier one is gone.
    pub(super) session: u32,
    pub(super) clock: Clock,
    pub(super) schemas: Vec<(SchemaId, Arc<Schema>)>,
    /// Who hears its telemetry, besides those who hear all.
    pub(super) heard_by: Vec<Party>,
    pub(super) out: Side,
    pub(super) back: Side,
    /// Pings go out at this time and every so often after.
    connected_at: Timestamp,
    notices: Option<EntryId>,
    random_cuts: Option<RandomCuts>,
    cuts: Chance,
    pub(super) outboxes: Vec<Outbox>,
    pub(super) readers: Vec<Reader>,
    pub(super) claim: Option<Claim>,
}

/// One way of a link, and what a cut holds up on it.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Side {
    cuts: u32,
    pub(super) way: Way,
    held: Vec<Event>,
    held_since: Timestamp,
}

impl Side {
    const fn new(way: Way) -> Self {
        Self {
            way,
            cuts: 0,
            held: Vec::new(),
            held_since: Timestamp::EPOCH,
        }
    }

    #[inline]
    pub(super) const fn is_cut(&self) -> bool {
        self.cuts > 0
    }

    pub(super) fn hold(&mut self, now: Timestamp, event: Event) {
        if self.held.is_empty() {
            self.held_since = now;
        }
        self.held.push(event);
    }
}

impl Bus {
    /// A program connects for the first time. Its name says which link it has, and which chance.
    pub fn join(&mut self, name: &str) -> Party {
        let party = Party(u32::try_from(self.parties.len()).unwrap_or(u32::MAX));
        let (link, began) = (self.network.link_of(name).clone(), self.began);
        let chance = |purpose| Chance::stream(self.seed, purpose, key(name));
        let mut cuts = chance(Purpose::Cut);
        let first = link
            .random_cuts
            .map(|random| next_cut(began, random, &mut cuts));
        self.parties.push(Member {
            clock: Clock::new(began, &link.clock, &mut chance(Purpose::Clock)),
            out: Side::new(Way::new(link.out, chance(Purpose::LinkOut))),
            back: Side::new(Way::new(link.back, chance(Purpose::LinkIn))),
            connected: self.is_up(),
            alive: true,
            session: 0,
            connected_at: self.now,
            notices: None,
            random_cuts: link.random_cuts,
            cuts,
            outboxes: Vec::new(),
            readers: Vec::new(),
            schemas: Vec::new(),
            claim: None,
            heard_by: Vec::new(),
        });
        for cut in &link.cuts {
            let Cut {
                after_ms,
                lasts_ms,
                ways,
            } = *cut;
            let begins = began + milliseconds(after_ms);
            self.plan_cut(
                party,
                ways,
                (begins, begins + milliseconds(lasts_ms)),
                false,
            );
        }
        if let Some(span) = first {
            self.plan_cut(party, Ways::Both, span, true);
        }
        if !self.is_up() {
            self.try_to_connect(party);
        }
        party
    }

    /// Whether the party believes itself connected.
    #[must_use]
    pub fn is_connected(&self, party: Party) -> bool {
        self.parties[party.index()].connected
    }

    /// Its program dies: what it had not said is lost, and what was on its way to it. What it had read and not acked is offered again.
    pub fn crash(&mut self, now: Timestamp, party: Party) {
        self.now = self.now.max(now);
        self.end_session(party);
        self.parties[party.index()].alive = false;
        self.empty_outboxes(party);
        self.drop_readers(party);
        self.drop_claim(party);
        self.listen_no_more(party);
    }

    /// Its program is started again, and connects; [`Arrival::Connected`] tells. It has no readers, and holds nothing.
    pub fn revive(&mut self, now: Timestamp, party: Party) {
        self.now = self.now.max(now);
        let member = &mut self.parties[party.index()];
        if !std::mem::replace(&mut member.alive, true) {
            self.try_to_connect(party);
        }
    }

    fn end_session(&mut self, party: Party) {
        let member = &mut self.parties[party.index()];
        member.session += 1;
        member.connected = false;
        for side in [&mut member.out, &mut member.back] {
            side.held.clear();
            side.way.renew();
        }
        if let Some(notices) = member.notices.take() {
            self.queue.cancel(notices);
        }
        self.rest_readers(party);
    }

    fn lose(&mut self, party: Party) {
        let member = &self.parties[party.index()];
        if member.alive && member.connected {
            self.end_session(party);
            self.tell(party, Arrival::Connected(false));
            self.try_to_connect(party);
        }
    }

    fn try_to_connect(&mut self, party: Party) {
        let session = self.parties[party.index()].session;
        let at = self.now + reconnect_pause(0);
        let alarm = Alarm::Connect(party, session, 0);
        self.queue.push(at, Event::Alarm(alarm));
    }

    pub(super) fn connect(&mut self, party: Party, session: u32, attempt: usize) {
        let up = self.is_up();
        let member = &mut self.parties[party.index()];
        if member.session != session || member.connected || !member.alive {
            return;
        }
        if !up || member.out.is_cut() || member.back.is_cut() {
            let at = self.now + reconnect_pause(attempt + 1);
            let alarm = Alarm::Connect(party, session, attempt + 1);
            self.queue.push(at, Event::Alarm(alarm));
            return;
        }
        member.connected = true;
        member.connected_at = self.now;
        self.tell(party, Arrival::Connected(true));
        self.resume_readers(party);
        self.resume_outboxes(party);
        self.resume_claim(party);
    }

    fn plan_cut(
        &mut self,
        party: Party,
        ways: Ways,
        (begins, ends): (Timestamp, Timestamp),
        by_chance: bool,
    ) {
        let alarm = Alarm::Cut {
            party,
            ways,
            ends,
            by_chance,
        };
        self.queue.push(begins, Event::Alarm(alarm));
    }

    pub(super) fn cut(&mut self, party: Party, ways: Ways, ends: Timestamp, by_chance: bool) {
        let now = self.now;
        let member = &mut self.parties[party.index()];
        for side in sides(member, ways) {
            side.cuts += 1;
        }
        if member.connected && member.notices.is_none() {
            let at = noticed_at(member.connected_at, now);
            let alarm = Alarm::Noticed(party, member.session);
            member.notices = Some(self.queue.push(at, Event::Alarm(alarm)));
        }
        let alarm = Alarm::Mended {
            party,
            ways,
            by_chance,
        };
        self.queue.push(ends, Event::Alarm(alarm));
    }

    pub(super) fn mend(&mut self, party: Party, ways: Ways, by_chance: bool) {
        let now = self.now;
        let member = &mut self.parties[party.index()];
        for side in sides(member, ways) {
            side.cuts = side.cuts.saturating_sub(1);
            if side.is_cut() || side.held.is_empty() {
                continue;
            }
            let resumes = retransmitted(side.held_since, now);
            side.way.hold_until(resumes);
            let held = std::mem::take(&mut side.held);
            for event in held {
                let passage = side.way.pass(resumes, crate::net::Kind::Firm);
                if let Some(at) = passage.first {
                    self.queue.push(at, event);
                }
            }
        }
        let member = &mut self.parties[party.index()];
        if !member.out.is_cut()
            && !member.back.is_cut()
            && let Some(notices) = member.notices.take()
        {
            self.queue.cancel(notices);
        }
        if by_chance && let Some(random) = member.random_cuts {
            let span = next_cut(now, random, &mut member.cuts);
            self.plan_cut(party, Ways::Both, span, true);
        }
    }

    pub(super) fn notice(&mut self, party: Party, session: u32) {
        let member = &mut self.parties[party.index()];
        if member.session == session {
            member.notices = None;
            self.lose(party);
        }
    }

    /// The bus goes away now, and comes back by itself.
    pub fn restart(&mut self, now: Timestamp, away: Duration) {
        self.now = self.now.max(now);
        self.go_away(now + away, false);
    }

    pub(super) fn plan_outages(&mut self) {
        let began = self.began;
        for outage in self.network.server.outages.clone() {
            let Outage { after_ms, lasts_ms } = outage;
            let begins = began + milliseconds(after_ms);
            let alarm = Alarm::Outage {
                ends: begins + milliseconds(lasts_ms),
                by_chance: false,
            };
            self.queue.push(begins, Event::Alarm(alarm));
        }
        self.plan_random_outage();
    }

    fn plan_random_outage(&mut self) {
        let Some(random) = self.network.server.random_outages else {
            return;
        };
        // A stream for each, so that it needs no place.
        let which = self.now.unix_nanos().cast_unsigned();
        let mut chance = Chance::stream(self.seed, Purpose::Cut, which);
        let (begins, ends) = next_cut(self.now, random, &mut chance);
        let by_chance = true;
        self.queue
            .push(begins, Event::Alarm(Alarm::Outage { ends, by_chance }));
    }

    const fn is_up(&self) -> bool {
        self.outages == 0
    }

    pub(super) fn go_away(&mut self, ends: Timestamp, by_chance: bool) {
        self.outages += 1;
        for index in 0..self.parties.len() {
            self.lose(Party(u32::try_from(index).unwrap_or(u32::MAX)));
        }
        let alarm = Alarm::OutageOver { by_chance };
        self.queue.push(ends, Event::Alarm(alarm));
    }

    pub(super) fn come_back(&mut self, by_chance: bool) {
        self.outages -= 1;
        if by_chance {
            self.plan_random_outage();
        }
    }
}

fn sides(member: &mut Member, ways: Ways) -> impl Iterator<Item = &mut Side> {
    let out = (ways != Ways::In).then_some(&mut member.out);
    let back = (ways != Ways::Out).then_some(&mut member.back);
    out.into_iter().chain(back)
}

fn next_cut(now: Timestamp, random: RandomCuts, chance: &mut Chance) -> (Timestamp, Timestamp) {
    let pause = chance
        .exponential_time(milliseconds(random.every_ms))
        .max(PAUSE_MIN);
    let begins = now + pause;
    let lasts = chance.duration(milliseconds(random.lasts_ms_max));
    (begins, begins + lasts)
}

/// The first ping after the cut that finds more than [`PINGS_MAX`] unanswered, itself included.
pub(super) fn noticed_at(connected_at: Timestamp, cut: Timestamp) -> Timestamp {
    let every = i64::try_from(PING_EVERY.as_nanos()).unwrap_or(i64::MAX);
    let since = cut.unix_nanos() - connected_at.unix_nanos();
    let first = connected_at.unix_nanos() + (since.div_euclid(every) + 1) * every;
    Timestamp::from_unix_nanos(first) + PING_EVERY * PINGS_MAX
}
