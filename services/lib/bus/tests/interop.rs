//! An independent client on the bus: runs `interop.py` (nats-py) against a real server. Where Python or nats-py is missing it says
//! so, loudly, and passes; `ARENA_INTEROP=required` makes that a failure.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use tokio::process::Command;

#[tokio::test]
async fn another_client_reads_and_writes_the_bus() {
    let found = Command::new("python3")
        .args(["-c", "import nats"])
        .output()
        .await;
    if !found.is_ok_and(|output| output.status.success()) {
        let required = std::env::var("ARENA_INTEROP").is_ok_and(|value| value == "required");
        assert!(
            !required,
            "python3 with nats-py is missing: pip install nats-py"
        );
        eprintln!("NOT CHECKED: python3 with nats-py is missing (pip install nats-py)");
        return;
    }
    let (server, _operator) = common::arena().await;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop.py");
    let output = Command::new("python3")
        .args([script, &server.url()])
        .output()
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{errors}");
    assert!(said.ends_with("6 passed, 0 failed\n"), "{said}");
}
