//! An incident as a whole, and what actions are worth, on both databases.

mod common;

use std::time::Duration;

use arena_proto::{
    ActionKind, CommandId, CommandState, Decision, Effect, EfficacyQuery, EfficacyRow, Evidence,
    IncidentEventKind, IncidentId, IncidentStory, Plan, PlanBasis, StoryQuery,
};
use arena_recorder::database::{Database, DatabaseError, NewEvent, Retained, Retention};
use arena_recorder_core::Event;
use common::{at, backends, decided, evidence, id, new_event, outcome, said, story};

async fn read(database: &Database, id: &str) -> Result<IncidentStory, DatabaseError> {
    database.story(&StoryQuery { id: id.into() }).await
}

/// The second decision of an incident: it says what the first one's command did.
fn verdict(id: &IncidentId, effect: Effect, millis: i64) -> NewEvent {
    let basis = PlanBasis {
        judged: Some((CommandId::derive(id, 1), effect)),
        ..PlanBasis::default()
    };
    let plan = decided(id, 2, Decision::Resolve, millis);
    new_event(Event::Plan(Plan { basis, ..plan }))
}

fn done(id: &IncidentId, state: CommandState, millis: i64) -> NewEvent {
    new_event(Event::Outcome(outcome(id, state, millis)))
}

#[tokio::test]
async fn a_story_is_everything_about_one_incident_in_order_with_its_evidence() {
    for backend in backends() {
        let database = backend.open().await;
        let (one, other) = (id("inc-one"), id("inc-other"));
        let mut events = story(&one, 0);
        events.push(new_event(Event::Evidence(evidence(&one, 15))));
        events.extend(story(&other, 5000));
        // The last comes first, and the evidence twice.
        events.reverse();
        database.store(at(0), &events).await.unwrap();
        database.store(at(1), &events).await.unwrap();

        let told = read(&database, "inc-one").await.unwrap();
        assert_eq!(told.incident.id, "inc-one");
        assert_eq!(told.incident.evidence_count, 1);
        assert!(told.incident.actions[0].evidence);
        assert_eq!(told.left_out, 0);
        let words: Vec<_> = told
            .events
            .iter()
            .map(|event| {
                (
                    event.kind.as_str(),
                    event.word.as_str(),
                    event.text.as_str(),
                )
            })
            .collect();
        assert_eq!(words[0], ("incident", "OPENED", "word 1"));
        assert!(words.contains(&("plan", "ACT", "decision 1")), "{words:?}");
        assert!(
            words.contains(&("command", "RESTART", "rung 1")),
            "{words:?}"
        );
        assert_eq!(words[3], ("outcome", "ACCEPTED", "done"));
        assert_eq!(words[6], ("plan", "RESOLVE", "decision 2"));
        assert_eq!(words.len(), 7);
        assert_eq!(told.events[0].body["symptom"], "cpu_high");
        let [captured] = told.evidence.as_slice() else {
            panic!("{:?}", told.evidence)
        };
        assert_eq!(captured.command_id, "cmd-inc-one.1");
        assert_eq!(captured.readings[0].metric, "cpu_percent");
        assert_eq!(captured.log, ["spinning"]);
        assert_eq!(captured.message, "the process table cannot be read");
    }
}

#[tokio::test]
async fn an_incident_is_found_by_a_prefix_that_is_its_own() {
    for backend in backends() {
        let database = backend.open().await;
        for name in ["inc-1", "inc-10", "inc_1x", "inc-2a"] {
            let opened = said(&id(name), 1, IncidentEventKind::Opened, 0);
            let opened = new_event(Event::Incident(opened));
            database.store(at(0), &[opened]).await.unwrap();
        }
        let found = async |prefix: &str| read(&database, prefix).await.map(|it| it.incident.id);
        assert_eq!(found("inc-2").await.unwrap(), "inc-2a");
        assert_eq!(found("inc_").await.unwrap(), "inc_1x");
        // A whole id is never several.
        assert_eq!(found("inc-1").await.unwrap(), "inc-1");
        let several = found("inc-").await.unwrap_err().to_string();
        assert_eq!(
            several,
            "\"inc-\" is the beginning of several incidents: inc-1, inc-10, inc-2a; give more of the id"
        );
        for unknown in ["", "inc-3", "%", "x' OR 1=1 --"] {
            let error = found(unknown).await.unwrap_err().to_string();
            assert_eq!(error, format!("there is no incident {unknown:?}"));
        }
    }
}

#[tokio::test]
async fn a_story_that_is_too_long_for_a_reply_says_what_it_leaves_out() {
    for backend in backends() {
        let database = backend.open().await;
        let id = id("inc-1");
        let mut events = story(&id, 0);
        for n in 10..50 {
            events.push(new_event(Event::Evidence(Evidence {
                command_id: CommandId::derive(&id, n),
                log: vec!["\"".repeat(1000); 100],
                ..evidence(&id, i64::from(n))
            })));
            let mut plan = decided(&id, n, Decision::Refuse, 4000);
            plan.reason = "\"".repeat(20_000);
            events.push(new_event(Event::Plan(plan)));
        }
        database.store(at(0), &events).await.unwrap();
        let told = read(&database, "inc-1").await.unwrap();
        let bytes = serde_json::to_vec(&told).unwrap().len();
        assert!(bytes < 1_000_000, "{bytes}");
        assert!(!told.evidence.is_empty() && !told.events.is_empty());
        let given = told.evidence.len() + told.events.len();
        assert_eq!(told.left_out, 40 + 47 - u64::try_from(given).unwrap());
        assert!(told.left_out > 0);
    }
}

/// A try of the action, judged or not.
fn tried(name: &str, effect: Option<Effect>) -> Vec<NewEvent> {
    let id = id(name);
    let mut events = story(&id, 0);
    events.pop();
    events.extend(effect.map(|effect| verdict(&id, effect, 4000)));
    events
}

#[tokio::test]
async fn judged_actions_are_counted_and_what_the_node_rejected_is_not() {
    for backend in backends() {
        let database = backend.open().await;
        let mut events: Vec<NewEvent> = [
            tried("inc-1", Some(Effect::Cured)),
            tried("inc-2", Some(Effect::Useless)),
            tried("inc-3", None),
        ]
        .concat();
        let rejected = id("inc-4");
        events.push(new_event(Event::Plan(decided(
            &rejected,
            1,
            Decision::Act,
            10,
        ))));
        events.push(done(&rejected, CommandState::Rejected, 20));
        // A person's command is for no incident.
        let mut persons = common::command(&id("inc-5"), 10);
        persons.incident_id = None;
        events.push(new_event(Event::Command(persons)));
        database.store(at(0), &events).await.unwrap();
        let expected = EfficacyRow {
            symptom: "cpu_high".into(),
            action: "restart".into(),
            tried: 3,
            cured: 1,
            useless: 1,
            harmful: 0,
            unknown: 0,
            cured_percent: Some(50.0),
            heal_ms_median: Some(3990.0),
        };
        let all = EfficacyQuery::default();
        let rows = database.efficacy(at(5000), &all).await.unwrap();
        assert_eq!(rows, [expected]);
        let recent = EfficacyQuery {
            since_ms: Some(1000),
        };
        assert_eq!(database.efficacy(at(5000), &recent).await.unwrap(), []);
    }
}

#[tokio::test]
async fn a_failover_of_two_commands_is_one_try() {
    for backend in backends() {
        let database = backend.open().await;
        let id = id("inc-1");
        let step = |revision, action| {
            let basis = PlanBasis {
                step: "failover".into(),
                ..PlanBasis::default()
            };
            let plan = decided(&id, revision, Decision::Act, 10);
            let action = Some(action);
            new_event(Event::Plan(Plan {
                basis,
                action,
                ..plan
            }))
        };
        let events = [step(1, ActionKind::Start), step(2, ActionKind::Drain)];
        database.store(at(0), &events).await.unwrap();
        let all = EfficacyQuery::default();
        let rows = database.efficacy(at(0), &all).await.unwrap();
        assert_eq!(rows.len(), 1);
        assert_eq!((rows[0].action.as_str(), rows[0].tried), ("failover", 1));
    }
}

#[tokio::test]
async fn evidence_goes_with_the_time_of_events() {
    for backend in backends() {
        let database = backend.open().await;
        let mut events = story(&id("inc-1"), 0);
        events.push(new_event(Event::Evidence(evidence(&id("inc-1"), 15))));
        database.store(at(0), &events).await.unwrap();
        let newer = new_event(Event::Evidence(evidence(&id("inc-2"), 15)));
        database.store(at(150_000), &[newer]).await.unwrap();
        let keep = Retention {
            events: Duration::from_secs(100),
            rollups: Duration::from_secs(100),
        };
        let removed = database.retain(at(200_000), keep).await.unwrap();
        let expected = Retained {
            events: 10,
            // An incident, an action, its evidence and a fault.
            records: 4,
            rollups: 0,
        };
        assert_eq!(removed, expected);
    }
}
