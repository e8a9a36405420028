//! Each fault of the catalogue has its effect, and has none any more after its revert: a table over the catalogue, in which a missing row
//! fails.

use std::time::Duration;

use arena_faults::{CATALOGUE, Carrier, FaultName};
use arena_proto::FaultReason;
use arena_sim::world::{Happening, Physics, Route};

use super::host::{Host, MS, SECOND, shop};

/// What is seen of a fault in its target.
struct Row {
    fault: FaultName,
    target: &'static str,
    params: &'static [(&'static str, &'static str)],
    effect: Effect,
}

enum Effect {
    /// The mean of a metric over seconds 3 to 8 is at least this, and below half of it after the end.
    Raises(&'static str, &'static str, f32),
    /// The process ends, and the next one serves.
    Kills,
    /// What is told changes, not what is so.
    Nothing,
}

use Effect::{Kills, Nothing, Raises};
use FaultName as F;

const fn row(fault: FaultName, target: &'static str, effect: Effect) -> Row {
    Row {
        fault,
        target,
        params: &[],
        effect,
    }
}

const fn with(
    fault: FaultName,
    target: &'static str,
    params: &'static [(&'static str, &'static str)],
    effect: Effect,
) -> Row {
    Row {
        fault,
        target,
        params,
        effect,
    }
}

const LEDGER: &str = "node-2/ledger";
const ORDERS: &str = "node-2/orders";

const ROWS: &[Row] = &[
    row(F::CpuSpike, ORDERS, Raises(ORDERS, "cpu_percent", 95.0)),
    row(
        F::NoisyNeighbour,
        "node-2",
        Raises("node-2", "cpu_percent", 90.0),
    ),
    row(F::MemoryLeak, ORDERS, Raises(ORDERS, "memory_bytes", 1.2e8)),
    row(F::FdLeak, ORDERS, Raises(ORDERS, "open_files", 200.0)),
    row(F::ThreadLeak, ORDERS, Raises(ORDERS, "threads", 80.0)),
    row(F::Crash, ORDERS, Kills),
    row(F::CrashLoop, ORDERS, Kills),
    row(F::SlowStart, ORDERS, Kills),
    row(F::PortSquat, ORDERS, Nothing),
    row(F::Hang, LEDGER, Raises(LEDGER, "latency_p95_ms", 700.0)),
    row(F::Deadlock, LEDGER, Raises(LEDGER, "latency_p95_ms", 700.0)),
    row(F::ErrorBurst, ORDERS, Raises(ORDERS, "error_percent", 30.0)),
    row(F::Gray, ORDERS, Raises(ORDERS, "latency_p95_ms", 800.0)),
    with(
        F::Gray,
        LEDGER,
        &[("kind", "wrong")],
        Raises("node-1/payments", "error_percent", 10.0),
    ),
    row(F::BadConfig, ORDERS, Nothing),
    row(
        F::NetworkDelay,
        ORDERS,
        Raises(ORDERS, "latency_p95_ms", 390.0),
    ),
    with(
        F::NetworkDelay,
        ORDERS,
        &[("direction", "out")],
        Raises(ORDERS, "upstream_latency_p95_ms", 390.0),
    ),
    row(
        F::NetworkLoss,
        ORDERS,
        Raises(ORDERS, "latency_p95_ms", 700.0),
    ),
    with(
        F::NetworkLoss,
        ORDERS,
        &[("kind", "reset")],
        Raises(ORDERS, "error_percent", 10.0),
    ),
    row(
        F::NetworkBandwidth,
        LEDGER,
        Raises(LEDGER, "latency_p95_ms", 400.0),
    ),
    row(
        F::NetworkPartition,
        LEDGER,
        Raises(LEDGER, "latency_p95_ms", 900.0),
    ),
    row(
        F::NetworkPartition,
        "node-3",
        Raises("node-3/ledger", "latency_p95_ms", 900.0),
    ),
    row(
        F::DependencyDown,
        ORDERS,
        Raises(ORDERS, "error_percent", 90.0),
    ),
    row(
        F::StorageLatency,
        LEDGER,
        Raises(LEDGER, "storage_latency_p95_ms", 290.0),
    ),
    row(
        F::StorageError,
        LEDGER,
        Raises(LEDGER, "error_percent", 90.0),
    ),
    row(
        F::DiskFull,
        LEDGER,
        Raises(LEDGER, "storage_used_percent", 99.0),
    ),
    row(
        F::RetryStorm,
        LEDGER,
        Raises(LEDGER, "latency_p95_ms", 40.0),
    ),
    row(
        F::LoadSurge,
        "node-1/traffic",
        Raises("node-1/traffic", "user_request_rate_hz", 390.0),
    ),
    row(F::TelemetryLoss, "node-2", Nothing),
    row(F::TelemetryDelay, "node-2", Nothing),
    row(F::TelemetryDuplicate, "node-2", Nothing),
    row(F::TelemetryReorder, "node-2", Nothing),
    row(F::TelemetryFreeze, "node-2", Nothing),
    row(F::TelemetrySkew, "node-2", Nothing),
    row(F::TelemetryBias, "node-2", Nothing),
    row(F::TelemetryForge, "node-2", Nothing),
    row(F::NodeSilent, "node-2", Nothing),
];

#[test]
fn every_fault_of_the_catalogue_has_its_row() {
    let missing: Vec<&FaultName> = CATALOGUE
        .iter()
        .filter(|name| ROWS.iter().all(|row| row.fault != **name))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn every_fault_has_its_effect_and_none_after_its_end() {
    for row in ROWS {
        let mut host = Host::shop().calm();
        let what = format!("{} {:?} on {}", row.fault, row.params, row.target);
        let made = host.inject(row.fault, row.target, row.params);
        host.run(8 * SECOND);
        match row.effect {
            Raises(entity, metric, least) => {
                let seen = host.mean(entity, metric, 6);
                assert!(
                    seen >= least,
                    "{what}: {metric} is {seen}, {:?}",
                    host.last(entity, metric, 8)
                );
                host.revert(&made);
                host.run(10 * SECOND);
                let seen = host.mean(entity, metric, 3);
                assert!(
                    seen < least / 2.0,
                    "{what}: {metric} is {seen} after its end"
                );
            }
            Kills => {
                let service = host.service(row.target);
                let ended = |happening: &Happening| matches!(happening, Happening::Exited { service: of, code: Some(137), .. } if *of == service);
                assert!(host.happened.iter().any(ended), "{what}");
                assert!(
                    host.mean(row.target, "request_rate_hz", 3) > 9.0,
                    "{what}: its successor serves"
                );
            }
            Nothing => {
                host.revert(&made);
                host.run(5 * SECOND);
            }
        }
        let users = host.truths.iter().rev().take(2);
        assert!(
            users
                .clone()
                .all(|truth| truth.failed == 0 && truth.hurt.is_empty()),
            "{what}: {users:?}"
        );
    }
}

#[test]
fn what_a_fault_lives_in_ends_it() {
    // By a new process, by legs that are set up anew, by a deleted file, by the end of a squatter: as the catalogue says.
    let mut host = Host::shop().calm();
    let service = host.service(ORDERS);
    for fault in [
        FaultName::CpuSpike,
        FaultName::MemoryLeak,
        FaultName::Deadlock,
    ] {
        host.inject(fault, ORDERS, &[]);
        assert_eq!(fault.fault().carrier, Carrier::Process);
    }
    let process = host.world.process(service).expect("it runs");
    host.world.stop(host.now, service, process, 2 * SECOND);
    host.run(8 * SECOND);
    assert!(host.mean(ORDERS, "cpu_percent", 3) < 10.0);
    assert!(host.mean(ORDERS, "memory_bytes", 3) < 1e7);
    assert!(host.mean(ORDERS, "request_rate_hz", 3) > 9.0);

    host.inject(FaultName::ErrorBurst, ORDERS, &[("share", "100")]);
    host.run(4 * SECOND);
    assert!(host.mean(ORDERS, "error_percent", 3) > 90.0);
    host.world.reset_leg(host.now, service);
    host.run(4 * SECOND);
    assert!(host.mean(ORDERS, "error_percent", 2) < 1.0);

    host.inject(
        FaultName::NetworkLoss,
        ORDERS,
        &[("share", "100"), ("kind", "reset")],
    );
    host.world.reset_leg(host.now, service);
    host.run(4 * SECOND);
    assert!(
        host.mean(ORDERS, "error_percent", 3) > 90.0,
        "the network outlives a leg"
    );
}

#[test]
fn a_squatter_keeps_a_service_from_starting_until_the_port_is_freed() {
    let mut host = Host::shop().calm();
    let service = host.service(ORDERS);
    host.inject(FaultName::PortSquat, ORDERS, &[]);
    host.run(4 * SECOND);
    assert_eq!(host.world.process(service), None);
    let held = host.happened.iter().find_map(|happening| match happening {
        Happening::PortHeld { holder, .. } => holder.clone(),
        _ => None,
    });
    assert_eq!(held.as_ref(), host.world.port_holder(service));
    let (_, told) = host.world.free_port(host.now, service);
    assert!(told.is_ok_and(|told| told.contains("ended pid")));
    host.run(4 * SECOND);
    assert!(
        host.happened
            .iter()
            .any(|happening| matches!(happening, Happening::FaultGone { .. }))
    );
    assert!(
        host.happened
            .iter()
            .any(|happening| matches!(happening, Happening::PortHeld { holder: None, .. }))
            || host.world.process(service).is_some()
    );
    host.run(4 * SECOND);
    assert!(host.mean(ORDERS, "request_rate_hz", 2) > 9.0);
}

#[test]
fn a_full_disk_is_cleaned_and_a_clean_one_has_nothing_to_delete() {
    let mut host = Host::shop().calm();
    let service = host.service(LEDGER);
    assert!(host.world.clean_disk(host.now, service).1.is_err());
    host.inject(FaultName::DiskFull, LEDGER, &[]);
    host.run(3 * SECOND);
    let told = host.world.clean_disk(host.now, service).1.expect("deleted");
    assert_eq!(told, "deleted 1 files, 16777216 bytes");
    host.run(3 * SECOND);
    assert!(host.mean(LEDGER, "error_percent", 1) < 1.0);
    assert!(
        host.happened
            .iter()
            .any(|happening| matches!(happening, Happening::FaultGone { .. }))
    );
}

#[test]
fn a_bad_definition_ends_at_once_or_runs_and_is_sick_as_its_argument_says() {
    let mut host = Host::shop().calm();
    host.asleep = true;
    let service = host.service(ORDERS);
    let process = host.world.process(service).expect("it runs");
    let mut definition = shop().nodes[1].services[1].definition();
    definition.command.push("--arena-bad-config".to_owned());
    host.world.set_routable(host.now, service, Route::Away);
    host.world.stop(host.now, service, process, 2 * SECOND);
    host.run(SECOND);
    host.world
        .spawn(host.now, service, 9, &definition)
        .expect("started");
    host.run(SECOND);
    assert!(host.happened.contains(&Happening::Exited {
        service,
        generation: 9,
        code: Some(2)
    }));
    *definition.command.last_mut().expect("one") = "--max-in-flight=1".to_owned();
    host.world
        .spawn(host.now, service, 10, &definition)
        .expect("started");
    host.run(SECOND);
    assert!(host.world.probe(host.now, service).1.is_ok());
}

#[test]
fn a_leak_ends_a_process_that_has_a_limit() {
    let physics = Physics {
        process_memory_bytes_max: 1e8,
        ..Physics::default()
    };
    let mut host = Host::on(&shop(), 20, 7, physics).calm();
    host.inject(FaultName::MemoryLeak, ORDERS, &[]);
    host.run(6 * SECOND);
    let service = host.service(ORDERS);
    let ended = |happening: &Happening| matches!(happening, Happening::Exited { service: of, code: Some(137), .. } if *of == service);
    assert!(host.happened.iter().any(ended));
}

/// Each of them stays below the limit.
#[test]
fn two_leaks_together_end_a_process_that_has_a_limit() {
    let physics = Physics {
        process_memory_bytes_max: 1e8,
        ..Physics::default()
    };
    let mut host = Host::on(&shop(), 20, 7, physics).calm();
    let service = host.service(ORDERS);
    for rate in ["10", "20"] {
        let params = [("rate", rate), ("ceiling", "64")];
        host.inject(FaultName::MemoryLeak, ORDERS, &params);
    }
    let ended = |host: &Host| {
        let ended = |happening: &Happening| matches!(happening, Happening::Exited { service: of, code: Some(137), .. } if *of == service);
        host.happened.iter().any(ended)
    };
    host.run(2750 * MS);
    assert!(!ended(&host), "7 MiB and 82 are taken, and 95 are allowed");
    host.run(250 * MS);
    assert!(ended(&host), "7 MiB and 90 would be taken");
}

#[test]
fn what_cannot_be_made_is_refused_with_the_reason_of_the_live_node() {
    let mut host = Host::shop().calm();
    let mut refused = |fault, target, params: &[(&str, &str)]| {
        let (node, effect) = host.effect(fault, target, params);
        host.apply(node, &effect).expect_err("refused").0
    };
    assert_eq!(
        refused(FaultName::StorageLatency, ORDERS, &[]),
        FaultReason::Unsupported
    );
    assert_eq!(
        refused(FaultName::LoadSurge, ORDERS, &[]),
        FaultReason::Unsupported
    );
    assert_eq!(
        refused(FaultName::DependencyDown, LEDGER, &[]),
        FaultReason::Unsupported
    );
    assert_eq!(
        refused(FaultName::DependencyDown, ORDERS, &[("to", "ledger")]),
        FaultReason::BadParameter
    );
    let (node, effect) = host.effect(FaultName::Hang, ORDERS, &[]);
    let service = host.service(ORDERS);
    let process = host.world.process(service).expect("it runs");
    host.world.stop(host.now, service, process, Duration::ZERO);
    host.run(5 * MS);
    assert_eq!(
        host.apply(node, &effect).expect_err("gone").0,
        FaultReason::TargetReplaced
    );
}
