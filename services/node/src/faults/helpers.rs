//! Helper processes: started for a fault, found again by their environment, ended by pid and start time.

use std::ffi::{OsStr, OsString};
use std::process::Stdio;
use std::time::Duration;

use arena_chassis::Clock;
use arena_node_core::{Effect, Input};
use arena_proto::{FaultId, FaultReason, Timestamp};
use arena_supervisor::{Identity, Process, Signal, identity_of};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;

use super::{Faults, Refusal, is_alive, settled};
use crate::helper::{Call, HELPER, Kind, LAUNCHER, ROLE};

/// A launcher starts a process and ends: longer than this takes only a machine that is out of everything.
const LAUNCH_MAX: Duration = Duration::from_secs(5);

/// Between the end of a helper and that of the leader of its group: a killed leader is a zombie until it is waited for.
const LEADER_WAIT: Duration = Duration::from_secs(1);

/// Starts one in the process group of the service, whose CPU, memory, files and threads are the service's then, and which a
/// restart ends.
pub(super) fn start_in_service(
    faults: &Faults,
    effect: &Effect,
    kind: Kind,
) -> std::io::Result<()> {
    let (Some(service), Some(process)) = (&effect.service, effect.process) else {
        return Err(std::io::Error::other("no process is named"));
    };
    let group = i32::try_from(process.pid).map_err(std::io::Error::other)?;
    let call = call(faults, effect, kind, Some(process.pid));
    let mut child = command(&call)?.process_group(group).spawn()?;
    if let Some(pid) = child.id() {
        faults.members.add(service.clone(), pid);
    }
    let watch = Watch::new(faults, effect);
    tokio::spawn(async move {
        let _ = child.wait().await;
        // Most often its service has ended, and it with it: that is another end of the fault.
        tokio::time::sleep(LEADER_WAIT).await;
        if is_alive(process) {
            watch.ended().await;
        }
    });
    Ok(())
}

/// Starts one in a process group of its own; when somebody ends it, the core hears of it.
pub(super) fn start_beside(faults: &Faults, effect: &Effect, kind: Kind) -> std::io::Result<()> {
    let call = call(faults, effect, kind, None);
    let mut child = command(&call)?.process_group(0).spawn()?;
    let watch = Watch::new(faults, effect);
    tokio::spawn(async move {
        let _ = child.wait().await;
        watch.ended().await;
    });
    Ok(())
}

/// Starts one that has no agent as its parent, in a session of its own, with this command line; when somebody ends it, the core
/// hears of it.
pub(super) async fn start_orphan(
    faults: &Faults,
    effect: &Effect,
    kind: Kind,
    command_line: &[String],
) -> std::io::Result<Identity> {
    let call = call(faults, effect, kind, None);
    let watch = Watch::new(faults, effect);
    let mut launcher: Child = process(&call)?
        .env(ROLE, LAUNCHER)
        .arg(LAUNCHER)
        .args(command_line)
        // By this FREE_PORT knows whose leftover it is.
        .env("ARENA_NODE", faults.node.as_str())
        .process_group(0)
        .spawn()?;
    let ended = tokio::time::timeout(LAUNCH_MAX, launcher.wait()).await;
    let status = ended.map_err(std::io::Error::other)??;
    let orphan = find(faults, effect, kind)
        .into_iter()
        .find_map(|found| Process::adopt(found.pid, found.start_time));
    let Some(orphan) = orphan.filter(|_| status.success()) else {
        return Err(std::io::Error::other("it ended at once"));
    };
    let identity = orphan.identity();
    tokio::spawn(async move {
        orphan.exited().await;
        watch.ended().await;
    });
    Ok(identity)
}

fn call(faults: &Faults, effect: &Effect, kind: Kind, leader: Option<u32>) -> Call {
    Call {
        kind,
        fault: effect.fault.to_string(),
        entry: faults.folders.journal(&effect.fault),
        leader,
        ttl: effect.ttl,
    }
}

/// A helper whose command line says what it does, for people who look for what takes their machine.
fn command(call: &Call) -> std::io::Result<Command> {
    let mut command = process(call)?;
    command.args([HELPER, call.kind.as_str()]);
    Ok(command)
}

fn process(call: &Call) -> std::io::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command
        .envs(call.environment())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    Ok(command)
}

/// Tells the core of a helper's end before its time.
struct Watch {
    inputs: mpsc::Sender<Input>,
    fault: FaultId,
    clock: Clock,
    ends_at: Timestamp,
}

impl Watch {
    /// Before the helper starts: one that has lived for its whole time ends later than this says.
    fn new(faults: &Faults, effect: &Effect) -> Self {
        let clock = Clock::new();
        Self {
            inputs: faults.inputs.clone(),
            fault: effect.fault.clone(),
            ends_at: clock.now() + effect.ttl,
            clock,
        }
    }

    /// Of one that the agent itself has ended the core knows already.
    async fn ended(self) {
        if self.clock.now() < self.ends_at {
            let gone = Input::FaultGone {
                fault: self.fault,
                message: "somebody ended its process".to_owned(),
            };
            // A closed channel means that the agent has ended.
            let _ = self.inputs.send(gone).await;
        }
    }
}

/// Ends the helpers of a fault, also those that a dead agent started, and reads back that they are gone.
pub(super) async fn end(faults: &Faults, effect: &Effect, kind: Kind) -> Result<(), String> {
    let found = find(faults, effect, kind);
    for helper in &found {
        // One that is gone by now is what is wanted.
        if let Some(process) = Process::adopt(helper.pid, helper.start_time) {
            process.signal(Signal::KILL);
        }
    }
    let is_gone = |helper: &Identity| identity_of(helper.pid) != Some(*helper);
    if settled(|| found.iter().all(is_gone)).await && find(faults, effect, kind).is_empty() {
        return Ok(());
    }
    let left: Vec<u32> = find(faults, effect, kind)
        .iter()
        .map(|found| found.pid)
        .collect();
    Err(format!(
        "its {} helpers {left:?} are still there",
        kind.as_str()
    ))
}

/// Whoever has the environment of this fault's helpers.
pub(super) fn find(faults: &Faults, effect: &Effect, kind: Kind) -> Vec<Identity> {
    let mark = call(faults, effect, kind, None).mark();
    let Ok(all) = procfs::process::all_processes() else {
        return Vec::new();
    };
    all.flatten()
        .filter_map(|process| {
            // The identity comes first: what is read after it is about this process, or about nobody.
            let identity = identity_of(u32::try_from(process.pid()).ok()?)?;
            let said = process.environ().ok()?;
            let is_said =
                |(name, value): &(&str, OsString)| said.get(OsStr::new(name)) == Some(value);
            mark.iter().all(is_said).then_some(identity)
        })
        .collect()
}

/// Why there is none.
#[expect(
    clippy::needless_pass_by_value,
    reason = "reads better where a result is mapped"
)]
pub(super) fn no_helper(error: std::io::Error) -> Refusal {
    let message = format!("cannot start a helper process: {error}");
    (FaultReason::Unsupported, message)
}
