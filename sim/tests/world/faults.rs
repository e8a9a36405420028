use super::host::{Host, SECOND};
use arena_faults::FaultName;
#[test]
fn look() {
    let mut host = Host::shop().calm();
    let show = |host: &Host, n: usize| {
        for entity in [
            "node-1/traffic",
            "node-1/edge",
            "node-2/orders",
            "node-3/payments",
            "node-2/ledger",
        ] {
            println!("{entity}");
            for m in [
                "cpu_percent",
                "cpu_wait_percent",
                "request_rate_hz",
                "error_percent",
                "latency_p50_ms",
                "latency_p95_ms",
            ] {
                println!("   {m} {:?}", host.last(entity, m, n));
            }
        }
        for m in [
            "user_request_rate_hz",
            "user_error_percent",
            "user_latency_p95_ms",
        ] {
            println!("   {m} {:?}", host.last("node-1/traffic", m, n));
        }
        println!(
            "   node {:?} {:?}",
            host.last("node-1", "cpu_percent", n),
            host.last("node-1", "network_receive_bytes_hz", n)
        );
    };
    show(&host, 10);
    for (name, target) in [
        (FaultName::Hang, "node-2/ledger"),
        (FaultName::Gray, "node-2/ledger"),
        (FaultName::RetryStorm, "node-2/ledger"),
        (FaultName::NetworkBandwidth, "node-2/ledger"),
        (FaultName::LoadSurge, "node-1/traffic"),
        (FaultName::Crash, "node-2/ledger"),
        (FaultName::NoisyNeighbour, "node-2"),
    ] {
        println!("=== {name}");
        let f = host.inject(name, target, &[]);
        host.run(8 * SECOND);
        show(&host, 8);
        let hurts: Vec<_> = host
            .truths
            .iter()
            .rev()
            .take(8)
            .map(|t| (t.requests, t.done, t.failed, t.p95_ms, t.hurt.len()))
            .collect();
        println!("truth {hurts:?}");
        host.revert(&f);
        host.run(12 * SECOND);
    }
}
