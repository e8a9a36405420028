//! Samples that a service tells of itself: `GET /metrics` on its control socket.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use arena_proto::Timestamp;
use bytes::Bytes;

use crate::http::Connection;

/// All services are asked at once and waited for before the sample goes out: longer would delay it.
const TIMEOUT: Duration = Duration::from_millis(100);
/// A service without a socket is asked again after this time, or when it was started anew.
const RETRY: Duration = Duration::from_secs(30);

/// So many samples after a start a service that has no socket yet is still asked: it may make it late.
const EARLY_ASKS: u32 = 5;

/// One service's own samples.
#[derive(Debug)]
pub(super) struct OwnMetrics {
    socket: Option<PathBuf>,
    connection: Option<Connection>,
    generation: u32,
    /// Asked in vain since the start.
    misses: u32,
    not_before: Timestamp,
}

impl OwnMetrics {
    pub(super) fn new(socket: Option<PathBuf>) -> Self {
        Self {
            socket,
            connection: None,
            generation: 0,
            misses: 0,
            not_before: Timestamp::EPOCH,
        }
    }

    /// Asks; empty when there is no answer.
    pub(super) async fn ask(
        &mut self,
        now: Timestamp,
        generation: u32,
        answers: bool,
    ) -> BTreeMap<String, f32> {
        if generation != self.generation {
            self.generation = generation;
            self.connection = None;
            self.misses = 0;
            self.not_before = Timestamp::EPOCH;
        }
        if !answers || now < self.not_before {
            return BTreeMap::new();
        }
        let answer = tokio::time::timeout(TIMEOUT, self.exchange()).await;
        if let Ok(Some(metrics)) = answer {
            return metrics;
        }
        self.connection = None;
        self.misses = self.misses.saturating_add(1);
        // No socket: rarely again. One that is slow or not ready yet: with the next sample.
        let absent = self.socket.as_ref().is_none_or(|path| !path.exists());
        if absent && self.misses >= EARLY_ASKS {
            self.not_before = now + RETRY;
        }
        BTreeMap::new()
    }

    async fn exchange(&mut self) -> Option<BTreeMap<String, f32>> {
        let socket = self.socket.as_ref()?;
        let mut connection = match self.connection.take().filter(Connection::is_open) {
            Some(connection) => connection,
            None => Connection::unix(socket).await.ok()?,
        };
        let (status, body) = connection.ask("GET", "/metrics", Bytes::new()).await.ok()?;
        self.connection = Some(connection);
        if !status.is_success() {
            return None;
        }
        let metrics: BTreeMap<String, serde_json::Value> = serde_json::from_slice(&body).ok()?;
        let numbers = metrics.into_iter().filter_map(|(name, value)| {
            #[expect(clippy::cast_possible_truncation, reason = "samples travel as f32")]
            let value = value.as_f64()? as f32;
            Some((name, value))
        });
        Some(numbers.collect())
    }
}
