//! KV `control`: what people decided, changed by one of them without losing what another changed at the same time.

use std::fmt;

use arena_proto::{Control, LeverPosition, Message as _, Timestamp};
use async_nats::jetstream::kv::{Entry, Operation, Store, UpdateErrorKind};

use crate::consume::decode;
use crate::subject::{CONTROL_KEY, Family};
use crate::{Bus, BusError};

/// So many people at once do not change the same key; more often means that something writes in a loop.
const ATTEMPTS_MAX: u32 = 10;

/// What KV `control` holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Decided {
    /// What people decided; [`Control::default`] when nobody has decided anything yet.
    Known(Control),
    /// Somebody wrote what is no control. Who hears it keeps what it heard before.
    Unreadable,
    /// Somebody removed it. Who hears it keeps what it heard before.
    Removed,
}

impl Decided {
    /// What to go by. What is lost must not keep anybody from pulling the lever, and must not release it either: it
    /// counts as a stopped one, which a person can resume.
    #[must_use]
    pub fn control(self) -> Control {
        match self {
            Self::Known(control) => control,
            Self::Unreadable | Self::Removed => Control {
                lever: LeverPosition::Stopped,
                ..Control::default()
            },
        }
    }
}

impl Bus {
    /// What people decided, and whether that can be read at all.
    pub async fn decided(&self) -> Result<Decided, BusError> {
        let bucket = self.control_bucket().await?;
        Ok(decided(entry(&bucket).await?.as_ref()))
    }

    /// What people decided; a stopped lever when that cannot be read.
    pub async fn control(&self) -> Result<Control, BusError> {
        Ok(self.decided().await?.control())
    }

    /// Changes what people decided, by compare and set: when somebody else wrote meanwhile, `change` is asked once more
    /// with what they wrote. Gives what holds now. An error of `change` is given back, and nothing is written.
    pub async fn change_control<E>(
        &self,
        change: impl Fn(&mut Control) -> Result<(), E>,
    ) -> Result<Control, E>
    where
        E: From<BusError>,
    {
        let bucket = self.control_bucket().await?;
        for _ in 0..ATTEMPTS_MAX {
            let entry = entry(&bucket).await?;
            let revision = entry.as_ref().map_or(0, |entry| entry.revision);
            let mut control = decided(entry.as_ref()).control();
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

    async fn control_bucket(&self) -> Result<Store, BusError> {
        self.inner
            .context
            .get_key_value(Family::Control.to_string())
            .await
            .map_err(|error| failed("opening", &error))
    }
}

async fn entry(bucket: &Store) -> Result<Option<Entry>, BusError> {
    bucket
        .entry(CONTROL_KEY)
        .await
        .map_err(|error| failed("reading", &error))
}

fn decided(entry: Option<&Entry>) -> Decided {
    let Some(entry) = entry else {
        return Decided::Known(Control::default());
    };
    if entry.operation != Operation::Put {
        return Decided::Removed;
    }
    let subject = Family::Control.of_key(CONTROL_KEY);
    decode(&subject, &entry.value, None, Timestamp::EPOCH)
        .map_or(Decided::Unreadable, Decided::Known)
}

fn failed(verb: &str, cause: &impl fmt::Display) -> BusError {
    BusError::JetStream {
        what: format!("{verb} KV {}", Family::Control),
        cause: cause.to_string(),
    }
}
