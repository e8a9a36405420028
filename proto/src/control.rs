//! KV `control`, `approvals`, `observer` and `lease`: what people decided, and who may believe and do what.

use std::collections::BTreeMap;

use crate::Timestamp;
use crate::generated as wire;
use crate::wire::{self as codec, DecodeError, Message, Received};
use crate::words::{LeverPosition, Mode, ObserverState, RiskClass, Verdict};
use crate::{Entity, IncidentId, PlanId};

/// Who may act, and whether anybody may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Control {
    /// Who may act.
    pub mode: Mode,
    /// The safety lever.
    pub lever: LeverPosition,
    /// When any of this was last changed.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
    /// Who set the lever, and when; `None` when nobody did, or somebody who does not say.
    pub lever_set: Option<(String, Timestamp)>,
    /// Modes of risk classes that differ from `mode`.
    pub modes: BTreeMap<RiskClass, Mode>,
    /// What is left alone.
    pub pauses: Vec<Pause>,
}

/// An entity that nobody but a person acts on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause {
    /// A service, or a node with all its services.
    pub entity: Entity,
    /// Who paused it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// Since when.
    pub at: Timestamp,
    /// `None`: until it is resumed.
    pub until: Option<Timestamp>,
}

impl Pause {
    /// Does it hold for this entity at this time?
    #[must_use]
    pub fn covers(&self, entity: &Entity, now: Timestamp) -> bool {
        let whole_node = self.entity.service.is_none() && self.entity.node == entity.node;
        (whole_node || self.entity == *entity) && self.until.is_none_or(|until| now < until)
    }
}

impl Control {
    /// Who may decide an action of this risk. Where people said nothing about HIGH, AUTO is not meant for it: such an
    /// action waits for a person.
    #[must_use]
    pub fn mode_for(&self, risk: RiskClass) -> Mode {
        match self.modes.get(&risk) {
            Some(mode) => *mode,
            None if risk == RiskClass::High && self.mode == Mode::Auto => Mode::Approve,
            None => self.mode,
        }
    }

    /// The pause that covers this entity, if any.
    #[must_use]
    pub fn pause(&self, entity: &Entity, now: Timestamp) -> Option<&Pause> {
        self.pauses.iter().find(|pause| pause.covers(entity, now))
    }
}

impl Default for Control {
    /// What holds when nobody decided anything: act, lever released.
    fn default() -> Self {
        Self {
            mode: Mode::Auto,
            lever: LeverPosition::Released,
            at: Timestamp::EPOCH,
            by: String::new(),
            lever_set: None,
            modes: BTreeMap::new(),
            pauses: Vec::new(),
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
            low: self
                .modes
                .get(&RiskClass::Low)
                .map_or(0, |mode| mode.to_wire()),
            medium: self
                .modes
                .get(&RiskClass::Medium)
                .map_or(0, |mode| mode.to_wire()),
            high: self
                .modes
                .get(&RiskClass::High)
                .map_or(0, |mode| mode.to_wire()),
            pauses: self.pauses.iter().map(Pause::to_wire).collect(),
            lever_by: codec::text_of(self.lever_set.as_ref().map(|(by, _)| by)),
            lever_at: self.lever_set.as_ref().map(|(_, at)| at.to_wire()),
        })
    }

    /// What is left out stays as [`Control::default`] has it.
    fn decode(body: &[u8], received: &Received) -> Result<Self, DecodeError> {
        let wire: wire::Control = codec::read(body, Self::NAME)?;
        let classes = [
            (RiskClass::Low, wire.low),
            (RiskClass::Medium, wire.medium),
            (RiskClass::High, wire.high),
        ];
        let mut modes = BTreeMap::new();
        for (class, mode) in classes {
            if let Some(mode) = Mode::from_wire_or_none(mode, "mode")? {
                modes.insert(class, mode);
            }
        }
        Ok(Self {
            mode: Mode::from_wire_or_none(wire.mode, "mode")?.unwrap_or(Mode::Auto),
            lever: LeverPosition::from_wire_or_none(wire.lever, "lever")?
                .unwrap_or(LeverPosition::Released),
            at: Timestamp::from_wire_or_none(wire.at.as_ref(), "at")?
                .unwrap_or(received.published_at),
            by: wire.by,
            lever_set: Timestamp::from_wire_or_none(wire.lever_at.as_ref(), "lever_at")?
                .map(|at| (wire.lever_by, at)),
            modes,
            pauses: wire
                .pauses
                .into_iter()
                .map(|pause| Pause::from_wire(pause, received))
                .collect::<Result<_, _>>()?,
        })
    }
}

impl Pause {
    fn to_wire(&self) -> wire::Pause {
        wire::Pause {
            entity: self.entity.to_string(),
            by: self.by.clone(),
            reason: self.reason.clone(),
            at: Some(self.at.to_wire()),
            until: self.until.map(Timestamp::to_wire),
        }
    }

    fn from_wire(wire: wire::Pause, received: &Received) -> Result<Self, DecodeError> {
        Ok(Self {
            entity: codec::parse(&wire.entity, "pauses.entity")?,
            by: wire.by,
            reason: wire.reason,
            at: Timestamp::from_wire_or_none(wire.at.as_ref(), "pauses.at")?
                .unwrap_or(received.published_at),
            until: Timestamp::from_wire_or_none(wire.until.as_ref(), "pauses.until")?,
        })
    }
}

/// What a person decided about one plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// Of which incident.
    pub incident_id: IncidentId,
    /// About which plan; a later one is another question.
    pub plan_id: PlanId,
    /// Yes or no.
    pub verdict: Verdict,
    /// Who.
    pub by: String,
    /// Why; may be empty.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

impl Message for Approval {
    const NAME: &'static str = "arena.v1.Approval";

    fn encode(&self) -> Vec<u8> {
        codec::write_json(&wire::Approval {
            incident_id: self.incident_id.to_string(),
            plan_id: self.plan_id.to_string(),
            verdict: self.verdict.to_wire(),
            by: self.by.clone(),
            reason: self.reason.clone(),
            at: Some(self.at.to_wire()),
        })
    }

    fn decode(body: &[u8], received: &Received) -> Result<Self, DecodeError> {
        let wire: wire::Approval = codec::read(body, Self::NAME)?;
        Ok(Self {
            incident_id: codec::parse(&wire.incident_id, "incident_id")?,
            plan_id: codec::parse(&wire.plan_id, "plan_id")?,
            verdict: Verdict::from_wire(wire.verdict, "verdict")?,
            by: wire.by,
            reason: wire.reason,
            at: Timestamp::from_wire_or_none(wire.at.as_ref(), "at")?
                .unwrap_or(received.published_at),
        })
    }
}

/// Can a detector believe what it hears?
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observer {
    /// Which detector.
    pub detector: String,
    /// STORM: it cannot; nobody acts by what it says.
    pub state: ObserverState,
    /// Why, in plain words with the numbers.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
    /// How many nodes are silent.
    pub silent: u32,
    /// Of how many.
    pub known: u32,
    /// When this was written.
    pub at: Timestamp,
}

impl Message for Observer {
    const NAME: &'static str = "arena.v1.Observer";

    fn encode(&self) -> Vec<u8> {
        codec::write_json(&wire::Observer {
            detector: self.detector.clone(),
            state: self.state.to_wire(),
            reason: self.reason.clone(),
            since: Some(self.since.to_wire()),
            silent: self.silent,
            known: self.known,
            at: Some(self.at.to_wire()),
        })
    }

    fn decode(body: &[u8], received: &Received) -> Result<Self, DecodeError> {
        let wire: wire::Observer = codec::read(body, Self::NAME)?;
        let at = Timestamp::from_wire_or_none(wire.at.as_ref(), "at")?;
        let since = Timestamp::from_wire_or_none(wire.since.as_ref(), "since")?;
        Ok(Self {
            detector: wire.detector,
            state: ObserverState::from_wire(wire.state, "state")?,
            reason: wire.reason,
            since: since.unwrap_or(received.published_at),
            silent: wire.silent,
            known: wire.known,
            at: at.unwrap_or(received.published_at),
        })
    }
}

/// Who holds a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Which lease.
    pub name: String,
    /// Who.
    pub holder: String,
    /// The fencing token: higher for every holder.
    pub fence: u64,
    /// Since when.
    pub acquired_at: Timestamp,
}

impl Message for Lease {
    const NAME: &'static str = "arena.v1.Lease";

    fn encode(&self) -> Vec<u8> {
        codec::write_json(&wire::Lease {
            name: self.name.clone(),
            holder: self.holder.clone(),
            fence: self.fence,
            acquired_at: Some(self.acquired_at.to_wire()),
        })
    }

    fn decode(body: &[u8], received: &Received) -> Result<Self, DecodeError> {
        let wire: wire::Lease = codec::read(body, Self::NAME)?;
        let acquired_at = Timestamp::from_wire_or_none(wire.acquired_at.as_ref(), "acquired_at")?;
        Ok(Self {
            name: wire.name,
            holder: wire.holder,
            fence: wire.fence,
            acquired_at: acquired_at.unwrap_or(received.published_at),
        })
    }
}
