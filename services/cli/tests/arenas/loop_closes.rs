//! The whole way of the data, on real processes: each fault is detected on the right entity, healed, verified, stored and
//! traced, on SQLite and on PostgreSQL. Everything is done and read by the `arena` binary, as a person would.

use std::time::Duration;

use arena_config::arena::Arena as Config;
use arena_testkit::otlp::{OtlpReceiver, ReceivedSpan};
use arena_testkit::postgres::PostgresServer;
use arena_testkit::{Arena, ArenaBuilder, wait_for};
use serde_json::Value;

use crate::TURNS;

/// A fault, and what has to come of it.
struct Case {
    fault: &'static str,
    target: &'static str,
    parameters: &'static [&'static str],
    symptom: &'static str,
    cure: &'static str,
}

const CASES: [Case; 5] = [
    Case {
        fault: "crash",
        target: "node-2/edge",
        parameters: &[],
        symptom: "process_exited",
        cure: "start",
    },
    Case {
        fault: "hang",
        target: "node-3/inventory",
        parameters: &[],
        symptom: "probe_failed",
        cure: "restart",
    },
    Case {
        fault: "cpu-spike",
        target: "node-1/orders",
        parameters: &[],
        symptom: "cpu_high",
        cure: "restart",
    },
    Case {
        fault: "network-delay",
        target: "node-1/payments",
        parameters: &["latency=800ms", "jitter=100ms"],
        symptom: "latency_high",
        cure: "recover",
    },
    Case {
        fault: "storage-latency",
        target: "node-2/ledger",
        parameters: &["latency=400ms"],
        symptom: "storage_latency_high",
        cure: "restart",
    },
];

#[tokio::test]
async fn five_faults_are_healed_and_stored_in_sqlite() {
    let _turn = TURNS.alone().await;
    five_faults(None).await;
}

#[tokio::test]
async fn five_faults_are_healed_and_stored_in_postgresql() {
    let _turn = TURNS.alone().await;
    let Some(postgres) = PostgresServer::try_start() else {
        return;
    };
    five_faults(Some(&postgres.url)).await;
}

async fn five_faults(database: Option<&str>) {
    let otlp = OtlpReceiver::start().await.expect("an OTLP receiver");
    let mut builder = ArenaBuilder::new(env!("CARGO_BIN_EXE_arena"), Config::default_toml())
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", otlp.endpoint())
        .arg("--chaos");
    if let Some(url) = database {
        builder = builder.arg("--database").arg(url);
    }
    let arena = builder.start();
    let mut healed = Vec::new();
    for case in &CASES {
        await_calm(&arena).await;
        let incident = heal(&arena, case).await;
        check_incident(case, &incident);
        check_trace(&otlp, &incident).await;
        healed.push(incident["id"].clone());
    }
    await_calm(&arena).await;
    check_stored_once(&arena, &healed);

    let down = arena.run(&["down"]);
    assert!(
        down.status.success(),
        "{}",
        String::from_utf8_lossy(&down.stderr)
    );
    assert_eq!(arena.leftovers(), Vec::<String>::new());
    let up = arena.up(&["-d", "--wait"]);
    assert!(
        up.status.success(),
        "{}",
        String::from_utf8_lossy(&up.stderr)
    );
    check_stored_once(&arena, &healed);
}

/// No incident open, no fault active, every service healthy.
async fn await_calm(arena: &Arena) {
    wait_for("the arena to be calm", async || {
        let status = arena.json(&["status", "--json"]);
        let calm = status["faults_active"] == 0
            && status["degraded"].as_array().is_some_and(Vec::is_empty);
        calm.then_some(())
    })
    .await;
}

async fn heal(arena: &Arena, case: &Case) -> Value {
    let mut arguments = vec!["inject", case.fault, case.target, "--for", "50s"];
    arguments.extend(case.parameters);
    let injected = arena.run(&arguments);
    assert!(
        injected.status.success(),
        "{}",
        String::from_utf8_lossy(&injected.stderr)
    );
    let known = incidents(arena).len();
    let ended = async || {
        let found = incidents(arena).into_iter().find(|incident| {
            incident["entity"] == case.target
                && incident["symptom"] == case.symptom
                && incident["ended_at"].is_string()
        });
        tokio::time::sleep(Duration::from_millis(100)).await;
        found
    };
    let what = format!("{} on {} to be healed", case.fault, case.target);
    let waiting = wait_for(&what, ended);
    tokio::time::timeout(Duration::from_secs(55), waiting)
        .await
        .unwrap_or_else(|_| {
            let story: Vec<_> = incidents(arena);
            panic!(
                "{} was not healed; {known} incidents before, now {story:#?}\n{}",
                case.fault,
                arena.logs()
            )
        })
}

fn incidents(arena: &Arena) -> Vec<Value> {
    arena
        .json(&["incidents", "--json"])
        .as_array()
        .expect("a list")
        .clone()
}

fn check_incident(case: &Case, incident: &Value) {
    assert_eq!(incident["state"], "RESOLVED", "{incident:#}");
    assert_eq!(incident["resolution"], "REMEDIATED", "{incident:#}");
    assert_eq!(incident["root_cause"], case.target, "{incident:#}");
    let actions = incident["actions"].as_array().expect("actions");
    let last = actions.last().expect("an action");
    assert_eq!(last["action"], case.cure, "{incident:#}");
    assert_eq!(last["target"], case.target, "{incident:#}");
    assert_eq!(last["outcome"], "SUCCEEDED", "{incident:#}");
    for time in ["detect_ms", "plan_ms", "act_ms", "verify_ms"] {
        assert!(
            incident[time].as_f64().is_some_and(|ms| ms >= 0.0),
            "{time}: {incident:#}"
        );
    }
}

/// One trace tells the story: its spans, their parents, and their order in time.
async fn check_trace(otlp: &OtlpReceiver, incident: &Value) {
    let trace_id = incident["trace_id"].as_str().expect("a trace id");
    let of_trace = || -> Vec<ReceivedSpan> {
        otlp.spans()
            .into_iter()
            .filter(|span| span.trace_id.to_string() == trace_id)
            .collect()
    };
    let spans = wait_for("the root span", async || {
        let spans = of_trace();
        let complete = [
            "incident",
            "detect",
            "plan",
            "act",
            "verify",
            "process arena.command",
        ]
        .iter()
        .all(|name| spans.iter().any(|span| span.name == *name));
        complete.then_some(spans)
    })
    .await;
    let one = |name: &str| {
        spans
            .iter()
            .find(|span| span.name == name)
            .expect("it is there")
    };
    let (root, act) = (one("incident"), one("act"));
    assert_eq!(root.parent, None, "{root:?}");
    for name in ["detect", "plan", "act", "verify"] {
        assert_eq!(one(name).parent, Some(root.span_id), "{name}");
    }
    let processed = one("process arena.command");
    let acts: Vec<_> = spans
        .iter()
        .filter(|span| span.name == "act")
        .map(|span| span.span_id)
        .collect();
    assert!(
        processed
            .parent
            .as_ref()
            .is_some_and(|parent| acts.contains(parent)),
        "{processed:?}"
    );
    assert_eq!(root.start, one("detect").start);
    assert!(one("detect").end <= one("plan").end && one("plan").start <= act.start);
    assert!(act.start <= act.end && one("verify").start <= one("verify").end);
    assert!(
        spans
            .iter()
            .all(|span| span.start >= root.start && span.end <= root.end),
        "{spans:#?}"
    );
    let services: Vec<_> = ["detect", "plan", "process arena.command"]
        .map(|n| one(n).service.clone())
        .into();
    assert_eq!(
        services,
        ["arena-detector", "arena-remediator", "arena-node"]
    );
}

/// One incident a cause, one row an incident, and no incident that nobody caused.
fn check_stored_once(arena: &Arena, healed: &[Value]) {
    let listed: Vec<Value> = incidents(arena)
        .iter()
        .map(|incident| incident["id"].clone())
        .collect();
    let newest_first: Vec<Value> = healed.iter().rev().cloned().collect();
    assert_eq!(listed, newest_first, "{:#?}", incidents(arena));
}
