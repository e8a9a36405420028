//! How often one address may ask. This machine's own addresses have a generous rate; each of the others has one of its own.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::header;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use governor::clock::{Clock as _, MonotonicClock};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};

use super::limits::{RATE, RATE_ADDRESSES_MAX, RATE_LOOPBACK, Rate};
use super::problem::{Kind, Problem};

type Limiter = RateLimiter<
    IpAddr,
    DashMapStateStore<IpAddr>,
    MonotonicClock,
    NoOpMiddleware<<MonotonicClock as governor::clock::Clock>::Instant>,
>;

/// Who is on the other end of a connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer(pub(super) IpAddr);

/// What every address has used of its rate.
#[derive(Debug)]
pub(super) struct Rates {
    own: Limiter,
    others: Limiter,
}

impl Default for Rates {
    fn default() -> Self {
        Self {
            own: limiter(RATE_LOOPBACK),
            others: limiter(RATE),
        }
    }
}

fn limiter(rate: Rate) -> Limiter {
    let at_least_one = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
    let quota =
        Quota::per_second(at_least_one(rate.per_second)).allow_burst(at_least_one(rate.burst));
    RateLimiter::new(quota, DashMapStateStore::default(), MonotonicClock)
}

impl Rates {
    /// Counts a request of this address; when it is one too many, after how long the next may come.
    fn take(&self, peer: IpAddr) -> Result<(), Duration> {
        let limiter = if is_own(peer) {
            &self.own
        } else {
            &self.others
        };
        if limiter.len() > RATE_ADDRESSES_MAX {
            limiter.retain_recent();
        }
        let taken = limiter.check_key(&network(peer));
        taken.map_err(|early| early.wait_time_from(MonotonicClock.now()))
    }
}

/// An address of this machine's own.
#[must_use]
pub(super) fn is_own(peer: IpAddr) -> bool {
    peer.to_canonical().is_loopback()
}

/// Who has one IPv6 address has a whole network of them (RFC 4291: the lower half is the interface).
#[must_use]
pub(super) fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// The guard.
pub(super) async fn check(
    State(rates): State<Arc<Rates>>,
    Extension(Peer(peer)): Extension<Peer>,
    request: Request,
    next: Next,
) -> Response {
    match rates.take(peer) {
        Ok(()) => next.run(request).await,
        Err(wait) => too_many("too many requests from your address", wait),
    }
}

/// That there is too much, and when to come again: in whole seconds, as HTTP has it.
pub(super) fn too_many(what: &str, wait: Duration) -> Response {
    let seconds = wait.as_secs() + 1;
    let retry = [(header::RETRY_AFTER, seconds.to_string())];
    let problem = Problem::new(
        Kind::TooMany,
        format!("{what}\n  mend: ask again after {seconds} s"),
    );
    (retry, problem).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn each_address_has_its_own_rate_and_this_machine_a_generous_one() {
        let rates = Rates::default();
        let take = |peer: &str, count: u32| (0..count).all(|_| rates.take(address(peer)).is_ok());
        assert!(take("192.0.2.1", RATE.burst));
        // More than what comes back meanwhile.
        assert!(!take("192.0.2.1", RATE.burst));
        assert!(take("192.0.2.2", RATE.burst));
        assert!(take("127.0.0.1", RATE_LOOPBACK.burst));
        let mut tries = (0..RATE.burst).map(|_| rates.take(address("192.0.2.1")));
        let wait = tries.find_map(Result::err).expect("refused again");
        assert!(wait <= Duration::from_secs(1));
    }

    #[test]
    fn a_network_of_ipv6_is_one_address() {
        assert_eq!(
            network(address("2001:db8::1")),
            network(address("2001:db8::2"))
        );
        assert_ne!(
            network(address("2001:db8::1")),
            network(address("2001:db8:0:1::1"))
        );
        assert_eq!(network(address("::ffff:192.0.2.1")), address("192.0.2.1"));
        assert!(is_own(address("::1")) && is_own(address("::ffff:127.0.0.1")));
    }
}
