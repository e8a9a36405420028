//! A detector's own voice: what it says comes back to it, over the server, on the connection that its telemetry comes by.
//! While it hears nothing of itself, that it hears nothing of others says nothing about them.

use async_nats::Subscriber;
use futures::StreamExt;
use tokio::sync::watch;

use crate::{Bus, BusError, subject};

/// Says something to itself.
#[derive(Debug)]
pub struct CanarySender {
    client: async_nats::Client,
    connected: watch::Receiver<bool>,
    subject: String,
}

/// Hears what its sender says.
#[derive(Debug)]
pub struct CanaryReceiver(Subscriber);

impl CanarySender {
    /// Says a number, and waits for nothing. While the server is away it is refused, not kept: what comes late is no proof.
    pub async fn send(&self, number: u64) -> Result<(), BusError> {
        if !*self.connected.borrow() {
            return Err(BusError::Disconnected);
        }
        let body = number.to_string().into();
        let published = self.client.publish(self.subject.clone(), body).await;
        published.map_err(|error| BusError::Publish {
            subject: self.subject.clone(),
            cause: error.to_string(),
        })
    }
}

impl CanaryReceiver {
    /// The next number; `None` once the bus is gone. Rubbish does not come out. Cancel safe.
    pub async fn next(&mut self) -> Option<u64> {
        loop {
            let message = self.0.next().await?;
            let number = std::str::from_utf8(&message.payload).ok();
            if let Some(number) = number.and_then(|text| text.parse().ok()) {
                return Some(number);
            }
        }
    }
}

impl Bus {
    /// A voice and an ear of its own on `arena.canary.<role>.<unique>`. Only a detector may, and people.
    pub async fn canary(&self) -> Result<(CanarySender, CanaryReceiver), BusError> {
        let subject = subject::canary(self.inner.role.as_str(), &self.unique());
        let receiver = CanaryReceiver(self.subscribe(&subject).await?);
        let sender = CanarySender {
            client: self.inner.client.clone(),
            connected: self.connected(),
            subject,
        };
        Ok((sender, receiver))
    }

    /// A word that nobody else has.
    fn unique(&self) -> String {
        let inbox = self.inner.client.new_inbox();
        inbox.rsplit('.').next().unwrap_or(&inbox).to_owned()
    }
}
