//! What a person does at a window, on a real server: who finds what, what is refused in which words, and what is written.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use arena_bus::{Bus, Consume, From, NatsArgs, Role};
use arena_chassis::Clock;
use arena_operator::{Kind, Operator, OperatorError, Order};
use arena_proto::{
    ActionKind, Command, CommandState, LeverPosition, Message as _, Mode, NodeStatus, Outcome,
    Plan, ProbeVerdict, ProcessState, Received, RiskClass, ServiceDetail, ServiceStatus, Timestamp,
    Verdict,
};
use arena_testkit::NatsServer;
use arena_view::status::report;

async fn connect(server: &NatsServer, role: Role) -> Bus {
    let args = NatsArgs {
        nats_url: server.url(),
    };
    Bus::connect(&args, role, "test").await.unwrap()
}

/// A person, and what two nodes last wrote: `orders` runs on the first, and is dead on the second.
async fn arena() -> (NatsServer, Operator) {
    let server = NatsServer::start().await;
    let bus = connect(&server, Role::Operator).await;
    bus.ensure_streams().await.unwrap();
    let node = connect(&server, Role::Node).await;
    for status in [
        status("node-1", ProcessState::Running),
        status("node-2", ProcessState::Exited),
    ] {
        node.put_status(&status).await.unwrap();
    }
    let person = Operator::new(bus, "ann@desk".to_owned(), "cli");
    (server, person)
}

fn status(node: &str, state: ProcessState) -> NodeStatus {
    let orders = ServiceStatus {
        name: "orders".parse().unwrap(),
        state,
        probe: ProbeVerdict::Passing,
        pid: (state == ProcessState::Running).then_some(4711),
        generation: 3,
        restarts: 0,
        port: None,
        proxy_port: None,
        depends_on: Vec::new(),
        since: Timestamp::EPOCH,
        exit_code: None,
        message: String::new(),
        detail: ServiceDetail::default(),
    };
    NodeStatus {
        node: node.parse().unwrap(),
        boot_id: 1,
        pid: 1,
        state: ProcessState::Running,
        chaos: true,
        services: vec![orders],
        at: Timestamp::EPOCH,
        quarantined: false,
        restart_owner: None,
        fence: 0,
    }
}

fn now() -> Timestamp {
    Clock::new().now()
}

fn order(action: ActionKind, target: &str) -> Order {
    Order {
        action,
        target: target.parse().unwrap(),
        params: BTreeMap::new(),
        reason: "to see".to_owned(),
    }
}

fn refusal<T: std::fmt::Debug>(done: Result<T, OperatorError>) -> (Kind, String) {
    let error = done.unwrap_err();
    (error.kind, error.what)
}

#[tokio::test]
async fn an_action_is_published_for_the_process_that_was_seen() {
    let (server, person) = arena().await;
    let node = connect(&server, Role::Node).await;
    let mut commands = node
        .consume::<Command>(Consume::ephemeral().from(From::New))
        .await
        .unwrap();
    let mut outcomes = person.outcomes().await.unwrap();
    let restart = order(ActionKind::Restart, "node-1/orders");
    let dry = person.prepare(restart.clone(), now()).await.unwrap();
    assert_eq!(dry.describe(), "restart node-1/orders (RUNNING, pid 4711)");
    let command = person.act(restart, now()).await.unwrap();
    assert_ne!(command.id, dry.command.id, "each has an id of its own");
    let heard = commands.next().await.unwrap().message;
    assert_eq!(heard, command, "and nothing of the dry run");
    assert_eq!(heard.preconditions.pid, Some(4711));
    assert_eq!(heard.preconditions.generation, Some(3));
    assert!(heard.id.as_str().starts_with("cmd-cli-"));
    for state in [CommandState::Accepted, CommandState::Succeeded] {
        let said = Outcome {
            command_id: command.id.clone(),
            action: command.action,
            node: command.node.clone(),
            service: command.service.clone(),
            state,
            reason: None,
            message: String::new(),
            incident_id: None,
            pid_before: Some(4711),
            pid_after: None,
            at: now(),
        };
        node.publish(&said, None).await.unwrap();
    }
    let end = person.outcome(&mut outcomes, &command).await.unwrap();
    assert_eq!(end.state, CommandState::Succeeded);
}

#[tokio::test]
async fn what_cannot_be_done_is_told_with_its_kind() {
    let (_server, person) = arena().await;
    let act = async |action, target: &str| {
        let done = person.act(order(action, target), now()).await;
        refusal(done.map(drop))
    };
    assert_eq!(
        act(ActionKind::Restart, "node-3/orders").await,
        (
            Kind::NotFound,
            "no service node-3/orders\n  mend: did you mean node-1/orders or node-2/orders?"
                .to_owned()
        )
    );
    assert_eq!(
        act(ActionKind::Recover, "node-2/orders").await,
        (
            Kind::Refused,
            "recover is for running services; orders is dead: start it".to_owned()
        )
    );
    assert_eq!(act(ActionKind::Drain, "node-1").await.0, Kind::Usage);
    person
        .set_lever(LeverPosition::Stopped, now())
        .await
        .unwrap();
    let (kind, what) = act(ActionKind::Restart, "node-1/orders").await;
    assert_eq!(kind, Kind::Refused);
    assert!(what.starts_with("lever STOPPED by ann@desk at "), "{what}");
    assert!(what.ends_with("\n  mend: arena lever resume"), "{what}");
}

#[tokio::test]
async fn what_a_person_decides_is_written_with_the_name() {
    let (_server, person) = arena().await;
    let at = now();
    let changed = person
        .set_mode(Mode::Observe, Some(RiskClass::High), at)
        .await
        .unwrap();
    assert_eq!(changed.control.mode_for(RiskClass::High), Mode::Observe);
    assert_eq!(
        (changed.control.by.as_str(), changed.control.at),
        ("ann@desk", at)
    );

    let pause = async |entity: &str| {
        let entity = entity.parse().unwrap();
        let limit = std::time::Duration::from_mins(1);
        person.pause(entity, Some(limit), String::new(), at).await
    };
    let resume = async |entity: &str| person.resume(&entity.parse().unwrap(), at).await;
    assert_eq!(refusal(pause("node-9").await).0, Kind::NotFound);
    pause("node-1").await.unwrap();
    let covered = refusal(resume("node-1/orders").await);
    assert_eq!(
        covered,
        (
            Kind::NotFound,
            "node-1/orders is paused with its whole node\n  mend: arena resume node-1".to_owned()
        )
    );
    assert!(resume("node-1").await.unwrap().control.pauses.is_empty());
    assert_eq!(refusal(resume("node-1").await).0, Kind::NotFound);
    let (control, lost) = person.control().await.unwrap();
    assert_eq!((control.lever, lost), (LeverPosition::Released, None));
}

#[tokio::test]
async fn of_two_answers_at_the_same_time_the_first_stands() {
    let (_server, ann) = arena().await;
    let bob = Operator::new(ann.bus().clone(), "bob@desk".to_owned(), "cli");
    for round in 0..20 {
        let asked = question(&format!("inc-{round}"), 1);
        let (yes, no) = tokio::join!(
            ann.answer(&asked, Verdict::Approved, String::new(), now()),
            bob.answer(&asked, Verdict::Denied, String::new(), now()),
        );
        let (who, refused) = match (yes, no) {
            (Ok(()), Err(refused)) => ("APPROVED already, by ann@desk", refused),
            (Err(refused), Ok(())) => ("DENIED already, by bob@desk", refused),
            both => panic!("one answer stands: {both:?}"),
        };
        assert_eq!(refused.kind, Kind::Refused);
        assert!(refused.what.contains(who), "{refused:?}");
    }
    // The next question about the same incident is another one.
    let next = question("inc-0", 2);
    ann.answer(&next, Verdict::Denied, String::new(), now())
        .await
        .unwrap();
}

fn question(incident: &str, revision: u32) -> Plan {
    let body = serde_json::json!({
        "id": format!("{incident}.{revision}"), "incident_id": incident, "revision": revision, "node": "node-1",
        "service": "orders", "symptom": "cpu_high", "decision": "WAIT", "incident_state": "AWAITING_APPROVAL",
        "action": "RESTART", "target": "node-1/orders", "reason": "it burns", "at": "2001-01-01T00:00:00Z"
    });
    let received = Received {
        node: "node-1".parse().unwrap(),
        service: Some("orders".parse().unwrap()),
        sequence: None,
        published_at: Timestamp::EPOCH,
    };
    Plan::decode(body.to_string().as_bytes(), &received).unwrap()
}

#[tokio::test]
async fn a_lost_value_stops_everything_until_the_lever_is_released() {
    let (server, person) = arena().await;
    let client = async_nats::connect(server.url()).await.unwrap();
    let rubbish = client.request("$KV.control.control", "rubbish".into());
    rubbish.await.unwrap();
    let restart = || person.act(order(ActionKind::Restart, "node-1/orders"), now());
    let (kind, what) = refusal(restart().await.map(drop));
    assert_eq!(kind, Kind::Refused);
    assert!(
        what.starts_with("the control value cannot be read"),
        "{what}"
    );

    // A change that says nothing of the lever leaves it stopped.
    let changed = person.set_mode(Mode::Auto, None, now()).await.unwrap();
    assert!(changed.lost.is_some());
    assert_eq!(changed.control.lever, LeverPosition::Stopped);
    let released = person.set_lever(LeverPosition::Released, now());
    assert_eq!(released.await.unwrap().lost, None, "it was written anew");
    restart().await.unwrap();
}

#[tokio::test]
async fn who_is_not_there_is_told_so() {
    let (_server, person) = arena().await;
    let (kind, what) = refusal(person.summary().await);
    assert_eq!(kind, Kind::NotRunning);
    assert_eq!(
        what,
        "recorder is not running\n  mend: `arena up` starts what is missing"
    );
    let ttl = std::time::Duration::from_secs(5);
    let inject = async |target: &str, ttl| {
        let target = target.parse().unwrap();
        person.inject("hang", &target, ttl, BTreeMap::new()).await
    };
    assert_eq!(
        refusal(inject("node-1/orders", ttl).await).0,
        Kind::NotRunning
    );
    assert_eq!(
        refusal(inject("node-9/orders", ttl).await).0,
        Kind::NotFound
    );
    let (kind, what) = refusal(inject("node-1", ttl).await);
    assert_eq!(kind, Kind::Usage);
    assert_eq!(
        what,
        "node-1: hang is made in a service, not in a node\n  mend: write node-1/SERVICE"
    );
    let too_long = std::time::Duration::from_hours(1);
    assert_eq!(
        refusal(inject("node-1/orders", too_long).await).0,
        Kind::Usage
    );

    let found = person.found(false, now()).await.unwrap();
    let report = report(&found);
    assert_eq!(report.arena.incidents_open, None, "unknown is not zero");
    assert!(report.nodes.iter().all(|node| node.state == "NO_DATA"));
    let unknown = "open incidents are unknown: recorder is not running".to_owned();
    assert!(
        report.arena.degraded.contains(&unknown),
        "{:?}",
        report.arena.degraded
    );
}
