//! What an operator would trust with a fleet, on real processes and by the `arena` binary alone: one action for one
//! cause, the right cure for the right cause, an end to every loop, and nothing done twice.

use std::collections::BTreeSet;
use std::process::Output;
use std::time::Duration;

use arena_config::arena::Arena as Config;
use arena_testkit::{Arena, ArenaBuilder, Frozen, signal};
use serde_json::Value;

use crate::TURNS;

/// Longer than anything that is waited for here takes on a busy machine; what does not come by then never comes.
const PATIENCE: Duration = Duration::from_secs(90);

/// Everything hangs on the ledger. While nobody acts, its slowness reaches every role: still one incident, and when
/// Felix may act, one action, where the cause is.
#[tokio::test]
async fn a_cascade_is_one_incident_and_one_action_at_its_root() {
    let _turn = TURNS.one().await;
    let arena = shop();
    ok(&arena, &["mode", "observe"]);
    let ledger = "node-2/ledger";
    ok(
        &arena,
        &[
            "inject",
            "storage-latency",
            ledger,
            "--for",
            "80s",
            "latency=600ms",
        ],
    );
    let roles = ["edge", "orders", "payments", "inventory"];
    until(&arena, "every role to be hurt by the ledger", || {
        let hurt: BTreeSet<String> = incidents(&arena)
            .iter()
            .flat_map(|incident| list(&incident["children"]))
            .filter_map(|child| Some(child["entity"].as_str()?.split_once('/')?.1.to_owned()))
            .collect();
        roles.iter().all(|role| hurt.contains(*role)).then_some(())
    })
    .await;
    let [open] = incidents(&arena).try_into().expect("one incident");
    assert_eq!(open["entity"], ledger, "{open:#}");
    assert_eq!(list(&open["actions"]), Vec::<Value>::new(), "{open:#}");
    ok(&arena, &["mode", "auto"]);
    let incident = ended(&arena, &open["id"]).await;
    assert_eq!(incident["resolution"], "REMEDIATED", "{incident:#}");
    let [action] = list(&incident["actions"]).try_into().expect("one action");
    assert_eq!(action["target"], ledger, "{incident:#}");
    assert_eq!(action["effect"], "CURED", "{incident:#}");
    assert_eq!(action["evidence"], true, "{incident:#}");
    calm(&arena).await;
    assert_eq!(incidents(&arena).len(), 1, "{:#?}", incidents(&arena));
}

/// The same machine is busy, for two reasons that want two cures.
#[tokio::test]
async fn a_noisy_neighbour_is_throttled_and_an_own_burn_is_restarted() {
    let _turn = TURNS.machine().await;
    let arena = start(&neighbours());
    ok(
        &arena,
        &[
            "inject",
            "cpu-spike",
            "node-1/batch",
            "--for",
            "60s",
            "cores=8",
        ],
    );
    let starved = opened(&arena, "cpu_starved").await;
    let starved = ended(&arena, &starved["id"]).await;
    let action = &list(&starved["actions"])[0];
    assert_eq!(action["action"], "throttle", "{starved:#}");
    assert_eq!(action["target"], "node-1/batch", "{starved:#}");
    assert_eq!(starved["resolution"], "REMEDIATED", "{starved:#}");
    ok(&arena, &["revert", "all"]);
    calm(&arena).await;

    ok(
        &arena,
        &["inject", "cpu-spike", "node-1/orders", "--for", "60s"],
    );
    let burning = opened(&arena, "cpu_high").await;
    let burning = ended(&arena, &burning["id"]).await;
    let action = &list(&burning["actions"])[0];
    assert_eq!(action["action"], "restart", "{burning:#}");
    assert_eq!(action["target"], "node-1/orders", "{burning:#}");
    assert_eq!(burning["resolution"], "REMEDIATED", "{burning:#}");
}

/// A service that dies whenever it is started: the ladder is climbed to its end, a person is called, and that is all.
#[tokio::test]
async fn a_crash_loop_ends_with_a_person_and_not_with_endless_restarts() {
    let _turn = TURNS.one().await;
    // It never gets healthy, and `arena up --wait` would say so.
    let arena = builder(CRASH_LOOP).prepare();
    ok_output(&arena.up(&["-d"]));
    until(&arena, "the recorder to answer", || {
        arena.run(&["incidents"]).status.success().then_some(())
    })
    .await;
    let incident = opened(&arena, "process_exited").await;
    let incident = ended(&arena, &incident["id"]).await;
    assert_eq!(incident["state"], "ESCALATED", "{incident:#}");
    let starts = list(&incident["actions"]).len();
    assert!((1..=8).contains(&starts), "a bounded ladder: {incident:#}");
    let restarts = service(&arena, "node-1/doomed")["restarts"].clone();
    // Long enough for every backoff of a ladder that did not stop.
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(service(&arena, "node-1/doomed")["restarts"], restarts);
    assert_eq!(incidents(&arena).len(), 1, "{:#?}", incidents(&arena));
}

/// What is up and down and up again is not acted on for ever: automation stops, and a person is called.
#[tokio::test]
async fn who_flaps_is_left_to_a_person() {
    let _turn = TURNS.one().await;
    let arena = shop();
    let frozen = async || {
        let all = incidents(&arena);
        let flaps = |decision: &Value| decision["rail"] == "flapping";
        all.into_iter()
            .find(|incident| list(&incident["decisions"]).iter().any(flaps))
    };
    let mut crashes = 0;
    let incident = loop {
        if let Some(incident) = frozen().await {
            break incident;
        }
        crashes += 1;
        assert!(crashes <= 10, "never frozen: {:#?}", incidents(&arena));
        ok(&arena, &["inject", "crash", "node-1/orders", "--wait"]);
        until(&arena, "the crash to be dealt with", || {
            let all = incidents(&arena);
            let dealt_with = |incident: &Value| incident["ended_at"].is_string();
            (all.len() >= crashes && all.iter().all(dealt_with)).then_some(())
        })
        .await;
        // Beyond the cooldown of its playbook, so that each is an incident of its own.
        tokio::time::sleep(Duration::from_secs(6)).await;
    };
    assert_eq!(incident["state"], "ESCALATED", "{incident:#}");
    assert_eq!(
        list(&incident["actions"]),
        Vec::<Value>::new(),
        "{incident:#}"
    );
}

/// Nobody is ill, but nobody is heard: the observer is at fault, and does nothing.
#[tokio::test]
async fn deafness_is_no_reason_to_act() {
    let _turn = TURNS.one().await;
    let arena = shop();
    let agents = arena.processes_of("arena-node");
    assert_eq!(agents.len(), 3, "{agents:?}");
    let frozen = Frozen::new(agents);
    until(&arena, "the storm to be noticed", || {
        let status = arena.json(&["status", "--json"]);
        (status["observer"]["state"] == "STORM").then_some(())
    })
    .await;
    // Whatever would have been decided by silence is decided by then: twice the silence limit.
    tokio::time::sleep(Duration::from_secs(7)).await;
    assert_eq!(incidents(&arena), Vec::<Value>::new());
    drop(frozen);
    until(&arena, "the storm to end", || {
        let status = arena.json(&["status", "--json"]);
        (status["observer"]["state"] == "CLEAR").then_some(())
    })
    .await;
    calm(&arena).await;
    assert_eq!(incidents(&arena), Vec::<Value>::new());
}

/// Killed between its command and the outcome, Felix goes on where it was: the action is done once.
#[tokio::test]
async fn a_remediator_that_is_killed_in_mid_action_acts_once() {
    let _turn = TURNS.one().await;
    let arena = start(SLOW_TO_STOP);
    let before = service(&arena, "node-1/slow");
    ok(&arena, &["inject", "hang", "node-1/slow", "--for", "60s"]);
    let incident = until(&arena, "a command in flight", || {
        let found = incidents(&arena).into_iter().next()?;
        (found["state"] == "ACTING").then_some(found)
    })
    .await;
    signal("-KILL", &arena.processes_of("arena-remediator"));
    let incident = ended(&arena, &incident["id"]).await;
    assert_eq!(incident["resolution"], "REMEDIATED", "{incident:#}");
    assert_eq!(list(&incident["actions"]).len(), 1, "{incident:#}");
    let after = service(&arena, "node-1/slow");
    let started = |service: &Value| service["restarts"].as_u64().expect("a number");
    assert_eq!(started(&after), started(&before) + 1, "{after:#}");
}

/// Two of them: one acts, the other waits; when the first is killed the second goes on, and nothing is done twice.
#[tokio::test]
async fn of_two_remediators_one_acts() {
    let _turn = TURNS.one().await;
    let arena = shop();
    let mut second = arena
        .program("arena-remediator")
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("a second remediator");
    let crash = async || {
        let known = incidents(&arena).len();
        ok(&arena, &["inject", "crash", "node-1/orders"]);
        let newest = until(&arena, "the crash to be healed", || {
            let all = incidents(&arena);
            let newest = all.first()?;
            (all.len() > known && newest["ended_at"].is_string()).then(|| newest.clone())
        })
        .await;
        assert_eq!(newest["resolution"], "REMEDIATED", "{newest:#}");
        assert_eq!(list(&newest["actions"]).len(), 1, "{newest:#}");
    };
    crash().await;
    // Kills the arena's own, which its supervisor starts again: whoever of the two is there takes over.
    let own: Vec<u32> = arena.processes_of("arena-remediator");
    let own: Vec<u32> = own.into_iter().filter(|pid| *pid != second.id()).collect();
    signal("-KILL", &own);
    calm(&arena).await;
    // Beyond the cooldown, so that the same crash is no recurrence.
    tokio::time::sleep(Duration::from_secs(6)).await;
    crash().await;
    second.kill().expect("it is ours");
    second.wait().expect("it is ours");
}

/// A person decides: nothing happens before the yes, and a no is kept to.
#[tokio::test]
async fn what_waits_for_a_person_waits_for_that_person() {
    let _turn = TURNS.alone().await;
    let arena = shop();
    ok(&arena, &["mode", "approve"]);
    let pid = service(&arena, "node-1/orders")["pid"].clone();
    ok(
        &arena,
        &["inject", "cpu-spike", "node-1/orders", "--for", "80s"],
    );
    let waiting = awaiting_approval(&arena).await;
    let id = text(&waiting["id"]);
    assert_eq!(service(&arena, "node-1/orders")["pid"], pid);
    assert_eq!(
        list(&waiting["actions"]),
        Vec::<Value>::new(),
        "{waiting:#}"
    );
    ok(&arena, &["approve", &id]);
    let healed = ended(&arena, &waiting["id"]).await;
    assert_eq!(healed["resolution"], "REMEDIATED", "{healed:#}");
    assert_ne!(service(&arena, "node-1/orders")["pid"], pid);

    let pid = service(&arena, "node-1/payments")["pid"].clone();
    ok(
        &arena,
        &["inject", "cpu-spike", "node-1/payments", "--for", "80s"],
    );
    let id = text(&awaiting_approval(&arena).await["id"]);
    ok(&arena, &["deny", &id, "--reason", "not yet"]);
    // Its next rung is the same restart: that is not asked again.
    let left = until(&arena, "the incident to be a person's", || {
        let incident = arena.json(&["incidents", "--json", &id])[0].clone();
        let denied = list(&incident["decisions"])
            .iter()
            .any(|decision| text(&decision["reason"]).contains("not yet"));
        (denied && incident["state"] == "ESCALATED").then_some(incident)
    })
    .await;
    assert_eq!(service(&arena, "node-1/payments")["pid"], pid, "{left:#}");
}

/// The lever ends every fault and halts everything, also after a restart of the arena.
#[tokio::test]
async fn the_lever_halts_everything_and_survives_a_restart() {
    let _turn = TURNS.one().await;
    let arena = shop();
    ok(&arena, &["mode", "observe"]);
    ok(
        &arena,
        &[
            "inject",
            "network-delay",
            "node-1/payments",
            "--for",
            "80s",
            "--wait",
            "latency=50ms",
            "jitter=0ms",
        ],
    );
    ok(&arena, &["lever", "stop"]);
    until(&arena, "the fault to be reverted", || {
        (arena.json(&["status", "--json"])["faults_active"] == 0).then_some(())
    })
    .await;
    for refused in [
        ["do", "restart", "node-1/orders", "--yes"].as_slice(),
        &["inject", "crash", "node-1/orders"],
    ] {
        let answer = arena.run(refused);
        let said = String::from_utf8_lossy(&answer.stderr).into_owned();
        assert!(!answer.status.success(), "{refused:?}");
        assert!(said.contains("arena lever resume"), "{refused:?}: {said}");
    }
    ok(&arena, &["down"]);
    ok_output(&arena.up(&["-d", "--wait"]));
    assert_eq!(arena.json(&["status", "--json"])["lever"], "STOPPED");
    ok(&arena, &["lever", "resume", "--yes"]);
    ok(&arena, &["mode", "auto"]);
    ok(&arena, &["do", "restart", "node-1/orders", "--yes"]);
}

/// A shop that has something to do, for the kernel shields who hardly uses the CPU, and a job that may use what is left
/// of the machine.
fn neighbours() -> String {
    let service = |name: &str, more: &str| {
        format!(
            "[[node.service]]\nname = \"{name}\"\n{more}\nport = 18500\n\
             health = {{ http = \"/healthz\", interval = \"200ms\", timeout = \"400ms\", failures = 10 }}\n\n"
        )
    };
    let role = |role: &str, calls: &str, more: &str| {
        let more = format!(
            "command = [\"arena-workload\", \"{role}\", \"--port\", \"{{port}}\"{more}]\ndepends_on = [{calls}]"
        );
        service(role, &more)
    };
    let job =
        "command = [\"arena-workload\", \"batch\", \"--port\", \"{port}\"]\nclass = \"batch\"";
    [
        "[[node]]\nname = \"node-1\"\n\n".to_owned(),
        role("ledger", "", ""),
        role("payments", "\"ledger\"", ""),
        role("inventory", "\"ledger\"", ""),
        role("orders", "\"payments\", \"inventory\"", ""),
        role("edge", "\"orders\"", ""),
        role("traffic", "\"edge\"", ", \"--rate\", \"150\""),
        service("batch", job),
    ]
    .concat()
}

const CRASH_LOOP: &str = r#"
[[node]]
name = "node-1"

[[node.service]]
name = "doomed"
command = ["sh", "-c", "sleep 0.2; exit 3"]
"#;

/// It takes its time to die, so that an action on it takes long enough to be interrupted.
const SLOW_TO_STOP: &str = r#"
[[node]]
name = "node-1"

[[node.service]]
name = "slow"
command = ["sh", "-c", "trap '' TERM; exec python3 -u -c 'import signal,http.server as h; signal.signal(signal.SIGTERM, signal.SIG_IGN); h.ThreadingHTTPServer((\"127.0.0.1\", {port}), h.SimpleHTTPRequestHandler).serve_forever()'"]
port = 18601
stop_grace = "3s"
health = { http = "/", interval = "200ms", timeout = "400ms", failures = 3 }
"#;

fn shop() -> Arena {
    start(Config::default_toml())
}

fn start(config: &str) -> Arena {
    builder(config).start()
}

fn builder(config: &str) -> ArenaBuilder {
    ArenaBuilder::new(env!("CARGO_BIN_EXE_arena"), config).arg("--chaos")
}

fn ok(arena: &Arena, arguments: &[&str]) {
    ok_output(&arena.run(arguments));
}

fn ok_output(output: &Output) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

fn incidents(arena: &Arena) -> Vec<Value> {
    list(&arena.json(&["incidents", "--json"]))
}

fn list(value: &Value) -> Vec<Value> {
    value.as_array().expect("a list").clone()
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

fn service(arena: &Arena, entity: &str) -> Value {
    let (node, name) = entity.split_once('/').expect("node/service");
    let status = arena.json(&["status", "--json"]);
    let nodes = list(&status["nodes"]);
    let node = nodes.iter().find(|found| found["name"] == node);
    let services = list(&node.expect("the node")["services"]);
    let found = services.into_iter().find(|found| found["name"] == name);
    found.expect("the service")
}

async fn opened(arena: &Arena, symptom: &str) -> Value {
    until(arena, symptom, || {
        let mut all = incidents(arena).into_iter();
        all.find(|incident| incident["symptom"] == symptom)
    })
    .await
}

/// Resolved or escalated.
async fn ended(arena: &Arena, id: &Value) -> Value {
    until(arena, "the incident to end", || {
        let mut all = incidents(arena).into_iter();
        all.find(|incident| incident["id"] == *id && incident["ended_at"].is_string())
    })
    .await
}

async fn awaiting_approval(arena: &Arena) -> Value {
    until(arena, "a question to a person", || {
        let mut all = incidents(arena).into_iter();
        all.find(|incident| incident["state"] == "AWAITING_APPROVAL")
    })
    .await
}

/// No incident open, no fault active, every service healthy.
async fn calm(arena: &Arena) {
    until(arena, "the arena to be calm", || {
        let status = arena.json(&["status", "--json"]);
        let healthy = status["degraded"].as_array().is_some_and(Vec::is_empty);
        (healthy && status["faults_active"] == 0).then_some(())
    })
    .await;
}

/// Waits for something, and says what there was instead when it does not come.
async fn until<T>(arena: &Arena, what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let looking = async {
        loop {
            if let Some(found) = found() {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(PATIENCE, looking)
        .await
        .unwrap_or_else(|_| {
            let status = arena.json(&["status", "--json"]);
            panic!(
                "waiting for {what}: {status:#}\n{:#?}\n{}",
                incidents(arena),
                arena.logs()
            )
        })
}
