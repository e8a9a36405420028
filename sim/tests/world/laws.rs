//! What follows from what, and what never happens.

use arena_config::arena::Arena;
use arena_faults::FaultName;
use arena_sim::world::{NodeIx, Route};
use proptest::prelude::*;

use super::host::{Host, MS, SECOND, shop};

#[test]
fn a_slow_ledger_makes_its_callers_and_their_users_slow() {
    let mut host = Host::shop().calm();
    for ledger in ["node-2/ledger", "node-3/ledger"] {
        host.inject(FaultName::StorageLatency, ledger, &[]);
    }
    host.run(6 * SECOND);
    for (entity, metric) in [
        ("node-2/ledger", "latency_p95_ms"),
        ("node-3/payments", "latency_p95_ms"),
        ("node-2/orders", "latency_p95_ms"),
        ("node-1/edge", "latency_p95_ms"),
        ("node-1/traffic", "user_latency_p95_ms"),
    ] {
        assert!(host.mean(entity, metric, 4) > 290.0, "{entity} {metric}");
    }
    assert!(
        host.truths
            .last()
            .is_some_and(|truth| truth.hurt.len() >= 8 && truth.user_seconds_lost > 1.0)
    );
}

#[test]
fn each_caller_gives_up_before_its_own_caller_does_and_says_who_failed() {
    let mut host = Host::shop().calm();
    host.asleep = true;
    for ledger in ["node-2/ledger", "node-3/ledger"] {
        host.inject(FaultName::Hang, ledger, &[]);
    }
    host.run(8 * SECOND);
    // Payments wait 1.5 s for the ledger: everybody above has that answer, and nobody waits for longer.
    for entity in ["node-1/payments", "node-2/orders", "node-1/edge"] {
        assert!(host.mean(entity, "error_percent", 3) > 99.0, "{entity}");
    }
    let waited = host.mean("node-1/traffic", "user_latency_p95_ms", 3);
    assert!((1400.0..1700.0).contains(&waited), "{waited}");
}

#[test]
fn a_replica_that_is_drained_or_dead_leaves_its_share_to_the_others() {
    let mut host = Host::shop().calm();
    let service = host.service("node-2/orders");
    host.world.set_routable(host.now, service, Route::Last);
    host.run(3 * SECOND);
    assert!(host.mean("node-2/orders", "request_rate_hz", 2) < 0.5);
    assert!(host.mean("node-1/orders", "request_rate_hz", 2) > 19.0);
    let other = host.service("node-1/orders");
    host.world.set_routable(host.now, other, Route::Away);
    host.run(3 * SECOND);
    assert!(
        host.mean("node-2/orders", "request_rate_hz", 2) > 19.0,
        "who is drained serves when nobody else does"
    );
    assert_eq!(host.truths.last().map(|truth| truth.failed), Some(0));
    host.world.set_routable(host.now, service, Route::Away);
    host.run(3 * SECOND);
    assert!(
        host.mean("node-1/traffic", "user_error_percent", 2) > 99.0,
        "and with nobody left all fail"
    );
}

#[test]
fn retries_keep_a_service_overloaded_after_their_cause_has_gone() {
    // One replica: what the storm's worker cannot do nobody else does.
    let worst = |trigger: &str| {
        let mut host = Host::shop().calm();
        let other = host.service("node-1/orders");
        host.asleep = true;
        host.world.set_routable(host.now, other, Route::Away);
        host.inject(
            FaultName::RetryStorm,
            "node-2/orders",
            &[("trigger", trigger)],
        );
        host.run(15 * SECOND);
        host.mean("node-2/orders", "latency_p95_ms", 4)
    };
    let (without, stormy) = (worst("0ms"), worst("2s"));
    assert!(without < 100.0 && stormy > 1000.0, "{without} {stormy}");
}

#[test]
fn more_users_than_a_service_can_serve_have_to_wait_and_then_are_turned_away() {
    let mut host = Host::of(&shop(), 20, 7).calm();
    let calm = host.mean("node-1/traffic", "user_latency_p95_ms", 5);
    host.inject(
        FaultName::StorageLatency,
        "node-2/ledger",
        &[("latency", "150ms")],
    );
    host.inject(
        FaultName::StorageLatency,
        "node-3/ledger",
        &[("latency", "150ms")],
    );
    host.run(4 * SECOND);
    let slow = host.mean("node-1/traffic", "user_latency_p95_ms", 3);
    host.inject(FaultName::LoadSurge, "node-1/traffic", &[("factor", "50")]);
    host.run(6 * SECOND);
    let surge = host.mean("node-1/traffic", "user_latency_p95_ms", 3);
    assert!(calm < slow && slow < surge, "{calm} {slow} {surge}");
    assert!(host.mean("node-1/traffic", "user_error_percent", 3) > 1.0);
}

#[test]
fn a_busy_neighbour_makes_others_wait_for_a_cpu_and_a_throttle_helps() {
    let text = Arena::default_toml().replacen(
        "[[node]]\nname = \"node-2\"",
        "[[node.service]]\nname = \"batch\"\ncommand = [\"arena-workload\", \"batch\"]\nclass = \"batch\"\n\n[[node]]\nname = \"node-2\"",
        1,
    );
    let arena = Arena::parse("test", &text).expect("an arena");
    let mut host = Host::of(&arena, 20, 7).calm();
    let calm = host.mean("node-1/orders", "cpu_wait_percent", 5);
    host.inject(FaultName::CpuSpike, "node-1/batch", &[("cores", "16")]);
    host.run(6 * SECOND);
    let busy = host.mean("node-1/orders", "cpu_wait_percent", 4);
    assert!(busy > 4.0 * calm, "{calm} {busy}");
    assert!(host.mean("node-1/batch", "cpu_percent", 4) > 300.0);
    let service = host.service("node-1/batch");
    host.world.throttle(host.now, service, 50).1.expect("held");
    host.run(6 * SECOND);
    assert!(host.mean("node-1/orders", "cpu_wait_percent", 4) < 2.0 * calm);
    assert!((90.0..110.0).contains(&host.mean("node-1/batch", "cpu_percent", 4)));
}

#[test]
fn a_stop_lets_a_hung_process_go_and_one_without_grace_kills() {
    let mut host = Host::shop().calm();
    host.asleep = true;
    let service = host.service("node-2/orders");
    let process = host.world.process(service).expect("it runs");
    host.inject(FaultName::Hang, "node-2/orders", &[]);
    host.run(100 * MS);
    assert!(host.world.probe(host.now, service).1.is_err());
    host.world.stop(host.now, service, process, 2 * SECOND);
    host.run(2 * SECOND);
    assert_eq!(
        host.world.process(service),
        None,
        "SIGTERM comes with SIGCONT"
    );
}

#[test]
fn the_same_seed_gives_the_same_samples_also_with_a_node_more() {
    let play = |arena: &Arena, seed| {
        let mut host = Host::of(arena, 20, seed).calm();
        host.inject(FaultName::Gray, "node-2/orders", &[]);
        host.run(20 * SECOND);
        [0, 1, 2].map(|node| host.bits(NodeIx(node)))
    };
    let text = format!(
        "{}\n[[node]]\nname = \"node-4\"\n[[node.service]]\nname = \"other\"\ncommand = [\"sleep\", \"9\"]\n",
        Arena::default_toml()
    );
    let more = Arena::parse("test", &text).expect("an arena");
    assert_eq!(play(&shop(), 7), play(&shop(), 7));
    assert_eq!(play(&shop(), 7), play(&more, 7));
    assert_ne!(play(&shop(), 7), play(&shop(), 8));
}

#[test]
fn calm_and_simulated_seconds_look_alike() {
    let mut host = Host::shop().calm();
    host.run(40 * SECOND);
    let calm: Vec<f32> = [
        "node-1/edge",
        "node-2/orders",
        "node-3/payments",
        "node-2/ledger",
    ]
    .map(|entity| host.mean(entity, "latency_p50_ms", 40))
    .to_vec();
    // A surge of one user in a thousand: every request is simulated, and none is hurt.
    host.inject(
        FaultName::NetworkDelay,
        "node-3/inventory",
        &[("latency", "1ms")],
    );
    host.run(40 * SECOND);
    let simulated = [
        "node-1/edge",
        "node-2/orders",
        "node-3/payments",
        "node-2/ledger",
    ]
    .map(|entity| host.mean(entity, "latency_p50_ms", 38));
    for e in [
        "node-1/edge",
        "node-2/orders",
        "node-3/payments",
        "node-2/ledger",
    ] {
        println!(
            "{e} p95 {} {:?}",
            host.mean(e, "latency_p95_ms", 38),
            host.last(e, "latency_p95_ms", 12)
        );
    }
    println!(
        "{} {:?}",
        host.mean("node-2/ledger", "storage_latency_p95_ms", 38),
        host.last("node-1/traffic", "user_latency_p95_ms", 12)
    );
    println!("{calm:?} {simulated:?}");
    for (calm, simulated) in calm.iter().zip(simulated) {
        assert!((calm / simulated - 1.0).abs() < 0.2, "{calm} {simulated}");
    }
}

#[test]
fn no_value_stands_still() {
    let mut host = Host::shop().calm();
    host.run(20 * SECOND);
    for metric in [
        "cpu_percent",
        "memory_used_percent",
        "load1",
        "network_receive_bytes_hz",
    ] {
        let values = host.last("node-1", metric, 11);
        assert!(
            values
                .windows(2)
                .any(|pair| pair[0].to_bits() != pair[1].to_bits()),
            "{metric}"
        );
    }
}

#[test]
fn five_times_as_many_users_are_not_felt_and_twenty_times_are() {
    let felt = |factor: &str| {
        let mut host = Host::shop().calm();
        host.inject(
            FaultName::LoadSurge,
            "node-1/traffic",
            &[("factor", factor)],
        );
        host.run(10 * SECOND);
        host.mean("node-1/traffic", "user_latency_p95_ms", 6)
    };
    let (five, twenty) = (felt("5"), felt("20"));
    assert!(five < 50.0 && twenty > 200.0, "{five} {twenty}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Who came has an answer, or waits; nobody is counted twice, whatever happens.
    #[test]
    fn users_are_conserved(seed: u64, steps in prop::collection::vec((0_usize..8, 0_usize..4, 1_u64..4000), 1..12)) {
        let faults = [
            FaultName::Hang, FaultName::Crash, FaultName::Gray, FaultName::RetryStorm, FaultName::NetworkPartition,
            FaultName::NetworkBandwidth, FaultName::Deadlock, FaultName::ErrorBurst,
        ];
        let targets = ["node-2/orders", "node-2/ledger", "node-3/payments", "node-1/edge"];
        let mut host = Host::of(&shop(), 20, seed).calm();
        let mut made = Vec::new();
        for (fault, target, wait) in steps {
            let (node, effect) = host.effect(faults[fault], targets[target], &[]);
            if host.apply(node, &effect).is_ok() {
                made.push((node, effect));
            }
            host.run(std::time::Duration::from_millis(wait));
            if wait % 3 == 0 && let Some(first) = made.pop() {
                host.world.revert(host.now, first.0, &first.1).1.ok();
            }
        }
        // As the node does it: what cannot be undone yet is tried again.
        for _ in 0..2 {
            for fault in &made {
                host.world.revert(host.now, fault.0, &fault.1).1.ok();
            }
        }
        host.run(12 * SECOND);
        let requests: u64 = host.truths.iter().map(|truth| truth.requests).sum();
        let done: u64 = host.truths.iter().map(|truth| truth.done).sum();
        prop_assert_eq!(requests, done, "seed {}", seed);
        let seconds = u64::try_from(host.truths.len()).expect("small");
        prop_assert!(requests.abs_diff(seconds * 20) <= 40, "{} in {} s", requests, seconds);
        let last = host.truths.last().expect("a second");
        prop_assert!(last.failed == 0 && last.hurt.is_empty(), "{:?}", last);
    }
}
