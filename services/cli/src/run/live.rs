//! One run on real processes: steady state, faults, watch, judge, clean up.
//!
//! Invariant: whatever happens in between, an interrupt too, the faults are undone and an arena of its own is stopped.

use std::future::Future;

use arena_bus::{Bus, NatsArgs};
use arena_expression::Mistake;
use arena_operator::Order;
use arena_proto::Timestamp;
use arena_scenario::Scenario;
use arena_scenario::judge::{self, Policy};
use arena_scenario::record::{CleanUp, Ending, FORMAT, Head, Milestones, Mode, Record, Versions};
use arena_scenario::watch::{self, Reference, Steady, SteadyWatch, View};

use super::clean;
use super::eyes::Eyes;
use super::ground::Ground;
use super::record;
use super::tell::Teller;
use super::villain::Villain;
use crate::exit::{Exit, Failure};
use crate::{client, people};

/// What a run is made with.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// Who heals.
    pub policy: Policy,
    /// The running arena; `None`: one of its own.
    pub attach: Option<NatsArgs>,
    /// The run's name goes before each line: several are told at once.
    pub named: bool,
}

/// How it was when the run began.
struct Before {
    began_at: Timestamp,
    load1: Option<f64>,
}

/// What a run has at hand, so that it can be cleaned up wherever it was left.
struct Session {
    ground: Ground,
    bus: Option<Bus>,
    eyes: Option<Eyes>,
}

/// Plays a scenario until its end, or until `interrupted`. The record tells how it went; an error is what kept it from being played.
pub(crate) async fn play(
    scenario: &Scenario,
    options: &Options,
    interrupted: impl Future<Output = Failure>,
) -> Result<Record, Failure> {
    let before = Before {
        began_at: people::now(),
        load1: record::load1(),
    };
    let ground = match &options.attach {
        Some(nats) => Ground::attached(nats.clone()),
        None => Ground::own(scenario)?,
    };
    let mut session = Session {
        ground,
        bus: None,
        eyes: None,
    };
    let watched = tokio::select! {
        watched = watch(&mut session, scenario, options) => watched,
        failure = interrupted => Err(failure),
    };
    let left = clean::clean(
        &mut session.ground,
        session.bus.as_ref(),
        session.eyes.as_mut(),
    )
    .await;
    let steady = match watched {
        Ok(steady) => steady,
        Err(failure) if left.clean => return Err(failure),
        Err(failure) => {
            let what = format!(
                "{:#}\n  and the clean-up: {}",
                failure.error,
                in_words(&left)
            );
            return Err(failure.exit.because(what));
        }
    };
    let Some(eyes) = session.eyes else {
        return Err(Exit::Failed.because("nothing was seen"));
    };
    record(scenario, options, &before, steady, eyes.view, left)
}

/// False: there was no steady state, and nothing was injected.
async fn watch(
    session: &mut Session,
    scenario: &Scenario,
    options: &Options,
) -> Result<bool, Failure> {
    let bus = session.ground.start(scenario, options.policy).await?;
    let bus = session.bus.insert(bus);
    let teller = if options.named {
        Teller::with_name(&scenario.name)
    } else {
        Teller::default()
    };
    let eyes = Eyes::open(bus, View::new(scenario, options.policy), teller).await?;
    let eyes = session.eyes.insert(eyes);
    if !steady_state(eyes, scenario).await? {
        return Ok(false);
    }
    let mut reference = Reference::default();
    let operator = client::person(bus.clone());
    eyes.begin();
    let mut villain = Villain::begin(&operator, scenario, eyes.now_ms()).await?;
    loop {
        let at_ms = eyes.tick().await?;
        for refused in villain.watch(&operator, &mut eyes.view, at_ms).await? {
            eyes.note("refused", "", refused);
        }
        if options.policy == Policy::Reference
            && let Some((action, target)) = reference.next(at_ms, scenario, &eyes.view)
        {
            let order = Order {
                action,
                target: target.clone(),
                params: watch::params(action),
                reason: "the scenario's reference cure".to_owned(),
            };
            let what = match operator.act(order, people::now()).await {
                Ok(_) => format!("{} {target}, because it is to blame", action.verb()),
                Err(error) => format!("{} {target}: {error}", action.verb()),
            };
            eyes.note("act", &target.to_string(), what);
        }
        if let Some(why) = watch::over(scenario, &eyes.view, villain.has_played(at_ms), at_ms)
            .map_err(bad_check)?
        {
            eyes.note(why.0, "", why.1);
            return Ok(true);
        }
    }
}

/// Waits for it; false when it does not come in time.
async fn steady_state(eyes: &mut Eyes, scenario: &Scenario) -> Result<bool, Failure> {
    let mut steady = SteadyWatch::new(scenario).map_err(bad_check)?;
    loop {
        let at_ms = eyes.tick().await?;
        match steady.step(at_ms, &eyes.view.sample(at_ms)) {
            Steady::Wanted => {}
            Steady::Found { since_ms } => {
                eyes.note("steady", "", format!("all is well since {since_ms} ms"));
                return Ok(true);
            }
            Steady::Missed(why) => {
                eyes.note("unsteady", "", why);
                return Ok(false);
            }
        }
    }
}

fn record(
    scenario: &Scenario,
    options: &Options,
    before: &Before,
    steady: bool,
    mut view: View,
    clean_up: CleanUp,
) -> Result<Record, Failure> {
    let facts = view.end();
    let (verdict, score) = if steady {
        let verdict = judge::judge(scenario, &facts).map_err(bad_check)?;
        let score = arena_referee::score(scenario, &facts).map_err(bad_check)?;
        (Some(verdict), Some(score))
    } else {
        (None, None)
    };
    let mut why = Vec::new();
    let ending = match (&verdict, &score) {
        (Some(_), Some(score)) if score.passed && clean_up.clean => Ending::Met,
        (Some(verdict), Some(score)) => {
            // The judge's word first; the referee's where the judge has nothing to say.
            let words = [verdict.why_not(), score.why_not()];
            why.extend(words.into_iter().find(|why| !why.is_empty()));
            Ending::Failed
        }
        _ => {
            let last = view
                .events
                .iter()
                .rev()
                .find(|event| event.kind == "unsteady");
            why.extend(last.map(|event| event.what.clone()));
            Ending::NoSteadyState
        }
    };
    if !clean_up.clean {
        why.push(format!("the clean-up: {}", in_words(&clean_up)));
    }
    Ok(Record {
        format: FORMAT,
        ending,
        why: why.join("; "),
        mode: Mode::Live,
        sim: None,
        scenario: Head::of(scenario),
        scenario_toml: scenario.to_toml(),
        attached: options.attach.is_some(),
        versions: Versions {
            arena: env!("CARGO_PKG_VERSION").to_owned(),
        },
        machine: record::machine(before.load1),
        began_at: before.began_at,
        milestones: Milestones::of(&view.events),
        verdict,
        score,
        clean_up,
        timeline: view.events,
        facts,
    })
}

/// A scenario that was read has none.
#[expect(clippy::needless_pass_by_value, reason = "as `map_err` wants it")]
fn bad_check(mistake: Mistake) -> Failure {
    Exit::Usage.because(format!("{}\n  mend: {}", mistake.what, mistake.mend))
}

fn in_words(left: &CleanUp) -> String {
    let lists = [
        ("faults still there", &left.faults),
        ("processes still there", &left.processes),
        ("files still there", &left.files),
        ("", &left.errors),
    ];
    let mut words: Vec<String> = lists
        .iter()
        .filter(|(_, list)| !list.is_empty())
        .map(|(what, list)| format!("{what} {}", list.join(", ")))
        .collect();
    if left.arena == "unhealthy" {
        words.push("the arena is not healthy again".to_owned());
    }
    words.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every key of a JSON object and of what is in it, but for lists that are empty.
    fn keys(value: &serde_json::Value, found: &mut Vec<String>) {
        match value {
            serde_json::Value::Object(fields) => {
                for (key, value) in fields {
                    found.push(key.clone());
                    keys(value, found);
                }
            }
            serde_json::Value::Array(items) => items.iter().for_each(|item| keys(item, found)),
            _ => {}
        }
    }

    /// One of everything that a list may have.
    fn fill(facts: &mut judge::Facts) {
        let entity: arena_proto::Entity = "node-1/orders".parse().unwrap();
        let (at_ms, service) = (0, entity.service.clone().unwrap());
        facts.samples.push(judge::Sample::default());
        facts.roles.push(judge::RoleFact {
            service,
            replicas: 2,
        });
        facts.states.push(judge::StateFact {
            at_ms,
            entity: entity.clone(),
            healthy: true,
            drained: false,
            throttled: false,
        });
        let hurt = judge::HurtFact {
            at_ms,
            entity: entity.clone(),
            hurt: true,
        };
        facts.truth = Some(judge::TruthFact {
            users: vec![judge::Sample::default()],
            hurt: vec![hurt],
        });
        let blame = judge::BlameFact {
            at_ms,
            candidates: vec![entity.clone()],
        };
        facts.incidents.push(judge::IncidentFact {
            id: "inc-1".to_owned(),
            entity: entity.clone(),
            symptom: "cpu_high".to_owned(),
            root_cause: entity.clone(),
            opened_ms: at_ms,
            cleared_ms: None,
            planned_ms: None,
            escalated_ms: None,
            resolution: None,
            resolved_ms: None,
            blames: vec![blame],
        });
        facts.actions.push(judge::ActionFact {
            command: "c-1".to_owned(),
            action: arena_proto::ActionKind::Restart,
            target: entity,
            incident: None,
            risk: None,
            issued_ms: at_ms,
            began_ms: None,
            end_ms: None,
            outcome: arena_proto::CommandState::Succeeded,
            message: String::new(),
        });
    }

    #[test]
    fn the_docs_tell_every_field_of_a_record() {
        let (_, text) = arena_scenario::curated()[0];
        let scenario = Scenario::parse("curated", text).unwrap();
        let mut view = View::new(&scenario, Policy::None);
        view.note(0, "steady", "", "all is well");
        fill(&mut view.facts);
        let options = Options {
            policy: Policy::None,
            attach: None,
            named: false,
        };
        let before = Before {
            began_at: Timestamp::EPOCH,
            load1: None,
        };
        let record = record(&scenario, &options, &before, true, view, CleanUp::default()).unwrap();
        let mut found = Vec::new();
        keys(&serde_json::to_value(&record).unwrap(), &mut found);
        let docs = include_str!("../../../../docs/runs.md");
        let untold: Vec<&String> = found
            .iter()
            .filter(|key| {
                !docs.contains(&format!("`{key}`")) && !docs.contains(&format!("`facts.{key}`"))
            })
            .collect();
        assert!(untold.is_empty(), "docs/runs.md does not tell {untold:?}");
    }
}
