//! The states of a service, the commands, and who restarts.

use std::time::Duration;

use crate::common::{World, at, config, name, process, show};
use arena_node_core::{Boot, Found, Heard, Input, Output, Saved, SavedService};
use arena_proto::{ActionKind, CommandState, ProbeVerdict, ProcessState};
use expect_test::{Expect, expect};

#[expect(clippy::needless_pass_by_value, reason = "reads better at the call")]
fn check(outputs: Vec<Output>, expected: Expect) {
    expected.assert_eq(&show(&outputs));
}

#[test]
fn both_services_start_at_once_and_are_up_when_the_probe_passes_or_after_a_moment() {
    let mut world = World::new(config());
    check(
        world.give(Input::Boot(Boot::default())),
        expect![[r"
            spawn web #1
            spawn quiet #1
        "]],
    );
    check(
        world.spawned("web", 1, 101),
        expect![[r"
            probe web #1 Eager
        "]],
    );
    world.spawned("quiet", 1, 102);
    world.probed("web", 1, false);
    assert_eq!(world.service("web").state, ProcessState::Starting);
    check(
        world.probed("web", 1, true),
        expect![[r"
            probe web #1 Steady
        "]],
    );
    assert!(world.service("web").is_healthy());
    assert_eq!(world.service("quiet").state, ProcessState::Starting);
    world.wait(250);
    assert!(world.service("quiet").is_healthy());
    assert_eq!(world.service("quiet").restarts, 0);
}

#[test]
fn a_start_that_never_passes_its_probe_is_ended_and_says_why() {
    let mut world = World::new(config());
    world.give(Input::Boot(Boot::default()));
    world.give(Input::Connected(true));
    world.remediator = true;
    world.spawned("web", 1, 101);
    world.probed("web", 1, false);
    check(
        world.wait(30_000),
        expect![[r"
            stop web pid 101 grace 0 ms
        "]],
    );
    world.exited("web", 1, 137);
    let web = world.service("web");
    assert_eq!(web.state, ProcessState::Exited);
    assert_eq!(web.message, "did not pass its probe within 30 s: no answer");
}

#[test]
fn a_held_port_is_told_in_the_status() {
    let mut world = World::new(config());
    world.give(Input::Boot(Boot::default()));
    world.give(Input::Connected(true));
    world.give(Input::SpawnFailed {
        service: name("web"),
        generation: 1,
        message: "port 8000 is held by pid 7 (nc)".to_owned(),
        holder: None,
    });
    let web = world.service("web");
    assert_eq!((web.state, web.pid), (ProcessState::Exited, None));
    assert_eq!(web.message, "port 8000 is held by pid 7 (nc)");
}

#[test]
fn failed_probes_in_a_row_make_it_failing_and_one_that_passes_ends_it() {
    let mut world = World::up();
    for passes in [false, false, true, false, false] {
        world.probed("web", 1, passes);
        assert_eq!(world.service("web").probe, ProbeVerdict::Passing);
    }
    let outputs = world.probed("web", 1, false);
    assert!(outputs.contains(&Output::Changed), "told at once");
    assert_eq!(world.service("web").probe, ProbeVerdict::Failing);
    assert_eq!(world.service("web").message, "no answer");
    assert!(world.probed("web", 1, false).is_empty(), "told once");
    world.probed("web", 1, true);
    assert!(world.service("web").is_healthy());
    assert_eq!(world.service("web").message, "");
}

#[test]
fn an_exit_is_told_at_once_and_left_to_the_remediator_while_the_bus_is_there() {
    let mut world = World::up();
    let outputs = world.exited("web", 1, 139);
    assert!(outputs.contains(&Output::Changed));
    check(
        outputs,
        expect![[r"
            sweep pid 101
            stop probing web
        "]],
    );
    let web = world.service("web");
    assert_eq!(
        (web.state, web.exit_code, web.pid),
        (ProcessState::Exited, Some(139), None)
    );
    assert_eq!(web.message, "ended by signal 11");
    assert_eq!(show(&world.wait(600_000)), "");
}

#[test]
fn without_the_bus_restarts_double_their_wait_and_end_in_fatal() {
    let mut world = World::up();
    world.remediator = false;
    world.give(Input::Connected(false));
    let mut starts = Vec::new();
    for generation in 1..=6 {
        world.exited("web", generation, 1);
        let ended = world.now;
        while world.service("web").pid.is_none() && world.now < ended + 20_000 {
            if world
                .wait(100)
                .iter()
                .any(|output| matches!(output, Output::Spawn { .. }))
            {
                starts.push(world.now - ended);
                world.spawned("web", generation + 1, 200 + generation);
            }
        }
    }
    // The first wait includes the grace of 2 s, in which the bus may come back.
    // Each is shorter than its double by what comes of the names, at most a quarter.
    assert_eq!(starts, [2_500, 1_000, 1_600, 3_400, 7_000]);
    assert_eq!(world.service("web").state, ProcessState::Fatal);
    check(
        world.command("c-1", ActionKind::Start, "web"),
        expect![[r"
            outcome c-1 ACCEPTED
            spawn web #7
        "]],
    );
}

#[test]
fn when_the_bus_comes_back_a_waiting_restart_is_the_remediators() {
    let mut world = World::up();
    world.remediator = false;
    world.give(Input::Connected(false));
    world.exited("web", 1, 1);
    world.wait(2_100);
    assert_eq!(world.service("web").state, ProcessState::Backoff);
    world.give(Input::Connected(true));
    world.give(Input::Remediator(Heard { fence: 1 }));
    world.remediator = true;
    assert_eq!(world.service("web").state, ProcessState::Exited);
    assert_eq!(world.service("web").message, "ended with exit code 1");
    assert_eq!(show(&world.wait(60_000)), "");
}

#[test]
fn a_restart_stops_starts_and_succeeds_when_the_probe_passes() {
    let mut world = World::up();
    check(
        world.command("c-1", ActionKind::Restart, "web"),
        expect![[r"
            outcome c-1 ACCEPTED
            stop web pid 101 grace 2000 ms
        "]],
    );
    check(
        world.exited("web", 1, 143),
        expect![[r"
            sweep pid 101
            stop probing web
            spawn web #2
        "]],
    );
    world.spawned("web", 2, 103);
    check(
        world.probed("web", 2, true),
        expect![[r"
            probe web #2 Steady
            outcome c-1 SUCCEEDED running
        "]],
    );
    assert_eq!(world.service("web").restarts, 1);
}

#[test]
fn a_restart_fails_when_the_new_process_dies_and_times_out_when_nothing_happens() {
    let mut world = World::up();
    world.command("c-1", ActionKind::Restart, "web");
    world.exited("web", 1, 143);
    world.spawned("web", 2, 103);
    check(
        world.exited("web", 2, 1),
        expect![[r"
            sweep pid 103
            stop probing web
            outcome c-1 FAILED ended with exit code 1
        "]],
    );
    world.command("c-2", ActionKind::Restart, "web");
    check(
        world.wait(10_000),
        expect![[r#"
            outcome c-2 TIMED_OUT not done within 10000 ms: node-1/web is STARTING
        "#]],
    );
}

#[test]
fn stop_is_no_symptom_and_kill_is() {
    let mut world = World::up();
    world.command("c-1", ActionKind::Stop, "web");
    check(
        world.exited("web", 1, 0),
        expect![[r"
            sweep pid 101
            stop probing web
            outcome c-1 SUCCEEDED stopped
        "]],
    );
    assert_eq!(world.service("web").state, ProcessState::Stopped);
    check(
        world.command("c-2", ActionKind::Kill, "quiet"),
        expect![[r"
            outcome c-2 ACCEPTED
            stop quiet pid 102 grace 0 ms
        "]],
    );
    world.exited("quiet", 1, 137);
    assert_eq!(world.service("quiet").state, ProcessState::Exited);
}

#[test]
fn recover_resets_the_leg_and_asks_the_service() {
    let mut world = World::up();
    check(
        world.command("c-1", ActionKind::Recover, "web"),
        expect![[r"
            outcome c-1 ACCEPTED
            reset leg web
            recover web
        "]],
    );
    let command = "c-1".parse().expect("an id");
    check(
        world.give(Input::Recovered {
            command,
            result: Ok("recovered".to_owned()),
        }),
        expect![[r"
            outcome c-1 SUCCEEDED recovered
        "]],
    );
}

#[test]
fn every_refusal_has_its_reason() {
    let mut world = World::up();
    let mut expired = world.a_command("c-1", ActionKind::Restart, "web");
    expired.expires_at = at(world.now);
    let mut changed = world.a_command("c-2", ActionKind::Restart, "web");
    changed.preconditions.pid = Some(7);
    let mut stale = world.a_command("c-3", ActionKind::Restart, "web");
    stale.preconditions.generation = Some(9);
    world.give(Input::Command(expired));
    world.give(Input::Command(changed));
    world.give(Input::Command(stale));
    world.command("c-4", ActionKind::Restart, "nobody");
    world.command("c-5", ActionKind::Start, "web");
    world.command("c-6", ActionKind::Restart, "web");
    world.command("c-7", ActionKind::Stop, "web");
    let outputs = std::mem::take(&mut world.outputs);
    check(
        outputs,
        expect![[r#"
            outcome c-1 REJECTED EXPIRED it was good until 1970-01-01T00:00:01.000Z
            outcome c-2 REJECTED TARGET_CHANGED meant for pid 7, generation any; now it is pid 101, generation 1
            outcome c-3 REJECTED TARGET_CHANGED meant for pid any, generation 9; now it is pid 101, generation 1
            outcome c-4 REJECTED UNKNOWN_TARGET there is no node-1/nobody
            outcome c-5 REJECTED NOT_ALLOWED start is for stopped services; web is running
            outcome c-6 ACCEPTED
            stop web pid 101 grace 2000 ms
            outcome c-7 REJECTED BUSY RESTART c-6 is in flight on node-1/web
        "#]],
    );
}

#[test]
fn a_repeated_id_is_answered_from_memory_also_by_the_next_agent() {
    let mut world = World::up();
    world.command("c-1", ActionKind::Kill, "web");
    assert!(
        world.command("c-1", ActionKind::Kill, "web").is_empty(),
        "in flight"
    );
    world.exited("web", 1, 137);
    world.command("c-2", ActionKind::Restart, "quiet");
    let saved = world.node.saved();

    let mut next = World::new(config());
    let boot = Boot {
        saved,
        ..Boot::default()
    };
    check(
        next.give(Input::Boot(boot)),
        expect![[r"
            outcome c-2 UNKNOWN the agent restarted while it did this
            spawn web #2
            spawn quiet #2
        "]],
    );
    check(
        next.command("c-1", ActionKind::Kill, "web"),
        expect![[r"
            outcome c-1 SUCCEEDED killed
        "]],
    );
}

#[test]
fn what_lives_is_adopted_and_what_was_stopped_stays_stopped() {
    let mut saved = Saved::default();
    let last = SavedService {
        process: Some(process(101)),
        generation: 4,
        restarts: 3,
        wanted: Some(true),
        ..SavedService::default()
    };
    saved.services.insert(name("web"), last.clone());
    saved.services.insert(
        name("quiet"),
        SavedService {
            wanted: Some(false),
            ..last
        },
    );
    let found = vec![Found {
        service: name("web"),
        process: process(101),
    }];
    let mut world = World::new(config());
    check(
        world.give(Input::Boot(Boot {
            saved,
            found,
            journal: Vec::new(),
        })),
        expect![[r"
            adopt web #4 pid 101
            probe web #4 Steady
        "]],
    );
    let web = world.service("web");
    assert_eq!(
        (web.state, web.pid, web.restarts),
        (ProcessState::Running, Some(101), 3)
    );
    assert!(!web.is_healthy(), "healthy only when its probe says so");
    assert_eq!(world.service("quiet").state, ProcessState::Stopped);
}

#[test]
fn shutdown_cancels_stops_everything_and_ends_when_nothing_is_left() {
    let mut world = World::up();
    world.command("c-1", ActionKind::Restart, "web");
    check(
        world.give(Input::Shutdown),
        expect![[r"
            outcome c-1 CANCELED node-1 is stopping
            stop quiet pid 102 grace 2000 ms
        "]],
    );
    assert!(show(&world.exited("quiet", 1, 0)).starts_with("sweep"));
    check(
        world.exited("web", 1, 0),
        expect![[r"
            sweep pid 101
            stop probing web
            finished
        "]],
    );
    assert_eq!(world.node.status(at(0), 1, 1).state, ProcessState::Stopping);
    assert!(
        world
            .node
            .saved()
            .services
            .values()
            .all(|service| service.wanted == Some(true))
    );
}

#[test]
fn a_grace_leaves_room_for_the_start() {
    let mut world = World::up();
    let mut command = world.a_command("c-1", ActionKind::Restart, "web");
    command.deadline = Duration::from_secs(1);
    check(
        world.give(Input::Command(command)),
        expect![[r"
            outcome c-1 ACCEPTED
            stop web pid 101 grace 500 ms
        "]],
    );
    let state =
        |output: &Output| matches!(output, Output::Outcome(o) if o.state == CommandState::TimedOut);
    assert!(world.wait(1_000).iter().any(state));
}
