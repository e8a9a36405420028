//! What is seen of an arena during a run: messages in, facts, samples and the story's lines out. Pure; times are milliseconds since the
//! run began.

use std::collections::BTreeMap;

use crate::judge::{ActionFact, BlameFact, Facts, IncidentFact, Policy, Sample, TruthFact};
use crate::record::Line;
use crate::{Planned, Scenario};
use arena_proto::{
    CommandState, Decision, Entity, IncidentEvent, IncidentEventKind, NodeStatus, Outcome, Plan,
    ProcessState, Schema, Telemetry, Timestamp,
};

use super::services::Services;
use super::users::Users;

/// Users still come in while an arena starts: how many there are is told by the last seconds of the steady state, which is at least that long
/// in every curated scenario.
const STEADY_RATE_OVER_MS: u64 = 2000;

/// Everything that was seen.
#[derive(Debug)]
pub struct View {
    /// For the judge; in an encore those of the encore, until [`View::end`].
    pub facts: Facts,
    /// Before the encore.
    pub(super) first: Option<Facts>,
    /// The story so far.
    pub events: Vec<Line>,
    pub(super) planned: Vec<Planned>,
    /// Incidents count from here on; those before are somebody else's.
    pub(super) since: Option<Timestamp>,
    services: Services,
    users: Users,
    open: BTreeMap<String, Entity>,
}

impl View {
    /// Nothing seen yet.
    #[must_use]
    pub fn new(scenario: &Scenario, policy: Policy) -> Self {
        Self {
            facts: Facts {
                policy,
                ..Facts::default()
            },
            first: None,
            events: Vec::new(),
            planned: scenario.all_injections(),
            since: None,
            services: Services::default(),
            users: Users::default(),
            open: BTreeMap::new(),
        }
    }

    /// From now on what happens counts.
    pub fn begin(&mut self, at_ms: u64, now: Timestamp) {
        let from = at_ms.saturating_sub(STEADY_RATE_OVER_MS);
        let last = self.facts.samples.iter().filter(|one| one.at_ms >= from);
        let rates: Vec<f64> = last.filter_map(|one| one.user_request_rate_hz).collect();
        self.facts.steady_rate_hz = mean(&rates);
        self.facts.samples.clear();
        self.count_from(at_ms, now);
    }

    /// The faults are made once more: from now on another set of facts is told, of the encore alone, as if nothing had been before.
    pub fn begin_encore(&mut self, at_ms: u64, now: Timestamp) {
        let facts = Facts {
            policy: self.facts.policy,
            steady_rate_hz: self.facts.steady_rate_hz,
            truth: self.facts.truth.as_ref().map(|_| TruthFact::default()),
            ..Facts::default()
        };
        self.first = Some(std::mem::replace(&mut self.facts, facts));
        self.count_from(at_ms, now);
    }

    fn count_from(&mut self, at_ms: u64, now: Timestamp) {
        self.facts.play_ms = at_ms;
        self.facts.nodes = self.services.nodes();
        self.facts.roles = self.services.roles();
        self.facts.states = self.services.amiss(at_ms);
        self.since = Some(now);
    }

    /// The run is over: its facts, those of an encore in them.
    pub fn end(&mut self) -> Facts {
        let last = std::mem::take(&mut self.facts);
        match self.first.take() {
            Some(first) => Facts {
                encore: Some(Box::new(last)),
                ..first
            },
            None => last,
        }
    }

    /// Adds a line to the story.
    pub fn note(&mut self, at_ms: u64, kind: &'static str, entity: &str, what: impl Into<String>) {
        self.events.push(Line {
            at_ms,
            kind: kind.into(),
            entity: entity.to_owned(),
            what: what.into(),
        });
    }

    /// A node wrote its status.
    pub fn on_status(&mut self, at_ms: u64, status: NodeStatus) {
        let changes = self.services.hear(at_ms, status);
        if self.since.is_some() {
            self.facts.states.extend(changes);
        }
    }

    /// Telemetry arrived.
    pub fn on_telemetry(&mut self, at_ms: u64, telemetry: &Telemetry, schema: &Schema) {
        self.users.hear(at_ms, telemetry, schema);
    }

    /// The detector said something of an incident.
    pub fn on_incident(&mut self, at_ms: u64, event: &IncidentEvent) {
        let id = event.id.to_string();
        if event.kind == IncidentEventKind::Cleared {
            self.open.remove(&id);
        } else {
            self.open.insert(id.clone(), event.entity.clone());
        }
        if self.since.is_none_or(|since| event.opened_at < since) {
            return;
        }
        let entity = event.entity.to_string();
        let known = self.facts.incidents.iter().position(|one| one.id == id);
        let index = known.unwrap_or(self.facts.incidents.len());
        if known.is_none() {
            self.facts.incidents.push(IncidentFact {
                id: id.clone(),
                entity: event.entity.clone(),
                symptom: event.symptom.clone(),
                root_cause: event.root_cause.clone(),
                opened_ms: at_ms,
                cleared_ms: None,
                planned_ms: None,
                escalated_ms: None,
                resolution: None,
                resolved_ms: None,
                blames: Vec::new(),
            });
            let what = format!(
                "{} (cause: {}): {} ({id})",
                event.symptom, event.root_cause, event.reason
            );
            self.note(at_ms, "detect", &entity, what);
        }
        let incident = &mut self.facts.incidents[index];
        incident.root_cause = event.root_cause.clone();
        // One that clears blames nobody any more.
        if event.kind != IncidentEventKind::Cleared {
            blame(incident, at_ms, event);
        }
        match event.kind {
            IncidentEventKind::Cleared => {
                incident.cleared_ms = Some(at_ms);
                self.note(at_ms, "clear", &entity, event.symptom.clone());
            }
            _ => incident.cleared_ms = None,
        }
    }

    /// The remediator decided.
    pub fn on_plan(&mut self, at_ms: u64, plan: &Plan) {
        let entity = plan.entity.to_string();
        let id = plan.incident_id.as_str();
        let Some(incident) = self.facts.incidents.iter_mut().find(|one| one.id == id) else {
            return;
        };
        incident.planned_ms.get_or_insert(at_ms);
        match plan.decision {
            Decision::Escalate => {
                incident.escalated_ms.get_or_insert(at_ms);
                self.note(at_ms, "escalate", &entity, plan.reason.clone());
            }
            Decision::Resolve => {
                let how = plan.resolution.map(|how| how.to_string());
                incident.resolution.clone_from(&how);
                incident.resolved_ms = Some(at_ms);
                self.note(at_ms, "resolve", &entity, how.unwrap_or_default());
            }
            Decision::Act => {
                if let (Some(action), Some(target), Some(command)) =
                    (plan.action, &plan.target, &plan.command_id)
                {
                    let fact = self.action(at_ms, command.as_str(), action, target);
                    fact.incident = Some(id.to_owned());
                    fact.risk = plan.basis.risk;
                    let what = format!("{} {target}, because {}", action.verb(), plan.basis.cause);
                    self.note(at_ms, "act", &entity, what);
                }
            }
            Decision::Refuse | Decision::Wait | Decision::Verify => {
                let word = plan.decision.as_str();
                self.note(
                    at_ms,
                    "plan",
                    &entity,
                    join(&[word, &plan.basis.rail, &plan.reason]),
                );
            }
        }
    }

    /// A node said what became of a command.
    pub fn on_outcome(&mut self, at_ms: u64, outcome: &Outcome) {
        let command = outcome.command_id.as_str();
        let first = self.first.iter().flat_map(|first| &first.actions);
        if self.since.is_none() || first.into_iter().any(|action| action.command == command) {
            return;
        }
        let target = Entity {
            node: outcome.node.clone(),
            service: outcome.service.clone(),
        };
        let fact = self.action(at_ms, command, outcome.action, &target);
        fact.outcome = outcome.state;
        fact.message.clone_from(&outcome.message);
        if outcome.state != CommandState::Rejected {
            fact.began_ms.get_or_insert(at_ms);
        }
        if outcome.state.is_final() {
            fact.end_ms = Some(at_ms);
            let verb = outcome.action.verb();
            let what = join(&[&verb, outcome.state.as_str(), &outcome.message]);
            self.note(at_ms, "outcome", &target.to_string(), what);
        }
    }

    fn action(
        &mut self,
        at_ms: u64,
        command: &str,
        action: arena_proto::ActionKind,
        target: &Entity,
    ) -> &mut ActionFact {
        let known = self
            .facts
            .actions
            .iter()
            .position(|one| one.command == command);
        let index = known.unwrap_or(self.facts.actions.len());
        if known.is_none() {
            self.facts.actions.push(ActionFact {
                command: command.to_owned(),
                action,
                target: target.clone(),
                incident: None,
                risk: None,
                issued_ms: at_ms,
                began_ms: None,
                end_ms: None,
                outcome: CommandState::Requested,
                message: String::new(),
            });
        }
        &mut self.facts.actions[index]
    }

    /// What is known at this moment.
    #[must_use]
    pub fn sample(&self, at_ms: u64) -> Sample {
        let unhealthy = self.services.unhealthy_count();
        Sample {
            services_unhealthy: unhealthy.map(count),
            incidents_open: Some(count(self.open.len())),
            ..self.users.feel(at_ms)
        }
    }

    /// The services that are not as they should be. A standby that nobody asked to start is as it should be.
    #[must_use]
    pub fn unhealthy(&self) -> Vec<Entity> {
        self.services.unhealthy()
    }

    /// The state of a service's process.
    #[must_use]
    pub fn process(&self, entity: &Entity) -> Option<ProcessState> {
        self.services.process(entity)
    }
}

/// Who is held for the cause, where that is news.
fn blame(incident: &mut IncidentFact, at_ms: u64, event: &IncidentEvent) {
    let mut candidates = vec![event.root_cause.clone()];
    let others = event.context.candidates.iter();
    candidates.extend(others.filter(|one| **one != event.root_cause).cloned());
    let last = incident.blames.last();
    if last.is_none_or(|last| last.candidates != candidates) {
        incident.blames.push(BlameFact { at_ms, candidates });
    }
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / count(values.len()))
}

fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

/// What there is of words, with colons between.
pub(super) fn join(words: &[&str]) -> String {
    let words: Vec<&str> = words
        .iter()
        .copied()
        .filter(|word| !word.is_empty())
        .collect();
    words.join(": ")
}
