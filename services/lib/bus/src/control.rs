//! KV `control`: what people decided, changed by one of them without losing what another changed at the same time.

use std::fmt;

use arena_proto::{Control, LeverPosition, Message as _, Timestamp};
use async_nats::jetstream::kv::{Operation, UpdateErrorKind};

use crate::consume::decode;
use crate::subject::{CONTROL_KEY, Family};
use crate::{Bus, BusError};

/// So many people at once do not change the same key; more often means that something writes in a loop.
const ATTEMPTS_MAX: u32 = 10;

impl Bus {
    /// Changes what people decided, by compare and set: when somebody else wrote meanwhile, `change` is asked once more
    /// with what they wrote. Gives what holds now. An error of `change` is given back, and nothing is written.
    pub async fn change_control<E>(
        &self,
        change: impl Fn(&mut Control) -> Result<(), E>,
    ) -> Result<Control, E>
    where
        E: From<BusError>,
    {
        let bucket = self
            .inner
            .context
            .get_key_value(Family::Control.to_string())
            .await
            .map_err(|error| failed("opening", &error))?;
        for _ in 0..ATTEMPTS_MAX {
            let entry = bucket
                .entry(CONTROL_KEY)
                .await
                .map_err(|error| failed("reading", &error))?;
            let revision = entry.as_ref().map_or(0, |entry| entry.revision);
            let mut control = match entry {
                Some(entry) if entry.operation == Operation::Put => read(&entry.value),
                _ => Control::default(),
            };
            change(&mut control)?;
            let written = bucket
                .update(CONTROL_KEY, control.encode().into(), revision)
                .await;
            match written {
                Ok(_) => return Ok(control),
                Err(error) if error.kind() == UpdateErrorKind::WrongLastRevision => {}
                Err(error) => return Err(failed("writing", &error).into()),
            }
        }
        Err(failed(
            "writing",
            &format!("somebody else was faster {ATTEMPTS_MAX} times"),
        )
        .into())
    }
}

/// What is written there. Rubbish must not keep anybody from pulling the lever, and must not release it either: it counts
/// as a stopped one, which a person can resume.
fn read(body: &[u8]) -> Control {
    let subject = format!("$KV.{}.{CONTROL_KEY}", Family::Control);
    decode(&subject, body, None, Timestamp::EPOCH).unwrap_or_else(|_| Control {
        lever: LeverPosition::Stopped,
        ..Control::default()
    })
}

fn failed(verb: &str, cause: &impl fmt::Display) -> BusError {
    BusError::JetStream {
        what: format!("{verb} KV {}", Family::Control),
        cause: cause.to_string(),
    }
}
