//! What the node asks on the control socket: samples, recovery and faults. See "A service and its agent" in
//! docs/ARCHITECTURE.md.

use std::path::Path;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::{Method, Request, StatusCode};
use serde_json::{Map, Value};
use tokio::net::UnixListener;

use crate::clock;
use crate::faults::{FaultBody, Faults};
use crate::reply::{self, Refusal, Reply};
use crate::shop::Shop;
use crate::traffic::Traffic;

/// What the control socket reaches.
pub(crate) struct Control {
    pub(crate) faults: Faults,
    pub(crate) shop: Arc<Shop>,
    pub(crate) traffic: Option<Arc<Traffic>>,
}

/// Listens on the socket; a file that a dead process left there is replaced.
pub(crate) fn listen(path: &Path) -> std::io::Result<UnixListener> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    UnixListener::bind(path)
}

impl Control {
    /// Answers one request.
    pub(crate) async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Reply {
        self.route(request).await.unwrap_or_else(Refusal::into_text)
    }

    async fn route(&self, request: Request<Incoming>) -> Result<Reply, Refusal> {
        let path = request.uri().path().to_owned();
        let id = path.strip_prefix("/faults/").filter(|id| !id.is_empty());
        match (request.method(), path.as_str(), id) {
            (&Method::GET, "/metrics", _) => reply::json(&self.metrics()),
            (&Method::POST, "/recover", _) => {
                self.shop.recover();
                eprintln!("recovered: connections dropped, files reopened, stuck work cancelled");
                Ok(reply::no_content())
            }
            (&Method::GET, "/faults", _) => reply::json(&serde_json::json!({
                "faults": self.faults.list(clock::now()),
                "makes": self.faults.makes(),
            })),
            (&Method::PUT, _, Some(id)) => {
                let body: FaultBody = reply::read_json(request).await?;
                self.faults
                    .apply(id, &body, clock::now())
                    .map_err(|reason| Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, reason))?;
                Ok(reply::no_content())
            }
            (&Method::DELETE, _, Some(id)) => {
                self.faults.revert(id).await;
                eprintln!("fault {id} is undone");
                Ok(reply::no_content())
            }
            _ => Err(reply::not_found(&path)),
        }
    }

    /// A value that is not known is left out: it is never zero.
    fn metrics(&self) -> Map<String, Value> {
        let mut metrics = Map::new();
        let mut put = |name: &str, value: Option<f64>| {
            if let Some(value) = value {
                metrics.insert(name.to_owned(), Value::from(value));
            }
        };
        put("storage_latency_p95_ms", self.shop.storage_latency_p95_ms());
        put("storage_used_percent", self.shop.storage_used_percent());
        let calls = self.shop.upstreams.read();
        put("upstream_error_percent", calls.failed_percent);
        put("upstream_latency_p95_ms", calls.latency_p95_ms);
        if let Some(traffic) = &self.traffic {
            let reading = traffic.read();
            put("user_request_rate_hz", Some(reading.rate_hz));
            put("user_error_percent", reading.failed_percent);
            put("user_latency_p95_ms", reading.latency_p95_ms);
        }
        metrics
    }
}
