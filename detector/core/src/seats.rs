//! What is kept of nodes, by name, each at a seat: who guesses the seat need not look for its name.
//!
//! Nodes speak in turns, mostly in the same order, so the next to speak is guessed to sit beside the last one. A guess is never trusted:
//! whoever sits there is asked for the name.

use std::collections::BTreeMap;

use arena_proto::NodeName;

/// Values by the name of a node.
#[derive(Debug)]
pub(crate) struct Seats<T> {
    by_name: BTreeMap<NodeName, usize>,
    taken: Vec<Option<(NodeName, T)>>,
    free: Vec<usize>,
    /// Who is likely to be asked for next.
    next: usize,
}

impl<T> Default for Seats<T> {
    fn default() -> Self {
        Self {
            by_name: BTreeMap::new(),
            taken: Vec::new(),
            free: Vec::new(),
            next: 0,
        }
    }
}

impl<T> Seats<T> {
    pub(crate) fn len(&self) -> usize {
        self.by_name.len()
    }

    /// Where the node sits.
    pub(crate) fn find(&mut self, name: &NodeName) -> Option<usize> {
        let guess = if self.next < self.taken.len() {
            self.next
        } else {
            0
        };
        let seat = match self.taken.get(guess) {
            Some(Some((sitting, _))) if sitting == name => Some(guess),
            _ => self.by_name.get(name).copied(),
        };
        self.next = seat.map_or(self.next, |seat| seat + 1);
        seat
    }

    pub(crate) fn get(&self, name: &NodeName) -> Option<&T> {
        let seat = *self.by_name.get(name)?;
        self.taken.get(seat)?.as_ref().map(|(_, value)| value)
    }

    pub(crate) fn get_mut(&mut self, name: &NodeName) -> Option<&mut T> {
        let seat = *self.by_name.get(name)?;
        self.at_mut(seat)
    }

    /// Who sits at a seat that [`Self::find`] gave.
    pub(crate) fn at(&self, seat: usize) -> Option<&T> {
        self.taken.get(seat)?.as_ref().map(|(_, value)| value)
    }

    /// The same, to be changed.
    pub(crate) fn at_mut(&mut self, seat: usize) -> Option<&mut T> {
        self.taken.get_mut(seat)?.as_mut().map(|(_, value)| value)
    }

    /// Seats a node that has no seat yet, and says where.
    pub(crate) fn insert(&mut self, name: &NodeName, value: T) -> usize {
        let seat = self.free.pop().unwrap_or_else(|| {
            self.taken.push(None);
            self.taken.len() - 1
        });
        self.taken[seat] = Some((name.clone(), value));
        self.by_name.insert(name.clone(), seat);
        seat
    }

    pub(crate) fn remove(&mut self, name: &NodeName) -> Option<T> {
        let seat = self.by_name.remove(name)?;
        self.free.push(seat);
        self.taken.get_mut(seat)?.take().map(|(_, value)| value)
    }

    /// In no order: for what is counted.
    pub(crate) fn values(&self) -> impl Iterator<Item = &T> {
        self.taken.iter().flatten().map(|(_, value)| value)
    }

    /// In no order.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (&NodeName, &mut T)> {
        let sitting = self.taken.iter_mut().flatten();
        sitting.map(|(name, value)| (&*name, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_guess_finds_the_right_node_and_seats_are_used_again() {
        let name = |text: &str| NodeName::new(text).unwrap();
        let mut seats = Seats::default();
        let first = seats.insert(&name("b"), 1);
        let second = seats.insert(&name("a"), 2);
        for _ in 0..2 {
            assert_eq!(seats.find(&name("b")), Some(first));
            assert_eq!(seats.find(&name("a")), Some(second));
            assert_eq!(seats.find(&name("a")), Some(second), "out of turn");
        }
        assert_eq!(seats.remove(&name("b")), Some(1));
        assert_eq!(seats.find(&name("b")), None);
        assert_eq!(seats.insert(&name("c"), 3), first);
        assert_eq!(seats.find(&name("b")), None, "it is c who sits there");
        assert_eq!(seats.values().sum::<i32>(), 5);
    }
}
