//! `cpu-spike`: the service burns CPU. One with a control socket does it itself; beside any other a burner process is
//! put into its process group, so that its CPU is the service's and a restart ends it.

use std::process::Stdio;

use arena_node_core::Effect;
use arena_proto::FaultReason;

use super::{Faults, Refusal, settled};
use crate::burn;
use crate::control_socket::SocketError;

pub(super) async fn apply(faults: &Faults, effect: &Effect) -> Result<(), Refusal> {
    if let Some(socket) = faults.socket(effect) {
        match socket.apply(effect).await {
            Ok(()) => return Ok(()),
            Err(error @ SocketError::Failed(_)) => {
                // It may have begun: two spikes would be one too many.
                return Err((FaultReason::Unsupported, error.to_string()));
            }
            Err(SocketError::Absent | SocketError::Refused(_)) => {}
        }
    }
    start_burner(faults, effect).map_err(|error| {
        (
            FaultReason::Unsupported,
            format!("cannot start a burner: {error}"),
        )
    })
}

fn start_burner(faults: &Faults, effect: &Effect) -> std::io::Result<()> {
    let (Some(service), Some(process)) = (&effect.service, effect.process) else {
        return Err(std::io::Error::other("no process is named"));
    };
    let leader = process.pid;
    let cores = u32::try_from(effect.params.count("cores")).unwrap_or(1);
    let group = i32::try_from(leader).map_err(std::io::Error::other)?;
    let mut child = tokio::process::Command::new(std::env::current_exe()?)
        .args(burn::arguments(
            effect.fault.as_str(),
            leader,
            cores,
            effect.ttl,
        ))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(group)
        .spawn()?;
    if let Some(pid) = child.id() {
        faults.members.add(service.clone(), pid);
    }
    // It has to be waited for, or it would stay as a zombie.
    tokio::spawn(async move { child.wait().await });
    Ok(())
}

/// A burner is found by its command line, so one that a dead agent started is found too.
pub(super) async fn revert(faults: &Faults, effect: &Effect) -> Result<(), String> {
    faults.revert_in_service(effect).await?;
    for pid in burners(effect) {
        kill(pid);
    }
    if settled(|| burners(effect).is_empty()).await {
        return Ok(());
    }
    Err(format!("burners {:?} are still there", burners(effect)))
}

fn kill(pid: i32) {
    if let Some(pid) = rustix::process::Pid::from_raw(pid) {
        // One that is gone by now is what is wanted.
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    }
}

fn burners(effect: &Effect) -> Vec<i32> {
    let leader = effect
        .process
        .map_or_else(String::new, |process| process.pid.to_string());
    let Ok(all) = procfs::process::all_processes() else {
        return Vec::new();
    };
    all.flatten()
        .filter(|process| {
            let line = process.cmdline().unwrap_or_default();
            let words = line.get(1..4).unwrap_or_default();
            words == [burn::SUBCOMMAND, effect.fault.as_str(), &leader]
        })
        .map(|process| process.pid())
        .collect()
}
