//! What is refused because of how things stand, and what a villain makes of a refusal.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]

mod world;

use arena_injector_core::FAULTS_MAX;
use arena_proto::{
    FaultReason, ProbeVerdict, ProcessState, ServiceStatus, VillainOperation, VillainPolicy,
    VillainRequest,
};
use world::{Happening, World, at};

const ORDERS: &[(&str, &[&str])] = &[
    ("node-1", &["orders"]),
    ("node-2", &["orders"]),
    ("node-3", &["orders"]),
    ("node-4", &["orders"]),
];

fn villain(policy: VillainPolicy, faults: &[&str]) -> VillainRequest {
    VillainRequest {
        op: VillainOperation::Start,
        policy: Some(policy),
        seed: Some(7),
        faults: faults.iter().map(|fault| (*fault).to_owned()).collect(),
        ..VillainRequest::default()
    }
}

fn dies(service: &mut ServiceStatus) {
    (service.state, service.probe) = (ProcessState::Exited, ProbeVerdict::Unknown);
}

fn recovers(service: &mut ServiceStatus) {
    (service.state, service.probe) = (ProcessState::Running, ProbeVerdict::Passing);
}

#[test]
fn what_is_down_carries_nothing_on() {
    let mut world = World::of(1, ORDERS);
    world.change("node-1", "orders", dies);
    world.change("node-2", "orders", |orders| {
        orders.probe = ProbeVerdict::Failing;
    });
    assert_eq!(
        world.ask("hang", "node-3/orders").unwrap_err(),
        "2 of the 4 replicas of orders are under faults or down (node-1/orders, node-2/orders), and at most 2, half of them rounded up, may be at once: revert one, or wait"
    );
    assert!(world.ask("noisy-neighbour", "node-4").is_err());
    // In one that is down already it hurts nobody else.
    world.inject("gray", "node-2/orders");
    world.change("node-1", "orders", recovers);
    world.inject("hang", "node-3/orders");
    assert!(world.ask("hang", "node-4/orders").is_err());
}

#[test]
fn of_more_that_are_down_than_may_be_none_is_hit() {
    let mut world = World::of(1, ORDERS);
    for node in ["node-1", "node-2", "node-3"] {
        world.change(node, "orders", dies);
    }
    for target in ["node-3/orders", "node-4/orders"] {
        assert!(world.ask("crash", target).is_err(), "{target}");
    }
}

#[test]
fn the_only_replica_may_be_hit_and_one_that_stands_by_is_none() {
    let mut world = World::of(1, &ORDERS[..1]);
    world.inject("hang", "node-1/orders");

    let mut world = World::of(1, &ORDERS[..3]);
    world.change("node-3", "orders", |orders| {
        (orders.state, orders.probe) = (ProcessState::Stopped, ProbeVerdict::Unknown);
        orders.detail.standby = true;
    });
    world.inject("hang", "node-1/orders");
    let refusal = world.ask("hang", "node-2/orders").unwrap_err();
    assert!(refusal.starts_with("1 of the 2 replicas"), "{refusal}");
    // What is on its node is not kept from faults by it.
    world.inject("noisy-neighbour", "node-3");
}

#[test]
fn what_was_refused_for_how_things_stood_is_asked_for_again() {
    for policy in [VillainPolicy::Random, VillainPolicy::Adaptive] {
        let made = |reason: FaultReason| {
            let mut world = World::of(1, &ORDERS[..1]);
            world.happen(&Happening::RejectNext(reason));
            world.villain(&villain(policy, &["hang"]));
            world.run_until(at(200_000));
            let status = world.villain(&VillainRequest::default());
            assert_eq!(status.refusals.len(), 1, "{status:?}");
            world.applied.len()
        };
        for reason in [FaultReason::Limit, FaultReason::NotAllowed] {
            assert!(made(reason) > 0, "{policy:?} {reason}");
        }
        for reason in [
            FaultReason::ChaosOff,
            FaultReason::UnknownFault,
            FaultReason::UnknownTarget,
            FaultReason::BadParameter,
            FaultReason::Unsupported,
        ] {
            assert_eq!(made(reason), 0, "{policy:?} {reason}");
        }
    }
}

#[test]
fn a_villain_does_not_choose_what_others_faults_forbid() {
    for policy in [VillainPolicy::Random, VillainPolicy::Adaptive] {
        let mut world = World::of(1, &ORDERS[..2]);
        world.inject("hang", "node-1/orders");
        world.villain(&villain(policy, &["hang"]));
        world.run_until(at(500_000));
        let status = world.villain(&VillainRequest::default());
        assert_eq!((status.refusals.len(), status.faults.len()), (0, 0));
        // The person's is over.
        world.run_until(at(599_000));
        assert_eq!(world.applied.len(), 1);
    }
}

#[test]
fn a_villain_waits_while_the_arena_is_full() {
    let names: Vec<String> = (0..=FAULTS_MAX).map(|n| format!("node-{n}")).collect();
    let services: Vec<String> = (0..=FAULTS_MAX).map(|n| format!("own-{n}")).collect();
    let own: Vec<[&str; 1]> = services.iter().map(|name| [name.as_str()]).collect();
    let nodes: Vec<(&str, &[&str])> = names
        .iter()
        .zip(&own)
        .map(|(node, own)| (node.as_str(), own.as_slice()))
        .collect();
    let mut world = World::of(1, &nodes);
    for n in 0..FAULTS_MAX {
        world.inject("hang", &format!("node-{n}/own-{n}"));
    }
    world.villain(&villain(VillainPolicy::Random, &["hang"]));
    world.run_until(at(60_000));
    let status = world.villain(&VillainRequest::default());
    assert_eq!((status.refusals.len(), status.faults.len()), (0, 0));
}
