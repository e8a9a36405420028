//! The way of a batch of spans to an OTLP/HTTP endpoint.
//!
//! The HTTP client is `ureq`, which is plain blocking code: the batch processor has a thread of its own to block, and a
//! client that brings a runtime (and its thread and memory) to each of two dozen small processes is not worth it. TLS is
//! rustls with ring, and touched by `https` endpoints only.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arena_proto::Timestamp;
use async_trait::async_trait;
use bytes::Bytes;
use opentelemetry::KeyValue;
use opentelemetry_http::{HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{ExporterBuildError, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::resource::{EnvResourceDetector, TelemetryResourceDetector};
use opentelemetry_sdk::trace::SpanExporter as _;
use ureq::http::Uri;

use crate::Clock;

/// The longest a whole request may take. OTLP's own default: 10 s. It holds nobody up but later batches.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// The longest answer that is read: a receiver says little (which spans it rejected, and why).
const RESPONSE_LIMIT_BYTES: u64 = 64 * 1024;

/// Where spans go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Destination {
    /// Nowhere.
    Nowhere,
    /// Where the `OTEL_EXPORTER_OTLP_*` variables say; the exporter reads them.
    Environment,
    /// A base address; `/v1/traces` is added.
    Base(String),
}

impl Destination {
    /// As the standard variables ask, except that there is no default endpoint: unset means nowhere.
    pub(crate) fn from_env() -> Self {
        Self::read(|name| std::env::var(name).ok())
    }

    fn read(variable: impl Fn(&str) -> Option<String>) -> Self {
        let filled = |name| variable(name).is_some_and(|value| !value.trim().is_empty());
        let says = |name, word: &str| {
            variable(name).is_some_and(|value| value.trim().eq_ignore_ascii_case(word))
        };
        let endpoint =
            filled("OTEL_EXPORTER_OTLP_ENDPOINT") || filled("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
        let off = says("OTEL_SDK_DISABLED", "true") || says("OTEL_TRACES_EXPORTER", "none");
        if endpoint && !off {
            Self::Environment
        } else {
            Self::Nowhere
        }
    }
}

/// An exporter to there; `None` when that is nowhere. Fails on an endpoint that cannot be one.
pub(crate) fn exporter(
    destination: &Destination,
    name: &str,
) -> Result<Option<opentelemetry_otlp::SpanExporter>, ExporterBuildError> {
    let builder = opentelemetry_otlp::SpanExporter::builder()
        .with_http()
        .with_http_client(Client::new());
    let builder = match destination {
        Destination::Nowhere => return Ok(None),
        Destination::Environment => builder,
        Destination::Base(address) => {
            builder.with_endpoint(format!("{}/v1/traces", address.trim_end_matches('/')))
        }
    };
    let mut exporter = builder.build()?;
    exporter.set_resource(&resource(name, Clock::new().now()));
    Ok(Some(exporter))
}

/// Who sends the spans. `OTEL_RESOURCE_ATTRIBUTES`, and before them `OTEL_SERVICE_NAME`, win over what we say.
fn resource(name: &str, started_at: Timestamp) -> Resource {
    let instance = format!("{}-{:x}", std::process::id(), started_at.unix_nanos());
    let asked_name = std::env::var("OTEL_SERVICE_NAME")
        .ok()
        .filter(|name| !name.is_empty());
    // What comes later wins.
    Resource::builder_empty()
        .with_attribute(KeyValue::new("service.name", format!("arena-{name}")))
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .with_attribute(KeyValue::new("service.instance.id", instance))
        .with_detector(Box::new(TelemetryResourceDetector))
        .with_detector(Box::new(EnvResourceDetector::new()))
        .with_attributes(asked_name.map(|name| KeyValue::new("service.name", name)))
        .build()
}

/// Speaks when sending begins to fail and when it works again, and is silent in between.
#[derive(Debug)]
struct Client {
    agent: ureq::Agent,
    failing: AtomicBool,
}

impl Client {
    fn new() -> Self {
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(REQUEST_TIMEOUT))
            // The exporter tells by the status what to retry.
            .http_status_as_error(false)
            .build();
        Self {
            agent: config.into(),
            failing: AtomicBool::new(false),
        }
    }

    fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, ureq::Error> {
        let (head, body) = request.into_parts();
        let loopback = head.uri.host().is_some_and(is_loopback);
        let mut request = Request::from_parts(head, &body[..]);
        if loopback {
            // A proxy that the environment names for the world's sake cannot reach this machine's loopback.
            request = self.agent.configure_request(request).proxy(None).build();
        }
        let (head, mut body) = self.agent.run(request)?.into_parts();
        let body = body
            .with_config()
            .limit(RESPONSE_LIMIT_BYTES)
            .read_to_vec()?;
        Ok(Response::from_parts(head, body.into()))
    }

    fn tell(&self, endpoint: &str, failure: Option<String>) {
        let was_failing = self.failing.swap(failure.is_some(), Ordering::Relaxed);
        match failure {
            Some(failure) if !was_failing => tracing::warn!(
                "traces cannot be sent to {endpoint}: {failure} (not said again until they can)"
            ),
            None if was_failing => tracing::info!("traces are sent to {endpoint} again"),
            _ => {}
        }
    }
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let endpoint = without_credentials(request.uri());
        let result = self.send(request);
        let failure = match &result {
            Err(error) => Some(error.to_string()),
            Ok(response) if !response.status().is_success() => {
                Some(format!("it answers {}", response.status()))
            }
            Ok(_) => None,
        };
        self.tell(&endpoint, failure);
        Ok(result?)
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host
        .trim_start_matches('[')
        .trim_end_matches(']')
        .parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// An address as it may be logged.
fn without_credentials(uri: &Uri) -> String {
    let port = uri
        .port()
        .map_or_else(String::new, |port| format!(":{port}"));
    let (scheme, host) = (
        uri.scheme_str().unwrap_or("http"),
        uri.host().unwrap_or_default(),
    );
    format!("{scheme}://{host}{port}{}", uri.path())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn destination(variables: &[(&str, &str)]) -> Destination {
        Destination::read(|name| {
            let found = variables.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn an_endpoint_that_is_set_wins_and_none_means_nowhere() {
        const ENDPOINT: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318");
        const TRACES: (&str, &str) = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://127.0.0.1:1/x");
        assert_eq!(destination(&[]), Destination::Nowhere);
        assert_eq!(
            destination(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "")]),
            Destination::Nowhere
        );
        assert_eq!(destination(&[ENDPOINT]), Destination::Environment);
        assert_eq!(destination(&[TRACES]), Destination::Environment);
        assert_eq!(
            destination(&[ENDPOINT, ("OTEL_SDK_DISABLED", "TRUE")]),
            Destination::Nowhere
        );
        assert_eq!(
            destination(&[ENDPOINT, ("OTEL_TRACES_EXPORTER", "none")]),
            Destination::Nowhere
        );
    }

    #[test]
    fn loopback_is_told_from_the_world() {
        for host in ["localhost", "127.0.0.1", "127.1.2.3", "[::1]"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["collector", "10.0.0.1", "[2001:db8::1]", ""] {
            assert!(!is_loopback(host), "{host}");
        }
    }

    #[test]
    fn credentials_are_not_logged() {
        let uri = Uri::from_static("https://me:secret@collector:4318/v1/traces?token=secret");
        assert_eq!(
            without_credentials(&uri),
            "https://collector:4318/v1/traces"
        );
    }
}
