//! Everything that is to be done in a scenario, in one list: the file's faults, and those that its load and its telemetry are made of.

use std::collections::BTreeMap;
use std::time::Duration;

use arena_faults::limits::TTL_MAX;
use arena_faults::{Fault, FaultName, Params};
use arena_proto::ServiceName;

use crate::chance::{Chance, Use};
use crate::layout::{Layout, TRAFFIC};
use crate::model::{Injection, LoadShape, Scenario, Selector, When};

/// Twice the users in the middle third of the run: what a good day is to a shop.
const WAVE_FACTOR: u64 = 2;
/// Five times the users, who are gone before anybody could have reacted.
const SPIKE_FACTOR: u64 = 5;
const SPIKE_TTL: Duration = Duration::from_secs(5);

/// One thing to do.
#[derive(Debug, Clone, PartialEq)]
pub struct Planned {
    /// What, when, in what.
    pub injection: Injection,
    /// Its number, for [`Selector::resolve`]: its place in the file, or one after those.
    pub index: u32,
    /// What it is for.
    pub origin: Origin,
}

/// What a fault is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// The telemetry's quality: not what is to be healed.
    Telemetry,
    /// A `[[fault]]` of the file.
    File,
    /// The load's shape: not what is to be healed.
    Load,
}

impl Scenario {
    /// Everything to do, by time; what waits for a condition comes last.
    #[must_use]
    pub fn all_injections(&self) -> Vec<Planned> {
        let file = self
            .injections
            .iter()
            .cloned()
            .map(|injection| (Origin::File, injection));
        let telemetry = self
            .telemetry_injections()
            .into_iter()
            .map(|injection| (Origin::Telemetry, injection));
        let load = self
            .load_injection()
            .into_iter()
            .map(|injection| (Origin::Load, injection));
        let mut planned: Vec<Planned> = (0..)
            .zip(file.chain(telemetry).chain(load))
            .map(|(index, (origin, injection))| Planned {
                injection,
                index,
                origin,
            })
            .collect();
        planned.sort_by_key(|planned| match planned.injection.when {
            When::At(at) => (false, at, planned.origin),
            When::If(..) => (true, Duration::ZERO, planned.origin),
        });
        planned
    }

    /// For the whole run, in every node.
    fn telemetry_injections(&self) -> Vec<Injection> {
        let quality = &self.telemetry;
        let make = |name: FaultName, param: &str, value: String| Injection {
            when: When::At(Duration::ZERO),
            fault: name.fault(),
            target: Selector::Nodes(None),
            ttl: (self.first_fault() + self.limit).min(TTL_MAX),
            params: filled(name.fault(), param, value),
        };
        let mut injections = Vec::new();
        if quality.loss_percent > 0 {
            injections.push(make(
                FaultName::TelemetryLoss,
                "share",
                quality.loss_percent.to_string(),
            ));
        }
        if quality.duplicate_percent > 0 {
            injections.push(make(
                FaultName::TelemetryDuplicate,
                "share",
                quality.duplicate_percent.to_string(),
            ));
        }
        if !quality.delay.is_zero() {
            let delay = humantime::format_duration(quality.delay).to_string();
            injections.push(make(FaultName::TelemetryDelay, "delay", delay));
        }
        injections
    }

    fn load_injection(&self) -> Option<Injection> {
        let limit_ms = u64::try_from(self.limit.as_millis()).unwrap_or(u64::MAX);
        let third = Duration::from_millis(limit_ms / 3);
        let (after, ttl, factor) = match self.load.shape {
            LoadShape::Steady => return None,
            LoadShape::Wave => (third, third, WAVE_FACTOR),
            LoadShape::Spike => {
                // Early enough to be over, with its consequences, before the run is.
                let mut chance = Chance::new(self.seed, Use::Spike);
                let after = Duration::from_millis(chance.below(limit_ms * 2 / 3));
                (after, SPIKE_TTL, SPIKE_FACTOR)
            }
        };
        let traffic = ServiceName::new(TRAFFIC).ok()?;
        let users = Layout::of(&self.topology, self.seed)
            .replicas(&traffic)
            .next()?;
        let fault = FaultName::LoadSurge.fault();
        Some(Injection {
            when: When::At(self.first_fault() + after),
            fault,
            target: Selector::Entity(users),
            ttl,
            params: filled(fault, "factor", factor.to_string()),
        })
    }
}

/// With this value, and the defaults of the rest. The values come from a scenario that was checked; one that was made by hand and is out of
/// range gets the fault's default.
fn filled(fault: &Fault, param: &str, value: String) -> Params {
    let given = BTreeMap::from([(param.to_owned(), value)]);
    fault
        .fill(&given)
        .or_else(|_| fault.fill(&BTreeMap::new()))
        .unwrap_or_default()
}
