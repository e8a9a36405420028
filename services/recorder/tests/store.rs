//! What is stored and read back, on both databases.

#![expect(clippy::unwrap_used, reason = "a test")]

mod common;

use std::time::Duration;

use arena_proto::{
    Decision, FaultState, IncidentEventKind, IncidentQuery, IncidentRecord, Plan, Summary,
};
use arena_recorder::database::{Database, NewEvent, PendingRollup, Retained, Retention, SeriesIds};
use arena_recorder_core::{Event, IncidentFacts, Reading, Rollup};
use common::{at, backends, decided, fault_request, fault_status, id, new_event, said, story};
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};

async fn count(look: &DatabaseConnection, table: &str) -> i64 {
    let sql = format!("SELECT count(*) AS n FROM {table}");
    let statement = Statement::from_string(look.get_database_backend(), sql);
    let row = look.query_one_raw(statement).await.unwrap().unwrap();
    row.try_get("", "n").unwrap()
}

async fn counts(look: &DatabaseConnection) -> [i64; 4] {
    [
        count(look, "events").await,
        count(look, "incidents").await,
        count(look, "actions").await,
        count(look, "faults").await,
    ]
}

fn folded(events: &[NewEvent]) -> IncidentRecord {
    let mut facts = IncidentFacts::default();
    for event in events {
        facts.apply(&event.event);
    }
    facts.record(&id("inc-1")).unwrap()
}

async fn read(database: &Database, query: IncidentQuery) -> Vec<IncidentRecord> {
    database.incidents(at(60_000), &query).await.unwrap()
}

#[tokio::test]
async fn rows_are_the_fold_of_their_events_whatever_comes_twice_and_in_which_order() {
    for backend in backends() {
        let database = backend.open().await;
        let look = backend.look().await;
        let mut events = story(&id("inc-1"), 0);
        let expected = folded(&events);
        events.reverse();
        let (late, early) = events.split_at(4);
        // In two batches, each with an event twice, and each delivered again.
        for batch in [late, early, late, early] {
            let twice: Vec<NewEvent> = batch.iter().chain(&batch[..1]).cloned().collect();
            database.store(at(10_000), &twice).await.unwrap();
        }
        assert_eq!(counts(&look).await, [9, 1, 1, 1]);
        assert_eq!(read(&database, IncidentQuery::default()).await, [expected]);
        assert_eq!(database.store(at(20_000), &events).await.unwrap(), 0);
        let summary = database.summary(at(10_000)).await.unwrap();
        let expected = Summary {
            incidents_open: 0,
            faults_active: 1,
            incidents_total: 1,
            events_total: 9,
            database: database.kind().into(),
        };
        assert_eq!(summary, expected);
        look.close().await.unwrap();
    }
}

#[tokio::test]
async fn columns_say_what_the_record_says() {
    for backend in backends() {
        let database = backend.open().await;
        let look = backend.look().await;
        database
            .store(at(0), &story(&id("inc-1"), 0))
            .await
            .unwrap();
        let sql = "SELECT state, resolution, opened_at_ns, ended_at_ns, detect_ms, plan_ms, act_ms, verify_ms \
                   FROM incidents";
        let statement = Statement::from_string(look.get_database_backend(), sql);
        let row = look.query_one_raw(statement).await.unwrap().unwrap();
        let text = |name| row.try_get::<String>("", name).unwrap();
        let number = |name| row.try_get::<f64>("", name).unwrap();
        let time = |name| row.try_get::<i64>("", name).unwrap();
        assert_eq!(
            (text("state"), text("resolution")),
            ("RESOLVED".into(), "REMEDIATED".into())
        );
        assert_eq!(time("opened_at_ns"), at(0).unix_nanos());
        assert_eq!(time("ended_at_ns"), at(3010).unix_nanos());
        let times = ["detect_ms", "plan_ms", "act_ms", "verify_ms"].map(number);
        assert_eq!(
            times.map(|ms| format!("{ms}")),
            ["2000", "10", "500", "2500"]
        );
        look.close().await.unwrap();
    }
}

#[tokio::test]
async fn a_plan_that_comes_first_waits_for_its_incident() {
    for backend in backends() {
        let database = backend.open().await;
        let id = id("inc-1");
        let plan = new_event(Event::Plan(decided(&id, 1, Decision::Act, 10)));
        database.store(at(0), &[plan]).await.unwrap();
        assert!(read(&database, IncidentQuery::default()).await.is_empty());
        assert_eq!(database.summary(at(0)).await.unwrap().incidents_total, 0);
        let opened = new_event(Event::Incident(said(&id, 1, IncidentEventKind::Opened, 0)));
        database.store(at(0), &[opened]).await.unwrap();
        let records = read(&database, IncidentQuery::default()).await;
        assert_eq!(records[0].actions[0].outcome, "REQUESTED");
        let summary = database.summary(at(0)).await.unwrap();
        assert_eq!((summary.incidents_total, summary.incidents_open), (1, 1));
    }
}

#[tokio::test]
async fn texts_that_no_database_likes_are_stored() {
    for backend in backends() {
        let database = backend.open().await;
        let id = id("inc-1");
        let mut event = said(&id, 1, IncidentEventKind::Opened, 0);
        event.reason = "nul \0, quote ', \u{1b}[31m, \u{10ffff}".into();
        let mut event = new_event(Event::Incident(event));
        event.event_id = format!("\0{}", "é".repeat(1000));
        database.store(at(0), &[event.clone()]).await.unwrap();
        assert_eq!(database.store(at(0), &[event]).await.unwrap(), 0);
        let records = read(&database, IncidentQuery::default()).await;
        assert_eq!(records[0].reason, "nul  , quote ',  [31m, \u{10ffff}");
    }
}

#[tokio::test]
async fn pages_go_from_new_to_old_without_a_gap() {
    for backend in backends() {
        let database = backend.open().await;
        // Three of each time: the id decides among them.
        let events: Vec<NewEvent> = (0..450)
            .map(|n| {
                let id = id(&format!("inc-{n:03}"));
                said(&id, 1, IncidentEventKind::Opened, i64::from(n / 3) * 1000)
            })
            .map(|event| new_event(Event::Incident(event)))
            .collect();
        for batch in events.chunks(256) {
            database.store(at(0), batch).await.unwrap();
        }
        let mut ids = Vec::new();
        let mut pages = Vec::new();
        loop {
            let query = IncidentQuery {
                limit: Some(1000),
                before: ids.last().cloned(),
                ..IncidentQuery::default()
            };
            let page = read(&database, query).await;
            if page.is_empty() {
                break;
            }
            pages.push(page.len());
            ids.extend(page.into_iter().map(|record| record.id));
        }
        let expected: Vec<String> = (0..450).rev().map(|n| format!("inc-{n:03}")).collect();
        assert_eq!(ids, expected);
        assert_eq!(pages, [200, 200, 50]);

        let limited = IncidentQuery {
            limit: Some(2),
            ..IncidentQuery::default()
        };
        assert_eq!(read(&database, limited).await.len(), 2);
        let since = IncidentQuery {
            since_ms: Some(1000),
            limit: Some(200),
            ..IncidentQuery::default()
        };
        // The last ones opened at 149 s; "now" is a second later.
        let recent = database.incidents(at(150_000), &since).await.unwrap();
        assert_eq!(recent.len(), 3);
        let one = IncidentQuery {
            id: Some("inc-007".into()),
            ..IncidentQuery::default()
        };
        assert_eq!(read(&database, one).await.len(), 1);
        let prefix = IncidentQuery {
            id: Some("inc-00".into()),
            ..IncidentQuery::default()
        };
        assert!(read(&database, prefix).await.is_empty());
        let unknown = IncidentQuery {
            before: Some("inc-x".into()),
            ..IncidentQuery::default()
        };
        let error = database.incidents(at(0), &unknown).await.unwrap_err();
        assert_eq!(error.to_string(), "there is no incident \"inc-x\"");
    }
}

#[tokio::test]
async fn a_page_of_large_records_fits_a_message() {
    for backend in backends() {
        let database = backend.open().await;
        for n in 0..60 {
            let id = id(&format!("inc-{n:02}"));
            let plans = (1..=40).map(|revision| {
                let plan = decided(&id, revision, Decision::Act, 0);
                let reason = "\"".repeat(900);
                new_event(Event::Plan(Plan { reason, ..plan }))
            });
            let opened = new_event(Event::Incident(said(&id, 1, IncidentEventKind::Opened, n)));
            let batch: Vec<NewEvent> = plans.chain([opened]).collect();
            database.store(at(0), &batch).await.unwrap();
        }
        let query = IncidentQuery {
            limit: Some(200),
            ..IncidentQuery::default()
        };
        let page = read(&database, query).await;
        let bytes = serde_json::to_vec(&page).unwrap().len();
        assert!(
            (1..60).contains(&page.len()) && bytes < 1_000_000,
            "{bytes}"
        );
    }
}

#[tokio::test]
async fn faults_newest_first_and_only_those_in_effect_are_active() {
    for backend in backends() {
        let database = backend.open().await;
        let events: Vec<NewEvent> = [
            Event::Fault(fault_request("flt-1", 0)),
            Event::FaultStatus(fault_status("flt-1", FaultState::Active, 100)),
            Event::FaultStatus(fault_status("flt-1", FaultState::Reverted, 200)),
            Event::Fault(fault_request("flt-2", 1000)),
            Event::FaultStatus(fault_status("flt-2", FaultState::Active, 1100)),
            Event::Fault(fault_request("flt-3", 2000)),
        ]
        .into_iter()
        .map(new_event)
        .collect();
        database.store(at(0), &events).await.unwrap();
        let faults = database.faults().await.unwrap();
        let states: Vec<_> = faults
            .iter()
            .map(|fault| (fault.id.as_str(), fault.state.as_str()))
            .collect();
        let expected = [
            ("flt-3", "REQUESTED"),
            ("flt-2", "ACTIVE"),
            ("flt-1", "REVERTED"),
        ];
        assert_eq!(states, expected);
        let active = async |millis| database.summary(at(millis)).await.unwrap().faults_active;
        assert_eq!(active(2000).await, 1);
        // Past its time to live, though nobody said that it was reverted.
        assert_eq!(active(31_101).await, 0);
    }
}

#[tokio::test]
async fn rollups_are_rows_and_a_bucket_in_two_parts_adds_up() {
    let reading = |count, min, max, sum, last| Reading {
        count,
        min,
        max,
        sum,
        last,
    };
    let rollup = |start, load, cpu| {
        let series = |entity: &str, metric: &str| arena_recorder_core::Series {
            entity: entity.parse().unwrap(),
            metric: metric.into(),
        };
        Rollup {
            start: at(start),
            readings: [
                (series("node-1", "load1"), load),
                (series("node-1/orders", "cpu_percent"), cpu),
            ]
            .into(),
        }
    };
    for backend in backends() {
        let database = backend.open().await;
        let look = backend.look().await;
        let mut first =
            PendingRollup::new(rollup(0, reading(2, 1.0, 3.0, 4.0, 3.0), Reading::of(5.0)));
        let mut ids = SeriesIds::default();
        // The second time is what an attempt looks like whose commit was not answered.
        for _ in 0..2 {
            database.store_rollup(&mut ids, &mut first).await.unwrap();
        }
        let mut next = PendingRollup::new(rollup(10_000, Reading::of(9.0), Reading::of(9.0)));
        database.store_rollup(&mut ids, &mut next).await.unwrap();
        // A recorder that started anew in the midst of the first bucket.
        let rest = rollup(0, reading(1, 0.5, 0.5, 0.5, 0.5), Reading::of(7.0));
        let mut rest = PendingRollup::new(rest);
        let mut ids = SeriesIds::default();
        database.store_rollup(&mut ids, &mut rest).await.unwrap();

        let sql = "SELECT s.node, s.service, s.metric, r.count, r.min, r.max, r.sum, r.last FROM rollups r \
                   JOIN series s ON s.id = r.series_id ORDER BY r.bucket_start_ns, s.metric";
        let statement = Statement::from_string(look.get_database_backend(), sql);
        let rows = look.query_all_raw(statement).await.unwrap();
        let rows: Vec<_> = rows
            .iter()
            .map(|row| {
                let text = |name| row.try_get::<String>("", name).unwrap();
                let number = |name| row.try_get::<f64>("", name).unwrap();
                let count = row.try_get::<i64>("", "count").unwrap();
                (
                    format!("{}/{} {}", text("node"), text("service"), text("metric")),
                    reading(
                        count,
                        number("min"),
                        number("max"),
                        number("sum"),
                        number("last"),
                    ),
                )
            })
            .collect();
        let cpu = "node-1/orders cpu_percent".to_owned();
        let load = "node-1/_ load1".to_owned();
        let expected = [
            (cpu.clone(), reading(2, 5.0, 7.0, 12.0, 7.0)),
            (load.clone(), reading(3, 0.5, 3.0, 4.5, 0.5)),
            (cpu, Reading::of(9.0)),
            (load, Reading::of(9.0)),
        ];
        assert_eq!(rows, expected);
        assert_eq!(count(&look, "series").await, 2);
        look.close().await.unwrap();
    }
}

#[tokio::test]
async fn retention_removes_what_is_old_and_nothing_else() {
    for backend in backends() {
        let database = backend.open().await;
        let look = backend.look().await;
        let keep = Retention {
            events: Duration::from_secs(100),
            rollups: Duration::from_secs(10),
        };
        // More than a batch, at many times.
        for n in 0..2500_i64 {
            let id = id(&format!("inc-old-{n}"));
            let opened = said(&id, 1, IncidentEventKind::Opened, n);
            if n % 250 == 0 {
                let batch: Vec<NewEvent> = (0..250)
                    .map(|m| {
                        let mut event = new_event(Event::Incident(opened.clone()));
                        event.event_id = format!("{n}-{m}");
                        event
                    })
                    .collect();
                database.store(at(n), &batch).await.unwrap();
            }
        }
        database
            .store(at(150_000), &story(&id("inc-new"), 0))
            .await
            .unwrap();
        let mut ids = SeriesIds::default();
        for start in [0, 180_000, 190_000] {
            let series = arena_recorder_core::Series {
                entity: common::entity(),
                metric: "cpu_percent".into(),
            };
            let rollup = Rollup {
                start: at(start),
                readings: [(series, Reading::of(1.0))].into(),
            };
            let mut rollup = PendingRollup::new(rollup);
            database.store_rollup(&mut ids, &mut rollup).await.unwrap();
        }
        let removed = database.retain(at(200_000), keep).await.unwrap();
        let expected = Retained {
            events: 2500,
            records: 10,
            rollups: 2,
        };
        assert_eq!(removed, expected);
        assert_eq!(counts(&look).await, [9, 1, 1, 1]);
        assert_eq!(count(&look, "rollups").await, 1);
        assert_eq!(
            database.retain(at(200_000), keep).await.unwrap(),
            Retained::default()
        );
        // What was ever stored does not shrink.
        assert_eq!(database.summary(at(0)).await.unwrap().events_total, 2509);
        look.close().await.unwrap();
    }
}

#[tokio::test]
async fn reading_does_not_wait_for_a_writer() {
    for backend in backends() {
        let database = backend.open().await;
        database
            .store(at(0), &story(&id("inc-1"), 0))
            .await
            .unwrap();
        let look = backend.look().await;
        // Holds the write lock of either database, as a long transaction of another program would.
        let transaction = sea_orm::TransactionTrait::begin(&look).await.unwrap();
        transaction
            .execute_unprepared("UPDATE incidents SET symptom = 'x'")
            .await
            .unwrap();
        let writing = tokio::spawn({
            let database = database.clone();
            async move { database.store(at(0), &story(&id("inc-1"), 5)).await }
        });
        let many = (0..20).map(|_| read(&database, IncidentQuery::default()));
        for page in futures::future::join_all(many).await {
            assert_eq!(page.len(), 1);
        }
        transaction.rollback().await.unwrap();
        assert_eq!(writing.await.unwrap().unwrap(), 0);
        look.close().await.unwrap();
    }
}

#[tokio::test]
async fn two_recorders_on_one_database_lose_nothing() {
    for backend in backends() {
        let (one, other) = tokio::join!(backend.open(), backend.open());
        let events = story(&id("inc-1"), 0);
        let expected = folded(&events);
        let store = async |database: &Database| {
            let mut new = 0;
            for event in &events {
                let event = std::slice::from_ref(event);
                new += database.store(at(0), event).await.unwrap();
            }
            new
        };
        let (new_one, new_other) = tokio::join!(store(&one), store(&other));
        assert_eq!(new_one + new_other, 9);
        assert_eq!(read(&one, IncidentQuery::default()).await, [expected]);
    }
}
