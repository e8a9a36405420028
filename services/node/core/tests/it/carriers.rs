//! Faults that outlive a process: in the next starts of a service, in its definition, in a helper, in files; and what the faults
//! of one node may take together.

use crate::common::{World, config, definition, entry, name, process, show};
use arena_node_core::{Boot, Found, Input, Output, Saved, SavedService};
use arena_proto::{ActionKind, FaultOperation, LeverPosition, ProcessState};
use expect_test::{Expect, expect};

#[expect(clippy::needless_pass_by_value, reason = "reads better at the call")]
fn check(outputs: Vec<Output>, expected: Expect) {
    expected.assert_eq(&show(&outputs));
}

/// `web` has died, and somebody starts it again.
fn restarted(world: &mut World, command: &str, generation: u32, pid: u32) -> Vec<Output> {
    world.command(command, ActionKind::Restart, "web");
    world.spawned("web", generation, pid)
}

fn gone(world: &mut World, id: &str) -> Vec<Output> {
    world.give(Input::FaultGone {
        fault: id.parse().expect("an id"),
        message: "somebody ended it".to_owned(),
    })
}

/// What `web` was last started by.
fn command_of(outputs: &[Output]) -> Vec<String> {
    let spawns = outputs.iter().rev().find_map(|output| match output {
        Output::Spawn {
            service,
            definition,
            ..
        } if service.as_str() == "web" => Some(definition.command.clone()),
        _ => None,
    });
    spawns.expect("a start of web")
}

#[test]
fn a_crash_loop_kills_so_many_starts_and_lets_the_next_one_live() {
    let mut world = World::up();
    world.active_with("f-1", "crash-loop", &[("times", "2")]);
    world.exited("web", 1, 137);
    for (start, pid) in [(2, 201), (3, 202)] {
        let outputs = show(&restarted(&mut world, &format!("c-{start}"), start, pid));
        assert!(
            outputs.contains(&format!("stop web pid {pid} grace 0 ms")),
            "{outputs}"
        );
        world.exited("web", start, 137);
        assert_eq!(world.service("web").state, ProcessState::Exited);
    }
    check(
        restarted(&mut world, "c-4", 4, 203),
        expect![[r"
            probe web #4 Eager
            fault f-1 REVERTING SPENT
            revert f-1 crash-loop
        "]],
    );
    check(
        world.reverted("f-1", Ok(())),
        expect![[r"
            erase f-1
            fault f-1 REVERTED SPENT
        "]],
    );
}

#[test]
fn a_crash_loop_ends_at_its_time_to_live_however_many_starts_are_left() {
    let mut world = World::up();
    world.active("f-1", "crash-loop", 5_000);
    world.exited("web", 1, 137);
    assert!(show(&world.wait(5_000)).contains("fault f-1 REVERTING TTL_EXPIRED"));
    let outputs = show(&restarted(&mut world, "c-2", 2, 201));
    assert!(!outputs.contains("stop web"), "{outputs}");
}

#[test]
fn a_slow_start_is_held_for_its_delay_while_it_is_probed() {
    let mut world = World::up();
    world.active_with("f-1", "slow-start", &[("delay", "5s")]);
    world.exited("web", 1, 137);
    check(
        restarted(&mut world, "c-2", 2, 201),
        expect![[r"
            probe web #2 Eager
            hold pid 201
        "]],
    );
    world.probed("web", 2, false);
    assert_eq!(show(&world.wait(4_900)), "");
    check(
        world.wait(100),
        expect![[r"
            release pid 201
        "]],
    );
    world.probed("web", 2, true);
    assert_eq!(world.service("web").state, ProcessState::Running);
    // A restart waits anew.
    world.command("c-3", ActionKind::Restart, "web");
    world.exited("web", 2, 143);
    assert!(show(&world.spawned("web", 3, 202)).contains("hold pid 202"));
}

#[test]
fn what_a_slow_start_holds_goes_on_when_it_ends_and_one_that_died_is_forgotten() {
    let mut world = World::up();
    world.active_with("f-1", "slow-start", &[("delay", "25s")]);
    world.exited("web", 1, 137);
    restarted(&mut world, "c-2", 2, 201);
    let outputs = world.fault("f-1", FaultOperation::Revert);
    let held = |output: &Output| matches!(output, Output::Revert(effect) if effect.process == Some(process(201)));
    assert!(outputs.iter().any(held), "{}", show(&outputs));

    let mut world = World::up();
    world.active_with("f-1", "slow-start", &[("delay", "5s")]);
    world.exited("web", 1, 137);
    restarted(&mut world, "c-2", 2, 201);
    world.exited("web", 2, 137);
    assert!(!show(&world.wait(6_000)).contains("release"));
}

#[test]
fn after_an_agents_death_the_revert_is_about_the_process_that_is_there_now() {
    for (fault, spoiled, about) in [
        ("slow-start", false, Some(process(201))),
        ("bad-config", true, Some(process(201))),
        // It died before the bad definition was started.
        ("bad-config", false, None),
        ("hang", false, Some(process(101))),
    ] {
        let mut world = World::new(config());
        let mut saved = Saved::default();
        let service = SavedService {
            generation: 2,
            spoiled,
            ..SavedService::default()
        };
        saved.services.insert(name("web"), service);
        let outputs = world.give(Input::Boot(Boot {
            saved,
            found: vec![Found {
                service: name("web"),
                process: process(201),
            }],
            journal: vec![entry("f-1", fault, 101)],
        }));
        let reverted = outputs.iter().find_map(|output| match output {
            Output::Revert(effect) => Some(effect.process),
            _ => None,
        });
        assert_eq!(reverted, Some(about), "{fault}");
    }
}

#[test]
fn a_bad_definition_is_rolled_out_and_rolled_back() {
    let mut world = World::up();
    world.wait(15_000);
    world.apply("f-1", "bad-config", 60_000);
    world.journaled("f-1");
    check(
        world.applied("f-1"),
        expect![[r"
            fault f-1 ACTIVE
            stop web pid 101 grace 2000 ms
        "]],
    );
    world.exited("web", 1, 143);
    let good = definition(true).command;
    let mut bad = good.clone();
    bad.push("--arena-bad-config".to_owned());
    assert_eq!(command_of(&world.outputs), bad);
    world.spawned("web", 2, 201);
    world.exited("web", 2, 2);
    let message = world.service("web").message;
    assert!(
        message.contains("is not the one in arena.toml"),
        "{message}"
    );
    // A restart uses it, too.
    assert_eq!(command_of(&restarted_and_dead(&mut world)), bad);
    assert!(world.service("web").detail.can_roll_back);

    check(
        world.command("c-3", ActionKind::Rollback, "web"),
        expect![[r"
            outcome c-3 ACCEPTED
            spawn web #4
            fault f-1 REVERTING CURED it was rolled back
            revert f-1 bad-config
        "]],
    );
    assert_eq!(command_of(&world.outputs), good);
    check(
        world.reverted("f-1", Ok(())),
        expect![[r"
            erase f-1
            fault f-1 REVERTED CURED it was rolled back
        "]],
    );
    world.spawned("web", 4, 203);
    world.probed("web", 4, true);
    assert_eq!(world.service("web").message, "");
    nothing_bad_is_saved(&world);
}

/// Outputs of a restart that fails at once.
fn restarted_and_dead(world: &mut World) -> Vec<Output> {
    let outputs = world.command("c-2", ActionKind::Restart, "web");
    world.spawned("web", 3, 202);
    world.exited("web", 3, 2);
    outputs
}

fn nothing_bad_is_saved(world: &World) {
    let saved = &world.node.saved().services[&name("web")];
    let bad = |definition: &arena_config::arena::Definition| {
        definition.command != self::definition(true).command
    };
    assert!(!saved.spoiled);
    assert!(!saved.running.as_ref().is_some_and(bad), "{saved:?}");
    assert!(!saved.last_good.as_ref().is_some_and(bad), "{saved:?}");
}

#[test]
fn a_bad_definition_that_runs_is_replaced_at_its_time_to_live_and_never_was_good() {
    let mut world = World::up();
    world.active("f-1", "bad-config", 30_000);
    world.exited("web", 1, 143);
    world.spawned("web", 2, 201);
    world.probed("web", 2, true);
    world.wait(29_000);
    let saved = world.node.saved().services[&name("web")].clone();
    assert!(saved.spoiled && saved.last_good.is_none(), "{saved:?}");
    check(
        world.wait(1_000),
        expect![[r"
            fault f-1 REVERTING TTL_EXPIRED
            revert f-1 bad-config
            stop web pid 201 grace 2000 ms
        "]],
    );
    world.exited("web", 2, 143);
    world.reverted("f-1", Ok(()));
    assert_eq!(command_of(&world.outputs), definition(true).command);
    world.spawned("web", 3, 202);
    nothing_bad_is_saved(&world);
}

#[test]
fn a_service_that_a_bad_definition_keeps_down_is_started_at_the_end_and_one_that_was_stopped_is_not()
 {
    for stopped in [false, true] {
        let mut world = World::up();
        world.active("f-1", "bad-config", 30_000);
        world.exited("web", 1, 143);
        world.spawned("web", 2, 201);
        world.exited("web", 2, 2);
        if stopped {
            world.command("c-1", ActionKind::Stop, "web");
        }
        let control = arena_proto::Control {
            lever: LeverPosition::Stopped,
            ..arena_proto::Control::default()
        };
        let outputs = world.give(Input::Control(control));
        assert_eq!(show(&outputs).contains("spawn web #3"), !stopped);
        world.reverted("f-1", Ok(()));
        nothing_bad_is_saved(&world);
    }
}

#[test]
fn a_process_of_a_bad_definition_that_a_dead_agent_left_is_replaced() {
    let mut world = World::up();
    world.active("f-1", "bad-config", 30_000);
    world.exited("web", 1, 143);
    world.spawned("web", 2, 201);
    let saved = world.node.saved();
    let mut next = World::new(config());
    check(
        next.give(Input::Boot(Boot {
            saved,
            found: vec![Found {
                service: name("web"),
                process: process(201),
            }],
            journal: vec![entry("f-1", "bad-config", 101)],
        })),
        expect![[r"
            fault f-1 REVERTING AGENT_RESTARTED
            revert f-1 bad-config
            adopt web #2 pid 201
            probe web #2 Steady
            spawn quiet #2
            stop web pid 201 grace 2000 ms
        "]],
    );
    next.exited("web", 2, 143);
    assert_eq!(command_of(&next.outputs), definition(true).command);
    nothing_bad_is_saved(&next);
}

#[test]
fn a_helper_or_a_file_that_somebody_removed_is_a_cure() {
    for fault in ["noisy-neighbour", "port-squat", "disk-full"] {
        let mut world = World::up();
        world.active("f-1", fault, 60_000);
        let outputs = show(&gone(&mut world, "f-1"));
        assert_eq!(
            outputs,
            format!("fault f-1 REVERTING CURED somebody ended it\nrevert f-1 {fault}\n")
        );
        // Once is enough, and the agent's own doing is none.
        assert_eq!(show(&gone(&mut world, "f-1")), "");
    }
}

#[test]
fn a_restart_changes_nothing_about_what_is_beside_the_service() {
    for fault in ["port-squat", "disk-full"] {
        let mut world = World::up();
        world.active("f-1", fault, 60_000);
        world.exited("web", 1, 137);
        restarted(&mut world, "c-2", 2, 201);
        let outputs = show(&world.probed("web", 2, true));
        assert!(!outputs.contains("REVERTING"), "{fault}: {outputs}");
    }
}

#[test]
fn what_a_service_does_not_make_itself_is_refused_once_it_has_told() {
    let mut world = World::up();
    assert!(show(&world.apply("f-1", "deadlock", 5_000)).contains("journal f-1"));
    world.give(Input::MakesFaults {
        service: name("web"),
        generation: 1,
        faults: vec!["storage-error".to_owned()],
    });
    assert_eq!(world.service("web").detail.makes_faults, ["storage-error"]);
    check(
        world.apply("f-2", "load-surge", 5_000),
        expect![[r"
            fault f-2 REJECTED UNSUPPORTED load-surge needs a control socket that makes this fault, as the workload has, and web has none
        "]],
    );
    assert!(show(&world.apply("f-3", "storage-error", 5_000)).contains("journal f-3"));
}

#[test]
fn the_faults_of_a_node_share_their_ceilings() {
    let mut world = World::up();
    world.active_with("f-1", "cpu-spike", &[("cores", "9")]);
    check(
        world.apply("f-2", "noisy-neighbour", 5_000),
        expect![[r"
            fault f-2 REJECTED LIMIT node-1 has faults with 9 busy threads already, and 8 more are beyond 16
        "]],
    );
    let outputs = world.apply_with("f-3", "noisy-neighbour", 5_000, None, &[("cores", "7")]);
    assert_eq!(show(&outputs), "journal f-3\n");
}
