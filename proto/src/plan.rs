//! What the remediator decided about an incident, acting or not.

use crate::generated as wire;
use crate::number::{numbers_from_wire, numbers_to_wire};
use crate::wire::{self as codec, DecodeError, Message, Received};
use crate::words::{ActionKind, Decision, Effect, IncidentState, Resolution, RiskClass};
use crate::{CommandId, Entity, IncidentId, Numbers, PlanId, ServiceName, Timestamp};

/// One decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// `<incident id>.<revision>`.
    pub id: PlanId,
    /// About which incident.
    pub incident_id: IncidentId,
    /// Counts the decisions on this incident from 1.
    pub revision: u32,
    /// What is hurt.
    pub entity: Entity,
    /// The symptom that is to go away.
    pub symptom: String,
    /// What was decided.
    pub decision: Decision,
    /// The incident's state once this decision stands.
    pub incident_state: IncidentState,
    /// How the incident ended, with [`Decision::Resolve`].
    pub resolution: Option<Resolution>,
    /// In plain words, with the numbers that decided.
    pub reason: String,
    /// The playbook that it follows; empty when none fits.
    pub playbook: String,
    /// The rung of its ladder, from 1; 0 when none applies.
    pub rung: u32,
    /// How many rungs it has.
    pub rungs: u32,
    /// The action, with [`Decision::Act`].
    pub action: Option<ActionKind>,
    /// What the action is for.
    pub target: Option<Entity>,
    /// The command that carries the action.
    pub command_id: Option<CommandId>,
    /// When it was decided.
    pub at: Timestamp,
    /// What it rests on.
    pub basis: PlanBasis,
}

/// What a decision rests on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PlanBasis {
    /// The rail that refuses; empty when none does.
    pub rail: String,
    /// What is believed to be wrong; empty when the playbook does not say.
    pub cause: String,
    /// How much the step can hurt.
    pub risk: Option<RiskClass>,
    /// The step as the playbook writes it.
    pub step: String,
    /// When the question that it puts to a person expires.
    pub expires_at: Option<Timestamp>,
    /// The numbers that decided.
    pub numbers: Numbers,
    /// What an earlier command turned out to have done.
    pub judged: Option<(CommandId, Effect)>,
}

impl Message for Plan {
    const NAME: &'static str = "arena.v1.Plan";

    fn encode(&self) -> Vec<u8> {
        codec::write_json(&wire::Plan {
            id: self.id.to_string(),
            incident_id: self.incident_id.to_string(),
            revision: self.revision,
            node: self.entity.node.to_string(),
            service: self
                .entity
                .service
                .as_ref()
                .map_or_else(String::new, ServiceName::to_string),
            symptom: self.symptom.clone(),
            decision: self.decision.to_wire(),
            incident_state: self.incident_state.to_wire(),
            resolution: self.resolution.map_or(0, Resolution::to_wire),
            reason: self.reason.clone(),
            playbook: self.playbook.clone(),
            rung: self.rung,
            rungs: self.rungs,
            action: self.action.map_or(0, ActionKind::to_wire),
            target: self
                .target
                .as_ref()
                .map_or_else(String::new, ToString::to_string),
            command_id: self
                .command_id
                .as_ref()
                .map_or_else(String::new, ToString::to_string),
            at: Some(self.at.to_wire()),
            rail: self.basis.rail.clone(),
            cause: self.basis.cause.clone(),
            risk: self.basis.risk.map_or(0, RiskClass::to_wire),
            step: self.basis.step.clone(),
            expires_at: self.basis.expires_at.map(Timestamp::to_wire),
            numbers: numbers_to_wire(&self.basis.numbers),
            effect: self
                .basis
                .judged
                .as_ref()
                .map_or(0, |(_, effect)| effect.to_wire()),
            judged_command_id: codec::text_of(self.basis.judged.as_ref().map(|(id, _)| id)),
        })
    }

    fn decode(body: &[u8], received: &Received) -> Result<Self, DecodeError> {
        let wire: wire::Plan = codec::read(body, Self::NAME)?;
        Ok(Self {
            id: codec::parse(&wire.id, "id")?,
            incident_id: codec::parse(&wire.incident_id, "incident_id")?,
            revision: wire.revision,
            entity: Entity {
                node: codec::same_node(&wire.node, received)?,
                service: codec::same_service(&wire.service, received)?,
            },
            symptom: wire.symptom,
            decision: Decision::from_wire(wire.decision, "decision")?,
            incident_state: IncidentState::from_wire(wire.incident_state, "incident_state")?,
            resolution: Resolution::from_wire_or_none(wire.resolution, "resolution")?,
            reason: wire.reason,
            playbook: wire.playbook,
            rung: wire.rung,
            rungs: wire.rungs,
            action: ActionKind::from_wire_or_none(wire.action, "action")?,
            target: codec::parse_or_none(&wire.target, "target")?,
            command_id: codec::parse_or_none(&wire.command_id, "command_id")?,
            at: Timestamp::from_wire(wire.at.as_ref(), "at")?,
            basis: PlanBasis {
                rail: wire.rail,
                cause: wire.cause,
                risk: RiskClass::from_wire_or_none(wire.risk, "risk")?,
                step: wire.step,
                expires_at: Timestamp::from_wire_or_none(wire.expires_at.as_ref(), "expires_at")?,
                numbers: numbers_from_wire(wire.numbers, "numbers")?,
                judged: codec::parse_or_none(&wire.judged_command_id, "judged_command_id")?
                    .zip(Effect::from_wire_or_none(wire.effect, "effect")?),
            },
        })
    }
}
