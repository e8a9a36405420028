//! The agent as a real process, with real services, over a real nats-server: each test has its own of each.

#[allow(
    dead_code,
    reason = "this module is part of several tests, which use parts of it"
)]
mod common;

use std::time::Duration;

use arena_proto::{
    ActionKind, CommandState, FaultReason, FaultState, ProbeVerdict, ProcessState, RejectionReason,
};
use arena_testkit::wait_for;
use common::{Arena, process_state, signal};

#[tokio::test]
async fn a_service_that_dies_is_told_and_started_again_by_command() {
    let mut arena = Arena::start().await;
    let before = arena.healthy("web").await;
    let pid = before.pid.expect("a process");

    signal(pid, "KILL");
    let dead = arena
        .service("web", |web| web.state == ProcessState::Exited)
        .await;
    assert_eq!((dead.pid, dead.exit_code), (None, Some(137)));

    let outcome = arena.command("c-1", ActionKind::Restart, "web").await;
    assert_eq!(outcome.state, CommandState::Succeeded, "{outcome:?}");
    let after = arena.healthy("web").await;
    assert_ne!(after.pid, Some(pid));
    assert_eq!(
        (after.generation, after.restarts),
        (before.generation + 1, 1)
    );
    assert_eq!(outcome.pid_after, after.pid);
    arena.stop().await;
}

#[tokio::test]
async fn a_repeated_command_does_nothing_twice_and_one_for_another_process_is_refused() {
    let mut arena = Arena::start().await;
    arena.healthy("web").await;
    let first = arena.command("c-1", ActionKind::Restart, "web").await;
    arena
        .publish_command("c-1", ActionKind::Restart, "web", None)
        .await;
    arena
        .publish_command("c-2", ActionKind::Restart, "web", Some(1))
        .await;
    let second = arena.outcome("c-2").await;
    assert_eq!(
        second.reason,
        Some(RejectionReason::TargetChanged),
        "{second:?}"
    );
    assert_eq!(arena.healthy("web").await.pid, first.pid_after);
    arena.stop().await;
}

#[tokio::test]
async fn a_hang_is_found_by_the_probe_and_cured_by_a_restart() {
    let mut arena = Arena::start().await;
    let pid = arena.healthy("web").await.pid.expect("a process");
    arena
        .apply("f-1", "hang", "web", Duration::from_mins(1), &[])
        .await;
    arena.fault_status("f-1", FaultState::Active).await;
    assert_eq!(process_state(pid), Some('T'));
    arena
        .service("web", |web| web.probe == ProbeVerdict::Failing)
        .await;

    let outcome = arena.command("c-1", ActionKind::Restart, "web").await;
    assert_eq!(outcome.state, CommandState::Succeeded, "{outcome:?}");
    let status = arena.fault_status("f-1", FaultState::Reverted).await;
    assert_eq!(status.reason, Some(FaultReason::TargetReplaced));
    arena.healthy("web").await;
    assert_eq!(process_state(pid), None);
    arena.stop().await;
}

#[tokio::test]
async fn a_fault_ends_at_its_time_to_live() {
    let mut arena = Arena::start().await;
    let pid = arena.healthy("web").await.pid.expect("a process");
    arena
        .apply("f-1", "hang", "web", Duration::from_millis(300), &[])
        .await;
    let status = arena.fault_status("f-1", FaultState::Reverted).await;
    assert_eq!(status.reason, Some(FaultReason::TtlExpired));
    assert_ne!(process_state(pid), Some('T'));
    arena.stop().await;
}

#[tokio::test]
async fn a_spike_burns_in_the_services_group_and_is_gone_after_its_revert() {
    let mut arena = Arena::start().await;
    arena.healthy("web").await;
    arena
        .apply("f-1", "cpu-spike", "web", Duration::from_mins(1), &[])
        .await;
    arena.fault_status("f-1", FaultState::Active).await;
    arena
        .metric("web", "cpu_percent", |percent| percent > 30.0)
        .await;
    arena.revert("f-1").await;
    let status = arena.fault_status("f-1", FaultState::Reverted).await;
    assert_eq!(status.reason, Some(FaultReason::RevertRequested));
    arena
        .metric("web", "cpu_percent", |percent| percent < 20.0)
        .await;
    arena.stop().await;
}

#[tokio::test]
async fn a_network_delay_is_in_the_leg_and_recover_cures_it() {
    let mut arena = Arena::start().await;
    let port = arena.healthy("web").await.proxy_port.expect("a leg");
    arena
        .apply(
            "f-1",
            "network-delay",
            "web",
            Duration::from_mins(1),
            &[("latency", "300ms")],
        )
        .await;
    arena.fault_status("f-1", FaultState::Active).await;
    let client = tokio::spawn(async move {
        loop {
            common::get(port).await;
        }
    });
    arena
        .metric("web", "latency_p95_ms", |latency| latency > 200.0)
        .await;
    let outcome = arena.command("c-1", ActionKind::Recover, "web").await;
    assert_eq!(outcome.state, CommandState::Succeeded, "{outcome:?}");
    let status = arena.fault_status("f-1", FaultState::Reverted).await;
    assert_eq!(status.reason, Some(FaultReason::TargetRecovered));
    arena
        .metric("web", "latency_p95_ms", |latency| latency < 200.0)
        .await;
    client.abort();
    arena.stop().await;
}

#[tokio::test]
async fn what_a_service_cannot_do_is_refused_and_never_faked() {
    let mut arena = Arena::start().await;
    arena.healthy("web").await;
    arena
        .apply("f-1", "storage-latency", "web", Duration::from_secs(9), &[])
        .await;
    let status = arena.fault_status("f-1", FaultState::Rejected).await;
    assert_eq!(status.reason, Some(FaultReason::Unsupported));
    arena.stop().await;
}

#[tokio::test]
async fn faults_are_off_unless_they_are_asked_for() {
    let mut arena = Arena::start_with(&[]).await;
    arena.healthy("web").await;
    arena
        .apply("f-1", "crash", "web", Duration::from_secs(9), &[])
        .await;
    let status = arena.fault_status("f-1", FaultState::Rejected).await;
    assert_eq!(status.reason, Some(FaultReason::ChaosOff));
    arena.stop().await;
}

#[tokio::test]
async fn an_agent_that_was_killed_takes_its_services_over_and_reverts_its_faults() {
    let mut arena = Arena::start().await;
    let before = arena.healthy("web").await;
    let quiet = arena.healthy("quiet").await;
    let pid = before.pid.expect("a process");
    arena
        .apply("f-1", "cpu-spike", "web", Duration::from_mins(1), &[])
        .await;
    arena.fault_status("f-1", FaultState::Active).await;

    arena.kill_agent();
    assert_eq!(arena.helpers().len(), 1);
    arena.start_agent();
    let status = arena.fault_status("f-1", FaultState::Reverted).await;
    assert_eq!(status.reason, Some(FaultReason::AgentRestarted));
    assert_eq!(arena.helpers(), Vec::<u32>::new());
    let after = arena
        .service("web", |web| web.is_healthy() && web.pid == Some(pid))
        .await;
    assert_eq!(
        (after.generation, after.proxy_port),
        (before.generation, before.proxy_port)
    );
    assert_eq!(arena.healthy("quiet").await.pid, quiet.pid);

    // It knows of the end of a process that is not its child.
    signal(pid, "KILL");
    arena
        .service("web", |web| web.state == ProcessState::Exited)
        .await;
    arena.stop().await;
}

#[tokio::test]
async fn a_stopped_agent_leaves_no_process() {
    let mut arena = Arena::start().await;
    let pids = [
        arena.healthy("web").await.pid,
        arena.healthy("quiet").await.pid,
    ];
    arena
        .apply("f-1", "cpu-spike", "web", Duration::from_mins(1), &[])
        .await;
    arena.fault_status("f-1", FaultState::Active).await;
    assert!(arena.stop().await.success());
    for pid in pids.into_iter().flatten() {
        assert_eq!(process_state(pid), None, "pid {pid} is still there");
    }
    assert_eq!(arena.helpers(), Vec::<u32>::new());

    assert_eq!(arena.node_state().await, ProcessState::Stopping);
}

#[tokio::test]
async fn what_a_shell_leaves_behind_has_its_grace_too() {
    let mut arena = Arena::start().await;
    arena.healthy("wrapped").await;
    wait_for("hello", async || {
        arena.log("wrapped").contains("hello").then_some(())
    })
    .await;
    let outcome = arena.command("c-1", ActionKind::Stop, "wrapped").await;
    assert_eq!(outcome.state, CommandState::Succeeded, "{outcome:?}");
    assert!(arena.log("wrapped").contains("goodbye"));
    arena.stop().await;
}

#[tokio::test]
async fn the_holder_of_a_port_is_named() {
    let mut arena = Arena::start_with_port_taken().await;
    let web = arena
        .service("web", |web| web.state == ProcessState::Exited)
        .await;
    let held = format!("is held by pid {}", std::process::id());
    assert!(web.message.contains(&held), "{}", web.message);
    arena.stop().await;
}

#[tokio::test]
async fn services_run_without_a_bus_and_are_restarted_by_their_agent() {
    let mut arena = Arena::start().await;
    let pid = arena.healthy("web").await.pid.expect("a process");
    arena.stop_bus().await;
    signal(pid, "KILL");
    wait_for("the end of web", async || {
        process_state(pid).is_none().then_some(())
    })
    .await;
    // The port answers again though nobody could command it.
    arena.web_answers().await;
    arena.start_bus().await;
    let web = arena
        .service("web", |web| web.is_healthy() && web.pid != Some(pid))
        .await;
    assert_eq!(web.restarts, 1);
    arena.stop().await;
}
