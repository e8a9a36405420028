//! One scenario by chance: first what kind it is, then the arena, then what is done to it.

use std::collections::BTreeMap;
use std::time::Duration;

use arena_faults::{Fault, FaultName};
use arena_proto::{Entity, ServiceName};

use super::recipes::{LIES, PASSING, RECIPES, Recipe};
use crate::chance::Chance;
use crate::layout::{Layout, ROLES, TRAFFIC};
use crate::model::{
    Check, Difficulty, Expect, Healed, Injection, Load, LoadShape, Quality, Scenario, Selector,
    SteadyState, Topology, Truth, When,
};
use crate::read::{
    CHECKS_DEFAULT, HEALED_HOLD_DEFAULT, STEADY_HOLD_DEFAULT, STEADY_WITHIN_DEFAULT,
};

/// Of a hundred scenarios, so many have nothing to be healed because nothing is done...
const CONTROLS_PERCENT: u64 = 7;
/// ...and so many because it only looks like trouble, or passes.
const LOOKALIKES_PERCENT: u64 = 9;
/// A ladder of three steps for one fault, and one step more for each other one.
const WITHIN: Duration = Duration::from_secs(40);
const WITHIN_EACH: Duration = Duration::from_secs(15);
/// After the last moment to heal, so that a late recovery is seen as one.
const LIMIT_AFTER: Duration = Duration::from_secs(15);
/// Of a scenario in which nothing is to be done: a detector that is misled is so within seconds. Enough, too, for a spike of the load, which comes
/// in the first two thirds, to be over.
const QUIET_LIMIT: Duration = Duration::from_secs(40);
const QUIET_WITHIN: Duration = Duration::from_secs(30);
/// What passes is over, with its consequences, long before the end.
const PASSING_TTL: Duration = Duration::from_secs(10);
/// More nodes are more processes than a laptop runs at ease.
const NODES_MOST: u64 = 9;

/// A scenario without a name.
pub(super) fn compose(chance: &mut Chance, difficulty: Option<Difficulty>) -> Scenario {
    let difficulty = difficulty.unwrap_or_else(|| match chance.below(100) {
        0..40 => Difficulty::Easy,
        40..75 => Difficulty::Medium,
        _ => Difficulty::Hard,
    });
    let mut scenario = arena(chance, difficulty);
    match chance.below(100) {
        share if share < CONTROLS_PERCENT => {}
        // The easy ones look like nothing else.
        share if share < CONTROLS_PERCENT + LOOKALIKES_PERCENT && difficulty > Difficulty::Easy => {
            lookalike(&mut scenario, chance);
        }
        _ => trouble(&mut scenario, chance),
    }
    scenario.summary = summary(&scenario);
    scenario
}

/// An arena, its load and its telemetry, with nothing done to it.
fn arena(chance: &mut Chance, difficulty: Difficulty) -> Scenario {
    let replicas = if difficulty == Difficulty::Easy {
        2
    } else {
        chance.between(2, 3)
    };
    let least = replicas.max(if difficulty == Difficulty::Hard { 4 } else { 3 });
    let most = match difficulty {
        Difficulty::Easy => 5,
        Difficulty::Medium => 7,
        Difficulty::Hard => NODES_MOST,
    };
    let shapes = [
        LoadShape::Steady,
        LoadShape::Steady,
        LoadShape::Wave,
        LoadShape::Spike,
    ];
    let shape = match difficulty {
        Difficulty::Easy => LoadShape::Steady,
        _ => chance.pick(&shapes).copied().unwrap_or_default(),
    };
    let checks = CHECKS_DEFAULT.map(|check| Check(check.to_owned())).to_vec();
    Scenario {
        name: String::new(),
        summary: String::new(),
        difficulty,
        seed: chance.below(1_000_000),
        topology: Topology::Generated {
            nodes: narrow(chance.between(least, most)),
            replicas: narrow(replicas),
            batch: chance.percent(25),
        },
        load: Load {
            rate: 5 * narrow(chance.between(2, 6)),
            shape,
        },
        steady_state: SteadyState {
            checks: checks.clone(),
            hold: STEADY_HOLD_DEFAULT,
            within: STEADY_WITHIN_DEFAULT,
        },
        injections: Vec::new(),
        telemetry: quality(chance, difficulty),
        healed: Healed {
            checks,
            hold: HEALED_HOLD_DEFAULT,
            within: QUIET_WITHIN,
        },
        limit: QUIET_LIMIT,
        truth: Truth {
            expect: Expect::NoAction,
            roots: Vec::new(),
            cures: Vec::new(),
        },
    }
}

/// Perfect in half of the cases, and always in easy ones.
fn quality(chance: &mut Chance, difficulty: Difficulty) -> Quality {
    let worst = match difficulty {
        Difficulty::Easy => return Quality::default(),
        Difficulty::Medium => 2,
        Difficulty::Hard => 4,
    };
    if chance.percent(50) {
        return Quality::default();
    }
    Quality {
        loss_percent: 5 * narrow(chance.between(0, worst)),
        duplicate_percent: 10 * narrow(chance.between(0, worst)),
        delay: Duration::from_millis(200 * chance.between(0, worst)),
    }
}

/// One to three faults, each in a role of its own, so that no role loses more than a replica; over some of the hard ones, a lie.
fn trouble(scenario: &mut Scenario, chance: &mut Chance) {
    let count = match scenario.difficulty {
        Difficulty::Easy => 1,
        Difficulty::Medium => chance.between(1, 2),
        Difficulty::Hard => chance.between(1, 3),
    };
    let lies = scenario.difficulty == Difficulty::Hard && chance.percent(30);
    let layout = Layout::of(&scenario.topology, scenario.seed);
    scenario.healed.within = WITHIN + WITHIN_EACH * narrow(count - 1);
    scenario.limit = scenario.healed.within + LIMIT_AFTER;
    let mut roles = ROLES.to_vec();
    chance.shuffle(&mut roles);
    for number in 0..count {
        let Some((recipe, role)) = choose(scenario, chance, &mut roles, number == 0) else {
            break;
        };
        let when = if number == 0 {
            When::At(Duration::ZERO)
        } else {
            later(scenario, chance)
        };
        let named = lies || chance.percent(50);
        let Some(target) = target(&layout, role, named, chance) else {
            break;
        };
        if let (true, Selector::Entity(entity)) = (lies, &target) {
            scenario.truth.roots.push(entity.clone());
        }
        for cure in recipe.cures() {
            if !scenario.truth.cures.contains(cure) {
                scenario.truth.cures.push(*cure);
            }
        }
        let injection = injection(recipe, chance, when, target, scenario.limit);
        scenario.injections.push(injection);
    }
    scenario.truth.expect = Expect::Heal;
    if lies {
        deceive(scenario, chance);
    }
}

/// The first fault is as difficult as the scenario where one alone can be; the others are at most so.
fn choose<'a>(
    scenario: &Scenario,
    chance: &mut Chance,
    roles: &mut Vec<&'a str>,
    first: bool,
) -> Option<(&'static Recipe, &'a str)> {
    let fits = |recipe: &&Recipe| {
        let level = if first {
            recipe.difficulty == scenario.difficulty
        } else {
            recipe.difficulty <= scenario.difficulty
        };
        level && roles.iter().any(|role| recipe.roles.contains(role))
    };
    let recipes: Vec<&Recipe> = RECIPES.iter().filter(fits).collect();
    let recipe = *chance.pick(&recipes)?;
    let place = roles.iter().position(|role| recipe.roles.contains(role))?;
    Some((recipe, roles.remove(place)))
}

/// A few seconds after the first, or, in hard ones, when that has been seen.
fn later(scenario: &Scenario, chance: &mut Chance) -> When {
    let after = Duration::from_secs(chance.below(6));
    if scenario.difficulty == Difficulty::Hard && chance.percent(20) {
        return When::If(Check("incidents_open > 0".to_owned()), after);
    }
    When::At(after)
}

fn target(layout: &Layout, role: &str, named: bool, chance: &mut Chance) -> Option<Selector> {
    let service = ServiceName::new(role).ok()?;
    if !named {
        return Some(Selector::Role {
            service,
            count: Some(1),
        });
    }
    let replicas: Vec<Entity> = layout.replicas(&service).collect();
    chance.pick(&replicas).cloned().map(Selector::Entity)
}

/// A fault that deceives or passes, and nothing else.
fn lookalike(scenario: &mut Scenario, chance: &mut Chance) {
    if chance.percent(40)
        && let Some(recipe) = chance.pick(PASSING)
    {
        // Chance would let two surges overlap.
        scenario.load.shape = LoadShape::Steady;
        let layout = Layout::of(&scenario.topology, scenario.seed);
        let target = match recipe.fault {
            FaultName::LoadSurge => target(&layout, TRAFFIC, true, chance),
            _ => Some(Selector::Nodes(Some(1))),
        };
        if let Some(target) = target {
            let at = When::At(Duration::from_secs(chance.below(4)));
            let injection = injection(recipe, chance, at, target, PASSING_TTL);
            scenario.injections.push(injection);
        }
        return;
    }
    deceive(scenario, chance);
}

/// Adds a lie. What it makes the detector open may stay open as long as it lasts: healed is then only what users feel.
fn deceive(scenario: &mut Scenario, chance: &mut Chance) {
    let lie = lie(scenario, chance);
    scenario.injections.extend(lie);
    scenario
        .healed
        .checks
        .retain(|check| !check.0.contains("incidents_open"));
}

/// One node is told of wrongly until the end. Never twice in the same way: the telemetry of every node may be bad already.
fn lie(scenario: &Scenario, chance: &mut Chance) -> Option<Injection> {
    let quality = &scenario.telemetry;
    let taken = |fault: FaultName| match fault {
        FaultName::TelemetryLoss => quality.loss_percent > 0,
        FaultName::TelemetryDuplicate => quality.duplicate_percent > 0,
        FaultName::TelemetryDelay => !quality.delay.is_zero(),
        // Where nothing is to be done, a person is called for it, and rightly.
        FaultName::TelemetryFreeze => scenario.truth.expect == Expect::NoAction,
        _ => false,
    };
    let fits = |recipe: &&Recipe| recipe.difficulty <= scenario.difficulty && !taken(recipe.fault);
    let recipes: Vec<&Recipe> = LIES.iter().filter(fits).collect();
    let recipe = *chance.pick(&recipes)?;
    let target = Selector::Nodes(Some(1));
    Some(injection(
        recipe,
        chance,
        When::At(Duration::ZERO),
        target,
        scenario.limit,
    ))
}

fn injection(
    recipe: &Recipe,
    chance: &mut Chance,
    when: When,
    target: Selector,
    ttl: Duration,
) -> Injection {
    let mut given = BTreeMap::new();
    for (name, values) in recipe.params {
        if let Some(value) = chance.pick(values) {
            given.insert((*name).to_owned(), (*value).to_owned());
        }
    }
    let fault: &'static Fault = recipe.fault.fault();
    Injection {
        when,
        fault,
        target,
        ttl,
        // A test reads every value of every recipe.
        params: fault.fill(&given).unwrap_or_default(),
    }
}

/// What there is to see in it, in a line.
fn summary(scenario: &Scenario) -> String {
    let faults: Vec<String> = scenario.injections.iter().map(told).collect();
    let what = if faults.is_empty() {
        "nothing".to_owned()
    } else {
        faults.join(", ")
    };
    let Topology::Generated {
        nodes, replicas, ..
    } = scenario.topology
    else {
        return what;
    };
    let load = match scenario.load.shape {
        LoadShape::Steady => "",
        LoadShape::Wave => ", on a wave of users",
        LoadShape::Spike => ", with a rush of users",
    };
    let telemetry = if scenario.telemetry == Quality::default() {
        ""
    } else {
        ", through bad telemetry"
    };
    let mut line = format!("{what}; {nodes} nodes, {replicas} of each role{load}{telemetry}.");
    if let Some(first) = line.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    line
}

fn told(injection: &Injection) -> String {
    let place = match &injection.target {
        Selector::Entity(entity) => entity.to_string(),
        Selector::Nodes(_) => "a node".to_owned(),
        other => other
            .service()
            .map_or_else(String::new, |service| format!("one of {service}")),
    };
    format!("{} in {place}", injection.fault.name)
}

fn narrow(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
