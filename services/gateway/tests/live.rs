//! The live events of the real program, over a real socket, with a real bus that comes and goes.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::collections::BTreeMap;
use std::time::Duration;

use arena_bus::{Bus, BusError};
use arena_chassis::Clock;
use arena_operator::Operator;
use arena_proto::{
    Column, Control, LeverPosition, NodeName, NodeStatus, Observer, ObserverState, Pause,
    ProbeVerdict, ProcessState, Schema, ServiceDetail, ServiceName, ServiceStatus, Telemetry,
};
use arena_testkit::{NatsServer, wait_for};
use arena_view::status::report;
use common::page::{Page, Told};
use common::{GatewayProcess, arena, at, opened, resolved};
use serde_json::{Value, json};

fn node() -> NodeName {
    NodeName::new("node-1").unwrap()
}

fn status() -> NodeStatus {
    NodeStatus {
        node: node(),
        boot_id: 1,
        pid: 1,
        state: ProcessState::Running,
        chaos: false,
        services: vec![ServiceStatus {
            name: ServiceName::new("orders").unwrap(),
            state: ProcessState::Running,
            probe: ProbeVerdict::Passing,
            pid: Some(2),
            generation: 1,
            restarts: 0,
            port: None,
            proxy_port: None,
            depends_on: Vec::new(),
            since: at(0),
            exit_code: None,
            message: String::new(),
            detail: ServiceDetail::default(),
        }],
        at: at(0),
        quarantined: false,
        restart_owner: None,
        fence: 0,
    }
}

fn storm() -> Observer {
    Observer {
        detector: "one".to_owned(),
        state: ObserverState::Storm,
        reason: "2 of 3 nodes are silent".to_owned(),
        since: at(2),
        silent: 2,
        known: 3,
        at: at(2),
    }
}

fn schema() -> Schema {
    Schema {
        node: node(),
        columns: vec![Column {
            service: None,
            metric: "cpu_percent".to_owned(),
        }],
        services: Vec::new(),
    }
}

async fn tell(bus: &Bus, seq: u64) -> Result<(), BusError> {
    let telemetry = Telemetry {
        node: node(),
        boot_id: 1,
        seq,
        schema_id: schema().id(),
        time: at(0),
        values: vec![12.5],
        services: [].into(),
    };
    bus.publish_telemetry(&telemetry).await
}

/// A node that tells of itself.
async fn with_node(bus: &Bus) {
    bus.put_schema(&schema()).await.unwrap();
    bus.put_status(&status()).await.unwrap();
}

async fn started() -> (NatsServer, Bus, GatewayProcess) {
    let (nats, bus) = arena().await;
    let gateway = GatewayProcess::start(&nats, &[], &[]).await;
    caught_up(&gateway).await;
    (nats, bus, gateway)
}

async fn caught_up(gateway: &GatewayProcess) {
    wait_for("the gateway to know the past", async || {
        let health = gateway.get("/healthz")?;
        (health["bus"]["caught_up"] == json!(true)).then_some(())
    })
    .await;
}

fn is_incident<'a>(id: &'a str, state: &'a str) -> impl Fn(&Told) -> bool + 'a {
    move |told| told.name == "incident" && told.data["id"] == id && told.data["state"] == state
}

/// Every number from the first to the last, once.
fn assert_no_gap(read: &[Told]) {
    let numbers: Vec<u64> = read
        .iter()
        .filter(|told| told.id.is_some())
        .map(Told::seq)
        .collect();
    let expected: Vec<u64> = (numbers[0]..).take(numbers.len()).collect();
    assert_eq!(numbers, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_gets_a_snapshot_and_then_each_change() {
    let (_nats, bus, gateway) = started().await;
    bus.publish(&opened("inc-1"), None).await.unwrap();
    wait_for("the incident", async || {
        let page = Page::open(gateway.port, "", None);
        let first = page.next()?;
        assert_eq!(first.name, "snapshot");
        (first.data["incidents"][0]["id"] == "inc-1").then_some(())
    })
    .await;

    let page = Page::open(gateway.port, "", None);
    with_node(&bus).await;
    tell(&bus, 1).await.unwrap();
    bus.publish(&resolved("inc-1"), None).await.unwrap();
    let mut read = page.until("the end", is_incident("inc-1", "RESOLVED"));
    let heard = |told: &Told| told.name == "node" && told.data["state"] == "RUNNING";
    if !read.iter().any(heard) {
        read.extend(page.until("the node", heard));
    }
    read.extend(page.until("samples", |told| told.name == "samples"));
    assert_no_gap(&read);
    let samples = read.last().unwrap();
    assert_eq!(
        samples.data["nodes"],
        json!({"node-1": {"": {"cpu_percent": 12.5}}})
    );
    assert_eq!(read[0].name, "snapshot");
    assert_eq!(read[0].data["seq"], json!(read[0].seq()));

    let report = gateway
        .get("/api/v1/samples?entity=node-1&since=1m")
        .unwrap();
    assert_eq!(report["series"][0]["metric"], "cpu_percent");
    assert!(gateway.get("/api/v1/samples?since=soon").is_none(), "400");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_back_gets_what_it_missed_once() {
    let (_nats, bus, gateway) = started().await;
    let page = Page::open(gateway.port, "samples=false", None);
    bus.publish(&opened("inc-1"), None).await.unwrap();
    let mut read = page.until("the first", is_incident("inc-1", "OPEN"));
    drop(page);

    let last = read.last().unwrap().id.clone();
    bus.publish(&opened("inc-2"), None).await.unwrap();
    bus.publish(&resolved("inc-2"), None).await.unwrap();
    let page = Page::open(gateway.port, "samples=false", last.as_deref());
    bus.publish(&opened("inc-3"), None).await.unwrap();
    let missed = page.until("the third", is_incident("inc-3", "OPEN"));
    assert!(
        missed.iter().any(is_incident("inc-2", "OPEN")),
        "{missed:#?}"
    );
    assert!(missed.iter().any(is_incident("inc-2", "RESOLVED")));
    assert!(missed.iter().all(|told| told.name != "snapshot"));
    read.extend(missed);
    assert_no_gap(&read);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_cannot_be_told_what_it_missed_gets_one_resync_and_a_snapshot() {
    let (nats, bus, gateway) = started().await;
    let page = Page::open(gateway.port, "", None);
    let id = page.next().unwrap().id.unwrap();
    let (epoch, _) = id.rsplit_once('-').unwrap();
    let future = format!("{epoch}-999999");
    for last in ["nonsense", "1-", "", &future] {
        let page = Page::open(gateway.port, "", Some(last));
        let names: Vec<String> = (0..2).map(|_| page.next().unwrap().name).collect();
        assert_eq!(names, ["resync", "snapshot"], "{last:?}");
    }
    gateway.kill();
    assert!(
        page.until_the_end()
            .iter()
            .all(|told| told.name != "resync")
    );

    let gateway = GatewayProcess::start(&nats, &[], &[]).await;
    let page = Page::open(gateway.port, "", Some(&id));
    let resync = page.next().unwrap();
    assert_eq!(resync.data["reason"], "the gateway was started again");
    assert_eq!(page.next().unwrap().name, "snapshot");
    drop(bus);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_bus_is_away_nothing_is_known_and_it_comes_back_by_itself() {
    let (mut nats, bus, gateway) = started().await;
    with_node(&bus).await;
    let page = Page::open(gateway.port, "", None);
    let state =
        |word: &'static str| move |told: &Told| told.name == "node" && told.data["state"] == word;
    tell(&bus, 1).await.unwrap();
    page.until("the node", state("RUNNING"));

    nats.kill();
    let away = page.until("the bus to be away", |told| told.name == "bus");
    assert_eq!(away.last().unwrap().data["connected"], json!(false));
    let unknown = page.until("the node to be unknown", state("NO_DATA"));
    let node = &unknown.last().unwrap().data;
    assert!(node["unknown_since"].is_string(), "{node}");
    assert_eq!(node["services"][0]["state"], "NO_DATA");
    assert!(node["services"][0]["unknown_since"].is_string());
    let health = gateway.get("/healthz").unwrap();
    assert_eq!(health["bus"]["connected"], json!(false));

    nats.restart().await;
    let back = page.until("the bus to be back", |told| told.name == "bus");
    assert_eq!(back.last().unwrap().data["connected"], json!(true));
    let mut seq = 1;
    let known = wait_for("the node to be known", async || {
        seq += 1;
        // The test itself may not have found the bus again.
        tell(&bus, seq).await.ok()?;
        let page = Page::open(gateway.port, "", None);
        let snapshot = page.next()?.data;
        (snapshot["status"]["nodes"][0]["state"] == "RUNNING").then_some(snapshot)
    })
    .await;
    assert_eq!(known["status"]["nodes"][0]["unknown_since"], json!(null));
    bus.publish(&opened("inc-9"), None).await.unwrap();
    page.until("news as before", is_incident("inc-9", "OPEN"));
}

#[tokio::test(flavor = "multi_thread")]
async fn it_serves_before_there_is_a_bus_and_finds_it_when_it_comes() {
    let (mut nats, bus) = arena().await;
    bus.publish(&opened("inc-1"), None).await.unwrap();
    nats.stop().await;
    let gateway = GatewayProcess::start(&nats, &[], &[]).await;
    let page = Page::open(gateway.port, "", None);
    let snapshot = page.next().unwrap().data;
    assert_eq!(snapshot["bus"]["connected"], json!(false));
    assert_eq!(snapshot["bus"]["caught_up"], json!(false));
    let unknown: BTreeMap<String, bool> = snapshot["status"]["components"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["name"].to_string(), one["unknown_since"].is_string()))
        .collect();
    assert!(
        unknown.len() > 3 && unknown.values().all(|known| *known),
        "{unknown:?}"
    );

    nats.restart().await;
    let read = page.until("the past", |told| {
        told.name == "bus" && told.data["caught_up"] == json!(true)
    });
    assert!(read.iter().any(is_incident("inc-1", "OPEN")), "{read:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_without_samples_hears_that_the_stream_is_alive() {
    let (_nats, bus, gateway) = started().await;
    with_node(&bus).await;
    let telling = tokio::spawn(async move {
        for seq in 1.. {
            tell(&bus, seq).await.unwrap();
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    });
    let page = Page::open(gateway.port, "samples=false", None);
    let read = page.until("a sign of life", |told| told.name == "alive");
    assert!(read.iter().all(|told| told.name != "samples"));
    assert_eq!(read.last().unwrap().id, None, "it changes nothing");
    telling.abort();
}

/// A stopped server keeps its connections: no reader begins anew, and what was forgotten meanwhile has to be asked for.
#[tokio::test(flavor = "multi_thread")]
async fn all_is_known_again_after_the_server_was_stopped_for_a_while() {
    let (nats, bus, gateway) = started().await;
    bus.put_observer(&storm()).await.unwrap();
    let observer_is = async |state: Value| {
        wait_for("what the detector said", async || {
            let status = gateway.get("/api/v1/status")?;
            (status["observer"]["state"] == state).then_some(())
        })
        .await;
    };
    observer_is(json!("STORM")).await;
    nats.pause();
    observer_is(Value::Null).await;
    for path in [
        "faults",
        "faults/flt-1",
        "approvals",
        "commands/cmd-1",
        "nodes",
        "nodes/n",
        "services",
    ] {
        let url = format!("http://127.0.0.1:{}/api/v1/{path}", gateway.port);
        let error = ureq::get(&url).call().unwrap_err().to_string();
        assert!(error.contains("503"), "{path}: {error}");
    }
    nats.resume();
    observer_is(json!("STORM")).await;
    for path in ["faults", "approvals", "nodes", "services"] {
        assert_eq!(gateway.get(&format!("/api/v1/{path}")), Some(json!([])));
    }
}

/// Without what a moment decides: since when somebody has been silent one call of the command line cannot know.
fn timeless(mut report: Value) -> Value {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                fields.remove("unknown_since");
                fields.values_mut().for_each(strip);
            }
            Value::Array(items) => items.iter_mut().for_each(strip),
            _ => {}
        }
    }
    strip(&mut report);
    report
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_is_what_the_command_line_says() {
    let (_nats, bus, gateway) = started().await;
    with_node(&bus).await;
    bus.put_control(&Control {
        lever: LeverPosition::Stopped,
        lever_set: Some(("ada".to_owned(), at(1))),
        pauses: vec![Pause {
            entity: "node-1/orders".parse().unwrap(),
            by: "ada".to_owned(),
            reason: "looking".to_owned(),
            at: at(1),
            until: None,
        }],
        ..Control::default()
    })
    .await
    .unwrap();
    bus.put_observer(&storm()).await.unwrap();
    let clock = Clock::new();
    let operator = Operator::new(bus, "test".to_owned(), "test");
    wait_for("both to say the same", async || {
        let found = operator.found(false, clock.now()).await.unwrap();
        let said = serde_json::to_value(report(&found)).unwrap();
        let page = Page::open(gateway.port, "", None);
        let shown = page.next()?.data["status"].take();
        assert_eq!(said["nodes"][0]["state"], "NO_DATA", "no agent answers");
        (timeless(shown) == timeless(said)).then_some(())
    })
    .await;
}
