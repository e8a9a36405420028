//! Alertmanager's webhook, version 4: what a payload tells, whom each alert is about, and what is to be kept of it.
//!
//! Absent on purpose: incidents, which only the detector opens. Invariants: an alert is about one known entity, or about nobody and
//! says why; what was told before changes nothing but when it was last heard of; at most [`Alert::COUNT_MAX`] are kept.

mod find;
mod payload;
mod view;

use std::collections::BTreeMap;
use std::time::Duration;

use arena_proto::{Alert, AlertState, NodeStatus, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

pub use find::{Found, find};
pub use payload::{AlertPayload, Payload, Told, parse};
pub use view::{AlertView, view};

/// An alert that was told again is written again only after this long: a write is synced, and how long it is believed is counted in
/// hours.
const WRITTEN_EVERY: Duration = Duration::from_mins(1);
/// What fires so soon after its end, with the same start, is a repeat that was late. Later Prometheus was away, its alert timed out
/// in Alertmanager, and fires still.
const LATE_REPEAT: Duration = Duration::from_mins(1);

/// What is to be done with a payload.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Receipt {
    /// To be written, in this order.
    pub write: Vec<Alert>,
    /// Fingerprints to be removed first, to make room.
    pub forget: Vec<String>,
    /// What is answered.
    pub told: Counts,
}

/// What became of a payload.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Counts {
    /// Alerts that are new, or fire or resolve now.
    pub taken: u64,
    /// Alerts that said what was known.
    pub repeated: u64,
    /// Of both: those that are about no known entity. They are listed, and nothing is done about them.
    pub unmatched: u64,
    /// Alerts that Alertmanager left out of the payload (`max_alerts`).
    pub truncated: u64,
    /// Alerts that found no room.
    pub over_limit: u64,
}

/// Takes a payload. `known`: what is kept, by fingerprint.
#[must_use]
pub fn receive(
    now: Timestamp,
    payload: &Payload,
    known: &BTreeMap<String, Alert>,
    nodes: &[NodeStatus],
) -> Receipt {
    let mut known = known.clone();
    let mut receipt = Receipt::default();
    receipt.told.truncated = payload.truncated;
    for told in &payload.alerts {
        let before = known.get(&told.fingerprint);
        let (alert, is_news) = match before {
            Some(before) => match judge(now, before, told) {
                Judged::Late => {
                    receipt.told.repeated += 1;
                    continue;
                }
                Judged::Repeated => (alert(now, told, Some(before), nodes), false),
                Judged::News => (alert(now, told, Some(before), nodes), true),
            },
            None if known.len() >= Alert::COUNT_MAX => {
                let Some(oldest) = oldest_resolved(&known) else {
                    receipt.told.over_limit += 1;
                    continue;
                };
                known.remove(&oldest);
                receipt.forget.push(oldest);
                (alert(now, told, None, nodes), true)
            }
            None => (alert(now, told, None, nodes), true),
        };
        receipt.told.unmatched += u64::from(alert.entity.is_none());
        receipt.told.taken += u64::from(is_news);
        receipt.told.repeated += u64::from(!is_news);
        let differs = |before: &Alert| {
            let received_at = before.received_at;
            let as_before = Alert {
                received_at,
                ..alert.clone()
            };
            as_before != *before || now.saturating_since(received_at) >= WRITTEN_EVERY
        };
        if known.get(&alert.fingerprint).is_none_or(differs) {
            receipt.write.push(alert.clone());
            known.insert(alert.fingerprint.clone(), alert);
        }
    }
    receipt
}

enum Judged {
    /// It is older than what is known.
    Late,
    /// It is what is known.
    Repeated,
    News,
}

fn judge(now: Timestamp, before: &Alert, told: &Told) -> Judged {
    use AlertState::{Firing, Resolved};
    if told.starts_at != before.starts_at {
        return if told.starts_at < before.starts_at {
            Judged::Late
        } else {
            Judged::News
        };
    }
    match (before.state, told.state) {
        (Resolved, Firing) if now.saturating_since(before.received_at) < LATE_REPEAT => {
            Judged::Late
        }
        (Resolved, Firing) | (Firing, Resolved) => Judged::News,
        (Resolved, Resolved) => Judged::Late,
        (Firing, Firing) => Judged::Repeated,
    }
}

/// The alert as it is kept. What ends is of whom it was when it began, whatever runs there now.
fn alert(now: Timestamp, told: &Told, before: Option<&Alert>, nodes: &[NodeStatus]) -> Alert {
    let ending = before
        .filter(|before| told.state == AlertState::Resolved && before.starts_at == told.starts_at);
    let found = match ending {
        Some(before) => Found {
            entity: before.entity.clone(),
            message: before.message.clone(),
        },
        None => find(&told.labels, nodes),
    };
    Alert {
        fingerprint: told.fingerprint.clone(),
        name: told.labels.get("alertname").cloned().unwrap_or_default(),
        state: told.state,
        starts_at: told.starts_at,
        ends_at: told.ends_at,
        entity: found.entity,
        labels: payload::clip(&told.labels),
        annotations: payload::clip(&told.annotations),
        generator_url: payload::clip_text(&told.generator_url),
        received_at: now,
        message: found.message,
    }
}

fn oldest_resolved(known: &BTreeMap<String, Alert>) -> Option<String> {
    let resolved = known
        .values()
        .filter(|alert| alert.state == AlertState::Resolved);
    let oldest = resolved.min_by_key(|alert| alert.received_at)?;
    Some(oldest.fingerprint.clone())
}

#[cfg(test)]
mod tests;
