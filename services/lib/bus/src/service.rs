//! NATS' services API (ADR-32): who is there, and requests with a reply.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use arena_chassis::Clock;
use arena_proto::Timestamp;
use async_nats::service::{self, ServiceExt, endpoint::Endpoint};
use async_nats::{HeaderMap, HeaderValue, RequestErrorKind};
use futures::StreamExt;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio_util::task::AbortOnDropHandle;

use crate::{Bus, BusError, subject};

/// Requests that one endpoint works on at a time; others wait.
const CONCURRENT_MAX: usize = 16;
/// How long an answer is waited for: a database query takes milliseconds, a person does not wait longer.
const ANSWER_MAX: Duration = Duration::from_secs(5);
/// Until when a request may be carried out, in milliseconds since the Unix epoch. A service that slept must not do what was given up.
const EXPIRES: &str = "Arena-Expires";
/// So much later than its sender has given up a request is still carried out: clocks of machines that keep time differ by less.
const CLOCKS_DIFFER_MAX: Duration = Duration::from_secs(2);
/// Pings that are collected at most.
const PINGS_MAX: usize = 10_000;

/// What a service says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceDescription {
    /// The role's name: `detector`, `node`.
    pub name: String,
    /// In one line.
    pub description: String,
    /// Semantic version.
    pub version: String,
    /// What tells it from others of its name: `node` for a node.
    pub metadata: BTreeMap<String, String>,
}

/// What a service answers when it cannot, or will not: told to who asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceError {
    /// As HTTP's: 404 where there is no such thing, 409 where the request does not fit what is there, else 500.
    pub code: u16,
    /// In plain words.
    pub message: String,
}

impl From<String> for ServiceError {
    fn from(message: String) -> Self {
        Self { code: 500, message }
    }
}

/// A registered service. It is gone from the bus when this is dropped.
#[derive(Debug)]
pub struct Registration {
    service: service::Service,
    name: String,
    endpoints: std::sync::Mutex<Vec<AbortOnDropHandle<()>>>,
}

/// A service that answered.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServicePing {
    /// Its name: `detector`, `node`.
    pub name: String,
    /// Unlike any other's.
    pub id: String,
    /// As it registered.
    pub metadata: BTreeMap<String, String>,
}

impl Registration {
    /// Answers requests on `arena.api.<service>.<name>`: JSON in, JSON out. The handler's error is told to who asked.
    pub async fn endpoint<Req, Rep, E, H, F>(&self, name: &str, handler: H) -> Result<(), BusError>
    where
        Req: DeserializeOwned + Send + 'static,
        Rep: Serialize + Send + 'static,
        E: Into<ServiceError> + Send + 'static,
        H: Fn(Req) -> F + Send + Sync + 'static,
        F: Future<Output = Result<Rep, E>> + Send + 'static,
    {
        let endpoint = self
            .service
            .endpoint_builder()
            .name(name)
            .add(subject::api(&self.name, name))
            .await
            .map_err(|error| not_registered(&self.name, error.as_ref()))?;
        let task = tokio::spawn(answer_all(endpoint, handler));
        self.endpoints
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .push(AbortOnDropHandle::new(task));
        Ok(())
    }
}

async fn answer_all<Req, Rep, E, H, F>(endpoint: Endpoint, handler: H)
where
    Req: DeserializeOwned,
    Rep: Serialize,
    E: Into<ServiceError>,
    H: Fn(Req) -> F,
    F: Future<Output = Result<Rep, E>>,
{
    let handler = &handler;
    endpoint
        .for_each_concurrent(CONCURRENT_MAX, |request| async move {
            let headers = request.message.headers.as_ref();
            let reply = match headers.filter(|headers| is_expired(headers, Clock::new().now())) {
                None => answer(&request.message.payload, handler).await,
                Some(_) => Err(service::error::Error {
                    code: 408,
                    status: "it came too late: nobody waits for it any more".to_owned(),
                }),
            };
            // Who asked may be gone by now.
            if let Err(error) = request.respond(reply).await {
                tracing::debug!("answering {}: {error}", request.message.subject);
            }
        })
        .await;
}

/// Who asks without saying until when (`nats req`) waits for ever.
fn is_expired(headers: &HeaderMap, now: Timestamp) -> bool {
    let expires = headers.get(EXPIRES).map(HeaderValue::as_str);
    let expires = expires.and_then(|text| text.parse::<i64>().ok());
    expires.is_some_and(|expires| now.unix_nanos() / 1_000_000 > expires)
}

fn expires(now: Timestamp) -> HeaderMap {
    let at = now + ANSWER_MAX + CLOCKS_DIFFER_MAX;
    let mut headers = HeaderMap::new();
    headers.insert(EXPIRES, (at.unix_nanos() / 1_000_000).to_string().as_str());
    headers
}

async fn answer<Req, Rep, E, H, F>(
    body: &[u8],
    handler: &H,
) -> Result<bytes::Bytes, service::error::Error>
where
    Req: DeserializeOwned,
    Rep: Serialize,
    E: Into<ServiceError>,
    H: Fn(Req) -> F,
    F: Future<Output = Result<Rep, E>>,
{
    let error = |code, status| service::error::Error { code, status };
    // `nats req arena.api.recorder.summary ''` asks for everything.
    let body = if body.is_empty() { b"{}" } else { body };
    let request = serde_json::from_slice(body).map_err(|cause| {
        error(
            400,
            format!("the request is not what this answers: {cause}"),
        )
    })?;
    let reply = handler(request).await.map_err(|cause| {
        let ServiceError { code, message } = cause.into();
        error(code.into(), message)
    })?;
    serde_json::to_vec(&reply)
        .map(bytes::Bytes::from)
        .map_err(|cause| error(500, format!("writing the reply: {cause}")))
}

fn not_registered(service: &str, cause: &dyn std::fmt::Display) -> BusError {
    BusError::Register {
        service: service.to_owned(),
        cause: cause.to_string(),
    }
}

impl Bus {
    /// Registers a service, for `nats micro ls`. Its stats show what was refused on this bus.
    pub async fn register(&self, service: ServiceDescription) -> Result<Registration, BusError> {
        let rejected = Arc::clone(&self.inner.rejected);
        let metadata: HashMap<String, String> = service.metadata.into_iter().collect();
        let registered = self
            .inner
            .client
            .service_builder()
            .description(service.description)
            .metadata(metadata)
            .stats_handler(move |_, _| serde_json::json!({ "rejected": rejected.counts() }))
            .start(&service.name, &service.version)
            .await
            .map_err(|error| not_registered(&service.name, error.as_ref()))?;
        Ok(Registration {
            service: registered,
            name: service.name,
            endpoints: std::sync::Mutex::default(),
        })
    }

    /// Asks a service, and waits at most 5 s for the answer.
    pub async fn request<Req: Serialize, Rep: DeserializeOwned>(
        &self,
        service: &str,
        endpoint: &str,
        request: &Req,
    ) -> Result<Rep, BusError> {
        let service = || service.to_owned();
        let body = serde_json::to_vec(request).map_err(BusError::BadRequest)?;
        let request = self.inner.client.request_with_headers(
            subject::api(&service(), endpoint),
            expires(Clock::new().now()),
            body.into(),
        );
        let no_answer = || BusError::NoAnswer {
            service: service(),
            seconds: ANSWER_MAX.as_secs(),
        };
        let reply = tokio::time::timeout(ANSWER_MAX, request)
            .await
            .map_err(|_| no_answer())?
            .map_err(|error| match error.kind() {
                RequestErrorKind::NoResponders => BusError::NotRunning { service: service() },
                _ => no_answer(),
            })?;
        let header = |name| reply.headers.as_ref().and_then(|headers| headers.get(name));
        if let Some(message) = header(service::NATS_SERVICE_ERROR) {
            let code = header(service::NATS_SERVICE_ERROR_CODE).map(HeaderValue::as_str);
            return Err(BusError::Answered {
                service: service(),
                code: code.and_then(|code| code.parse().ok()).unwrap_or(500),
                message: message.to_string(),
            });
        }
        serde_json::from_slice(&reply.payload).map_err(|cause| BusError::BadAnswer {
            service: service(),
            cause: cause.to_string(),
        })
    }

    /// Who is there: everybody who answers within `timeout`, by name.
    pub async fn ping_services(&self, timeout: Duration) -> Result<Vec<ServicePing>, BusError> {
        let client = &self.inner.client;
        let inbox = client.new_inbox();
        let mut replies = self.subscribe(&inbox).await?;
        client
            .publish_with_reply("$SRV.PING", inbox, bytes::Bytes::new())
            .await
            .map_err(|_| BusError::Disconnected)?;
        let mut pings = Vec::new();
        let collect = async {
            while let Some(reply) = replies.next().await {
                // Nobody there: the server says so at once.
                if reply.status.is_some() || pings.len() >= PINGS_MAX {
                    return;
                }
                if let Ok(ping) = serde_json::from_slice::<service::PingResponse>(&reply.payload) {
                    pings.push(ServicePing {
                        name: ping.name,
                        id: ping.id,
                        metadata: ping.metadata.into_iter().collect(),
                    });
                }
            }
        };
        // Nobody knows how many there are: the time is the end.
        let _ = tokio::time::timeout(timeout, collect).await;
        pings.sort();
        Ok(pings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_waits_for_any_more_has_expired() {
        let now = Timestamp::from_unix_nanos(1_000_000_000_000);
        let headers = expires(now);
        assert!(!is_expired(&headers, now + ANSWER_MAX));
        assert!(is_expired(&headers, now + ANSWER_MAX * 2));
        assert!(!is_expired(&HeaderMap::new(), now));
    }
}
