//! Publishing: durable messages wait for the server's ack, telemetry does not.

use std::time::Duration;

use arena_proto::carriage::{ATTEMPT_EVERY, PUBLISH_MAX};
use arena_proto::{Message, Telemetry, TraceContext};
use async_nats::HeaderMap;
use async_nats::jetstream::context::PublishErrorKind;
use bytes::Bytes;

use crate::subject::Family;
use crate::{Bus, BusError, Durable};

/// How long flushing may take: what is buffered is on its way within milliseconds, or there is no server.
const FLUSH_MAX: Duration = Duration::from_secs(2);

impl Bus {
    /// Publishes a message and waits until the stream has it, on disk. While the server is away it tries again for
    /// 10 s; the same id makes sure that nothing is stored twice.
    pub async fn publish<M: Durable>(
        &self,
        message: &M,
        trace: Option<TraceContext>,
    ) -> Result<(), BusError> {
        let mut headers = HeaderMap::new();
        headers.insert("Nats-Msg-Id", message.message_id());
        headers.insert("Content-Type", M::CONTENT_TYPE);
        if let Some(trace) = trace {
            // NATS keeps the case of a header's name; W3C writes this one in lower case.
            headers.insert("traceparent", trace.traceparent());
        }
        self.store(message.subject(), message.encode(), headers)
            .await
    }

    /// Publishes telemetry and waits for nothing. While the server is away it is refused, not kept: old samples help
    /// nobody, and their readers count what is missing.
    pub async fn publish_telemetry(&self, telemetry: &Telemetry) -> Result<(), BusError> {
        if !*self.inner.connected.borrow() {
            return Err(BusError::Disconnected);
        }
        let subject = Family::Telemetry.of_node(&telemetry.node);
        self.inner
            .client
            .publish(subject.clone(), telemetry.encode().into())
            .await
            .map_err(|error| BusError::Publish {
                subject,
                cause: error.to_string(),
            })
    }

    /// Sends what is still buffered (acks, telemetry): before a program ends.
    pub async fn flush(&self) -> Result<(), BusError> {
        match tokio::time::timeout(FLUSH_MAX, self.inner.client.flush()).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(BusError::Disconnected),
        }
    }

    pub(crate) async fn store(
        &self,
        subject: String,
        body: Vec<u8>,
        headers: HeaderMap,
    ) -> Result<(), BusError> {
        let body = Bytes::from(body);
        let mut connected = self.connected();
        let mut last = String::from("not connected to NATS");
        let attempts = async {
            loop {
                // An error means that the connection is gone for good; the attempt below says so.
                let _ = connected.wait_for(|connected| *connected).await;
                match self.attempt(&subject, &body, &headers).await {
                    Ok(()) => return Ok(()),
                    Err((cause, Retry::Useless)) => return Err(cause),
                    Err((cause, Retry::Useful)) => last = cause,
                }
                tokio::time::sleep(ATTEMPT_EVERY).await;
            }
        };
        let cause = match tokio::time::timeout(PUBLISH_MAX, attempts).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(cause)) => cause,
            Err(_) => last,
        };
        Err(BusError::Publish { subject, cause })
    }

    async fn attempt(
        &self,
        subject: &str,
        body: &Bytes,
        headers: &HeaderMap,
    ) -> Result<(), (String, Retry)> {
        let context = &self.inner.context;
        let published = match context
            .publish_with_headers(subject.to_owned(), headers.clone(), body.clone())
            .await
        {
            Ok(ack) => ack.await,
            Err(error) => Err(error),
        };
        published.map(drop).map_err(|error| match error.kind() {
            PublishErrorKind::StreamNotFound => (
                "no stream keeps this: `arena up` makes the streams".to_owned(),
                Retry::Useless,
            ),
            PublishErrorKind::MaxPayloadExceeded => (error.to_string(), Retry::Useless),
            _ => (error.to_string(), Retry::Useful),
        })
    }
}

enum Retry {
    Useful,
    Useless,
}
