//! What people decided about the whole arena: lever, modes, pauses.

use std::collections::BTreeMap;

use arena_proto::{Control, LeverPosition, Mode, Pause, RiskClass, Timestamp};
use serde::Serialize;

use crate::status::PauseReport;

/// Lever, modes and pauses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ControlReport {
    /// Null when nobody can say: nodes keep what they last heard.
    pub lever: Option<LeverPosition>,
    /// Who set it; null when nobody did, or somebody who does not say.
    pub lever_by: Option<String>,
    /// And when.
    pub lever_at: Option<Timestamp>,
    /// Null when nobody can say.
    pub mode: Option<Mode>,
    /// The mode of each risk class; empty when nobody can say.
    pub modes: BTreeMap<String, Mode>,
    /// What is left alone.
    pub pauses: Vec<PauseReport>,
    /// Why nobody can say, in words; null when all is known.
    pub lost: Option<String>,
}

impl ControlReport {
    /// As it holds at this time. `lost`: why nobody can say what people decided.
    #[must_use]
    pub fn of(control: &Control, lost: Option<&str>, now: Timestamp) -> Self {
        let is_known = lost.is_none();
        let lever_set = control.lever_set.as_ref().filter(|_| is_known);
        let modes = RiskClass::ALL.iter().filter(|_| is_known);
        let running = |pause: &&Pause| pause.until.is_none_or(|until| now < until);
        Self {
            lever: is_known.then_some(control.lever),
            lever_by: lever_set.map(|(by, _)| by.clone()),
            lever_at: lever_set.map(|(_, at)| *at),
            mode: is_known.then_some(control.mode),
            modes: modes
                .map(|risk| (risk.as_str().to_lowercase(), control.mode_for(*risk)))
                .collect(),
            pauses: control
                .pauses
                .iter()
                .filter(running)
                .map(pause_report)
                .collect(),
            lost: lost.map(str::to_owned),
        }
    }
}

fn pause_report(pause: &Pause) -> PauseReport {
    PauseReport {
        entity: pause.entity.to_string(),
        by: pause.by.clone(),
        reason: pause.reason.clone(),
        at: pause.at,
        until: pause.until,
    }
}
