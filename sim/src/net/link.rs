//! One way of a party's link: when a message that goes in comes out, if it does.

use std::time::Duration;

use arena_proto::Timestamp;

use super::{Defects, microseconds};
use crate::chance::Chance;

/// How long a sender waits before it sends anew what was lost, where the connection and not a program notices: the least time of Linux
/// (`TCP_RTO_MIN`); each further time is twice as long (RFC 6298, 5.5).
const RETRANSMIT: Duration = Duration::from_millis(200);
/// So often in a row a message is lost at most: beyond it 100 % loss would hold a connection up for ever.
const RETRANSMITS_MAX: u32 = 8;

/// What a loss, a second copy and another order mean for a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Whoever sent it does not mind, or tries again by itself.
    Loose,
    /// Nobody would mend it: the connection does, and what follows waits.
    Firm,
}

/// When a message arrives: `None`, once or twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Passage {
    pub(crate) first: Option<Timestamp>,
    pub(crate) second: Option<Timestamp>,
}

/// One way of a link.
#[derive(Debug, Clone)]
#[repr(C)]
pub(crate) struct Way {
    plain: bool,
    delay: Duration,
    /// Nothing in order arrives before this.
    floor: Timestamp,
    defects: Defects,
    chance: Chance,
}

impl Way {
    pub(crate) fn new(defects: Defects, chance: Chance) -> Self {
        let plain = defects.jitter_us == 0
            && defects.loss_percent <= 0.0
            && defects.duplicate_percent <= 0.0
            && defects.reorder_percent <= 0.0;
        Self {
            delay: microseconds(defects.delay_us),
            defects,
            plain,
            chance,
            floor: Timestamp::from_unix_nanos(i64::MIN),
        }
    }

    /// When a message of this kind that goes in now comes out.
    #[inline]
    pub(crate) fn pass(&mut self, now: Timestamp, kind: Kind) -> Passage {
        if self.plain {
            // A constant delay changes no order, but for what a cut held up.
            let first = (now + self.delay).max(self.floor);
            return Passage {
                first: Some(first),
                second: None,
            };
        }
        match kind {
            Kind::Loose => self.pass_loosely(now),
            Kind::Firm => self.pass_firmly(now),
        }
    }

    /// What a cut held up goes on no earlier than `at`, and what follows stays behind it.
    pub(crate) fn hold_until(&mut self, at: Timestamp) {
        self.floor = self.floor.max(at + self.delay);
    }

    /// A new connection: nothing is before it.
    pub(crate) fn renew(&mut self) {
        self.floor = Timestamp::from_unix_nanos(i64::MIN);
    }

    fn takes(&mut self) -> Duration {
        self.delay + self.chance.duration(microseconds(self.defects.jitter_us))
    }

    fn in_order(&mut self, at: Timestamp) -> Timestamp {
        self.floor = self.floor.max(at);
        self.floor
    }

    fn pass_loosely(&mut self, now: Timestamp) -> Passage {
        let Defects {
            loss_percent,
            duplicate_percent,
            reorder_percent,
            reorder_us,
            ..
        } = self.defects;
        let lost = self.chance.percent(loss_percent);
        let doubled = self.chance.percent(duplicate_percent);
        let overtaken = self.chance.percent(reorder_percent);
        let (takes, late) = (self.takes(), self.chance.duration(microseconds(reorder_us)));
        if lost {
            return Passage {
                first: None,
                second: None,
            };
        }
        let first = if overtaken {
            // Still not before what a cut held up.
            (now + takes).max(self.floor) + late
        } else {
            self.in_order(now + takes)
        };
        let second = doubled.then(|| first + takes);
        Passage {
            first: Some(first),
            second,
        }
    }

    fn pass_firmly(&mut self, now: Timestamp) -> Passage {
        let mut at = now;
        let mut wait = RETRANSMIT;
        for _ in 0..RETRANSMITS_MAX {
            if !self.chance.percent(self.defects.loss_percent) {
                break;
            }
            at = at + wait;
            wait *= 2;
        }
        let takes = self.takes();
        Passage {
            first: Some(self.in_order(at + takes)),
            second: None,
        }
    }
}

/// When a connection sends anew what was lost since `lost`, once the way is free again at `free`.
pub(crate) fn retransmitted(lost: Timestamp, free: Timestamp) -> Timestamp {
    let (mut at, mut wait) = (lost + RETRANSMIT, RETRANSMIT);
    while at < free {
        wait *= 2;
        at = at + wait;
    }
    at
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::chance::Purpose;

    fn way(defects: Defects, seed: u64) -> Way {
        Way::new(defects, Chance::stream(seed, Purpose::LinkOut, 0))
    }

    fn at(micros: u64) -> Timestamp {
        Timestamp::EPOCH + microseconds(micros)
    }

    proptest! {
        #[test]
        fn without_reordering_messages_arrive_in_their_order(
            seed: u64,
            jitter_us in 0_u64..10_000,
            loss_percent in 0.0..50.0_f64,
            gaps in prop::collection::vec((0_u64..2_000, any::<bool>()), 1..100),
        ) {
            let mut way = way(Defects { jitter_us, loss_percent, duplicate_percent: 10.0, ..Defects::default() }, seed);
            let (mut now, mut last) = (0, Timestamp::EPOCH);
            for (gap, firm) in gaps {
                now += gap;
                let kind = if firm { Kind::Firm } else { Kind::Loose };
                let passage = way.pass(at(now), kind);
                prop_assert!(!firm || passage.first.is_some() && passage.second.is_none());
                let Some(first) = passage.first else { continue };
                prop_assert!(first >= last && first >= at(now + 85));
                prop_assert!(passage.second.is_none_or(|second| second > first));
                last = first;
            }
        }

        #[test]
        fn a_way_with_no_chance_in_it_is_the_same_as_a_plain_one(gaps in prop::collection::vec(0_u64..2_000, 1..50)) {
            let mut plain = way(Defects::default(), 1);
            let mut slow = Way { plain: false, ..plain.clone() };
            let mut now = 0;
            for gap in gaps {
                now += gap;
                for kind in [Kind::Loose, Kind::Firm] {
                    prop_assert_eq!(plain.pass(at(now), kind), slow.pass(at(now), kind));
                }
            }
        }
    }

    #[test]
    fn shares_are_met() {
        let defects = Defects {
            loss_percent: 20.0,
            duplicate_percent: 10.0,
            reorder_percent: 5.0,
            ..Defects::default()
        };
        let mut way = way(defects, 7);
        let (mut lost, mut doubled, mut overtaken, mut latest) = (0, 0, 0, Timestamp::EPOCH);
        for number in 0..10_000_u64 {
            let passage = way.pass(at(number * 50), Kind::Loose);
            let Some(first) = passage.first else {
                lost += 1;
                continue;
            };
            doubled += u32::from(passage.second.is_some());
            overtaken += u32::from(first < latest);
            latest = latest.max(first);
        }
        assert!((1800..2200).contains(&lost), "{lost}");
        assert!((700..900).contains(&doubled), "{doubled}");
        assert!(overtaken > 100, "{overtaken}");
    }

    #[test]
    fn what_a_cut_held_up_is_sent_anew_at_growing_distances() {
        let after = |tenths: u64| retransmitted(at(0), at(tenths * 100_000));
        assert_eq!(after(1), at(200_000));
        assert_eq!(after(3), at(600_000));
        assert_eq!(after(20), at(3_000_000));
    }
}
