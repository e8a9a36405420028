//! What anybody hears on the bus: a plain NATS subscriber of the nodes' telemetry, that keeps the newest messages.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use arena_chassis::Clock;
use arena_proto::{Message as _, Received, Telemetry, Timestamp};
use arena_testkit::Arena;
use futures::StreamExt as _;

/// Of each node; more than any measurement looks at.
const KEPT_MAX: usize = 64;

/// One message as it came.
#[derive(Debug, Clone)]
pub(crate) struct Heard {
    pub(crate) arrived: Timestamp,
    /// How much later than its own time it came, in milliseconds; negative when that lies ahead.
    pub(crate) age_ms: i64,
    pub(crate) telemetry: Telemetry,
}

/// Listens until it is dropped.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ears {
    heard: Arc<Mutex<BTreeMap<String, VecDeque<Heard>>>>,
}

impl Ears {
    pub(crate) async fn listen(arena: &Arena) -> Self {
        let ears = Self::default();
        let heard = Arc::clone(&ears.heard);
        let client = async_nats::ConnectOptions::new()
            .retry_on_initial_connect()
            .connect(&arena.nats_url)
            .await
            .expect("the bus");
        let mut messages = client
            .subscribe("arena.telemetry.>")
            .await
            .expect("telemetry");
        tokio::spawn(async move {
            // The client is to live as long as its subscription.
            let _client = client;
            while let Some(message) = messages.next().await {
                let Some(node) = message.subject.rsplit('.').next() else {
                    continue;
                };
                let received = Received {
                    node: node.parse().expect("the subject ends with a node"),
                    service: None,
                    sequence: None,
                    published_at: Clock::new().now(),
                };
                let Ok(telemetry) = Telemetry::decode(&message.payload, &received) else {
                    continue;
                };
                keep(&heard, telemetry);
            }
        });
        ears
    }

    /// What came from that node since then, oldest first.
    pub(crate) fn since(&self, node: &str, then: Timestamp) -> Vec<Heard> {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let of_node = heard.get(node).into_iter().flatten();
        of_node
            .filter(|heard| heard.arrived >= then)
            .cloned()
            .collect()
    }
}

fn keep(heard: &Mutex<BTreeMap<String, VecDeque<Heard>>>, telemetry: Telemetry) {
    let arrived = Clock::new().now();
    let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
    let of_node = heard.entry(telemetry.node.to_string()).or_default();
    if of_node.len() == KEPT_MAX {
        of_node.pop_front();
    }
    of_node.push_back(Heard {
        arrived,
        age_ms: arrived.unix_millis() - telemetry.time.unix_millis(),
        telemetry,
    });
}
