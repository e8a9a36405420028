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
            "allowed 1 to 16",
        ),
    ];
    for (body, reason) in cases {
        let answer = edge.control("PUT", "/faults/flt-1", body);
        assert_eq!(answer.status, 422, "{body}");
        assert!(answer.body.contains(reason), "{answer:?}");
    }
    assert_eq!(edge.control("PUT", "/faults/flt-1", "rubbish").status, 400);
}

#[tokio::test]
async fn a_batch_job_computes_with_as_many_threads_as_it_is_told_and_takes_a_spike_of_more() {
    let batch = Service::start("batch", &[], &["--burn", "2"]);
    let threads = || batch.threads();
    let named = |name: &str| threads().iter().filter(|thread| *thread == name).count();
    wait_for("two threads", async || (named("batch") == 2).then_some(())).await;
    let before = batch.cpu_ticks();
    wait_for("burnt CPU", async || {
        (batch.cpu_ticks() > before + 50).then_some(())
    })
    .await;
    let body = r#"{"fault":"cpu-spike","params":{"cores":"8"},"ttl_ms":600000}"#;
    assert_eq!(batch.control("PUT", "/faults/flt-1", body).status, 204);
    wait_for("the spike", async || (burners(&batch) == 8).then_some(())).await;
    assert_eq!(batch.control("DELETE", "/faults/flt-1", "").status, 204);
    wait_for("its end", async || (burners(&batch) == 0).then_some(())).await;
    assert_eq!(named("batch"), 2);
}

#[tokio::test]
async fn a_refusal_is_one_line_without_its_end() {
    let edge = Service::start("edge", &[], &[]);
    let body = r#"{"fault":"hang","ttl_ms":1000}"#;
    let answer = edge.control("PUT", "/faults/flt-1", body);
    assert_eq!(answer.status, 422);
    assert_eq!(answer.body, answer.body.trim());
}
