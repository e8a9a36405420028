//! The shop: what each role does with a request.
//!
//! `edge` takes a cart, `orders` prices it and has it paid and packed at once, `payments` and `inventory` enter their part
//! into the `ledger`. Absent on purpose: compensation (an order whose second half fails keeps its first half).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::{Method, Request, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::{Semaphore, watch};

use crate::clock;
use crate::ledger::{Ledger, StorageError};
use crate::reply::{self, Refusal, Reply, not_found};
use crate::upstream::{CallError, Upstreams};
use crate::work::Work;

/// Each hop waits a little less than the hop before it, and users wait 3 s, so that who failed names it before its caller
/// gives up.
const EDGE_TO_ORDERS: Duration = Duration::from_millis(2500);
/// See [`EDGE_TO_ORDERS`].
const ORDERS_TO_OTHERS: Duration = Duration::from_secs(2);
/// See [`EDGE_TO_ORDERS`].
const OTHERS_TO_LEDGER: Duration = Duration::from_millis(1500);
/// Items in a cart; prices and quantities of these sizes cannot overflow a total.
const ITEMS_MAX: usize = 20;
/// Of one item.
const QUANTITY_MAX: u32 = 100;

/// What this process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Role {
    /// Takes users' checkouts and passes them to orders.
    Edge,
    /// Prices an order, then has it charged and reserved at once.
    Orders,
    /// Enters a charge into the ledger.
    Payments,
    /// Enters a reservation into the ledger.
    Inventory,
    /// Appends entries to a file and syncs it.
    Ledger,
    /// A job that nobody waits for: idle, or all the CPU it gets (`--burn`).
    Batch,
    /// The users: sends checkouts to the edge at a steady rate, and measures what users feel.
    Traffic,
}

impl Role {
    /// The services that it calls.
    pub(crate) fn upstreams(self) -> &'static [&'static str] {
        match self {
            Self::Traffic => &["edge"],
            Self::Edge => &["orders"],
            Self::Orders => &["payments", "inventory"],
            Self::Payments | Self::Inventory => &["ledger"],
            Self::Ledger | Self::Batch => &[],
        }
    }
}

/// What a customer wants: the body of `POST /checkout` and `POST /orders`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cart {
    pub(crate) customer: u64,
    pub(crate) items: Vec<Item>,
}

/// One line of a cart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Item {
    pub(crate) article: u32,
    pub(crate) quantity: u32,
}

impl Cart {
    /// What `GET /checkout` buys.
    fn sample() -> Self {
        Self {
            customer: 0,
            items: vec![Item {
                article: 1,
                quantity: 1,
            }],
        }
    }

    fn check(&self) -> Result<(), Refusal> {
        let valid = (1..=ITEMS_MAX).contains(&self.items.len())
            && self
                .items
                .iter()
                .all(|item| (1..=QUANTITY_MAX).contains(&item.quantity));
        valid.then_some(()).ok_or_else(|| {
            Refusal::new(
                StatusCode::BAD_REQUEST,
                format!("a cart has 1 to {ITEMS_MAX} items, of 1 to {QUANTITY_MAX} each"),
            )
        })
    }

    /// In cents. An article's price follows from its number.
    pub(crate) fn total_cents(&self) -> u64 {
        self.items
            .iter()
            .map(|item| u64::from(item.quantity) * (99 + u64::from(item.article) % 100 * 50))
            .sum()
    }
}

/// The body of `POST /charge` and `POST /reserve`.
#[derive(Debug, Serialize, Deserialize)]
struct OrderPart {
    order: String,
    /// Cents to charge, or pieces to reserve.
    amount: u64,
}

/// The body of `POST /entries`, and with its time a line of the ledger's file.
#[derive(Debug, Serialize, Deserialize)]
struct LedgerEntry {
    order: String,
    account: String,
    amount: u64,
    /// Milliseconds since the Unix epoch; the ledger fills it in.
    #[serde(default)]
    at: u64,
}

/// The answer of `orders`, and of `edge`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Order {
    #[serde(rename = "order")]
    pub(crate) number: String,
    pub(crate) total_cents: u64,
    pieces: u64,
}

/// The answer of `payments` and `inventory`.
#[derive(Debug, Serialize, Deserialize)]
struct Entered {
    entered: bool,
}

/// The answer of `ledger`.
#[derive(Debug, Serialize, Deserialize)]
struct Stored {
    stored: bool,
}

/// One process of the shop.
pub(crate) struct Shop {
    role: Role,
    work: Work,
    pub(crate) upstreams: Upstreams,
    ledger: Option<Ledger>,
    /// Requests served at once.
    places: Semaphore,
    places_total: usize,
    /// Counts recoveries: work that began before the last one is cancelled.
    recoveries: watch::Sender<u64>,
    orders: AtomicU64,
    started_at: u64,
}

impl Shop {
    /// A role, and what it works with. `places` is how many requests are served at once.
    pub(crate) fn new(
        role: Role,
        upstreams: Upstreams,
        ledger: Option<Ledger>,
        places: usize,
    ) -> Self {
        Self {
            role,
            work: Work::calibrate(),
            upstreams,
            ledger,
            places: Semaphore::new(places),
            places_total: places,
            recoveries: watch::Sender::new(0),
            orders: AtomicU64::new(0),
            started_at: clock::unix_millis(),
        }
    }

    /// Answers one request.
    pub(crate) async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Reply {
        self.route(request)
            .await
            .unwrap_or_else(Refusal::into_reply)
    }

    /// Cancels work under way, drops connections, reopens files.
    pub(crate) fn recover(&self) {
        self.recoveries.send_modify(|count| *count += 1);
        self.upstreams.reset();
        if let Some(ledger) = &self.ledger {
            ledger.reopen();
        }
    }

    /// Of a role with storage; `None` when nothing was written in the last second.
    pub(crate) fn storage_latency_p95_ms(&self) -> Option<f64> {
        self.ledger.as_ref()?.latency_p95_ms()
    }

    /// Of a role with storage: how full it is.
    pub(crate) fn storage_used_percent(&self) -> Option<f64> {
        self.ledger.as_ref()?.used_percent()
    }

    async fn route(&self, request: Request<Incoming>) -> Result<Reply, Refusal> {
        if request.uri().path() == "/healthz" {
            return self.health();
        }
        let Ok(_place) = self.places.try_acquire() else {
            let reason = format!("busy: {} requests are being served", self.places_total);
            return Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, reason));
        };
        let mut recoveries = self.recoveries.subscribe();
        tokio::select! {
            reply = self.serve(request) => reply,
            // The sender is `self`'s: it does not go away meanwhile.
            _ = recoveries.changed() => {
                Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "cancelled: the service was told to recover"))
            }
        }
    }

    /// Proves that the event loop turns, that the CPU work is done, and that the ledger's writer lives. Says nothing about other
    /// services: their failure must not look like this one's.
    fn health(&self) -> Result<Reply, Refusal> {
        self.work.spend(self.started_at);
        if let Some(ledger) = &self.ledger {
            ledger
                .check()
                .map_err(|reason| Refusal::new(StatusCode::SERVICE_UNAVAILABLE, reason))?;
        }
        reply::json(&json!({ "healthy": true }))
    }

    async fn serve(&self, request: Request<Incoming>) -> Result<Reply, Refusal> {
        let path = request.uri().path().to_owned();
        match (self.role, request.method(), path.as_str()) {
            (Role::Edge, &Method::GET, "/checkout") => self.checkout(Cart::sample()).await,
            (Role::Edge, &Method::POST, "/checkout") => {
                self.checkout(reply::read_json(request).await?).await
            }
            (Role::Orders, &Method::POST, "/orders") => {
                self.order(reply::read_json(request).await?).await
            }
            (Role::Payments, &Method::POST, "/charge") => {
                self.enter("payments", reply::read_json(request).await?)
                    .await
            }
            (Role::Inventory, &Method::POST, "/reserve") => {
                self.enter("inventory", reply::read_json(request).await?)
                    .await
            }
            (Role::Ledger, &Method::POST, "/entries") => {
                self.append(reply::read_json(request).await?).await
            }
            _ => Err(not_found(&path)),
        }
    }

    async fn checkout(&self, cart: Cart) -> Result<Reply, Refusal> {
        cart.check()?;
        self.work.spend(cart.customer);
        let order: Order = self
            .upstreams
            .post("orders", "/orders", &cart, EDGE_TO_ORDERS)
            .await?;
        reply::json(&order)
    }

    async fn order(&self, cart: Cart) -> Result<Reply, Refusal> {
        cart.check()?;
        self.work.spend(cart.customer);
        let number = self.orders.fetch_add(1, Ordering::Relaxed);
        let order = format!("ord-{:x}-{number}", self.started_at);
        let charge = OrderPart {
            order: order.clone(),
            amount: cart.total_cents(),
        };
        let pieces = cart.items.iter().map(|item| u64::from(item.quantity)).sum();
        let reserve = OrderPart {
            order: order.clone(),
            amount: pieces,
        };
        let _: (Entered, Entered) = tokio::try_join!(
            self.upstreams
                .post("payments", "/charge", &charge, ORDERS_TO_OTHERS),
            self.upstreams
                .post("inventory", "/reserve", &reserve, ORDERS_TO_OTHERS),
        )?;
        reply::json(&Order {
            number: order,
            total_cents: charge.amount,
            pieces,
        })
    }

    async fn enter(&self, account: &str, part: OrderPart) -> Result<Reply, Refusal> {
        self.work.spend(part.amount);
        let entry = LedgerEntry {
            order: part.order,
            account: account.to_owned(),
            amount: part.amount,
            at: 0,
        };
        let Stored { stored } = self
            .upstreams
            .post("ledger", "/entries", &entry, OTHERS_TO_LEDGER)
            .await?;
        reply::json(&Entered { entered: stored })
    }

    async fn append(&self, mut entry: LedgerEntry) -> Result<Reply, Refusal> {
        self.work.spend(entry.amount);
        entry.at = clock::unix_millis();
        let line =
            serde_json::to_vec(&entry).map_err(|error| StorageError::Io(error.to_string()))?;
        let ledger = self.ledger.as_ref().ok_or(StorageError::Ended)?;
        ledger.append(line).await?;
        reply::json(&Stored { stored: true })
    }
}

/// An upstream that fails is a bad gateway; one that was never named is a service that cannot work.
impl From<CallError> for Refusal {
    fn from(error: CallError) -> Self {
        let status = match error {
            CallError::Missing { .. } => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_GATEWAY,
        };
        Self::new(status, error.to_string())
    }
}

impl From<StorageError> for Refusal {
    fn from(error: StorageError) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_total_follows_from_the_cart() {
        let items = vec![
            Item {
                article: 1,
                quantity: 2,
            },
            Item {
                article: 102,
                quantity: 1,
            },
        ];
        let cart = Cart { customer: 7, items };
        assert_eq!(cart.total_cents(), 2 * 149 + 199);
        assert!(cart.check().is_ok());
    }

    #[test]
    fn carts_are_bounded() {
        let mut cart = Cart::sample();
        cart.items[0].quantity = 101;
        assert!(cart.check().is_err());
        cart.items.clear();
        assert!(cart.check().is_err());
    }
}
