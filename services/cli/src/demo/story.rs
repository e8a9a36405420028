//! The story of one incident, a line each, with the milliseconds since the fault took effect.

use arena_bus::{Bus, Consume, Deliveries, From};
use arena_proto::{
    Decision, Entity, FaultState, FaultStatus, IncidentEvent, IncidentEventKind, IncidentId,
    Outcome, Plan, Timestamp,
};

use crate::exit::{Exit, Failure};
use crate::screen::{self, Tone};

/// Listens to what concerns one entity.
pub(crate) struct Story {
    faults: Deliveries<FaultStatus>,
    incidents: Deliveries<IncidentEvent>,
    plans: Deliveries<Plan>,
    outcomes: Deliveries<Outcome>,
    active_at: Option<Timestamp>,
    incident: Option<IncidentId>,
}

enum Heard {
    Fault(FaultStatus),
    Incident(IncidentEvent),
    Plan(Plan),
    Outcome(Outcome),
}

impl Story {
    /// Begins to listen; nothing that happens from now on is missed.
    pub(crate) async fn listen(bus: &Bus, target: &Entity) -> Result<Self, Failure> {
        let of_node = || {
            Consume::ephemeral()
                .from(From::New)
                .node(target.node.clone())
        };
        let of_entity = || Consume::ephemeral().from(From::New).entity(target.clone());
        Ok(Self {
            faults: bus.consume(of_node()).await?,
            incidents: bus.consume(of_entity()).await?,
            plans: bus.consume(of_entity()).await?,
            outcomes: bus.consume(of_node()).await?,
            active_at: None,
            incident: None,
        })
    }

    /// Tells what happens until the incident's end.
    pub(crate) async fn tell(&mut self, fault: &str) -> Result<IncidentId, Failure> {
        loop {
            match Box::pin(self.hear()).await? {
                Heard::Fault(status) if status.id.as_str() == fault => self.tell_fault(&status)?,
                Heard::Incident(event) => self.tell_incident(&event),
                Heard::Plan(plan) if self.incident.as_ref() == Some(&plan.incident_id) => {
                    self.tell_plan(&plan);
                    if matches!(plan.decision, Decision::Resolve | Decision::Escalate) {
                        return Ok(plan.incident_id);
                    }
                }
                Heard::Outcome(outcome) if self.incident == outcome.incident_id => {
                    let what = told(
                        &[outcome.action.as_str(), outcome.state.as_str()],
                        &outcome.message,
                    );
                    self.line_at(outcome.at, "outcome", &what, Tone::Plain);
                }
                _ => {}
            }
        }
    }

    async fn hear(&mut self) -> Result<Heard, Failure> {
        let heard = tokio::select! {
            // Cause before effect where both are there.
            biased;
            fault = self.faults.next() => fault.map(|delivery| Heard::Fault(delivery.message)),
            event = self.incidents.next() => event.map(|delivery| Heard::Incident(delivery.message)),
            plan = self.plans.next() => plan.map(|delivery| Heard::Plan(delivery.message)),
            outcome = self.outcomes.next() => outcome.map(|delivery| Heard::Outcome(delivery.message)),
        };
        heard.ok_or_else(|| Exit::NotRunning.because("the bus went away"))
    }

    fn tell_fault(&mut self, status: &FaultStatus) -> Result<(), Failure> {
        match status.state {
            FaultState::Rejected => {
                return Err(
                    Exit::Failed.because(format!("the fault was refused: {}", status.message))
                );
            }
            FaultState::Active => {
                self.active_at = status.active_at.or(Some(status.at));
                let service = status
                    .service
                    .as_ref()
                    .map_or("", arena_proto::ServiceName::as_str);
                let what = format!(
                    "{} on {}/{service} ({})",
                    status.fault, status.node, status.id
                );
                self.line_at(status.at, "fault", &what, Tone::Bad);
            }
            FaultState::Reverted => {
                let reason = status.reason.map_or("", arena_proto::FaultReason::as_str);
                self.line_at(
                    status.at,
                    "fault gone",
                    &format!("{} ({reason})", status.fault),
                    Tone::Plain,
                );
            }
            _ => {}
        }
        Ok(())
    }

    fn tell_incident(&mut self, event: &IncidentEvent) {
        let what = format!("{} on {}: {}", event.symptom, event.entity, event.reason);
        match event.kind {
            IncidentEventKind::Opened => {
                self.incident = Some(event.id.clone());
                self.line_at(
                    event.at,
                    "detected",
                    &format!("{what} ({})", event.id),
                    Tone::Warn,
                );
            }
            IncidentEventKind::Updated => {}
            IncidentEventKind::Cleared => {
                self.line_at(
                    event.at,
                    "cleared",
                    &format!("{} on {}", event.symptom, event.entity),
                    Tone::Good,
                );
            }
        }
    }

    fn tell_plan(&self, plan: &Plan) {
        let step = match plan.decision {
            Decision::Act => "command",
            Decision::Refuse | Decision::Wait => "plan",
            Decision::Verify => "verify",
            Decision::Resolve => "verified",
            Decision::Escalate => "escalated",
        };
        let tone = match plan.decision {
            Decision::Resolve => Tone::Good,
            Decision::Escalate => Tone::Bad,
            _ => Tone::Plain,
        };
        let action = match (&plan.action, &plan.target) {
            (Some(action), Some(target)) if plan.decision == Decision::Act => {
                format!("{action} {target} (rung {} of {})", plan.rung, plan.rungs)
            }
            _ => String::new(),
        };
        let result = plan.resolution.map_or("", arena_proto::Resolution::as_str);
        // The reason to act repeats what was detected and which step it is; what it is taken for is new.
        let why = match plan.decision {
            Decision::Act => &plan.basis.cause,
            _ => &plan.reason,
        };
        self.line_at(plan.at, step, &told(&[result, &action], why), tone);
    }

    fn line_at(&self, at: Timestamp, step: &str, what: &str, tone: Tone) {
        let since = self
            .active_at
            .map_or(0, |start| at.saturating_since(start).as_millis());
        let step = screen::paint(&format!("{step:<11}"), tone);
        println!("{since:>7} ms  {step} {what}");
    }
}

/// A line without a time of its own.
pub(crate) fn line(step: &str, what: &str) {
    println!("            {step:<11} {what}");
}

/// What there is of words, and why: nothing is left hanging at a colon.
fn told(words: &[&str], why: &str) -> String {
    let words: Vec<&str> = words
        .iter()
        .copied()
        .filter(|word| !word.is_empty())
        .collect();
    let parts = [words.join(" "), why.to_owned()];
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_colon_stands_before_nothing() {
        assert_eq!(told(&["RESTART", "ACCEPTED"], ""), "RESTART ACCEPTED");
        assert_eq!(told(&["", ""], "it is busy"), "it is busy");
        assert_eq!(told(&["REMEDIATED", ""], "cleared"), "REMEDIATED: cleared");
    }
}
