//! The faults that a service makes in itself, seen from outside of it.

use crate::support::Service;
use arena_testkit::wait_for;

fn burners(service: &Service) -> usize {
    let threads = service.threads();
    threads.iter().filter(|name| *name == "cpu-spike").count()
}

#[tokio::test]
async fn a_cpu_spike_burns_until_it_is_undone() {
    let edge = Service::start("edge", &[], &[]);
    let body = r#"{"fault":"cpu-spike","params":{"cores":"2"},"ttl_ms":600000}"#;
    assert_eq!(edge.control("PUT", "/faults/flt-1", body).status, 204);
    let before = edge.cpu_ticks();
    // A second's worth of CPU, which an idle service would not use in a minute.
    wait_for("burnt CPU", async || {
        (edge.cpu_ticks() > before + 100).then_some(())
    })
    .await;
    assert_eq!(burners(&edge), 2);
    assert_eq!(
        edge.control("GET", "/faults", "").body,
        r#"{"faults":[{"fault":"cpu-spike","id":"flt-1"}]}"#
    );
    assert_eq!(edge.ask("GET", "/healthz", "").status, 200);

    assert_eq!(edge.control("DELETE", "/faults/flt-1", "").status, 204);
    assert_eq!(
        edge.control("GET", "/faults", "").body,
        r#"{"faults":[]}"#,
        "ended when DELETE answers"
    );
    wait_for("no burner", async || (burners(&edge) == 0).then_some(())).await;
    assert_eq!(edge.control("DELETE", "/faults/flt-1", "").status, 204);
}

#[tokio::test]
async fn a_cpu_spike_ends_by_itself() {
    let edge = Service::start("edge", &[], &[]);
    let body = r#"{"fault":"cpu-spike","ttl_ms":300}"#;
    assert_eq!(edge.control("PUT", "/faults/flt-1", body).status, 204);
    wait_for("the end", async || {
        let listed = edge.control("GET", "/faults", "").body;
        (listed == r#"{"faults":[]}"# && burners(&edge) == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_same_id_is_one_fault() {
    let edge = Service::start("edge", &[], &[]);
    for cores in ["4", "1"] {
        let body =
            format!(r#"{{"fault":"cpu-spike","params":{{"cores":"{cores}"}},"ttl_ms":600000}}"#);
        assert_eq!(edge.control("PUT", "/faults/flt-1", &body).status, 204);
    }
    wait_for("one burner", async || (burners(&edge) == 1).then_some(())).await;
}

#[tokio::test]
async fn storage_latency_is_on_the_path_of_writes_until_it_ends() {
    const ENTRY: &str = r#"{"order":"ord-1","account":"payments","amount":7}"#;
    let ledger = Service::start("ledger", &[], &[]);
    let body = r#"{"fault":"storage-latency","params":{"latency":"400ms"},"ttl_ms":600000}"#;
    assert_eq!(ledger.control("PUT", "/faults/flt-1", body).status, 204);
    assert_eq!(ledger.ask("POST", "/entries", ENTRY).status, 200);
    let slow = ledger
        .metric("storage_latency_p95_ms")
        .expect("a write just ended");
    assert!(slow >= 400.0, "{slow} ms");

    assert_eq!(ledger.control("DELETE", "/faults/flt-1", "").status, 204);
    wait_for("fast writes", async || {
        assert_eq!(ledger.ask("POST", "/entries", ENTRY).status, 200);
        ledger
            .metric("storage_latency_p95_ms")
            .filter(|latency| *latency < 400.0)
    })
    .await;

    let short = r#"{"fault":"storage-latency","params":{"latency":"10s"},"ttl_ms":100}"#;
    assert_eq!(ledger.control("PUT", "/faults/flt-2", short).status, 204);
    assert_eq!(ledger.ask("POST", "/entries", ENTRY).status, 200);
    assert_eq!(
        ledger.control("GET", "/faults", "").body,
        r#"{"faults":[]}"#,
        "a write waits no longer than the fault lives"
    );
}

#[tokio::test]
async fn a_fault_that_cannot_be_is_refused_with_its_reason() {
    let edge = Service::start("edge", &[], &[]);
    let cases = [
        (
            r#"{"fault":"storage-latency","ttl_ms":1000}"#,
            "for the ledger",
        ),
        (
            r#"{"fault":"hang","ttl_ms":1000}"#,
            "this service makes cpu-spike",
        ),
        (
            r#"{"fault":"cpu-spike","ttl_ms":1000,"params":{"cores":"99"}}"#,
            "allowed 1 to 4",
        ),
    ];
    for (body, reason) in cases {
        let answer = edge.control("PUT", "/faults/flt-1", body);
        assert_eq!(answer.status, 422, "{body}");
        assert!(answer.body.contains(reason), "{answer:?}");
    }
    assert_eq!(edge.control("PUT", "/faults/flt-1", "rubbish").status, 400);
}
