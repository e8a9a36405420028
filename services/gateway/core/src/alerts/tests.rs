//! Payloads as Alertmanager sends them, one after the other, and what is kept of them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use arena_proto::{
    Alert, Entity, NodeName, NodeStatus, ProbeVerdict, ProcessState, ServiceDetail, ServiceName,
    ServiceStatus, Timestamp,
};
use expect_test::{Expect, expect};
use serde_json::{Value, json};

use super::{Counts, find, parse, receive};

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_unix_millis(1_790_000_000_000) + Duration::from_secs(seconds)
}

/// `node-1: orders:18101/19101 payments:18102`.
fn node(text: &str) -> NodeStatus {
    let (name, services) = text.split_once(": ").unwrap();
    let port = |text: &str| text.parse::<u16>().ok();
    let services = services.split(' ').map(|word| {
        let (name, ports) = word.split_once(':').unwrap_or((word, ""));
        let (own, proxy) = ports.split_once('/').unwrap_or((ports, ""));
        ServiceStatus {
            name: ServiceName::new(name).unwrap(),
            state: ProcessState::Running,
            probe: ProbeVerdict::Passing,
            pid: Some(1),
            generation: 1,
            restarts: 0,
            port: port(own),
            proxy_port: port(proxy),
            depends_on: Vec::new(),
            since: at(0),
            exit_code: None,
            message: String::new(),
            detail: ServiceDetail::default(),
        }
    });
    NodeStatus {
        node: NodeName::new(name).unwrap(),
        boot_id: 1,
        pid: 1,
        state: ProcessState::Running,
        chaos: false,
        services: services.collect(),
        at: at(0),
        quarantined: false,
        restart_owner: None,
        fence: 0,
    }
}

fn fleet() -> Vec<NodeStatus> {
    vec![
        node("node-1: orders:18101/19101 payments:18102"),
        node("node-2: orders:18201 ledger:18202"),
    ]
}

/// What is kept, and the story so far.
#[derive(Default)]
struct Story {
    known: BTreeMap<String, Alert>,
    told: String,
}

impl Story {
    fn post(&mut self, now: u64, body: &Value) -> Counts {
        let payload = parse(body.to_string().as_bytes()).unwrap();
        let receipt = receive(at(now), &payload, &self.known, &fleet());
        for fingerprint in &receipt.forget {
            self.known.remove(fingerprint);
            writeln!(self.told, "{now} forget {fingerprint}").unwrap();
        }
        for alert in &receipt.write {
            let entity = alert
                .entity
                .as_ref()
                .map_or_else(|| "nobody".to_owned(), Entity::to_string);
            let (name, state, message) = (&alert.name, alert.state, &alert.message);
            let since = alert.starts_at.saturating_since(at(0)).as_secs();
            writeln!(
                self.told,
                "{now} write {name} {state} of {entity} since {since}: {message}"
            )
            .unwrap();
            self.known.insert(alert.fingerprint.clone(), alert.clone());
        }
        let Counts {
            taken,
            repeated,
            unmatched,
            truncated,
            over_limit,
        } = receipt.told;
        writeln!(
            self.told,
            "{now} {taken} taken, {repeated} repeated, {unmatched} unmatched, {truncated} truncated, {over_limit} over the limit"
        )
        .unwrap();
        receipt.told
    }
}

fn alert(fingerprint: &str, status: &str, starts: u64, labels: &Value) -> Value {
    let mut labels = labels.clone();
    labels["alertname"] = json!(format!("A{fingerprint}"));
    let ends = if status == "resolved" {
        at(starts + 30).to_string()
    } else {
        "0001-01-01T00:00:00Z".to_owned()
    };
    json!({
        "status": status, "labels": labels, "annotations": {"summary": "it is slow"},
        "startsAt": at(starts).to_string(), "endsAt": ends,
        "generatorURL": "http://localhost:9090/graph", "fingerprint": fingerprint,
    })
}

fn payload(alerts: &[Value]) -> Value {
    json!({
        "version": "4", "groupKey": "{}:{}", "truncatedAlerts": 0, "status": "firing", "receiver": "arena",
        "groupLabels": {}, "commonLabels": {}, "commonAnnotations": {}, "externalURL": "http://localhost:9093",
        "alerts": alerts,
    })
}

#[test]
fn repeats_do_nothing_ends_end_and_what_is_late_is_left() {
    let mut story = Story::default();
    let orders = json!({"arena_node": "node-1", "arena_service": "orders"});
    let firing = payload(&[alert("a1", "firing", 0, &orders)]);
    let resolved = payload(&[alert("a1", "resolved", 0, &orders)]);
    let again = payload(&[alert("a1", "firing", 100, &orders)]);
    story.post(10, &firing);
    story.post(11, &firing);
    // Once in a while that it was told again is written down.
    story.post(90, &firing);
    story.post(95, &resolved);
    story.post(96, &resolved);
    // A repeat that was late, and one that tells that it fires after all.
    story.post(97, &firing);
    story.post(200, &firing);
    story.post(201, &resolved);
    // Another start; what is told of the last one is old.
    story.post(210, &again);
    story.post(211, &resolved);
    story.post(212, &firing);
    expect![[r#"
        10 write Aa1 FIRING of node-1/orders since 0: by arena_node="node-1", arena_service="orders"
        10 1 taken, 0 repeated, 0 unmatched, 0 truncated, 0 over the limit
        11 0 taken, 1 repeated, 0 unmatched, 0 truncated, 0 over the limit
        90 write Aa1 FIRING of node-1/orders since 0: by arena_node="node-1", arena_service="orders"
        90 0 taken, 1 repeated, 0 unmatched, 0 truncated, 0 over the limit
        95 write Aa1 RESOLVED of node-1/orders since 0: by arena_node="node-1", arena_service="orders"
        95 1 taken, 0 repeated, 0 unmatched, 0 truncated, 0 over the limit
        96 0 taken, 1 repeated, 0 unmatched, 0 truncated, 0 over the limit
        97 0 taken, 1 repeated, 0 unmatched, 0 truncated, 0 over the limit
        200 write Aa1 FIRING of node-1/orders since 0: by arena_node="node-1", arena_service="orders"
        200 1 taken, 0 repeated, 0 unmatched, 0 truncated, 0 over the limit
        201 write Aa1 RESOLVED of node-1/orders since 0: by arena_node="node-1", arena_service="orders"
        201 1 taken, 0 repeated, 0 unmatched, 0 truncated, 0 over the limit
        210 write Aa1 FIRING of node-1/orders since 100: by arena_node="node-1", arena_service="orders"
        210 1 taken, 0 repeated, 0 unmatched, 0 truncated, 0 over the limit
        211 0 taken, 1 repeated, 0 unmatched, 0 truncated, 0 over the limit
        212 0 taken, 1 repeated, 0 unmatched, 0 truncated, 0 over the limit
    "#]].assert_eq(&story.told);
}

#[test]
fn two_of_one_service_and_one_of_nobody_in_one_payload_that_was_cut() {
    let mut story = Story::default();
    let mut body = payload(&[
        alert("a1", "firing", 0, &json!({"instance": "127.0.0.1:18102"})),
        alert("a2", "firing", 5, &json!({"job": "payments"})),
        alert("a3", "firing", 5, &json!({"job": "mysql"})),
    ]);
    body["truncatedAlerts"] = json!(7);
    story.post(10, &body);
    expect![[r#"
        10 write Aa1 FIRING of node-1/payments since 0: by instance="127.0.0.1:18102"
        10 write Aa2 FIRING of node-1/payments since 5: by job="payments"
        10 write Aa3 FIRING of nobody since 5: none of the labels arena_node, arena_service, node, service, instance and job names a known node or service
        10 3 taken, 0 repeated, 1 unmatched, 7 truncated, 0 over the limit
    "#]].assert_eq(&story.told);
}

#[test]
fn what_ends_is_of_whom_it_was() {
    let mut story = Story::default();
    let labels = json!({"service": "ledger"});
    story.post(10, &payload(&[alert("a1", "firing", 0, &labels)]));
    let mut payload = parse(
        payload(&[alert("a1", "resolved", 0, &labels)])
            .to_string()
            .as_bytes(),
    )
    .unwrap();
    // Its node is gone.
    let receipt = receive(at(20), &payload, &story.known, &fleet()[..1]);
    assert_eq!(
        receipt.write[0].entity.as_ref().unwrap().to_string(),
        "node-2/ledger"
    );
    // While it fires, it is of who is there.
    payload.alerts[0].state = arena_proto::AlertState::Firing;
    let receipt = receive(at(20), &payload, &story.known, &fleet()[..1]);
    assert_eq!(receipt.write[0].entity, None);
}

#[test]
fn there_is_room_for_a_thousand_and_what_is_over_goes_first() {
    let mut story = Story::default();
    let nobody = json!({});
    let many: Vec<Value> = (0..Alert::COUNT_MAX)
        .map(|n| alert(&format!("f{n}"), "firing", 0, &nobody))
        .collect();
    story.post(1, &payload(&many));
    story.told.clear();
    story.post(2, &payload(&[alert("one", "firing", 0, &nobody)]));
    story.post(3, &payload(&[alert("f17", "resolved", 0, &nobody)]));
    story.post(
        4,
        &payload(&[
            alert("one", "firing", 0, &nobody),
            alert("two", "firing", 0, &nobody),
        ]),
    );
    expect![[r#"
        2 0 taken, 0 repeated, 0 unmatched, 0 truncated, 1 over the limit
        3 write Af17 RESOLVED of nobody since 0: none of the labels arena_node, arena_service, node, service, instance and job names a known node or service
        3 1 taken, 0 repeated, 1 unmatched, 0 truncated, 0 over the limit
        4 forget f17
        4 write Aone FIRING of nobody since 0: none of the labels arena_node, arena_service, node, service, instance and job names a known node or service
        4 1 taken, 0 repeated, 1 unmatched, 0 truncated, 1 over the limit
    "#]].assert_eq(&story.told);
}

#[test]
fn what_is_kept_of_an_alert_has_a_limit() {
    let texts: serde_json::Map<String, Value> = (0..100)
        .map(|n| (format!("label{n}"), json!("x".repeat(5000))))
        .collect();
    let mut story = Story::default();
    let mut huge = alert("a1", "firing", 0, &Value::Object(texts.clone()));
    huge["annotations"] = Value::Object(texts);
    huge["generatorURL"] = json!("u".repeat(100_000));
    story.post(1, &payload(&[huge]));
    let bytes = arena_proto::Message::encode(&story.known["a1"]).len();
    assert!((10_000..16 * 1024).contains(&bytes), "{bytes}");
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let mut told = String::new();
    let mut check = |change: &dyn Fn(&mut Value)| {
        let mut body = payload(&[
            alert("a1", "firing", 0, &json!({})),
            alert("a2", "firing", 0, &json!({})),
        ]);
        change(&mut body);
        writeln!(told, "{}", parse(body.to_string().as_bytes()).unwrap_err()).unwrap();
    };
    check(&|body| body["version"] = json!("3"));
    check(&|body| body["alerts"] = json!(null));
    check(&|body| body["alerts"][1]["status"] = json!("pending"));
    check(&|body| body["alerts"][1]["startsAt"] = json!("yesterday"));
    check(&|body| body["alerts"][1]["startsAt"] = json!("0001-01-01T00:00:00Z"));
    check(&|body| body["alerts"][1]["endsAt"] = json!("2026-13-01T00:00:00Z"));
    check(&|body| body["alerts"][0]["fingerprint"] = json!("a.b"));
    check(&|body| {
        body["alerts"][0].as_object_mut().unwrap().remove("labels");
    });
    check(&|body| body["alerts"] = json!(vec![alert("a", "firing", 0, &json!({})); 1001]));
    let whole = payload(&[alert("a1", "firing", 0, &json!({}))]).to_string();
    writeln!(told, "{}", parse(&whole.as_bytes()[..100]).unwrap_err()).unwrap();
    writeln!(told, "{}", parse(b"").unwrap_err()).unwrap();
    expect![[r#"
        version is "3", and this takes "4"
        not a payload of Alertmanager's webhook: invalid type: null, expected a sequence at line 1 column 14
        alerts[1].status is "pending", and must be "firing" or "resolved"
        alerts[1].startsAt is "yesterday", and must be a time as in 2026-01-31T12:00:00Z
        alerts[1].startsAt is no time: nobody could tell one alert from the next
        alerts[1].endsAt is "2026-13-01T00:00:00Z", and must be a time as in 2026-01-31T12:00:00Z
        alerts[0].fingerprint is "a.b", and must be 1 to 64 letters and digits
        not a payload of Alertmanager's webhook: missing field `labels` at line 1 column 203
        alerts has 1001 entries, at most 1000 are taken
          mend: set max_alerts in webhook_configs, or group_by more labels
        not a payload of Alertmanager's webhook: EOF while parsing a string at line 1 column 100
        not a payload of Alertmanager's webhook: EOF while parsing a value at line 1 column 0
    "#]].assert_eq(&told);
    // Cut anywhere, it is refused and never half taken.
    for end in 0..whole.len() {
        assert!(parse(&whole.as_bytes()[..end]).is_err());
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn whom_labels_are_about() {
    let check = |table: &str, expected: &Expect| {
        let mut told = String::new();
        for line in table.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let labels = line.split(' ').map(|label| label.split_once('=').unwrap());
            let labels = labels
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect();
            let found = find(&labels, &fleet());
            let entity = found
                .entity
                .map_or_else(|| "nobody".to_owned(), |entity| entity.to_string());
            writeln!(told, "{line}\n    {entity}: {}", found.message).unwrap();
        }
        expected.assert_eq(&told);
    };
    check(
        "arena_node=node-1 arena_service=orders
         arena_node=node-2
         arena_service=ledger
         arena_service=orders
         arena_service=ordres instance=127.0.0.1:18102
         arena_node=node-9 arena_service=orders
         node=node-2 service=orders
         service=payments
         node=gke-7 job=ledger
         service=shop instance=localhost:18101
         service=orders instance=127.0.0.1:18201 job=x
         service=orders instance=127.0.0.1:18102
         instance=127.0.0.1:19101
         instance=[::1]:18202
         instance=db.example:18202
         instance=node-2:18202
         instance=node-2:18101
         instance=127.0.0.1
         instance=127.0.0.1:99999
         job=orders
         job=orders instance=127.0.0.1:18101
         job=orders node=node-1
         job=node-exporter node=node-1
         service=shop node=node-1
         severity=page
         service=Orders!",
        &expect![[r#"
            arena_node=node-1 arena_service=orders
                node-1/orders: by arena_node="node-1", arena_service="orders"
            arena_node=node-2
                node-2: by arena_node="node-2"
            arena_service=ledger
                node-2/ledger: by arena_service="ledger"
            arena_service=orders
                nobody: arena_service="orders" names 2 of them: node-1/orders, node-2/orders; arena_node would say which
            arena_service=ordres instance=127.0.0.1:18102
                nobody: arena_service="ordres" is not a known node or service
            arena_node=node-9 arena_service=orders
                nobody: arena_node="node-9", arena_service="orders" is not a known node or service
            node=node-2 service=orders
                node-2/orders: by node="node-2", service="orders"
            service=payments
                node-1/payments: by service="payments"
            node=gke-7 job=ledger
                node-2/ledger: by job="ledger"
            service=shop instance=localhost:18101
                node-1/orders: by instance="localhost:18101"
            service=orders instance=127.0.0.1:18201 job=x
                node-2/orders: by service="orders", instance="127.0.0.1:18201"
            service=orders instance=127.0.0.1:18102
                nobody: service="orders" names 2 of them: node-1/orders, node-2/orders; arena_node would say which
            instance=127.0.0.1:19101
                node-1/orders: by instance="127.0.0.1:19101"
            instance=[::1]:18202
                node-2/ledger: by instance="[::1]:18202"
            instance=db.example:18202
                nobody: instance="db.example:18202" is none of ours; arena_service would say it outright
            instance=node-2:18202
                node-2/ledger: by instance="node-2:18202"
            instance=node-2:18101
                nobody: none of the labels arena_node, arena_service, node, service, instance and job names a known node or service
            instance=127.0.0.1
                nobody: none of the labels arena_node, arena_service, node, service, instance and job names a known node or service
            instance=127.0.0.1:99999
                nobody: none of the labels arena_node, arena_service, node, service, instance and job names a known node or service
            job=orders
                nobody: job="orders" names 2 of them: node-1/orders, node-2/orders; arena_node would say which
            job=orders instance=127.0.0.1:18101
                node-1/orders: by instance="127.0.0.1:18101"
            job=orders node=node-1
                node-1/orders: by node="node-1", job="orders"
            job=node-exporter node=node-1
                node-1: by node="node-1"
            service=shop node=node-1
                nobody: none of the labels arena_node, arena_service, node, service, instance and job names a known node or service
            severity=page
                nobody: none of the labels arena_node, arena_service, node, service, instance and job names a known node or service
            service=Orders!
                nobody: none of the labels arena_node, arena_service, node, service, instance and job names a known node or service
        "#]],
    );
}
