//! What nodes say of faults, and which of the scenario's each of them is. Pure.

use arena_faults::Fault;
use arena_proto::{Entity, FaultState, FaultStatus};

use super::view::{View, join};
use crate::judge::{FaultFact, Part};
use crate::{Injection, Origin, Planned, Selector};

impl View {
    /// A node said something of a fault.
    pub fn on_fault(&mut self, at_ms: u64, status: &FaultStatus) {
        let target = Entity {
            node: status.node.clone(),
            service: status.service.clone(),
        };
        let known = self
            .facts
            .faults
            .iter()
            .position(|one| one.id == status.id.as_str());
        let Some(index) = known.or_else(|| self.new_fault(status, &target)) else {
            return;
        };
        let fault = &mut self.facts.faults[index];
        let over = status.state.is_final();
        let news = fault.state != status.state;
        fault.state = status.state;
        fault.reason = status.reason.or(fault.reason);
        fault.message.clone_from(&status.message);
        if status.state != FaultState::Rejected {
            fault.armed_ms.get_or_insert(at_ms);
        }
        // What is spent at once may skip ACTIVE.
        if status.state == FaultState::Active || (over && status.state != FaultState::Rejected) {
            fault.active_ms.get_or_insert(at_ms);
        }
        if over {
            fault.end_ms.get_or_insert(at_ms);
        }
        let kind = match status.state {
            FaultState::Active => "inject",
            FaultState::Rejected => "refused",
            FaultState::Reverted | FaultState::RevertFailed => "over",
            _ => return,
        };
        if news {
            let reason = status.reason.map_or("", arena_proto::FaultReason::as_str);
            let what = join(&[&status.fault, reason, &status.message]);
            self.note(at_ms, kind, &target.to_string(), what);
        }
    }

    fn new_fault(&mut self, status: &FaultStatus, target: &Entity) -> Option<usize> {
        self.since?;
        let id = status.id.as_str();
        let first = self.first.iter().flat_map(|first| &first.faults);
        if first.into_iter().any(|fault| fault.id == id) {
            return None;
        }
        let fault = Fault::named(&status.fault).ok()?;
        let life = status.expires_at.zip(status.active_at.or(Some(status.at)));
        let ttl = life
            .map(|(end, start)| end.saturating_since(start))
            .unwrap_or_default();
        let fits = |one: &&Planned| one.injection.fault == fault && takes(&one.injection, target);
        let exact = |one: &&Planned| one.injection.params.to_text() == status.params;
        let planned = self.planned.iter().filter(fits);
        let planned = planned
            .clone()
            .find(exact)
            .or_else(|| planned.clone().next());
        let injection = planned.filter(|one| one.origin == Origin::File);
        let index = injection.map(|one| one.index);
        self.facts.faults.push(FaultFact {
            id: status.id.to_string(),
            fault,
            target: target.clone(),
            index,
            part: if index.is_some() {
                Part::Injection
            } else {
                Part::Background
            },
            ttl_ms: u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX),
            state: FaultState::Requested,
            armed_ms: None,
            active_ms: None,
            end_ms: None,
            reason: None,
            message: String::new(),
        });
        Some(self.facts.faults.len() - 1)
    }
}

/// A fault of this target can be of that injection. The load's shape and the telemetry's quality are made of the same faults as
/// injections are: by their parameters they are told apart.
fn takes(injection: &Injection, target: &Entity) -> bool {
    match &injection.target {
        Selector::Entity(entity) => entity == target,
        Selector::Role { service, .. } | Selector::Percent { service, .. } => {
            target.service.as_ref() == Some(service)
        }
        Selector::AnyService(_) => target.service.is_some(),
        Selector::Nodes(_) => target.service.is_none(),
    }
}
