//! The detector's process on a real nats-server: what it publishes, and what it remembers.

use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arena_bus::{Bus, Change, Consume, Deliveries, Delivery, From, NatsArgs, Partitions, Role};
use arena_chassis::Clock;
use arena_proto::{
    Alert, AlertState, Column, Entity, IncidentEvent, IncidentEventKind, NodeName, NodeStatus,
    ObserverState, ProbeVerdict, ProcessState, Schema, ServiceInfo, ServiceName, ServiceSample,
    SignalState, SpanId, Telemetry, Timestamp, TraceContext,
};
use arena_testkit::{NatsServer, otlp::OtlpReceiver, temp_dir, wait_for};

const DETECTOR: &str = env!("CARGO_BIN_EXE_arena-detector");

/// A detector's process; killed when it is dropped.
struct Process(Child);

impl Process {
    fn start(nats: &NatsServer, variables: &[(&str, &str)]) -> Self {
        let mut command = Command::new(DETECTOR);
        command.args(["--nats-url", &nats.url()]);
        command.envs(variables.iter().copied());
        Self(command.spawn().expect("arena-detector"))
    }

    fn kill(&mut self) {
        self.0.kill().expect("a process to kill");
        self.0.wait().expect("its end");
    }

    async fn stop(mut self) -> ExitStatus {
        let pid = self.0.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status();
        assert!(sent.expect("kill").success());
        wait_for("the detector to stop", async || {
            self.0.try_wait().ok().flatten()
        })
        .await
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn connect(nats: &NatsServer, role: Role) -> Bus {
    let args = NatsArgs {
        nats_url: nats.url(),
    };
    Bus::connect(&args, role, "test").await.expect("a bus")
}

/// One node with one service, which says ten times a second how it is.
struct Node {
    name: NodeName,
    well: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Node {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn schema(name: &NodeName) -> Schema {
    let service = ServiceName::new("orders").expect("a service");
    Schema {
        node: name.clone(),
        columns: vec![Column {
            service: Some(service.clone()),
            metric: "cpu_percent".to_owned(),
        }],
        services: vec![ServiceInfo {
            observed: Vec::new(),
            class: arena_proto::ServiceClass::Service,
            name: service,
            depends_on: Vec::new(),
        }],
    }
}

fn telemetry(name: &NodeName, seq: u64, well: bool, now: Timestamp) -> Telemetry {
    let (state, probe) = if well {
        (ProcessState::Running, ProbeVerdict::Passing)
    } else {
        (ProcessState::Exited, ProbeVerdict::Unknown)
    };
    Telemetry {
        node: name.clone(),
        boot_id: 1,
        seq,
        schema_id: schema(name).id(),
        time: now,
        values: vec![5.0],
        services: [ServiceSample {
            state,
            probe,
            pid: Some(42),
            generation: 3,
            restarts: 0,
            since: now,
            exit_code: None,
        }]
        .into(),
    }
}

impl Node {
    async fn start(nats: &NatsServer) -> Self {
        let bus = connect(nats, Role::Node).await;
        let name = NodeName::new("n1").expect("a node");
        bus.put_schema(&schema(&name)).await.expect("KV schema");
        let well = Arc::new(AtomicBool::new(true));
        let (who, how) = (name.clone(), Arc::clone(&well));
        let task = tokio::spawn(async move {
            for seq in 1.. {
                let message = telemetry(&who, seq, how.load(Ordering::SeqCst), Clock::new().now());
                // Refused while NATS is away, as a node's is.
                let _ = bus.publish_telemetry(&message).await;
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        });
        Self { name, well, task }
    }

    fn becomes(&self, well: bool) {
        self.well.store(well, Ordering::SeqCst);
    }
}

async fn incidents(bus: &Bus) -> Deliveries<IncidentEvent> {
    let all = Consume::ephemeral().from(From::All);
    bus.consume(all).await.expect("stream INCIDENTS")
}

async fn next(incidents: &mut Deliveries<IncidentEvent>) -> Delivery<IncidentEvent> {
    let next = tokio::time::timeout(Duration::from_mins(1), incidents.next());
    next.await.expect("an event").expect("a bus")
}

async fn is_there(bus: &Bus) {
    wait_for("the detector in the services API", async || {
        let pings = bus.ping_services(Duration::from_millis(300)).await.ok()?;
        pings.into_iter().find(|ping| ping.name == "detector")
    })
    .await;
}

#[tokio::test]
async fn an_incident_outlives_the_detector_and_the_server() {
    let mut nats = NatsServer::start().await;
    let operator = connect(&nats, Role::Operator).await;
    operator.ensure_streams().await.expect("streams");
    let node = Node::start(&nats).await;
    let mut detector = Process::start(&nats, &[]);
    is_there(&operator).await;
    let mut events = incidents(&operator).await;

    node.becomes(false);
    let opened = next(&mut events).await;
    assert_eq!(opened.message.kind, IncidentEventKind::Opened);
    assert_eq!(opened.message.symptom, "process_exited");
    assert_eq!(opened.message.entity.to_string(), "n1/orders");
    assert_eq!(
        (opened.message.pid, opened.message.generation),
        (Some(42), 3)
    );
    assert_eq!(opened.message.signals[0].state, SignalState::Firing);
    assert_eq!(opened.subject, "arena.incident.n1.orders");
    assert_eq!(opened.body.first(), Some(&b'{'), "people read it as JSON");
    assert_eq!(opened.event_id, opened.message.event_id());
    assert_eq!(opened.trace, Some(TraceContext::root(&opened.message.id)));

    // A new detector goes on with the same incident, also when the server was restarted meanwhile.
    detector.kill();
    let mut detector = Process::start(&nats, &[]);
    is_there(&operator).await;
    nats.restart().await;
    is_there(&operator).await;
    node.becomes(true);
    let cleared = next(&mut events).await.message;
    assert_eq!(cleared.kind, IncidentEventKind::Cleared);
    assert_eq!((&cleared.id, cleared.revision), (&opened.message.id, 2));

    // Another symptom is another incident, and a detector that was killed in between opens no third one.
    node.becomes(false);
    let again = next(&mut events).await.message;
    assert_eq!(again.kind, IncidentEventKind::Opened);
    assert_ne!(again.id, opened.message.id);
    detector.kill();
    let detector = Process::start(&nats, &[]);
    is_there(&operator).await;
    node.becomes(true);
    let cleared = next(&mut events).await.message;
    assert_eq!(cleared.kind, IncidentEventKind::Cleared);
    assert_eq!((&cleared.id, cleared.revision), (&again.id, 2));
    assert!(detector.stop().await.success());
}

fn alert(starts_at: Timestamp, state: AlertState, now: Timestamp) -> Alert {
    let service = ServiceName::new("orders").expect("a service");
    Alert {
        fingerprint: "4b1c".to_owned(),
        name: "HighLatency".to_owned(),
        state,
        starts_at,
        ends_at: (state == AlertState::Resolved).then_some(now),
        entity: Some(Entity::service(
            NodeName::new("n1").expect("a node"),
            service,
        )),
        labels: std::collections::BTreeMap::new(),
        annotations: std::collections::BTreeMap::new(),
        generator_url: String::new(),
        received_at: now,
        message: String::new(),
    }
}

#[tokio::test]
async fn an_alert_is_an_incident_that_outlives_the_detector() {
    let nats = NatsServer::start().await;
    let operator = connect(&nats, Role::Operator).await;
    operator.ensure_streams().await.expect("streams");
    let gateway = connect(&nats, Role::Gateway).await;
    let mut incidents = incidents(&operator).await;
    let mut detector = Process::start(&nats, &[]);
    is_there(&operator).await;
    let _node = Node::start(&nats).await;
    let clock = Clock::new();
    let starts_at = clock.now();
    let firing = alert(starts_at, AlertState::Firing, clock.now());
    gateway.put_alert(&firing).await.expect("KV alerts");
    let opened = next(&mut incidents).await.message;
    assert_eq!(opened.kind, IncidentEventKind::Opened);
    assert_eq!(opened.symptom, "alert_firing");
    assert_eq!((opened.pid, opened.generation), (Some(42), 3));
    assert!(
        opened.reason.starts_with("alert HighLatency since "),
        "{}",
        opened.reason
    );

    // Told again while no detector runs, it is the same; the next thing that is told is its end.
    detector.kill();
    let firing = alert(starts_at, AlertState::Firing, clock.now());
    gateway.put_alert(&firing).await.expect("KV alerts");
    let _detector = Process::start(&nats, &[]);
    let resolved = alert(starts_at, AlertState::Resolved, clock.now());
    gateway.put_alert(&resolved).await.expect("KV alerts");
    let cleared = next(&mut incidents).await.message;
    assert_eq!(
        (cleared.kind, &cleared.id),
        (IncidentEventKind::Cleared, &opened.id)
    );
}

fn status(node: &NodeName, state: ProcessState) -> NodeStatus {
    NodeStatus {
        quarantined: false,
        restart_owner: None,
        fence: 0,
        node: node.clone(),
        boot_id: 1,
        pid: 7,
        state,
        chaos: false,
        services: Vec::new(),
        at: Clock::new().now(),
    }
}

#[tokio::test]
async fn a_node_is_silent_unless_it_said_goodbye() {
    let nats = NatsServer::start().await;
    let operator = connect(&nats, Role::Operator).await;
    operator.ensure_streams().await.expect("streams");
    let node = Node::start(&nats).await;
    let detector = Process::start(&nats, &[]);
    is_there(&operator).await;
    let mut events = incidents(&operator).await;
    node.becomes(false);
    next(&mut events).await;

    let name = node.name.clone();
    drop(node);
    let mut silent = next(&mut events).await.message;
    if silent.kind == IncidentEventKind::Updated {
        // The dead service has no data any more; either may come first.
        silent = next(&mut events).await.message;
    }
    assert_eq!(silent.symptom, "node_silent");
    assert_eq!(silent.entity, Entity::node(name.clone()));

    let bus = connect(&nats, Role::Node).await;
    let stopping = status(&name, ProcessState::Stopping);
    bus.put_status(&stopping).await.expect("KV status");
    let cleared = loop {
        let event = next(&mut events).await.message;
        if event.kind == IncidentEventKind::Cleared {
            break event;
        }
    };
    assert_eq!(cleared.id, silent.id);
    assert!(detector.stop().await.success());
}

#[tokio::test]
async fn a_node_that_died_before_the_start_is_silent_until_it_is_taken_out() {
    let nats = NatsServer::start().await;
    let operator = connect(&nats, Role::Operator).await;
    operator.ensure_streams().await.expect("streams");
    let mut events = incidents(&operator).await;
    let name = NodeName::new("n1").expect("a node");
    let bus = connect(&nats, Role::Node).await;
    let running = status(&name, ProcessState::Running);
    bus.put_status(&running).await.expect("KV status");
    let _detector = Process::start(&nats, &[]);

    let silent = next(&mut events).await.message;
    assert_eq!(silent.symptom, "node_silent");
    operator.forget_node(&name).await.expect("KV status");
    let cleared = next(&mut events).await.message;
    assert_eq!(cleared.kind, IncidentEventKind::Cleared);
    assert_eq!(cleared.id, silent.id);
}

#[tokio::test]
async fn the_detect_span_is_a_child_of_the_incident() {
    let nats = NatsServer::start().await;
    let operator = connect(&nats, Role::Operator).await;
    operator.ensure_streams().await.expect("streams");
    let receiver = OtlpReceiver::start().await.expect("a receiver");
    let endpoint = receiver.endpoint().to_owned();
    let node = Node::start(&nats).await;
    let _detector = Process::start(&nats, &[("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint)]);
    is_there(&operator).await;
    let mut events = incidents(&operator).await;
    node.becomes(false);
    let opened = next(&mut events).await.message;
    let span = wait_for("the span", async || {
        receiver
            .spans()
            .into_iter()
            .find(|span| span.name == "detect")
    })
    .await;
    let context = TraceContext::of(&opened.id, "detect");
    assert_eq!(span.trace_id, context.trace_id);
    assert_eq!(span.span_id, context.span_id);
    assert_eq!(span.parent, Some(SpanId::root(&opened.id)));
    assert_eq!(span.end.unix_nanos(), opened.opened_at.unix_nanos());
}

#[tokio::test]
async fn partitions_hold_the_nodes_that_the_server_says() {
    let nats = NatsServer::start().await;
    let operator = connect(&nats, Role::Operator).await;
    operator.ensure_streams().await.expect("streams");
    let bus = connect(&nats, Role::Node).await;
    for name in ["n1", "node-1", "node-2", "node-3", "a", "z-9"] {
        let name = NodeName::new(name).expect("a node");
        bus.put_schema(&schema(&name)).await.expect("KV schema");
        let held: Vec<u32> = (0..Partitions::COUNT)
            .filter(|partition| Partitions::only([*partition]).holds(&name))
            .collect();
        assert_eq!(held.len(), 1);
        let reader = connect(&nats, Role::Detector).await;
        let partition = Partitions::only(held);
        let mut stream = reader.telemetry(partition).await.expect("telemetry");
        let mut seq = 0;
        let (received, _) = wait_for("telemetry in its partition", async || {
            // Repeated: the first ones may come before the server knows of the subscription.
            seq += 1;
            let message = telemetry(&name, seq, true, Clock::new().now());
            bus.publish_telemetry(&message).await.expect("a server");
            let next = tokio::time::timeout(Duration::from_millis(20), stream.next());
            next.await.ok().flatten()
        })
        .await;
        assert_eq!(received.node, name);
    }
}

fn check_policy(text: &str) -> (Option<i32>, String) {
    let folder = temp_dir();
    std::fs::write(folder.path().join("mine.toml"), text).expect("a file");
    let output = Command::new(DETECTOR)
        .args(["--check", "--policy", "mine.toml"])
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .output()
        .expect("arena-detector");
    assert!(output.stdout.is_empty());
    let told = String::from_utf8(output.stderr).expect("text");
    (output.status.code(), told)
}

#[test]
fn a_policy_is_checked_without_a_server() {
    let good = include_str!("../policy.toml");
    assert_eq!(check_policy(good), (Some(0), String::new()));
    let (code, told) = check_policy(&good.replacen("cpu_percent", "cpu_precent", 1));
    assert_eq!(code, Some(2), "{told}");
    assert!(told.contains("mine.toml:"), "{told}");
    assert!(told.contains("mend: did you mean `cpu_percent`"), "{told}");
}

#[tokio::test]
async fn it_says_whether_it_can_believe_what_it_hears() {
    let mut nats = NatsServer::start().await;
    let operator = connect(&nats, Role::Operator).await;
    operator.ensure_streams().await.expect("streams");
    let mut words = operator.watch_observers().await.expect("KV observer");
    let detector = Process::start(&nats, &[]);
    // A storm may be over before it is written; that there was one shows in `since`.
    let mut clear_after = async |before: Timestamp| {
        let word = async {
            loop {
                if let Some(Change::Put(word)) = words.next_change().await
                    && word.state == ObserverState::Clear
                    && word.since > before
                {
                    return word;
                }
            }
        };
        let word = tokio::time::timeout(Duration::from_mins(1), word);
        word.await.expect("a word in KV observer")
    };
    let clear = clear_after(Timestamp::EPOCH).await;
    assert_eq!(clear.detector, "all");
    assert_eq!(clear.reason, "0 of 0 nodes are heard");

    // Held up for longer than a second: what it says of silence then is worth nothing, and it says so.
    let pid = detector.0.id().to_string();
    let signal = |name: &str| {
        let sent = Command::new("kill").args([name, &pid]).status();
        assert!(sent.expect("kill").success());
    };
    signal("-STOP");
    tokio::time::sleep(Duration::from_secs(3)).await;
    signal("-CONT");
    let clear = clear_after(clear.since).await;

    // Cut off: it doubts itself until it has heard itself again.
    nats.restart().await;
    clear_after(clear.since).await;
    assert!(detector.stop().await.success());
}
