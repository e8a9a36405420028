//! What is told: one thing that happened to an incident.

use arena_proto::{
    Decision, Entity, IncidentEvent, IncidentEventKind, IncidentId, IncidentState, Plan,
    Resolution, Severity, Timestamp, TraceContext, TraceId,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Happened {
    /// The detector opened it.
    Opened,
    /// A person is needed.
    Escalated,
    /// It is over.
    Resolved,
    /// It was closed without having been resolved.
    Closed,
}

impl Happened {
    /// Everything that can happen.
    pub const ALL: [Self; 4] = [Self::Opened, Self::Escalated, Self::Resolved, Self::Closed];

    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Escalated => "escalated",
            Self::Resolved => "resolved",
            Self::Closed => "closed",
        }
    }

    /// What the detector's event means for a receiver; `None`: nothing that it is told.
    #[must_use]
    pub fn of_incident(event: &IncidentEvent) -> Option<Self> {
        (event.kind == IncidentEventKind::Opened).then_some(Self::Opened)
    }

    /// What a decision means for a receiver; `None`: nothing that it is told.
    #[must_use]
    pub fn of_plan(plan: &Plan) -> Option<Self> {
        match (plan.decision, plan.incident_state) {
            (_, IncidentState::Closed) => Some(Self::Closed),
            (Decision::Resolve, _) => Some(Self::Resolved),
            (Decision::Escalate, _) => Some(Self::Escalated),
            _ => None,
        }
    }
}

/// An incident as a receiver sees it: the line of `/api/v1/incidents`. What only its opening tells is null when the stream does not
/// hold that any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// Its id.
    pub id: IncidentId,
    /// Whom it is about.
    pub entity: Entity,
    /// The symptom that opened it.
    pub symptom: String,
    /// How bad it is.
    pub severity: Option<Severity>,
    /// Where it stands after this event.
    pub state: IncidentState,
    /// How it ended.
    pub resolution: Option<Resolution>,
    /// Who is believed to be the cause.
    pub root_cause: Option<Entity>,
    /// Why it was opened, or what was decided, in plain words.
    pub reason: String,
    /// The first abnormal sample.
    pub first_abnormal_at: Option<Timestamp>,
    /// When it was opened.
    pub opened_at: Option<Timestamp>,
    /// When it was resolved, escalated or closed.
    pub ended_at: Option<Timestamp>,
    /// The decision that this event is.
    pub decision: Option<Decision>,
    /// The trace that tells its story.
    pub trace_id: TraceId,
}

/// Where people look at an incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Windows {
    /// The dashboard, without a slash at its end.
    pub dashboard: String,
    /// The trace viewer, likewise; `None` when there is none.
    pub traces: Option<String>,
}

/// One event, ready to be written in any form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The same each time it is told.
    pub id: String,
    /// What happened.
    pub happened: Happened,
    /// When.
    pub at: Timestamp,
    /// To which incident.
    pub incident: Line,
    /// The arena that it is about: the dashboard's address.
    pub source: String,
    /// The incident's page.
    pub dashboard: String,
    /// Its trace; `None` when there is no viewer.
    pub trace: Option<String>,
}

impl Event {
    /// An incident was opened.
    #[must_use]
    pub fn opened(id: String, event: &IncidentEvent, windows: &Windows) -> Self {
        let line = Line {
            state: IncidentState::Open,
            resolution: None,
            reason: event.reason.clone(),
            ended_at: None,
            decision: None,
            ..Line::begun(&event.id, &event.entity, &event.symptom, Some(event))
        };
        Self::of(id, Happened::Opened, event.at, line, windows)
    }

    /// Something was decided about an incident. `known` is the last that the detector said about it.
    #[must_use]
    pub fn decided(
        id: String,
        happened: Happened,
        plan: &Plan,
        known: Option<&IncidentEvent>,
        windows: &Windows,
    ) -> Self {
        let line = Line {
            state: plan.incident_state,
            resolution: plan.resolution,
            reason: plan.reason.clone(),
            ended_at: Some(plan.at),
            decision: Some(plan.decision),
            ..Line::begun(&plan.incident_id, &plan.entity, &plan.symptom, known)
        };
        Self::of(id, happened, plan.at, line, windows)
    }

    fn of(id: String, happened: Happened, at: Timestamp, line: Line, windows: &Windows) -> Self {
        let Windows { dashboard, traces } = windows;
        Self {
            id,
            happened,
            at,
            source: dashboard.clone(),
            dashboard: format!("{dashboard}/incidents/{}", line.id),
            trace: traces
                .as_ref()
                .map(|viewer| format!("{viewer}/trace/{}", line.trace_id)),
            incident: line,
        }
    }

    /// The incident's trace as a W3C `traceparent`.
    #[must_use]
    pub fn traceparent(&self) -> String {
        TraceContext::root(&self.incident.id).traceparent()
    }

    /// One line for people, without a full stop.
    #[must_use]
    pub fn headline(&self) -> String {
        let Line {
            entity, symptom, ..
        } = &self.incident;
        match self.happened {
            Happened::Opened => format!("{entity}: {symptom}"),
            Happened::Escalated => format!("{entity}: {symptom} needs a person"),
            Happened::Closed => format!("{entity}: {symptom} was closed"),
            Happened::Resolved => {
                let how = self
                    .incident
                    .resolution
                    .map_or("over", |resolution| match resolution {
                        Resolution::Remediated => "healed",
                        Resolution::SelfRecovered => "over by itself",
                        Resolution::Manual => "healed by a person",
                        Resolution::FalseAlarm => "a false alarm",
                        Resolution::Merged => "part of another incident",
                        Resolution::Expired => "expired",
                    });
                let lasted = self.incident.opened_at.map_or_else(String::new, |opened| {
                    format!(", after {}", lasted(self.at.saturating_since(opened)))
                });
                format!("{entity}: {symptom} is {how}{lasted}")
            }
        }
    }
}

impl Line {
    /// What is fixed about an incident, with the rest as it is when it begins.
    fn begun(
        id: &IncidentId,
        entity: &Entity,
        symptom: &str,
        known: Option<&IncidentEvent>,
    ) -> Self {
        Self {
            id: id.clone(),
            entity: entity.clone(),
            symptom: symptom.to_owned(),
            severity: known.map(|known| known.severity),
            state: IncidentState::Open,
            resolution: None,
            root_cause: known.map(|known| known.root_cause.clone()),
            reason: String::new(),
            first_abnormal_at: known.map(|known| known.first_abnormal_at),
            opened_at: known.map(|known| known.opened_at),
            ended_at: None,
            decision: None,
            trace_id: TraceId::of(id),
        }
    }
}

/// A duration as people say it: tenths of a second in the first minute, whole seconds later.
fn lasted(duration: std::time::Duration) -> String {
    if duration.as_secs() < 60 {
        return format!("{:.1} s", duration.as_secs_f64());
    }
    humantime::format_duration(std::time::Duration::from_secs(duration.as_secs())).to_string()
}

/// At most so many characters, for receivers that refuse longer ones.
pub(super) fn cut(text: &str, chars_max: usize) -> String {
    if text.char_indices().nth(chars_max).is_none() {
        return text.to_owned();
    }
    let kept: String = text.chars().take(chars_max.saturating_sub(1)).collect();
    format!("{kept}…")
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::Duration;

    use arena_proto::{IncidentContext, NodeName, PlanBasis, PlanId, ServiceName};

    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_unix_millis(1_700_000_000_000 + millis)
    }

    fn entity() -> Entity {
        Entity::service(
            NodeName::new("node-1").unwrap(),
            ServiceName::new("orders").unwrap(),
        )
    }

    fn windows() -> Windows {
        Windows {
            dashboard: "http://127.0.0.1:4280".to_owned(),
            traces: Some("http://127.0.0.1:4290".to_owned()),
        }
    }

    fn incident() -> IncidentEvent {
        IncidentEvent {
            kind: IncidentEventKind::Opened,
            id: IncidentId::new("inc-1").unwrap(),
            revision: 1,
            entity: entity(),
            symptom: "cpu_high".to_owned(),
            severity: Severity::Error,
            signals: Vec::new(),
            root_cause: entity(),
            reason: "cpu_percent 97 > 80 for 2 s & <rising>".to_owned(),
            first_abnormal_at: at(0),
            opened_at: at(2_000),
            at: at(2_000),
            pid: Some(42),
            generation: 1,
            context: IncidentContext::default(),
        }
    }

    fn plan(decision: Decision, state: IncidentState) -> Plan {
        Plan {
            id: PlanId::new("inc-1.3").unwrap(),
            incident_id: IncidentId::new("inc-1").unwrap(),
            revision: 3,
            entity: entity(),
            symptom: "cpu_high".to_owned(),
            decision,
            incident_state: state,
            resolution: (decision == Decision::Resolve).then_some(Resolution::Remediated),
            reason: "stayed clear for 5 s".to_owned(),
            playbook: "cpu".to_owned(),
            rung: 1,
            rungs: 2,
            action: None,
            target: None,
            command_id: None,
            at: at(9_400),
            basis: PlanBasis::default(),
        }
    }

    /// An event of each kind.
    pub(in crate::webhook) fn events() -> Vec<Event> {
        let decided = |plan: &Plan| {
            let happened = Happened::of_plan(plan).unwrap();
            let id = plan.id.to_string();
            Event::decided(id, happened, plan, Some(&incident()), &windows())
        };
        vec![
            Event::opened("inc-1.e1".to_owned(), &incident(), &windows()),
            decided(&plan(Decision::Escalate, IncidentState::Escalated)),
            decided(&plan(Decision::Resolve, IncidentState::Resolved)),
            decided(&plan(Decision::Refuse, IncidentState::Closed)),
        ]
    }

    #[test]
    fn only_what_matters_to_somebody_outside_is_told() {
        assert_eq!(
            Happened::of_plan(&plan(Decision::Act, IncidentState::Acting)),
            None
        );
        let updated = IncidentEvent {
            kind: IncidentEventKind::Updated,
            ..incident()
        };
        assert_eq!(Happened::of_incident(&updated), None);
        let kinds: Vec<Happened> = events().iter().map(|event| event.happened).collect();
        assert_eq!(kinds, Happened::ALL);
    }

    #[test]
    fn an_incident_whose_beginning_is_forgotten_is_told_all_the_same() {
        let plan = plan(Decision::Resolve, IncidentState::Resolved);
        let event = Event::decided("x".to_owned(), Happened::Resolved, &plan, None, &windows());
        assert_eq!(event.headline(), "node-1/orders: cpu_high is healed");
        assert_eq!(event.incident.severity, None);
    }

    #[test]
    fn durations_are_said_as_people_do() {
        assert_eq!(lasted(Duration::from_millis(7_440)), "7.4 s");
        assert_eq!(lasted(Duration::from_millis(200_900)), "3m 20s");
    }

    #[test]
    fn a_long_text_is_cut() {
        assert_eq!(cut("äöü", 3), "äöü");
        assert_eq!(cut("äöüß", 3), "äö…");
    }
}
