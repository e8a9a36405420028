//! What the sidecar does with requests to drained replicas, and who is seen to call whom. The second node is this test: it
//! writes its status and answers for its replica.

#[allow(
    dead_code,
    reason = "this module is part of several tests, which use parts of it"
)]
mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use arena_chassis::Clock;
use arena_proto::{
    ActionKind, CommandState, NodeStatus, ProbeVerdict, ProcessState, Schema, ServiceDetail,
    ServiceName, ServiceStatus,
};
use arena_testkit::wait_for;
use common::Arena;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// `asker` may call `web` and says where; `caller` is told nothing, and keeps a connection to it all the same.
const SERVICES: &str = r#"
[[node.service]]
name = "asker"
command = ["sh", "-c", "echo at $ARENA_UPSTREAM_WEB; exec sleep 1000"]
depends_on = ["web"]

[[node.service]]
name = "caller"
command = ["python3", "-c", """
import socket, time
while True:
    try:
        kept = socket.create_connection(("127.0.0.1", PORT))
        time.sleep(1000)
    except OSError:
        time.sleep(0.05)
"""]
"#;

/// A replica of `web` on another node: counts its requests, and answers each at once or, of `/slow`, once it is told to.
struct Replica {
    port: u16,
    asked: Arc<AtomicU32>,
    go: Arc<Notify>,
}

impl Replica {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let replica = Self {
            port: listener.local_addr().expect("an address").port(),
            asked: Arc::default(),
            go: Arc::default(),
        };
        let (asked, go) = (Arc::clone(&replica.asked), Arc::clone(&replica.go));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, Arc::clone(&asked), Arc::clone(&go)));
            }
        });
        replica
    }

    fn asked(&self) -> u32 {
        self.asked.load(Ordering::SeqCst)
    }

    /// As the agent of node-2 would say it.
    fn status(&self, drained: bool) -> NodeStatus {
        let now = Clock::new().now();
        NodeStatus {
            node: "node-2".parse().expect("a name"),
            boot_id: 1,
            pid: 1,
            state: ProcessState::Running,
            chaos: false,
            services: vec![ServiceStatus {
                name: "web".parse().expect("a name"),
                state: ProcessState::Running,
                probe: ProbeVerdict::Passing,
                pid: Some(2),
                generation: 1,
                restarts: 0,
                port: Some(1),
                proxy_port: Some(self.port),
                depends_on: Vec::new(),
                since: now,
                exit_code: None,
                message: String::new(),
                detail: ServiceDetail {
                    drained,
                    ..ServiceDetail::default()
                },
            }],
            at: now,
            quarantined: false,
            restart_owner: None,
            fence: 0,
        }
    }
}

async fn answer(mut stream: TcpStream, asked: Arc<AtomicU32>, go: Arc<Notify>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    asked.fetch_add(1, Ordering::SeqCst);
    if head.starts_with(b"GET /slow") {
        go.notified().await;
    }
    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\nconnection: close\r\n\r\nx";
    let _ = stream.write_all(answer).await;
}

/// The status code of one request.
async fn ask(port: u16, path: &str) -> u16 {
    let mut stream = TcpStream::connect(("127.0.0.1", port))
        .await
        .expect("the leg");
    let request = format!("GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n");
    stream
        .write_all(request.as_bytes())
        .await
        .expect("a request");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("an answer");
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let code = answer.split(' ').nth(1).and_then(|code| code.parse().ok());
    code.unwrap_or_else(|| panic!("{answer:?}"))
}

/// Where `asker` reaches `web`.
async fn leg(arena: &Arena) -> u16 {
    wait_for("where web is", async || {
        let log = arena.log("asker");
        let (_, port) = log.lines().next()?.rsplit_once(':')?;
        port.trim().parse().ok()
    })
    .await
}

#[tokio::test]
async fn a_drained_replica_gets_no_new_requests_unless_there_is_no_other() {
    let mut arena = Arena::start_with_services(SERVICES).await;
    arena.healthy("web").await;
    let leg = leg(&arena).await;
    let other = Replica::start().await;
    arena
        .bus
        .put_status(&other.status(false))
        .await
        .expect("told");
    // While one request is at the own replica... the other takes one as well: the least loaded is asked.
    wait_for("a request to the other replica", async || {
        let slow = tokio::spawn(ask(leg, "/slow"));
        let both = tokio::join!(ask(leg, "/"), ask(leg, "/"), ask(leg, "/"));
        assert_eq!(both, (200, 200, 200));
        other.go.notify_waiters();
        slow.abort();
        (other.asked() > 0).then_some(())
    })
    .await;

    // One under way there, which ends well after the drain.
    arena.command("c-1", ActionKind::Stop, "web").await;
    let before = other.asked();
    let slow = tokio::spawn(ask(leg, "/slow"));
    wait_for("a request under way", async || {
        (other.asked() > before).then_some(())
    })
    .await;
    let outcome = arena.command("c-2", ActionKind::Start, "web").await;
    assert_eq!(outcome.state, CommandState::Succeeded, "{outcome:?}");
    arena
        .bus
        .put_status(&other.status(true))
        .await
        .expect("told");
    wait_for("the drain", async || {
        let before = other.asked();
        for _ in 0..20 {
            assert_eq!(ask(leg, "/").await, 200);
        }
        (other.asked() == before).then_some(())
    })
    .await;
    let settled = other.asked();
    let requests = (0..50).map(|_| ask(leg, "/"));
    let codes = futures::future::join_all(requests).await;
    assert!(codes.iter().all(|code| *code == 200), "{codes:?}");
    assert_eq!(other.asked(), settled, "it is drained, and not asked");
    other.go.notify_waiters();
    assert_eq!(slow.await.expect("a task"), 200, "what was under way ends");

    // Without the other one a drained replica is better than none.
    arena.command("c-3", ActionKind::Stop, "web").await;
    wait_for("an answer of the drained one", async || {
        (ask(leg, "/").await == 200 && other.asked() > settled).then_some(())
    })
    .await;
    arena.stop().await;
}

#[tokio::test]
async fn who_calls_without_saying_so_is_seen() {
    let mut arena = Arena::start_with_services(SERVICES).await;
    arena.healthy("web").await;
    let leg = leg(&arena).await;
    // This test is no service of the node: nobody's call.
    assert_eq!(ask(leg, "/").await, 200);
    let schema: Schema = wait_for("the edge", async || {
        let schemas = arena.bus.schemas().await.expect("schemas");
        let observed = |schema: &Schema| {
            let mut services = schema.services.iter();
            services.any(|service| !service.observed.is_empty())
        };
        schemas.into_iter().find(observed)
    })
    .await;
    for service in &schema.services {
        let observed: Vec<&str> = service.observed.iter().map(ServiceName::as_str).collect();
        let wanted: &[&str] = match service.name.as_str() {
            "caller" => &["web"],
            _ => &[],
        };
        assert_eq!(observed, wanted, "{}", service.name);
    }
    arena.stop().await;
}
