//! The filters of incidents, one command, the faults of an incident's time, and the score, on both databases.

#![expect(clippy::unwrap_used, reason = "a test")]

mod common;

use arena_proto::{
    CommandQuery, CommandState, Decision, FaultState, FaultStatus, IncidentEvent,
    IncidentEventKind, IncidentQuery, IncidentState, Resolution, ScoreQuery, Severity, StoryQuery,
};
use arena_recorder::database::{Database, DatabaseError, NewEvent};
use arena_recorder_core::Event;
use common::{at, backends, decided, fault_status, id, new_event, said, story};

/// What a query asks for.
type Set = fn(&mut IncidentQuery);

async fn ids(database: &Database, query: IncidentQuery) -> Vec<String> {
    let records = database.incidents(at(60_000), &query).await.unwrap();
    records.into_iter().map(|record| record.id).collect()
}

/// An incident of another node, still open.
fn other(name: &str, entity: &str, millis: i64) -> NewEvent {
    new_event(Event::Incident(IncidentEvent {
        entity: entity.parse().unwrap(),
        root_cause: entity.parse().unwrap(),
        symptom: "node_silent".into(),
        severity: Severity::Critical,
        ..said(&id(name), 1, IncidentEventKind::Opened, millis)
    }))
}

#[tokio::test]
async fn incidents_are_chosen_by_what_they_are() {
    for backend in backends() {
        let database = backend.open().await;
        let mut events = story(&id("inc-healed"), 0);
        events.push(other("inc-node", "node-2", 1000));
        events.push(other("inc-service", "node-2/ledger", 2000));
        let mut escalated = decided(&id("inc-service"), 1, Decision::Escalate, 3000);
        escalated.incident_state = IncidentState::Escalated;
        escalated.resolution = None;
        events.push(new_event(Event::Plan(escalated)));
        database.store(at(0), &events).await.unwrap();
        let rows: [(Set, &[&str]); 10] = [
            (|it| it.open = Some(true), &["inc-service", "inc-node"]),
            (|it| it.open = Some(false), &["inc-healed"]),
            (|it| it.state = "ESCALATED".parse().ok(), &["inc-service"]),
            (
                |it| it.entity = "node-2".parse().ok(),
                &["inc-service", "inc-node"],
            ),
            (
                |it| it.entity = "node-2/ledger".parse().ok(),
                &["inc-service"],
            ),
            (|it| it.symptom = Some("cpu_high".into()), &["inc-healed"]),
            (|it| it.severity = Some(Severity::Error), &["inc-healed"]),
            (
                |it| it.resolution = Some(Resolution::Remediated),
                &["inc-healed"],
            ),
            (|it| it.resolution = Some(Resolution::Manual), &[]),
            (
                |it| (it.open, it.before) = (Some(true), Some("inc-service".into())),
                &["inc-node"],
            ),
        ];
        for (set, expected) in rows {
            let mut query = IncidentQuery::default();
            set(&mut query);
            assert_eq!(ids(&database, query.clone()).await, expected, "{query:?}");
        }
    }
}

#[tokio::test]
async fn a_command_is_told_with_its_incident() {
    for backend in backends() {
        let database = backend.open().await;
        database
            .store(at(0), &story(&id("inc-1"), 0))
            .await
            .unwrap();
        let query = CommandQuery {
            id: "cmd-inc-1.1".into(),
        };
        let told = database.command(&query).await.unwrap();
        assert_eq!(told.state, CommandState::Succeeded);
        assert_eq!(told.issuer.as_deref(), Some("remediator"));
        assert_eq!(told.incident_id.as_deref(), Some("inc-1"));
        assert_eq!(told.at, at(510));
        let unknown = CommandQuery { id: "cmd".into() };
        let error = database.command(&unknown).await.unwrap_err();
        assert!(matches!(error, DatabaseError::NoSuch { .. }), "{error}");
    }
}

fn over(name: &str, state: FaultState, from: i64, to: i64) -> [NewEvent; 2] {
    let over = FaultStatus {
        at: at(to),
        active_at: Some(at(from)),
        reverted_at: Some(at(to)),
        ..fault_status(name, state, to)
    };
    let active = fault_status(name, FaultState::Active, from);
    [active, over].map(|status| new_event(Event::FaultStatus(status)))
}

#[tokio::test]
async fn the_faults_of_its_time_are_told_once_an_incident_is_over() {
    for backend in backends() {
        let database = backend.open().await;
        let incident = id("inc-1");
        // First seen at 18,000, opened at 20,000, ended at 23,010; `flt-inc-1` is in effect from 17,100 on.
        let mut events = story(&incident, 20_000);
        let last = events.pop().unwrap();
        events.extend(over("flt-before", FaultState::Reverted, 1000, 12_900));
        events.extend(over("flt-close", FaultState::Reverted, 1000, 13_100));
        events.extend(over("flt-after", FaultState::Reverted, 28_100, 30_000));
        database.store(at(0), &events).await.unwrap();
        let query = StoryQuery { id: "inc-1".into() };
        assert_eq!(database.story(&query).await.unwrap().faults, None);
        database.store(at(0), &[last]).await.unwrap();
        let faults = database.story(&query).await.unwrap().faults.unwrap();
        let ids: Vec<_> = faults.iter().map(|fault| fault.id.as_str()).collect();
        assert_eq!(ids, ["flt-close", "flt-inc-1"]);
    }
}

#[tokio::test]
async fn the_score_counts_a_time_and_matches_what_reaches_into_it() {
    for backend in backends() {
        let database = backend.open().await;
        let mut events = story(&id("inc-1"), 0);
        events.extend(over("flt-missed", FaultState::Reverted, 100_000, 110_000));
        events.push(other("inc-alarm", "node-2/ledger", 200_000));
        // What is open goes on for ever, and would be near every later fault.
        let mut closed = decided(&id("inc-alarm"), 1, Decision::Resolve, 201_000);
        closed.resolution = Some(Resolution::FalseAlarm);
        events.push(new_event(Event::Plan(closed)));
        database.store(at(0), &events).await.unwrap();
        let all = ScoreQuery::default();
        let score = database.score(at(300_000), &all).await.unwrap();
        assert!(score.complete);
        assert_eq!(
            (score.faults.total.injected, score.faults.total.seen),
            (2, 1)
        );
        assert_eq!(score.faults.by_family["resource"].injected, 2);
        assert_eq!((score.incidents.opened, score.incidents.open), (2, 0));
        assert_eq!(score.incidents.by_resolution["FALSE_ALARM"], 1);
        assert_eq!(score.matching.explained, 1);
        assert_eq!(score.matching.without_fault_ids, ["inc-alarm"]);
        assert_eq!(score.matching.missed_ids, ["flt-missed"]);
        assert_eq!(score.actions.tried, 1);
        // From 50,000 on.
        let since = ScoreQuery {
            since_ms: Some(250_000),
        };
        let score = database.score(at(300_000), &since).await.unwrap();
        assert_eq!(
            (score.faults.total.injected, score.incidents.opened),
            (1, 1)
        );
        assert_eq!(score.actions.tried, 0);
    }
}
