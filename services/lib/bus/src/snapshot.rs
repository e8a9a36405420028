//! What a bucket holds now, by one request (ADR-31, "multi last"), which leaves nothing on the server: a consumer would stay
//! there for [`EPHEMERAL_IDLE`](crate::reader) after each look, and many people who look often would fill it.
//!
//! Absent on purpose: changes; they need a consumer. A server before 2.11, and a bucket that does not fit into one answer,
//! are read by one too.

use async_nats::jetstream::message::StreamMessage;
use async_nats::{StatusCode, Subject};
use futures::StreamExt;

use crate::{Bus, BusError};

/// The server that knows the request; an older one takes it for another.
const VERSION: (i64, i64, i64) = (2, 11, 0);
/// The end of an answer ("EOB").
const END: u16 = 204;
/// How many messages the server has beside those that it sent.
const LEFT: &str = "Nats-Num-Pending";

impl Bus {
    /// The last message under each subject of a stream, in the order of the writes; `None` when the server cannot give them
    /// in one answer. Waits for as long as its caller does.
    pub(crate) async fn last_of_each(
        &self,
        stream: &str,
        subjects: &str,
    ) -> Result<Option<Vec<StreamMessage>>, BusError> {
        let client = &self.inner.client;
        let (major, minor, patch) = VERSION;
        if !client.is_server_compatible(major, minor, patch) {
            return Ok(None);
        }
        let inbox = client.new_inbox();
        let mut answers = self.subscribe(&inbox).await?;
        let request = serde_json::json!({ "multi_last": [subjects] }).to_string();
        client
            .publish_with_reply(
                Subject::from(format!("$JS.API.DIRECT.GET.{stream}")),
                inbox,
                request.into(),
            )
            .await
            .map_err(|_| BusError::Disconnected)?;
        let mut messages = Vec::new();
        while let Some(answer) = answers.next().await {
            match answer.status {
                None => {
                    let message = StreamMessage::try_from(answer);
                    messages.push(message.map_err(|error| failed(stream, &error))?);
                }
                Some(StatusCode::NOT_FOUND) => return Ok(Some(Vec::new())),
                Some(status) if status.as_u16() == END => {
                    let left = answer.headers.and_then(|headers| {
                        let left = headers.get(LEFT)?.as_str().parse::<u64>();
                        left.ok()
                    });
                    return Ok((left == Some(0)).then_some(messages));
                }
                // Too many for one answer, or a stream that gives none.
                Some(_) => return Ok(None),
            }
        }
        Err(BusError::Disconnected)
    }
}

fn failed(stream: &str, cause: &impl std::fmt::Display) -> BusError {
    BusError::JetStream {
        what: format!("reading {stream}"),
        cause: cause.to_string(),
    }
}
