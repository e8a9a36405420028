//! Each message there and back, over a real server: acks, ids, order, restarts.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::time::Duration;

use arena_bus::{
    Bus, BusError, Change, Consume, Deliveries, Event, From, NatsArgs, Partitions, Role,
    ServiceDescription, ServiceError, TelemetryStream, describe,
};
use arena_proto::{
    Command, Entity, Evidence, FaultRequest, FaultStatus, IncidentEvent, IncidentQuery, NodeStatus,
    ObserverState, Outcome, Plan, Summary, Telemetry, TraceContext,
};
use arena_testkit::wait_for;
use common::*;
use futures::FutureExt;

/// Publishes as one role, reads as another, and gives what arrived.
macro_rules! round_trip {
    ($server:expr, $from:expr, $to:expr, $kind:ty, $message:expr) => {{
        let message: $kind = $message;
        let publisher = connect($server, $from).await;
        let reader = connect($server, $to).await;
        let trace = TraceContext {
            trace_id: arena_proto::TraceId(1),
            span_id: arena_proto::SpanId(2),
        };
        publisher.publish(&message, Some(trace)).await.unwrap();
        let mut deliveries = reader
            .consume::<$kind>(Consume::durable("test"))
            .await
            .unwrap();
        let delivery = deliveries.next().await.unwrap();
        assert_eq!(delivery.message, message);
        assert_eq!(delivery.trace, Some(trace));
        assert_eq!(delivery.body.first(), Some(&b'{'), "people can read it");
        delivery.double_ack().await.unwrap();
        delivery
    }};
}

#[tokio::test]
async fn each_durable_message_goes_there_and_back() {
    let (server, _operator) = arena().await;
    let s = &server;
    let delivery = round_trip!(
        s,
        Role::Detector,
        Role::Remediator,
        IncidentEvent,
        incident(1)
    );
    assert_eq!(delivery.event_id, "inc-1.e1");
    assert_eq!(delivery.subject, "arena.incident.node-1.orders");
    round_trip!(s, Role::Remediator, Role::Recorder, Plan, plan());
    round_trip!(
        s,
        Role::Remediator,
        Role::Node,
        Command,
        command("cmd-1", "node-1")
    );
    round_trip!(s, Role::Node, Role::Remediator, Outcome, outcome());
    round_trip!(s, Role::Injector, Role::Node, FaultRequest, fault());
    round_trip!(s, Role::Node, Role::Injector, FaultStatus, fault_status());
    let delivery = round_trip!(s, Role::Node, Role::Recorder, Evidence, evidence());
    assert_eq!(delivery.event_id, "cmd-1.evidence");
    assert_eq!(delivery.subject, "arena.evidence.node-1");
    let of_node = IncidentEvent {
        entity: Entity::node(node("node-1")),
        ..incident(2)
    };
    let detector = connect(s, Role::Detector).await;
    detector.publish(&of_node, None).await.unwrap();
    let mut deliveries = detector
        .consume::<IncidentEvent>(Consume::ephemeral().from(From::LastPerSubject))
        .await
        .unwrap();
    assert_eq!(deliveries.pending(), 2);
    deliveries.next().await.unwrap();
    let second = deliveries.next().await.unwrap();
    assert_eq!(second.message, of_node);
    assert_eq!(second.subject, "arena.incident.node-1._");
}

#[tokio::test]
async fn the_recorder_reads_every_stream() {
    let (server, operator) = arena().await;
    operator.publish(&incident(1), None).await.unwrap();
    operator.publish(&plan(), None).await.unwrap();
    operator
        .publish(&command("cmd-1", "node-1"), None)
        .await
        .unwrap();
    operator.publish(&outcome(), None).await.unwrap();
    operator.publish(&fault(), None).await.unwrap();
    operator.publish(&fault_status(), None).await.unwrap();
    operator.publish(&evidence(), None).await.unwrap();
    let recorder = connect(&server, Role::Recorder).await;
    let mut events = recorder.consume_events("recorder").await.unwrap();
    assert_eq!(events.pending(), 7);
    let mut kinds = Vec::new();
    for _ in 0..7 {
        let event = events.next().await.unwrap();
        event.progress().await.unwrap();
        event.ack().await.unwrap();
        kinds.push(match event {
            Event::Incident(_) => 1,
            Event::Plan(_) => 2,
            Event::Command(_) => 3,
            Event::Outcome(_) => 4,
            Event::Fault(_) => 5,
            Event::FaultStatus(_) => 6,
            Event::Evidence(_) => 7,
        });
    }
    kinds.sort_unstable();
    assert_eq!(kinds, [1, 2, 3, 4, 5, 6, 7]);
    recorder.flush().await.unwrap();
    wait_for("the server to have every ack", async || {
        let again = recorder.consume_events("recorder").await.unwrap();
        (again.pending() == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_same_id_is_stored_once_and_what_is_not_acked_comes_again() {
    let (server, operator) = arena().await;
    for _ in 0..3 {
        operator.publish(&incident(1), None).await.unwrap();
    }
    let reader = connect(&server, Role::Remediator).await;
    let consume = Consume::durable("remediator");
    let mut first = reader
        .consume::<IncidentEvent>(consume.clone())
        .await
        .unwrap();
    assert_eq!(first.pending(), 1);
    let delivery = first.next().await.unwrap();
    // It dies before it acks; its successor is offered the same message.
    drop((delivery, first));
    let mut second = reader.consume::<IncidentEvent>(consume).await.unwrap();
    let delivery = second.next().await.unwrap();
    assert_eq!((delivery.message.revision, delivery.sequence), (1, 1));
}

#[tokio::test]
async fn readers_filter_by_node_and_by_entity() {
    let (server, operator) = arena().await;
    for (id, on) in [
        ("cmd-1", "node-1"),
        ("cmd-2", "node-2"),
        ("cmd-3", "node-1"),
    ] {
        operator.publish(&command(id, on), None).await.unwrap();
    }
    let agent = connect(&server, Role::Node).await;
    let consume = Consume::durable("node-2").node(node("node-2"));
    let mut deliveries = agent.consume::<Command>(consume).await.unwrap();
    assert_eq!(deliveries.pending(), 1);
    assert_eq!(
        deliveries.next().await.unwrap().message.id.as_str(),
        "cmd-2"
    );
    operator.publish(&incident(1), None).await.unwrap();
    for (of, pending) in [(entity(), 1), (Entity::node(node("node-1")), 0)] {
        let consume = Consume::ephemeral().entity(of);
        let deliveries = operator.consume::<IncidentEvent>(consume).await.unwrap();
        assert_eq!(deliveries.pending(), pending);
    }
}

/// A server that goes away in the middle: kill -9, and back with its data.
#[tokio::test]
async fn everything_goes_on_after_the_server_was_killed() {
    let (mut server, operator) = arena().await;
    let remediator = connect(&server, Role::Remediator).await;
    let detector = connect(&server, Role::Detector).await;
    let durable = Consume::durable("remediator");
    let mut durable = remediator.consume::<IncidentEvent>(durable).await.unwrap();
    let ephemeral = Consume::ephemeral().from(From::New);
    let mut ephemeral = remediator
        .consume::<IncidentEvent>(ephemeral)
        .await
        .unwrap();
    let mut statuses = remediator.watch_statuses().await.unwrap();
    let mut telemetry = detector.telemetry(Partitions::all()).await.unwrap();
    let agent = connect(&server, Role::Node).await;
    agent.put_schema(&schema("node-1")).await.unwrap();

    let round = async |revision: u32,
                       durable: &mut Deliveries<IncidentEvent>,
                       ephemeral: &mut Deliveries<IncidentEvent>| {
        operator.publish(&incident(revision), None).await.unwrap();
        expect_revision(revision, durable).await;
        let delivery = ephemeral.next().await.unwrap();
        assert_eq!(delivery.message.revision, revision);
    };
    round(1, &mut durable, &mut ephemeral).await;
    agent.put_status(&status("node-1")).await.unwrap();
    assert_eq!(statuses.next().await.unwrap(), status("node-1"));

    server.kill();
    let mut connected = detector.connected();
    connected.wait_for(|connected| !*connected).await.unwrap();
    let mut agent_connected = agent.connected();
    agent_connected
        .wait_for(|connected| !*connected)
        .await
        .unwrap();
    assert!(matches!(
        agent.publish_telemetry(&telemetry_of(2)).await,
        Err(BusError::Disconnected)
    ));
    // Published while the server is away: stored once when it is back.
    let waiting = {
        let operator = operator.clone();
        tokio::spawn(async move { operator.publish(&incident(2), None).await })
    };
    server.restart().await;
    waiting.await.unwrap().unwrap();
    connected.wait_for(|connected| *connected).await.unwrap();
    agent_connected
        .wait_for(|connected| *connected)
        .await
        .unwrap();

    expect_revision(2, &mut durable).await;
    assert_eq!(ephemeral.next().await.unwrap().message.revision, 2);
    round(3, &mut durable, &mut ephemeral).await;

    let stopping = NodeStatus {
        state: arena_proto::ProcessState::Stopping,
        ..status("node-1")
    };
    agent.put_status(&stopping).await.unwrap();
    while statuses.next().await.unwrap() != stopping {}
    let received = next_telemetry(&agent, &mut telemetry).await;
    assert_eq!(received.node, node("node-1"));
}

/// The server writes acks down a little later: killed before that, it offers earlier messages again.
async fn expect_revision(revision: u32, durable: &mut Deliveries<IncidentEvent>) {
    loop {
        let delivery = durable.next().await.unwrap();
        delivery.double_ack().await.unwrap();
        assert!(delivery.message.revision <= revision);
        if delivery.message.revision == revision {
            return;
        }
    }
}

/// Publishes until something arrives: the subscription is renewed in its own time.
async fn next_telemetry(agent: &Bus, stream: &mut TelemetryStream) -> Telemetry {
    let mut seq = 10;
    wait_for("telemetry", async || {
        agent.publish_telemetry(&telemetry_of(seq)).await.unwrap();
        seq += 1;
        let next = tokio::time::timeout(Duration::from_millis(100), stream.next()).await;
        next.ok().flatten().map(|(telemetry, _)| telemetry)
    })
    .await
}

fn telemetry_of(seq: u64) -> Telemetry {
    common::telemetry("node-1", seq)
}

#[tokio::test]
async fn telemetry_comes_by_partition_with_its_schema_and_its_gaps_counted() {
    let (server, _operator) = arena().await;
    let agent = connect(&server, Role::Node).await;
    let detector = connect(&server, Role::Detector).await;
    let mut all = detector.telemetry(Partitions::all()).await.unwrap();
    let mut parts = Vec::new();
    for partition in 0..Partitions::COUNT {
        parts.push(
            detector
                .telemetry(Partitions::only([partition]))
                .await
                .unwrap(),
        );
    }
    detector.flush().await.unwrap();
    let names: Vec<String> = (0..20).map(|n| format!("node-{n}")).collect();
    for name in &names {
        agent.put_schema(&schema(name)).await.unwrap();
        agent.publish_telemetry(&telemetry(name, 1)).await.unwrap();
        agent.publish_telemetry(&telemetry(name, 4)).await.unwrap();
    }
    for _ in 0..2 * names.len() {
        let (telemetry, schema) = all.next().await.unwrap();
        assert_eq!(telemetry.node, schema.node);
    }
    assert_eq!(all.lost(), 2 * 20);
    // Every node is in one partition, and no partition has them all.
    let mut sizes = Vec::new();
    let all_in_parts = parts.iter_mut().map(|part| async {
        let mut seen = Vec::new();
        // The last node's messages are through when the others' are: one connection publishes in order.
        while let Ok(Some((telemetry, _))) =
            tokio::time::timeout(Duration::from_secs(2), part.next()).await
        {
            seen.push(telemetry.node.clone());
        }
        seen
    });
    for seen in futures::future::join_all(all_in_parts).await {
        assert!(seen.len() < 40, "one partition has everything");
        sizes.push(seen.len());
    }
    assert_eq!(sizes.iter().sum::<usize>(), 40, "{sizes:?}");
}

#[tokio::test]
async fn a_schema_that_is_late_is_looked_up() {
    let (server, _operator) = arena().await;
    let agent = connect(&server, Role::Node).await;
    let detector = connect(&server, Role::Detector).await;
    let mut stream = detector.telemetry(Partitions::all()).await.unwrap();
    let mut seq = 0;
    wait_for("telemetry without its schema to be refused", async || {
        seq += 1;
        // The server may hear the first before it hears that somebody listens.
        let early = telemetry("node-1", seq);
        agent.publish_telemetry(&early).await.unwrap();
        let given = tokio::time::timeout(Duration::from_millis(50), stream.next()).await;
        assert!(given.is_err(), "it has no schema yet");
        detector.rejected().contains_key("telemetry").then_some(())
    })
    .await;
    agent.put_schema(&schema("node-1")).await.unwrap();
    wait_for("telemetry with its schema", async || {
        seq += 1;
        let late = telemetry("node-1", seq);
        agent.publish_telemetry(&late).await.unwrap();
        let next = tokio::time::timeout(Duration::from_millis(100), stream.next()).await;
        next.ok().flatten()
    })
    .await;
}

#[tokio::test]
async fn buckets_tell_what_is_there_and_each_change() {
    let (server, operator) = arena().await;
    let agent = connect(&server, Role::Node).await;
    assert_eq!(operator.statuses().await.unwrap(), []);
    assert_eq!(
        operator.control().await.unwrap(),
        arena_proto::Control::default()
    );
    for name in ["node-1", "node-2"] {
        agent.put_status(&status(name)).await.unwrap();
        agent.put_schema(&schema(name)).await.unwrap();
    }
    agent.put_status(&status("node-1")).await.unwrap();
    let names: Vec<_> = operator.statuses().await.unwrap();
    assert_eq!(names, [status("node-2"), status("node-1")]);
    assert_eq!(operator.schemas().await.unwrap().len(), 2);
    operator.forget_node(&status("node-2").node).await.unwrap();
    assert_eq!(operator.statuses().await.unwrap(), [status("node-1")]);
    assert_eq!(operator.schemas().await.unwrap().len(), 1);
    let mut changes = operator.watch_statuses().await.unwrap();
    let told = [
        changes.next_change().await.unwrap(),
        changes.next_change().await.unwrap(),
    ];
    let removed = Change::Removed(status("node-2").node);
    assert_eq!(told, [Change::Put(status("node-1")), removed]);
    let remediator = connect(&server, Role::Remediator).await;
    let mut watch = remediator.watch_control().await.unwrap();
    operator.put_control(&control()).await.unwrap();
    assert_eq!(watch.next().await.unwrap(), control());
    assert_eq!(operator.control().await.unwrap(), control());
}

#[tokio::test]
async fn what_people_and_detectors_say_reaches_who_acts_by_it() {
    let (server, operator) = arena().await;
    let remediator = connect(&server, Role::Remediator).await;
    assert_eq!(remediator.approvals().await.unwrap(), []);
    let mut approvals = remediator.watch_approvals().await.unwrap();
    operator.put_approval(&approval("inc-1")).await.unwrap();
    operator.put_approval(&approval("inc-2")).await.unwrap();
    assert_eq!(approvals.next().await, Some(approval("inc-1")));
    let both = [approval("inc-1"), approval("inc-2")];
    let recorder = connect(&server, Role::Recorder).await;
    assert_eq!(recorder.approvals().await.unwrap(), both);

    let detector = connect(&server, Role::Detector).await;
    let storm = observer("all", ObserverState::Storm);
    let mut observers = remediator.watch_observers().await.unwrap();
    detector.put_observer(&storm).await.unwrap();
    assert_eq!(observers.next().await, Some(storm.clone()));
    assert_eq!(operator.observers().await.unwrap(), [storm]);
    let nameless = observer("all of them", ObserverState::Clear);
    let refused = detector.put_observer(&nameless).await;
    assert!(
        matches!(refused, Err(BusError::NoKey { .. })),
        "{refused:?}"
    );

    // The lever is heard by all who act and by who makes faults.
    operator.put_control(&control()).await.unwrap();
    for role in [Role::Node, Role::Injector, Role::Remediator] {
        let bus = connect(&server, role).await;
        let mut watch = bus.watch_control().await.unwrap();
        assert_eq!(watch.next().await, Some(control()), "{role:?}");
    }
}

#[tokio::test]
async fn a_canary_is_heard_by_its_own_detector_while_the_server_is_there() {
    let (mut server, _operator) = arena().await;
    let detector = connect(&server, Role::Detector).await;
    let (voice, mut ear) = detector.canary().await.unwrap();
    let (_, mut other) = detector.canary().await.unwrap();
    for number in 1..=3 {
        voice.send(number).await.unwrap();
        assert_eq!(ear.next().await, Some(number));
    }
    let mut connected = detector.connected();
    server.kill();
    connected.wait_for(|connected| !*connected).await.unwrap();
    let refused = voice.send(4).await;
    assert!(
        matches!(refused, Err(BusError::Disconnected)),
        "{refused:?}"
    );
    server.restart().await;
    connected.wait_for(|connected| *connected).await.unwrap();
    let mut number = 4;
    wait_for("the canary again", async || {
        number += 1;
        voice.send(number).await.unwrap();
        let heard = tokio::time::timeout(Duration::from_millis(100), ear.next()).await;
        heard.ok().flatten()
    })
    .await;
    assert!(other.next().now_or_never().is_none(), "not its own");
}

/// As in a loop that has much else to hear.
#[tokio::test]
async fn a_reader_that_is_asked_in_passing_goes_on_after_the_server_was_away() {
    let (mut server, operator) = arena().await;
    operator.put_control(&control()).await.unwrap();
    let mut watch = operator.watch_control().await.unwrap();
    assert_eq!(watch.next().await, Some(control()));
    let mut connected = operator.connected();
    server.kill();
    connected.wait_for(|connected| !*connected).await.unwrap();
    // Seen by the reader, too.
    assert!(watch.next().now_or_never().is_none());
    server.restart().await;
    wait_for("the value once more", async || {
        watch.next().now_or_never().flatten()
    })
    .await;
}

#[tokio::test]
async fn services_register_answer_and_refuse() {
    let (server, operator) = arena().await;
    let query = IncidentQuery::default();
    let absent = operator
        .request::<_, Summary>("recorder", "summary", &query)
        .await;
    assert!(
        matches!(absent, Err(BusError::NotRunning { .. })),
        "{absent:?}"
    );

    let recorder = connect(&server, Role::Recorder).await;
    let registration = recorder
        .register(ServiceDescription {
            name: "recorder".to_owned(),
            description: "Stores events".to_owned(),
            version: "0.1.0".to_owned(),
            metadata: [("database".to_owned(), "sqlite".to_owned())].into(),
        })
        .await
        .unwrap();
    let not_found = |id: String| ServiceError {
        code: 404,
        message: format!("there is no incident {id}"),
    };
    registration
        .endpoint("summary", move |query: IncidentQuery| async move {
            query
                .id
                .map_or(Ok(Summary::default()), |id| Err(not_found(id)))
        })
        .await
        .unwrap();
    recorder.flush().await.unwrap();
    // The two are connections of their own: the server may hear the question before the registration.
    let summary: Summary = wait_for("an answer", async || {
        let answer = operator.request("recorder", "summary", &query).await;
        answer.ok()
    })
    .await;
    assert_eq!(summary, Summary::default());
    let query = IncidentQuery {
        id: Some("x".to_owned()),
        ..query
    };
    let refused = operator
        .request::<_, Summary>("recorder", "summary", &query)
        .await;
    let refused = refused.unwrap_err();
    assert_eq!(refused.to_string(), "recorder: there is no incident x");
    assert!(matches!(refused, BusError::Answered { code: 404, .. }));
    let nonsense = operator
        .request::<_, Summary>("recorder", "summary", &[1, 2])
        .await;
    assert!(
        nonsense
            .unwrap_err()
            .to_string()
            .contains("not what this answers")
    );
    let pings = operator
        .ping_services(Duration::from_millis(500))
        .await
        .unwrap();
    assert_eq!(pings.len(), 1);
    assert_eq!(pings[0].metadata["database"], "sqlite");
    drop(registration);
}

#[tokio::test]
async fn a_command_line_is_told_at_once_that_nobody_is_there() {
    let args = NatsArgs {
        nats_url: format!("nats://127.0.0.1:{}", arena_testkit::free_port()),
    };
    let error = arena_bus::Bus::connect_once(&args, Role::Operator, "arena").await;
    let words = error.unwrap_err().to_string();
    assert!(words.contains("Start one with `arena up`"), "{words}");
}

#[tokio::test]
async fn streams_are_made_twice_without_harm_and_limits_are_brought_back() {
    let (server, operator) = arena().await;
    operator.publish(&incident(1), None).await.unwrap();
    let client = async_nats::connect(server.url()).await.unwrap();
    let context = async_nats::jetstream::new(client);
    let mut changed = context
        .get_stream("INCIDENTS")
        .await
        .unwrap()
        .cached_info()
        .config
        .clone();
    changed.max_bytes = 1000;
    context.update_stream(changed).await.unwrap();
    operator.ensure_streams().await.unwrap();
    let info = context.get_stream("INCIDENTS").await.unwrap();
    assert_eq!(info.cached_info().config.max_bytes, 128 * 1024 * 1024);
}

#[tokio::test]
async fn what_an_older_arena_left_out_is_made_and_what_it_kept_stays() {
    let (server, operator) = arena().await;
    operator.publish(&incident(1), None).await.unwrap();
    let client = async_nats::connect(server.url()).await.unwrap();
    let context = async_nats::jetstream::new(client);
    let added = [
        "EVIDENCE",
        "KV_approvals",
        "KV_observer",
        "KV_lease",
        "KV_alerts",
    ];
    for stream in added {
        context.delete_stream(stream).await.unwrap();
    }
    operator.ensure_streams().await.unwrap();
    operator.publish(&evidence(), None).await.unwrap();
    operator.put_approval(&approval("inc-1")).await.unwrap();
    let clear = observer("all", ObserverState::Clear);
    operator.put_observer(&clear).await.unwrap();
    operator.acquire_lease("x", "y").await.unwrap();
    operator.put_alert(&alert("4b1c")).await.unwrap();
    let kept = operator
        .consume::<IncidentEvent>(Consume::ephemeral())
        .await
        .unwrap();
    assert_eq!(kept.pending(), 1);
}

#[tokio::test]
async fn a_stream_that_cannot_be_brought_back_is_refused_with_words() {
    let server = arena_testkit::NatsServer::start().await;
    let client = async_nats::connect(server.url()).await.unwrap();
    let in_memory = async_nats::jetstream::stream::Config {
        name: "PLANS".to_owned(),
        subjects: vec!["arena.plan.*.*".to_owned()],
        storage: async_nats::jetstream::stream::StorageType::Memory,
        ..Default::default()
    };
    async_nats::jetstream::new(client)
        .create_stream(in_memory)
        .await
        .unwrap();
    let operator = connect(&server, Role::Operator).await;
    let words = operator.ensure_streams().await.unwrap_err().to_string();
    assert!(words.starts_with("making stream PLANS: "), "{words}");
}

#[test]
fn each_message_reads_as_one_line() {
    use arena_proto::Message;
    let storm = observer("all", ObserverState::Storm);
    let lines = [
        describe(
            "arena.telemetry.2.node-1",
            &telemetry("node-1", 3).encode(),
            Some(&schema("node-1")),
        ),
        describe(
            "arena.telemetry.node-1",
            &telemetry("node-1", 3).encode(),
            None,
        ),
        describe("arena.incident.node-1.orders", &incident(1).encode(), None),
        describe("arena.plan.node-1.orders", &plan().encode(), None),
        describe(
            "arena.command.node-1",
            &command("cmd-1", "node-1").encode(),
            None,
        ),
        describe("arena.outcome.node-1", &outcome().encode(), None),
        describe("arena.fault.node-1", &fault().encode(), None),
        describe("arena.fault_status.node-1", &fault_status().encode(), None),
        describe("$KV.status.node-1", &status("node-1").encode(), None),
        describe("$KV.control.control", &control().encode(), None),
        describe("$KV.control.control", &pausing_control().encode(), None),
        describe("arena.plan.node-1.orders", &asking_plan().encode(), None),
        describe("arena.evidence.node-1", &evidence().encode(), None),
        describe("$KV.approvals.inc-1", &approval("inc-1").encode(), None),
        describe("$KV.observer.all", &storm.encode(), None),
        describe("$KV.lease.remediator", &lease().encode(), None),
        describe("$KV.lease.remediator", b"", None),
        describe("$KV.alerts.4b1c", &alert("4b1c").encode(), None),
        describe("arena.canary.detector.x1", b"17", None),
        describe(
            "arena.command.node-2",
            &command("cmd-1", "node-1").encode(),
            None,
        ),
        describe("other", b"hello\nthere", None),
        describe("other", &[0, 1, 2], None),
    ];
    expect_test::expect![[r#"
        2023-11-14T22:13:23.000Z node-1 #3  orders RUNNING PASSING  node-1:cpu_percent=12.5
        2023-11-14T22:13:23.000Z node-1 #3 1 values, 1 services, schema 328f2d71cb057238
        inc-1 OPENED ERROR node-1/orders cpu_high: cpu_percent 97 > 80 for 2 s
        inc-1 ACT RESTART node-1/orders, incident ACTING: rung 1 of 2
        cmd-1 RESTART node-1/orders by remediator: rung 1 of 2
        cmd-1 RESTART node-1/orders SUCCEEDED: restarted
        flt-1 APPLY cpu-spike node-1/orders for 30 s
        flt-1 cpu-spike node-1/orders ACTIVE
        node-1 RUNNING
        mode OBSERVE, lever STOPPED by bob, last changed by ann
        mode OBSERVE, HIGH risk AUTO, lever RELEASED by bob, node-1/orders paused by ann until 2023-11-14T22:14:20.000Z, last changed by ann
        inc-1 WAIT [approval] RESTART node-1/orders (HIGH risk), cause noisy neighbour, incident AWAITING_APPROVAL: rung 1 of 2; asked until 2023-11-14T22:15:20.000Z; cmd-0 was USELESS
        inc-1 node-1/orders before cmd-1: 0 readings, 1 log lines, 1 processes
        inc-1.1 APPROVED by ann: seen it
        detector all STORM, 2 of 3 nodes silent: 2 of 3 nodes are silent
        lease remediator held by host-1, fence 7, since 2023-11-14T22:13:20.000Z
        remediator is removed from KV lease
        alert 4b1c HighLatency FIRING of node-1/orders since 2023-11-14T22:13:20.000Z: by arena_node and arena_service
        canary of the detector, 17
        not a command message: the body is about "node-1", the subject about "node-2"
        hello there
        3 bytes that are no text"#]]
    .assert_eq(&lines.join("\n"));
}
