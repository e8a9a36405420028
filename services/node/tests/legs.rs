//! Faults in the legs of the sidecar, as a plain HTTP client from outside the arena feels them: each fault's effect, its end,
//! several at once, and what the leg measures meanwhile. `asker` depends on `shop`; node-2 is this test.
//!
//! No test says that something is fast: a request that is not held is waited for until one is answered sooner than a held one can
//! be.

#[allow(
    dead_code,
    reason = "this module is part of several tests, which use parts of it"
)]
mod common;

use std::time::Duration;

use arena_chassis::Clock;
use arena_proto::{
    ActionKind, CommandState, FaultReason, FaultState, NodeStatus, ProbeVerdict, ProcessState,
    ServiceDetail, ServiceStatus,
};
use arena_testkit::{free_port, wait_for};
use common::Arena;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// `shop` answers `hello`, `/bytes/N` with N bytes, a POST with its body, and `/asked` with who asked for what so far.
const SERVICES: &str = r#"
[[node.service]]
name = "shop"
command = ["python3", "-c", '''
SCRIPT
''', "{port}"]
port = SHOP
health = { http = "/healthz", interval = "100ms", timeout = "2s", failures = 3 }

[[node.service]]
name = "asker"
command = ["python3", "-c", '''
SCRIPT
''', "{port}"]
port = ASKER
depends_on = ["shop"]
health = { http = "/healthz", interval = "100ms", timeout = "2s", failures = 3 }
"#;

const SCRIPT: &str = r#"
import http.server, os, sys
print("at", os.environ.get("ARENA_UPSTREAM_SHOP"), flush=True)
asked = []
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        body = b"hello"
        if self.path.startswith("/bytes/"):
            body = b"x" * int(self.path[7:])
        if self.path == "/asked":
            body = " ".join(asked).encode()
        elif self.path != "/healthz":
            asked.append(self.path + ":" + self.headers.get("arena-caller", "unmarked"))
        self.tell(body)
    def do_POST(self):
        asked.append(self.path)
        self.tell(self.rfile.read(int(self.headers["content-length"])))
    def tell(self, body):
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 512
Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"#;

const MINUTE: Duration = Duration::from_mins(1);

/// What came back, and how long it took. No status: the connection was closed without an answer.
#[derive(Debug)]
struct Heard {
    status: Option<u16>,
    body: String,
    took: Duration,
}

/// Sends a request and reads to the end of what comes back.
async fn ask(port: u16, line: &str, more: &str) -> Heard {
    let clock = Clock::new();
    let start = clock.now();
    let stream = TcpStream::connect(("127.0.0.1", port)).await;
    let mut stream = stream.expect("a connection");
    let request = format!("{line} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n{more}");
    let sent = stream.write_all(request.as_bytes()).await;
    sent.expect("a request");
    let mut answer = Vec::new();
    // A connection that is reset has told all that it will.
    let _ = stream.read_to_end(&mut answer).await;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
    Heard {
        status: head.split(' ').nth(1).and_then(|code| code.parse().ok()),
        body: body.to_owned(),
        took: clock.now().saturating_since(start),
    }
}

async fn get(port: u16, path: &str) -> Heard {
    ask(port, &format!("GET {path}"), "\r\n").await
}

/// The arena, and the ways to `shop`.
struct World {
    arena: Arena,
    /// Its own port: what the health check asks.
    shop: u16,
    /// Its inbound leg.
    leg: u16,
    /// The leg from `asker` to it.
    out: u16,
}

impl World {
    async fn start() -> Self {
        let (shop, asker) = (free_port(), free_port());
        let services = SERVICES
            .replace("SCRIPT", SCRIPT)
            .replace("SHOP", &shop.to_string())
            .replace("ASKER", &asker.to_string());
        // The script has a name in capitals, too.
        let services = services.replace(&format!("ARENA_UPSTREAM_{shop}"), "ARENA_UPSTREAM_SHOP");
        let arena = Arena::start_with_services(&services).await;
        let leg = arena.healthy("shop").await.proxy_port.expect("a leg");
        arena.healthy("asker").await;
        let out = wait_for("where shop is", async || {
            let log = arena.log("asker");
            let (_, port) = log.lines().next()?.rsplit_once(':')?;
            port.trim().parse().ok()
        })
        .await;
        let world = Self {
            arena,
            shop,
            leg,
            out,
        };
        world.answers(world.out).await;
        world
    }

    async fn inject(&mut self, id: &str, fault: &str, target: &str, params: &[(&str, &str)]) {
        if target == "node-1" {
            self.arena.apply_to_node(id, fault, params).await;
        } else {
            self.arena.apply(id, fault, target, MINUTE, params).await;
        }
        self.arena.fault_status(id, FaultState::Active).await;
    }

    async fn revert(&mut self, id: &str) {
        self.arena.revert(id).await;
        self.arena.fault_status(id, FaultState::Reverted).await;
    }

    async fn refused(
        &mut self,
        id: &str,
        fault: &str,
        target: &str,
        params: &[(&str, &str)],
    ) -> (FaultReason, String) {
        self.arena.apply(id, fault, target, MINUTE, params).await;
        let status = self.arena.fault_status(id, FaultState::Rejected).await;
        (status.reason.expect("a reason"), status.message)
    }

    /// Waits for a good answer at this port that took less than half a second.
    async fn answers(&self, port: u16) {
        wait_for("a quick answer", async || {
            let heard = get(port, "/").await;
            (heard.status == Some(200) && heard.body == "hello" && heard.took < HALF_SECOND)
                .then_some(())
        })
        .await;
    }

    /// What `shop` was asked for so far, without who asked.
    async fn asked(&self, path: &str) -> usize {
        let asked = get(self.shop, "/asked").await.body;
        asked
            .split(' ')
            .filter(|line| line.starts_with(path))
            .count()
    }

    /// The health check never goes through a leg.
    async fn is_green(&self) {
        let shop = self.arena.service("shop", |_| true).await;
        assert_eq!(shop.probe, ProbeVerdict::Passing, "{shop:?}");
    }
}

const HALF_SECOND: Duration = Duration::from_millis(500);

/// Asks again and again until it is dropped.
struct Asking(JoinHandle<()>);

impl Asking {
    fn at(port: u16) -> Self {
        Self(tokio::spawn(async move {
            loop {
                let asked = tokio::time::timeout(Duration::from_secs(2), get(port, "/"));
                let _ = asked.await;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }))
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[tokio::test]
async fn a_slow_network_is_slow_in_the_leg_that_is_named_and_nowhere_else() {
    let mut world = World::start().await;
    let slow = [("latency", "600ms"), ("jitter", "50ms")];
    world.inject("f-in", "network-delay", "shop", &slow).await;
    for way in [world.leg, world.out] {
        let heard = get(way, "/").await;
        assert!(
            heard.took > HALF_SECOND && heard.status == Some(200),
            "{heard:?}"
        );
    }
    world.answers(world.shop).await;
    world.revert("f-in").await;
    world.answers(world.out).await;

    let out = [("latency", "600ms"), ("direction", "out"), ("to", "shop")];
    world.inject("f-out", "network-delay", "asker", &out).await;
    assert!(get(world.out, "/").await.took > HALF_SECOND);
    world.answers(world.leg).await;
    world.revert("f-out").await;
    world.answers(world.out).await;

    // Two at once add up, and the end of one leaves the other.
    world.inject("f-a", "network-delay", "shop", &slow).await;
    world
        .inject(
            "f-b",
            "error-burst",
            "shop",
            &[("share", "100"), ("status", "507")],
        )
        .await;
    world
        .inject(
            "f-c",
            "network-loss",
            "asker",
            &[("share", "100"), ("direction", "out"), ("stall", "1s")],
        )
        .await;
    let heard = get(world.out, "/").await;
    assert!(
        heard.took > Duration::from_millis(1_500) && heard.status == Some(507),
        "{heard:?}"
    );
    world.revert("f-a").await;
    let heard = get(world.out, "/").await;
    assert!(
        heard.took > Duration::from_secs(1) && heard.status == Some(507),
        "{heard:?}"
    );
    world.revert("f-c").await;
    wait_for("only the errors", async || {
        let heard = get(world.out, "/").await;
        assert_eq!(heard.status, Some(507), "{heard:?}");
        (heard.took < HALF_SECOND).then_some(())
    })
    .await;
    world.revert("f-b").await;
    world.answers(world.out).await;
    world.arena.stop().await;
}

#[tokio::test]
async fn lost_requests_stall_or_are_cut_off_and_a_narrow_pipe_takes_its_time() {
    let mut world = World::start().await;
    let reset = [("kind", "reset"), ("share", "40")];
    world.inject("f-1", "network-loss", "shop", &reset).await;
    let mut cut_off = 0;
    for _ in 0..100 {
        let heard = get(world.leg, "/lossy").await;
        match heard.status {
            None => cut_off += 1,
            Some(status) => assert_eq!((status, heard.body.as_str()), (200, "hello")),
        }
    }
    assert!(
        (15..=65).contains(&cut_off),
        "{cut_off} of 100 at a share of 40 %"
    );
    assert_eq!(
        world.asked("/lossy").await,
        100 - cut_off,
        "who was cut off never arrived"
    );
    // To its callers behind a leg it is a gateway that has no answer.
    wait_for("a failure", async || {
        (get(world.out, "/").await.status == Some(502)).then_some(())
    })
    .await;
    let asking = Asking::at(world.leg);
    world
        .arena
        .metric("shop", "error_percent", |percent| percent > 10.0)
        .await;
    world.is_green().await;
    // It is of the network: the service's recovery changes nothing.
    let outcome = world
        .arena
        .command("c-1", ActionKind::Recover, "shop")
        .await;
    assert_eq!(outcome.state, CommandState::Succeeded, "{outcome:?}");
    wait_for("a cut", async || {
        get(world.leg, "/").await.status.is_none().then_some(())
    })
    .await;
    drop(asking);
    world.revert("f-1").await;

    // 2 KiB at 1 KiB/s: two seconds of the body alone, to and fro.
    world
        .inject("f-2", "network-bandwidth", "shop", &[("rate", "1")])
        .await;
    let heard = get(world.leg, "/bytes/2048").await;
    assert!(
        heard.body.len() == 2048 && heard.took >= Duration::from_secs(2),
        "{:?}",
        heard.took
    );
    let sent = format!("content-length: 2048\r\n\r\n{}", "y".repeat(2048));
    let heard = ask(world.leg, "POST /", &sent).await;
    assert!(
        heard.body.len() == 2048 && heard.took >= Duration::from_secs(4),
        "{:?}",
        heard.took
    );
    // What is on its way is let go at the end.
    let long = tokio::spawn(get(world.leg, "/bytes/100000"));
    wait_for("it arrived", async || {
        (world.asked("/bytes/100000").await == 1).then_some(())
    })
    .await;
    world.revert("f-2").await;
    assert_eq!(long.await.expect("a task").body.len(), 100_000);
    world.arena.stop().await;
}

#[tokio::test]
async fn behind_a_partition_requests_are_held_until_it_is_over_or_their_callers_are_gone() {
    let mut world = World::start().await;
    world
        .inject("f-1", "network-partition", "shop", &[("direction", "in")])
        .await;
    for action in [ActionKind::Recover, ActionKind::Restart] {
        let id = format!("c-{action}").to_lowercase();
        let outcome = world.arena.command(&id, action, "shop").await;
        assert_eq!(outcome.state, CommandState::Succeeded, "{outcome:?}");
    }
    let held = tokio::spawn(get(world.out, "/held"));
    // Callers that give up after what they wanted to send: it neither arrives nor stays.
    // The body is of more than one piece: hyper alone would not look at its connection before somebody reads it.
    let sent = format!("content-length: 60000\r\n\r\n{}", "x".repeat(60_000));
    for (line, rest) in [("GET /gone", "\r\n"), ("POST /gone", &sent)] {
        let gone = ask(world.leg, line, rest);
        let gone = tokio::time::timeout(HALF_SECOND, gone).await;
        assert!(
            gone.is_err(),
            "the partition outlives the process: {gone:?}"
        );
    }
    // Nobody is refused; so the leg says slow, by the age of what waits in it.
    world
        .arena
        .metric("shop", "latency_p95_ms", |latency| latency > 500.0)
        .await;
    world.answers(world.shop).await;
    world.is_green().await;
    assert_eq!(world.asked("/held").await, 0, "nothing came through");
    world.revert("f-1").await;
    assert_eq!(
        held.await.expect("a task").status,
        Some(200),
        "it was let go"
    );
    assert_eq!(world.asked("/gone").await, 0);

    let to = [("direction", "out"), ("to", "shop")];
    world.inject("f-2", "network-partition", "asker", &to).await;
    let held = tokio::spawn(get(world.out, "/held"));
    world.answers(world.leg).await;
    world.revert("f-2").await;
    assert_eq!(held.await.expect("a task").status, Some(200));

    // To the caller it is down; who asks it otherwise is answered, and it is well.
    world.inject("f-3", "dependency-down", "asker", &[]).await;
    let heard = get(world.out, "/").await;
    assert_eq!(heard.status, Some(503));
    assert!(
        heard.body.contains("no healthy replica of shop"),
        "{heard:?}"
    );
    world.answers(world.leg).await;
    world.revert("f-3").await;
    world.answers(world.out).await;
    world.arena.stop().await;
}

#[tokio::test]
async fn around_a_partitioned_node_only_what_stays_within_it_passes() {
    let mut world = World::start().await;
    // Alone the node reaches itself, and no service sees who legs say calls.
    world
        .inject("f-1", "network-partition", "node-1", &[])
        .await;
    world.answers(world.out).await;
    let asked = get(world.shop, "/asked").await.body;
    assert!(
        !asked.is_empty() && asked.split(' ').all(|line| line.ends_with(":unmarked")),
        "{asked}"
    );
    let from = |who: &str| format!("arena-caller: {who}\r\n\r\n");
    let own = ask(world.leg, "GET /", &from("node-1/asker")).await;
    assert_eq!(own.status, Some(200));
    let outsider = tokio::spawn(get(world.leg, "/outsider"));
    let (leg, other) = (world.leg, from("node-2/asker"));
    let other = tokio::spawn(async move { ask(leg, "GET /other", &other).await });

    // What the leg sends to another node is held; that replica is idle, and so has the turn sooner or later.
    let replica = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = replica.local_addr().expect("an address").port();
    world
        .arena
        .bus
        .put_status(&node_2(port))
        .await
        .expect("told");
    let held = wait_for("a request that goes to node-2", async || {
        let mut held = tokio::spawn(get(world.out, "/"));
        let answered = tokio::time::timeout(HALF_SECOND, &mut held).await;
        answered.is_err().then_some(held)
    })
    .await;
    assert_eq!(
        world.asked("/outsider").await + world.asked("/other").await,
        0
    );
    world.revert("f-1").await;
    assert_eq!(outsider.await.expect("a task").status, Some(200));
    assert_eq!(other.await.expect("a task").status, Some(200));
    let (mut arrived, _) = replica.accept().await.expect("let go");
    let mut bytes = vec![0; 1024];
    let length = arrived.read(&mut bytes).await.expect("a request");
    let request = String::from_utf8_lossy(&bytes[..length]).into_owned();
    assert!(request.contains("arena-caller: node-1/asker"), "{request}");
    held.abort();

    // One way only.
    world
        .inject(
            "f-2",
            "network-partition",
            "node-1",
            &[("direction", "out")],
        )
        .await;
    world.answers(world.leg).await;
    world.arena.stop().await;
}

/// A status of node-2, whose `shop` is at this port.
fn node_2(port: u16) -> NodeStatus {
    let now = Clock::new().now();
    NodeStatus {
        node: "node-2".parse().expect("a name"),
        boot_id: 1,
        pid: 1,
        state: ProcessState::Running,
        chaos: false,
        services: vec![ServiceStatus {
            name: "shop".parse().expect("a name"),
            state: ProcessState::Running,
            probe: ProbeVerdict::Passing,
            pid: Some(2),
            generation: 1,
            restarts: 0,
            port: Some(1),
            proxy_port: Some(port),
            depends_on: Vec::new(),
            since: now,
            exit_code: None,
            message: String::new(),
            detail: ServiceDetail::default(),
        }],
        at: now,
        quarantined: false,
        restart_owner: None,
        fence: 0,
    }
}

#[tokio::test]
async fn errors_and_gray_answers_leave_the_probe_green_and_end_with_the_leg() {
    let mut world = World::start().await;
    let asking = Asking::at(world.leg);
    world
        .inject("f-1", "error-burst", "shop", &[("share", "100")])
        .await;
    assert_eq!(get(world.leg, "/burst").await.status, Some(503));
    assert_eq!(
        world.asked("/burst").await,
        0,
        "the service did not hear of it"
    );
    world
        .arena
        .metric("shop", "error_percent", |percent| percent > 90.0)
        .await;
    world.is_green().await;
    recover(&mut world, "c-1", "f-1").await;
    world
        .arena
        .metric("shop", "error_percent", |percent| percent < 1.0)
        .await;

    let slow = [("share", "100"), ("latency", "700ms")];
    world.inject("f-2", "gray", "shop", &slow).await;
    assert!(get(world.leg, "/").await.took > HALF_SECOND);
    world
        .arena
        .metric("shop", "latency_p95_ms", |latency| latency > 500.0)
        .await;
    world.is_green().await;
    recover(&mut world, "c-2", "f-2").await;
    world.answers(world.leg).await;

    let wrong = [("share", "100"), ("kind", "wrong")];
    world.inject("f-3", "gray", "shop", &wrong).await;
    let heard = get(world.leg, "/gray").await;
    assert_eq!(
        (heard.status, heard.body.contains("hello")),
        (Some(200), false),
        "{heard:?}"
    );
    // No rate of errors tells of it.
    world
        .arena
        .metric("shop", "error_percent", |percent| percent < 1.0)
        .await;
    world.is_green().await;
    drop(asking);
    let outcome = world
        .arena
        .command("c-3", ActionKind::Restart, "shop")
        .await;
    assert_eq!(outcome.state, CommandState::Succeeded, "{outcome:?}");
    let status = world.arena.fault_status("f-3", FaultState::Reverted).await;
    assert_eq!(status.reason, Some(FaultReason::TargetReplaced));
    world.answers(world.leg).await;
    world.arena.stop().await;
}

async fn recover(world: &mut World, command: &str, fault: &str) {
    let outcome = world
        .arena
        .command(command, ActionKind::Recover, "shop")
        .await;
    assert_eq!(outcome.state, CommandState::Succeeded, "{outcome:?}");
    let status = world.arena.fault_status(fault, FaultState::Reverted).await;
    assert_eq!(status.reason, Some(FaultReason::TargetRecovered));
}

#[tokio::test]
async fn a_retry_storm_outlives_its_trigger_and_ends_with_the_leg() {
    let mut world = World::start().await;
    // 20 requests a second, for 40 that pass; with their repetitions 80.
    let asked = |path: &'static str| {
        let leg = world.leg;
        tokio::spawn(async move {
            let mut asking = tokio::task::JoinSet::new();
            loop {
                while asking.try_join_next().is_some() {}
                asking.spawn(async move {
                    let _ = tokio::time::timeout(Duration::from_secs(2), get(leg, path)).await;
                });
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        })
    };
    let storm = |trigger: &'static str| {
        [
            ("retries", "3"),
            ("timeout", "300ms"),
            ("work", "25ms"),
            ("trigger", trigger),
        ]
    };
    let load = asked("/load");
    world
        .inject("f-0", "retry-storm", "shop", &storm("0ms"))
        .await;
    world.answers(world.leg).await;
    world.revert("f-0").await;

    world
        .inject("f-1", "retry-storm", "shop", &storm("3s"))
        .await;
    let (before, at) = (world.asked("/load").await, Clock::new().now());
    // Long after the trigger is gone there is the same load, and nobody is answered in time any more.
    wait_for("many attempts", async || {
        (world.asked("/load").await > before + 300).then_some(())
    })
    .await;
    assert!(Clock::new().now().saturating_since(at) > Duration::from_secs(3 + 300 / 40));
    world
        .arena
        .metric("shop", "latency_p95_ms", |latency| latency > 500.0)
        .await;
    let one = tokio::time::timeout(HALF_SECOND, get(world.leg, "/one")).await;
    assert!(
        one.is_err() || one.is_ok_and(|one| one.status == Some(503)),
        "it stays"
    );
    world.is_green().await;
    recover(&mut world, "c-1", "f-1").await;
    world.answers(world.leg).await;
    load.abort();

    // Each attempt is real, its caller gone or not.
    world
        .inject("f-2", "retry-storm", "shop", &storm("2s"))
        .await;
    assert!(
        tokio::time::timeout(HALF_SECOND, get(world.leg, "/gone"))
            .await
            .is_err()
    );
    wait_for("all four attempts", async || {
        let asked = world.asked("/gone").await;
        assert!(asked <= 4, "{asked}");
        (asked == 4).then_some(())
    })
    .await;
    world.revert("f-2").await;
    world.arena.stop().await;
}

#[tokio::test]
async fn what_no_leg_carries_is_refused_with_what_there_is() {
    let mut world = World::start().await;
    let runs = |quiet: &ServiceStatus| quiet.state == ProcessState::Running;
    world.arena.service("quiet", runs).await;
    let to_nobody = [("direction", "out"), ("to", "nobody")];
    for fault in [
        "network-delay",
        "network-loss",
        "network-bandwidth",
        "network-partition",
    ] {
        let (reason, message) = world
            .refused(&format!("f-to-{fault}"), fault, "asker", &to_nobody)
            .await;
        assert_eq!(reason, FaultReason::BadParameter, "{fault}: {message}");
        assert!(message.contains("depends on shop"), "{fault}: {message}");
        let out = [("direction", "out")];
        let (reason, message) = world
            .refused(&format!("f-out-{fault}"), fault, "shop", &out)
            .await;
        assert_eq!(reason, FaultReason::Unsupported, "{fault}: {message}");
        let inward = [("direction", "in"), ("to", "shop")];
        let (reason, message) = world
            .refused(&format!("f-in-{fault}"), fault, "asker", &inward)
            .await;
        assert_eq!(reason, FaultReason::BadParameter, "{fault}: {message}");
    }
    for fault in [
        "error-burst",
        "gray",
        "retry-storm",
        "network-delay",
        "network-partition",
        "dependency-down",
    ] {
        let (reason, message) = world
            .refused(&format!("f-quiet-{fault}"), fault, "quiet", &[])
            .await;
        assert_eq!(reason, FaultReason::Unsupported, "{fault}: {message}");
    }
    // Of both ways there is one.
    world
        .inject("f-both", "network-partition", "shop", &[])
        .await;
    world.revert("f-both").await;
    world.answers(world.out).await;
    world.arena.stop().await;
}
