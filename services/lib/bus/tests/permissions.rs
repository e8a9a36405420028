//! Each role tries each subject of the table in docs/bus.md, both ways, and reads each stream and bucket behind it in
//! every way that JetStream has. The table is read from the page, so that page and truth cannot differ.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arena_bus::Role;
use arena_testkit::{NatsServer, wait_for};
use async_nats::{Client, ConnectOptions, Event};
use common::arena;

const PAGE: &str = include_str!("../../../../docs/bus.md");

struct Cell {
    role: Role,
    /// With wildcards.
    subject: String,
    write: bool,
    read: bool,
}

fn table() -> Vec<Cell> {
    let mut lines = PAGE
        .lines()
        .skip_while(|line| !line.starts_with("| subject |"));
    let cells = |line: &str| -> Vec<String> {
        let line = line.trim_matches('|');
        line.split('|').map(|cell| cell.trim().to_owned()).collect()
    };
    let roles: Vec<Role> = cells(lines.next().unwrap())[1..]
        .iter()
        .map(|name| *Role::ALL.iter().find(|role| role.as_str() == name).unwrap())
        .collect();
    assert_eq!(roles, Role::ALL);
    let mut table = Vec::new();
    for line in lines.skip(1).take_while(|line| line.starts_with('|')) {
        let cells = cells(line);
        for (role, cell) in roles.iter().zip(&cells[1..]) {
            assert!(["-", "R", "W", "RW"].contains(&cell.as_str()), "{line}");
            table.push(Cell {
                role: *role,
                subject: cells[0].trim_matches('`').to_owned(),
                write: cell.contains('W'),
                read: cell.contains('R'),
            });
        }
    }
    assert_eq!(table.len(), 23 * 7, "every subject, every role");
    table
}

/// A plain client, which knows nothing of the bus, and what the server said that it may not do.
struct Tester {
    client: Client,
    refused: Arc<Mutex<Vec<String>>>,
    inbox: String,
}

impl Tester {
    async fn connect(server: &NatsServer, role: Role) -> Self {
        let refused = Arc::new(Mutex::new(Vec::new()));
        let said = Arc::clone(&refused);
        let inbox = match role {
            Role::Operator => "_INBOX".to_owned(),
            role => format!("_INBOX_{}", role.as_str()),
        };
        let options = ConnectOptions::new()
            .custom_inbox_prefix(&inbox)
            .event_callback(move |event| {
                if let Event::ServerError(error) = event {
                    said.lock().unwrap().push(error.to_string().to_lowercase());
                }
                async {}
            });
        let options = match role {
            Role::Operator => options,
            role => options.user_and_password(role.as_str().into(), role.as_str().into()),
        };
        let client = options.connect(server.url()).await.unwrap();
        Self {
            client,
            refused,
            inbox,
        }
    }

    /// Everything that was refused so far. The server answers in order: once it has answered a ping, and refused
    /// something that is refused to nobody else, all that came before is known.
    async fn refusals(&self, marker: usize) -> BTreeSet<String> {
        let marker = format!("arena.nobody.{marker}");
        // The operator may do everything, and is never refused.
        if self.inbox == "_INBOX" {
            self.client.flush().await.unwrap();
            tokio::time::sleep(Duration::from_millis(200)).await;
        } else {
            self.client
                .publish(marker.clone(), "".into())
                .await
                .unwrap();
            wait_for("the marker to be refused", async || {
                let refused = self.refused.lock().unwrap();
                refused
                    .iter()
                    .any(|error| error.contains(&marker))
                    .then_some(())
            })
            .await;
        }
        self.refused.lock().unwrap().drain(..).collect()
    }

    async fn may_publish(&self, subject: &str, body: &str, marker: usize) -> bool {
        let reply = format!("{}.reply", self.inbox);
        self.client
            .publish_with_reply(subject.to_owned(), reply, body.to_owned().into())
            .await
            .unwrap();
        let refusals = self.refusals(marker).await;
        !refusals.iter().any(|error| error.contains("for publish"))
            || only(&refusals, "publish", "arena.nobody.")
    }

    async fn may_subscribe(&self, subject: &str, marker: usize) -> bool {
        let subscription = self.client.subscribe(subject.to_owned()).await.unwrap();
        let refusals = self.refusals(marker).await;
        drop(subscription);
        !refusals
            .iter()
            .any(|error| error.contains("for subscription"))
    }
}

fn only(refusals: &BTreeSet<String>, what: &str, allowed: &str) -> bool {
    refusals
        .iter()
        .filter(|error| error.contains(&format!("for {what}")))
        .all(|error| error.contains(allowed))
}

fn concrete(subject: &str) -> String {
    let tokens: Vec<_> = subject.split('.').collect();
    let node_then_service = tokens.iter().filter(|token| **token == "*").count() == 2;
    let mut names = if node_then_service {
        vec!["orders", "node-1"]
    } else if subject.contains(".control.") {
        vec!["control"]
    } else {
        vec!["node-1"]
    };
    let concrete = tokens.iter().map(|token| match *token {
        "*" => names.pop().unwrap(),
        token => token,
    });
    concrete.collect::<Vec<_>>().join(".")
}

/// The stream behind a subject, and every way of reading it.
fn ways_to_read(subject: &str) -> Vec<(String, String)> {
    let stream = match subject.split('.').nth(1).unwrap() {
        "incident" => "INCIDENTS",
        "plan" => "PLANS",
        "command" => "COMMANDS",
        "outcome" => "OUTCOMES",
        "fault" | "fault_status" => "FAULTS",
        "evidence" => "EVIDENCE",
        "score" => "SCORES",
        "status" => "KV_status",
        "schema" => "KV_schema",
        "control" => "KV_control",
        "approvals" => "KV_approvals",
        "observer" => "KV_observer",
        "lease" => "KV_lease",
        "alerts" => "KV_alerts",
        _ => return Vec::new(),
    };
    let consumer = format!(
        r#"{{"stream_name":"{stream}","config":{{"name":"t","deliver_policy":"all","ack_policy":"none","replay_policy":"instant","filter_subject":"{subject}","mem_storage":true}}}}"#
    );
    let mut ways = vec![(
        format!("$JS.API.CONSUMER.CREATE.{stream}.t.{subject}"),
        consumer,
    )];
    if stream.starts_with("KV_") {
        ways.push((
            format!("$JS.API.DIRECT.GET.{stream}"),
            format!(r#"{{"multi_last":["{subject}"]}}"#),
        ));
    }
    ways
}

#[tokio::test]
async fn each_role_may_do_what_the_table_says_and_nothing_else() {
    let (server, _operator) = arena().await;
    let mut wrong = Vec::new();
    let mut marker = 0;
    for role in Role::ALL {
        let tester = Tester::connect(&server, *role).await;
        for cell in table().iter().filter(|cell| cell.role == *role) {
            let Cell { subject, .. } = cell;
            marker += 1;
            let concrete = concrete(subject);
            if tester.may_publish(&concrete, "{}", marker).await != cell.write {
                wrong.push(format!("{role:?} publish {concrete}: not {}", cell.write));
            }
            marker += 1;
            // Telemetry is heard by its partitioned name.
            let heard = subject.replace("arena.telemetry.*", "arena.telemetry.*.*");
            if tester.may_subscribe(&heard, marker).await != cell.read {
                wrong.push(format!("{role:?} subscribe {heard}: not {}", cell.read));
            }
            for (request, body) in ways_to_read(subject) {
                marker += 1;
                if tester.may_publish(&request, &body, marker).await != cell.read {
                    wrong.push(format!("{role:?} {request}: not {}", cell.read));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn faults_leak_to_neither_detector_nor_remediator() {
    let (server, operator) = arena().await;
    operator.publish(&common::fault(), None).await.unwrap();
    operator
        .publish(&common::fault_status(), None)
        .await
        .unwrap();
    let mut marker = 100_000;
    for role in [Role::Detector, Role::Remediator] {
        let tester = Tester::connect(&server, role).await;
        let mut leaks = Vec::new();
        for subject in [
            "arena.fault.>",
            "arena.fault_status.>",
            "arena.>",
            ">",
            "_INBOX.>",
            "_INBOX_node.>",
            "$JS.>",
        ] {
            marker += 1;
            if tester.may_subscribe(subject, marker).await {
                leaks.push(format!("subscribe {subject}"));
            }
        }
        let by_seq = r#"{"seq":1}"#;
        let consumer = r#"{"stream_name":"FAULTS","config":{"name":"t","ack_policy":"none","deliver_policy":"all","replay_policy":"instant","mem_storage":true}}"#;
        let sourcing = r#"{"name":"MINE","subjects":["mine"],"sources":[{"name":"FAULTS"}]}"#;
        for (request, body) in [
            ("arena.fault.node-1", "{}"),
            ("arena.fault_status.node-1", "{}"),
            ("$JS.API.STREAM.INFO.FAULTS", ""),
            ("$JS.API.STREAM.NAMES", ""),
            ("$JS.API.STREAM.MSG.GET.FAULTS", by_seq),
            ("$JS.API.DIRECT.GET.FAULTS", by_seq),
            ("$JS.API.DIRECT.GET.FAULTS.arena.fault.node-1", ""),
            ("$JS.API.CONSUMER.CREATE.FAULTS", consumer),
            ("$JS.API.CONSUMER.CREATE.FAULTS.t", consumer),
            (
                "$JS.API.CONSUMER.CREATE.FAULTS.t.arena.fault.node-1",
                consumer,
            ),
            ("$JS.API.CONSUMER.DURABLE.CREATE.FAULTS.t", consumer),
            ("$JS.API.CONSUMER.MSG.NEXT.FAULTS.recorder", "1"),
            ("$JS.API.CONSUMER.INFO.FAULTS.recorder", ""),
            ("$JS.API.CONSUMER.LIST.FAULTS", ""),
            ("$JS.API.STREAM.CREATE.MINE", sourcing),
            ("$JS.API.STREAM.UPDATE.INCIDENTS", sourcing),
            (
                "$JS.API.STREAM.SNAPSHOT.FAULTS",
                r#"{"deliver_subject":"_INBOX_detector.x"}"#,
            ),
            ("$JS.ACK.FAULTS.t.1.1.1.1.0", ""),
        ] {
            marker += 1;
            if tester.may_publish(request, body, marker).await {
                leaks.push(format!("publish {request}"));
            }
        }
        assert!(leaks.is_empty(), "{role:?}: {leaks:?}");

        // A stream that it may read does not open the way to another one.
        let request = "$JS.API.CONSUMER.CREATE.INCIDENTS.t";
        let answer = tester
            .client
            .request(request, consumer.into())
            .await
            .unwrap();
        let answer = String::from_utf8(answer.payload.to_vec()).unwrap();
        assert!(answer.contains("error"), "{answer}");
    }
}
