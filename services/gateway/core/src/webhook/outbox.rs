//! What one receiver is still to be told: in which order, when, how often, and when it is given up.
//!
//! The streams keep the letters; this holds the few that are in hand. A letter leaves when the server has its ack. What is in hand is
//! offered again after a restart, so nothing is lost; what was told and not acked is told again with the same id.
//!
//! Invariants: of one incident one letter is on its way at a time, its opening first; never more than [`IN_FLIGHT_MAX`] are on
//! their way, and never more than [`IN_HAND_MAX`] of a stream in hand, because the server offers no more.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use arena_proto::{IncidentId, Timestamp};

use super::retry::{Answer, backoff};

/// Letters of one stream in hand: enough that a few which are refused do not hold up the rest.
pub const IN_HAND_MAX: u16 = 64;
/// Requests to one receiver at a time: no receiver of incidents needs more, and each one holds a thread.
pub const IN_FLIGHT_MAX: usize = 4;
/// An older letter is of no use to anybody who is called by it.
pub const GIVEN_UP_AFTER: Duration = Duration::from_hours(24);
/// A receiver that refuses may be about to be mended (a wrong path, a deployment); the third time it means it.
pub const REFUSALS_MAX: u32 = 3;
/// Far below the 15 s after which the server offers a letter again.
const PROGRESS_EVERY: Duration = Duration::from_secs(5);

/// Where a letter is kept. Within an incident this is the order of telling: its opening comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// In the stream INCIDENTS, with its place there.
    Incidents(u64),
    /// In the stream PLANS.
    Plans(u64),
}

/// Something to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// The event's id.
    pub id: String,
    /// About which incident.
    pub incident: IncidentId,
    /// When it was stored.
    pub stored_at: Timestamp,
    /// The place in INCIDENTS of what has to be told before it, if that is known.
    pub after: Option<u64>,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// The server offers a letter, perhaps once more.
    Came(Place, Letter),
    /// What became of a [`Output::Send`].
    Answered(Place, Answer),
    /// The server has the ack of this one.
    Acked(Place),
    /// How far the reader of INCIDENTS is, asked for by [`Output::Look`].
    Looked {
        /// The last that the server offered.
        offered: u64,
        /// Everything up to here is acked.
        acked: u64,
        /// How many are offered and not acked.
        unacked: u64,
    },
    /// Time has passed; once a second.
    Tick,
}

/// What is to be done, in this order, each before the next input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Tell the receiver.
    Send(Place),
    /// Tell the server that this is done; until [`Input::Acked`] it is asked for again.
    Ack(Place),
    /// Tell the server that this is still in hand.
    Progress(Place),
    /// Ask how far the reader of INCIDENTS is.
    Look,
    /// It was not told, and will not be.
    Lost {
        /// The event's id.
        id: String,
        /// Why.
        why: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Due(Timestamp),
    OnItsWay,
    /// Told or given up; the server is to know.
    Done,
}

#[derive(Debug)]
struct Held {
    letter: Letter,
    state: State,
    tries: u32,
    refusals: u32,
}

/// The outbox of one receiver.
#[derive(Debug, Default)]
pub struct Outbox {
    held: BTreeMap<Place, Held>,
    progressed_at: Option<Timestamp>,
    /// Everything up to this place of INCIDENTS was told or is in hand.
    settled: u64,
}

impl Outbox {
    /// How many are in hand.
    #[must_use]
    pub fn len(&self) -> usize {
        let waiting = |held: &&Held| held.state != State::Done;
        self.held.values().filter(waiting).count()
    }

    /// Whether nothing is in hand.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes what happened; gives what is to be done.
    pub fn step(&mut self, now: Timestamp, input: Input) -> Vec<Output> {
        let mut out = Vec::new();
        match input {
            Input::Came(place, letter) => self.came(now, place, letter),
            Input::Answered(place, answer) => self.answered(now, place, answer, &mut out),
            Input::Acked(place) => {
                self.held.remove(&place);
            }
            Input::Looked {
                offered,
                acked,
                unacked,
            } => self.looked(offered, acked, unacked),
            Input::Tick => self.tick(now, &mut out),
        }
        self.give_up(now, &mut out);
        self.send(now, &mut out);
        out
    }

    fn came(&mut self, now: Timestamp, place: Place, letter: Letter) {
        self.held.entry(place).or_insert(Held {
            letter,
            state: State::Due(now),
            tries: 0,
            refusals: 0,
        });
    }

    fn answered(&mut self, now: Timestamp, place: Place, answer: Answer, out: &mut Vec<Output>) {
        let Some(held) = self.held.get_mut(&place) else {
            return;
        };
        held.tries = held.tries.saturating_add(1);
        let pause = backoff(&held.letter.id, held.tries);
        match answer {
            Answer::Delivered => {
                held.state = State::Done;
                out.push(Output::Ack(place));
            }
            Answer::Again { after, .. } => {
                held.state = State::Due(now + after.unwrap_or_default().max(pause));
            }
            Answer::Refused { why, is_final } => {
                held.refusals += 1;
                held.state = State::Due(now + pause);
                if is_final || held.refusals >= REFUSALS_MAX {
                    held.lose(place, why, out);
                }
            }
        }
    }

    /// What the reader was offered and has not acked is all in hand when there is as much of it as the server counts.
    fn looked(&mut self, offered: u64, acked: u64, unacked: u64) {
        let open = |(place, held): &(&Place, &Held)| {
            matches!(place, Place::Incidents(_)) && held.state != State::Done
        };
        let in_hand = self.held.iter().filter(open).count();
        let all_in_hand = unacked <= u64::try_from(in_hand).unwrap_or(u64::MAX);
        let settled = if all_in_hand { offered } else { acked };
        self.settled = self.settled.max(settled);
    }

    fn tick(&mut self, now: Timestamp, out: &mut Vec<Output>) {
        for (place, held) in &self.held {
            if held.state == State::Done {
                out.push(Output::Ack(*place));
            }
        }
        let since = self.progressed_at.map(|at| now.saturating_since(at));
        if since.is_none_or(|since| since >= PROGRESS_EVERY) {
            self.progressed_at = Some(now);
            let open = |(_, held): &(&Place, &Held)| held.state != State::Done;
            let open = self.held.iter().filter(open);
            out.extend(open.map(|(place, _)| Output::Progress(*place)));
        }
        if self.held.values().any(|held| self.comes_too_early(held)) {
            out.push(Output::Look);
        }
    }

    /// What has to be told before it may not have come yet.
    fn comes_too_early(&self, held: &Held) -> bool {
        let after = held.letter.after.filter(|after| *after > self.settled);
        after.is_some_and(|after| !self.held.contains_key(&Place::Incidents(after)))
    }

    fn give_up(&mut self, now: Timestamp, out: &mut Vec<Output>) {
        for (place, held) in &mut self.held {
            let is_old = now.saturating_since(held.letter.stored_at) >= GIVEN_UP_AFTER;
            if is_old && matches!(held.state, State::Due(_)) {
                let tries = held.tries;
                held.lose(
                    *place,
                    format!("not delivered within 24 h, {tries} tries"),
                    out,
                );
            }
        }
    }

    fn send(&mut self, now: Timestamp, out: &mut Vec<Output>) {
        let on_its_way = |held: &&Held| held.state == State::OnItsWay;
        let mut in_flight = self.held.values().filter(on_its_way).count();
        let mut seen = BTreeSet::new();
        let mut ready = Vec::new();
        for (place, held) in &self.held {
            // Of each incident the first that is not done, whatever it waits for.
            if held.state == State::Done || !seen.insert(&held.letter.incident) {
                continue;
            }
            let is_due = matches!(held.state, State::Due(at) if at <= now);
            if is_due && !self.comes_too_early(held) {
                ready.push(*place);
            }
        }
        for place in ready {
            if in_flight == IN_FLIGHT_MAX {
                break;
            }
            if let Some(held) = self.held.get_mut(&place) {
                held.state = State::OnItsWay;
                in_flight += 1;
                out.push(Output::Send(place));
            }
        }
    }
}

impl Held {
    fn lose(&mut self, place: Place, why: String, out: &mut Vec<Output>) {
        self.state = State::Done;
        let id = self.letter.id.clone();
        out.push(Output::Lost { id, why });
        out.push(Output::Ack(place));
    }
}

#[cfg(test)]
mod tests {
    use super::Output::{Ack, Look, Lost, Progress, Send};
    use super::Place::{Incidents, Plans};
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_unix_millis(1_700_000_000_000) + Duration::from_secs(seconds)
    }

    fn came(place: Place, incident: &str, after: Option<u64>) -> Input {
        let letter = Letter {
            id: format!("{incident} {place:?}"),
            incident: IncidentId::new(incident).unwrap(),
            stored_at: at(0),
            after,
        };
        Input::Came(place, letter)
    }

    fn again() -> Answer {
        Answer::Again {
            why: "it answers 500".to_owned(),
            after: None,
        }
    }

    fn refused() -> Answer {
        Answer::Refused {
            why: "it answers 400".to_owned(),
            is_final: false,
        }
    }

    fn sends(out: &[Output]) -> Vec<Place> {
        let sends = out.iter().filter_map(|output| match output {
            Send(place) => Some(*place),
            _ => None,
        });
        sends.collect()
    }

    #[test]
    fn what_is_told_is_acked_until_the_server_knows() {
        let mut outbox = Outbox::default();
        let place = Incidents(7);
        assert_eq!(
            outbox.step(at(0), came(place, "inc-1", None)),
            [Send(place)]
        );
        let delivered = Input::Answered(place, Answer::Delivered);
        assert_eq!(outbox.step(at(1), delivered), [Ack(place)]);
        assert_eq!(
            outbox.step(at(2), Input::Tick),
            [Ack(place)],
            "not yet acked"
        );
        // Offered again before the ack got through: it is not told again.
        assert_eq!(outbox.step(at(3), came(place, "inc-1", None)), []);
        assert_eq!(outbox.step(at(4), Input::Acked(place)), []);
        assert_eq!(outbox.step(at(5), Input::Tick), []);
        assert!(outbox.is_empty());
    }

    #[test]
    fn a_receiver_that_is_down_is_asked_again_and_the_server_hears_that_it_goes_on() {
        let mut outbox = Outbox::default();
        let place = Incidents(7);
        outbox.step(at(0), came(place, "inc-1", None));
        outbox.step(at(0), Input::Answered(place, again()));
        assert_eq!(outbox.step(at(0), Input::Tick), [Progress(place)]);
        let mut tries = 0;
        for second in 1..600 {
            let out = outbox.step(at(second), Input::Tick);
            if second % 5 == 0 {
                assert!(out.contains(&Progress(place)), "{second}: {out:?}");
            }
            if out.contains(&Send(place)) {
                tries += 1;
                outbox.step(at(second), Input::Answered(place, again()));
            }
        }
        assert!((13..20).contains(&tries), "{tries}: about one a minute");
    }

    #[test]
    fn an_incident_is_told_in_order_and_others_do_not_wait() {
        let mut outbox = Outbox::default();
        let (opened, resolved, other) = (Incidents(7), Plans(3), Plans(4));
        assert_eq!(
            outbox.step(at(0), came(opened, "inc-1", None)),
            [Send(opened)]
        );
        assert_eq!(outbox.step(at(0), came(resolved, "inc-1", Some(7))), []);
        assert_eq!(
            outbox.step(at(0), came(other, "inc-2", None)),
            [Send(other)]
        );
        outbox.step(at(0), Input::Answered(opened, again()));
        assert_eq!(sends(&outbox.step(at(9), Input::Tick)), [opened]);
        let out = outbox.step(at(9), Input::Answered(opened, Answer::Delivered));
        assert_eq!(out, [Ack(opened), Send(resolved)]);
    }

    #[test]
    fn an_end_waits_for_a_beginning_that_has_not_come() {
        let mut outbox = Outbox::default();
        let (opened, resolved) = (Incidents(7), Plans(3));
        assert_eq!(outbox.step(at(0), came(resolved, "inc-1", Some(7))), []);
        assert!(outbox.step(at(1), Input::Tick).contains(&Look));
        let not_offered = Input::Looked {
            offered: 6,
            acked: 6,
            unacked: 0,
        };
        assert_eq!(outbox.step(at(1), not_offered), []);
        // Offered to a gateway that is no more: not acked, and not in hand.
        let elsewhere = Input::Looked {
            offered: 8,
            acked: 6,
            unacked: 2,
        };
        assert_eq!(outbox.step(at(2), elsewhere), []);
        assert_eq!(
            outbox.step(at(3), came(opened, "inc-1", None)),
            [Send(opened)]
        );
        let out = outbox.step(at(3), Input::Answered(opened, Answer::Delivered));
        assert_eq!(out, [Ack(opened), Send(resolved)]);
    }

    #[test]
    fn an_end_whose_beginning_was_told_long_ago_is_told() {
        for (offered, acked, unacked) in [(9, 9, 0), (9, 5, 1), (9, 7, 5)] {
            let mut outbox = Outbox::default();
            outbox.step(at(0), came(Incidents(6), "inc-2", None));
            outbox.step(at(0), came(Plans(3), "inc-1", Some(7)));
            let out = outbox.step(
                at(1),
                Input::Looked {
                    offered,
                    acked,
                    unacked,
                },
            );
            assert_eq!(out, [Send(Plans(3))], "{offered} {acked} {unacked}");
        }
    }

    #[test]
    fn what_is_refused_three_times_is_lost_and_what_follows_is_told() {
        let mut outbox = Outbox::default();
        let (opened, resolved) = (Incidents(7), Plans(3));
        outbox.step(at(0), came(opened, "inc-1", None));
        outbox.step(at(0), came(resolved, "inc-1", Some(7)));
        for second in [0, 10] {
            outbox.step(at(second), Input::Answered(opened, refused()));
            assert_eq!(sends(&outbox.step(at(second + 9), Input::Tick)), [opened]);
        }
        let lost = Lost {
            id: "inc-1 Incidents(7)".to_owned(),
            why: "it answers 400".to_owned(),
        };
        let out = outbox.step(at(20), Input::Answered(opened, refused()));
        assert_eq!(out, [lost, Ack(opened), Send(resolved)]);
        let gone = Answer::Refused {
            why: "gone".to_owned(),
            is_final: true,
        };
        let out = outbox.step(at(20), Input::Answered(resolved, gone));
        assert!(matches!(&out[..], [Lost { .. }, Ack(_)]), "{out:?}");
    }

    #[test]
    fn after_a_day_it_is_given_up() {
        let mut outbox = Outbox::default();
        let place = Incidents(7);
        outbox.step(at(0), came(place, "inc-1", None));
        outbox.step(at(0), Input::Answered(place, again()));
        let day = GIVEN_UP_AFTER.as_secs();
        assert_eq!(sends(&outbox.step(at(day - 1), Input::Tick)), [place]);
        let out = outbox.step(at(day), Input::Answered(place, again()));
        assert!(matches!(&out[..], [Lost { .. }, Ack(_)]), "{out:?}");
    }

    #[test]
    fn a_receiver_gets_four_at_a_time() {
        let mut outbox = Outbox::default();
        for sequence in 1..=10 {
            let incident = format!("inc-{sequence}");
            outbox.step(at(0), came(Incidents(sequence), &incident, None));
        }
        assert_eq!(outbox.len(), 10);
        let out = outbox.step(at(1), Input::Answered(Incidents(2), Answer::Delivered));
        assert_eq!(sends(&out), [Incidents(5)]);
    }

    #[test]
    fn retry_after_is_the_least_that_is_waited() {
        let mut outbox = Outbox::default();
        let place = Incidents(7);
        outbox.step(at(0), came(place, "inc-1", None));
        let busy = Answer::Again {
            why: "it answers 429".to_owned(),
            after: Some(SECOND * 90),
        };
        outbox.step(at(0), Input::Answered(place, busy));
        assert_eq!(sends(&outbox.step(at(89), Input::Tick)), []);
        assert_eq!(sends(&outbox.step(at(90), Input::Tick)), [place]);
    }
}
