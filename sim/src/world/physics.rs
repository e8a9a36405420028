//! The constants of the world, each with where its value is from. "Measured" means: of the live shop at 20 checkouts a second, by its own
//! telemetry (docs/simulator.md, "Sim against live").
//!
//! Invariant: [`Physics::default`] is the machine that `arena up` runs on; a test may build another.

use std::time::Duration;

/// What machines and services are like.
#[derive(Debug, Clone, PartialEq)]
pub struct Physics {
    /// CPUs of a node. A small machine, as those that the live arena was measured on.
    pub cores: f64,
    /// Memory of a node, in bytes: 32 GiB, of which 3.3 % were measured in use, so that no leak of the catalogue (at most 1 GiB a node)
    /// comes near the floor that the live node keeps.
    pub memory_bytes: f64,
    /// A process that takes more is killed (137), as by a limit of its container; infinite by default, for the live arena sets none.
    pub process_memory_bytes_max: f64,
    /// CPU that a request costs in each service, in milliseconds: 0.1 of hashing (services/workload/src/work.rs), and as much as the rest
    /// of a turn costs. Measured: 10 requests a second and 5 probes use about 1 % of a CPU.
    pub work_ms: f64,
    /// CPU that a request costs in one leg of the sidecar, in milliseconds. A sidecar is one thread of its node's agent, so this is
    /// also how long it is busy. By the effect: with five times the usual users nobody feels it, with twenty times the legs of the node that
    /// has the users have more than they can do (docs/faults.md, `load-surge`); a release build on a quiet machine takes less
    /// (docs/benchmarks.md).
    pub leg_ms: f64,
    /// The same of its answer, which has no body to speak of.
    pub leg_back_ms: f64,
    /// What a request takes besides on its way from leg to leg, in milliseconds. Measured: each caller adds 2.0 to 2.2 ms to the median of
    /// what it calls, of which two legs, [`Physics::work_ms`] and [`Physics::wake_ms`] are the rest.
    pub way_ms: f64,
    /// The median of a write with its `fdatasync`. Measured: the slowest of twenty (`storage_latency_p95_ms`) takes 0.65 to 1.1 on a quiet machine.
    pub sync_ms: f64,
    /// The spread of a time that a request takes, as the deviation of a near log-normal distribution. Measured: 0.5 for the 95th
    /// percentile of ten requests, which is nearly the slowest of them.
    pub spread: f64,
    /// From the start of a process to its open port. Measured: a start is done, first probe and all, after 48 to 60 ms, and is probed each 20.
    pub start: Duration,
    /// The same of a program that is none of the shop: an interpreter that loads its modules.
    pub start_plain: Duration,
    /// After it has opened its port a process is cold: connections are opened, pages are touched.
    pub warm_up: Duration,
    /// How many times as much a request costs meanwhile, at its beginning.
    pub cold: f64,
    /// From the signal to the end of a process that has nothing under way. Measured: a restart takes some 15 ms more than a start.
    pub stop: Duration,
    /// From SIGKILL, or the death itself, to the pidfd that tells of it.
    pub reap: Duration,
    /// What a thread waits for a CPU on an idle node each time that it wakes, in milliseconds. Measured: `cpu_wait_percent` is 0.7 with
    /// some 36 wakeups a second.
    pub wake_ms: f64,
    /// What is added to that where `b` busy threads a core want the node's CPUs: `contention_ms * b * sqrt(b)`. Of the comment of `cpu_starved`
    /// in detector/policy.toml: with 60 wakeups a second a service waits 2 to 3.5 % beside 4 busy threads of 4 cores, 4 to 6 % beside 8,
    /// 7 to 17 % beside 16.
    pub contention_ms: f64,
    /// Of the actions that ask a service or the machine for something (recover, throttle, free a port, clean a disk), so many of a hundred
    /// fail. No live one was seen to fail without a cause; one in two hundred is what a caller has to be ready for. Zero switches it off.
    pub action_failure_percent: f64,
    /// Bytes of a request with its head, and of an answer, between two services of the shop. Measured: through a pipe of 1 KiB/s a
    /// checkout takes 0.36 s.
    pub request_bytes: u64,
    /// See [`Physics::request_bytes`].
    pub answer_bytes: u64,
}

impl Default for Physics {
    fn default() -> Self {
        Self {
            cores: 4.0,
            memory_bytes: 32.0 * 1024.0 * 1024.0 * 1024.0,
            process_memory_bytes_max: f64::INFINITY,
            work_ms: 0.4,
            leg_ms: 0.45,
            leg_back_ms: 0.15,
            way_ms: 0.2,
            sync_ms: 0.35,
            spread: 0.4,
            start: Duration::from_millis(30),
            start_plain: Duration::from_millis(80),
            warm_up: Duration::from_millis(500),
            cold: 2.0,
            stop: Duration::from_millis(10),
            reap: Duration::from_millis(1),
            wake_ms: 0.2,
            contention_ms: 0.2,
            action_failure_percent: 0.5,
            request_bytes: 220,
            answer_bytes: 140,
        }
    }
}

/// What a process of the shop uses at rest. Measured, constant to the byte.
pub(super) const MEMORY_BYTES: f64 = 7.8e6;
/// Of a program that is none of the shop: an idle `python3 -m http.server` (detector/policy.toml).
pub(super) const MEMORY_PLAIN_BYTES: f64 = 21.0e6;
/// Measured: 16 to 18.
pub(super) const OPEN_FILES: f64 = 17.0;
/// What the agent and the programs of the arena itself use of a node's memory. Measured: 3.3 % of the machine.
pub(super) const MEMORY_OTHERS_BYTES: f64 = 1.06e9;
/// Of the machine's disk; the arena hardly adds to it.
pub(super) const DISK_USED_PERCENT: f64 = 40.0;
/// Bytes free on the disk that the ledger writes to: 200 GiB, so that an empty ledger uses next to nothing of it, as measured.
pub(super) const DISK_FREE_BYTES: f64 = 200.0 * 1024.0 * 1024.0 * 1024.0;
/// An entry of the ledger: one line of JSON.
pub(super) const ENTRY_BYTES: f64 = 90.0;
/// What the agent and the rest of the arena take of a node's CPUs, in cores, beside its services (docs/benchmarks.md: 7 % of a core for
/// all of an arena of three nodes in release builds; measured on debug builds it was more).
pub(super) const AGENT_CORES: f64 = 0.03;
/// Connections that a service answers at once, unless its command line says otherwise (services/workload).
pub(super) const PLACES: u32 = 64;
/// Looked at by the agent before a start fails for a port that is held (services/node/src/effects.rs).
pub(super) const PORT_WAIT: Duration = Duration::from_secs(1);
/// A service that is down has its port looked at after this, and then each second (`services/node/src/port_watch.rs`).
pub(super) const PORT_SETTLE: Duration = Duration::from_millis(60);
/// Requests under way have so long after SIGTERM (services/workload).
pub(super) const DRAIN: Duration = Duration::from_secs(1);
/// A control socket that has not answered by then will not (`services/node/src/control_socket.rs`).
pub(super) const SOCKET_TIMEOUT: Duration = Duration::from_secs(1);
