//! `crash` and `hang`: signals to the whole process group.

use arena_node_core::{Effect, ProcessRef};
use arena_proto::FaultReason;
use arena_supervisor::Signal;
use procfs::process::ProcState;

use super::{Faults, Refusal, is_alive, settled};

pub(super) fn crash(faults: &Faults, effect: &Effect) -> Result<(), Refusal> {
    signal(faults, effect, Signal::KILL)
}

pub(super) fn hang(faults: &Faults, effect: &Effect) -> Result<(), Refusal> {
    signal(faults, effect, Signal::STOP)
}

pub(super) async fn resume(faults: &Faults, effect: &Effect) -> Result<(), String> {
    let Some(process) = effect.process else {
        return Ok(());
    };
    // One that is gone is stopped no more.
    let _ = signal(faults, effect, Signal::CONT);
    if settled(|| !is_alive(process) || !is_stopped(process)).await {
        return Ok(());
    }
    Err(format!("pid {} is still stopped", process.pid))
}

fn signal(faults: &Faults, effect: &Effect, signal: Signal) -> Result<(), Refusal> {
    let target = effect
        .process
        .and_then(|process| faults.processes.get(process));
    if target.is_some_and(|target| target.signal_group(signal)) {
        return Ok(());
    }
    Err((
        FaultReason::TargetReplaced,
        "its process is gone".to_owned(),
    ))
}

fn is_stopped(process: ProcessRef) -> bool {
    i32::try_from(process.pid)
        .ok()
        .and_then(|pid| procfs::process::Process::new(pid).ok())
        .and_then(|process| process.stat().ok())
        .and_then(|stat| stat.state().ok())
        .is_some_and(|state| state == ProcState::Stopped)
}
