//! What is heard may not be the truth: a detector that cannot believe what it hears, and a remediator that has just begun
//! to listen.

use std::collections::BTreeMap;
use std::time::Duration;

use arena_proto::{Number, Observer, ObserverState, Timestamp};

use super::{Rail, Refusal, numbers, seconds};
use crate::words::say;

/// How long nothing is done after a restart that found incidents open: what happened meanwhile (an incident cleared, a
/// command done) is told within some hundred milliseconds, and a decision from before it would be about the past.
pub(super) const HOLD_AFTER_RESTART: Duration = Duration::from_secs(1);
/// While any detector is in STORM its incidents are not believed: the services run on, and nobody is called for each.
pub(super) fn storm(observers: &BTreeMap<String, Observer>) -> Result<(), Refusal> {
    let storm = observers
        .values()
        .find(|observer| observer.state == ObserverState::Storm);
    let Some(observer) = storm else {
        return Ok(());
    };
    let sentence = format!(
        "detector {} cannot believe what it hears ({}): nothing is done until that is over",
        observer.detector, observer.reason
    );
    Err(Refusal {
        about: observer.detector.clone(),
        numbers: numbers([
            ("silent", Number::from(observer.silent)),
            ("known", Number::from(observer.known)),
        ]),
        ..Refusal::new(Rail::Storm, sentence)
    })
}

/// Is it too early to know? The hold before a new incident's first plan is the detector's.
pub(super) fn hold(now: Timestamp, restored_at: Option<Timestamp>) -> Result<(), Refusal> {
    let over_at = restored_at.map(|at| at + HOLD_AFTER_RESTART);
    let Some(over_at) = over_at.filter(|over_at| now < *over_at) else {
        return Ok(());
    };
    let sentence = format!(
        "the remediator has just started: for {} it hears what happened meanwhile",
        say(HOLD_AFTER_RESTART)
    );
    Err(Refusal {
        numbers: numbers([("hold_s", seconds(HOLD_AFTER_RESTART))]),
        retry_at: Some(over_at),
        ..Refusal::new(Rail::Hold, sentence)
    })
}
