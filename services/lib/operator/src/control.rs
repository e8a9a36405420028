//! KV `control` as people read and change it.
//!
//! One rule for a value that is lost (somebody wrote rubbish, or removed it): nodes keep what they last heard, so nobody
//! can say where the lever is; it is never told as released, and every change writes a good value, with a stopped lever
//! unless the change releases it.

use std::time::Duration;

use arena_bus::Decided;
use arena_proto::{Control, Entity, LeverPosition, Mode, Pause, RiskClass, Timestamp};

use crate::{Kind, Operator, OperatorError};

/// A change that was written.
#[derive(Debug, Clone, PartialEq)]
pub struct Changed {
    /// What was there before; a stopped lever when that was lost.
    pub before: Control,
    /// Why nobody could say what people had decided: it was written anew, without earlier modes and pauses.
    pub lost: Option<&'static str>,
    /// What holds now.
    pub control: Control,
}

/// Why nobody can say what people decided; `None` when it can be read.
#[must_use]
pub const fn lost(decided: &Decided) -> Option<&'static str> {
    match decided {
        Decided::Known(_) => None,
        Decided::Unreadable => {
            Some("the control value cannot be read: nodes keep what they last heard")
        }
        Decided::Removed => Some("the control value was removed: nodes keep what they last heard"),
    }
}

impl Operator {
    /// What people decided, and why nobody can say when that is lost.
    pub async fn control(&self) -> Result<(Control, Option<&'static str>), OperatorError> {
        let decided = self.bus.decided().await?;
        let lost = lost(&decided);
        Ok((decided.control(), lost))
    }

    /// Changes it. An error of `change` is given back, and nothing is written.
    pub async fn change_control(
        &self,
        change: impl Fn(&mut Control) -> Result<(), OperatorError>,
    ) -> Result<Changed, OperatorError> {
        let (before, lost) = self.control().await?;
        let control = self.bus.change_control(change).await?;
        Ok(Changed {
            before,
            lost,
            control,
        })
    }

    /// Writes the lever, also when it is there already, as a node may not have heard that. Then the name stays: who pulled
    /// it first is who is asked about it.
    pub async fn set_lever(
        &self,
        position: LeverPosition,
        now: Timestamp,
    ) -> Result<Changed, OperatorError> {
        self.change_control(|control| {
            if control.lever != position || control.lever_set.is_none() {
                control.lever = position;
                control.lever_set = Some((self.who.clone(), now));
                self.sign(control, now);
            }
            Ok(())
        })
        .await
    }

    /// Sets the mode of one risk class, or of all: who says "observe" wants no exception that somebody made yesterday.
    pub async fn set_mode(
        &self,
        mode: Mode,
        risk: Option<RiskClass>,
        now: Timestamp,
    ) -> Result<Changed, OperatorError> {
        self.change_control(|control| {
            if let Some(risk) = risk {
                control.modes.insert(risk, mode);
            } else {
                control.mode = mode;
                control.modes.clear();
            }
            self.sign(control, now);
            Ok(())
        })
        .await
    }

    /// Leaves a service, or a node with all its services, alone; without a limit until it is resumed.
    pub async fn pause(
        &self,
        entity: Entity,
        limit: Option<Duration>,
        reason: String,
        now: Timestamp,
    ) -> Result<(Pause, Changed), OperatorError> {
        if limit.is_some_and(|limit| limit.is_zero()) {
            return Err(Kind::Usage.because("for is out of range: use more than 0s"));
        }
        self.known(&entity).await?;
        let pause = Pause {
            entity,
            by: self.who.clone(),
            reason,
            at: now,
            until: limit.map(|limit| now + limit),
        };
        let changed = self.change_pauses(now, |control| {
            let pauses = &mut control.pauses;
            pauses.retain(|earlier| earlier.entity != pause.entity);
            pauses.push(pause.clone());
            Ok(())
        });
        let changed = changed.await?;
        Ok((pause, changed))
    }

    /// Ends a pause, by the name that was paused.
    pub async fn resume(&self, entity: &Entity, now: Timestamp) -> Result<Changed, OperatorError> {
        self.change_pauses(now, |control| {
            let before = control.pauses.len();
            let covered_by = control.pause(entity, now).map(|pause| pause.entity.clone());
            control.pauses.retain(|pause| pause.entity != *entity);
            if control.pauses.len() < before {
                return Ok(());
            }
            Err(Kind::NotFound.because(match covered_by {
                Some(node) => {
                    format!("{entity} is paused with its whole node\n  mend: arena resume {node}")
                }
                None => format!("{entity} is not paused\n  mend: `arena status` shows what is"),
            }))
        })
        .await
    }

    /// Those that are over go with the opportunity, so that they do not pile up.
    async fn change_pauses(
        &self,
        now: Timestamp,
        change: impl Fn(&mut Control) -> Result<(), OperatorError>,
    ) -> Result<Changed, OperatorError> {
        self.change_control(|control| {
            control
                .pauses
                .retain(|pause| pause.until.is_none_or(|until| now < until));
            change(control)?;
            self.sign(control, now);
            Ok(())
        })
        .await
    }

    /// Says who changed it, and when.
    pub fn sign(&self, control: &mut Control, now: Timestamp) {
        control.by.clone_from(&self.who);
        control.at = now;
    }
}
