//! Whole arenas on real processes, started and read by the `arena` binary as a person would.
//!
//! One program for all of them, so that one test waits while another does: cargo runs test programs one after the other.

mod cures;
mod decisions;
mod frozen_agent;
mod heals_safely;
mod leaks;
mod lifecycle;
mod loop_closes;
mod people;
mod rubbish;
mod scenarios;
mod sick_services;
mod villain;

use arena_testkit::Turns;

/// A test that starts an arena waits for its turn before.
static TURNS: Turns = Turns::new();

/// Any command line is a service: here Python's own web server.
const ONE_NODE: &str = r#"
[[node]]
name = "laptop"

[[node.service]]
name = "web"
command = ["python3", "-m", "http.server", "{port}", "--bind", "127.0.0.1"]
port = 8000
health = { http = "/", interval = "200ms", timeout = "200ms", failures = 3 }
"#;
