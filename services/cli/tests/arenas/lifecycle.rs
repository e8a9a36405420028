//! Starting, stopping, and what happens to an arena in between: twice, killed, interrupted, in the way of others.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Stdio;

use arena_testkit::{Arena, ArenaBuilder, free_port, wait_for};
use serde_json::Value;

use crate::{ONE_NODE, TURNS};

fn small() -> ArenaBuilder {
    ArenaBuilder::new(env!("CARGO_BIN_EXE_arena"), ONE_NODE).env("OTEL_SDK_DISABLED", "true")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn signal(pid: u32, name: &str) {
    let sent = std::process::Command::new("kill")
        .args([name, &pid.to_string()])
        .status();
    assert!(sent.expect("kill runs").success(), "process {pid} is gone");
}

async fn await_healthy(arena: &Arena) {
    wait_for("the arena to be healthy", async || {
        arena
            .run(&["status", "--exit-code"])
            .status
            .success()
            .then_some(())
    })
    .await;
}

#[tokio::test]
async fn in_the_foreground_sigterm_ends_it_with_0_and_leaves_nothing() {
    let _turn = TURNS.one().await;
    let temporary = arena_testkit::temp_dir();
    let arena = small()
        .env("TMPDIR", temporary.path().to_str().unwrap())
        .prepare();
    let mut up = arena
        .up_command(&[])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    await_healthy(&arena).await;
    signal(up.id(), "-TERM");
    let status = wait_for("arena up to end", async || up.try_wait().unwrap()).await;
    assert_eq!(status.code(), Some(0));
    assert_eq!(arena.leftovers(), Vec::<String>::new());
    for line in arena
        .config()
        .lines()
        .filter_map(|line| line.strip_prefix("port = "))
    {
        TcpListener::bind(format!("127.0.0.1:{line}")).expect("the service's port is free again");
    }
    let left = std::fs::read_dir(temporary.path()).unwrap().count();
    assert_eq!(
        left,
        0,
        "control sockets and the like are gone: {}",
        temporary.path().display()
    );
    assert_eq!(arena.run(&["status"]).status.code(), Some(3));
    assert_eq!(arena.run(&["down"]).status.code(), Some(3));
}

#[tokio::test]
async fn a_second_up_is_no_error_and_starts_nothing() {
    let _turn = TURNS.one().await;
    let arena = small().start();
    let before = arena.leftovers().len();
    let again = arena.up(&["-d", "--wait"]);
    assert!(again.status.success(), "{}", text(&again.stderr));
    let foreground = arena.up(&[]);
    assert!(foreground.status.success(), "{}", text(&foreground.stderr));
    assert_eq!(arena.leftovers().len(), before, "{:#?}", arena.leftovers());
}

#[tokio::test]
async fn another_arena_than_the_one_that_runs_is_refused_and_left_alone() {
    let _turn = TURNS.one().await;
    let arena = small().start();
    let before = arena.leftovers();
    let other = arena.data_dir().join("other.toml");
    std::fs::write(&other, ONE_NODE).unwrap();
    let data = arena.data_dir();
    for (flag, value) in [
        ("--config", other.to_str().unwrap()),
        ("--database", "sqlite:/tmp/elsewhere.db"),
        ("--nats-url", "nats://127.0.0.1:1"),
    ] {
        let mut up = std::process::Command::new(env!("CARGO_BIN_EXE_arena"));
        up.args(["up", "-d", flag, value, "--data-dir"]).arg(&data);
        up.env_remove("NATS_URL").env_remove("DATABASE_URL");
        let up = up.output().unwrap();
        let said = text(&up.stderr);
        assert_eq!(up.status.code(), Some(1), "{flag}: {said}");
        assert!(
            said.contains("left as it is") && said.contains("mend: `arena down`"),
            "{said}"
        );
    }
    let chaos = arena.up(&["-d", "--chaos"]);
    assert_eq!(chaos.status.code(), Some(1), "{}", text(&chaos.stderr));
    assert_eq!(arena.leftovers(), before);
}

#[tokio::test]
async fn a_database_that_cannot_be_used_is_refused_before_anything_starts() {
    let _turn = TURNS.one().await;
    let folder = arena_testkit::temp_dir();
    let nowhere = format!("sqlite:{}", folder.path().join("none/arena.db").display());
    let arena = small().arg("--database").arg(nowhere).prepare();
    let up = arena.up(&["-d", "--wait"]);
    let said = text(&up.stderr);
    assert_eq!(up.status.code(), Some(1), "{said}");
    assert!(
        said.contains("nothing was started") && said.contains("none"),
        "{said}"
    );
    assert_eq!(arena.leftovers(), Vec::<String>::new());
}

#[tokio::test]
async fn without_the_recorder_the_table_is_shown_and_what_is_unknown_is_told() {
    let _turn = TURNS.one().await;
    let arena = small().start();
    let recorder = arena
        .leftovers()
        .into_iter()
        .find_map(|line| {
            line.contains("arena-recorder")
                .then(|| line.split(' ').next()?.parse().ok())
        })
        .flatten()
        .unwrap();
    signal(recorder, "-STOP");
    let status = arena.run(&["status"]);
    signal(recorder, "-CONT");
    let said = text(&status.stdout);
    assert_eq!(status.status.code(), Some(4), "{said}");
    assert!(
        said.contains("laptop/web") && said.contains("incidents open unknown"),
        "{said}"
    );
    assert!(text(&status.stderr).contains("open incidents are unknown: recorder did not answer"));
}

#[tokio::test]
async fn a_server_that_hangs_is_not_taken_for_none() {
    let _turn = TURNS.one().await;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("nats://{}", listener.local_addr().unwrap());
    let mut status = std::process::Command::new(env!("CARGO_BIN_EXE_arena"));
    let status = status
        .args(["status", "--nats-url", &url])
        .output()
        .unwrap();
    let said = text(&status.stderr);
    assert_eq!(status.status.code(), Some(5), "{said}");
    assert!(said.contains("does not answer"), "{said}");
}

#[test]
fn what_cannot_be_written_or_read_is_no_panic_and_no_success() {
    let arena = env!("CARGO_BIN_EXE_arena");
    let mut full = std::process::Command::new(arena);
    let device = std::fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let full = full
        .args(["completions", "bash"])
        .stdout(device)
        .output()
        .unwrap();
    let said = text(&full.stderr);
    assert_eq!(full.status.code(), Some(1), "{said}");
    assert!(
        said.starts_with("error: ") && !said.contains("panicked"),
        "{said}"
    );
    let mut decode = std::process::Command::new(arena);
    let decode = decode
        .args(["decode", "arena.plan.laptop.web"])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert_eq!(decode.status.code(), Some(1));
    assert!(text(&decode.stdout).starts_with("not a plan message"));
}

#[tokio::test]
async fn a_killed_component_comes_back() {
    let _turn = TURNS.one().await;
    let arena = small().start();
    for component in [
        "arena-detector",
        "arena-remediator",
        "arena-recorder",
        "arena-injector",
        "arena-node",
    ] {
        let of = |arena: &Arena| -> Vec<u32> {
            let lines = arena
                .leftovers()
                .into_iter()
                .filter(|line| line.contains(component));
            lines
                .filter_map(|line| line.split(' ').next()?.parse().ok())
                .collect()
        };
        let before = of(&arena);
        assert_eq!(before.len(), 1, "{component}: {:#?}", arena.leftovers());
        signal(before[0], "-KILL");
        wait_for(&format!("{component} to come back"), async || {
            let now = of(&arena);
            (now.len() == 1 && now != before).then_some(())
        })
        .await;
        await_healthy(&arena).await;
    }
}

#[tokio::test]
async fn a_killed_nats_server_comes_back_and_all_find_it_again() {
    let _turn = TURNS.one().await;
    let arena = small().start();
    let server = arena
        .leftovers()
        .into_iter()
        .find(|line| line.contains("nats-server"))
        .unwrap();
    signal(server.split(' ').next().unwrap().parse().unwrap(), "-KILL");
    await_healthy(&arena).await;
    let pid =
        |arena: &Arena| arena.json(&["status", "--json"])["nodes"][0]["services"][0]["pid"].clone();
    let before = pid(&arena);
    signal(u32::try_from(before.as_u64().unwrap()).unwrap(), "-KILL");
    wait_for("the crash to be healed", async || {
        let incidents = arena.json(&["incidents", "--json"]);
        (incidents[0]["resolution"] == "REMEDIATED" && pid(&arena) != before).then_some(())
    })
    .await;
}

#[tokio::test]
async fn down_clears_up_after_a_killed_up() {
    let _turn = TURNS.one().await;
    let arena = small().prepare();
    let mut up = arena
        .up_command(&[])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    await_healthy(&arena).await;
    up.kill().unwrap();
    up.wait().unwrap();
    assert_ne!(
        arena.leftovers(),
        Vec::<String>::new(),
        "the components live on without it"
    );
    for command in ["status", "doctor"] {
        let told = arena.run(&[command]);
        assert_eq!(told.status.code(), Some(4), "{command}");
        let said = text(&[told.stdout, told.stderr].concat());
        assert!(said.contains("`arena up` died"), "{command}: {said}");
    }
    let down = arena.run(&["down"]);
    assert!(down.status.success(), "{}", text(&down.stderr));
    assert_eq!(arena.leftovers(), Vec::<String>::new());
}

#[tokio::test]
async fn a_taken_port_is_named_with_its_holder_before_anything_starts() {
    let _turn = TURNS.one().await;
    let arena = small().prepare();
    let port: u16 = arena
        .config()
        .lines()
        .find_map(|line| line.strip_prefix("port = "))
        .unwrap()
        .parse()
        .unwrap();
    let _holder = TcpListener::bind(("127.0.0.1", port)).unwrap();
    let up = arena.up(&["-d", "--wait"]);
    assert_eq!(up.status.code(), Some(1), "{}", text(&up.stderr));
    let said = text(&up.stderr);
    assert!(said.contains(&port.to_string()), "{said}");
    assert!(
        said.contains(&format!("pid {}", std::process::id())),
        "{said}"
    );
    assert_eq!(arena.leftovers(), Vec::<String>::new());
}

/// The head of what the gateway answers.
fn answer_of(gateway: &str, path: &str) -> String {
    let host = gateway.trim_start_matches("http://");
    let mut stream = TcpStream::connect(host).expect("the gateway listens");
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    )
    .expect("the gateway reads");
    let mut answer = Vec::new();
    stream
        .read_to_end(&mut answer)
        .expect("the gateway answers");
    text(&answer)
}

#[tokio::test]
async fn the_gateway_starts_and_stops_with_the_arena_and_its_address_is_told() {
    let _turn = TURNS.one().await;
    let arena = small().gateway().start();
    let gateway = arena.gateway_url();
    // Healthy means that it answers.
    assert!(answer_of(&gateway, "/healthz").starts_with("HTTP/1.1 200 "));
    let again = text(&arena.up(&["-d"]).stderr);
    assert!(again.contains(&gateway), "{again}");
    let doctor = text(&arena.run(&["doctor"]).stdout);
    assert!(
        doctor.contains(&format!("the dashboard of this arena is at {gateway}")),
        "{doctor}"
    );
    assert_eq!(arena.processes_of("arena-gateway").len(), 1);
    assert!(arena.run(&["down"]).status.success());
    TcpListener::bind(gateway.trim_start_matches("http://")).expect("its port is free again");
}

#[tokio::test]
async fn a_named_port_of_the_gateway_that_is_taken_is_refused() {
    let _turn = TURNS.one().await;
    let arena = small().gateway().prepare();
    let _holder = TcpListener::bind(arena.gateway_url().trim_start_matches("http://")).unwrap();
    let up = arena.up(&["-d", "--wait"]);
    let said = text(&up.stderr);
    assert_eq!(up.status.code(), Some(1), "{said}");
    assert!(said.contains("choose another --gateway-port"), "{said}");
    assert_eq!(arena.leftovers(), Vec::<String>::new());
}

#[tokio::test]
async fn mistakes_in_the_files_are_refused_with_their_place() {
    let _turn = TURNS.one().await;
    let folder = arena_testkit::temp_dir();
    let write = |name: &str, content: &str| -> PathBuf {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    };
    let policy = write(
        "policy.toml",
        "[[rule]]\nsymptom = \"cpu_high\"\nrais = \"cpu_percent > 80.0\"\n",
    );
    let playbooks = write(
        "playbooks.toml",
        "[[playbook]]\nsymptom = \"cpu_high\"\n[[playbook.step]]\naction = \"reboot\"\n",
    );
    for (flag, path, place) in [
        ("--policy", &policy, "policy.toml:3:1"),
        ("--playbooks", &playbooks, "playbooks.toml:4:10"),
    ] {
        let arena = small().arg(flag).arg(path.to_str().unwrap()).prepare();
        let up = arena.up(&["-d", "--wait"]);
        let said = text(&up.stderr);
        assert_eq!(up.status.code(), Some(2), "{said}");
        assert!(said.contains(place) && said.contains("mend: "), "{said}");
        assert_eq!(arena.leftovers(), Vec::<String>::new());
    }
    let bad = ArenaBuilder::new(
        env!("CARGO_BIN_EXE_arena"),
        "[[node]]\nname = \"n\"\nserivce = 1\n",
    )
    .prepare();
    let up = bad.up(&["-d"]);
    let said = text(&up.stderr);
    assert_eq!(up.status.code(), Some(2), "{said}");
    assert!(
        said.contains("arena.toml:3:1: unknown field `serivce`") && said.contains("mend: "),
        "{said}"
    );
}

#[tokio::test]
async fn faults_are_refused_unless_they_were_asked_for() {
    let _turn = TURNS.one().await;
    let arena = small().start();
    let inject = arena.run(&["inject", "crash", "laptop/web"]);
    assert_eq!(inject.status.code(), Some(1));
    assert!(
        text(&inject.stderr).contains("--chaos"),
        "{}",
        text(&inject.stderr)
    );
}

#[tokio::test]
async fn any_command_line_is_healed() {
    let _turn = TURNS.alone().await;
    let arena = small().arg("--chaos").start();
    for (fault, symptom) in [
        ("crash", "process_exited"),
        ("hang", "probe_failed"),
        ("cpu-spike", "cpu_high"),
    ] {
        await_healthy(&arena).await;
        let inject = arena.run(&["inject", fault, "laptop/web", "--for", "50s"]);
        assert!(inject.status.success(), "{}", text(&inject.stderr));
        wait_for(&format!("{fault} to be healed"), async || {
            let incidents: Value = arena.json(&["incidents", "--json"]);
            let newest = &incidents[0];
            (newest["symptom"] == symptom && newest["resolution"] == "REMEDIATED").then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn what_do_did_is_what_status_shows() {
    let _turn = TURNS.one().await;
    let arena = small().start();
    let state = || arena.json(&["status", "--json"])["nodes"][0]["services"][0]["state"].clone();
    for (action, after) in [
        ("stop", "STOPPED"),
        ("start", "RUNNING"),
        ("restart", "RUNNING"),
    ] {
        let done = arena.run(&["do", action, "laptop/web", "--yes"]);
        assert!(done.status.success(), "{}", text(&done.stderr));
        assert_eq!(state(), after, "right after {action}, without waiting");
    }
    let dry = arena.run(&["do", "stop", "laptop/web", "--dry-run"]);
    assert!(dry.status.success() && text(&dry.stdout).starts_with("would stop laptop/web"));
    assert_eq!(state(), "RUNNING");
    let refused = arena.run(&["do", "start", "laptop/web"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("start is for stopped services; web is running"));
    assert_eq!(
        arena
            .run(&["do", "stop", "laptop/nothing", "--yes"])
            .status
            .code(),
        Some(3)
    );
    // What a person asked for is no symptom.
    assert_eq!(arena.json(&["incidents", "--json"]), serde_json::json!([]));
}

#[test]
fn nothing_runs_is_3_and_bad_usage_is_2() {
    let nowhere = format!("nats://127.0.0.1:{}", free_port());
    let run = |arguments: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_arena"));
        command
            .args(arguments)
            .env("NATS_URL", &nowhere)
            .output()
            .unwrap()
    };
    for arguments in [
        &["status"][..],
        &["incidents"],
        &["inject", "crash", "node-1/orders"],
        &["do", "restart", "node-1/orders", "--yes"],
        &["revert", "all"],
        &["watch"],
    ] {
        let output = run(arguments);
        assert_eq!(
            output.status.code(),
            Some(3),
            "{arguments:?}: {}",
            text(&output.stderr)
        );
        assert!(
            text(&output.stderr).contains("arena up"),
            "{arguments:?}: {}",
            text(&output.stderr)
        );
        assert!(output.stdout.is_empty(), "talk belongs on stderr");
    }
    for arguments in [
        &["inject", "crash", "no!/x"][..],
        &["do", "dance", "node-1/orders"],
        &["nonsense"],
    ] {
        assert_eq!(run(arguments).status.code(), Some(2), "{arguments:?}");
    }
}
