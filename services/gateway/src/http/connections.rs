//! Who has a connection, and whether there is place for one more.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::limits::{CONNECTIONS_MAX, CONNECTIONS_PER_ADDRESS_MAX, CONNECTIONS_REFUSED_MAX};
use super::rate::{is_own, network};

/// The places.
#[derive(Debug, Clone, Default)]
pub(super) struct Places(Arc<Mutex<Taken>>);

#[derive(Debug, Default)]
struct Taken {
    served: usize,
    refused: usize,
    /// Of other machines only.
    by_network: BTreeMap<IpAddr, usize>,
}

/// A place, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Places,
    /// Who has it; `None` where that is told that there is none.
    of: Option<IpAddr>,
}

impl Place {
    /// There was none left: it is only there to say so.
    pub(super) const fn is_refusal(&self) -> bool {
        self.of.is_none()
    }
}

impl Places {
    /// A place for who comes from there; `None` when so many are being refused that nobody has time to say so.
    pub(super) fn take(&self, peer: IpAddr) -> Option<Place> {
        let mut taken = self.lock();
        let network = network(peer);
        let of_network = taken.by_network.get(&network).copied().unwrap_or(0);
        let is_full = taken.served >= CONNECTIONS_MAX
            || (!is_own(peer) && of_network >= CONNECTIONS_PER_ADDRESS_MAX);
        let of = if is_full {
            if taken.refused >= CONNECTIONS_REFUSED_MAX {
                return None;
            }
            taken.refused += 1;
            None
        } else {
            taken.served += 1;
            if !is_own(peer) {
                *taken.by_network.entry(network).or_default() += 1;
            }
            Some(network)
        };
        drop(taken);
        Some(Place {
            places: self.clone(),
            of,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.lock();
        let Some(network) = self.of else {
            taken.refused -= 1;
            return;
        };
        taken.served -= 1;
        if let Some(count) = taken.by_network.get_mut(&network) {
            *count -= 1;
            if *count == 0 {
                taken.by_network.remove(&network);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn places_are_limited_and_given_back() {
        let (places, here) = (Places::default(), address("127.0.0.1"));
        let mut served: Vec<Place> = (0..CONNECTIONS_MAX)
            .map(|_| places.take(here).unwrap())
            .collect();
        assert!(served.iter().all(|place| !place.is_refusal()));
        let refused: Vec<Place> = (0..CONNECTIONS_REFUSED_MAX)
            .map(|_| places.take(here).unwrap())
            .collect();
        assert!(refused.iter().all(Place::is_refusal));
        assert!(places.take(here).is_none());
        served.pop();
        assert!(!places.take(here).unwrap().is_refusal());
    }

    #[test]
    fn one_other_machine_does_not_have_them_all() {
        let places = Places::default();
        let there: Vec<Place> = (0..=CONNECTIONS_PER_ADDRESS_MAX)
            .map(|_| places.take(address("192.0.2.1")).unwrap())
            .collect();
        assert_eq!(there.iter().filter(|place| place.is_refusal()).count(), 1);
        assert!(!places.take(address("192.0.2.2")).unwrap().is_refusal());
        drop(there);
        assert!(places.lock().by_network.is_empty());
    }
}
