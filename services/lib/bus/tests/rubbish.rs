//! Rubbish on every subject: counted, told once, dealt with for good, and what comes after it is read.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use arena_bus::{Consume, Durable, Partitions, Role};
use arena_proto::{
    Command, Evidence, FaultRequest, FaultStatus, IncidentEvent, Message, Outcome, Plan,
};
use arena_testkit::wait_for;
use common::*;

/// What must not harm anybody, some of it close to an honest body.
fn rubbish(honest: &[u8]) -> Vec<Vec<u8>> {
    let unknown_field = {
        let mut body = honest.to_vec();
        body.truncate(body.len() - 1);
        body.extend_from_slice(br#","surprise":1}"#);
        body
    };
    vec![
        Vec::new(),
        vec![0xff, 0x00, 0x13, 0x37, 0xfe],
        b"hello".to_vec(),
        b"{".to_vec(),
        b"{}".to_vec(),
        b"[1,2,3]".to_vec(),
        br#"{"query":"wrong type"}"#.to_vec(),
        unknown_field,
        String::from_utf8_lossy(honest)
            .replace("node-1", "node-9")
            .into_bytes(),
        vec![b'x'; 1024 * 1024],
        vec![b'{'; 1024 * 1024],
    ]
}

async fn survives<M: Durable + PartialEq + std::fmt::Debug>(honest: M) {
    let (server, operator) = arena().await;
    let client = async_nats::connect(server.url()).await.unwrap();
    let context = async_nats::jetstream::new(client);
    let bodies = rubbish(&honest.encode());
    for body in &bodies {
        let ack = context
            .publish(honest.subject(), body.clone().into())
            .await
            .unwrap();
        ack.await.unwrap();
    }
    operator.publish(&honest, None).await.unwrap();
    let reader = connect(&server, Role::Recorder).await;
    let mut deliveries = reader
        .consume::<M>(Consume::durable("reader"))
        .await
        .unwrap();
    let delivery = deliveries.next().await.unwrap();
    assert_eq!(delivery.message, honest);
    let family = M::FAMILY.as_str();
    let count = u64::try_from(bodies.len()).unwrap();
    assert_eq!(reader.rejected().get(family), Some(&count), "{family}");
    delivery.double_ack().await.unwrap();
    // None of it comes again.
    wait_for("everything to be dealt with", async || {
        let mut stream = context
            .get_stream(M::FAMILY.as_str_of_stream())
            .await
            .unwrap();
        stream.info().await.unwrap();
        let consumer: async_nats::jetstream::consumer::PullConsumer =
            stream.get_consumer("reader").await.unwrap();
        let info = consumer.cached_info();
        (info.num_ack_pending == 0 && info.num_pending == 0).then_some(())
    })
    .await;

    // The recorder's way of reading it ends the same.
    let mut events = reader.consume_events("events").await.unwrap();
    events.next().await.unwrap().ack().await.unwrap();
    assert_eq!(
        reader.rejected().get(family),
        Some(&(2 * count)),
        "{family}"
    );
}

trait StreamOf {
    fn as_str_of_stream(&self) -> &'static str;
}

impl StreamOf for arena_bus::Family {
    fn as_str_of_stream(&self) -> &'static str {
        match self.as_str() {
            "incident" => "INCIDENTS",
            "plan" => "PLANS",
            "command" => "COMMANDS",
            "outcome" => "OUTCOMES",
            "evidence" => "EVIDENCE",
            _ => "FAULTS",
        }
    }
}

#[tokio::test]
async fn on_streams() {
    let incident: IncidentEvent = incident(1);
    survives(incident).await;
    let plan: Plan = plan();
    survives(plan).await;
    let command: Command = command("cmd-1", "node-1");
    survives(command).await;
    let outcome: Outcome = outcome();
    survives(outcome).await;
    let fault: FaultRequest = fault();
    survives(fault).await;
    let fault_status: FaultStatus = fault_status();
    survives(fault_status).await;
    let evidence: Evidence = evidence();
    survives(evidence).await;
}

#[tokio::test]
async fn on_telemetry() {
    let (server, _operator) = arena().await;
    let agent = connect(&server, Role::Node).await;
    agent.put_schema(&schema("node-1")).await.unwrap();
    let detector = connect(&server, Role::Detector).await;
    let mut stream = detector.telemetry(Partitions::all()).await.unwrap();
    detector.flush().await.unwrap();
    let client = async_nats::connect(server.url()).await.unwrap();
    let mut bodies = rubbish(&telemetry("node-1", 1).encode());
    bodies.push(telemetry("node-2", 1).encode());
    let mut short = telemetry("node-1", 1);
    short.values = vec![1.0, 2.0];
    bodies.push(short.encode());
    short.values.clear();
    short.services = [].into();
    bodies.push(short.encode());
    for body in &bodies {
        client
            .publish("arena.telemetry.node-1", body.clone().into())
            .await
            .unwrap();
    }
    client
        .publish("arena.telemetry.NODE", bodies[2].clone().into())
        .await
        .unwrap();
    let honest = telemetry("node-1", 2);
    client
        .publish("arena.telemetry.node-1", honest.encode().into())
        .await
        .unwrap();
    let (received, _) = stream.next().await.unwrap();
    assert_eq!(received.seq, 2);
    let count = u64::try_from(bodies.len()).unwrap() + 1;
    assert_eq!(detector.rejected().get("telemetry"), Some(&count));
}

#[tokio::test]
async fn in_buckets() {
    let (server, operator) = arena().await;
    let client = async_nats::connect(server.url()).await.unwrap();
    let context = async_nats::jetstream::new(client);
    let store = context.get_key_value("status").await.unwrap();
    let mut watch = operator.watch_statuses().await.unwrap();
    // A bucket keeps one value a key, so each has its own.
    let bodies = [&b"hello"[..], b"{}", b"{\"node\":\"node-9\"}", &[0xff; 100]];
    for (key, body) in ["node-2", "node-3", "node-4", "node-5"]
        .into_iter()
        .zip(bodies)
    {
        store.put(key, body.to_vec().into()).await.unwrap();
    }
    store.put("NOT-A-NODE", "{}".into()).await.unwrap();
    store.delete("node-1").await.unwrap();
    operator.put_status(&status("node-1")).await.unwrap();
    assert_eq!(watch.next().await.unwrap(), status("node-1"));
    assert_eq!(operator.rejected().get("status"), Some(&5));
    assert_eq!(operator.statuses().await.unwrap(), [status("node-1")]);
}

/// A value speaks for its own key, or for nobody.
#[tokio::test]
async fn in_the_buckets_of_people_and_detectors() {
    let (server, operator) = arena().await;
    let client = async_nats::connect(server.url()).await.unwrap();
    let context = async_nats::jetstream::new(client);
    let store = context.get_key_value("approvals").await.unwrap();
    let honest = approval("inc-1");
    for (key, body) in [
        ("inc-2", honest.encode()),
        ("inc-3", b"hello".to_vec()),
        ("inc-4", b"{}".to_vec()),
    ] {
        store.put(key, body.into()).await.unwrap();
    }
    // What no subject of ours looks like is not even asked for.
    store.put("inc-1.x", honest.encode().into()).await.unwrap();
    operator.put_approval(&honest).await.unwrap();
    assert_eq!(operator.approvals().await.unwrap(), [honest]);
    assert_eq!(operator.rejected().get("approvals"), Some(&3));
}

/// By hand nobody writes headers or ids.
#[tokio::test]
async fn what_a_person_publishes_gets_its_ids_from_its_place() {
    let (server, _operator) = arena().await;
    let client = async_nats::connect(server.url()).await.unwrap();
    let body = r#"{"op":"APPLY","fault":"cpu-spike","service":"orders","ttl":"30s"}"#;
    client
        .publish("arena.fault.node-1", body.into())
        .await
        .unwrap();
    let body = r#"{"action":"RESTART","service":"orders"}"#;
    client
        .publish("arena.command.node-1", body.into())
        .await
        .unwrap();
    client.flush().await.unwrap();
    let agent = connect(&server, Role::Node).await;
    let mut faults = agent
        .consume::<FaultRequest>(Consume::durable("node-1"))
        .await
        .unwrap();
    let fault = faults.next().await.unwrap();
    assert_eq!(fault.message.id.as_str(), "flt-s1");
    assert_eq!(fault.message.at, fault.published_at);
    assert_eq!(fault.trace, None);
    let stored_at = fault.published_at.unix_nanos();
    assert_eq!(fault.event_id, format!("FAULTS.1.{stored_at}"));
    let mut commands = agent
        .consume::<Command>(Consume::durable("node-1"))
        .await
        .unwrap();
    let command = commands.next().await.unwrap();
    assert_eq!(command.message.id.as_str(), "cmd-s1");
    assert_eq!(
        command.message.expires_at,
        command.published_at + Command::EXPIRY_DEFAULT
    );
}
