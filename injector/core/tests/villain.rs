//! Villains as plain data: what they are told goes in, what they choose comes out.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]

mod world;

use std::collections::BTreeSet;
use std::time::Duration;

use arena_injector_core::Input;
use arena_proto::{
    FaultOperation, FaultReason, LeverPosition, ServiceName, VillainOperation, VillainPolicy,
    VillainRequest, VillainStopWhen,
};
use arena_scenario::{Layout, Scenario};
use expect_test::expect;
use proptest::prelude::*;
use world::{Happening, World, at, tell};

fn start(policy: VillainPolicy, seed: u64) -> VillainRequest {
    VillainRequest {
        op: VillainOperation::Start,
        policy: Some(policy),
        seed: Some(seed),
        ..VillainRequest::default()
    }
}

fn stop() -> VillainRequest {
    VillainRequest {
        op: VillainOperation::Stop,
        ..VillainRequest::default()
    }
}

#[test]
fn random_makes_what_its_budget_allows_and_ends() {
    let mut world = World::new(1);
    let mut request = start(VillainPolicy::Random, 7);
    request.budget = Some(4);
    request.faults = vec!["cpu-spike".to_owned(), "network-delay".to_owned()];
    assert_eq!(world.villain(&request).error, None);
    world.run_until(at(600_000));
    let status = world.villain(&VillainRequest::default());
    assert_eq!((status.state.as_str(), status.budget_left), ("STOPPED", 0));
    assert_eq!(
        status.stopped_because.as_deref(),
        Some("all that it had to do is done")
    );
    expect![[r#"
        16:40.000 cpu-spike on node-1/edge for 37023 ms: REVERTED
        16:55.861 cpu-spike on node-2/inventory for 19842 ms: REVERTED
        17:16.540 cpu-spike on node-3/batch for 37541 ms: REVERTED
        17:21.540 network-delay on node-3/inventory for 19791 ms: REVERTED
    "#]]
    .assert_eq(&tell(&status));
}

#[test]
fn a_second_villain_is_refused_by_the_name_of_the_first() {
    let mut world = World::new(1);
    assert_eq!(world.villain(&start(VillainPolicy::Random, 7)).error, None);
    let second = world.villain(&start(VillainPolicy::Adaptive, 8));
    assert_eq!(
        second.error.as_deref(),
        Some(
            "a villain is there already: random (seed 7), since 1970-01-01T00:16:40.000Z; end it with `arena villain stop`"
        )
    );
    assert_eq!(
        second.policy,
        Some(VillainPolicy::Random),
        "the one that is there"
    );
}

type Change = fn(&mut VillainRequest);

#[test]
fn what_is_wrong_with_a_start_is_told_with_what_is_allowed() {
    let mut world = World::new(1);
    let cases: [(Change, &str); 12] = [
        (
            |r| r.policy = None,
            "no policy is named: use scripted, random or adaptive",
        ),
        (|r| r.budget = Some(0), "budget is 0: allowed 1 to 1000"),
        (|r| r.at_once = Some(9), "at_once is 9: allowed 1 to 8"),
        (|r| r.every_ms = Some(10), "every is 10ms: allowed 1s to 1h"),
        (|r| r.for_ms = Some(0), "for is 0s: allowed 1s to 1day"),
        (
            |r| r.ttl_max_ms = Some(999_000_000),
            "for is 11days 13h 30m: allowed 1s to 10m",
        ),
        (
            |r| (r.ttl_min_ms, r.ttl_max_ms) = (Some(9000), Some(8000)),
            "a time to live from 9s to 8s: write the shorter one first",
        ),
        (
            |r| r.families = vec!["netwrk".to_owned()],
            "there is no family \"netwrk\" (did you mean \"network\"?); there are resource, process, application, network, storage, load, telemetry",
        ),
        (
            |r| {
                r.families = vec!["network".to_owned()];
                r.faults = vec!["crash".to_owned()];
            },
            "no fault is left: none of crash is of the family network",
        ),
        (
            |r| r.scenario = Some(String::new()),
            "random plays no scenario: scripted does",
        ),
        (
            |r| r.policy = Some(VillainPolicy::Scripted),
            "seed is not for scripted: the scenario says it",
        ),
        (
            |r| {
                r.stop_when = Some(VillainStopWhen {
                    user_error_percent: Some(100.0),
                    ..VillainStopWhen::default()
                });
            },
            "stop when user_error_percent > 100: allowed 0 to less than 100, as more than all cannot fail",
        ),
    ];
    for (change, error) in cases {
        let mut request = start(VillainPolicy::Random, 7);
        change(&mut request);
        if request.policy == Some(VillainPolicy::Scripted) {
            request.scenario = Some(String::new());
        }
        let status = world.villain(&request);
        assert_eq!(status.error.as_deref(), Some(error));
        assert_eq!(status.state, "STOPPED");
    }
}

#[test]
fn without_a_villain_it_says_since_when() {
    let mut world = World::new(1);
    let status = world.villain(&VillainRequest::default());
    assert_eq!(
        status.stopped_because.as_deref(),
        Some("there was none since the injector started at 1970-01-01T00:16:40.000Z")
    );
    assert_eq!(
        world.villain(&stop()).error.as_deref(),
        Some("no villain is running")
    );
}

#[test]
fn a_stop_reverts_what_it_made_and_nothing_else() {
    let mut world = World::new(1);
    let own = world.inject("hang", "node-3/batch");
    assert_eq!(world.villain(&start(VillainPolicy::Random, 7)).error, None);
    world.run_until(at(60_000));
    let live = world.live();
    assert!(live.len() > 1, "{live:?}");
    let status = world.villain(&stop());
    assert_eq!(status.state, "STOPPING");
    assert_eq!(status.stopped_because.as_deref(), Some("it was asked to"));
    world.run_until(at(62_000));
    assert_eq!(world.live(), [own]);
    assert_eq!(world.villain(&VillainRequest::default()).state, "STOPPED");
}

#[test]
fn the_lever_ends_it_for_good() {
    let mut world = World::new(1);
    assert_eq!(world.villain(&start(VillainPolicy::Random, 7)).error, None);
    world.run_until(at(60_000));
    world.lever(LeverPosition::Stopped);
    let refused = world
        .villain(&start(VillainPolicy::Random, 7))
        .error
        .unwrap();
    assert!(
        refused.starts_with("the safety lever is stopped by ann"),
        "{refused}"
    );
    world.run_until(at(62_000));
    assert!(world.live().is_empty());
    world.lever(LeverPosition::Released);
    let before = world.applied.len();
    world.run_until(at(300_000));
    assert_eq!(world.applied.len(), before);
    let status = world.villain(&VillainRequest::default());
    assert_eq!(
        status.stopped_because.as_deref(),
        Some("the safety lever is stopped by ann")
    );
}

#[test]
fn it_stops_when_most_users_fail_for_a_minute_or_a_person_was_called() {
    let reason = |happening: &[(u64, Happening)]| {
        let mut world = World::new(1);
        let mut request = start(VillainPolicy::Random, 7);
        request.budget = Some(1000);
        world.villain(&request);
        for (millis, happening) in happening {
            world.run_until(at(*millis));
            world.happen(happening);
        }
        let status = world.villain(&VillainRequest::default());
        (status.state, status.stopped_because)
    };
    let because = |text: &str| Some(text.to_owned());
    let bad = Happening::Users(Some(80.0));
    let good = Happening::Users(Some(10.0));
    assert_eq!(
        reason(&[(1000, bad.clone()), (61_000, bad.clone())]).1,
        because("user_error_percent was above 50 for 1m")
    );
    assert_eq!(
        reason(&[(1000, bad.clone()), (60_000, bad.clone())]).1,
        None
    );
    assert_eq!(
        reason(&[(1000, bad.clone()), (30_000, good), (61_000, bad.clone())]).1,
        None,
        "there was a break"
    );
    assert_eq!(
        reason(&[(1000, bad), (61_000, Happening::Users(None))]).1,
        because("user_error_percent was above 50 for 1m"),
        "what is not known any more is not taken for better"
    );
    assert_eq!(
        reason(&[(5000, Happening::Escalated)]).1,
        because("incident inc-1 of node-1/orders is ESCALATED: a person was called")
    );
}

#[test]
fn adaptive_learns_what_hurts_and_does_it_again() {
    let mut world = World::new(3);
    // Users feel one fault alone.
    world.painful = Some("error-burst");
    let mut request = start(VillainPolicy::Adaptive, 11);
    request.budget = Some(60);
    request.at_once = Some(1);
    request.faults = ["cpu-spike", "network-delay", "error-burst", "gray"]
        .map(str::to_owned)
        .to_vec();
    request.for_ms = Some(3_600_000);
    assert_eq!(world.villain(&request).error, None);
    world.run_until(at(3_600_000));
    let status = world.villain(&VillainRequest::default());
    let learnt = &status.learnt[0];
    assert_eq!(learnt.fault, "error-burst", "{:?}", status.learnt);
    assert!(learnt.hurt_ms >= 10_000, "{learnt:?}");
    assert!(
        status
            .learnt
            .iter()
            .all(|lesson| (lesson.fault == "error-burst") == (lesson.hurt_ms > 0)),
        "{:?}",
        status.learnt
    );
    let late = &status.faults[30..];
    let again = late
        .iter()
        .filter(|fault| fault.fault == "error-burst")
        .count();
    assert!(again * 2 > late.len(), "{again} of {}", late.len());
}

#[test]
fn adaptive_prefers_a_replica_that_is_alone_and_leaves_what_is_not_well() {
    let mut hit = BTreeSet::new();
    for seed in 0..200 {
        let mut world = World::new(1);
        world.change("node-1", "orders", |orders| orders.detail.drained = true);
        world.node_down("node-1", "payments");
        let mut request = start(VillainPolicy::Adaptive, seed);
        request.faults = vec!["gray".to_owned()];
        request.budget = Some(1);
        world.villain(&request);
        world.run_until(at(1000));
        hit.extend(world.applied.iter().map(|(_, target)| target.to_string()));
    }
    assert!(
        !hit.contains("node-1/orders") && !hit.contains("node-1/payments"),
        "they serve nobody already: {hit:?}"
    );
    assert!(
        !hit.contains("node-3/payments"),
        "the last that is up: {hit:?}"
    );
    assert!(
        hit.contains("node-2/orders") && hit.contains("node-1/edge"),
        "{hit:?}"
    );
}

#[test]
fn adaptive_tries_first_what_it_tried_least() {
    // What was refused was not tried.
    for (seed, refused) in (0..50).flat_map(|seed| [(seed, false), (seed, true)]) {
        let mut world = World::new(1);
        let mut request = start(VillainPolicy::Adaptive, seed);
        request.faults = vec!["telemetry-loss".to_owned(), "load-surge".to_owned()];
        request.budget = Some(2);
        request.at_once = Some(2);
        request.every_ms = Some(1000);
        if refused {
            world.happen(&Happening::RejectNext(FaultReason::Limit));
        }
        world.villain(&request);
        world.run_until(at(15_000));
        let faults: BTreeSet<&str> = world
            .applied
            .iter()
            .map(|(fault, _)| fault.as_str())
            .collect();
        assert_eq!(faults.len(), 2, "seed {seed}: {faults:?}");
    }
}

const SCENARIO: &str = include_str!("world/scenario.toml");

#[test]
fn scripted_plays_a_scenario_by_time_and_by_condition() {
    let mut world = World::new(1);
    let request = VillainRequest {
        op: VillainOperation::Start,
        policy: Some(VillainPolicy::Scripted),
        scenario_name: "test.toml".to_owned(),
        scenario: Some(SCENARIO.to_owned()),
        ..VillainRequest::default()
    };
    assert_eq!(world.villain(&request).error, None);
    world.run_until(at(30_000));
    let made = |world: &World| -> Vec<String> {
        world
            .applied
            .iter()
            .map(|(fault, target)| format!("{fault} {target}"))
            .collect()
    };
    assert_eq!(made(&world), ["hang node-1/orders"], "users are well");
    world.happen(&Happening::Users(Some(30.0)));
    world.run_until(at(40_000));
    assert_eq!(
        made(&world),
        ["hang node-1/orders", "cpu-spike node-1/payments"]
    );
    world.happen(&Happening::Users(Some(0.0)));
    world.run_until(at(200_000));
    let status = world.villain(&VillainRequest::default());
    assert_eq!(status.scenario.as_deref(), Some("test"));
    assert_eq!(
        status.stopped_because.as_deref(),
        Some("all that it had to do is done")
    );
}

#[test]
fn a_mistake_in_a_scenario_is_told_with_its_place() {
    let mut world = World::new(1);
    let request = VillainRequest {
        op: VillainOperation::Start,
        policy: Some(VillainPolicy::Scripted),
        scenario_name: "test.toml".to_owned(),
        scenario: Some(SCENARIO.replace("\"hang\"", "\"hangs\"")),
        ..VillainRequest::default()
    };
    let error = world.villain(&request).error.unwrap();
    assert!(
        error.contains("test.toml:") && error.contains("did you mean \"hang\"?"),
        "{error}"
    );
}

#[test]
fn at_most_half_of_the_replicas_are_under_faults_whoever_asks() {
    let mut world = World::new(1);
    world.inject("hang", "node-1/orders");
    let refusal = world.ask("cpu-spike", "node-2/orders").unwrap_err();
    assert_eq!(
        refusal,
        "1 of the 2 replicas of orders are under faults or down (node-1/orders), and at most 1, half of them rounded up, may be at once: revert one, or wait"
    );
    // A second one in the same replica hits nobody else; nor does bad telemetry; one in a node hits all on it.
    assert!(world.ask("cpu-spike", "node-1/orders").is_ok());
    assert!(world.ask("telemetry-loss", "node-2").is_ok());
    assert!(
        world
            .ask("noisy-neighbour", "node-2")
            .unwrap_err()
            .contains("replicas of orders")
    );
    assert!(
        world.ask("hang", "node-3/batch").is_ok(),
        "half of one, rounded up, is one"
    );
}

/// A scenario that came with the project and that the ceilings forbid could never be played.
#[test]
fn every_curated_scenario_is_played_without_a_refusal() {
    for (name, text) in arena_scenario::curated() {
        let scenario = Scenario::parse(name, text).unwrap();
        let layout = Layout::of(&scenario.topology, scenario.seed);
        let nodes: Vec<(&str, Vec<&str>)> = layout
            .nodes
            .iter()
            .map(|(node, services)| {
                let services = services.iter().map(ServiceName::as_str);
                (node.as_str(), services.collect())
            })
            .collect();
        let nodes: Vec<(&str, &[&str])> = nodes
            .iter()
            .map(|(node, services)| (*node, services.as_slice()))
            .collect();
        let mut world = World::of(1, &nodes);
        let request = VillainRequest {
            op: VillainOperation::Start,
            policy: Some(VillainPolicy::Scripted),
            scenario: Some((*text).to_owned()),
            ..VillainRequest::default()
        };
        assert_eq!(world.villain(&request).error, None, "{name}");
        for seconds in (10..400).step_by(4) {
            world.run_until(at(seconds * 1000));
            // For what waits until users feel something.
            world.happen(&Happening::Users(Some(60.0)));
        }
        let status = world.villain(&VillainRequest::default());
        assert_eq!(status.refusals, Vec::<String>::new(), "{name}");
        let made = status.faults.len();
        assert_eq!(
            made > 0,
            !scenario.all_injections().is_empty(),
            "{name}: {made}"
        );
    }
}

/// What may happen to a villain, with pauses in milliseconds.
fn histories() -> impl Strategy<Value = Vec<(u64, Happening)>> {
    let happening = prop_oneof![
        8 => Just(Happening::Nothing),
        2 => (0.0..100.0_f64).prop_map(|percent| Happening::Users(Some(percent))),
        1 => Just(Happening::Users(None)),
        1 => Just(Happening::Escalated),
        2 => (0_usize..3, 0_usize..5).prop_map(|(node, service)| Happening::Flip(node, service)),
        1 => Just(Happening::Lever(LeverPosition::Stopped)),
        1 => Just(Happening::Lever(LeverPosition::Released)),
        1 => Just(Happening::StopVillain),
        1 => (0_usize..3).prop_map(Happening::ChaosOff),
        1 => Just(Happening::RejectNext(FaultReason::Unsupported)),
        1 => Just(Happening::RejectNext(FaultReason::Limit)),
        1 => Just(Happening::LoseNext),
    ];
    prop::collection::vec((0_u64..20_000, happening), 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// Whatever happens: neither budget nor ceilings are exceeded ([`World`] looks at each request), nothing begins after the stop, under
    /// the lever or where faults are refused, all is reverted, and the same seed with the same inputs gives the same.
    #[test]
    fn it_keeps_to_what_it_may(
        adaptive in any::<bool>(),
        seed in any::<u64>(),
        budget in 1_u32..30,
        at_once in 1_u32..8,
        every_ms in 1_000_u64..20_000,
        history in histories(),
    ) {
        let policy = if adaptive { VillainPolicy::Adaptive } else { VillainPolicy::Random };
        let request = VillainRequest {
            budget: Some(budget),
            at_once: Some(at_once),
            every_ms: Some(every_ms),
            for_ms: Some(200_000),
            ..start(policy, seed)
        };
        let play = || {
            let mut world = World::new(seed);
            world.limits = Some((budget as usize, at_once as usize));
            world.ends_at = Some(at(200_000));
            world.villain(&request);
            let mut now = 0;
            for (pause, happening) in &history {
                now += pause;
                world.run_until(at(now));
                world.happen(happening);
            }
            world.run_until(at(now) + Duration::from_secs(1000));
            let status = world.villain(&VillainRequest::default());
            let live = world.live();
            (status, world.log, live)
        };
        let (status, log, live) = play();
        prop_assert_eq!(&status.state, "STOPPED");
        prop_assert!(live.is_empty(), "{:?}", live);
        let (again, log_again, _) = play();
        prop_assert_eq!(status, again);
        prop_assert_eq!(log, log_again);
    }
}

/// Asks for nothing that the world would have to refuse for what can be seen.
#[test]
fn what_can_be_seen_to_be_impossible_is_not_asked_for() {
    for seed in 0..50 {
        let mut world = World::new(seed);
        world.villain(&start(VillainPolicy::Random, seed));
        world.run_until(at(600_000));
        let status = world.villain(&VillainRequest::default());
        assert_eq!(status.refusals, Vec::<String>::new(), "seed {seed}");
        assert!(status.faults.len() > 5, "seed {seed}: {status:?}");
    }
}

#[test]
fn an_injector_that_stops_stops_its_villain() {
    let mut world = World::new(1);
    world.villain(&start(VillainPolicy::Random, 7));
    world.run_until(at(60_000));
    assert!(!world.live().is_empty());
    let outputs = world.step(Input::Stop);
    assert!(
        outputs
            .iter()
            .all(|request| request.operation == FaultOperation::Revert)
    );
    world.run_until(at(62_000));
    assert!(world.live().is_empty());
}
