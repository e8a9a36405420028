//! Who is asked: as an outbound leg of the live sidecar chooses (services/node/src/sidecar/routes.rs), the replica with the fewest requests of
//! its node in flight, equals by turns, drained ones last.
//!
//! Invariant: what a node has in flight to a replica is counted once when it is sent and once when it is over.

use super::places::{NodeIx, PoolIx, ServiceIx};
use super::{Route, World};
use arena_node_core::leg::REQUESTS_MAX;

/// The replicas of a pool that may be asked, each list in the order of the arena.
#[derive(Debug, Default)]
pub(super) struct Candidates {
    pub(super) open: Vec<ServiceIx>,
    pub(super) last: Vec<ServiceIx>,
}

impl Candidates {
    pub(super) fn of(&mut self, route: Route) -> Option<&mut Vec<ServiceIx>> {
        match route {
            Route::Away => None,
            Route::Last => Some(&mut self.last),
            Route::Open => Some(&mut self.open),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty() && self.last.is_empty()
    }
}

/// What a node has in flight to a pool.
#[derive(Debug)]
pub(super) struct Flight {
    pool: PoolIx,
    /// Whose turn is next.
    turn: usize,
    /// Of those that have any.
    counts: Vec<(ServiceIx, u32)>,
}

impl Flight {
    /// `turn`: where the node begins, so that not all begin with the same replica.
    pub(super) const fn to(pool: PoolIx, turn: usize) -> Self {
        Self {
            pool,
            turn,
            counts: Vec::new(),
        }
    }

    fn to_replica(&self, replica: ServiceIx) -> u32 {
        let found = self.counts.iter().find(|(counted, _)| *counted == replica);
        found.map_or(0, |(_, count)| *count)
    }

    /// The best of `list`; `None` when there is none, or each has as many as a leg takes.
    fn best(&mut self, list: &[ServiceIx]) -> Option<ServiceIx> {
        let mut best: Option<(u32, usize)> = None;
        for step in 0..list.len() {
            let at = (self.turn + step) % list.len();
            let count = self.to_replica(list[at]);
            if best.is_none_or(|(least, _)| count < least) {
                best = Some((count, at));
            }
            if count == 0 {
                break;
            }
        }
        let (count, at) = best?;
        if count as usize >= REQUESTS_MAX {
            return None;
        }
        self.turn = at + 1;
        Some(list[at])
    }

    fn sent(&mut self, replica: ServiceIx) {
        match self
            .counts
            .iter_mut()
            .find(|(counted, _)| *counted == replica)
        {
            Some((_, count)) => *count += 1,
            None => self.counts.push((replica, 1)),
        }
    }

    fn over(&mut self, replica: ServiceIx) {
        if let Some(at) = self
            .counts
            .iter()
            .position(|(counted, _)| *counted == replica)
        {
            self.counts[at].1 -= 1;
            if self.counts[at].1 == 0 {
                self.counts.swap_remove(at);
            }
        }
    }
}

impl World {
    /// The replica that a request of this node goes to.
    pub(super) fn choose(&mut self, node: NodeIx, pool: PoolIx) -> Option<ServiceIx> {
        let flight = self.nodes[node.at()]
            .flights
            .iter_mut()
            .find(|flight| flight.pool == pool)?;
        let candidates = &self.candidates[pool.at()];
        let replica = flight
            .best(&candidates.open)
            .or_else(|| flight.best(&candidates.last))?;
        flight.sent(replica);
        Some(replica)
    }

    /// A request of this node to a replica is over.
    pub(super) fn landed(&mut self, node: NodeIx, replica: ServiceIx) {
        let pool = self.places.services[replica.at()].pool;
        let flights = &mut self.nodes[node.at()].flights;
        if let Some(flight) = flights.iter_mut().find(|flight| flight.pool == pool) {
            flight.over(replica);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equals_take_turns_and_who_is_slow_gets_less() {
        let replicas = [ServiceIx(1), ServiceIx(4), ServiceIx(7)];
        let mut flight = Flight::to(PoolIx(0), 0);
        let mut next = |slow: Option<ServiceIx>| {
            let best = flight.best(&replicas).expect("one is free");
            flight.sent(best);
            if Some(best) != slow {
                flight.over(best);
            }
            best.0
        };
        assert_eq!(
            [next(None), next(None), next(None), next(None)],
            [1, 4, 7, 1]
        );
        let slow = Some(ServiceIx(4));
        assert_eq!(
            [next(slow), next(slow), next(slow), next(slow)],
            [4, 7, 1, 7]
        );
    }
}
