//! What is left of our actions when an incident ends, and what of it is undone.
//!
//! A throttle ends by itself. What a failover drained, and a node that was quarantined, stay so: a person brings them
//! back, and the last plan says so. A step that only drains is undone before the incident is resolved; if the symptom
//! comes of it again, the next rung is tried.

use arena_proto::{ActionKind, Entity, RiskClass, Timestamp};

use crate::case::{Case, Stage};
use crate::flight::Flight;
use crate::planner::Basis;
use crate::playbook::{Step, StepAction};
use crate::rails::Proposal;
use crate::verdict::verdict;
use crate::words::{say, verb};
use crate::{Output, Remediator};

impl Case {
    /// An action succeeded.
    pub(crate) fn note_done(&mut self, step: &Step, flight: &Flight) {
        let target = &flight.target;
        let left = match (step.action, flight.action) {
            (StepAction::Failover, ActionKind::Drain) => {
                format!(
                    "{target} stays drained until a person ends that (arena do undrain {target})"
                )
            }
            (_, ActionKind::Drain) => {
                self.undo = Some(target.clone());
                return;
            }
            (_, ActionKind::Undrain) => {
                self.undo = self.undo.take().filter(|drained| drained != target);
                return;
            }
            (_, ActionKind::Quarantine) => format!(
                "{target} stays quarantined until a person ends that (arena do unquarantine {target})"
            ),
            _ => return,
        };
        self.left_behind.push(left);
    }

    /// A replica was started to take over: now the hurt one is drained.
    pub(crate) fn take_over(&mut self, now: Timestamp, flight: &Flight) {
        let target = &flight.target;
        let took = say(now.saturating_since(flight.issued_at));
        self.because = format!("{} of {target} succeeded after {took}", verb(flight.action));
        self.took_over = Some(target.clone());
        self.waits = 0;
        self.stage = Stage::Deciding(None);
    }

    /// A last reason, with what lasts longer than the incident.
    pub(crate) fn with_left_behind(&mut self, reason: &str) -> String {
        let drained = self.undo.take();
        let drained = drained.map(|target| format!("{target} stays drained"));
        let left = self.left_behind.drain(..).chain(drained);
        [reason.to_owned()]
            .into_iter()
            .chain(left)
            .collect::<Vec<_>>()
            .join("; ")
    }
}

impl Remediator {
    /// The symptom is over: what was drained for it is undrained, and then it is resolved.
    pub(crate) fn conclude(&mut self, now: Timestamp, case: &mut Case, out: &mut Vec<Output>) {
        let (resolution, reason) = case.concluded.take().unwrap_or_else(|| verdict(case));
        if let Some(drained) = case.undo.take() {
            case.concluded = Some((resolution, reason.clone()));
            match self.undrain(now, case, drained, out) {
                Ok(()) => return,
                Err(left) => case.left_behind.push(left),
            }
        }
        case.resolve(now, resolution, &reason, out);
    }

    /// Undrains, if that may be done now; or says what stays.
    fn undrain(
        &mut self,
        now: Timestamp,
        case: &mut Case,
        drained: Entity,
        out: &mut Vec<Output>,
    ) -> Result<(), String> {
        let Some(step) = case.step() else {
            return Err(format!("{drained} stays drained"));
        };
        let action = ActionKind::Undrain;
        let proposal = Proposal {
            action,
            target: drained,
            risk: RiskClass::Low,
            basis: Basis {
                step: verb(action),
                ..Basis::default()
            },
        };
        self.unattended(now, case, &proposal).map_err(|refusal| {
            format!("{} stays drained: {}", proposal.target, refusal.sentence)
        })?;
        case.because = format!(
            "{} stayed clear for {}",
            case.symptom,
            say(case.stable_for())
        );
        self.act(now, case, &step, (&proposal, ""), out);
        Ok(())
    }
}
