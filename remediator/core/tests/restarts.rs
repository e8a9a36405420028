//! Killed and restored at every point of a story: nothing is done twice, nothing is lost, and what held an incident up
//! goes on holding it up. How the stories are written is told in `scene/mod.rs`.

#![expect(clippy::unwrap_used, reason = "tests")]

mod common;
mod scene;

use std::collections::BTreeSet;

use arena_proto::{ActionKind, Decision, Resolution};
use arena_remediator_core::Playbooks;
use scene::Scene;

/// What is decided that cannot be taken back: what is done, to whom, and how it ends.
type Deed = (Decision, Option<(ActionKind, String)>, Option<Resolution>);

/// The story with a restart after each of these lines.
fn told(playbooks: &Playbooks, script: &str, restarts: &[usize]) -> Scene {
    let mut scene = Scene::with(playbooks.clone(), false);
    for (index, line) in script.lines().map(str::trim).enumerate() {
        scene.play(line);
        if restarts.contains(&index) {
            let (ms, _) = line.split_once(' ').unwrap();
            scene.play(&format!("{ms} restart"));
        }
    }
    scene
}

fn deeds(scene: &Scene) -> Vec<Deed> {
    let ids: BTreeSet<_> = scene.commands.iter().map(|command| &command.id).collect();
    let done =
        |plan: &&arena_proto::Plan| !matches!(plan.decision, Decision::Refuse | Decision::Wait);
    let plans = scene.plans.iter().filter(done);
    plans
        .map(|plan| {
            let id = plan.command_id.as_ref();
            assert!(
                id.is_none_or(|id| ids.contains(id)),
                "never issued: {plan:?}"
            );
            let action = plan
                .action
                .map(|action| (action, plan.target.as_ref().unwrap().to_string()));
            (plan.decision, action, plan.resolution)
        })
        .collect()
}

/// When its incidents were resolved.
fn ends(scene: &Scene) -> Vec<arena_proto::Timestamp> {
    let plans = scene.plans.iter();
    let resolved = plans.filter(|plan| plan.decision == Decision::Resolve);
    resolved.map(|plan| plan.at).collect()
}

/// Killed at any point, or at any two, it does what it would have done.
fn check(playbooks: &Playbooks, script: &str) -> Scene {
    let undisturbed = told(playbooks, script, &[]);
    let expected = deeds(&undisturbed);
    let lines = script.lines().count();
    for first in 0..lines {
        for second in first..lines {
            let scene = told(playbooks, script, &[first, second]);
            assert_eq!(deeds(&scene), expected, "{}", scene.transcript);
            // What holds an end up is not forgotten.
            let early = ends(&scene)
                .into_iter()
                .zip(ends(&undisturbed))
                .find(|(at, due)| at < due);
            assert_eq!(early, None, "{}", scene.transcript);
        }
    }
    undisturbed
}

fn acts(scene: &Scene) -> Vec<String> {
    let acts = deeds(scene).into_iter();
    acts.filter(|(decision, ..)| *decision == Decision::Act)
        .filter_map(|(_, action, _)| action.map(|(action, target)| format!("{action} {target}")))
        .collect()
}

#[test]
fn both_halves_of_a_failover_are_done_once() {
    let scene = check(
        &Playbooks::built_in().unwrap(),
        "0 status node-1/orders RUNNING PASSING 10 1
         0 status node-2/orders STOPPED UNKNOWN 0 0 standby
         1000 opened a node-1/orders latency_high
         3000 outcome a FAILED
         6000 outcome a FAILED
         9000 status node-2/orders STARTING UNKNOWN 70 1 standby
         9100 outcome a SUCCEEDED
         12000 status node-2/orders RUNNING PASSING 70 1 standby
         14000 outcome a SUCCEEDED
         17000 cleared a
         20000 tick",
    );
    let failover = ["START node-2/orders", "DRAIN node-1/orders"];
    assert_eq!(acts(&scene)[2..], failover, "{}", scene.transcript);
    let waited = |plan: &arena_proto::Plan| plan.basis.rail == "replicas";
    assert!(scene.plans.iter().any(waited), "{}", scene.transcript);
}

#[test]
fn a_drain_that_was_rejected_is_tried_again_and_the_start_is_not() {
    let scene = check(
        &Playbooks::built_in().unwrap(),
        "0 status node-1/orders RUNNING PASSING 10 1
         0 status node-2/orders STOPPED UNKNOWN 0 0 standby
         1000 opened a node-1/orders latency_high
         3000 outcome a FAILED
         6000 outcome a FAILED
         9000 status node-2/orders STARTING UNKNOWN 70 1 standby
         9100 outcome a SUCCEEDED
         12000 status node-2/orders RUNNING PASSING 70 1 standby
         14000 outcome a REJECTED BUSY
         15000 status node-2/orders RUNNING FAILING 70 1 standby
         30000 status node-2/orders RUNNING PASSING 70 1 standby
         33000 outcome a SUCCEEDED
         36000 cleared a
         40000 tick",
    );
    let failover = [
        "START node-2/orders",
        "DRAIN node-1/orders",
        "DRAIN node-1/orders",
    ];
    assert_eq!(acts(&scene)[2..], failover, "{}", scene.transcript);
}

#[test]
fn a_wait_lasts_no_longer_for_a_restart() {
    let script = "0 status node-1/orders RUNNING PASSING 10 1 calls=payments
         0 status node-2/payments RUNNING PASSING 20 1
         1000 opened b node-2/payments process_exited
         1500 outcome b REJECTED UNKNOWN_TARGET
         3500 outcome b REJECTED UNKNOWN_TARGET
         5500 opened a node-1/orders latency_high
         60000 tick
         100000 tick
         130000 tick";
    let scene = check(&Playbooks::built_in().unwrap(), script);
    let end = |scene: &Scene| {
        let of_a = |plan: &&arena_proto::Plan| plan.incident_id.as_str() == "a";
        scene.plans.iter().rfind(of_a).cloned().unwrap()
    };
    assert_eq!(
        end(&scene).decision,
        Decision::Escalate,
        "{}",
        scene.transcript
    );
    for line in 0..script.lines().count() {
        let disturbed = told(&Playbooks::built_in().unwrap(), script, &[line]);
        assert_eq!(
            end(&disturbed).at,
            end(&scene).at,
            "{}",
            disturbed.transcript
        );
    }
}

#[test]
fn what_is_escalated_for_want_of_proof_is_held_to_it() {
    let playbooks = Playbooks::parse(
        "playbooks.toml",
        r#"
        [[playbook]]
        symptom = "cpu_high"
        escalate = "look at it"
        [[playbook.step]]
        action = "restart"
        verify = "state == 'RUNNING'"
        "#,
    )
    .unwrap();
    let scene = check(
        &playbooks,
        "0 status node-1/orders STARTING UNKNOWN 10 1
         1000 opened a node-1/orders cpu_high
         3000 outcome a SUCCEEDED
         5000 cleared a
         20000 tick
         40000 tick
         50000 status node-1/orders RUNNING PASSING 11 2
         60000 tick",
    );
    let end = scene.plans.last().unwrap();
    assert_eq!(end.decision, Decision::Resolve, "{}", scene.transcript);
    assert!(end.at >= common::at(50_000), "{}", scene.transcript);
}

#[test]
fn what_is_escalated_for_its_harm_is_held_to_it() {
    let scene = check(
        &Playbooks::built_in().unwrap(),
        "0 status node-1/edge RUNNING PASSING 10 1 calls=orders
         0 opened a node-2/orders cpu_high
         2000 outcome a SUCCEEDED
         2200 opened b node-1/edge unheard_of
         4000 cleared a
         20000 tick
         40000 cleared b
         60000 tick",
    );
    let end = scene
        .plans
        .iter()
        .rfind(|plan| plan.incident_id.as_str() == "a");
    let end = end.unwrap();
    assert_eq!(end.decision, Decision::Resolve, "{}", scene.transcript);
    assert!(end.at >= common::at(40_000), "{}", scene.transcript);
}

#[test]
fn a_question_stands_across_a_restart() {
    let script = "0 status node-1/orders RUNNING PASSING 10 1
         0 control APPROVE RELEASED
         1000 opened a node-1/orders cpu_high
         2000 tick
         9000 approve a.1
         10500 tick
         11000 outcome a SUCCEEDED
         12000 cleared a
         20000 tick";
    let scene = check(&Playbooks::built_in().unwrap(), script);
    assert_eq!(
        acts(&scene),
        ["RESTART node-1/orders"],
        "{}",
        scene.transcript
    );
    let disturbed = told(&Playbooks::built_in().unwrap(), script, &[2, 3]);
    let until_act = disturbed.plans.iter().map(|plan| plan.decision);
    let until_act: Vec<_> = until_act.take(2).collect();
    let expected = [Decision::Wait, Decision::Act];
    assert_eq!(until_act, expected, "{}", disturbed.transcript);
}

#[test]
fn what_is_asked_in_the_hold_is_asked_when_it_ends() {
    let scene = told(
        &Playbooks::built_in().unwrap(),
        "0 status node-1/orders RUNNING PASSING 10 1
         0 control OBSERVE RELEASED
         1000 opened a node-1/orders cpu_high
         1100 control APPROVE STOPPED
         2000 tick
         2100 control APPROVE RELEASED
         9000 tick",
        &[4],
    );
    let last = scene.plans.last().unwrap();
    assert_eq!(last.basis.rail, "approval", "{}", scene.transcript);
    assert_eq!(last.at, common::at(3000), "{}", scene.transcript);
}

#[test]
fn whom_it_thanks_does_not_change_with_a_restart() {
    for (end, calm) in [(9000, 2000), (20_000, 16_000), (20_000, 19_000)] {
        check(
            &Playbooks::built_in().unwrap(),
            &format!(
                "0 status node-1/orders RUNNING PASSING 10 1
                 1000 opened a node-1/orders cpu_high
                 1100 outcome a SUCCEEDED
                 7150 tick
                 8200 outcome a SUCCEEDED
                 {end} cleared a cpu_high=RESOLVED@{calm}
                 30000 tick"
            ),
        );
    }
}
