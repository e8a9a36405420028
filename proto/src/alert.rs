//! KV `alerts`: what Alertmanager said last of each alert. Written by the gateway alone; which entity an alert is about is decided
//! before it is written, what becomes of it by the detector.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::generated as wire;
use crate::wire::{self as codec, DecodeError, Message, Received};
use crate::words::AlertState;
use crate::{Entity, Timestamp};

/// An alert as it was last told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// Alertmanager's: follows from the labels. Also the key.
    pub fingerprint: String,
    /// The label `alertname`; may be empty.
    pub name: String,
    /// Whether it fires.
    pub state: AlertState,
    /// With the fingerprint it names one illness.
    pub starts_at: Timestamp,
    /// RESOLVED: when it ended. FIRING: until when that holds, where the sender says.
    pub ends_at: Option<Timestamp>,
    /// The one entity that it is about; `None`: unmatched, and nothing is done about it.
    pub entity: Option<Entity>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
    /// Where the rule can be looked at; may be empty.
    pub generator_url: String,
    /// When it was last told.
    pub received_at: Timestamp,
    /// By which labels it was matched, or why by none, in plain words.
    pub message: String,
}

impl Alert {
    /// How long a firing alert is believed that nobody repeats: Alertmanager repeats every 4 h unless it is told otherwise
    /// (`repeat_interval`), and an hour is more than any of its delays.
    pub const BELIEVED: Duration = Duration::from_hours(5);
    /// How many are known at once: some hundreds fire in a large outage, and each is one more incident at most.
    pub const COUNT_MAX: usize = 1000;
    /// How long an alert is kept after it was last told; who has not spoken for a day is not there.
    pub const KEPT: Duration = Duration::from_hours(24);

    /// From when on a firing alert says nothing any more: when the sender said that it ends, else when it was not repeated in time.
    #[must_use]
    pub fn stale_at(&self) -> Timestamp {
        self.ends_at.unwrap_or(self.received_at + Self::BELIEVED)
    }

    /// The text that a person reads of it: its summary or description, else nothing.
    #[must_use]
    pub fn summary(&self) -> &str {
        let mut texts = ["summary", "description", "message"].into_iter();
        let text = texts.find_map(|name| self.annotations.get(name));
        text.map_or("", String::as_str)
    }
}

impl Message for Alert {
    const NAME: &'static str = "arena.v1.Alert";

    fn encode(&self) -> Vec<u8> {
        let entity = self.entity.as_ref();
        codec::write_json(&wire::Alert {
            fingerprint: self.fingerprint.clone(),
            name: self.name.clone(),
            state: self.state.to_wire(),
            starts_at: Some(self.starts_at.to_wire()),
            ends_at: self.ends_at.map(Timestamp::to_wire),
            node: codec::text_of(entity.map(|entity| &entity.node)),
            service: codec::text_of(entity.and_then(|entity| entity.service.as_ref())),
            labels: self.labels.clone(),
            annotations: self.annotations.clone(),
            generator_url: self.generator_url.clone(),
            received_at: Some(self.received_at.to_wire()),
            message: self.message.clone(),
        })
    }

    fn decode(body: &[u8], received: &Received) -> Result<Self, DecodeError> {
        let wire: wire::Alert = codec::read(body, Self::NAME)?;
        if wire.fingerprint.is_empty() {
            return Err(DecodeError::Missing {
                field: "fingerprint",
            });
        }
        let entity = if wire.node.is_empty() {
            None
        } else {
            Some(Entity {
                node: codec::parse(&wire.node, "node")?,
                service: codec::service_or_none(&wire.service, "service")?,
            })
        };
        let received_at = Timestamp::from_wire_or_none(wire.received_at.as_ref(), "received_at")?;
        Ok(Self {
            fingerprint: wire.fingerprint,
            name: wire.name,
            state: AlertState::from_wire(wire.state, "state")?,
            starts_at: Timestamp::from_wire(wire.starts_at.as_ref(), "starts_at")?,
            ends_at: Timestamp::from_wire_or_none(wire.ends_at.as_ref(), "ends_at")?,
            entity,
            labels: wire.labels,
            annotations: wire.annotations,
            generator_url: wire.generator_url,
            received_at: received_at.unwrap_or(received.published_at),
            message: wire.message,
        })
    }
}
