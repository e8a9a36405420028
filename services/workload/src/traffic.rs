//! The users: checkouts at a steady rate, whatever the shop makes of them (open loop), and what users feel.
//!
//! Invariants: at most [`UNDER_WAY_MAX`] at once (in a surge [`UNDER_WAY_SURGE_MAX`]); a user who finds no place counts as one who failed; the same seed buys the
//! same carts in the same order.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hyper::body::Incoming;
use hyper::{Request, StatusCode};
use serde_json::json;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock;
use crate::faults::Surge;
use crate::meter::{Meter, Reading};
use crate::reply::{self, Refusal, Reply, not_found};
use crate::shop::{Cart, Item, Order, Shop};
use crate::work::SplitMix;

/// How long a user waits; longer than any hop behind it.
const PATIENCE: Duration = Duration::from_secs(3);
/// The default rate for the whole of a user's patience, and a little more.
const UNDER_WAY_MAX: usize = 64;
/// However many more users come in a surge: half of the usual limit of open files.
const UNDER_WAY_SURGE_MAX: usize = 512;
/// Who is late by less makes up for it: timers are a millisecond late each time. After a longer pause, of the whole process, nobody comes
/// twice as often to make up for it.
const LATE_MAX: Duration = Duration::from_millis(50);
/// Users come when the shop has opened, or after so long in any case: what happens to a shop that never opens is to be seen.
const OPENING_WAIT: Duration = Duration::from_secs(5);
/// Between two looks whether it has opened.
const OPENING_POLL: Duration = Duration::from_millis(50);
/// The loop has a turn at least once a second; so long without one, it is stuck.
const STUCK_AFTER: Duration = Duration::from_secs(5);

/// The generator.
pub(crate) struct Traffic {
    shop: Arc<Shop>,
    /// Checkouts a second; 0 pauses.
    rate_hz: u32,
    seed: u64,
    surge: Arc<Surge>,
    meter: Meter,
    turned_at: Mutex<Instant>,
    failures_logged: AtomicU64,
}

impl Traffic {
    /// `rate_hz` checkouts a second (0: none) to the shop's upstream `edge`.
    pub(crate) fn new(shop: Arc<Shop>, rate_hz: u32, seed: u64) -> Self {
        Self {
            shop,
            rate_hz,
            seed,
            surge: Arc::default(),
            meter: Meter::default(),
            turned_at: Mutex::new(clock::now()),
            failures_logged: AtomicU64::new(0),
        }
    }

    /// Where `load-surge` is put into effect.
    pub(crate) fn surge(&self) -> Arc<Surge> {
        Arc::clone(&self.surge)
    }

    /// What users felt in the last second.
    pub(crate) fn read(&self) -> Reading {
        self.meter.read(clock::now())
    }

    /// Runs until told to stop, then until every user has an answer.
    pub(crate) async fn run(self: Arc<Self>, stop: CancellationToken) {
        let users = TaskTracker::new();
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.generate(&users) => {}
        }
        users.close();
        users.wait().await;
    }

    async fn generate(self: &Arc<Self>, users: &TaskTracker) {
        self.wait_for_opening().await;
        let mut random = SplitMix(self.seed);
        let mut due = clock::now();
        loop {
            tokio::time::sleep_until(due.into()).await;
            self.turn();
            let factor = self.surge.factor();
            let period = match self.rate_hz.saturating_mul(factor) {
                0 => Duration::from_secs(1),
                rate => Duration::from_secs(1) / rate,
            };
            if self.rate_hz > 0 {
                self.send(users, cart(&mut random), factor);
            }
            due = (due + period).max(clock::now().checked_sub(LATE_MAX).unwrap_or(due));
        }
    }

    async fn wait_for_opening(&self) {
        let opened = async {
            while self
                .shop
                .upstreams
                .get("edge", "/healthz", PATIENCE)
                .await
                .is_err()
            {
                self.turn();
                tokio::time::sleep(OPENING_POLL).await;
            }
        };
        if tokio::time::timeout(OPENING_WAIT, opened).await.is_err() {
            eprintln!(
                "the edge has not opened after {} s; users come nevertheless",
                OPENING_WAIT.as_secs()
            );
        }
    }

    fn send(self: &Arc<Self>, users: &TaskTracker, cart: Cart, factor: u32) {
        let token = self.meter.begin(clock::now());
        if users.len() >= under_way_max(factor) {
            self.meter.end(token, clock::now(), true);
            return;
        }
        let traffic = Arc::clone(self);
        users.spawn(async move {
            let answer = traffic
                .shop
                .upstreams
                .post("edge", "/checkout", &cart, PATIENCE)
                .await;
            let outcome = match answer {
                Ok(order) => check_order(&order, &cart),
                Err(error) => Err(error.to_string()),
            };
            traffic.meter.end(token, clock::now(), outcome.is_err());
            if let Err(reason) = outcome {
                traffic.log_failure(&reason);
            }
        });
    }

    /// The first, second, fourth, eighth... failure speaks: enough to see why, and no flood.
    fn log_failure(&self, reason: &str) {
        let count = self.failures_logged.fetch_add(1, Ordering::Relaxed) + 1;
        if count.is_power_of_two() {
            eprintln!("checkout failed ({count} so far): {reason}");
        }
    }

    fn turn(&self) {
        *self
            .turned_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = clock::now();
    }

    /// Answers `/healthz`.
    pub(crate) fn answer(&self, request: &Request<Incoming>) -> Reply {
        self.route(request).unwrap_or_else(Refusal::into_reply)
    }

    fn route(&self, request: &Request<Incoming>) -> Result<Reply, Refusal> {
        if request.uri().path() != "/healthz" {
            return Err(not_found(request.uri().path()));
        }
        let turned_at = *self
            .turned_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if clock::now().saturating_duration_since(turned_at) > STUCK_AFTER {
            return Err(Refusal::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "the generator is stuck",
            ));
        }
        reply::json(&json!({ "healthy": true }))
    }
}

fn under_way_max(factor: u32) -> usize {
    let places =
        usize::try_from(factor).map_or(usize::MAX, |factor| UNDER_WAY_MAX.saturating_mul(factor));
    places.min(UNDER_WAY_SURGE_MAX)
}

/// What a user looks at: it costs what is in the cart. The error says what is wrong, for a person.
fn check_order(order: &Order, cart: &Cart) -> Result<(), String> {
    if order.number.is_empty() {
        return Err("the order has no number".to_owned());
    }
    let costs = cart.total_cents();
    if order.total_cents != costs {
        let billed = order.total_cents;
        return Err(format!(
            "billed {billed} cents for a cart that costs {costs}"
        ));
    }
    Ok(())
}

/// A cart of one to three items.
fn cart(random: &mut SplitMix) -> Cart {
    let items = (0..=random.below(3)).map(|_| Item {
        article: u32::try_from(random.below(1000)).unwrap_or(0),
        quantity: 1 + u32::try_from(random.below(3)).unwrap_or(0),
    });
    let items = items.collect();
    Cart {
        customer: random.below(10_000),
        items,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_buys_the_same() {
        let carts = |seed| {
            let mut random = SplitMix(seed);
            (0..50).map(|_| cart(&mut random)).collect::<Vec<_>>()
        };
        assert_eq!(carts(7), carts(7));
        assert_ne!(carts(7), carts(8));
        assert!(
            carts(7)
                .iter()
                .all(|cart| (1..=3).contains(&cart.items.len()))
        );
    }

    #[test]
    fn users_read_what_they_are_billed() {
        let cart = cart(&mut SplitMix(7));
        let check = |order| check_order(&serde_json::from_value(order).unwrap(), &cart);
        let costs = cart.total_cents();
        assert_eq!(
            check(json!({"order": "ord-1", "total_cents": costs, "pieces": 1})),
            Ok(())
        );
        for wrong in [
            json!({"order": "ord-1", "total_cents": costs + 1, "pieces": 1}),
            json!({"order": "", "total_cents": costs, "pieces": 1}),
        ] {
            assert!(check(wrong.clone()).is_err(), "{wrong}");
        }
    }
}
