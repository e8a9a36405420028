//! What a start asks for, checked: each mistake is told with what is allowed.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::time::Duration;

use arena_config::closest;
use arena_faults::{CATALOGUE, Family, Fault, FaultName, check_ttl};
use arena_proto::{VillainPolicy, VillainRequest};
use arena_scenario::Scenario;

use super::budget::{
    AT_ONCE, AT_ONCE_RANGE, EVERY, EVERY_RANGE, FAULTS, FAULTS_RANGE, TOTAL, TOTAL_RANGE, TTL,
};
use super::{Adaptive, Budget, Policy, Random, Scripted, StopWhen};

/// Seeds that are made up here: short enough to be written down.
const SEED_MADE_UP_MAX: u64 = 999_999;

/// A villain that may start.
#[derive(Debug)]
pub(crate) struct Start {
    pub(crate) kind: VillainPolicy,
    pub(crate) scenario: Option<String>,
    pub(crate) seed: u64,
    pub(crate) budget: usize,
    pub(crate) at_once: usize,
    pub(crate) total: Duration,
    pub(crate) stop_when: StopWhen,
    pub(crate) policy: Box<dyn Policy>,
}

/// Checks a start. `nonce` becomes the seed when none is asked for.
pub(crate) fn check(request: &VillainRequest, nonce: u64) -> Result<Start, String> {
    let Some(kind) = request.policy else {
        return Err("no policy is named: use scripted, random or adaptive".to_owned());
    };
    let stop_when = StopWhen::read(request.stop_when.as_ref(), kind)?;
    if kind == VillainPolicy::Scripted {
        return scripted(request, stop_when);
    }
    if request.scenario.is_some() {
        return Err(format!(
            "{} plays no scenario: scripted does",
            kind.as_str()
        ));
    }
    let budget = Budget::of(request)?;
    let seed = request.seed.unwrap_or(nonce % (SEED_MADE_UP_MAX + 1));
    Ok(Start {
        kind,
        scenario: None,
        seed,
        budget: budget.faults,
        at_once: budget.at_once,
        total: budget.total,
        stop_when,
        policy: if kind == VillainPolicy::Random {
            Box::new(Random::new(seed, budget))
        } else {
            Box::new(Adaptive::new(seed, budget))
        },
    })
}

fn scripted(request: &VillainRequest, stop_when: StopWhen) -> Result<Start, String> {
    let Some(text) = &request.scenario else {
        return Err("scripted needs a scenario".to_owned());
    };
    let own = [
        ("seed", request.seed.is_some()),
        ("budget", request.budget.is_some()),
        ("at_once", request.at_once.is_some()),
        ("every", request.every_ms.is_some()),
        ("faults", !request.faults.is_empty()),
        ("families", !request.families.is_empty()),
        (
            "ttl",
            request.ttl_min_ms.is_some() || request.ttl_max_ms.is_some(),
        ),
    ];
    if let Some((name, _)) = own.into_iter().find(|(_, is_given)| *is_given) {
        return Err(format!("{name} is not for scripted: the scenario says it"));
    }
    let name = match request.scenario_name.as_str() {
        "" => "scenario",
        name => name,
    };
    let scenario = Scenario::parse(name, text).map_err(|mistake| mistake.to_string())?;
    let total = match request.for_ms {
        Some(_) => total(request)?,
        None => Scripted::length(&scenario),
    };
    Ok(Start {
        kind: VillainPolicy::Scripted,
        scenario: Some(scenario.name.clone()),
        seed: scenario.seed,
        budget: to_usize(*FAULTS_RANGE.end()),
        at_once: to_usize(*FAULTS_RANGE.end()),
        total,
        stop_when,
        policy: Box::new(Scripted::new(&scenario).map_err(|mistake| mistake.what)?),
    })
}

impl Budget {
    /// What a request asks for, with the defaults for what it leaves out; else which mistake it has, and what is allowed.
    pub fn of(request: &VillainRequest) -> Result<Self, String> {
        let faults = request.budget.unwrap_or(FAULTS);
        within("budget", &faults, &FAULTS_RANGE, ToString::to_string)?;
        let at_once = request.at_once.unwrap_or(AT_ONCE);
        within("at_once", &at_once, &AT_ONCE_RANGE, ToString::to_string)?;
        let every = request.every_ms.map_or(EVERY, Duration::from_millis);
        within("every", &every, &EVERY_RANGE, write)?;
        Ok(Self {
            faults: to_usize(faults),
            at_once: to_usize(at_once),
            every,
            allowed: allowed(request)?,
            ttl: ttl(request)?,
            total: total(request)?,
        })
    }
}

fn total(request: &VillainRequest) -> Result<Duration, String> {
    let total = request.for_ms.map_or(TOTAL, Duration::from_millis);
    within("for", &total, &TOTAL_RANGE, write)?;
    Ok(total)
}

/// The longest is at least the shortest, also where only one of them is given.
fn ttl(request: &VillainRequest) -> Result<RangeInclusive<Duration>, String> {
    let given = |millis: Option<u64>| millis.map(Duration::from_millis);
    let (min, max) = (given(request.ttl_min_ms), given(request.ttl_max_ms));
    let least = min.unwrap_or_else(|| max.map_or(*TTL.start(), |max| max.min(*TTL.start())));
    let most = max.unwrap_or_else(|| least.max(*TTL.end()));
    for ttl in [least, most] {
        check_ttl(ttl).map_err(|error| error.to_string())?;
    }
    if least > most {
        let (least, most) = (write(&least), write(&most));
        return Err(format!(
            "a time to live from {least} to {most}: write the shorter one first"
        ));
    }
    Ok(least..=most)
}

/// The faults that are named, or all, and of those the ones of the named families, or all.
fn allowed(request: &VillainRequest) -> Result<BTreeSet<FaultName>, String> {
    let named = request
        .faults
        .iter()
        .map(|name| Fault::named(name).map(|fault| fault.name));
    let mut allowed: BTreeSet<FaultName> = named
        .collect::<Result<_, _>>()
        .map_err(|error| error.to_string())?;
    if allowed.is_empty() {
        allowed.extend(CATALOGUE);
    }
    let families: Vec<Family> = request
        .families
        .iter()
        .map(|name| family(name))
        .collect::<Result<_, _>>()?;
    if !families.is_empty() {
        allowed.retain(|name| families.contains(&name.fault().family));
    }
    if allowed.is_empty() {
        return Err(format!(
            "no fault is left: none of {} is of the family {}",
            request.faults.join(", "),
            request.families.join(" or ")
        ));
    }
    Ok(allowed)
}

fn family(name: &str) -> Result<Family, String> {
    let known = || Family::ALL.iter().map(|family| family.as_str());
    Family::ALL
        .iter()
        .find(|family| family.as_str() == name)
        .copied()
        .ok_or_else(|| {
            let hint = closest(name, known())
                .map_or_else(String::new, |near| format!(" (did you mean {near:?}?)"));
            let known = known().collect::<Vec<_>>().join(", ");
            let name: String = name.chars().take(80).collect();
            format!("there is no family {name:?}{hint}; there are {known}")
        })
}

fn within<T: PartialOrd, D: Display>(
    name: &str,
    value: &T,
    range: &RangeInclusive<T>,
    write: impl Fn(&T) -> D,
) -> Result<(), String> {
    if range.contains(value) {
        return Ok(());
    }
    let (value, min, max) = (write(value), write(range.start()), write(range.end()));
    Err(format!("{name} is {value}: allowed {min} to {max}"))
}

fn write(duration: &Duration) -> String {
    humantime::format_duration(*duration).to_string()
}

fn to_usize(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}
