//! The life of a fault: journal, apply, hold, revert, read back.

use crate::common::{World, config, entry, name, process, show};
use arena_node_core::{Boot, Found, Input, Output};
use arena_proto::{ActionKind, FaultOperation, FaultReason};
use expect_test::{Expect, expect};

#[expect(clippy::needless_pass_by_value, reason = "reads better at the call")]
fn check(outputs: Vec<Output>, expected: Expect) {
    expected.assert_eq(&show(&outputs));
}

#[test]
fn a_fault_is_journaled_applied_reverted_and_read_back_in_this_order() {
    let mut world = World::up();
    check(
        world.apply("f-1", "hang", 5_000),
        expect![[r"
        journal f-1
    "]],
    );
    check(
        world.journaled("f-1"),
        expect![[r"
        fault f-1 ARMED
        apply f-1 hang
    "]],
    );
    check(
        world.applied("f-1"),
        expect![[r"
        fault f-1 ACTIVE
    "]],
    );
    check(
        world.wait(5_000),
        expect![[r"
        fault f-1 REVERTING TTL_EXPIRED
        revert f-1 hang
    "]],
    );
    check(
        world.reverted("f-1", Ok(())),
        expect![[r"
        erase f-1
        fault f-1 REVERTED TTL_EXPIRED
    "]],
    );
}

#[test]
fn a_repeated_request_does_nothing_twice() {
    let mut world = World::up();
    world.active("f-1", "hang", 5_000);
    assert!(world.apply("f-1", "hang", 5_000).is_empty());
    world.fault("f-1", FaultOperation::Revert);
    assert!(world.fault("f-1", FaultOperation::Revert).is_empty());
    world.reverted("f-1", Ok(()));
    check(
        world.apply("f-1", "hang", 5_000),
        expect![[r"
        fault f-1 REVERTED REVERT_REQUESTED
    "]],
    );
}

#[test]
fn a_lease_that_is_renewed_holds_and_one_that_is_not_ends_the_fault() {
    let mut world = World::up();
    world.apply_with("f-1", "hang", 60_000, Some(2_000), &[]);
    world.journaled("f-1");
    world.applied("f-1");
    assert!(world.wait(1_900).is_empty());
    world.fault("f-1", FaultOperation::Renew);
    assert!(world.wait(1_900).is_empty());
    check(
        world.wait(100),
        expect![[r"
        fault f-1 REVERTING LEASE_EXPIRED
        revert f-1 hang
    "]],
    );
}

#[test]
fn a_restart_cures_what_lives_in_the_process_or_its_leg() {
    for fault in ["cpu-spike", "storage-latency", "hang", "network-delay"] {
        let mut world = World::up();
        world.active("f-1", fault, 60_000);
        world.command("c-1", ActionKind::Restart, "web");
        let outputs = show(&world.exited("web", 1, 143));
        assert!(
            outputs.contains("fault f-1 REVERTING TARGET_REPLACED"),
            "{fault}: {outputs}"
        );
        assert!(
            outputs.contains(&format!("revert f-1 {fault}")),
            "read back: {outputs}"
        );
    }
}

#[test]
fn recover_cures_a_network_delay_and_nothing_else() {
    for (fault, cured) in [
        ("network-delay", true),
        ("storage-latency", false),
        ("cpu-spike", false),
    ] {
        let mut world = World::up();
        world.active("f-1", fault, 60_000);
        let outputs = show(&world.command("c-1", ActionKind::Recover, "web"));
        assert_eq!(
            outputs.contains("fault f-1 REVERTING TARGET_RECOVERED"),
            cured,
            "{fault}"
        );
    }
}

#[test]
fn a_crash_is_over_when_the_service_runs_again() {
    let mut world = World::up();
    world.apply("f-1", "crash", 60_000);
    world.journaled("f-1");
    world.exited("web", 1, 137);
    world.applied("f-1");
    world.command("c-1", ActionKind::Restart, "web");
    world.spawned("web", 2, 103);
    check(
        world.probed("web", 2, true),
        expect![[r"
        probe web #2 Steady
        outcome c-1 SUCCEEDED running
        erase f-1
        fault f-1 REVERTED TARGET_REPLACED
    "]],
    );
}

#[test]
fn what_cannot_be_applied_is_undone_and_rejected() {
    let mut world = World::up();
    world.apply("f-1", "storage-latency", 5_000);
    world.journaled("f-1");
    let refusal = (FaultReason::Unsupported, "no control socket".to_owned());
    let fault = "f-1".parse().expect("an id");
    check(
        world.give(Input::Applied {
            fault,
            result: Err(refusal),
        }),
        expect![[r"
        revert f-1 storage-latency
    "]],
    );
    check(
        world.reverted("f-1", Ok(())),
        expect![[r"
        erase f-1
        fault f-1 REJECTED UNSUPPORTED no control socket
    "]],
    );
}

#[test]
fn without_a_journal_nothing_is_applied() {
    let mut world = World::up();
    world.apply("f-1", "hang", 5_000);
    let fault = "f-1".parse().expect("an id");
    check(
        world.give(Input::Journaled {
            fault,
            result: Err("disk full".to_owned()),
        }),
        expect![[r"
        erase f-1
        fault f-1 REJECTED UNSUPPORTED the undo journal cannot be written: disk full
    "]],
    );
}

#[test]
fn a_fault_that_ends_before_it_is_made_is_never_made() {
    let mut world = World::up();
    world.apply("f-1", "hang", 5_000);
    world.exited("web", 1, 1);
    check(
        world.journaled("f-1"),
        expect![[r"
        erase f-1
        fault f-1 REJECTED TARGET_REPLACED over before it was made
    "]],
    );
}

#[test]
fn a_revert_that_fails_is_tried_again_and_in_the_end_given_up_with_its_journal_entry() {
    let mut world = World::up();
    world.active("f-1", "storage-latency", 5_000);
    world.fault("f-1", FaultOperation::Revert);
    for _ in 1..60 {
        assert!(
            world
                .reverted("f-1", Err("no answer".to_owned()))
                .is_empty()
        );
        check(
            world.wait(1_000),
            expect![[r"
            revert f-1 storage-latency
        "]],
        );
    }
    check(
        world.reverted("f-1", Err("no answer".to_owned())),
        expect![[r"
        fault f-1 REVERT_FAILED no answer
    "]],
    );
    assert!(
        !world
            .outputs
            .iter()
            .any(|output| matches!(output, Output::EraseJournal(_)))
    );
}

#[test]
fn what_a_dead_agent_left_is_reverted_before_anything_else() {
    let mut world = World::new(config());
    let found = vec![Found {
        service: name("web"),
        process: process(101),
    }];
    let journal = vec![entry("f-1", "hang", 101), entry("f-2", "crash", 101)];
    check(
        world.give(Input::Boot(Boot {
            found,
            journal,
            ..Boot::default()
        })),
        expect![[r"
        fault f-1 REVERTING AGENT_RESTARTED
        revert f-1 hang
        erase f-2
        fault f-2 REVERTED AGENT_RESTARTED
        adopt web #0 pid 101
        probe web #0 Steady
        spawn quiet #1
    "]],
    );
    check(
        world.reverted("f-1", Ok(())),
        expect![[r"
        erase f-1
        fault f-1 REVERTED AGENT_RESTARTED
    "]],
    );
}

#[test]
fn a_stopping_agent_reverts_everything_before_it_ends() {
    let mut world = World::up();
    world.active("f-1", "network-delay", 60_000);
    assert!(show(&world.give(Input::Shutdown)).contains("fault f-1 REVERTING REVERT_REQUESTED"));
    world.exited("web", 1, 0);
    assert!(
        !show(&world.exited("quiet", 1, 0)).contains("finished"),
        "a fault is left"
    );
    assert!(show(&world.reverted("f-1", Ok(()))).ends_with("finished\n"));
}

#[test]
fn every_refusal_has_its_reason() {
    let mut world = World::up();
    world.apply("f-1", "earthquake", 5_000);
    world.apply_with("f-2", "cpu-spike", 5_000, None, &[("cores", "17")]);
    world.apply_with("f-3", "network-delay", 5_000, None, &[("latency", "31s")]);
    world.apply_with(
        "f-4",
        "network-delay",
        5_000,
        None,
        &[("latency", "5ms"), ("jitter", "6ms")],
    );
    world.apply_with("f-5", "crash", 5_000, None, &[("force", "yes")]);
    world.apply("f-6", "hang", 600_001);
    world.apply_with("f-7", "hang", 5_000, Some(999), &[]);
    world.apply("f-8", "hang", 5_000);
    world.apply("f-9", "hang", 5_000);
    for (id, fault) in [
        ("f-a", "cpu-spike"),
        ("f-b", "network-delay"),
        ("f-c", "storage-latency"),
    ] {
        world.apply(id, fault, 5_000);
    }
    world.apply("f-d", "crash", 5_000);
    let outputs = std::mem::take(&mut world.outputs);
    check(
        outputs,
        expect![[r#"
            fault f-1 REJECTED UNKNOWN_FAULT there is no fault "earthquake"; there are cpu-spike, noisy-neighbour, memory-leak, fd-leak, thread-leak, crash, crash-loop, hang, deadlock, slow-start, error-burst, gray, bad-config, port-squat, network-delay, network-loss, network-bandwidth, network-partition, dependency-down, storage-latency, storage-error, disk-full, retry-storm, load-surge, telemetry-loss, telemetry-delay, telemetry-duplicate, telemetry-reorder, telemetry-freeze, telemetry-skew, telemetry-bias, telemetry-forge, node-silent
            fault f-2 REJECTED BAD_PARAMETER cores is 17: allowed 1 to 16
            fault f-3 REJECTED BAD_PARAMETER latency is 31s: allowed 1ms to 30s
            fault f-4 REJECTED BAD_PARAMETER jitter is 6ms: allowed at most the latency, 5ms
            fault f-5 REJECTED BAD_PARAMETER crash has no parameter "force"; it has none
            fault f-6 REJECTED BAD_PARAMETER ttl must be at most 600 s
            fault f-7 REJECTED BAD_PARAMETER lease must be at least 1 s
            journal f-8
            fault f-9 REJECTED LIMIT web has a hang already: f-8
            journal f-a
            journal f-b
            journal f-c
            journal f-d
        "#]],
    );
}

#[test]
fn without_chaos_or_a_running_target_there_is_no_fault() {
    let mut off = config();
    off.chaos = false;
    let mut world = World::new(off);
    world.give(Input::Boot(Boot::default()));
    assert!(show(&world.apply("f-1", "hang", 5_000)).contains("REJECTED CHAOS_OFF"));
    let mut world = World::up();
    world.exited("web", 1, 1);
    assert!(show(&world.apply("f-1", "hang", 5_000)).contains("REJECTED NOT_ALLOWED"));
}

#[test]
fn what_was_reverted_before_it_was_asked_for_is_not_made() {
    let mut world = World::up();
    check(
        world.fault("f-1", FaultOperation::Revert),
        expect![[r#"
        fault f-1 REJECTED UNKNOWN_TARGET node-1 has no fault f-1
    "#]],
    );
    check(
        world.apply("f-1", "hang", 5_000),
        expect![[r#"
        fault f-1 REJECTED UNKNOWN_TARGET node-1 has no fault f-1
    "#]],
    );
}

#[test]
fn a_start_that_is_held_is_not_hung_as_well() {
    let mut world = World::up();
    world.active_with("f-1", "slow-start", &[("delay", "25s")]);
    world.exited("web", 1, 137);
    world.command("c-1", ActionKind::Start, "web");
    world.spawned("web", 2, 201);
    // A service without a probe counts as running though it is held.
    world.probed("web", 2, true);
    check(
        world.apply("f-2", "hang", 5_000),
        expect![[r#"
        fault f-2 REJECTED NOT_ALLOWED its start is held already, by f-1
    "#]],
    );
}
