//! Every message: there and back in both encodings, never a panic on rubbish, and its JSON as people read it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::time::Duration;

use arena_proto::{
    ActionKind, Alert, AlertState, Column, Command, CommandId, CommandState, Control, Decision,
    Entity, FaultId, FaultOperation, FaultReason, FaultRequest, FaultState, FaultStatus,
    IncidentEvent, IncidentEventKind, IncidentId, IncidentState, LeverPosition, Message, Mode,
    NodeName, NodeStatus, Outcome, Plan, PlanId, Preconditions, ProbeVerdict, ProcessState,
    Received, RejectionReason, Resolution, Schema, SchemaId, ServiceInfo, ServiceName,
    ServiceSample, ServiceStatus, Severity, SignalReport, SignalState, Telemetry, Timestamp,
};
use expect_test::expect;
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

fn received(node: &NodeName, service: Option<&ServiceName>) -> Received {
    Received {
        node: node.clone(),
        service: service.cloned(),
        sequence: Some(7),
        published_at: Timestamp::from_unix_millis(1_700_000_000_000),
    }
}

fn node() -> impl Strategy<Value = NodeName> {
    "[a-z0-9][a-z0-9-]{0,62}".prop_map(|text| NodeName::new(text).unwrap())
}

fn service() -> impl Strategy<Value = ServiceName> {
    "[a-z0-9][a-z0-9-]{0,62}".prop_map(|text| ServiceName::new(text).unwrap())
}

fn id() -> impl Strategy<Value = String> {
    "[A-Za-z0-9._-]{1,100}"
}

fn entity() -> impl Strategy<Value = Entity> {
    (node(), option::of(service())).prop_map(|(node, service)| Entity { node, service })
}

fn time() -> impl Strategy<Value = Timestamp> {
    // What RFC 3339 in ProtoJSON can say: from the year 1678 to 2261.
    (-9_000_000_000_000_000_000..9_000_000_000_000_000_000_i64).prop_map(Timestamp::from_unix_nanos)
}

fn pid() -> impl Strategy<Value = Option<u32>> {
    option::of(1..u32::MAX)
}

fn text() -> impl Strategy<Value = String> {
    ".{0,40}"
}

fn params() -> impl Strategy<Value = BTreeMap<String, String>> {
    btree_map("[a-z_]{1,10}", text(), 0..4)
}

fn duration(max: Duration) -> impl Strategy<Value = Duration> {
    (1..=u64::try_from(max.as_nanos()).unwrap()).prop_map(Duration::from_nanos)
}

fn incident() -> impl Strategy<Value = IncidentEvent> {
    let signal = (entity(), text(), select(SignalState::ALL), time(), text()).prop_map(
        |(entity, symptom, state, since, evidence)| SignalReport {
            readings: Vec::new(),
            inhibited_by: None,
            entity,
            symptom,
            state,
            since,
            evidence,
        },
    );
    (
        (
            select(IncidentEventKind::ALL),
            id(),
            any::<u32>(),
            entity(),
            "[a-z_]{1,20}",
        ),
        (select(Severity::ALL), vec(signal, 0..3), entity(), text()),
        (time(), time(), time(), pid(), any::<u32>()),
    )
        .prop_map(
            |((kind, id, revision, entity, symptom), b, c)| IncidentEvent {
                context: arena_proto::IncidentContext::default(),
                kind,
                id: IncidentId::new(id).unwrap(),
                revision,
                entity,
                symptom,
                severity: b.0,
                signals: b.1,
                root_cause: b.2,
                reason: b.3,
                first_abnormal_at: c.0,
                opened_at: c.1,
                at: c.2,
                pid: c.3,
                generation: c.4,
            },
        )
}

fn plan() -> impl Strategy<Value = Plan> {
    (
        (id(), id(), any::<u32>(), entity(), text()),
        (
            select(Decision::ALL),
            select(IncidentState::ALL),
            option::of(select(Resolution::ALL)),
        ),
        (text(), text(), any::<u32>(), any::<u32>()),
        (
            option::of(select(ActionKind::ALL)),
            option::of(entity()),
            option::of(id()),
            time(),
        ),
    )
        .prop_map(|(a, b, c, d)| Plan {
            basis: arena_proto::PlanBasis::default(),
            id: PlanId::new(a.0).unwrap(),
            incident_id: IncidentId::new(a.1).unwrap(),
            revision: a.2,
            entity: a.3,
            symptom: a.4,
            decision: b.0,
            incident_state: b.1,
            resolution: b.2,
            reason: c.0,
            playbook: c.1,
            rung: c.2,
            rungs: c.3,
            action: d.0,
            target: d.1,
            command_id: d.2.map(|id| CommandId::new(id).unwrap()),
            at: d.3,
        })
}

fn command() -> impl Strategy<Value = Command> {
    (
        (id(), select(ActionKind::ALL), node(), service(), time()),
        (
            duration(Command::DEADLINE_MAX),
            option::of(any::<u32>()),
            option::of(any::<u32>()),
        ),
        (
            option::of(id()),
            text(),
            text(),
            time(),
            option::of(1..=u64::MAX),
            btree_map(text(), text(), 0..3),
        ),
    )
        .prop_map(|(a, (deadline, pid, generation), c)| Command {
            fence: c.4,
            params: c.5,
            id: CommandId::new(a.0).unwrap(),
            action: a.1,
            node: a.2,
            service: Some(a.3).filter(|_| !a.1.is_for_nodes()),
            expires_at: a.4,
            deadline,
            preconditions: Preconditions {
                pid,
                generation,
                start_time: pid.map(u64::from),
            },
            incident_id: c.0.map(|id| IncidentId::new(id).unwrap()),
            issuer: c.1,
            reason: c.2,
            at: c.3,
        })
}

fn outcome() -> impl Strategy<Value = Outcome> {
    (
        (
            id(),
            node(),
            service(),
            select(ActionKind::ALL),
            select(CommandState::ALL),
        ),
        (
            option::of(select(RejectionReason::ALL)),
            text(),
            option::of(id()),
            time(),
            pid(),
            pid(),
        ),
    )
        .prop_map(|(a, b)| Outcome {
            command_id: CommandId::new(a.0).unwrap(),
            node: a.1,
            service: Some(a.2),
            action: a.3,
            state: a.4,
            reason: b.0,
            message: b.1,
            incident_id: b.2.map(|id| IncidentId::new(id).unwrap()),
            at: b.3,
            pid_before: b.4,
            pid_after: b.5,
        })
}

fn fault() -> impl Strategy<Value = FaultRequest> {
    let ttl = duration(FaultRequest::TTL_MAX);
    let lease = option::of(duration(Duration::from_mins(1)));
    let apply = ("[a-z-]{1,20}", option::of(service()), ttl, lease, params()).prop_map(
        |(fault, service, ttl, lease, params)| FaultOperation::Apply {
            fault,
            service,
            ttl,
            lease,
            params,
        },
    );
    let operation = prop_oneof![
        apply,
        Just(FaultOperation::Renew),
        Just(FaultOperation::Revert)
    ];
    (id(), node(), time(), operation).prop_map(|(id, node, at, operation)| FaultRequest {
        id: FaultId::new(id).unwrap(),
        node,
        at,
        operation,
    })
}

fn fault_status() -> impl Strategy<Value = FaultStatus> {
    let times = (
        time(),
        option::of(time()),
        option::of(time()),
        option::of(time()),
    );
    (
        (
            id(),
            text(),
            node(),
            option::of(service()),
            select(FaultState::ALL),
        ),
        (option::of(select(FaultReason::ALL)), text(), params()),
        times,
    )
        .prop_map(|(a, (reason, message, params), times)| FaultStatus {
            id: FaultId::new(a.0).unwrap(),
            fault: a.1,
            node: a.2,
            service: a.3,
            state: a.4,
            reason,
            message,
            at: times.0,
            active_at: times.1,
            expires_at: times.2,
            reverted_at: times.3,
            params,
        })
}

fn status() -> impl Strategy<Value = NodeStatus> {
    let service = (
        (
            service(),
            select(ProcessState::ALL),
            select(ProbeVerdict::ALL),
            pid(),
        ),
        (
            any::<u32>(),
            any::<u32>(),
            option::of(1..u16::MAX),
            option::of(1..u16::MAX),
        ),
        (
            vec(service(), 0..3),
            time(),
            option::of(any::<i32>()),
            text(),
        ),
    )
        .prop_map(|(a, b, c)| ServiceStatus {
            detail: arena_proto::ServiceDetail::default(),
            name: a.0,
            state: a.1,
            probe: a.2,
            pid: a.3,
            generation: b.0,
            restarts: b.1,
            port: b.2,
            proxy_port: b.3,
            depends_on: c.0,
            since: c.1,
            exit_code: c.2,
            message: c.3,
        });
    (
        (
            node(),
            any::<u64>(),
            any::<u32>(),
            select(ProcessState::ALL),
        ),
        (any::<bool>(), vec(service, 0..3), time()),
    )
        .prop_map(|(a, b)| NodeStatus {
            quarantined: false,
            restart_owner: None,
            fence: 0,
            node: a.0,
            boot_id: a.1,
            pid: a.2,
            state: a.3,
            chaos: b.0,
            services: b.1,
            at: b.2,
        })
}

fn alert() -> impl Strategy<Value = Alert> {
    let entity =
        (node(), option::of(service())).prop_map(|(node, service)| Entity { node, service });
    let texts = || btree_map("[a-z]{1,8}", "[ -~]{0,8}", 0..3);
    (
        (
            "[0-9a-f]{16}",
            "[A-Z]{0,8}",
            select(AlertState::ALL),
            time(),
            option::of(time()),
        ),
        (
            option::of(entity),
            texts(),
            texts(),
            "[ -~]{0,8}",
            time(),
            "[ -~]{0,8}",
        ),
    )
        .prop_map(|(a, b)| Alert {
            fingerprint: a.0,
            name: a.1,
            state: a.2,
            starts_at: a.3,
            ends_at: a.4,
            entity: b.0,
            labels: b.1,
            annotations: b.2,
            generator_url: b.3,
            received_at: b.4,
            message: b.5,
        })
}

fn schema() -> impl Strategy<Value = Schema> {
    let column = (option::of(service()), "[a-z][a-z0-9_]{0,63}")
        .prop_map(|(service, metric)| Column { service, metric });
    let service = (service(), vec(service(), 0..3)).prop_map(|(name, depends_on)| ServiceInfo {
        observed: Vec::new(),
        class: arena_proto::ServiceClass::Service,
        name,
        depends_on,
    });
    (node(), vec(column, 0..5), vec(service, 0..5)).prop_map(|(node, columns, services)| Schema {
        node,
        columns,
        services,
    })
}

fn telemetry() -> impl Strategy<Value = Telemetry> {
    let sample = (
        (select(ProcessState::ALL), select(ProbeVerdict::ALL), pid()),
        (
            any::<u32>(),
            any::<u32>(),
            any::<i64>(),
            option::of(any::<i32>()),
        ),
    )
        .prop_map(|(a, b)| ServiceSample {
            state: a.0,
            probe: a.1,
            pid: a.2,
            generation: b.0,
            restarts: b.1,
            since: Timestamp::from_unix_nanos(b.2),
            exit_code: b.3,
        });
    (
        (
            node(),
            any::<u64>(),
            1..u64::MAX,
            any::<u64>(),
            any::<i64>(),
        ),
        (vec(-1e30_f32..1e30, 0..20), vec(sample, 0..5)),
    )
        .prop_map(|(a, (values, services))| Telemetry {
            node: a.0,
            boot_id: a.1,
            seq: a.2,
            schema_id: SchemaId(a.3),
            time: Timestamp::from_unix_nanos(a.4),
            values,
            services: services.into(),
        })
}

fn control() -> impl Strategy<Value = Control> {
    (
        select(Mode::ALL),
        select(LeverPosition::ALL),
        time(),
        text(),
        proptest::option::of((text(), time())),
    )
        .prop_map(|(mode, lever, at, by, lever_set)| Control {
            mode,
            lever,
            at,
            by,
            lever_set,
            ..Control::default()
        })
}

/// What is written is read again, in the encoding that it is written in and in the other one.
fn there_and_back<M: Message + PartialEq + std::fmt::Debug>(message: &M, received: &Received) {
    let body = message.encode();
    assert_eq!(M::decode(&body, received).as_ref(), Ok(message));
    let other = arena_proto::transcode(M::NAME, &body).expect("the other encoding");
    assert_ne!(other.first() == Some(&b'{'), body.first() == Some(&b'{'));
    assert_eq!(M::decode(&other, received).as_ref(), Ok(message));
}

proptest! {
    #[test]
    fn incidents_go_there_and_back(message in incident()) {
        let Entity { node, service } = &message.entity;
        there_and_back(&message, &received(node, service.as_ref()));
    }

    #[test]
    fn plans_go_there_and_back(message in plan()) {
        let Entity { node, service } = &message.entity;
        there_and_back(&message, &received(node, service.as_ref()));
    }

    #[test]
    fn commands_go_there_and_back(message in command()) {
        there_and_back(&message, &received(&message.node, None));
    }

    #[test]
    fn outcomes_go_there_and_back(message in outcome()) {
        there_and_back(&message, &received(&message.node, None));
    }

    #[test]
    fn faults_go_there_and_back(message in fault()) {
        there_and_back(&message, &received(&message.node, None));
    }

    #[test]
    fn fault_statuses_go_there_and_back(message in fault_status()) {
        there_and_back(&message, &received(&message.node, None));
    }

    #[test]
    fn statuses_go_there_and_back(message in status()) {
        there_and_back(&message, &received(&message.node, None));
    }

    #[test]
    fn schemas_go_there_and_back(message in schema()) {
        there_and_back(&message, &received(&message.node, None));
    }

    #[test]
    fn telemetry_goes_there_and_back(message in telemetry()) {
        there_and_back(&message, &received(&message.node, None));
    }

    #[test]
    fn control_goes_there_and_back(message in control()) {
        there_and_back(&message, &received(&NodeName::new("control").unwrap(), None));
    }

    #[test]
    fn alerts_go_there_and_back(message in alert()) {
        there_and_back(&message, &received(&NodeName::new("none").unwrap(), None));
    }

    #[test]
    fn random_bytes_never_panic(body in vec(any::<u8>(), 0..300)) {
        decode_as_everything(&body);
    }

    #[test]
    fn random_json_never_panics(body in r#"\{"[a-z_]{1,12}":("[ -~]{0,20}"|-?[0-9]{1,25}|\[\]|\{\}|null)\}"#) {
        decode_as_everything(body.as_bytes());
    }

    /// An honest message with a byte changed is closer to the edges than chance ever is.
    #[test]
    fn damaged_messages_never_panic(
        message in prop_oneof![
            incident().prop_map(|message| message.encode()),
            command().prop_map(|message| message.encode()),
            fault().prop_map(|message| message.encode()),
            status().prop_map(|message| message.encode()),
            telemetry().prop_map(|message| message.encode()),
        ],
        place in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut message = message;
        let place = place.index(message.len());
        message[place] = byte;
        decode_as_everything(&message);
    }
}

fn decode_as_everything(body: &[u8]) {
    let node = NodeName::new("node-1").unwrap();
    let service = ServiceName::new("orders").unwrap();
    for received in [received(&node, None), received(&node, Some(&service))] {
        let _ = IncidentEvent::decode(body, &received);
        let _ = Plan::decode(body, &received);
        let _ = Command::decode(body, &received);
        let _ = Outcome::decode(body, &received);
        let _ = FaultRequest::decode(body, &received);
        let _ = FaultStatus::decode(body, &received);
        let _ = NodeStatus::decode(body, &received);
        let _ = Schema::decode(body, &received);
        let _ = Telemetry::decode(body, &received);
        let _ = Control::decode(body, &received);
        let _ = Alert::decode(body, &received);
    }
}

#[test]
fn json_as_people_read_it() {
    let at = Timestamp::from_unix_millis(1_700_000_000_000);
    let node = NodeName::new("node-1").unwrap();
    let orders = ServiceName::new("orders").unwrap();
    let entity = Entity::service(node.clone(), orders.clone());
    let incident = IncidentEvent {
        context: arena_proto::IncidentContext::default(),
        kind: IncidentEventKind::Opened,
        id: IncidentId::new("inc-1").unwrap(),
        revision: 1,
        entity: entity.clone(),
        symptom: "cpu_high".to_owned(),
        severity: Severity::Error,
        signals: vec![SignalReport {
            readings: Vec::new(),
            inhibited_by: None,
            entity: entity.clone(),
            symptom: "cpu_high".to_owned(),
            state: SignalState::Firing,
            since: at,
            evidence: "cpu_percent 97 > 80".to_owned(),
        }],
        root_cause: entity,
        reason: "cpu_percent 97 > 80 for 2 s".to_owned(),
        first_abnormal_at: at,
        opened_at: at + Duration::from_millis(2500),
        at: at + Duration::from_millis(2500),
        pid: Some(42),
        generation: 1,
    };
    let command = Command {
        fence: None,
        params: std::collections::BTreeMap::new(),
        id: CommandId::new("cmd-1").unwrap(),
        action: ActionKind::Restart,
        node: node.clone(),
        service: Some(orders.clone()),
        expires_at: at + Duration::from_secs(30),
        deadline: Duration::from_millis(1500),
        preconditions: Preconditions {
            start_time: None,
            pid: Some(42),
            generation: None,
        },
        incident_id: None,
        issuer: "ann".to_owned(),
        reason: "by hand".to_owned(),
        at,
    };
    let fault = FaultRequest {
        id: FaultId::new("flt-1").unwrap(),
        node,
        at,
        operation: FaultOperation::Apply {
            fault: "cpu-spike".to_owned(),
            service: Some(orders),
            ttl: Duration::from_secs(30),
            lease: None,
            params: BTreeMap::from([("workers".to_owned(), "2".to_owned())]),
        },
    };
    let lines = [incident.encode(), command.encode(), fault.encode()];
    let lines = lines.map(|body| String::from_utf8(body).unwrap());
    expect![[r#"
        {"kind":"OPENED","id":"inc-1","revision":1,"node":"node-1","service":"orders","symptom":"cpu_high","severity":"ERROR","signals":[{"entity":"node-1/orders","symptom":"cpu_high","state":"FIRING","since":"2023-11-14T22:13:20+00:00","evidence":"cpu_percent 97 > 80"}],"rootCause":"node-1/orders","reason":"cpu_percent 97 > 80 for 2 s","firstAbnormalAt":"2023-11-14T22:13:20+00:00","openedAt":"2023-11-14T22:13:22.500+00:00","at":"2023-11-14T22:13:22.500+00:00","pid":42,"generation":1}
        {"id":"cmd-1","action":"RESTART","node":"node-1","service":"orders","expiresAt":"2023-11-14T22:13:50+00:00","deadline":"1.500s","preconditions":{"pid":42},"issuer":"ann","reason":"by hand","at":"2023-11-14T22:13:20+00:00"}
        {"op":"APPLY","id":"flt-1","fault":"cpu-spike","node":"node-1","service":"orders","ttl":"30s","params":{"workers":"2"},"at":"2023-11-14T22:13:20+00:00"}"#]].assert_eq(&lines.join("\n"));
}

#[test]
fn what_is_wrong_is_said() {
    let node = NodeName::new("node-1").unwrap();
    let received = received(&node, None);
    let say = |body: &str| {
        FaultRequest::decode(body.as_bytes(), &received)
            .unwrap_err()
            .to_string()
    };
    let lines = [
        say("hello"),
        say("{}"),
        say(r#"{"op":"APPLY"}"#),
        say(r#"{"op":"BREAK"}"#),
        say(r#"{"op":"APPLY","fault":"hang"}"#),
        say(r#"{"op":"APPLY","fault":"hang","ttl":"2h","service":"orders"}"#),
        say(r#"{"op":"APPLY","fault":"hang","ttl":"7200s","service":"orders"}"#),
        say(r#"{"op":"APPLY","fault":"hang","ttl":"5s","service":"Orders"}"#),
        say(r#"{"op":"REVERT"}"#),
        say(r#"{"op":"REVERT","id":"flt-1","node":"node-2"}"#),
        say(r#"{"op":"REVERT","id":"flt-1","nod":"node-2"}"#),
        say(&"x".repeat(600_000)),
    ];
    expect![[r#"
        not a protobuf arena.v1.FaultRequest: failed to decode Protobuf message: unexpected end group tag
        id is missing
        fault is missing
        not a arena.v1.FaultRequest in JSON: unknown variant `BREAK`, expected one of `UNSPECIFIED`, `APPLY`, `RENEW`, `REVERT` at line 1 column 13
        ttl is missing
        not a arena.v1.FaultRequest in JSON: missing 's' suffix at line 1 column 39
        ttl is out of range: it must be more than 0s and at most 3600s
        service: service "Orders" is not a name: use 1 to 63 of a-z, 0-9 and '-', beginning with a letter or a digit
        id is missing
        the body is about "node-2", the subject about "node-1"
        not a arena.v1.FaultRequest in JSON: unknown field `nod`, expected one of `op`, `id`, `fault`, `node`, `service`, `ttl`, `lease`, `params`, `at` at line 1 column 33
        600000 bytes are more than the 524288 that a message may have"#]].assert_eq(&lines.join("\n"));
}
