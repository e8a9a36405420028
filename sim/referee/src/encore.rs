//! The same faults once more, after users were well: a heal that was one comes again.

use std::time::Duration;

use arena_expression::Mistake;
use arena_faults::{Carrier, Family};
use arena_proto::Entity;
use arena_scenario::judge::{Case, Facts, FaultFact, Part, StateFact, covers};
use arena_scenario::score::EncoreScore;
use arena_scenario::{Expect, Injection, Scenario};

use crate::honesty;

/// Between the heal and the encore. The same symptom within the cooldown of an action (5 s where a playbook does not say otherwise,
/// remediator/playbooks.toml) is the old trouble, which did not heal; after twice that it is a new one.
pub const ENCORE_REST: Duration = Duration::from_secs(10);

/// One fault to make once more.
#[derive(Debug, Clone, PartialEq)]
pub struct Replay<'a> {
    /// What it is.
    pub injection: &'a Injection,
    /// In what it was made before.
    pub target: Entity,
    /// So long after the first of them, as before.
    pub after: Duration,
}

/// What is to be made once more, in the order and with the pauses in which it took effect before; `Err`: why there is no encore. Faults
/// at what is to blame must all be replayable; of the others those that are.
pub fn replays<'a>(scenario: &'a Scenario, facts: &Facts) -> Result<Vec<Replay<'a>>, String> {
    if scenario.truth.expect != Expect::Heal {
        return Err("nothing was to be healed".to_owned());
    }
    let roots = arena_scenario::judge::roots(scenario, &facts.faults);
    let mut replays = Vec::new();
    for fault in facts
        .faults
        .iter()
        .filter(|one| one.part == Part::Injection)
    {
        let is_root = roots.iter().any(|root| covers(root, &fault.target));
        match is_replayable(fault, &facts.states) {
            Err(why) if is_root => {
                let name = fault.fault.name.as_str();
                return Err(format!("{name} on {}: {why}", fault.target));
            }
            Err(_) => continue,
            Ok(()) => {}
        }
        let place = fault.index.and_then(|index| usize::try_from(index).ok());
        let injection = place.and_then(|place| scenario.injections.get(place));
        let (Some(injection), Some(active)) = (injection, fault.active_ms) else {
            continue;
        };
        replays.push((active, injection, fault.target.clone()));
    }
    replays.sort_by_key(|(active, ..)| *active);
    let Some((first, ..)) = replays.first() else {
        return Err("no fault was made that could be made again".to_owned());
    };
    let first = *first;
    let replays = replays.into_iter();
    let replays = replays.map(|(active, injection, target)| Replay {
        injection,
        target,
        after: Duration::from_millis(active - first),
    });
    Ok(replays.collect())
}

/// Whether a fault of a run can be made once more and be healed once more; `Err`: why not.
pub fn is_replayable(fault: &FaultFact, states: &[StateFact]) -> Result<(), String> {
    if !fault.is_made() {
        return Err("it was not made".to_owned());
    }
    if fault.fault.family == Family::Telemetry {
        return Err("it is about telemetry, and nothing of it was healed".to_owned());
    }
    let is_lasting = fault.fault.carrier != Carrier::Nothing;
    if is_lasting && fault.end_ms.is_none() {
        return Err("it is still in effect, and what cured its harm stands".to_owned());
    }
    // What was taken out is out of a fault's reach.
    let mut last: Vec<&StateFact> = Vec::new();
    for state in states
        .iter()
        .filter(|one| covers(&fault.target, &one.entity))
    {
        last.retain(|one| one.entity != state.entity);
        last.push(state);
    }
    match last.into_iter().find(|state| !state.is_well()) {
        Some(state) => Err(format!("{} is not in use any more", state.entity)),
        None => Ok(()),
    }
}

/// What came of the encore.
pub(crate) fn score(scenario: &Scenario, facts: &Facts) -> Result<EncoreScore, Mistake> {
    let skipped = |reason: String| EncoreScore {
        played: false,
        healed: None,
        reason,
    };
    let Some(encore) = &facts.encore else {
        let why = replays(scenario, facts).err();
        return Ok(skipped(
            why.unwrap_or_else(|| "it was not asked for".to_owned()),
        ));
    };
    let case = Case::new(scenario, encore)?;
    let made = case.injections().filter(|fault| fault.is_made()).count();
    let planned = replays(scenario, facts).map_or(1, |replays| replays.len());
    if made < planned {
        let why = encore.refusals.join("; ");
        return Ok(skipped(format!(
            "{made} of {planned} faults were made once more: {why}"
        )));
    }
    let healed = honesty::healed(scenario, encore)?;
    let reason = match &healed {
        Ok(since_ms) => {
            let after = crate::seconds(since_ms.saturating_sub(encore.play_ms));
            format!("made once more, it was healed again, {after:.1} s after it began")
        }
        Err(why) => format!("made once more, it was not healed: {why}"),
    };
    Ok(EncoreScore {
        played: true,
        healed: Some(healed.is_ok()),
        reason,
    })
}
