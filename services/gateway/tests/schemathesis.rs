//! schemathesis (<https://schemathesis.readthedocs.io>) reads the API's own description and asks whatever it allows, and some of what it
//! does not: every answer must be one that the description knows, and none an error of the gateway's own.
//!
//! Where it is not installed beside the Python that `ARENA_PYTHON` names, this says so, loudly, and passes; with `ARENA_REQUIRE_TOOLS` set,
//! as in CI, that is a failure.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::process::Command;

use arena_testkit::ArenaBuilder;

const ONE_NODE: &str = r#"
[[node]]
name = "node-1"

[[node.service]]
name = "orders"
command = ["arena-workload", "orders", "--port", "{port}"]
port = 8000
health = { http = "/healthz", interval = "200ms", timeout = "200ms", failures = 3 }
"#;

/// What an answer is held to. Left out is what asks for an error where ours is as good: another method's status, a header that is not needed.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance";

fn schemathesis() -> Option<PathBuf> {
    let python = std::env::var_os("ARENA_PYTHON").map(PathBuf::from);
    let beside = python.as_deref().and_then(Path::parent);
    let found = beside
        .map(|folder| folder.join("schemathesis"))
        .filter(|path| path.is_file());
    if found.is_none() {
        assert!(
            std::env::var_os("ARENA_REQUIRE_TOOLS").is_none(),
            "schemathesis is wanted and not installed beside ARENA_PYTHON"
        );
        eprintln!(
            "NOT TESTED: schemathesis is not installed beside ARENA_PYTHON: pip install schemathesis"
        );
    }
    found
}

#[tokio::test]
async fn the_gateway_does_what_its_description_says() {
    let Some(program) = schemathesis() else {
        return;
    };
    let arena = ArenaBuilder::new(env!("CARGO_BIN_EXE_arena-gateway"), ONE_NODE)
        .env("OTEL_SDK_DISABLED", "true")
        .arg("--chaos")
        .gateway()
        .start();
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(program)
        .current_dir(folder.path())
        .arg("run")
        .arg(format!("{}/openapi.json", arena.gateway_url()))
        // An answer that never ends.
        .args(["--exclude-path", "/api/v1/events"])
        .args(["--phases", "examples,coverage,fuzzing"])
        .args(["--checks", CHECKS])
        .args([
            "--max-examples",
            "10",
            "--generation-deterministic",
            "--no-shrink",
        ])
        .args(["--continue-on-failure", "--suppress-health-check", "all"])
        .args(["--warnings", "off", "--no-color"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    // A description that it cannot read would leave nothing to fail.
    assert!(said.contains(" generated, "), "{said}");
}
