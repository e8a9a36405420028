//! One receiver: its address and secret, the request that an event becomes, and what its answer means.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use arena_gateway_core::webhook::event::{Event, Happened};
use arena_gateway_core::webhook::file::{Source, Webhook, address};
use arena_gateway_core::webhook::retry::{Answer, judge};
use arena_gateway_core::webhook::sign::Secret;
use arena_gateway_core::webhook::{Form, cloudevents, pagerduty, slack};
use arena_proto::{Severity, Timestamp};

use super::READER_PREFIX;
use super::report::WebhookView;

/// From the name's lookup to the last header of the answer: a receiver that works longer than this should answer first.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// A receiver. Clones share its connections. Its `Debug` tells neither address nor secret.
#[derive(Clone)]
pub(super) struct Receiver(Arc<Inner>);

struct Inner {
    name: String,
    events: Vec<Happened>,
    severity_min: Option<Severity>,
    host: String,
    url: String,
    key: Key,
    agent: ureq::Agent,
}

/// The form, with the secret that it wants.
enum Key {
    CloudEvents(Secret),
    Slack,
    PagerDuty(String),
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Receiver").field(&self.0.name).finish()
    }
}

/// A message as it is posted.
pub(super) struct Message {
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl Receiver {
    /// Takes address and secret from where the file says that they are.
    pub(super) fn new(webhook: Webhook) -> anyhow::Result<Self> {
        let url = read("url", &webhook.url)?;
        let host = address(&url).map_err(|what| anyhow!("{what}"))?;
        let secret = webhook
            .secret
            .as_ref()
            .map(|secret| read("secret", secret))
            .transpose()?;
        let key = match (webhook.form, secret) {
            (Form::CloudEvents, Some(text)) => {
                Key::CloudEvents(Secret::parse(&text).map_err(|what| anyhow!("the secret {what}"))?)
            }
            (Form::PagerDuty, Some(routing_key)) => Key::PagerDuty(routing_key),
            (Form::Slack, _) => Key::Slack,
            (Form::CloudEvents | Form::PagerDuty, None) => bail!("there is no secret"),
        };
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(ANSWER_MAX))
            .http_status_as_error(false)
            // A redirect is an answer like any other; following one could take what is signed elsewhere.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("arena/", env!("CARGO_PKG_VERSION")))
            .build()
            .into();
        Ok(Self(Arc::new(Inner {
            name: webhook.name,
            events: webhook.events.into_iter().collect(),
            severity_min: webhook.severity_min,
            host,
            url,
            key,
            agent,
        })))
    }

    pub(super) fn name(&self) -> &str {
        &self.0.name
    }

    /// Under which name the server remembers what it was told.
    pub(super) fn reader(&self) -> String {
        format!("{READER_PREFIX}{}", self.0.name)
    }

    /// It as people may see it, before anything was told.
    pub(super) fn view(&self) -> WebhookView {
        let form = match self.0.key {
            Key::CloudEvents(_) => Form::CloudEvents,
            Key::Slack => Form::Slack,
            Key::PagerDuty(_) => Form::PagerDuty,
        };
        WebhookView {
            name: self.0.name.clone(),
            form,
            host: self.0.host.clone(),
            events: self.0.events.clone(),
            severity_min: self.0.severity_min,
            waiting: None,
            delivered: 0,
            retried: 0,
            lost: 0,
            last_error: None,
            last_error_at: None,
            last_delivered_at: None,
        }
    }

    /// Whether it is told this. An incident whose severity nobody knows any more is told.
    pub(super) fn wants(&self, happened: Happened, severity: Option<Severity>) -> bool {
        let severe_enough = match (self.0.severity_min, severity) {
            (Some(least), Some(severity)) => severity >= least,
            _ => true,
        };
        severe_enough && self.0.events.contains(&happened)
    }

    /// What is posted for an event at this moment.
    pub(super) fn message(&self, event: &Event, now: Timestamp) -> Message {
        let (content_type, body) = match &self.0.key {
            Key::CloudEvents(_) => (cloudevents::CONTENT_TYPE, cloudevents::body(event)),
            Key::Slack => (slack::CONTENT_TYPE, slack::body(event)),
            Key::PagerDuty(key) => (pagerduty::CONTENT_TYPE, pagerduty::body(event, key)),
        };
        let body = body.to_string().into_bytes();
        let mut headers = vec![("content-type", content_type.to_owned())];
        if let Key::CloudEvents(secret) = &self.0.key {
            let timestamp = now.unix_millis() / 1000;
            headers.extend([
                ("webhook-id", event.id.clone()),
                ("webhook-timestamp", timestamp.to_string()),
                (
                    "webhook-signature",
                    secret.sign(&event.id, timestamp, &body),
                ),
                ("traceparent", event.traceparent()),
            ]);
        }
        Message { headers, body }
    }

    /// Posts it and waits for the answer, 10 s at most. Blocks.
    pub(super) fn post(&self, message: &Message, now: Timestamp) -> Answer {
        let mut request = self.0.agent.post(&self.0.url);
        for (name, value) in &message.headers {
            request = request.header(*name, value);
        }
        match request.send(&message.body[..]) {
            Ok(response) => {
                let retry_after = response.headers().get("retry-after");
                let retry_after = retry_after.and_then(|value| value.to_str().ok());
                judge(response.status().as_u16(), retry_after, now)
            }
            Err(error) => Answer::Again {
                why: in_words(&error),
                after: None,
            },
        }
    }
}

/// An error without what it may quote: the address can be a secret.
fn in_words(error: &ureq::Error) -> String {
    use ureq::Error as E;
    match error {
        E::Timeout(_) => format!("no answer within {} s", ANSWER_MAX.as_secs()),
        E::HostNotFound => "its name is not known".to_owned(),
        E::Io(error) => match error.kind() {
            io::ErrorKind::ConnectionRefused => "nobody listens there".to_owned(),
            kind => format!("the connection broke: {kind}"),
        },
        E::ConnectionFailed => "it cannot be reached".to_owned(),
        E::Tls(_) | E::Rustls(_) | E::Pem(_) => "TLS failed: is its certificate valid?".to_owned(),
        _ => "it does not answer in HTTP".to_owned(),
    }
}

/// What is there. The error does not quote the file of webhooks: somebody may have written the secret where its place should be.
fn read(what: &str, source: &Source) -> anyhow::Result<String> {
    let text = match source {
        Source::Here(text) => text.clone(),
        Source::Env(name) => {
            // Its error may quote what the variable holds.
            std::env::var(name)
                .map_err(|_| anyhow!("the environment has no text under the name in {what}_env"))?
        }
        Source::File(path) => std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the file that {what}_file names"))?,
    };
    let text = text.trim();
    if text.is_empty() {
        bail!("what should hold its address or secret is empty");
    }
    Ok(text.to_owned())
}
