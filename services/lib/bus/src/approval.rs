//! KV `approvals`: what people answered. Of two answers to one question the first stands, whoever gives them at the same time.

use arena_proto::{Approval, Message as _, Timestamp};
use async_nats::jetstream::kv::{Entry, Operation, UpdateErrorKind};

use crate::bucket::Value as _;
use crate::consume::decode;
use crate::subject::Family;
use crate::{Bus, BusError};

/// So many people at once do not answer about one incident; more often means that something writes in a loop.
const ATTEMPTS_MAX: u32 = 10;

impl Bus {
    /// Answers what a plan asks, by compare and set. It stands for an hour; a later plan's answer about the same incident replaces
    /// it. When this very plan was answered already, gives that answer, and nothing is written.
    pub async fn put_approval(&self, approval: &Approval) -> Result<Option<Approval>, BusError> {
        let bucket = self
            .inner
            .context
            .get_key_value(Family::Approval.to_string())
            .await
            .map_err(|error| failed("opening", &error))?;
        let key = approval.key();
        for _ in 0..ATTEMPTS_MAX {
            let entry = bucket.entry(&key).await;
            let entry = entry.map_err(|error| failed("reading", &error))?;
            let earlier = entry.as_ref().and_then(|entry| answer(entry, &key));
            if let Some(earlier) = earlier.filter(|earlier| earlier.plan_id == approval.plan_id) {
                return Ok(Some(earlier));
            }
            let revision = entry.map_or(0, |entry| entry.revision);
            match bucket
                .update(&key, approval.encode().into(), revision)
                .await
            {
                Ok(_) => return Ok(None),
                Err(error) if error.kind() == UpdateErrorKind::WrongLastRevision => {}
                Err(error) => return Err(failed("writing", &error)),
            }
        }
        let why = format!("somebody else was faster {ATTEMPTS_MAX} times");
        Err(failed("writing", &why))
    }
}

/// Rubbish, and what was removed, is no answer.
fn answer(entry: &Entry, key: &str) -> Option<Approval> {
    if entry.operation != Operation::Put {
        return None;
    }
    let subject = Family::Approval.of_key(key);
    decode(&subject, &entry.value, None, Timestamp::EPOCH).ok()
}

fn failed(verb: &str, cause: &impl std::fmt::Display) -> BusError {
    BusError::JetStream {
        what: format!("{verb} KV {}", Family::Approval),
        cause: cause.to_string(),
    }
}
