//! What else a node does to heal, and who may ask for it: drain, throttle, rollback, ports, disks, fence and lever.

use arena_node_core::{Boot, Found, Heard, Input, NodeConfig, Output, PortHolder};
use arena_proto::{ActionKind, Control, LeverPosition, NodeStatus, ProcessState, RestartOwner};
use expect_test::{Expect, expect};

use crate::common::{World, at, config, name, process, show};

#[expect(clippy::needless_pass_by_value, reason = "reads better at the call")]
fn check(outputs: Vec<Output>, expected: Expect) {
    expected.assert_eq(&show(&outputs));
}

fn status(world: &World) -> NodeStatus {
    world.node.status(at(world.now), 1, 1)
}

/// The agent dies and the next one finds these processes alive.
fn reborn(world: &World, config: NodeConfig, alive: &[(&str, u32)]) -> World {
    let found = alive.iter().map(|(service, pid)| Found {
        service: name(service),
        process: process(*pid),
    });
    let mut next = World::new(config);
    next.now = world.now;
    next.give(Input::Boot(Boot {
        saved: world.node.saved(),
        found: found.collect(),
        journal: Vec::new(),
    }));
    next
}

fn lever(position: LeverPosition) -> Input {
    Input::Control(Control {
        lever: position,
        lever_set: Some(("ada".to_owned(), at(0))),
        ..Control::default()
    })
}

#[test]
fn a_drained_service_stays_so_whatever_becomes_of_its_process_and_its_agent() {
    let mut world = World::up();
    check(
        world.command("c-1", ActionKind::Drain, "web"),
        expect![[r#"
            outcome c-1 ACCEPTED
            outcome c-1 SUCCEEDED drained
        "#]],
    );
    world.command("c-2", ActionKind::Kill, "web");
    world.exited("web", 1, 137);
    world.command("c-3", ActionKind::Start, "web");
    assert!(world.service("web").detail.drained);
    let mut next = reborn(&world, config(), &[]);
    assert!(next.service("web").detail.drained);
    next.command("c-4", ActionKind::Undrain, "web");
    assert!(!next.service("web").detail.drained);
    check(
        world.command("c-5", ActionKind::Drain, "quiet"),
        expect![[r#"
            outcome c-5 REJECTED UNSUPPORTED quiet has no http health check, so it is not proxied and cannot be drained
        "#]],
    );
}

#[test]
fn a_quarantine_drains_everything_and_keeps_single_drains() {
    let mut world = World::up();
    world.command("c-1", ActionKind::Drain, "web");
    check(
        world.command("c-2", ActionKind::Quarantine, ""),
        expect![[r#"
            outcome c-2 ACCEPTED
            outcome c-2 SUCCEEDED node-1 is quarantined
        "#]],
    );
    assert!(status(&world).quarantined && world.service("quiet").detail.drained);
    check(
        world.command("c-3", ActionKind::Undrain, "web"),
        expect![[r#"
            outcome c-3 REJECTED NOT_ALLOWED node-1 is quarantined as a whole: unquarantine it
        "#]],
    );
    let mut next = reborn(&world, config(), &[("web", 101)]);
    assert!(status(&next).quarantined);
    next.command("c-4", ActionKind::Unquarantine, "");
    assert!(next.service("web").detail.drained && !next.service("quiet").detail.drained);
    world.command("c-5", ActionKind::Restart, "web");
    check(
        world.command("c-6", ActionKind::Unquarantine, ""),
        expect![[r#"
            outcome c-6 REJECTED BUSY RESTART c-5 is in flight on node-1/web
        "#]],
    );
}

#[test]
fn a_throttle_ends_by_itself_and_with_its_process() {
    let mut world = World::up();
    let mut command = world.a_command("c-1", ActionKind::Throttle, "quiet");
    command.params.insert("percent".to_owned(), "20".to_owned());
    command.params.insert("for".to_owned(), "30s".to_owned());
    check(
        world.give(Input::Command(command)),
        expect![[r#"
        outcome c-1 ACCEPTED
        throttle quiet 20 %
    "#]],
    );
    let done = || Input::Throttled {
        service: name("quiet"),
        result: Ok(String::new()),
    };
    check(
        world.give(done()),
        expect![[r#"
        outcome c-1 SUCCEEDED 20 % of one CPU for 30s
    "#]],
    );
    let until = at(world.now + 30_000);
    assert_eq!(world.service("quiet").detail.throttled, Some((until, 20)));
    let mut next = reborn(&world, config(), &[("quiet", 102)]);
    assert_eq!(next.service("quiet").detail.throttled, Some((until, 20)));
    check(
        next.exited("quiet", 1, 1),
        expect![[r#"
        unthrottle quiet
        sweep pid 102
    "#]],
    );
    check(
        world.wait(30_000),
        expect![[r#"
        unthrottle quiet
    "#]],
    );
    assert_eq!(world.service("quiet").detail.throttled, None);
    for (id, key, value) in [
        ("c-2", "percent", "4"),
        ("c-3", "for", "11m"),
        ("c-4", "x", "1"),
    ] {
        let mut command = world.a_command(id, ActionKind::Throttle, "quiet");
        command.params.insert(key.to_owned(), value.to_owned());
        world.give(Input::Command(command));
    }
    check(
        world.outputs.split_off(world.outputs.len() - 6),
        expect![[r#"
            outcome c-2 REJECTED NOT_ALLOWED throttle: percent is "4", but must be a whole number from 5 to 100 (of one CPU)
            outcome c-3 REJECTED NOT_ALLOWED throttle: for is "11m", but must be a duration of 1s to 10m
            outcome c-4 REJECTED NOT_ALLOWED throttle has no parameter "x": it has percent and for
        "#]],
    );
}

#[test]
fn a_rollback_starts_what_was_last_good_until_the_file_changes_again() {
    let mut world = World::up();
    world.wait(11_000);
    let with = |program: &str| {
        let mut config = config();
        config.services[0].definition.command = vec![program.to_owned()];
        config
    };
    let mut next = reborn(&world, with("broken"), &[("quiet", 102)]);
    assert!(next.service("web").detail.can_roll_back);
    next.remediator = true;
    next.wait(1);
    next.spawned("web", 2, 201);
    next.exited("web", 2, 1);
    assert!(
        next.service("web")
            .message
            .starts_with("ended with exit code 1")
    );
    let outputs = next.command("c-1", ActionKind::Rollback, "web");
    let good = config().services[0].definition.clone();
    let spawns =
        |output: &Output| matches!(output, Output::Spawn { definition, .. } if *definition == good);
    assert!(outputs.iter().any(spawns), "{outputs:?}");
    next.spawned("web", 3, 202);
    check(
        next.probed("web", 3, true),
        expect![[r#"
        probe web #3 Steady
        outcome c-1 SUCCEEDED running
    "#]],
    );
    assert!(next.service("web").message.starts_with("rolled back"));
    assert!(!next.service("web").detail.can_roll_back);
    let again = reborn(&next, with("broken"), &[]);
    assert!(again.outputs.iter().any(spawns), "it stays rolled back");
    let mended = reborn(&next, with("mended"), &[]);
    assert!(!mended.outputs.iter().any(spawns), "the file changed again");
    check(
        world.command("c-2", ActionKind::Rollback, "quiet"),
        expect![[r#"
            outcome c-2 REJECTED UNSUPPORTED quiet has no earlier version that was healthy to roll back to
        "#]],
    );
}

#[test]
fn who_holds_the_port_of_a_service_that_is_down_is_told_until_it_starts() {
    let mut world = World::up();
    let held = |generation, pid: Option<u32>| Input::PortHeld {
        service: name("web"),
        generation,
        holder: pid.map(|pid| PortHolder {
            pid,
            command_line: "nc".to_owned(),
        }),
    };
    let told = |world: &World| world.service("web").detail.port_holder;
    world.give(held(1, Some(7)));
    assert_eq!(told(&world), None, "it runs: the port is its own");
    world.exited("web", 1, 1);
    world.give(held(1, Some(7)));
    assert_eq!(told(&world), Some((7, "nc".to_owned())));
    let service = world.service("quiet").pid;
    world.give(held(1, service));
    assert_eq!(told(&world), None, "a service of this node is no stranger");
    world.give(held(1, Some(7)));
    world.give(held(1, None));
    assert_eq!(told(&world), None);
    world.give(held(1, Some(7)));
    world.command("c-1", ActionKind::Start, "web");
    assert_eq!(told(&world), None);
    world.give(held(1, Some(7)));
    assert_eq!(told(&world), None, "seen before the start");
}

#[test]
fn a_port_is_freed_and_then_its_service_is_started() {
    let mut world = World::up();
    world.command("c-1", ActionKind::Restart, "web");
    world.exited("web", 1, 0);
    world.give(Input::SpawnFailed {
        service: name("web"),
        generation: 2,
        message: "port 8000 is held by pid 7 (nc)\n".to_owned(),
        holder: Some(PortHolder {
            pid: 7,
            command_line: "nc".to_owned(),
        }),
    });
    let detail = world.service("web").detail;
    assert_eq!(detail.port_holder, Some((7, "nc".to_owned())));
    let mut command = world.a_command("c-2", ActionKind::FreePort, "web");
    command.incident_id = Some("i-1".parse().expect("an id"));
    check(
        world.give(Input::Command(command)),
        expect![[r#"
        outcome c-2 ACCEPTED
        capture for c-2
        free port of web
    "#]],
    );
    check(
        world.give(Input::PortFreed {
            command: "c-2".parse().expect("an id"),
            result: Ok("pid 7 (nc) was ended".to_owned()),
        }),
        expect![[r#"
            spawn web #3
        "#]],
    );
    world.spawned("web", 3, 103);
    check(
        world.probed("web", 3, true),
        expect![[r#"
        probe web #3 Steady
        outcome c-2 SUCCEEDED pid 7 (nc) was ended; running
    "#]],
    );
}

#[test]
fn an_older_remediator_is_fenced_off_also_by_the_next_agent() {
    let mut world = World::up();
    world.give(Input::Remediator(Heard { fence: 9 }));
    let mut next = reborn(&world, config(), &[("web", 101)]);
    let mut old = next.a_command("c-1", ActionKind::Restart, "web");
    old.fence = Some(8);
    check(
        next.give(Input::Command(old)),
        expect![[r#"
        outcome c-1 REJECTED FENCED issued under lease 0x8; another remediator has 0x9 since
    "#]],
    );
    assert_eq!(status(&next).fence, 9);
    let mut replaced = next.a_command("c-2", ActionKind::Restart, "web");
    replaced.preconditions.start_time = Some(1);
    check(
        next.give(Input::Command(replaced)),
        expect![[r#"
        outcome c-2 REJECTED TARGET_CHANGED meant for pid any, generation any, started at tick 1; now it is pid 101, generation 1, started at tick 1010
    "#]],
    );
}

#[test]
fn the_lever_reverts_faults_refuses_everything_and_pauses_the_nodes_own_restarts() {
    let mut world = World::up();
    world.active("f-1", "hang", 60_000);
    check(
        world.give(lever(LeverPosition::Stopped)),
        expect![[r#"
        fault f-1 REVERTING REVERT_REQUESTED
        revert f-1 hang
    "#]],
    );
    check(
        world.command("c-1", ActionKind::Restart, "web"),
        expect![[r#"
            outcome c-1 REJECTED LEVER_STOPPED the safety lever was stopped by ada: `arena lever resume` releases it
        "#]],
    );
    check(
        world.apply("f-2", "hang", 1_000),
        expect![[r#"
        fault f-2 REJECTED NOT_ALLOWED the safety lever was stopped by ada: `arena lever resume` releases it
    "#]],
    );
    world.remediator = false;
    world.exited("quiet", 1, 1);
    assert_eq!(show(&world.wait(60_000)), "");
    let quiet = world.service("quiet");
    assert_eq!(quiet.state, ProcessState::Exited);
    assert!(quiet.message.ends_with("while the safety lever is stopped"));
    let mut next = reborn(&world, config(), &[("web", 101)]);
    check(
        next.command("c-2", ActionKind::Restart, "web"),
        expect![[r#"
            outcome c-2 REJECTED LEVER_STOPPED the safety lever was stopped by ada: `arena lever resume` releases it
        "#]],
    );
    world.give(lever(LeverPosition::Released));
    assert_eq!(world.service("quiet").state, ProcessState::Backoff);
}

#[test]
fn the_node_owns_restarts_while_no_remediator_is_heard() {
    let mut world = World::up();
    let owner = |world: &World| status(world).restart_owner;
    assert_eq!(owner(&world), Some(RestartOwner::Remediator));
    world.give(Input::Remediator(Heard { fence: 1 }));
    world.remediator = false;
    world.exited("quiet", 1, 1);
    world.wait(4_900);
    assert_eq!(owner(&world), Some(RestartOwner::Remediator));
    world.wait(200);
    assert_eq!(owner(&world), Some(RestartOwner::Node));
    // A command that comes before the wait is over is the only start.
    check(
        world.command("c-1", ActionKind::Start, "quiet"),
        expect![[r#"
            outcome c-1 ACCEPTED
            spawn quiet #2
        "#]],
    );
    assert_eq!(show(&world.wait(5_000)), "");
}

#[test]
fn a_standby_waits_to_be_asked_and_is_wanted_from_then_on() {
    let mut standby = config();
    standby.services[1].standby = true;
    let mut world = World::new(standby.clone());
    check(
        world.give(Input::Boot(Boot::default())),
        expect![[r#"
        spawn web #1
    "#]],
    );
    let quiet = world.service("quiet");
    assert!(quiet.state == ProcessState::Stopped && quiet.detail.standby);
    world.command("c-1", ActionKind::Start, "quiet");
    let next = reborn(&world, standby, &[]);
    assert_eq!(next.service("quiet").state, ProcessState::Starting);
    assert_eq!(next.service("quiet").restarts, 0, "a new arena");
}

#[test]
fn what_was_being_stopped_when_its_agent_died_is_stopped_by_the_next_one() {
    let mut world = World::up();
    world.command("c-1", ActionKind::Stop, "web");
    let mut next = reborn(&world, config(), &[("web", 101)]);
    assert_eq!(next.service("web").state, ProcessState::Stopping);
    next.exited("web", 1, 143);
    assert_eq!(next.service("web").state, ProcessState::Stopped);
}
