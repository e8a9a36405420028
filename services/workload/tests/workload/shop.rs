//! The shop as real processes on loopback.

use crate::support::Service;
use std::sync::Arc;

use arena_testkit::wait_for;
use tokio::task::spawn_blocking;

const ENTRY: &str = r#"{"order":"ord-1","account":"payments","amount":7}"#;

/// The five roles, wired together; the ledger last.
struct Shop {
    edge: Service,
    _orders: Service,
    payments: Service,
    _inventory: Service,
    ledger: Service,
}

impl Shop {
    fn open() -> Self {
        let ledger = Service::start("ledger", &[], &[]);
        let payments = Service::start("payments", &[("ledger", ledger.port)], &[]);
        let inventory = Service::start("inventory", &[("ledger", ledger.port)], &[]);
        let orders = Service::start(
            "orders",
            &[("payments", payments.port), ("inventory", inventory.port)],
            &[],
        );
        let edge = Service::start("edge", &[("orders", orders.port)], &[]);
        Self {
            edge,
            _orders: orders,
            payments,
            _inventory: inventory,
            ledger,
        }
    }
}

#[test]
fn a_checkout_goes_through_every_role_and_is_in_the_file() {
    let shop = Shop::open();
    let cart = r#"{"customer":1,"items":[{"article":1,"quantity":2}]}"#;
    let answer = shop.edge.ask("POST", "/checkout", cart);
    assert_eq!(answer.status, 200, "{answer:?}");
    let order: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(order["total_cents"], 298);

    let entries = shop.ledger.entries();
    let mut accounts: Vec<(String, u64)> = entries
        .lines()
        .map(|line| {
            let entry: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!(entry["order"], order["order"]);
            let account = entry["account"].as_str().unwrap().to_owned();
            (account, entry["amount"].as_u64().unwrap())
        })
        .collect();
    accounts.sort();
    assert_eq!(
        accounts,
        [("inventory".to_owned(), 2), ("payments".to_owned(), 298)]
    );
    assert_eq!(shop.edge.ask("GET", "/checkout", "").status, 200);
}

#[test]
fn what_is_wrong_is_said_with_the_right_status() {
    let mut shop = Shop::open();
    let cases = [
        ("POST", "/checkout", "{", 400),
        ("POST", "/checkout", r#"{"customer":1,"items":[]}"#, 400),
        ("GET", "/nothing", "", 404),
    ];
    for (method, path, body, status) in cases {
        assert_eq!(shop.edge.ask(method, path, body).status, status, "{path}");
    }
    shop.payments = Service::start("payments", &[], &[]);
    let answer = shop.edge.ask("GET", "/checkout", "");
    assert_eq!(answer.status, 502);
    assert!(
        answer.body.contains("payments cannot be reached"),
        "{answer:?}"
    );
    assert_eq!(
        shop.edge.ask("GET", "/healthz", "").status,
        200,
        "healthz is about itself only"
    );
}

#[test]
fn without_its_upstream_a_service_is_healthy_and_says_what_it_lacks() {
    let edge = Service::start("edge", &[], &[]);
    assert_eq!(edge.ask("GET", "/healthz", "").status, 200);
    let answer = edge.ask("GET", "/checkout", "");
    assert_eq!(answer.status, 503);
    assert!(
        answer.body.contains("set ARENA_UPSTREAM_ORDERS"),
        "{answer:?}"
    );
}

#[tokio::test]
async fn users_are_measured() {
    let shop = Shop::open();
    let traffic = Service::start("traffic", &[("edge", shop.edge.port)], &["--rate", "50"]);
    assert_eq!(traffic.ask("GET", "/healthz", "").status, 200);
    wait_for("happy users", async || {
        let rate = traffic.metric("user_request_rate_hz")?;
        let latency = traffic.metric("user_latency_p95_ms")?;
        let errors = traffic.metric("user_error_percent")?;
        (rate > 10.0 && latency > 0.0 && errors < f64::EPSILON).then_some(())
    })
    .await;
    wait_for("storage latency", async || {
        shop.ledger.metric("storage_latency_p95_ms")
    })
    .await;
    drop(shop);
    wait_for("unhappy users", async || {
        traffic
            .metric("user_error_percent")
            .filter(|errors| *errors > 99.0)
    })
    .await;
}

#[tokio::test]
async fn overload_is_refused_and_passes() {
    let ledger = Arc::new(Service::start("ledger", &[], &["--max-in-flight", "2"]));
    let slow = r#"{"fault":"storage-latency","params":{"latency":"10s"},"ttl_ms":60000}"#;
    assert_eq!(ledger.control("PUT", "/faults/flt-1", slow).status, 204);
    let ask = || {
        let ledger = Arc::clone(&ledger);
        spawn_blocking(move || ledger.ask("POST", "/entries", ENTRY))
    };
    let waiting = [ask(), ask()];
    // The two fill the places once both were accepted; who comes then is refused.
    let refused = wait_for("a refusal", async || {
        Some(ledger.ask("GET", "/nothing", "")).filter(|answer| answer.status == 503)
    })
    .await;
    assert!(refused.body.contains("busy: 2 requests"), "{refused:?}");
    assert_eq!(ledger.ask("GET", "/healthz", "").status, 200);
    assert_eq!(ledger.control("DELETE", "/faults/flt-1", "").status, 204);
    for answer in waiting {
        assert_eq!(answer.await.unwrap().status, 200);
    }
    assert_eq!(ledger.ask("POST", "/entries", ENTRY).status, 200);
    assert_eq!(ledger.entries().lines().count(), 3);
}

#[tokio::test]
async fn recover_cancels_what_is_stuck() {
    let ledger = Arc::new(Service::start("ledger", &[], &[]));
    let slow = r#"{"fault":"storage-latency","params":{"latency":"10s"},"ttl_ms":60000}"#;
    ledger.control("PUT", "/faults/flt-1", slow);
    let asked = Arc::clone(&ledger);
    let stuck = spawn_blocking(move || asked.ask("POST", "/entries", ENTRY));
    // The write under way shows as latency before it has ended.
    wait_for("the write", async || {
        ledger.metric("storage_latency_p95_ms")
    })
    .await;
    assert_eq!(ledger.control("POST", "/recover", "").status, 204);
    let answer = stuck.await.unwrap();
    assert_eq!(answer.status, 503);
    assert!(answer.body.contains("told to recover"), "{answer:?}");
    assert!(
        ledger
            .control("GET", "/faults", "")
            .body
            .contains("storage-latency"),
        "recover does not cure it"
    );
}

#[tokio::test]
async fn sigterm_ends_each_role_with_zero_and_under_load() {
    let shop = Shop::open();
    let traffic = Service::start("traffic", &[("edge", shop.edge.port)], &["--rate", "50"]);
    wait_for("a checkout", async || {
        (!shop.ledger.entries().is_empty()).then_some(())
    })
    .await;
    assert_eq!(shop.ledger.terminate().await, Some(0));
    assert_eq!(shop.payments.terminate().await, Some(0));
    assert_eq!(shop.edge.terminate().await, Some(0));
    assert_eq!(traffic.terminate().await, Some(0));
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let first = Service::start("ledger", &[], &[]);
    let second = std::process::Command::new(env!("CARGO_BIN_EXE_arena-workload"))
        .args(["edge", "--port", &first.port.to_string()])
        .output()
        .unwrap();
    assert_eq!(second.status.code(), Some(1));
    let said = String::from_utf8(second.stderr).unwrap();
    assert!(
        said.contains(&format!("cannot listen on 127.0.0.1:{}", first.port)),
        "{said}"
    );
}
