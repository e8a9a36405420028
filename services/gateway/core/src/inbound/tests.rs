//! Posts, one after the other, and what is said on the bus for them.

use std::fmt::Write as _;
use std::time::Duration;

use arena_proto::{NodeName, NodeStatus, ProcessState, ServiceStatus, Timestamp};
use expect_test::expect;
use serde_json::{Value, json};

use super::{FORGOTTEN_AFTER, Inbound, NODES_MAX, Refused, Said, parse};

fn at(millis: u64) -> Timestamp {
    Timestamp::from_unix_millis(1_790_000_000_000) + Duration::from_millis(millis)
}

/// The gateway, and the story so far.
struct Story {
    inbound: Inbound,
    told: String,
}

impl Story {
    fn new() -> Self {
        Self {
            inbound: Inbound::new(700),
            told: String::new(),
        }
    }

    fn post(&mut self, now: u64, body: &Value) -> Option<Said> {
        let post = parse(at(now), body.to_string().as_bytes()).unwrap();
        let said = self.inbound.post(at(now), &post);
        match &said {
            Err(refused) => writeln!(self.told, "{now} {refused:?}").unwrap(),
            Ok(said) => self.tell(now, said),
        }
        let said = said.ok()?;
        if let Some(status) = &said.status {
            self.inbound.status(status.clone());
        }
        Some(said)
    }

    fn tell(&mut self, now: u64, said: &Said) {
        let out = &mut self.told;
        if let Some(schema) = &said.schema {
            let columns = schema
                .columns
                .iter()
                .map(|column| format!("{}:{}", schema.entity(column), column.metric));
            writeln!(
                out,
                "{now} schema {}",
                columns.collect::<Vec<_>>().join(" ")
            )
            .unwrap();
        }
        if let Some(status) = &said.status {
            let service = |s: &ServiceStatus| {
                let since = s.since.unix_millis() - at(0).unix_millis();
                format!(
                    " {} {} {} pid {:?} generation {} since {since}",
                    s.name, s.state, s.probe, s.pid, s.generation
                )
            };
            let services: String = status.services.iter().map(service).collect();
            writeln!(
                out,
                "{now} status {} boot {} agent {}{services}",
                status.state,
                status.boot_id,
                status.has_agent()
            )
            .unwrap();
        }
        if let Some(telemetry) = &said.telemetry {
            writeln!(
                out,
                "{now} telemetry boot {} #{} {:?}",
                telemetry.boot_id, telemetry.seq, telemetry.values
            )
            .unwrap();
        }
    }
}

fn post(node: &str, cpu: f64) -> Value {
    json!({
        "node": node,
        "services": [{"name": "web", "state": "RUNNING"}],
        "samples": [{"metric": "cpu_percent", "value": 12.5}, {"service": "web", "metric": "cpu_percent", "value": cpu}],
    })
}

#[test]
fn a_node_is_told_of_as_an_agent_would() {
    let mut story = Story::new();
    story.post(0, &post("edge-9", 40.0));
    story.post(1000, &post("edge-9", 97.3));
    // A metric more, and one less: that has no reading.
    let mut more = post("edge-9", 41.0);
    more["samples"][1]["metric"] = json!("memory_bytes");
    story.post(2000, &more);
    // It dies, and comes back.
    let mut dead = post("edge-9", 0.0);
    dead["services"][0]["state"] = json!("exited");
    story.post(3000, &dead);
    story.post(4000, &post("edge-9", 1.0));
    // Told again after a while, also where nothing changed.
    story.post(13_999, &post("edge-9", 1.0));
    story.post(14_000, &post("edge-9", 1.0));
    // A service goes, and its columns with it.
    story.post(15_000, &json!({"node": "edge-9"}));
    expect![[r#"
        0 schema edge-9:cpu_percent edge-9/web:cpu_percent
        0 status RUNNING boot 700 agent false web RUNNING NONE pid None generation 1 since 0
        0 telemetry boot 700 #1 [12.5, 40.0]
        1000 telemetry boot 700 #2 [12.5, 97.3]
        2000 schema edge-9:cpu_percent edge-9/web:cpu_percent edge-9/web:memory_bytes
        2000 telemetry boot 700 #3 [12.5, NaN, 41.0]
        3000 status RUNNING boot 700 agent false web EXITED NONE pid None generation 1 since 3000
        3000 telemetry boot 700 #4 [12.5, 0.0, NaN]
        4000 status RUNNING boot 700 agent false web RUNNING NONE pid None generation 2 since 4000
        4000 telemetry boot 700 #5 [12.5, 1.0, NaN]
        13999 telemetry boot 700 #6 [12.5, 1.0, NaN]
        14000 status RUNNING boot 700 agent false web RUNNING NONE pid None generation 2 since 4000
        14000 telemetry boot 700 #7 [12.5, 1.0, NaN]
        15000 schema edge-9:cpu_percent
        15000 status RUNNING boot 700 agent false
        15000 telemetry boot 700 #8 [NaN]
    "#]]
    .assert_eq(&story.told);
}

#[test]
fn a_gateway_that_starts_again_goes_on_with_another_boot() {
    let mut story = Story::new();
    let mut body = post("edge-9", 40.0);
    body["services"][0]["pid"] = json!(41);
    story.post(0, &body);
    body["services"][0]["pid"] = json!(42);
    let status = story.post(1000, &body).unwrap().status.unwrap();
    story.inbound = Inbound::new(900);
    story.inbound.status(status);
    story.post(2000, &body);
    story.inbound.failed(&NodeName::new("edge-9").unwrap());
    story.post(3000, &body);
    // Somebody removed it from KV status.
    story
        .inbound
        .status_removed(&NodeName::new("edge-9").unwrap());
    story.post(4000, &body);
    // It says goodbye, and comes back: to the detector that is another boot.
    story.post(5000, &json!({"node": "edge-9", "leaving": true}));
    story.post(6000, &body);
    expect![[r#"
        0 schema edge-9:cpu_percent edge-9/web:cpu_percent
        0 status RUNNING boot 700 agent false web RUNNING NONE pid Some(41) generation 1 since 0
        0 telemetry boot 700 #1 [12.5, 40.0]
        1000 status RUNNING boot 700 agent false web RUNNING NONE pid Some(42) generation 2 since 0
        1000 telemetry boot 700 #2 [12.5, 40.0]
        2000 schema edge-9:cpu_percent edge-9/web:cpu_percent
        2000 status RUNNING boot 900 agent false web RUNNING NONE pid Some(42) generation 2 since 0
        2000 telemetry boot 900 #1 [12.5, 40.0]
        3000 schema edge-9:cpu_percent edge-9/web:cpu_percent
        3000 status RUNNING boot 900 agent false web RUNNING NONE pid Some(42) generation 2 since 0
        3000 telemetry boot 900 #1 [12.5, 40.0]
        4000 schema edge-9:cpu_percent edge-9/web:cpu_percent
        4000 status RUNNING boot 901 agent false web RUNNING NONE pid Some(42) generation 1 since 4000
        4000 telemetry boot 901 #1 [12.5, 40.0]
        5000 status STOPPING boot 901 agent false web RUNNING NONE pid Some(42) generation 1 since 4000
        6000 schema edge-9:cpu_percent edge-9/web:cpu_percent
        6000 status RUNNING boot 902 agent false web RUNNING NONE pid Some(42) generation 1 since 4000
        6000 telemetry boot 902 #1 [12.5, 40.0]
    "#]]
    .assert_eq(&story.told);
}

fn agents(name: &str, state: ProcessState) -> NodeStatus {
    NodeStatus {
        node: NodeName::new(name).unwrap(),
        boot_id: 1,
        pid: 4711,
        state,
        chaos: false,
        services: Vec::new(),
        at: at(0),
        quarantined: false,
        restart_owner: None,
        fence: 0,
    }
}

#[test]
fn a_name_that_an_agent_has_is_refused() {
    let mut story = Story::new();
    story
        .inbound
        .status(agents("node-1", ProcessState::Running));
    story.post(0, &post("node-1", 1.0));
    story
        .inbound
        .status(agents("node-1", ProcessState::Stopping));
    story.post(1000, &post("node-1", 1.0));
    // The agent is started again.
    story
        .inbound
        .status(agents("node-1", ProcessState::Running));
    story.post(2000, &post("node-1", 1.0));
    expect![[r#"
        0 Owned("node-1 has an agent, which speaks for it\n  mend: post under another name, or stop that agent first")
        1000 schema node-1:cpu_percent node-1/web:cpu_percent
        1000 status RUNNING boot 700 agent false web RUNNING NONE pid None generation 1 since 1000
        1000 telemetry boot 700 #1 [12.5, 1.0]
        2000 Owned("node-1 has an agent, which speaks for it\n  mend: post under another name, or stop that agent first")
    "#]].assert_eq(&story.told);
}

#[test]
fn there_are_limits() {
    let mut inbound = Inbound::new(1);
    for n in 0..NODES_MAX {
        let post = parse(
            at(0),
            post(&format!("edge-{n}"), 1.0).to_string().as_bytes(),
        )
        .unwrap();
        inbound.post(at(0), &post).unwrap();
    }
    let one_more = parse(at(0), post("one-more", 1.0).to_string().as_bytes()).unwrap();
    assert!(matches!(
        inbound.post(at(0), &one_more),
        Err(Refused::TooMany(_))
    ));
    // Goodbyes of nobody are refused.
    let nobody = json!({"node": "nobody", "leaving": true}).to_string();
    let nobody = parse(at(0), nobody.as_bytes()).unwrap();
    assert!(matches!(inbound.post(at(0), &nobody), Err(Refused::Bad(_))));
    // A place is free again when the node is taken out of KV, or was silent for long.
    inbound.status_removed(&NodeName::new("edge-1").unwrap());
    inbound.post(at(0), &one_more).unwrap();
    let late = at(0) + FORGOTTEN_AFTER;
    let after = parse(late, post("after", 1.0).to_string().as_bytes()).unwrap();
    inbound.post(late, &after).unwrap();
    // Metrics are counted over all posts.
    let of = |from: u32| {
        let samples: Vec<Value> = (from..from + 40)
            .map(|n| json!({"metric": format!("m{n}"), "value": n}))
            .collect();
        parse(
            at(0),
            json!({"node": "edge-0", "samples": samples})
                .to_string()
                .as_bytes(),
        )
        .unwrap()
    };
    inbound.post(at(0), &of(0)).unwrap();
    assert!(matches!(inbound.post(at(0), &of(40)), Err(Refused::Bad(_))));
    inbound.post(at(0), &of(0)).unwrap();
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let mut told = String::new();
    let mut check = |change: &dyn Fn(&mut Value)| {
        let mut body = post("edge-9", 1.0);
        change(&mut body);
        writeln!(
            told,
            "{}",
            parse(at(0), body.to_string().as_bytes()).unwrap_err()
        )
        .unwrap();
    };
    check(&|body| body["node"] = json!("Edge 9"));
    check(&|body| body["nodes"] = json!([]));
    check(&|body| body["at"] = json!("noon"));
    check(&|body| body["at"] = json!("2020-01-01T00:00:00Z"));
    check(&|body| body["services"][0]["state"] = json!("UP"));
    check(&|body| body["services"][0]["probe"] = json!("well"));
    check(&|body| body["services"][0]["name"] = json!("we b"));
    check(&|body| body["services"][0]["depends_on"] = json!(["a b"]));
    check(&|body| body["services"] = json!(vec![json!({"name": "web", "state": "RUNNING"}); 2]));
    check(&|body| body["services"] = json!(vec![json!({"name": "web", "state": "RUNNING"}); 65]));
    check(&|body| body["samples"][1]["service"] = json!("db"));
    check(&|body| body["samples"][1]["metric"] = json!("CPU%"));
    check(&|body| body["samples"][1]["value"] = json!(1e39));
    check(&|body| body["samples"][1]["value"] = json!("97"));
    check(&|body| body["samples"][0] = body["samples"][1].clone());
    expect![[r#"
        node: node "Edge 9" is not a name: use 1 to 63 of a-z, 0-9 and '-', beginning with a letter or a digit
        not telemetry in JSON: unknown field `nodes`, expected one of `node`, `at`, `leaving`, `services`, `samples` at line 1 column 24
        at is "noon", and must be a time as in 2026-01-31T12:00:00Z
        at is 2020-01-01T00:00:00Z, and here it is 2026-09-21T14:13:20.000Z: at most 5 min of difference are taken
          mend: set the node's clock, or leave `at` out
        services[0].state: "UP" is none of STOPPED, STARTING, RUNNING, BACKOFF, STOPPING, EXITED, FATAL
        services[0].probe: "well" is none of UNKNOWN, PASSING, FAILING, NONE
        services[0].name: service "we b" is not a name: use 1 to 63 of a-z, 0-9 and '-', beginning with a letter or a digit
        services[0].depends_on: service "a b" is not a name: use 1 to 63 of a-z, 0-9 and '-', beginning with a letter or a digit
        services[1].name: web is there twice
        services has 65 entries, at most 64 are taken
        samples[1].service: db is not among the services
        samples[1].metric is "CPU%", and must be 1 to 64 of a-z, 0-9 and '_', beginning with a letter
        samples[1].value is 1000000000000000000000000000000000000000, which is too large to be told
        not telemetry in JSON: invalid type: string "97", expected f64 at line 1 column 118
        samples[1].metric is there twice
    "#]].assert_eq(&told);
}
