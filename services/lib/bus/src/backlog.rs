//! What the server remembers of a durable reader: how far it is, and how to make it forget one that is gone.

use futures::TryStreamExt;

use crate::subject::Family;
use crate::{Bus, BusError};

/// How far a durable reader is, as the server has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backlog {
    /// Messages that it was not offered yet.
    pub waiting: u64,
    /// Messages that it was offered and has not acked.
    pub unacked: u64,
    /// The last message that it was offered, by its place in the stream.
    pub offered: u64,
    /// Everything up to this place is acked.
    pub acked: u64,
}

impl Bus {
    /// How far the durable reader `name` of this family's stream is.
    pub async fn backlog(&self, family: Family, name: &str) -> Result<Backlog, BusError> {
        let stream = family.stream().unwrap_or_default();
        let info = self
            .inner
            .context
            .get_consumer_from_stream::<async_nats::jetstream::consumer::pull::Config, _, _>(
                name, stream,
            )
            .await
            .map_err(|error| failed("asking how far a reader is in", stream, error))?;
        let info = info.cached_info();
        Ok(Backlog {
            waiting: info.num_pending,
            unacked: u64::try_from(info.num_ack_pending).unwrap_or(u64::MAX),
            offered: info.delivered.stream_sequence,
            acked: info.ack_floor.stream_sequence,
        })
    }

    /// The names of all durable readers of this family's stream.
    pub async fn readers(&self, family: Family) -> Result<Vec<String>, BusError> {
        let stream = family.stream().unwrap_or_default();
        self.inner
            .context
            .get_stream_no_info(stream)
            .await
            .map_err(|error| failed("finding stream", stream, error))?
            .consumer_names()
            .try_collect()
            .await
            .map_err(|error| failed("listing the readers of", stream, error))
    }

    /// Makes the server forget the durable reader `name`, and with it what was never acked. One that is not there is
    /// forgotten already.
    pub async fn forget_reader(&self, family: Family, name: &str) -> Result<(), BusError> {
        let stream = family.stream().unwrap_or_default();
        let known = self.readers(family).await?;
        if !known.iter().any(|known| known == name) {
            return Ok(());
        }
        self.inner
            .context
            .delete_consumer_from_stream(name, stream)
            .await
            .map(drop)
            .map_err(|error| failed("forgetting a reader of", stream, error))
    }
}

fn failed(what: &str, stream: &str, error: impl std::fmt::Display) -> BusError {
    BusError::JetStream {
        what: format!("{what} {stream}"),
        cause: error.to_string(),
    }
}
