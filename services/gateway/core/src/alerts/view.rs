//! Alerts as they are listed.

use std::collections::BTreeMap;

use arena_proto::{
    Alert, AlertState, Entity, IncidentEvent, IncidentEventKind, SignalReport, Timestamp,
};
use serde::Serialize;
use utoipa::ToSchema;

/// The symptom of an alert that names no other, as the detector calls it.
const ALERT_FIRING: &str = "alert_firing";

/// An alert as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct AlertView {
    /// Alertmanager's.
    pub fingerprint: String,
    /// The label `alertname`.
    pub name: String,
    /// Whether it fires.
    pub state: AlertState,
    /// It fires, and was not repeated in time: nobody knows whether it still does.
    pub stale: bool,
    /// When it began.
    pub starts_at: Timestamp,
    /// When it ended, or until when it holds; null where the sender does not say.
    pub ends_at: Option<Timestamp>,
    /// When it was last told.
    pub received_at: Timestamp,
    /// It is about a known node or service.
    pub matched: bool,
    /// Which; null when it is unmatched.
    pub entity: Option<Entity>,
    /// By which labels it was matched, or why by none.
    pub message: String,
    /// The incident that it is part of, where that is known.
    pub incident: Option<String>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
    /// Where the rule can be looked at; may be empty.
    pub generator_url: String,
}

/// Shows an alert. `incidents`: the last event of each entity.
#[must_use]
pub fn view(now: Timestamp, alert: &Alert, incidents: &[IncidentEvent]) -> AlertView {
    AlertView {
        fingerprint: alert.fingerprint.clone(),
        name: alert.name.clone(),
        state: alert.state,
        stale: alert.state == AlertState::Firing && alert.stale_at() <= now,
        starts_at: alert.starts_at,
        ends_at: alert.ends_at,
        received_at: alert.received_at,
        matched: alert.entity.is_some(),
        entity: alert.entity.clone(),
        message: alert.message.clone(),
        incident: incident(alert, incidents),
        labels: alert.labels.clone(),
        annotations: alert.annotations.clone(),
        generator_url: alert.generator_url.clone(),
    }
}

/// The youngest incident that has a signal of this alert's kind, and was there while it fired.
fn incident(alert: &Alert, incidents: &[IncidentEvent]) -> Option<String> {
    let entity = alert.entity.as_ref()?;
    let named = alert.labels.get("arena_symptom").map(String::as_str);
    let is_its = |signal: &SignalReport| {
        signal.entity == *entity
            && (signal.symptom == ALERT_FIRING || Some(&*signal.symptom) == named)
    };
    let was_there = |event: &&IncidentEvent| {
        let over = event.kind == IncidentEventKind::Cleared;
        let ended_before =
            over && (alert.state == AlertState::Firing || event.at < alert.starts_at);
        let ends_at = alert
            .ends_at
            .filter(|_| alert.state == AlertState::Resolved);
        let began_after = ends_at.is_some_and(|end| event.opened_at > end);
        !ended_before && !began_after
    };
    incidents
        .iter()
        .filter(|event| event.signals.iter().any(is_its))
        .filter(was_there)
        .max_by_key(|event| event.opened_at)
        .map(|event| event.id.to_string())
}
