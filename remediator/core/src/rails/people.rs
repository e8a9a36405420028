//! What people decided: the lever, the pauses, the modes. These may stand for as long as people like.

use arena_proto::{Control, Entity, LeverPosition, Mode, RiskClass, Timestamp};

use super::{Rail, Refusal};
use crate::words::after;

/// The safety lever is a full stop.
pub(super) fn lever(control: &Control) -> Result<(), Refusal> {
    if control.lever == LeverPosition::Released {
        return Ok(());
    }
    let sentence = format!(
        "the safety lever is STOPPED{}: nothing is done until it is released",
        by(control)
    );
    Err(Refusal::new(Rail::Lever, sentence))
}

/// Neither what is hurt nor what would be acted on may be paused; nor, for an action on a whole node, one of its services.
pub(super) fn pause(
    now: Timestamp,
    control: &Control,
    hurt: &Entity,
    target: &Entity,
) -> Result<(), Refusal> {
    let touched = control.pauses.iter().find(|pause| {
        let part_of_target = target.service.is_none() && pause.entity.node == target.node;
        let holds = pause.until.is_none_or(|until| now < until);
        pause.covers(hurt, now) || pause.covers(target, now) || part_of_target && holds
    });
    let Some(pause) = touched else {
        return Ok(());
    };
    let until = match pause.until {
        Some(until) => format!("until {until}"),
        None => "until it is resumed".to_owned(),
    };
    let sentence = format!("{} is paused by {} {until}", pause.entity, pause.by);
    let sentence = after(&sentence, &pause.reason);
    let sentence = sentence.trim_end_matches("; ").to_owned();
    Err(Refusal {
        about: pause.entity.to_string(),
        retry_at: pause.until,
        ..Refusal::new(Rail::Pause, sentence)
    })
}

/// Who decides an action of this risk? `Err` where nobody may: the mode is OBSERVE.
pub(super) fn observe(control: &Control, risk: RiskClass) -> Result<(), Refusal> {
    if control.mode_for(risk) != Mode::Observe {
        return Ok(());
    }
    let sentence = format!(
        "the mode for {risk} risk is OBSERVE{}: it plans and never acts",
        by(control)
    );
    Err(Refusal::new(Rail::Observe, sentence))
}

/// Why a person is asked.
pub(super) fn question(control: &Control, risk: RiskClass) -> String {
    format!("the mode for {risk} risk is APPROVE{}", by(control))
}

fn by(control: &Control) -> String {
    if control.by.is_empty() {
        return String::new();
    }
    format!(" (set by {})", control.by)
}
