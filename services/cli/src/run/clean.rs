//! After a run: every fault is undone, and that nothing of it is left is seen with one's own eyes.

use std::path::{Path, PathBuf};

use arena_bus::Bus;
use arena_proto::FaultState;
use arena_scenario::record::CleanUp;

use super::eyes::Eyes;
use super::ground::Ground;
use super::villain;
use crate::client;
use crate::exit::Failure;

/// A revert may have to wait for a process to be gone and to be read back.
const REVERT_MS: u64 = 15_000;
/// Somebody else's arena has as long to be well again: a stopped service is started once more, and comes up.
const HEALTHY_MS: u64 = 30_000;
/// A data folder of ours has a few hundred files.
const FILES_MAX: usize = 20_000;

/// Undoes everything, stops what was started, and looks for what is left.
pub(super) async fn clean(
    ground: &mut Ground,
    bus: Option<&Bus>,
    eyes: Option<&mut Eyes>,
) -> CleanUp {
    let mut left = CleanUp::default();
    let mut ids = Vec::new();
    if let (Some(bus), Some(eyes)) = (bus, eyes) {
        if let Err(failure) = revert(bus, eyes).await {
            left.errors.push(format!("{:#}", failure.error));
        }
        let faults = &eyes.view.facts.faults;
        ids = faults
            .iter()
            .map(|fault| fault.id.clone())
            .filter(|id| !id.is_empty())
            .collect();
        let lasting = faults.iter().filter(|fault| !is_gone(fault.state));
        left.faults = lasting
            .map(|fault| format!("{} {}", fault.id, fault.state))
            .collect();
        left.processes = processes(&ids);
        // As it was decided before: where that is to heal, it heals what the run has left ill.
        if let Err(failure) = ground.give_back().await {
            left.errors.push(format!("{:#}", failure.error));
        }
        if ground.data_dir().is_none() {
            left.arena = await_health(eyes).await.to_owned();
        }
    } else if let Err(failure) = ground.give_back().await {
        left.errors.push(format!("{:#}", failure.error));
    }
    if let Some(folder) = ground.data_dir().map(Path::to_owned) {
        match ground.stop().await {
            Ok(()) => left.arena.push_str("stopped"),
            Err(failure) => left.errors.push(format!("{:#}", failure.error)),
        }
        // Only now: a journal's entry is erased a moment after the node has told of the end.
        left.files = files(&folder, &ids);
        left.processes
            .extend(processes(&[folder.to_string_lossy().into_owned()]));
    }
    left.clean = left.arena != "unhealthy"
        && [&left.faults, &left.processes, &left.files, &left.errors]
            .iter()
            .all(|list| list.is_empty());
    left
}

const fn is_gone(state: FaultState) -> bool {
    matches!(state, FaultState::Rejected | FaultState::Reverted)
}

/// Asks for the end of every fault of the run, and waits until the nodes have said so.
async fn revert(bus: &Bus, eyes: &mut Eyes) -> Result<(), Failure> {
    let lasting = |eyes: &Eyes| -> Vec<String> {
        let faults = eyes.view.facts.faults.iter();
        let lasting = faults.filter(|fault| !fault.state.is_final());
        lasting.map(|fault| fault.id.clone()).collect()
    };
    let operator = client::person(bus.clone());
    villain::end(&operator).await?;
    for id in lasting(eyes) {
        // One that is over meanwhile is what is wanted.
        operator.see_reverted(&id).await?;
    }
    let until = eyes.now_ms() + REVERT_MS;
    while !lasting(eyes).is_empty() && eyes.tick().await? < until {}
    Ok(())
}

async fn await_health(eyes: &mut Eyes) -> &'static str {
    let until = eyes.now_ms() + HEALTHY_MS;
    while !eyes.view.unhealthy().is_empty() {
        match eyes.tick().await {
            Ok(at_ms) if at_ms < until => {}
            _ => return "unhealthy",
        }
    }
    "healthy"
}

/// The processes whose command line or environment names one of these, except this one.
fn processes(marks: &[String]) -> Vec<String> {
    let own = std::process::id().to_string();
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().into_string().ok());
    pids.filter(|pid| pid.bytes().all(|byte| byte.is_ascii_digit()) && *pid != own)
        .filter_map(|pid| {
            let read = |file: &str| {
                let bytes = std::fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
                String::from_utf8_lossy(&bytes).replace('\0', " ")
            };
            let (line, environment) = (read("cmdline"), read("environ"));
            let named = marks
                .iter()
                .any(|mark| line.contains(mark) || environment.contains(mark));
            // One that has ended and is not yet waited for has no command line.
            (named && !line.is_empty()).then(|| format!("{pid} {}", line.trim()))
        })
        .collect()
}

/// What faults leave in a data folder while they last: undo journals, quotas, fills, and whatever bears a fault's id.
fn files(folder: &Path, ids: &[String]) -> Vec<String> {
    let of_fault = |path: &Path| {
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        let parent = path.parent().and_then(Path::file_name);
        let journal = parent.is_some_and(|parent| parent == "journal");
        journal || name == "quota" || ids.iter().any(|id| name.contains(id.as_str()))
    };
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = vec![folder.join("nodes")];
    let mut seen = 0;
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).into_iter().flatten().flatten() {
            seen += 1;
            if seen > FILES_MAX {
                return found;
            }
            let path = entry.path();
            // Not through symbolic links: what they point to is not of this folder.
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(path),
                Ok(_) if of_fault(&path) => found.push(path.display().to_string()),
                _ => {}
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_fault_leaves_is_found_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let node = folder.path().join("nodes/node-1");
        let write = |path: &str| {
            let path = node.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        };
        write("work/ledger/ledger.log");
        write("state.json");
        assert!(files(folder.path(), &["f-1".to_owned()]).is_empty());
        write("work/ledger/quota");
        write("work/ledger/scratch/f-1.fill");
        write("journal/f-2.json");
        assert_eq!(files(folder.path(), &["f-1".to_owned()]).len(), 3);
    }

    #[test]
    fn a_process_is_found_by_what_it_was_started_with() {
        let mark = format!("arena-clean-test-{}", std::process::id());
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .env("ARENA_MARK", &mark)
            .spawn()
            .unwrap();
        // The environment is there once the program is.
        let found = (0..200).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(10));
            !processes(std::slice::from_ref(&mark)).is_empty()
        });
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(found);
        assert!(processes(&[mark]).is_empty());
    }
}
