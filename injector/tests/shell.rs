//! The injector's process on a real nats-server, with a node that says what a node would say.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]

mod common;

use std::path::Path;
use std::process::{Command, Output};

use arena_proto::{FaultOperation, FaultState, LeverPosition};
use arena_testkit::{temp_dir, wait_for};
use common::{Arena, INJECTOR, Process, status};

#[tokio::test]
async fn a_fault_is_applied_renewed_and_reverted() {
    let mut arena = Arena::start(true).await;
    let _injector = Process::start(&arena, &[]).await;
    let reply = arena.inject("cpu-spike", "node-1/orders").await;
    assert_eq!(reply.error, None);

    let applied = arena.request().await;
    assert_eq!(reply.ids, [applied.id.to_string()]);
    assert!(
        matches!(&applied.operation, FaultOperation::Apply { fault, lease: Some(_), .. } if fault == "cpu-spike"),
        "{applied:?}"
    );
    arena.say(&applied.id, FaultState::Active).await;
    for _ in 0..2 {
        let renewed = arena.request().await;
        assert_eq!(
            (renewed.id, renewed.operation),
            (applied.id.clone(), FaultOperation::Renew)
        );
    }
    let reply = arena.revert(applied.id.as_str()).await.unwrap();
    assert_eq!(reply.ids, [applied.id.to_string()]);
    assert_eq!(arena.request().await.operation, FaultOperation::Revert);
}

#[tokio::test]
async fn a_refusal_says_why_and_publishes_nothing() {
    let mut arena = Arena::start(true).await;
    let _injector = Process::start(&arena, &[]).await;
    let cases = [
        ("cpu-spik", "node-1/orders", "did you mean \"cpu-spike\"?"),
        (
            "hang",
            "node-1/edge",
            "there is no node-1/edge; there are node-1/orders",
        ),
    ];
    for (fault, target, error) in cases {
        let reply = arena.inject(fault, target).await;
        assert!(reply.error.as_ref().unwrap().contains(error), "{reply:?}");
    }
    let reply = arena.inject("hang", "node-1/orders").await;
    assert_eq!(
        reply.ids,
        [arena.request().await.id.to_string()],
        "the first that was published"
    );
}

#[tokio::test]
async fn without_chaos_it_says_how_to_turn_it_on() {
    let arena = Arena::start(false).await;
    let _injector = Process::start(&arena, &[]).await;
    let reply = arena.inject("hang", "node-1/orders").await;
    assert_eq!(
        reply.error.as_deref(),
        Some("faults are off: start the arena with --chaos")
    );
    arena.node.put_status(&status(true)).await.unwrap();
    wait_for("chaos", async || {
        (arena.inject("hang", "node-1/orders").await.error.is_none()).then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_lever_ends_every_fault_and_outlives_the_injector() {
    let mut arena = Arena::start(true).await;
    let injector = Process::start(&arena, &[]).await;
    arena.inject("cpu-spike", "node-1/orders").await;
    let id = arena.request().await.id;
    arena.say(&id, FaultState::Active).await;
    arena.lever(LeverPosition::Stopped).await;
    let reverted = wait_for("the revert", async || {
        let request = arena.request().await;
        (request.operation == FaultOperation::Revert).then_some(request)
    })
    .await;
    assert_eq!(reverted.id, id);
    let refusal =
        "the safety lever is stopped by ann: no faults until `arena lever resume`".to_owned();
    let reply = arena.inject("hang", "node-1/orders").await;
    assert_eq!(reply.error, Some(refusal.clone()));

    // One that starts later knows it before it answers anybody.
    injector.signal(rustix::process::Signal::KILL);
    injector.exit_code().await;
    let _later = Process::start(&arena, &[]).await;
    let reply = arena.inject("hang", "node-1/orders").await;
    assert_eq!(reply.error, Some(refusal));
    arena.lever(LeverPosition::Released).await;
    wait_for("faults to be allowed again", async || {
        let reply = arena.inject("hang", "node-1/orders").await;
        reply.error.is_none().then_some(())
    })
    .await;
}

#[tokio::test]
async fn sigterm_reverts_what_is_live_and_exits_zero() {
    let mut arena = Arena::start(true).await;
    let injector = Process::start(&arena, &[]).await;
    arena.inject("cpu-spike", "node-1/orders").await;
    let id = arena.request().await.id;
    arena.say(&id, FaultState::Active).await;
    injector.signal(rustix::process::Signal::TERM);
    let reverted = wait_for("the revert", async || {
        let request = arena.request().await;
        (request.operation == FaultOperation::Revert).then_some(request)
    })
    .await;
    assert_eq!(reverted.id, id);
    arena.say(&id, FaultState::Reverted).await;
    assert_eq!(injector.exit_code().await, Some(0));
}

#[tokio::test]
async fn a_restarted_injector_knows_what_is_live_and_adopts_nothing() {
    let mut arena = Arena::start(true).await;
    let first = Process::start(&arena, &[]).await;
    arena.inject("cpu-spike", "node-1/orders").await;
    let id = arena.request().await.id;
    // So much history before it that who answers without having read it all is caught.
    for number in 0..500 {
        let old = format!("flt-old-{number}").parse().unwrap();
        arena.say(&old, FaultState::Reverted).await;
    }
    arena.say(&id, FaultState::Active).await;
    first.signal(rustix::process::Signal::KILL);
    assert_eq!(first.exit_code().await, None);

    // Starting asks for the end of all, and this one is known from the stream alone.
    let _second = Process::start(&arena, &[]).await;
    let last = wait_for("the revert", async || {
        let request = arena.request().await;
        (request.operation == FaultOperation::Revert).then_some(request)
    })
    .await;
    assert_eq!(last.id, id);
}

#[tokio::test]
async fn a_schedule_is_run() {
    let mut arena = Arena::start(true).await;
    let folder = temp_dir();
    let file = folder.path().join("schedule.toml");
    let text = "[[fault]]\nat = '0s'\nfault = 'hang'\ntarget = 'node-1/orders'\nfor = '5s'\n";
    std::fs::write(&file, text).unwrap();
    let file = file.display().to_string();
    let _injector = Process::start(&arena, &["--schedule", &file]).await;
    let request = arena.request().await;
    assert!(
        matches!(&request.operation, FaultOperation::Apply { fault, .. } if fault == "hang"),
        "{request:?}"
    );
}

fn check(file: &Path) -> Output {
    Command::new(INJECTOR)
        .arg("--check")
        .arg("--schedule")
        .arg(file)
        .output()
        .unwrap()
}

#[test]
fn check_says_what_is_wrong_and_where() {
    let folder = temp_dir();
    let file = folder.path().join("schedule.toml");
    std::fs::write(
        &file,
        "[[fault]]\nat = '0s'\nfault = 'hang'\ntarget = 'node-1'\nfor = '5s'\n",
    )
    .unwrap();
    let output = check(&file);
    assert_eq!(output.status.code(), Some(2));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(
        told.contains("schedule.toml:4:10: node-1 is a node"),
        "{told}"
    );

    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("schedules/first-day.toml");
    assert_eq!(check(&ours).status.code(), Some(0));
}
