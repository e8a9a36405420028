//! The faults that a service makes in itself, seen from outside of it.

use std::sync::Arc;
use std::time::Duration;

use crate::support::Service;
use arena_testkit::wait_for;
use tokio::task::spawn_blocking;

const ENTRY: &str = r#"{"order":"ord-1","account":"payments","amount":7}"#;

fn burners(service: &Service) -> usize {
    named(service, "cpu-spike")
}

fn named(service: &Service, name: &str) -> usize {
    let threads = service.threads();
    threads.iter().filter(|thread| *thread == name).count()
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
        edge.faults(),
        [("flt-1".to_owned(), "cpu-spike".to_owned())]
    );
    assert_eq!(edge.ask("GET", "/healthz", "").status, 200);

    assert_eq!(edge.control("DELETE", "/faults/flt-1", "").status, 204);
    assert_eq!(edge.faults(), [], "ended when DELETE answers");
    wait_for("no burner", async || (burners(&edge) == 0).then_some(())).await;
    assert_eq!(edge.control("DELETE", "/faults/flt-1", "").status, 204);
}

#[tokio::test]
async fn a_cpu_spike_ends_by_itself() {
    let edge = Service::start("edge", &[], &[]);
    let body = r#"{"fault":"cpu-spike","ttl_ms":300}"#;
    assert_eq!(edge.control("PUT", "/faults/flt-1", body).status, 204);
    wait_for("the end", async || {
        (edge.faults().is_empty() && burners(&edge) == 0).then_some(())
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
        ledger.faults(),
        [],
        "a write waits no longer than the fault lives"
    );
}

#[tokio::test]
async fn a_fault_that_cannot_be_is_refused_with_its_reason() {
    let edge = Service::start("edge", &[], &[]);
    let cases = [
        (
            r#"{"fault":"storage-latency","ttl_ms":1000}"#,
            "this service does not make storage-latency",
        ),
        (r#"{"fault":"hang","ttl_ms":1000}"#, "it makes cpu-spike"),
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
    wait_for("two threads", async || {
        (named(&batch, "batch") == 2).then_some(())
    })
    .await;
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
    assert_eq!(named(&batch, "batch"), 2);
}

#[tokio::test]
async fn a_refusal_is_one_line_without_its_end() {
    let edge = Service::start("edge", &[], &[]);
    let body = r#"{"fault":"hang","ttl_ms":1000}"#;
    let answer = edge.control("PUT", "/faults/flt-1", body);
    assert_eq!(answer.status, 422);
    assert_eq!(answer.body, answer.body.trim());
}

#[test]
fn each_role_says_what_it_makes() {
    let everywhere = "cpu-spike memory-leak fd-leak thread-leak";
    let cases = [
        ("edge", "deadlock"),
        ("ledger", "deadlock storage-latency storage-error disk-full"),
        ("traffic", "deadlock load-surge"),
        ("batch", "deadlock"),
    ];
    for (role, own) in cases {
        let service = Service::start(role, &[], &[]);
        assert_eq!(
            service.makes().join(" "),
            format!("{everywhere} {own}"),
            "{role}"
        );
    }
}

#[tokio::test]
async fn a_memory_leak_is_there_and_is_given_back() {
    let edge = Service::start("edge", &[], &[]);
    let before = edge.memory_kib();
    let body = r#"{"fault":"memory-leak","params":{"rate":"512","ceiling":"40"},"ttl_ms":600000}"#;
    assert_eq!(edge.control("PUT", "/faults/flt-1", body).status, 204);
    wait_for("40 MiB", async || {
        (edge.memory_kib() >= before + 40 * 1024).then_some(())
    })
    .await;
    assert_eq!(edge.ask("GET", "/healthz", "").status, 200);
    assert!(
        edge.memory_kib() < before + 48 * 1024,
        "no more than its ceiling"
    );
    assert_eq!(edge.control("DELETE", "/faults/flt-1", "").status, 204);
    assert_eq!(edge.faults(), []);
    let after = edge.memory_kib();
    assert!(
        after < before + 8 * 1024,
        "{before} KiB before, {after} after"
    );
}

#[tokio::test]
async fn leaked_files_and_threads_are_there_and_are_given_back() {
    let edge = Service::start("edge", &[], &[]);
    let files = edge.open_files();
    let body = r#"{"fault":"fd-leak","params":{"rate":"1000","ceiling":"100"},"ttl_ms":600000}"#;
    assert_eq!(edge.control("PUT", "/faults/flt-1", body).status, 204);
    let body = r#"{"fault":"thread-leak","params":{"rate":"100","ceiling":"20"},"ttl_ms":600000}"#;
    assert_eq!(edge.control("PUT", "/faults/flt-2", body).status, 204);
    wait_for("100 files and 20 threads", async || {
        let threads = named(&edge, "thread-leak");
        (edge.open_files() >= files + 100 && threads == 20).then_some(())
    })
    .await;
    assert_eq!(edge.faults().len(), 2);
    for fault in ["flt-1", "flt-2"] {
        let path = format!("/faults/{fault}");
        assert_eq!(edge.control("DELETE", &path, "").status, 204);
    }
    assert_eq!(edge.faults(), []);
    assert_eq!(named(&edge, "thread-leak"), 0);
    // A few may be connections of ours.
    assert!(edge.open_files() < files + 10);
}

#[tokio::test]
async fn a_leak_at_the_limit_of_open_files_can_still_be_undone() {
    let edge = Service::start("edge", &[], &[]);
    edge.limit_open_files(100);
    let body = r#"{"fault":"fd-leak","params":{"rate":"1000","ceiling":"4096"},"ttl_ms":600000}"#;
    assert_eq!(edge.control("PUT", "/faults/flt-1", body).status, 204);
    wait_for("the limit", async || (edge.open_files() > 60).then_some(())).await;
    assert_eq!(edge.control("DELETE", "/faults/flt-1", "").status, 204);
    assert!(edge.open_files() < 60);
}

#[tokio::test]
async fn in_a_deadlock_nobody_is_answered_until_its_end() {
    let edge = Arc::new(Service::start("edge", &[], &[]));
    let body = r#"{"fault":"deadlock","ttl_ms":600000}"#;
    assert_eq!(edge.control("PUT", "/faults/flt-1", body).status, 204);
    let asked = Arc::clone(&edge);
    let waiting = spawn_blocking(move || asked.ask("GET", "/healthz", "").status);
    let asked = Arc::clone(&edge);
    let given_up = spawn_blocking(move || asked.ask_for("/healthz", Duration::from_millis(300)));
    assert_eq!(given_up.await.unwrap(), None, "it accepts and says nothing");
    assert_eq!(edge.control("POST", "/recover", "").status, 204);
    let asked = Arc::clone(&edge);
    let given_up = spawn_blocking(move || asked.ask_for("/checkout", Duration::from_millis(300)));
    assert_eq!(
        given_up.await.unwrap(),
        None,
        "to recover does not untie it"
    );
    assert!(!waiting.is_finished());
    assert_eq!(edge.control("DELETE", "/faults/flt-1", "").status, 204);
    assert_eq!(waiting.await.unwrap(), 200);

    let short = r#"{"fault":"deadlock","ttl_ms":200}"#;
    assert_eq!(edge.control("PUT", "/faults/flt-2", short).status, 204);
    assert_eq!(edge.ask("GET", "/healthz", "").status, 200);
    assert_eq!(edge.faults(), []);
}

#[test]
fn a_share_of_the_writes_fails() {
    let ledger = Service::start("ledger", &[], &[]);
    let write = || ledger.ask("POST", "/entries", ENTRY);
    let broken = r#"{"fault":"storage-error","ttl_ms":600000}"#;
    assert_eq!(ledger.control("PUT", "/faults/flt-1", broken).status, 204);
    let answer = write();
    assert_eq!(answer.status, 500);
    assert!(answer.body.contains("Input/output error"), "{answer:?}");
    assert_eq!(ledger.ask("GET", "/healthz", "").status, 200);

    let half = r#"{"fault":"storage-error","params":{"share":"50"},"ttl_ms":600000}"#;
    assert_eq!(ledger.control("PUT", "/faults/flt-1", half).status, 204);
    let stored = (0..40).filter(|_| write().status == 200).count();
    // The same id draws the same lots.
    assert!((10..=30).contains(&stored), "{stored} of 40");
    assert_eq!(ledger.entries().lines().count(), stored);
    assert_eq!(ledger.control("DELETE", "/faults/flt-1", "").status, 204);
    assert_eq!(write().status, 200);
}

#[test]
fn a_quota_is_kept_and_told() {
    let ledger = Service::start("ledger", &[], &[]);
    let write = || ledger.ask("POST", "/entries", ENTRY);
    let used = || ledger.metric("storage_used_percent").unwrap();
    assert_eq!(write().status, 200);
    assert!(used() < 50.0, "of the disk");
    let folder = ledger.folder.path();
    std::fs::create_dir(folder.join("scratch")).unwrap();
    std::fs::write(folder.join("scratch/flt-1.fill"), vec![0; 100_000]).unwrap();
    std::fs::write(folder.join("quota"), "100000").unwrap();
    let answer = write();
    assert_eq!(answer.status, 500);
    assert!(
        answer.body.contains("No space left on device"),
        "{answer:?}"
    );
    assert!((used() - 100.0).abs() < f64::EPSILON);

    std::fs::remove_file(folder.join("scratch/flt-1.fill")).unwrap();
    assert_eq!(write().status, 200);
    assert!(used() < 50.0);
}

#[tokio::test]
async fn in_a_surge_more_users_come_until_it_ends() {
    let traffic = Service::start("traffic", &[], &["--rate", "10"]);
    let body = r#"{"fault":"load-surge","params":{"factor":"20"},"ttl_ms":600000}"#;
    assert_eq!(traffic.control("PUT", "/faults/flt-1", body).status, 204);
    let rate = async |wanted: std::ops::Range<f64>| {
        wait_for("the rate", async || {
            let rate = traffic.metric("user_request_rate_hz")?;
            wanted.contains(&rate).then_some(())
        })
        .await;
    };
    rate(100.0..210.0).await;
    assert_eq!(traffic.control("DELETE", "/faults/flt-1", "").status, 204);
    rate(1.0..20.0).await;
}
