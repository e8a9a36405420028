//! What Felix does about trouble that a restart does not cure, and who acts when he cannot or may not: rollback, ports,
//! disks, failover, an absent remediator or bus, pauses, denied and unanswered questions. Real processes, read and steered
//! by the `arena` binary as a person would.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use arena_testkit::{Arena, ArenaBuilder, wait_for};
use serde_json::{Value, json};

use crate::TURNS;

/// A service without any help of ours. Each command here is one line, so that a test can exchange it.
const WEB: &str = r#"
[[node]]
name = "laptop"

[[node.service]]
name = "web"
command = ["python3", "-m", "http.server", "{port}", "--bind", "127.0.0.1"]
port = 8000
clean = ["*.tmp", "cache/*.tmp"]
health = { http = "/", interval = "200ms", timeout = "200ms", failures = 3 }
"#;

/// Answers with its name and pid; slowly, but for its probe, while there is a file `slow` in its folder.
const GREETER: &str = "\
import http.server, os, sys, time
class Greeter(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == '/' and os.path.exists('slow'):
            time.sleep(0.4)
        body = f'{sys.argv[2]} {os.getpid()}'.encode()
        self.send_response(200)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *arguments):
        pass
http.server.ThreadingHTTPServer(('127.0.0.1', int(sys.argv[1])), Greeter).serve_forever()
";

/// Asks the greeter for ever, and writes each answer to a line of `answers`.
const CALLER: &str = "\
import os, time, urllib.request
while True:
    try:
        answer = urllib.request.urlopen(os.environ['ARENA_UPSTREAM_GREETER'], timeout=5).read().decode()
    except OSError as error:
        answer = f'none: {error}'
    with open('answers', 'a') as answers:
        answers.write(answer + '\\n')
    time.sleep(0.05)
";

/// A greeter with a standby, and who calls it; `SCRIPTS` is where their programs are.
const GREETERS: &str = r#"
[[node]]
name = "node-1"

[[node.service]]
name = "greeter"
command = ["python3", "SCRIPTS/greeter.py", "{port}", "node-1"]
port = 8000
health = { http = "/healthz", interval = "200ms", timeout = "1s", failures = 3 }

[[node.service]]
name = "caller"
command = ["python3", "SCRIPTS/caller.py"]
depends_on = ["greeter"]

[[node]]
name = "node-2"

[[node.service]]
name = "greeter"
command = ["python3", "SCRIPTS/greeter.py", "{port}", "node-2"]
port = 8000
standby = true
health = { http = "/healthz", interval = "200ms", timeout = "1s", failures = 3 }
"#;

/// Dies at once while there is a file `die` in its folder.
const FRAIL: &str = r#"
[[node.service]]
name = "frail"
command = ["sh", "-c", "test ! -e die && exec sleep 1000"]
"#;

/// A question about a dead process stands for long; one about a stuck process is soon over.
const IMPATIENT: &str = r#"
[[playbook]]
symptom = "process_exited"
cooldown = "100ms"
[[playbook.step]]
action = "start"
cause = "its process died"

[[playbook]]
symptom = "probe_failed"
approve_within = "2s"
[[playbook.step]]
action = "restart"
cause = "it is stuck"
"#;

fn builder(config: &str) -> ArenaBuilder {
    ArenaBuilder::new(env!("CARGO_BIN_EXE_arena"), config)
        .env("OTEL_SDK_DISABLED", "true")
        .env("USER", "ann")
}

/// Runs a command that has to end with this code, and gives all it said.
fn run(arena: &Arena, arguments: &[&str], code: i32) -> String {
    let output = arena.run(arguments);
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert_eq!(
        output.status.code(),
        Some(code),
        "arena {arguments:?}: {said}"
    );
    said
}

fn signal(pid: &Value, name: &str) {
    let sent = Command::new("kill").args([name, &pid.to_string()]).status();
    assert!(sent.unwrap().success(), "process {pid} is gone");
}

/// The pid of the only process of this arena whose command line has this word.
fn process(arena: &Arena, word: &str) -> Value {
    let lines = arena.leftovers();
    let found: Vec<&String> = lines.iter().filter(|line| line.contains(word)).collect();
    let [line] = found[..] else {
        panic!("one {word} is to run: {lines:#?}");
    };
    json!(line.split(' ').next().unwrap().parse::<u32>().unwrap())
}

/// `node/service`, or a node, as `arena status --json` shows it.
fn status(arena: &Arena, entity: &str) -> Value {
    let find = |list: &Value, name: &str| -> Value {
        let mut items = list.as_array().unwrap().iter();
        items.find(|item| item["name"] == name).unwrap().clone()
    };
    let all = arena.json(&["status", "--json"]);
    match entity.split_once('/') {
        Some((node, service)) => find(&find(&all["nodes"], node)["services"], service),
        None => find(&all["nodes"], entity),
    }
}

/// Waits until this entity's field has this value.
async fn await_status(arena: &Arena, entity: &str, field: &str, value: &Value) {
    wait_for(&format!("{field} {value} of {entity}"), async || {
        (status(arena, entity)[field] == *value).then_some(())
    })
    .await;
}

async fn await_well(arena: &Arena) {
    wait_for("the arena to be well", async || {
        let output = arena.run(&["status", "--exit-code"]);
        output.status.success().then_some(())
    })
    .await;
}

fn incidents(arena: &Arena) -> Vec<Value> {
    let listed = arena.json(&["incidents", "--json"]);
    listed.as_array().unwrap().clone()
}

/// Waits until the newest incident is this many in all and `is` so, and gives it.
async fn await_incident(
    arena: &Arena,
    count: usize,
    what: &str,
    is: impl Fn(&Value) -> bool,
) -> Value {
    let mut seen = Vec::new();
    let looked = wait_for_or(async || {
        seen = incidents(arena);
        let newest = seen.first().filter(|newest| is(newest));
        newest.filter(|_| seen.len() == count).cloned()
    });
    match looked.await {
        Some(incident) => incident,
        None => panic!(
            "incident {count} is not {what}: {seen:#?}\n{}",
            arena.logs()
        ),
    }
}

/// [`wait_for`] for as long as a whole ladder takes, and `None` where it never comes true, so that the caller tells more.
async fn wait_for_or<T>(condition: impl AsyncFnMut() -> Option<T>) -> Option<T> {
    let limit = std::time::Duration::from_secs(55);
    let waiting = wait_for("it", condition);
    tokio::time::timeout(limit, waiting).await.ok()
}

fn is_remedied(incident: &Value) -> bool {
    incident["resolution"] == "REMEDIATED"
}

/// Each action of an incident with its outcome, in order.
fn actions(incident: &Value) -> Vec<String> {
    let action = |action: &Value| {
        let word = |field: &str| action[field].as_str().unwrap().to_owned();
        format!("{} {} {}", word("action"), word("target"), word("outcome"))
    };
    incident["actions"]
        .as_array()
        .unwrap()
        .iter()
        .map(action)
        .collect()
}

fn last_decision(incident: &Value) -> Value {
    let decisions = incident["decisions"].as_array().unwrap();
    decisions.last().cloned().unwrap_or_default()
}

/// Waits until the remediator asks, and sees that the list of questions has this one.
async fn await_question(arena: &Arena, count: usize, action: &str) {
    let incident = await_incident(arena, count, "waiting for an answer", |incident| {
        incident["state"] == "AWAITING_APPROVAL"
    })
    .await;
    let waiting = arena.json(&["approvals", "--json"]);
    assert_eq!(waiting[0]["incident"], incident["id"], "{waiting}");
    assert_eq!(waiting[0]["action"], action, "{waiting}");
}

/// Where a service of this node runs.
fn folder(arena: &Arena, node: &str, service: &str) -> PathBuf {
    let nodes = arena.data_dir().join("nodes");
    nodes.join(node).join("work").join(service)
}

fn write(path: impl AsRef<Path>, content: &str) {
    std::fs::write(path, content).unwrap();
}

fn command_line(pid: &Value) -> String {
    std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap()
}

/// Starts the arena anew with another command of `web` in its file.
fn redefine(arena: &Arena, command: &str) {
    run(arena, &["down"], 0);
    let lines = arena.config().lines().map(|line| {
        let line = match line.strip_prefix("command = ") {
            Some(_) => format!("command = {command}"),
            None => line.to_owned(),
        };
        line + "\n"
    });
    write(arena.config_path(), &lines.collect::<String>());
    let up = arena.up(&["-d"]);
    assert!(
        up.status.success(),
        "{}",
        String::from_utf8_lossy(&up.stderr)
    );
}

#[tokio::test]
async fn a_bad_definition_is_rolled_back_by_hand_and_by_the_ladder() {
    let _turn = TURNS.one().await;
    let arena = builder(WEB).start();
    let state = arena.data_dir().join("nodes/laptop/state.json");
    wait_for("the definition to be taken for good", async || {
        let saved: Value = serde_json::from_slice(&std::fs::read(&state).unwrap()).unwrap();
        saved["core"]["services"]["web"]["last_good"]
            .is_object()
            .then_some(())
    })
    .await;

    redefine(&arena, r#"["sleep", "1000"]"#);
    await_status(&arena, "laptop/web", "state", &json!("STARTING")).await;
    run(&arena, &["do", "rollback", "laptop/web", "--yes"], 0);
    runs_as_it_did(&arena);
    run(&arena, &["do", "rollback", "laptop/web", "--yes"], 1);

    redefine(&arena, r#"["false"]"#);
    wait_for("the recorder to answer", async || {
        let output = arena.run(&["incidents"]);
        output.status.success().then_some(())
    })
    .await;
    let incident = await_incident(&arena, 1, "rolled back", is_remedied).await;
    assert_eq!(
        actions(&incident),
        ["start laptop/web FAILED", "rollback laptop/web SUCCEEDED"]
    );
    assert_eq!(incident["symptom"], "process_exited");
    assert_eq!(
        incident["actions"][1]["cause"],
        "it dies of its new definition"
    );
    runs_as_it_did(&arena);
}

fn runs_as_it_did(arena: &Arena) {
    let web = status(arena, "laptop/web");
    assert_eq!(
        (&web["state"], &web["probe"]),
        (&json!("RUNNING"), &json!("PASSING"))
    );
    let message = web["message"].as_str().unwrap();
    assert!(message.contains("rolled back"), "{web}");
    assert!(run(arena, &["status"], 0).contains("rolled back"));
    assert!(command_line(&web["pid"]).contains("http.server"));
}

/// Somebody else's process on a port; gone with the value.
struct Squatter(Child);

impl Squatter {
    /// Takes the port of `web` as soon as that is free.
    fn on_port_of_web(arena: &Arena) -> Self {
        let port = status(arena, "laptop/web")["port"].to_string();
        let child = Command::new("python3")
            .args(["-m", "http.server", &port, "--bind", "127.0.0.1"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self(child)
    }

    async fn listens(&self, arena: &Arena) {
        let port = status(arena, "laptop/web")["port"].as_u64().unwrap();
        let address = ("127.0.0.1", u16::try_from(port).unwrap());
        wait_for("the squatter to listen", async || {
            std::net::TcpStream::connect(address).ok().map(drop)
        })
        .await;
    }

    fn is_gone(&mut self) -> bool {
        self.0.try_wait().unwrap().is_some()
    }
}

impl Drop for Squatter {
    fn drop(&mut self) {
        // It is gone already, as a rule.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// `web` dies while it is paused, so that somebody else finds its port free; then the pause is over.
async fn lose_the_port(arena: &Arena, count: usize) -> Squatter {
    run(arena, &["pause", "laptop/web"], 0);
    signal(&status(arena, "laptop/web")["pid"], "-KILL");
    await_incident(arena, count, "refused for the pause", |incident| {
        last_decision(incident)["rail"] == "pause"
    })
    .await;
    let squatter = Squatter::on_port_of_web(arena);
    squatter.listens(arena).await;
    // Who holds a port is known once a start has failed for it.
    run(arena, &["do", "start", "laptop/web"], 1);
    run(arena, &["resume", "laptop/web"], 0);
    squatter
}

#[tokio::test]
async fn a_held_port_is_freed_when_a_person_agrees() {
    let _turn = TURNS.one().await;
    let arena = builder(WEB).start();
    let mut squatter = lose_the_port(&arena, 1).await;
    let id = incidents(&arena)[0]["id"].clone();
    await_question(&arena, 1, "free-port").await;
    let listed = run(&arena, &["approvals"], 0);
    assert!(
        listed.contains("free-port laptop/web") && listed.contains("HIGH"),
        "{listed}"
    );
    assert!(!squatter.is_gone(), "nothing is done before the answer");
    run(&arena, &["approve", id.as_str().unwrap()], 0);
    let incident = await_incident(&arena, 1, "healed", is_remedied).await;
    assert!(squatter.is_gone());
    assert!(
        actions(&incident).contains(&"free_port laptop/web SUCCEEDED".to_owned()),
        "{incident:#}"
    );
}

#[tokio::test]
async fn only_what_clean_names_is_deleted() {
    let _turn = TURNS.one().await;
    let arena = builder(WEB).start();
    let folder = folder(&arena, "laptop", "web");
    let outside = arena.data_dir().join("outside.tmp");
    std::fs::create_dir_all(folder.join("cache/deep")).unwrap();
    let kept = ["a.log", "tmp", ".hidden.tmp", "cache/deep/d.tmp"].map(|name| folder.join(name));
    let named = ["a.tmp", "b.tmp", "cache/c.tmp"].map(|name| folder.join(name));
    kept.iter()
        .chain(&named)
        .chain([&outside])
        .for_each(|path| write(path, "x"));
    std::os::unix::fs::symlink(&outside, folder.join("link.tmp")).unwrap();

    run(&arena, &["do", "clean-disk", "laptop/web", "--yes"], 0);
    for path in &named {
        assert!(!path.exists(), "{} is named", path.display());
    }
    for path in kept.iter().chain([&outside]) {
        assert!(path.exists(), "{} is not named", path.display());
    }
    run(&arena, &["do", "clean-disk", "laptop/web", "--yes"], 1);
    assert_eq!(status(&arena, "laptop/web")["restarts"], 0);
}

/// An arena of the greeters, and the folder of their programs, which has to live as long.
fn greeters() -> (Arena, tempfile::TempDir) {
    let scripts = arena_testkit::temp_dir();
    write(scripts.path().join("greeter.py"), GREETER);
    write(scripts.path().join("caller.py"), CALLER);
    let place = scripts.path().to_str().unwrap();
    let arena = builder(&GREETERS.replace("SCRIPTS", place)).start();
    (arena, scripts)
}

/// What the caller was told so far.
fn answers(arena: &Arena) -> Vec<String> {
    let path = folder(arena, "node-1", "caller").join("answers");
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// The next answers to the caller.
async fn next_answers(arena: &Arena) -> Vec<String> {
    const MANY: usize = 20;
    let before = answers(arena).len();
    wait_for("the caller to ask on", async || {
        let now = answers(arena);
        (now.len() >= before + MANY).then(|| now[before..].to_vec())
    })
    .await
}

#[tokio::test]
async fn what_its_node_makes_slow_fails_over_to_a_standby() {
    let _turn = TURNS.one().await;
    let (arena, _scripts) = greeters();
    assert_eq!(status(&arena, "node-2/greeter")["state"], "STOPPED");
    write(folder(&arena, "node-1", "greeter").join("slow"), "");
    let incident = await_incident(&arena, 1, "failed over", is_remedied).await;
    assert_eq!(incident["symptom"], "latency_high");
    assert_eq!(
        actions(&incident),
        [
            "recover node-1/greeter SUCCEEDED",
            "restart node-1/greeter SUCCEEDED",
            "start node-2/greeter SUCCEEDED",
            "drain node-1/greeter SUCCEEDED",
        ]
    );
    let why = last_decision(&incident)["reason"].clone();
    assert!(
        why.as_str().unwrap().contains("stays drained"),
        "the drain is left to a person: {why}"
    );
    assert_eq!(status(&arena, "node-1/greeter")["drained"], true);
    assert_eq!(status(&arena, "node-2/greeter")["state"], "RUNNING");
    let told = next_answers(&arena).await;
    assert!(
        told.iter().all(|answer| answer.starts_with("node-2 ")),
        "{told:#?}"
    );
    await_well(&arena).await;
}

#[tokio::test]
async fn without_a_bus_services_answer_and_their_node_restarts_them() {
    let _turn = TURNS.one().await;
    let (arena, _scripts) = greeters();
    let server = process(&arena, "nats-server");
    let greeter = status(&arena, "node-1/greeter")["pid"].clone();
    signal(&server, "-STOP");
    let told = next_answers(&arena).await;
    let expected = format!("node-1 {greeter}");
    assert!(told.iter().all(|answer| *answer == expected), "{told:#?}");
    signal(&greeter, "-KILL");
    wait_for("the caller to be answered by a new process", async || {
        let last = answers(&arena).pop()?;
        (last.starts_with("node-1 ") && last != expected).then_some(())
    })
    .await;
    signal(&server, "-CONT");
    await_status(&arena, "node-1", "restart_owner", &json!("REMEDIATOR")).await;
    await_well(&arena).await;
    let after = status(&arena, "node-1/greeter");
    assert_eq!(after["restarts"], 1, "nobody did it again: {after}");
    assert_eq!(status(&arena, "node-2/greeter")["state"], "STOPPED");
}

#[tokio::test]
async fn without_a_remediator_the_node_restarts_within_bounds_and_nothing_is_done_twice() {
    let _turn = TURNS.one().await;
    let arena = builder(&format!("{WEB}{FRAIL}")).start();
    let remediator = process(&arena, "arena-remediator");
    signal(&remediator, "-STOP");
    await_status(&arena, "laptop", "restart_owner", &json!("NODE")).await;
    let die = folder(&arena, "laptop", "frail").join("die");
    write(&die, "");
    for service in ["laptop/web", "laptop/frail"] {
        signal(&status(&arena, service)["pid"], "-KILL");
    }
    await_status(&arena, "laptop/frail", "state", &json!("FATAL")).await;
    assert_eq!(
        status(&arena, "laptop/frail")["restarts"],
        5,
        "so many are allowed"
    );
    let restarted = status(&arena, "laptop/web");
    assert_eq!(
        (&restarted["state"], &restarted["restarts"]),
        (&json!("RUNNING"), &json!(1))
    );

    std::fs::remove_file(&die).unwrap();
    signal(&remediator, "-CONT");
    await_status(&arena, "laptop", "restart_owner", &json!("REMEDIATOR")).await;
    await_status(&arena, "laptop/frail", "state", &json!("RUNNING")).await;
    await_well(&arena).await;
    let of = |entity: &str| -> Vec<String> {
        let all = incidents(&arena);
        all.iter()
            .filter(|incident| incident["entity"] == entity)
            .flat_map(actions)
            .collect()
    };
    assert_eq!(of("laptop/frail"), ["start laptop/frail SUCCEEDED"]);
    assert_eq!(of("laptop/web"), Vec::<String>::new());
    assert_eq!(status(&arena, "laptop/web")["pid"], restarted["pid"]);
    assert_eq!(status(&arena, "laptop/frail")["restarts"], 6);
}

#[tokio::test]
async fn pauses_denials_and_silence_are_respected() {
    let _turn = TURNS.one().await;
    let folder = arena_testkit::temp_dir();
    let playbooks = folder.path().join("playbooks.toml");
    write(&playbooks, IMPATIENT);
    let arena = builder(WEB)
        .env("ARENA_PLAYBOOKS", playbooks.to_str().unwrap())
        .start();
    what_is_paused_is_left_alone_until_it_is_resumed(&arena).await;
    run(&arena, &["mode", "approve"], 0);
    what_is_denied_is_not_done(&arena).await;
    what_nobody_answers_is_not_done(&arena).await;
}

async fn what_is_paused_is_left_alone_until_it_is_resumed(arena: &Arena) {
    run(
        arena,
        &["pause", "laptop/web", "--reason", "a look at it"],
        0,
    );
    signal(&status(arena, "laptop/web")["pid"], "-KILL");
    let refused = await_incident(arena, 1, "refused for the pause", |incident| {
        last_decision(incident)["rail"] == "pause"
    })
    .await;
    assert_eq!(actions(&refused), Vec::<String>::new());
    assert_eq!(status(arena, "laptop/web")["state"], "EXITED");
    run(arena, &["resume", "laptop/web"], 0);
    let healed = await_incident(arena, 1, "healed", is_remedied).await;
    assert_eq!(actions(&healed), ["start laptop/web SUCCEEDED"]);
}

async fn what_is_denied_is_not_done(arena: &Arena) {
    await_well(arena).await;
    signal(&status(arena, "laptop/web")["pid"], "-KILL");
    let incident = await_incident(arena, 2, "waiting", |incident| {
        incident["state"] == "AWAITING_APPROVAL"
    })
    .await;
    let id = incident["id"].as_str().unwrap();
    await_question(arena, 2, "start").await;
    run(arena, &["deny", id, "--reason", "I look at it"], 0);
    let escalated = await_incident(arena, 2, "a person's", |incident| {
        incident["state"] == "ESCALATED"
    })
    .await;
    assert_eq!(actions(&escalated), Vec::<String>::new());
    assert!(run(arena, &["explain", id], 0).contains("I look at it"));
    assert_eq!(status(arena, "laptop/web")["state"], "EXITED");
    run(arena, &["do", "start", "laptop/web"], 0);
    await_incident(arena, 2, "healed by a person", |incident| {
        incident["resolution"] == "MANUAL"
    })
    .await;
}

async fn what_nobody_answers_is_not_done(arena: &Arena) {
    await_well(arena).await;
    let pid = status(arena, "laptop/web")["pid"].clone();
    signal(&pid, "-STOP");
    let escalated = await_incident(arena, 3, "a person's", |incident| {
        incident["state"] == "ESCALATED"
    })
    .await;
    let asked = escalated["decisions"].as_array().unwrap().iter();
    let mut asked = asked.map(|decision| decision["incident_state"].clone());
    assert!(
        asked.any(|state| state == "AWAITING_APPROVAL"),
        "{escalated:#}"
    );
    assert_eq!(actions(&escalated), Vec::<String>::new());
    assert_eq!(arena.json(&["approvals", "--json"]), json!([]));
    let late = run(arena, &["approve", escalated["id"].as_str().unwrap()], 3);
    assert!(late.contains("nothing waits"), "{late}");
    signal(&pid, "-CONT");
    await_incident(arena, 3, "over by itself", |incident| {
        incident["resolution"] == "SELF_RECOVERED"
    })
    .await;
    assert_eq!(status(arena, "laptop/web")["pid"], pid);
}
