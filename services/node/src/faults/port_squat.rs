//! `port-squat`: an orphan waits for the service's port, the service is killed, and the orphan holds the port from then on. It looks
//! like a child of the service that outlived it.

use std::time::Duration;

use arena_node_core::Effect;
use arena_proto::FaultReason;
use procfs::process::{FDTarget, Process};

use super::{Faults, Refusal, helpers, process};
use crate::helper::Kind;
use crate::spec::Program;

/// The orphan tries each millisecond; what is left of the service may take a moment to end.
const SQUAT_MAX: Duration = Duration::from_secs(5);
/// How often it is looked at meanwhile.
const LOOK_EVERY: Duration = Duration::from_millis(5);

pub(super) async fn apply(faults: &Faults, effect: &Effect) -> Result<(), Refusal> {
    let (kind, program) = kind(faults, effect).ok_or_else(|| {
        let message = "the service has no port".to_owned();
        (FaultReason::Unsupported, message)
    })?;
    // What runs may be called otherwise than what was started: a wrapper becomes what it wraps.
    let command_line = effect.process.and_then(|process| command_line(process.pid));
    let command_line = command_line.unwrap_or_else(|| program.spawn.argv.clone());
    let orphan = helpers::start_orphan(faults, effect, kind, &command_line)
        .await
        .map_err(helpers::no_helper)?;
    process::crash(faults, effect)?;
    let squats = async {
        while !listens(orphan.pid) {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    tokio::time::timeout(SQUAT_MAX, squats).await.map_err(|_| {
        let message = format!("pid {} did not get the port", orphan.pid);
        (FaultReason::Unsupported, message)
    })
}

/// `None`: it is just ending.
fn command_line(pid: u32) -> Option<Vec<String>> {
    let process = Process::new(i32::try_from(pid).ok()?).ok()?;
    let words = process.cmdline().ok()?;
    (!words.is_empty()).then_some(words)
}

/// A squatter has no socket but the one that it listens on. Who holds a port is found out by looking at every process, which
/// takes a busy machine seconds.
fn listens(pid: u32) -> bool {
    let process = i32::try_from(pid)
        .ok()
        .and_then(|pid| Process::new(pid).ok());
    let open = process.and_then(|process| process.fd().ok());
    open.into_iter()
        .flatten()
        .flatten()
        .any(|file| matches!(file.target, FDTarget::Socket(_)))
}

pub(super) async fn revert(faults: &Faults, effect: &Effect) -> Result<(), String> {
    match kind(faults, effect) {
        Some((kind, _)) => helpers::end(faults, effect, kind).await,
        None => Ok(()),
    }
}

fn kind<'a>(faults: &'a Faults, effect: &Effect) -> Option<(Kind, &'a Program)> {
    let program = faults.programs.get(effect.service.as_ref()?)?;
    let kind = Kind::Squat {
        port: program.port?,
    };
    Some((kind, program))
}
