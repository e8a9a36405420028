//! What the gateway tells of itself.

use std::fmt::Error;
use std::sync::atomic::Ordering;
use std::time::Duration;

use arena_proto::Timestamp;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::labels::Labels;
use super::page::{Page, number};

/// Upper bounds, in seconds: an answer from memory takes less than a millisecond, one of the recorder some more, and a command may be
/// waited for.
const REQUEST_SECONDS: [f64; 10] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 1.0, 5.0, 10.0];

/// Methods that have a series of their own; anybody can send any other word.
const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    route: String,
    method: &'static str,
    status: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    route: String,
}

/// What the gateway counts as it goes. Clones share the counts.
#[derive(Debug)]
pub struct Counters {
    registry: Registry,
    requests: Family<Request, Counter>,
    durations: Family<Route, Histogram>,
    streams: Gauge,
    events: Counter,
    resyncs: Counter,
    lost: Counter,
}

impl Default for Counters {
    fn default() -> Self {
        let mut counters = Self {
            registry: Registry::with_prefix("arena_gateway"),
            requests: Family::default(),
            durations: Family::new_with_constructor(|| Histogram::new(REQUEST_SECONDS)),
            streams: Gauge::default(),
            events: Counter::default(),
            resyncs: Counter::default(),
            lost: Counter::default(),
        };
        counters.register();
        counters
    }
}

impl Counters {
    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register("http_requests", "Requests answered", self.requests.clone());
        registry.register_with_unit(
            "http_request_duration",
            "Time to the head of the answer",
            Unit::Seconds,
            self.durations.clone(),
        );
        registry.register("event_streams", "Event streams open", self.streams.clone());
        registry.register(
            "events_sent",
            "Events sent, over all streams",
            self.events.clone(),
        );
        registry.register(
            "resyncs",
            "Streams that had missed more than the ring holds",
            self.resyncs.clone(),
        );
        registry.register(
            "telemetry_lost",
            "Messages of telemetry that never came, by the gaps in their numbers",
            self.lost.clone(),
        );
    }

    pub(super) const fn registry(&self) -> &Registry {
        &self.registry
    }

    /// A request was answered. `route` is the router's template; `None`: there is no such route.
    pub fn answered(&self, route: Option<&str>, method: &str, status: u16, took: Duration) {
        let route = route.unwrap_or("none").to_owned();
        let method = METHODS.into_iter().find(|known| *known == method);
        self.durations
            .get_or_create(&Route {
                route: route.clone(),
            })
            .observe(took.as_secs_f64());
        let request = Request {
            route,
            method: method.unwrap_or("other"),
            status: format!("{}xx", status / 100),
        };
        self.requests.get_or_create(&request).inc();
    }

    /// A stream of events began.
    pub fn stream_opened(&self) {
        self.streams.inc();
    }

    /// It ended.
    pub fn stream_closed(&self) {
        self.streams.dec();
    }

    /// An event was sent.
    pub fn sent(&self) {
        self.events.inc();
    }

    /// So many messages of telemetry were lost, all in all.
    pub fn telemetry_lost(&self, total: u64) {
        self.lost.inner().store(total, Ordering::Relaxed);
    }

    /// A stream has missed too much.
    pub fn resynced(&self) {
        self.resyncs.inc();
    }
}

/// How a receiver of webhooks stands: its name, and the counts that `/api/v1/webhooks` shows.
#[derive(Debug, Clone)]
pub struct Receiver {
    /// Its name in the file.
    pub name: String,
    /// Events that it has.
    pub delivered: u64,
    /// Tries that failed.
    pub failed: u64,
    /// Events that were given up.
    pub lost: u64,
    /// Events that it is still to be told; `None` while nobody can say.
    pub waiting: Option<u64>,
}

/// How the gateway stands at the moment of the page.
#[derive(Debug, Clone)]
pub struct Standing {
    /// The gateway's version.
    pub version: String,
    /// Since when it runs.
    pub started_at: Timestamp,
    /// Events that the ring holds.
    pub ring: usize,
    /// Series of telemetry that are not kept, because there are more than the gateway holds.
    pub series_left_out: u64,
    /// Messages of the bus that were refused as rubbish, by family.
    pub refused: Vec<(&'static str, u64)>,
    /// The receivers of webhooks.
    pub receivers: Vec<Receiver>,
}

impl Collector for Standing {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        let mut page = Page(encoder);
        let version = vec![("version", self.version.clone())];
        page.info("arena_gateway_build", "The gateway's version", &version)?;
        let started_at = Duration::from_millis(self.started_at.unix_millis().unsigned_abs());
        page.gauge(
            (
                "arena_gateway_start_time",
                "seconds",
                "When it started, since the Unix epoch",
            ),
            Some(started_at.as_secs_f64()),
        )?;
        page.gauge(
            (
                "arena_gateway_ring_events",
                "",
                "Events kept for streams that come back",
            ),
            Some(number(self.ring)),
        )?;
        page.gauge(
            (
                "arena_gateway_series_left_out",
                "",
                "Series of telemetry beyond those that are kept",
            ),
            Some(number(
                usize::try_from(self.series_left_out).unwrap_or(usize::MAX),
            )),
        )?;
        let refused = self.refused.iter();
        let refused =
            refused.map(|(family, count)| (vec![("family", (*family).to_owned())], *count));
        let about = (
            "arena_gateway_messages_refused",
            "",
            "Messages of the bus that were rubbish",
        );
        page.counters(about, refused)?;
        let receivers = || self.receivers.iter();
        let results = receivers().flat_map(|receiver| {
            let results = [
                ("delivered", receiver.delivered),
                ("failed", receiver.failed),
                ("lost", receiver.lost),
            ];
            results.map(|(result, count)| {
                let mut labels = receiver.labels();
                labels.push(("result", result.to_owned()));
                (labels, count)
            })
        });
        let about = (
            "arena_gateway_webhook_deliveries",
            "",
            "Events told to a receiver; tries that failed; events given up",
        );
        page.counters(about, results)?;
        let waiting = receivers().filter_map(|receiver| {
            let waiting = usize::try_from(receiver.waiting?).unwrap_or(usize::MAX);
            Some((receiver.labels(), number(waiting)))
        });
        let about = (
            "arena_gateway_webhook_waiting",
            "",
            "Events that a receiver is still to be told",
        );
        page.gauges(about, waiting)
    }
}

impl Receiver {
    fn labels(&self) -> Labels {
        vec![("webhook", self.name.clone())]
    }
}
