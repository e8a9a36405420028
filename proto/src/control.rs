//! KV `control`: what people decided for the whole arena.

use crate::Timestamp;
use crate::generated as wire;
use crate::wire::{self as codec, DecodeError, Message, Received};
use crate::words::{LeverPosition, Mode};

/// Who may act, and whether anybody may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Control {
    /// Who may act.
    pub mode: Mode,
    /// The safety lever.
    pub lever: LeverPosition,
    /// When it was decided.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
}

impl Default for Control {
    /// What holds when nobody decided anything: act, lever released.
    fn default() -> Self {
        Self {
            mode: Mode::Auto,
            lever: LeverPosition::Released,
            at: Timestamp::EPOCH,
            by: String::new(),
        }
    }
}

impl Message for Control {
    const NAME: &'static str = "arena.v1.Control";

    fn encode(&self) -> Vec<u8> {
        codec::write_json(&wire::Control {
            mode: self.mode.to_wire(),
            lever: self.lever.to_wire(),
            at: Some(self.at.to_wire()),
            by: self.by.clone(),
        })
    }

    /// What is left out stays as [`Control::default`] has it.
    fn decode(body: &[u8], received: &Received) -> Result<Self, DecodeError> {
        let wire: wire::Control = codec::read(body, Self::NAME)?;
        Ok(Self {
            mode: Mode::from_wire_or_none(wire.mode, "mode")?.unwrap_or(Mode::Auto),
            lever: LeverPosition::from_wire_or_none(wire.lever, "lever")?
                .unwrap_or(LeverPosition::Released),
            at: Timestamp::from_wire_or_none(wire.at.as_ref(), "at")?
                .unwrap_or(received.published_at),
            by: wire.by,
        })
    }
}
