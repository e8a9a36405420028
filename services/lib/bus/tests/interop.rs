//! An independent client on the bus: runs `interop.py` (nats-py) against a real server. Where Python or nats-py is missing it says
//! so, loudly, and passes; `ARENA_REQUIRE_TOOLS` makes that a failure. `ARENA_PYTHON` names the Python to use.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use tokio::process::Command;

#[tokio::test]
async fn another_client_reads_and_writes_the_bus() {
    let python = std::env::var("ARENA_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let found = Command::new(&python)
        .args(["-c", "import nats"])
        .output()
        .await;
    if !found.is_ok_and(|output| output.status.success()) {
        assert!(
            std::env::var_os("ARENA_REQUIRE_TOOLS").is_none(),
            "python3 with nats-py is missing: pip install nats-py"
        );
        eprintln!("*** NOT TESTED: python3 with nats-py is missing (pip install nats-py) ***");
        return;
    }
    let (server, _operator) = common::arena().await;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop.py");
    let output = Command::new(&python)
        .args([script, &server.url()])
        .output()
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{errors}");
    assert!(said.ends_with("6 passed, 0 failed\n"), "{said}");
}
