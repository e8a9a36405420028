//! What can be asked of a node beyond starting and stopping, by commands over a real bus, seen from outside.

#[allow(
    dead_code,
    reason = "this module is part of several tests, which use parts of it"
)]
mod common;

use std::collections::BTreeMap;
use std::process::{Command as StdCommand, Stdio};
use std::time::Duration;

use arena_bus::{Consume, Deliveries};
use arena_chassis::Clock;
use arena_proto::{ActionKind, Command, CommandState, Evidence, ProcessState, RestartOwner};
use arena_testkit::wait_for;
use common::{Arena, signal};

/// `batch` burns more CPUs than one; `keeper` names what may be deleted of its folder.
const SERVICES: &str = r#"
[[node.service]]
name = "batch"
class = "batch"
command = ["sh", "-c", "for i in 1 2 3; do (while :; do :; done) & done; wait"]

[[node.service]]
name = "keeper"
command = ["sh", "-c", "mkdir -p cache; echo 12345 > cache/a.tmp; echo 1 > cache/b.txt; echo ready; exec sleep 1000"]
clean = ["cache/*.tmp"]
"#;

/// CPU ticks of every process of a group so far.
fn used(leader: u32) -> u64 {
    let all = procfs::process::all_processes().expect("processes");
    all.flatten()
        .filter_map(|process| process.stat().ok())
        .filter(|stat| u32::try_from(stat.pgrp).is_ok_and(|group| group == leader))
        .map(|stat| stat.utime + stat.stime)
        .sum()
}

/// The share of one CPU that a group uses while it burns a second's worth.
async fn percent(leader: u32) -> f64 {
    let clock = Clock::new();
    let (began, before) = (clock.now(), used(leader));
    wait_for("a second of CPU", async || {
        (used(leader) > before + procfs::ticks_per_second()).then_some(())
    })
    .await;
    let burnt = Duration::from_millis((used(leader) - before) * 1000 / procfs::ticks_per_second());
    burnt.as_secs_f64() / clock.now().saturating_since(began).as_secs_f64() * 100.0
}

/// The CPUs that every process of the group may use, as `taskset -p` tells it.
fn cpus(leader: u32) -> Vec<String> {
    let all = procfs::process::all_processes().expect("processes");
    let allowed = all.flatten().filter_map(|process| {
        let group = process.stat().ok()?.pgrp;
        let status = process.status().ok()?;
        let text = format!("{:?}", status.cpus_allowed_list?);
        u32::try_from(group)
            .is_ok_and(|group| group == leader)
            .then_some(text)
    });
    let mut cpus: Vec<String> = allowed.collect();
    cpus.dedup();
    cpus
}

async fn throttle(arena: &mut Arena, id: &str, percent: &str, time: &str) {
    let params = [("percent", percent), ("for", time)];
    let params = params.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let command = Command {
        params: BTreeMap::from(params),
        ..Arena::a_command(id, ActionKind::Throttle, "batch")
    };
    arena.bus.publish(&command, None).await.expect("published");
    let outcome = arena.outcome(id).await;
    assert_eq!(outcome.state, CommandState::Succeeded, "{outcome:?}");
    assert!(outcome.message.contains("held on CPU"), "{outcome:?}");
}

#[tokio::test]
async fn a_throttled_group_keeps_to_one_cpu_and_gets_all_back_also_after_its_agent_died() {
    let mut arena = Arena::start_with_services(SERVICES).await;
    let pid = arena.healthy("batch").await.pid.expect("a process");
    let all = cpus(pid);
    throttle(&mut arena, "c-1", "50", "5m").await;
    let status = arena
        .service("batch", |batch| batch.detail.throttled.is_some())
        .await;
    assert_eq!(status.detail.throttled.expect("throttled").1, 50);
    assert_ne!(cpus(pid), all);
    // Whole ticks of three processes are what is compared.
    let share = percent(pid).await;
    assert!(share < 115.0, "{share} % of one CPU");

    let outcome = arena.command("c-2", ActionKind::Unthrottle, "batch").await;
    assert_eq!(outcome.state, CommandState::Succeeded, "{outcome:?}");
    wait_for("all CPUs", async || (cpus(pid) == all).then_some(())).await;

    throttle(&mut arena, "c-3", "50", "2s").await;
    assert_ne!(cpus(pid), all);
    arena.kill_agent();
    arena.start_agent();
    wait_for("all CPUs", async || (cpus(pid) == all).then_some(())).await;
    arena
        .service("batch", |batch| {
            batch.detail.throttled.is_none() && batch.pid == Some(pid)
        })
        .await;
    assert_eq!(cpus(pid), all);
    arena.stop().await;
}

#[tokio::test]
async fn who_squats_on_a_port_is_told_and_ended() {
    let mut arena = Arena::start_with_services(SERVICES).await;
    arena.healthy("web").await;
    arena.command("c-1", ActionKind::Stop, "web").await;
    let port = arena.web_port.to_string();
    let mut squatter = StdCommand::new("python3")
        .args(["-m", "http.server", &port, "--bind", "127.0.0.1"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("python3");
    arena.web_answers().await;
    let outcome = arena.command("c-2", ActionKind::Start, "web").await;
    assert_eq!(outcome.state, CommandState::Failed, "{outcome:?}");
    let web = arena
        .service("web", |web| web.detail.port_holder.is_some())
        .await;
    let (pid, line) = web.detail.port_holder.expect("a holder");
    assert_eq!(pid, squatter.id());
    assert!(line.contains("http.server"), "{line}");

    let outcome = arena.command("c-3", ActionKind::FreePort, "web").await;
    assert_eq!(outcome.state, CommandState::Succeeded, "{outcome:?}");
    assert!(
        outcome.message.contains(&format!("pid {pid} (")),
        "{outcome:?}"
    );
    squatter.wait().expect("its end");
    arena.command("c-4", ActionKind::Start, "web").await;
    let web = arena.healthy("web").await;
    assert_eq!(web.detail.port_holder, None);
    arena.stop().await;
}

#[tokio::test]
async fn who_took_the_port_of_a_service_that_died_is_told_without_a_start() {
    let mut arena = Arena::start_with_services(SERVICES).await;
    let web = arena.healthy("web").await;
    // While a remediator is heard the agent restarts nothing by itself.
    let lease = arena.bus.acquire_lease("remediator", "test").await;
    let lease = lease.expect("the lease");
    wait_for("the remediator to be heard", async || {
        let statuses = arena.bus.statuses().await.expect("statuses");
        let owner = statuses.first()?.restart_owner?;
        (owner == RestartOwner::Remediator).then_some(())
    })
    .await;
    signal(web.pid.expect("a process"), "KILL");
    let port = arena.web_port.to_string();
    let mut squatter = StdCommand::new("python3")
        .args(["-m", "http.server", &port, "--bind", "127.0.0.1"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("python3");
    let web = arena
        .service("web", |web| web.detail.port_holder.is_some())
        .await;
    let (holder, _) = web.detail.port_holder.expect("a holder");
    assert_eq!(
        (holder, web.generation),
        (squatter.id(), 1),
        "{}",
        web.message
    );
    squatter.kill().expect("its end");
    squatter.wait().expect("its end");
    arena
        .service("web", |web| {
            web.generation == 1 && web.detail.port_holder.is_none()
        })
        .await;
    lease.release().await;
    arena.stop().await;
}

#[tokio::test]
async fn only_what_a_definition_names_is_deleted() {
    let mut arena = Arena::start_with_services(SERVICES).await;
    arena.healthy("keeper").await;
    wait_for("its files", async || {
        arena.log("keeper").contains("ready").then_some(())
    })
    .await;
    let outcome = arena.command("c-1", ActionKind::CleanDisk, "keeper").await;
    assert_eq!(outcome.state, CommandState::Succeeded, "{outcome:?}");
    assert!(outcome.message.contains("1 files, 6 bytes"), "{outcome:?}");
    assert!(!arena.path("work/keeper/cache/a.tmp").exists());
    assert!(arena.path("work/keeper/cache/b.txt").exists());
    arena.stop().await;
}

#[tokio::test]
async fn what_a_service_looked_like_is_told_before_it_is_restarted() {
    let mut arena = Arena::start_with_services(SERVICES).await;
    let mut told: Deliveries<Evidence> = arena
        .bus
        .consume(Consume::ephemeral())
        .await
        .expect("evidence");
    let pid = arena.healthy("web").await.pid.expect("a process");
    common::get(arena.web_port).await;
    arena
        .metric("web", "cpu_percent", |percent| percent >= 0.0)
        .await;
    let command = Command {
        incident_id: Some("inc-1".parse().expect("an id")),
        ..Arena::a_command("c-1", ActionKind::Restart, "web")
    };
    arena.bus.publish(&command, None).await.expect("published");
    let outcome = arena.outcome("c-1").await;
    assert_eq!(outcome.state, CommandState::Succeeded, "{outcome:?}");

    let evidence = told.next().await.expect("evidence").message;
    assert_eq!(evidence.command_id.as_str(), "c-1");
    assert_eq!(evidence.incident_id.as_str(), "inc-1");
    let metrics = |name: &str| {
        let mut readings = evidence.readings.iter();
        readings.any(|reading| reading.metric == name)
    };
    assert!(
        metrics("cpu_percent") && metrics("memory_bytes"),
        "{evidence:?}"
    );
    assert!(
        evidence.log.iter().any(|line| line.contains("GET /")),
        "{evidence:?}"
    );
    let own = evidence.processes.iter().find(|row| row.pid == pid);
    let own = own.expect("the process that was, before it was ended");
    assert!(own.command.contains("http.server"), "{own:?}");
    assert!(evidence.processes.len() > 1, "and the node's busiest");
    assert_eq!(evidence.message, "");
    arena.stop().await;
}

#[tokio::test]
async fn a_service_is_drained_and_undrained_by_command() {
    let mut arena = Arena::start_with_services(SERVICES).await;
    arena.healthy("web").await;
    let outcome = arena.command("c-1", ActionKind::Drain, "web").await;
    assert_eq!(outcome.state, CommandState::Succeeded, "{outcome:?}");
    let web = arena.service("web", |web| web.detail.drained).await;
    assert_eq!(web.state, ProcessState::Running);
    let pid = web.pid.expect("a process");
    // It is drained until somebody says otherwise, whatever becomes of its process.
    signal(pid, "KILL");
    arena
        .service("web", |web| {
            web.state == ProcessState::Exited && web.detail.drained
        })
        .await;
    let outcome = arena.command("c-2", ActionKind::Undrain, "web").await;
    assert_eq!(outcome.state, CommandState::Succeeded, "{outcome:?}");
    arena.service("web", |web| !web.detail.drained).await;
    arena.stop().await;
}
