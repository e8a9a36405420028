//! Calls to other services: keep-alive connections, a timeout on each call, errors that name the guilty.
//!
//! Absent on purpose: retries and the choice of a replica (the node's sidecar chooses).

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, StatusCode, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::clock;
use crate::meter::{Meter, Reading, Token};

/// Loopback answers in microseconds: half a second means that nobody accepts.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(500);
/// Below the time after which our servers close an idle connection, so that a call seldom meets a closed one.
const IDLE_MAX: Duration = Duration::from_secs(20);
/// Connections kept for the next call, an upstream: what the default traffic needs, with room.
const IDLE_CONNECTIONS_MAX: usize = 16;
/// Far above any answer of ours; a longer one is an error.
const BODY_BYTES_MAX: usize = 64 * 1024;
/// So much of an upstream's own reason is passed on.
const REASON_CHARS_MAX: usize = 200;

type HttpClient = Client<HttpConnector, Full<Bytes>>;

/// Why a call did not give an answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    /// The environment names no such upstream.
    #[error("no upstream {name}: set {}", variable(name))]
    Missing {
        /// The upstream.
        name: &'static str,
    },
    /// Not answered in time.
    #[error("{name} did not answer within {}", humantime::format_duration(*limit))]
    TimedOut {
        /// The upstream.
        name: &'static str,
        /// The call's timeout.
        limit: Duration,
    },
    /// Not reached, or the connection broke.
    #[error("{name} cannot be reached: {reason}")]
    Unreachable {
        /// The upstream.
        name: &'static str,
        /// What the transport said.
        reason: String,
    },
    /// Answered, and not with 200.
    #[error("{name} answered {status}: {reason}")]
    Answered {
        /// The upstream.
        name: &'static str,
        /// Its status.
        status: StatusCode,
        /// Its body, cut.
        reason: String,
    },
    /// Answered with 200, and with something else than what it is asked for.
    #[error("{name} gave a wrong answer: {reason}")]
    Wrong {
        /// The upstream.
        name: &'static str,
        /// What is wrong with it.
        reason: String,
    },
}

/// The environment variable that says where an upstream is.
fn variable(name: &str) -> String {
    format!("ARENA_UPSTREAM_{}", name.to_uppercase().replace('-', "_"))
}

/// The upstreams that the environment names.
pub(crate) struct Upstreams {
    client: Mutex<HttpClient>,
    bases: BTreeMap<&'static str, String>,
    meter: Meter,
}

/// A call under way. It ends with the value, also when whoever waits for it gives up.
struct Measured<'a> {
    meter: &'a Meter,
    token: Token,
    failed: bool,
}

impl Drop for Measured<'_> {
    fn drop(&mut self) {
        self.meter.end(self.token, clock::now(), self.failed);
    }
}

impl Upstreams {
    /// Reads `ARENA_UPSTREAM_<NAME>` for each name. Fails when one is not an `http://host:port`.
    pub(crate) fn from_environment(names: &[&'static str]) -> anyhow::Result<Self> {
        let mut bases = BTreeMap::new();
        for name in names {
            let Ok(text) = std::env::var(variable(name)) else {
                continue;
            };
            let valid = text
                .parse::<Uri>()
                .is_ok_and(|uri| uri.scheme_str() == Some("http") && uri.authority().is_some());
            anyhow::ensure!(
                valid,
                "{}={text:?} is not an address: use http://127.0.0.1:PORT",
                variable(name)
            );
            bases.insert(*name, text.trim_end_matches('/').to_owned());
        }
        Ok(Self {
            client: Mutex::new(new_client()),
            bases,
            meter: Meter::default(),
        })
    }

    /// Drops every kept connection; calls under way end as they would.
    pub(crate) fn reset(&self) {
        *self.client.lock().unwrap_or_else(PoisonError::into_inner) = new_client();
    }

    /// What the calls of the last second were like.
    pub(crate) fn read(&self) -> Reading {
        self.meter.read(clock::now())
    }

    /// `POST`s JSON and waits for 200. Reads the answer: one that is something else is an error, whatever its status.
    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        name: &'static str,
        path: &str,
        body: &impl Serialize,
        limit: Duration,
    ) -> Result<T, CallError> {
        let body = serde_json::to_vec(body).map_err(|error| CallError::Unreachable {
            name,
            reason: error.to_string(),
        })?;
        let mut measured = Measured {
            meter: &self.meter,
            token: self.meter.begin(clock::now()),
            failed: false,
        };
        let answer = self
            .call(name, Method::POST, path, Bytes::from(body), limit)
            .await
            .and_then(|answer| {
                serde_json::from_slice(&answer).map_err(|error| CallError::Wrong {
                    name,
                    reason: error.to_string(),
                })
            });
        measured.failed = answer.is_err();
        answer
    }

    /// `GET`s and waits for 200. Gives the answer's body.
    pub(crate) async fn get(
        &self,
        name: &'static str,
        path: &str,
        limit: Duration,
    ) -> Result<Bytes, CallError> {
        self.call(name, Method::GET, path, Bytes::new(), limit)
            .await
    }

    async fn call(
        &self,
        name: &'static str,
        method: Method,
        path: &str,
        body: Bytes,
        limit: Duration,
    ) -> Result<Bytes, CallError> {
        let unreachable = |reason: String| CallError::Unreachable { name, reason };
        let base = self.bases.get(name).ok_or(CallError::Missing { name })?;
        let request = Request::builder()
            .method(method)
            .uri(format!("{base}{path}"))
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .body(Full::new(body))
            .map_err(|error| unreachable(error.to_string()))?;
        let client = self
            .client
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let exchange = async {
            let answer = client
                .request(request)
                .await
                .map_err(|error| unreachable(root_cause(&error)))?;
            let status = answer.status();
            let body = Limited::new(answer.into_body(), BODY_BYTES_MAX)
                .collect()
                .await
                .map_err(|error| unreachable(error.to_string()))?
                .to_bytes();
            Ok((status, body))
        };
        let (status, body) = tokio::time::timeout(limit, exchange)
            .await
            .map_err(|_| CallError::TimedOut { name, limit })??;
        if status == StatusCode::OK {
            Ok(body)
        } else {
            let reason = reason_of(&body);
            Err(CallError::Answered {
                name,
                status,
                reason,
            })
        }
    }
}

fn new_client() -> HttpClient {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE_MAX)
        .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
        .build(connector)
}

/// The innermost error says what happened; the outer ones say "client error".
fn root_cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

/// The `error` of a JSON answer of ours, else the text itself.
fn reason_of(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let reason = serde_json::from_slice::<serde_json::Value>(body)
        .ok()
        .and_then(|value| value.get("error")?.as_str().map(str::to_owned))
        .unwrap_or_else(|| text.into_owned());
    reason.chars().take(REASON_CHARS_MAX).collect()
}
