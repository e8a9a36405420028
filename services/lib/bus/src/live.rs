//! Any subject, as it happens: for `arena watch`.

use bytes::Bytes;
use futures::StreamExt;

use crate::{Bus, BusError};

/// A message as it went by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveMessage {
    /// Where.
    pub subject: String,
    /// As it was published.
    pub body: Bytes,
}

/// Messages as they go by; what was published before is not told.
#[derive(Debug)]
pub struct LiveMessages(async_nats::Subscriber);

impl LiveMessages {
    /// The next one; `None` once the bus is gone. Cancel safe.
    pub async fn next(&mut self) -> Option<LiveMessage> {
        let message = self.0.next().await?;
        Some(LiveMessage {
            subject: message.subject.to_string(),
            body: message.payload,
        })
    }
}

impl Bus {
    /// Listens to a subject; wildcards as NATS has them.
    pub async fn watch_subject(&self, subject: &str) -> Result<LiveMessages, BusError> {
        self.subscribe(subject).await.map(LiveMessages)
    }

    pub(crate) async fn subscribe(
        &self,
        subject: &str,
    ) -> Result<async_nats::Subscriber, BusError> {
        self.inner
            .client
            .subscribe(subject.to_owned())
            .await
            .map_err(|error| BusError::Subscribe {
                subject: subject.to_owned(),
                cause: error.to_string(),
            })
    }
}
