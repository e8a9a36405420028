//! Where a node's messages stand by their numbers: what is new, what is late, and how much was lost of late.

use std::collections::VecDeque;

/// Boots that are over, so that a late message of one is known for what it is. An agent that starts more often within
/// a message's delay has other troubles.
const BOOTS_REMEMBERED: usize = 4;

/// Numbers back from the newest among which those that did not come are counted. A quarter of a minute: loss by chance shows
/// within it, and what is over is soon forgotten.
const COUNTED: u64 = 16;

/// Where a message stands among those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Newer,
    /// Older than one that was seen, and here for the first time: it says nothing new, but somebody sent it.
    Late,
    /// Seen already, or too old to tell.
    Stale,
}

/// The numbers of one node.
#[derive(Debug)]
pub(crate) struct Sequence {
    boot_id: u64,
    past_boots: VecDeque<u64>,
    /// The newest of this boot; 0: none yet.
    newest: u64,
    /// Bit n: the message n before the newest has come, or nobody listened then.
    come: u64,
}

impl Sequence {
    pub(crate) fn new(boot_id: u64) -> Self {
        Self {
            boot_id,
            past_boots: VecDeque::new(),
            newest: 0,
            come: u64::MAX,
        }
    }

    pub(crate) fn boot_id(&self) -> u64 {
        self.boot_id
    }

    /// Takes note of a message's place.
    pub(crate) fn take(&mut self, boot_id: u64, seq: u64) -> Order {
        if boot_id != self.boot_id {
            if self.past_boots.contains(&boot_id) {
                return Order::Stale;
            }
            if self.past_boots.len() == BOOTS_REMEMBERED {
                self.past_boots.pop_front();
            }
            self.past_boots.push_back(self.boot_id);
            self.boot_id = boot_id;
            self.newest = 0;
        }
        if seq > self.newest {
            self.go_on(seq);
            return Order::Newer;
        }
        let back = self.newest - seq;
        let bit = u32::try_from(back)
            .ok()
            .and_then(|back| 1_u64.checked_shl(back));
        match bit {
            Some(bit) if self.come & bit == 0 => {
                self.come |= bit;
                Order::Late
            }
            _ => Order::Stale,
        }
    }

    fn go_on(&mut self, seq: u64) {
        let step = seq - self.newest;
        // Who joins late has lost nothing, and a gap of more than what is counted is an outage, which is over, not loss.
        let begins = self.newest == 0 || step > COUNTED;
        self.come = if begins {
            u64::MAX
        } else {
            self.come << step | 1
        };
        self.newest = seq;
    }

    /// How many of the last numbers did not come.
    pub(crate) fn lost(&self) -> u32 {
        let counted = (1 << COUNTED) - 1;
        (!self.come & counted).count_ones()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Order::{Late, Newer, Stale};

    fn check(messages: &[(u64, u64, Order, u32)]) {
        let mut sequence = Sequence::new(1);
        for (boot, seq, order, lost) in messages {
            assert_eq!(sequence.take(*boot, *seq), *order, "boot {boot} #{seq}");
            assert_eq!(sequence.lost(), *lost, "after boot {boot} #{seq}");
        }
    }

    #[test]
    fn what_did_not_come_is_counted_until_it_comes() {
        check(&[
            (1, 500, Newer, 0),
            (1, 501, Newer, 0),
            (1, 504, Newer, 2),
            (1, 502, Late, 1),
            (1, 502, Stale, 1),
            (1, 501, Stale, 1),
            (1, 506, Newer, 2),
            (1, 520, Newer, 14),
        ]);
    }

    #[test]
    fn an_outage_is_no_loss_and_neither_is_a_restart() {
        check(&[
            (1, 5, Newer, 0),
            (1, 7, Newer, 1),
            (1, 24, Newer, 0),
            (1, 22, Stale, 0),
            (1, 26, Newer, 1),
            (2, 3, Newer, 0),
            (1, 27, Stale, 0),
            (2, 4, Newer, 0),
        ]);
    }

    #[test]
    fn loss_is_forgotten() {
        let mut sequence = Sequence::new(1);
        sequence.take(1, 1);
        sequence.take(1, 4);
        for (seq, lost) in (5..25).zip([2; 13].into_iter().chain([1]).chain([0; 6])) {
            sequence.take(1, seq);
            assert_eq!(sequence.lost(), lost, "after #{seq}");
        }
    }
}
