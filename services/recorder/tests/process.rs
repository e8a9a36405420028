//! The real `arena-recorder` on a real nats-server and both databases: killed, stopped, and with its database taken away.

#![expect(clippy::unwrap_used, reason = "a test")]

mod common;

use std::process::{Child, Command, Stdio};

use arena_bus::{Bus, NatsArgs, Role};
use arena_proto::{
    Column, EfficacyQuery, EfficacyRow, FaultRecord, IncidentQuery, IncidentRecord, IncidentStory,
    Schema, StoryQuery, Summary, Telemetry, Timestamp,
};
use arena_recorder::database::NewEvent;
use arena_recorder_core::Event;
use arena_testkit::{NatsServer, TempDir, temp_dir, wait_for};
use common::{Backend, backends, evidence, id, new_event, story};
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement, TransactionTrait};

/// A nats-server with streams, a database, and room for recorders.
struct World {
    nats: NatsServer,
    backend: Backend,
    operator: Bus,
    logs: TempDir,
}

/// A recorder process; killed with the value.
struct Recorder {
    child: Child,
    log: std::path::PathBuf,
}

impl World {
    async fn new(backend: Backend) -> Self {
        let nats = NatsServer::start().await;
        let operator = connect(&nats, Role::Operator).await;
        operator.ensure_streams().await.unwrap();
        Self {
            nats,
            backend,
            operator,
            logs: temp_dir(),
        }
    }

    fn recorder(&self) -> Recorder {
        let log = self.logs.path().join("recorder.log");
        let _ = std::fs::remove_file(&log);
        let child = Command::new(env!("CARGO_BIN_EXE_arena-recorder"))
            .args([
                "--nats-url",
                &self.nats.url(),
                "--database",
                &self.backend.url(),
            ])
            .env("RUST_LOG", "warn,arena_recorder=debug")
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stderr(std::fs::File::create(&log).unwrap())
            .spawn()
            .unwrap();
        Recorder { child, log }
    }

    async fn publish(&self, events: &[NewEvent]) {
        for event in events {
            let bus = &self.operator;
            match &event.event {
                Event::Incident(message) => bus.publish(message, event.trace).await,
                Event::Plan(message) => bus.publish(message, event.trace).await,
                Event::Command(message) => bus.publish(message, event.trace).await,
                Event::Outcome(message) => bus.publish(message, event.trace).await,
                Event::Fault(message) => bus.publish(message, event.trace).await,
                Event::FaultStatus(message) => bus.publish(message, event.trace).await,
                Event::Evidence(message) => bus.publish(message, event.trace).await,
            }
            .unwrap();
        }
    }

    async fn request<Reply: serde::de::DeserializeOwned>(
        &self,
        endpoint: &str,
        request: &impl serde::Serialize,
    ) -> Option<Reply> {
        let reply = self.operator.request("recorder", endpoint, request).await;
        reply.ok()
    }

    async fn summary(&self) -> Option<Summary> {
        self.request("summary", &serde_json::json!({})).await
    }

    async fn stored(&self, events: u64) -> Summary {
        wait_for(&format!("{events} stored events"), async || {
            let summary = self.summary().await?;
            (summary.events_total == events).then_some(summary)
        })
        .await
    }
}

impl Recorder {
    fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    async fn says(&self, what: &str) {
        wait_for(what, async || self.log().contains(what).then_some(())).await;
    }

    fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    async fn stop(mut self) {
        let pid = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &pid])
                .status()
                .unwrap()
                .success()
        );
        let status = wait_for("the recorder to stop", async || {
            self.child.try_wait().unwrap()
        })
        .await;
        assert!(status.success(), "{status}\n{}", self.log());
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.kill();
    }
}

async fn connect(nats: &NatsServer, role: Role) -> Bus {
    let args = NatsArgs {
        nats_url: nats.url(),
    };
    Bus::connect(&args, role, "test").await.unwrap()
}

async fn count(look: &DatabaseConnection, sql: &str) -> i64 {
    let statement = Statement::from_string(look.get_database_backend(), sql);
    let row = look.query_one_raw(statement).await.unwrap().unwrap();
    row.try_get("", "n").unwrap()
}

#[tokio::test]
async fn what_is_published_is_stored_and_answered() {
    for backend in backends() {
        let world = World::new(backend).await;
        let recorder = world.recorder();
        world.publish(&story(&id("inc-1"), 0)).await;
        let summary = world.stored(9).await;
        assert_eq!((summary.incidents_total, summary.incidents_open), (1, 0));
        let query = IncidentQuery::default();
        let records: Vec<IncidentRecord> = world.request("incidents", &query).await.unwrap();
        assert_eq!(records[0].resolution.as_deref(), Some("REMEDIATED"));
        assert_eq!(records[0].act_ms, Some(500.0));
        let captured = new_event(Event::Evidence(evidence(&id("inc-1"), 15)));
        world.publish(&[captured]).await;
        world.stored(10).await;
        let query = StoryQuery { id: "inc".into() };
        let told: IncidentStory = world.request("story", &query).await.unwrap();
        assert_eq!(told.evidence[0].log, ["spinning"]);
        assert_eq!(told.incident.evidence_count, 1);
        let query = EfficacyQuery::default();
        let worth: Vec<EfficacyRow> = world.request("efficacy", &query).await.unwrap();
        assert_eq!((worth[0].action.as_str(), worth[0].tried), ("restart", 1));
        let faults: Vec<FaultRecord> = world
            .request("faults", &serde_json::json!({}))
            .await
            .unwrap();
        assert_eq!(faults[0].state, "ACTIVE");
        recorder.stop().await;
        assert_eq!(world.summary().await, None);
        // Started again it is offered nothing that it acked.
        let recorder = world.recorder();
        wait_for("the recorder", async || world.summary().await).await;
        assert!(!recorder.log().contains("storing"), "{}", recorder.log());
    }
}

/// A lock that no writer gets past; readers do.
async fn lock_out_writers(look: &DatabaseConnection) -> sea_orm::DatabaseTransaction {
    let transaction = look.begin().await.unwrap();
    let take = "UPDATE totals SET value = value";
    transaction.execute_unprepared(take).await.unwrap();
    if look.get_database_backend() == sea_orm::DbBackend::Postgres {
        let take = "LOCK TABLE events IN EXCLUSIVE MODE";
        transaction.execute_unprepared(take).await.unwrap();
    }
    transaction
}

#[tokio::test]
async fn killed_between_commit_and_ack_it_stores_nothing_twice() {
    for backend in backends() {
        let mut world = World::new(backend).await;
        let mut recorder = world.recorder();
        wait_for("the recorder", async || world.summary().await).await;
        let look = world.backend.look().await;
        let held = lock_out_writers(&look).await;
        world.publish(&story(&id("inc-1"), 0)[..1]).await;
        recorder.says("storing 1 events").await;
        // The server dies before the commit, so that no ack can reach it.
        world.nats.kill();
        held.rollback().await.unwrap();
        recorder.says("stored 1 new events of 1").await;
        recorder.kill();
        world.nats.restart().await;
        let recorder = world.recorder();
        recorder.says("stored 0 new events of 1").await;
        assert_eq!(count(&look, "SELECT count(*) AS n FROM events").await, 1);
        assert_eq!(world.stored(1).await.events_total, 1);
        look.close().await.unwrap();
    }
}

#[tokio::test]
async fn killed_again_and_again_it_loses_nothing_and_stores_nothing_twice() {
    const INCIDENTS: u64 = 60;
    for backend in backends() {
        let world = World::new(backend).await;
        let mut recorder = world.recorder();
        wait_for("the recorder", async || world.summary().await).await;
        let look = world.backend.look().await;
        for n in 0..INCIDENTS {
            let millis = i64::try_from(n).unwrap() * 1000;
            world
                .publish(&story(&id(&format!("inc-{n}")), millis))
                .await;
            if n % 12 == 11 {
                recorder.kill();
                recorder = world.recorder();
            }
        }
        let summary = world.stored(INCIDENTS * 9).await;
        assert_eq!(
            (summary.incidents_total, summary.incidents_open),
            (INCIDENTS, 0)
        );
        let events = count(&look, "SELECT count(*) AS n FROM events").await;
        assert_eq!(u64::try_from(events).unwrap(), INCIDENTS * 9);
        let query = IncidentQuery {
            limit: Some(200),
            ..IncidentQuery::default()
        };
        let records: Vec<IncidentRecord> = world.request("incidents", &query).await.unwrap();
        assert_eq!(records.len(), 60);
        for record in records {
            assert_eq!(
                (record.act_ms, record.verify_ms),
                (Some(500.0), Some(2500.0))
            );
        }
        look.close().await.unwrap();
    }
}

#[tokio::test]
async fn a_database_that_goes_away_is_waited_for() {
    for backend in backends() {
        let mut world = World::new(backend).await;
        let recorder = world.recorder();
        let story = story(&id("inc-1"), 0);
        world.publish(&story[..3]).await;
        world.stored(3).await;
        if let Backend::Postgres(server) = &mut world.backend {
            server.stop();
        } else {
            continue;
        }
        world.publish(&story[3..]).await;
        recorder.says("trying again until it works").await;
        let reply: Result<Summary, _> = world
            .operator
            .request("recorder", "summary", &serde_json::json!({}))
            .await;
        let error = reply.unwrap_err().to_string();
        assert!(error.contains("the database"), "{error}");
        assert!(!error.contains("s3cret"), "{error}");
        if let Backend::Postgres(server) = &mut world.backend {
            server.start();
        }
        world.stored(9).await;
        recorder.says("the database works again").await;
        let log = recorder.log();
        assert_eq!(
            log.matches("trying again until it works").count(),
            1,
            "{log}"
        );
        assert!(!log.contains("s3cret"), "{log}");
        recorder.stop().await;
    }
}

#[tokio::test]
async fn told_to_stop_it_stores_the_open_bucket() {
    for backend in backends() {
        let world = World::new(backend).await;
        let recorder = world.recorder();
        wait_for("the recorder", async || world.summary().await).await;
        let node = connect(&world.nats, Role::Node).await;
        let schema = Schema {
            node: "node-1".parse().unwrap(),
            columns: vec![Column {
                service: None,
                metric: "load1".into(),
            }],
            services: Vec::new(),
        };
        node.put_schema(&schema).await.unwrap();
        let look = world.backend.look().await;
        let sample = Telemetry {
            node: schema.node.clone(),
            boot_id: 1,
            seq: 1,
            schema_id: schema.id(),
            time: Timestamp::EPOCH,
            values: vec![1.0],
            services: [].into(),
        };
        node.publish_telemetry(&sample).await.unwrap();
        node.flush().await.unwrap();
        recorder.says("telemetry comes in").await;
        recorder.stop().await;
        let readings = "SELECT CAST(sum(count) AS BIGINT) AS n FROM rollups";
        assert_eq!(count(&look, readings).await, 1);
        look.close().await.unwrap();
    }
}

/// How the recorder ends with a database, and what it says.
fn said_to(url: &str, arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_arena-recorder"))
        .args(arguments)
        .env("DATABASE_URL", url)
        .env("RUST_LOG", "trace")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!said.contains("s3cret"), "{said}");
    assert!(output.stdout.is_empty());
    (output.status.code(), said)
}

#[test]
fn a_wrong_address_ends_it_at_once_with_the_mend_and_without_the_password() {
    for arguments in [&[][..], &["--check-database"]] {
        for (url, code, words) in [
            ("mysql://arena:s3cret@db/arena", 2, "mysql:// is neither"),
            ("", 2, "it is empty"),
            (
                "postgres://arena:s3cret@127.0.0.1:1/arena",
                1,
                "127.0.0.1:1",
            ),
            (
                "postgres://arena:s3cret@no.such.host.invalid/arena",
                1,
                "no.such.host.invalid:5432",
            ),
            (
                "sqlite:/no/such/folder/arena.db",
                1,
                "there is no folder /no/such/folder",
            ),
            (
                "sqlite:/proc/arena.db",
                1,
                "give a path in a folder that this user may write",
            ),
            ("sqlite:/dev/null/arena.db", 1, "/dev/null is no folder"),
            ("sqlite:/tmp", 1, "it is a folder"),
        ] {
            let (exit, said) = said_to(url, arguments);
            assert_eq!(exit, Some(code), "{said}");
            assert!(said.contains(words), "{said}");
            assert!(said.contains("mend: "), "{said}");
        }
        let (_, said) = said_to("postgres://arena:s3cret@127.0.0.1:1/arena", arguments);
        assert!(said.contains("Connection refused"), "{said}");
        assert!(said.contains("is PostgreSQL running there"), "{said}");
    }
}

#[test]
fn a_server_that_says_nothing_is_told_as_that() {
    // It takes the connection, and nobody reads from it.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let url = format!("postgres://arena:s3cret@127.0.0.1:{port}/arena");
    let (exit, said) = said_to(&url, &["--check-database"]);
    assert_eq!(exit, Some(1), "{said}");
    assert!(said.contains("no answer within 2s"), "{said}");
    assert!(said.contains(&port.to_string()), "{said}");
}

#[test]
fn a_database_that_can_be_used_is_checked_in_silence() {
    for backend in backends() {
        let (exit, said) = said_to(&backend.url(), &["--check-database"]);
        assert_eq!(exit, Some(0), "{said}");
        assert!(!said.contains("mend"), "{said}");
    }
    // Arena's own folder is made.
    let folder = temp_dir();
    let data = folder.path().join("new");
    let status = Command::new(env!("CARGO_BIN_EXE_arena-recorder"))
        .args(["--check-database", "--data-dir"])
        .arg(&data)
        .env_remove("DATABASE_URL")
        .status()
        .unwrap();
    assert!(status.success());
    assert!(data.join("arena.db").is_file());
}

#[test]
fn help_tells_no_password() {
    let help = Command::new(env!("CARGO_BIN_EXE_arena-recorder"))
        .arg("--help")
        .env("DATABASE_URL", "postgres://arena:s3cret@db/arena")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&help.stdout);
    assert!(said.contains("--keep-events"), "{said}");
    assert!(!said.contains("s3cret"), "{said}");
}
