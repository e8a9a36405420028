//! Scores of small runs, told as text: every number, every rule of honesty, and that worse is never more.

mod honesty;
mod numbers;
mod properties;

use std::time::Duration;

use arena_faults::{Fault, Params};
use arena_proto::{ActionKind, CommandState, FaultReason, FaultState, ServiceName};
use arena_scenario::judge::{
    ActionFact, BlameFact, Facts, FaultFact, IncidentFact, Part, RoleFact, Sample, StateFact,
};
use arena_scenario::{
    Check, Difficulty, Expect, Healed, Injection, Load, LoadShape, Quality, Scenario, Selector,
    SteadyState, Topology, Truth, When,
};

use super::*;

const ROOT: &str = "node-1/orders";
const TTL_MS: u64 = 120_000;

/// `cpu-spike` at [`ROOT`] in the built-in shop, to be healed within 40 s.
fn scenario(expect: Expect) -> Scenario {
    let checks = vec![Check("user_error_percent < 2.0".to_owned())];
    let hold = Duration::from_secs(5);
    let within = Duration::from_secs(40);
    let cures = match expect {
        Expect::Heal => vec![ActionKind::Restart],
        Expect::NoAction | Expect::Escalate => Vec::new(),
    };
    Scenario {
        name: "one".to_owned(),
        summary: String::new(),
        difficulty: Difficulty::Easy,
        seed: 1,
        topology: Topology::Shop,
        load: Load {
            rate: 20,
            shape: LoadShape::Steady,
        },
        steady_state: SteadyState {
            checks: checks.clone(),
            hold,
            within,
        },
        injections: vec![Injection {
            when: When::At(Duration::ZERO),
            fault: Fault::named("cpu-spike").unwrap(),
            target: Selector::Entity(ROOT.parse().unwrap()),
            ttl: Duration::from_millis(TTL_MS),
            params: Params::default(),
        }],
        telemetry: Quality::default(),
        healed: Healed {
            checks,
            hold,
            within,
        },
        limit: Duration::from_mins(1),
        truth: Truth {
            expect,
            roots: Vec::new(),
            cures,
        },
    }
}

/// Users as they come and how many of them fail, every half second.
fn samples(from_ms: u64, to_ms: u64, hurt: std::ops::Range<u64>) -> Vec<Sample> {
    let sample = |at_ms| Sample {
        at_ms,
        user_error_percent: Some(if hurt.contains(&at_ms) { 50.0 } else { 0.0 }),
        user_latency_p95_ms: Some(20.0),
        user_request_rate_hz: Some(20.0),
        services_unhealthy: Some(0.0),
        incidents_open: Some(0.0),
    };
    (from_ms / 500..to_ms / 500)
        .map(|half| sample(half * 500))
        .collect()
}

/// The fault is there from 10 s on, is found at 12 s and cured at 16 s; users are hurt for as long.
fn healed_run() -> Facts {
    let role = |name: &str| RoleFact {
        service: ServiceName::new(name).unwrap(),
        replicas: 2,
    };
    Facts {
        play_ms: 9_000,
        end_ms: 40_000,
        faults: vec![FaultFact {
            state: FaultState::Reverted,
            end_ms: Some(16_000),
            reason: Some(FaultReason::TargetReplaced),
            ..fault("f-1", ROOT, 10_000)
        }],
        incidents: vec![incident("inc-1", ROOT, 12_000, &[(12_000, &[ROOT])])],
        actions: vec![action(ActionKind::Restart, ROOT, 15_000)],
        samples: samples(9_000, 40_000, 10_000..16_000),
        nodes: 3,
        roles: ["edge", "inventory", "ledger", "orders", "payments"]
            .map(role)
            .into(),
        steady_rate_hz: Some(20.0),
        ..Facts::default()
    }
}

/// Nobody does anything, and users are hurt to the end.
fn unhealed_run() -> Facts {
    Facts {
        actions: Vec::new(),
        faults: vec![fault("f-1", ROOT, 10_000)],
        samples: samples(9_000, 60_000, 10_000..60_000),
        end_ms: 60_000,
        ..healed_run()
    }
}

fn fault(id: &str, target: &str, at_ms: u64) -> FaultFact {
    FaultFact {
        id: id.to_owned(),
        fault: Fault::named("cpu-spike").unwrap(),
        target: target.parse().unwrap(),
        part: Part::Injection,
        index: Some(0),
        ttl_ms: TTL_MS,
        state: FaultState::Active,
        armed_ms: Some(at_ms),
        active_ms: Some(at_ms),
        end_ms: None,
        reason: None,
        message: String::new(),
    }
}

fn incident(id: &str, entity: &str, opened_ms: u64, blames: &[(u64, &[&str])]) -> IncidentFact {
    let blames: Vec<BlameFact> = blames
        .iter()
        .map(|(at_ms, candidates)| BlameFact {
            at_ms: *at_ms,
            candidates: candidates.iter().map(|one| one.parse().unwrap()).collect(),
        })
        .collect();
    let last = blames.last().and_then(|blame| blame.candidates.first());
    IncidentFact {
        id: id.to_owned(),
        entity: entity.parse().unwrap(),
        symptom: "cpu_high".to_owned(),
        root_cause: last.cloned().unwrap_or_else(|| entity.parse().unwrap()),
        opened_ms,
        cleared_ms: None,
        planned_ms: None,
        escalated_ms: None,
        resolution: None,
        resolved_ms: None,
        blames,
    }
}

fn action(action: ActionKind, target: &str, at_ms: u64) -> ActionFact {
    ActionFact {
        command: format!("{action} {target} {at_ms}"),
        action,
        target: target.parse().unwrap(),
        incident: None,
        risk: None,
        issued_ms: at_ms,
        began_ms: Some(at_ms),
        end_ms: Some(at_ms + 500),
        outcome: CommandState::Succeeded,
        message: String::new(),
    }
}

fn state(at_ms: u64, entity: &str, healthy: bool, drained: bool) -> StateFact {
    StateFact {
        at_ms,
        entity: entity.parse().unwrap(),
        healthy,
        drained,
        throttled: false,
    }
}

fn scored(facts: &Facts) -> Score {
    score(&scenario(Expect::Heal), facts).unwrap()
}

/// Every number, its quality and why.
fn told(score: &Score) -> String {
    let line = |one: &Measure| {
        format!(
            "{} {} ({:.2} of {}): {}\n",
            one.name,
            one.value,
            one.weight * one.quality,
            one.weight,
            one.reason
        )
    };
    let lines: String = score.measures.iter().map(line).collect();
    format!(
        "{} healed {} passed {}\n{lines}{}\n",
        score.composite,
        score.healed,
        score.passed,
        score.why_not()
    )
}
