//! `arena-node burn`: burns CPU in somebody else's process group, for `cpu-spike` in a service that does not know how
//! to. Not for people: the agent starts it.
//!
//! Invariant: it ends by itself when its time is over or the group's leader is gone, whoever started it may be dead.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use arena_chassis::Clock;
use arena_supervisor::identity_of;

/// The first argument that makes `arena-node` a burner.
pub(crate) const SUBCOMMAND: &str = "burn";

/// As the catalogue allows; whoever starts one by hand gets no more either.
const CORES_MAX: u64 = 16;

/// How often it looks whether it should end.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The arguments of a burner, for `arena-node`. The fault's id is there for whoever looks for it in `ps`.
pub(crate) fn arguments(fault: &str, leader: u32, cores: u32, ttl: Duration) -> Vec<String> {
    let ttl_ms = ttl.as_millis();
    [
        SUBCOMMAND,
        fault,
        &leader.to_string(),
        &cores.to_string(),
        &ttl_ms.to_string(),
    ]
    .map(str::to_owned)
    .to_vec()
}

pub(crate) fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(3).collect();
    let numbers: Vec<u64> = arguments
        .iter()
        .filter_map(|text| text.parse().ok())
        .collect();
    let [leader, cores, ttl_ms] = numbers[..] else {
        eprintln!("arena-node burn is for the agent: FAULT LEADER CORES TTL_MS");
        return ExitCode::from(2);
    };
    let clock = Clock::new();
    let ends_at = clock.now() + Duration::from_millis(ttl_ms);
    let leader = u32::try_from(leader).unwrap_or(0);
    let identity = identity_of(leader);
    let done = Arc::new(AtomicBool::new(false));
    let threads: Vec<_> = (0..cores.min(CORES_MAX))
        .map(|_| {
            let done = Arc::clone(&done);
            thread::spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            })
        })
        .collect();
    while clock.now() < ends_at && identity.is_some() && identity_of(leader) == identity {
        thread::sleep(LOOK_EVERY);
    }
    done.store(true, Ordering::Relaxed);
    for thread in threads {
        let _ = thread.join();
    }
    ExitCode::SUCCESS
}
