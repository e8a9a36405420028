//! What people decide for the whole arena, and answer when they are asked: lever, modes, pauses, approvals. One arena, told
//! in the order in which a person would try it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::process::Output;

use arena_bus::{Bus, NatsArgs, Role};
use arena_proto::{Message as _, Outcome, Plan, Received, Timestamp};
use arena_testkit::{Arena, ArenaBuilder, wait_for};
use serde_json::{Value, json};

use crate::{ONE_NODE, TURNS};

fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// Runs a command that has to end with this code, and gives all it said.
fn run(arena: &Arena, arguments: &[&str], code: i32) -> String {
    let output = arena.run(arguments);
    let said = said(&output);
    assert_eq!(
        output.status.code(),
        Some(code),
        "arena {arguments:?}: {said}"
    );
    said
}

#[tokio::test]
async fn nothing_is_done_without_a_yes_and_the_story_tells_who_said_it() {
    let _turn = TURNS.one().await;
    let arena = ArenaBuilder::new(env!("CARGO_BIN_EXE_arena"), ONE_NODE)
        .env("OTEL_SDK_DISABLED", "true")
        .env("USER", "ann")
        .arg("--chaos")
        .start();
    run(&arena, &["mode", "approve"], 0);
    run(&arena, &["inject", "crash", "laptop/web"], 0);
    let question = wait_for("the question", async || {
        let waiting = arena.json(&["approvals", "--json"]);
        waiting.get(0).cloned()
    })
    .await;
    assert_eq!(question["target"], "laptop/web", "{question}");
    assert_eq!(state(&arena), "EXITED", "nothing is done before the answer");
    let incident = question["incident"].as_str().unwrap();
    assert!(run(&arena, &["status"], 0).contains(incident));
    let approved = run(&arena, &["approve", incident, "--reason", "it may"], 0);
    assert!(approved.contains("the remediator: ACT"), "{approved}");
    wait_for("the incident to be over", async || {
        let incidents = arena.json(&["incidents", "--json"]);
        (incidents[0]["resolution"] == "REMEDIATED").then_some(())
    })
    .await;
    let story = run(&arena, &["explain", incident], 0);
    for part in [
        "the first abnormal sample",
        "WAIT",
        "ann@",
        "SUCCEEDED",
        "CURED",
        "Supports the end",
    ] {
        assert!(story.contains(part), "{part} in {story}");
    }
    let story = arena.json(&["explain", incident, "--json"]);
    assert_eq!(story["incident"]["id"], incident);
    run(&arena, &["explain", "inc-none"], 3);
    let worth = arena.json(&["efficacy", "--since", "1h", "--json"]);
    let row = &worth[0];
    assert_eq!(
        (&row["symptom"], &row["tried"], &row["cured"]),
        (&json!("process_exited"), &json!(1), &json!(1))
    );
    assert!(run(&arena, &["efficacy"], 0).contains("process_exited"));
}

fn state(arena: &Arena) -> Value {
    arena.json(&["status", "--json"])["nodes"][0]["services"][0]["state"].clone()
}

#[tokio::test]
async fn people_decide_and_everybody_sees_what_and_by_whom() {
    let _turn = TURNS.one().await;
    let arena = ArenaBuilder::new(env!("CARGO_BIN_EXE_arena"), ONE_NODE)
        .env("OTEL_SDK_DISABLED", "true")
        .env("USER", "ann")
        .arg("--chaos")
        .start();
    the_lever_stops_a_person_too_and_is_released_on_purpose(&arena);
    what_nodes_have_begun_is_named_by_the_stop(&arena).await;
    what_is_lost_is_never_told_as_released(&arena).await;
    modes_are_set_for_all_or_for_one_class(&arena);
    what_is_paused_is_shown_and_resumed(&arena);
    a_question_is_answered_once_and_in_time(&arena).await;
    an_action_needs_a_yes_and_shows_what_it_would_be(&arena);
    what_was_done_to_a_service_is_shown_and_can_be_undone(&arena);
}

fn what_was_done_to_a_service_is_shown_and_can_be_undone(arena: &Arena) {
    let node = || arena.json(&["status", "--json"])["nodes"][0].clone();
    run(arena, &["do", "drain", "laptop/web", "--yes"], 0);
    assert_eq!(node()["services"][0]["drained"], true);
    assert!(run(arena, &["do", "drain", "laptop/web", "--yes"], 1).contains("drained already"));
    run(arena, &["do", "undrain", "laptop/web", "--yes"], 0);
    run(
        arena,
        &[
            "do",
            "throttle",
            "laptop/web",
            "percent=40",
            "for=50s",
            "--yes",
        ],
        0,
    );
    assert_eq!(node()["services"][0]["throttled"]["percent"], 40);
    assert!(run(arena, &["status"], 0).contains("throttled: held on one CPU until"));
    run(arena, &["do", "unthrottle", "laptop/web", "--yes"], 0);
    let done = arena.json(&["do", "quarantine", "laptop", "--yes", "--json"]);
    assert_eq!(done["state"], "SUCCEEDED", "{done}");
    assert_eq!(node()["quarantined"], true);
    run(arena, &["do", "unquarantine", "laptop", "--yes"], 0);
    let after = node();
    assert_eq!(
        (&after["quarantined"], &after["services"][0]["drained"]),
        (&json!(false), &json!(false))
    );
}

fn the_lever_stops_a_person_too_and_is_released_on_purpose(arena: &Arena) {
    assert!(run(arena, &["lever"], 0).contains("lever RELEASED; nobody has moved it yet"));
    let stopped = run(arena, &["lever", "stop"], 0);
    assert!(stopped.contains("no fault was active"), "{stopped}");
    assert!(stopped.contains("lever STOPPED by ann@"), "{stopped}");
    let first = arena.json(&["lever", "status", "--json"]);
    assert!(run(arena, &["lever", "stop"], 0).contains("stopped already"));
    assert_eq!(
        arena.json(&["lever", "--json"]),
        first,
        "who pulled it first is told"
    );
    let refused = run(arena, &["do", "restart", "laptop/web", "--yes"], 1);
    assert!(refused.contains("mend: arena lever resume"), "{refused}");
    assert_eq!(arena.json(&["status", "--json"])["lever"], "STOPPED");
    assert!(run(arena, &["status", "--exit-code"], 4).contains("the lever is STOPPED"));
    let silent = run(arena, &["lever", "resume"], 2);
    assert!(silent.contains("mend: add --yes"), "{silent}");
    assert!(run(arena, &["lever", "resume", "--yes"], 0).contains("lever RELEASED by ann@"));
    run(arena, &["do", "restart", "laptop/web", "--yes"], 0);
}

async fn what_nodes_have_begun_is_named_by_the_stop(arena: &Arena) {
    let args = NatsArgs {
        nats_url: arena.nats_url.clone(),
    };
    let bus = Bus::connect(&args, Role::Node, "test").await.unwrap();
    let received = Received {
        node: "laptop".parse().unwrap(),
        service: None,
        sequence: None,
        published_at: Timestamp::EPOCH,
    };
    for (command, state) in [
        ("cmd-over", "RUNNING"),
        ("cmd-begun", "RUNNING"),
        ("cmd-over", "SUCCEEDED"),
    ] {
        let outcome = json!({
            "command_id": command, "node": "laptop", "service": "web", "action": "RESTART", "state": state,
            "at": "2001-01-01T00:00:00Z"
        });
        let outcome = Outcome::decode(outcome.to_string().as_bytes(), &received).unwrap();
        bus.publish(&outcome, None).await.unwrap();
    }
    let told = run(arena, &["lever", "stop"], 0);
    assert!(
        told.contains("still finishing: restart laptop/web (cmd-begun)"),
        "{told}"
    );
    assert!(!told.contains("cmd-over"), "{told}");
    run(arena, &["lever", "resume", "--yes"], 0);
}

/// Nodes keep what they last heard, here STOPPED, whatever becomes of the value; a person gets out of it in one step.
async fn what_is_lost_is_never_told_as_released(arena: &Arena) {
    let options = async_nats::ConnectOptions::with_user_and_password(
        "operator".to_owned(),
        "operator".to_owned(),
    );
    let client = options.connect(&arena.nats_url).await.unwrap();
    let bucket = async_nats::jetstream::new(client)
        .get_key_value("control")
        .await
        .unwrap();
    let lost = |what: &str| {
        let told = run(arena, &["status", "--exit-code"], 4);
        assert!(
            told.contains(what) && told.contains("lever UNKNOWN"),
            "{told}"
        );
        assert_eq!(arena.json(&["status", "--json"])["lever"], Value::Null);
        assert_eq!(arena.json(&["lever", "--json"])["lever"], Value::Null);
        assert!(run(arena, &["lever"], 0).contains(what));
        assert!(run(arena, &["mode"], 4).contains(what));
        assert!(run(arena, &["do", "restart", "laptop/web", "--yes"], 1).contains(what));
    };
    let released = || {
        let told = run(arena, &["lever", "resume", "--yes"], 0);
        assert!(told.contains("lever RELEASED by ann@"), "{told}");
        run(arena, &["do", "restart", "laptop/web", "--yes"], 0);
        told
    };
    run(arena, &["lever", "stop"], 0);
    bucket
        .put("control", "garbage{{".to_owned().into())
        .await
        .unwrap();
    lost("cannot be read: nodes keep what they last heard");
    assert!(released().contains("written anew"));
    assert!(released().contains("it is released already; written anew"));
    run(arena, &["lever", "stop"], 0);
    bucket.delete("control").await.unwrap();
    lost("was removed: nodes keep what they last heard");
    let mode = run(arena, &["mode", "auto"], 0);
    assert!(
        mode.contains("written anew") && mode.contains("the lever is STOPPED"),
        "{mode}"
    );
    released();
    bucket.delete("control").await.unwrap();
    assert!(run(arena, &["lever", "stop"], 0).contains("lever STOPPED by ann@"));
    released();
}

fn modes_are_set_for_all_or_for_one_class(arena: &Arena) {
    let modes = || {
        let report = arena.json(&["mode", "--json"]);
        ["mode", "low", "medium", "high"].map(|field| report[field].as_str().unwrap().to_owned())
    };
    assert_eq!(modes(), ["AUTO", "AUTO", "AUTO", "APPROVE"]);
    run(arena, &["mode", "--risk", "high", "auto"], 0);
    run(arena, &["mode", "--risk", "low", "observe"], 0);
    assert_eq!(modes(), ["AUTO", "OBSERVE", "AUTO", "AUTO"]);
    assert!(run(arena, &["status"], 0).contains("mode AUTO (OBSERVE of LOW risk)"));
    run(arena, &["mode", "approve"], 0);
    assert_eq!(
        modes(),
        ["APPROVE"; 4],
        "who decides for all wants no exception"
    );
    run(arena, &["mode", "sometimes"], 2);
    run(arena, &["mode", "auto"], 0);
}

fn what_is_paused_is_shown_and_resumed(arena: &Arena) {
    let meant = run(arena, &["pause", "web"], 3);
    assert!(meant.contains("did you mean laptop/web"), "{meant}");
    run(arena, &["pause", "laptop", "--reason", "moving house"], 0);
    let status = run(arena, &["status"], 0);
    assert!(
        status.contains("laptop is paused until it is resumed, by ann@"),
        "{status}"
    );
    assert!(status.contains("moving house"), "{status}");
    let report = arena.json(&["status", "--json"]);
    assert_eq!(report["nodes"][0]["services"][0]["paused"], true);
    let whole = run(arena, &["resume", "laptop/web"], 3);
    assert!(whole.contains("mend: arena resume laptop"), "{whole}");
    run(arena, &["resume", "laptop"], 0);
    run(arena, &["resume", "laptop"], 3);
    run(arena, &["pause", "laptop/web", "--for", "1ms"], 0);
    // It is over by itself, and the next change clears it away.
    run(arena, &["resume", "laptop/web"], 3);
    assert_eq!(arena.json(&["status", "--json"])["pauses"], json!([]));
}

async fn a_question_is_answered_once_and_in_time(arena: &Arena) {
    run(arena, &["approvals"], 0);
    run(arena, &["approve", "inc-nothing"], 3);
    ask(arena, "inc-late", "2001-01-01T00:00:00Z").await;
    assert_eq!(arena.json(&["approvals", "--json"]), json!([]));
    assert!(run(arena, &["approve", "inc-late"], 1).contains("expired at 2001"));
    ask(arena, "inc-now", "2199-01-01T00:00:00Z").await;
    let waiting = arena.json(&["approvals", "--json"]);
    assert_eq!(waiting[0]["plan"], "inc-now.2", "{waiting}");
    assert_eq!(waiting[0]["action"], "restart", "{waiting}");
    let listed = run(arena, &["approvals"], 0);
    assert!(
        listed.contains("restart laptop/web") && listed.contains("HIGH"),
        "{listed}"
    );
    // No remediator asked this one, so none says what it does with the answer.
    let unheard = run(arena, &["approve", "inc-n", "--reason", "go on"], 5);
    assert!(
        unheard.contains("APPROVED inc-now.2: restart laptop/web (HIGH risk)"),
        "{unheard}"
    );
    let twice = run(arena, &["deny", "inc-now.2"], 1);
    assert!(twice.contains("APPROVED already, by ann@"), "{twice}");
}

/// What the remediator publishes when it asks.
async fn ask(arena: &Arena, incident: &str, expires_at: &str) {
    let plan = json!({
        "id": format!("{incident}.2"), "incident_id": incident, "revision": 2, "node": "laptop", "service": "web",
        "symptom": "cpu_high", "decision": "WAIT", "incident_state": "AWAITING_APPROVAL", "action": "RESTART",
        "target": "laptop/web", "reason": "it burns", "at": "2001-01-01T00:00:00Z", "risk": "HIGH",
        "rail": "approval", "step": "restart", "expires_at": expires_at, "rung": 1, "rungs": 2
    });
    let args = NatsArgs {
        nats_url: arena.nats_url.clone(),
    };
    let bus = Bus::connect(&args, Role::Remediator, "test").await.unwrap();
    let received = Received {
        node: "laptop".parse().unwrap(),
        service: Some("web".parse().unwrap()),
        sequence: None,
        published_at: Timestamp::EPOCH,
    };
    let plan = Plan::decode(plan.to_string().as_bytes(), &received).unwrap();
    bus.publish(&plan, None).await.unwrap();
}

fn an_action_needs_a_yes_and_shows_what_it_would_be(arena: &Arena) {
    let unasked = run(arena, &["do", "restart", "laptop/web"], 2);
    assert!(unasked.contains("mend: add --yes"), "{unasked}");
    let would = run(arena, &["do", "restart", "laptop/web", "--dry-run"], 0);
    assert!(
        would.starts_with("would restart laptop/web (RUNNING, pid "),
        "{would}"
    );
    assert!(would.contains("arena.command.laptop  {"), "{would}");
    let command: Value = arena.json(&["do", "restart", "laptop/web", "--dry-run", "--json"]);
    assert_eq!(command["action"], "RESTART");
    assert_eq!(command["preconditions"]["pid"], pid(arena), "{command}");
    for (arguments, code) in [
        (&["do", "restart", "laptop", "--yes"][..], 2),
        (&["do", "quarantine", "laptop/web", "--yes"], 2),
        (&["do", "restart", "laptop/web", "force=yes", "--yes"], 2),
        (
            &["do", "throttle", "laptop/web", "percent=1", "percent=2"],
            2,
        ),
        (&["do", "undrain", "laptop/web", "--yes"], 1),
        (&["do", "restart", "web", "--yes"], 3),
        (&["inject", "crash", "web"], 3),
        (&["inject", "crash", "laptop"], 2),
        (
            &["inject", "cpu-spike", "laptop/web", "cores=2", "cores=3"],
            2,
        ),
        (&["inject", "crash", "laptop/none"], 3),
        (&["revert", ""], 2),
    ] {
        run(arena, arguments, code);
    }
}

fn pid(arena: &Arena) -> Value {
    arena.json(&["status", "--json"])["nodes"][0]["services"][0]["pid"].clone()
}
