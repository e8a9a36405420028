//! Who heals instead of Felix, on the bus: what a policy wants becomes commands, plans and forgeries.
//!
//! An order is made as a person's `arena do` makes it (`services/lib/operator/src/act.rs`): with what the status showed as its
//! preconditions, and for as long. Absent on purpose: any check but the guard's, and any help.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arena_proto::{
    Column, Command, CommandId, IncidentEvent, IncidentEventKind, IncidentId, IncidentState,
    NodeName, NodeStatus, Plan, PlanBasis, PlanId, Preconditions, Resolution, Schema, Telemetry,
    check_action,
};

use super::seen::Seen;
use crate::ground::Ground;
use crate::observe::Observation;
use crate::policy::{Claim, Deed, Forgery, Order, Policy};
use crate::wire::{Delivery, Message, Party};

/// As a person's command (`services/lib/operator/src/act.rs`).
const EXPIRY: Duration = Duration::from_secs(5);
/// Of a healer that stands in a remediator's place. Its commands carry none, as a person's do.
const FENCE: u64 = 1;

/// See the module.
#[derive(Debug)]
pub(crate) struct HealerHost {
    /// `None`: somebody outside steps the run.
    policy: Option<Box<dyn Policy>>,
    seen: Seen,
    /// Counts orders, for their ids.
    ordered: u64,
    /// Counts claims, for the revisions of their plans.
    claimed: BTreeMap<IncidentId, u32>,
}

impl HealerHost {
    pub(crate) fn new(policy: Option<Box<dyn Policy>>) -> Self {
        Self {
            policy,
            seen: Seen::default(),
            ordered: 0,
            claimed: BTreeMap::new(),
        }
    }

    /// Where no remediator is (`alone`) it holds the lease in its place: nodes leave restarts to it.
    pub(crate) fn start(ground: &mut Ground, alone: bool) {
        ground.bus.connect(ground.now, Party::Healer);
        if alone {
            ground.have_lease(FENCE);
        }
    }

    pub(crate) fn deliver(&mut self, ground: &mut Ground, delivery: &Delivery) {
        self.seen.hear(ground.now, &delivery.message);
        if let Some(token) = delivery.token {
            ground.bus.ack(ground.now, token);
        }
    }

    /// What the nodes last said of themselves.
    pub(crate) fn statuses(&self) -> impl Iterator<Item = &NodeStatus> {
        self.seen.statuses()
    }

    /// What is seen now; outcomes are told once.
    pub(crate) fn observe(&mut self, ground: &Ground) -> Observation {
        self.seen.observe(ground.now, ground.now_ms())
    }

    /// A second has passed: the policy is asked.
    pub(crate) fn ask(&mut self, ground: &mut Ground) {
        let Some(mut policy) = self.policy.take() else {
            return;
        };
        let seen = self.observe(ground);
        for deed in policy.step(ground.now, &seen) {
            // What is refused here, a person would be told at the terminal; the policy sees that nothing came of it.
            let _ = self.act(ground, deed);
        }
        self.policy = Some(policy);
    }

    /// Does it, or says why not.
    pub(crate) fn act(&mut self, ground: &mut Ground, deed: Deed) -> Result<(), String> {
        match deed {
            Deed::Order(order) => self.order(ground, order),
            Deed::Claim { incident, claim } => self.claim(ground, &incident, claim),
            Deed::Forge(forgery) => self.forge(ground, forgery),
        }
    }

    /// An order of the reference, which knows only what it wants.
    pub(crate) fn order(&mut self, ground: &mut Ground, order: Order) -> Result<(), String> {
        let status = self.seen.status(&order.target.node);
        let status = status.ok_or_else(|| format!("there is no node {}", order.target.node))?;
        let preconditions = match &order.target.service {
            None => Preconditions::default(),
            Some(name) => {
                let mut services = status.services.iter();
                let service = services.find(|service| service.name == *name);
                let service = service.ok_or_else(|| format!("there is no {}", order.target))?;
                check_action(order.action, name.as_str(), service.state, &service.detail)
                    .map_err(|refusal| refusal.sentence)?;
                Preconditions {
                    pid: service.pid,
                    generation: Some(service.generation),
                    start_time: service.detail.start_time.filter(|_| service.pid.is_some()),
                }
            }
        };
        self.ordered += 1;
        let id = format!("cmd-policy-{}-{}", ground.now.unix_nanos(), self.ordered);
        let command = Command {
            id: CommandId::new(id).map_err(|error| error.to_string())?,
            action: order.action,
            node: order.target.node,
            service: order.target.service,
            expires_at: ground.now + EXPIRY,
            deadline: Command::DEADLINE_DEFAULT,
            preconditions,
            incident_id: order.incident,
            issuer: "policy".to_owned(),
            reason: String::new(),
            at: ground.now,
            fence: None,
            params: order.params,
        };
        ground.publish(Party::Healer, Message::Command(Arc::new(command)));
        Ok(())
    }

    fn claim(&mut self, ground: &mut Ground, id: &IncidentId, claim: Claim) -> Result<(), String> {
        let incident = self.seen.incident(id);
        let incident = incident.ok_or_else(|| format!("there is no open incident {id}"))?;
        let revision = self.claimed.entry(id.clone()).or_default();
        *revision += 1;
        let (incident_state, resolution): (_, Option<Resolution>) = match claim {
            Claim::Resolve(how) => (IncidentState::Resolved, Some(how)),
            Claim::Escalate => (IncidentState::Escalated, None),
        };
        let plan = Plan {
            id: PlanId::derive(id, *revision),
            incident_id: id.clone(),
            revision: *revision,
            entity: incident.entity.clone(),
            symptom: incident.symptom.clone(),
            decision: claim.decision(),
            incident_state,
            resolution,
            reason: "the policy says so".to_owned(),
            playbook: String::new(),
            rung: 0,
            rungs: 0,
            action: None,
            target: None,
            command_id: None,
            at: ground.now,
            basis: PlanBasis::default(),
        };
        ground.publish(Party::Healer, Message::Plan(Arc::new(plan)));
        Ok(())
    }

    fn forge(&self, ground: &mut Ground, forgery: Forgery) -> Result<(), String> {
        match forgery {
            Forgery::Mute(node) => ground.tampered.push(Tampering::Mute(node)),
            Forgery::Telemetry {
                entity,
                metric,
                value,
            } => ground.tampered.push(Tampering::Tell(entity, metric, value)),
            Forgery::Clear(id) => {
                let incident = self.seen.incident(&id);
                let incident = incident.ok_or_else(|| format!("there is no open incident {id}"))?;
                let cleared = IncidentEvent {
                    kind: IncidentEventKind::Cleared,
                    revision: incident.revision + 1,
                    at: ground.now,
                    ..incident.clone()
                };
                ground.publish(Party::Healer, Message::Incident(Arc::new(cleared)));
            }
        }
        Ok(())
    }
}

/// Telemetry that is not as it was measured: who may do that is no healer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Tampering {
    /// Of this node nothing is told.
    Mute(NodeName),
    /// This metric is told as this value.
    Tell(arena_proto::Entity, String, f32),
}

impl Tampering {
    /// What becomes of a message; `None`: nothing is told.
    pub(crate) fn of(
        &self,
        mut telemetry: Arc<Telemetry>,
        schema: &Schema,
    ) -> Option<Arc<Telemetry>> {
        match self {
            Self::Mute(node) => (*node != telemetry.node).then_some(telemetry),
            Self::Tell(entity, metric, value) => {
                let wanted =
                    |column: &Column| column.metric == *metric && column.service == entity.service;
                if entity.node == telemetry.node
                    && let Some(index) = schema.columns.iter().position(wanted)
                    && index < telemetry.values.len()
                {
                    Arc::make_mut(&mut telemetry).values[index] = *value;
                }
                Some(telemetry)
            }
        }
    }
}
