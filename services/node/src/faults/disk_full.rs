//! `disk-full`: the folder of a service gets a quota, which the service obeys, and a disposable file that fills it. Never the
//! real disk.
//!
//! The folder is the one that the process runs in, whatever arena.toml says by now; it is written down in the agent's folder
//! before anything is made in it, so that whoever undoes the fault finds it, also without the service.
//!
//! Invariants: the file `quota` is there whole or not at all; one that is not this fault's is neither replaced nor deleted;
//! whoever's quota is there has the folder to itself, so the folder [`SCRATCH`] goes again only if it was made for this fault,
//! and nobody else put anything into it. What is made is written down first.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use arena_chassis::Clock;
use arena_faults::limits::DISK_FLOOR_MIB;
use arena_node_core::{Effect, Input, ProcessRef};
use arena_proto::FaultReason;

use super::{Faults, Refusal, is_alive};

/// What may be deleted of a service's folder is in here.
const SCRATCH: &str = "scratch";
/// How often the disposable file is looked for. Whoever deleted it waits for telemetry to tell, which takes as long.
const LOOK_EVERY: Duration = Duration::from_millis(200);
const MIB: u64 = 1024 * 1024;
/// Folders within folders that are counted: those of a service are shallow.
const DEPTH_MAX: u32 = 16;

/// What was made, or is about to be; kept in the agent's folder from before the first step until the read-back.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
struct Record {
    folder: PathBuf,
    made_scratch: bool,
    quota: Option<Mark>,
}

/// By this a file is known again. The time is there because numbers are given anew: whoever wrote since has made it theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
struct Mark {
    device: u64,
    inode: u64,
    length: u64,
    modified_s: i64,
    modified_ns: i64,
}

impl Mark {
    fn of(metadata: &fs::Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            length: metadata.len(),
            modified_s: metadata.mtime(),
            modified_ns: metadata.mtime_nsec(),
        }
    }
}

/// The files of one fault.
#[derive(Debug, Clone)]
struct Files {
    record: Record,
    /// Where the record is kept.
    kept: PathBuf,
    quota: PathBuf,
    /// The quota, before it is complete.
    next: PathBuf,
    scratch: PathBuf,
    fill: PathBuf,
}

impl Files {
    fn below(folder: &Path, fault: &str, kept: PathBuf) -> Self {
        let record = Record {
            folder: folder.to_owned(),
            made_scratch: false,
            quota: None,
        };
        Self::recorded(record, fault, kept)
    }

    fn recorded(record: Record, fault: &str, kept: PathBuf) -> Self {
        let scratch = record.folder.join(SCRATCH);
        Self {
            quota: record.folder.join("quota"),
            next: record.folder.join(format!(".{fault}.quota")),
            fill: scratch.join(format!("{fault}.fill")),
            scratch,
            record,
            kept,
        }
    }

    /// Blocks. `None`: nothing was made.
    fn read(fault: &str, kept: PathBuf) -> io::Result<Option<Self>> {
        match fs::read(&kept) {
            Ok(bytes) => {
                let record = serde_json::from_slice(&bytes)?;
                Ok(Some(Self::recorded(record, fault, kept)))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                gone(fs::remove_file(kept.with_extension("next")))?;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// The record as it is now, on the disk; replaced as a whole.
    fn keep(&self) -> io::Result<()> {
        let next = self.kept.with_extension("next");
        let above = self.kept.parent().ok_or(io::ErrorKind::InvalidInput)?;
        fs::create_dir_all(above)?;
        let mut file = File::create(&next)?;
        file.write_all(&serde_json::to_vec(&self.record)?)?;
        file.sync_all()?;
        fs::rename(&next, &self.kept)?;
        File::open(above)?.sync_all()
    }

    fn are_there(&self) -> bool {
        self.fill.exists() && self.quota_is_ours()
    }

    fn quota_is_ours(&self) -> bool {
        let there = fs::symlink_metadata(&self.quota).ok();
        there.is_some_and(|metadata| Some(Mark::of(&metadata)) == self.record.quota)
    }

    /// Blocks.
    fn write(&mut self, fill_mib: u64) -> Result<(), Refusal> {
        let folder = self.record.folder.display().to_string();
        let failed = |error: io::Error| {
            let message = format!("cannot fill {folder}: {error}");
            (FaultReason::Unsupported, message)
        };
        let taken = || {
            let message = format!(
                "{folder} has a quota already, which is somebody else's: it stays as it is"
            );
            (FaultReason::NotAllowed, message)
        };
        if fs::symlink_metadata(&self.quota).is_ok() {
            return Err(taken());
        }
        let free_mib = free_mib(&self.record.folder).map_err(failed)?;
        check_floor(fill_mib, free_mib)?;
        // There will be room for what is there, and for the fill.
        let used = used_bytes(&self.record.folder, DEPTH_MAX).map_err(failed)?;
        let quota = used.saturating_add(fill_mib.saturating_mul(MIB));
        self.keep().map_err(failed)?;
        self.prepare_quota(quota).map_err(failed)?;
        self.publish_quota().map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => taken(),
            _ => failed(error),
        })?;
        self.make_scratch().map_err(failed)?;
        self.fill(fill_mib).map_err(failed)
    }

    fn prepare_quota(&mut self, quota: u64) -> io::Result<()> {
        let mut next = File::create(&self.next)?;
        next.write_all(quota.to_string().as_bytes())?;
        self.record.quota = Some(Mark::of(&next.metadata()?));
        self.keep()
    }

    /// A link, unlike a rename, replaces nothing.
    fn publish_quota(&self) -> io::Result<()> {
        fs::hard_link(&self.next, &self.quota)?;
        fs::remove_file(&self.next)
    }

    fn make_scratch(&mut self) -> io::Result<()> {
        if self.scratch.is_dir() {
            return Ok(());
        }
        self.record.made_scratch = true;
        self.keep()?;
        fs::create_dir(&self.scratch)
    }

    fn fill(&self, fill_mib: u64) -> io::Result<()> {
        let mut fill = File::create(&self.fill)?;
        let block = vec![0_u8; usize::try_from(MIB).map_err(io::Error::other)?];
        for _ in 0..fill_mib {
            fill.write_all(&block)?;
        }
        Ok(())
    }

    /// Blocks. The quota goes last, as it keeps others out, but it goes even where the rest cannot.
    fn remove(&self) -> io::Result<()> {
        let filled = gone(fs::remove_file(&self.fill));
        if self.record.made_scratch {
            // What else is in there is somebody's.
            let _ = fs::remove_dir(&self.scratch);
        }
        let prepared = gone(fs::remove_file(&self.next));
        if self.quota_is_ours() {
            gone(fs::remove_file(&self.quota))?;
        }
        filled.and(prepared)?;
        let left = [
            (&self.fill, self.fill.exists()),
            (&self.next, self.next.exists()),
            (&self.quota, self.quota_is_ours()),
        ];
        if let Some((path, _)) = left.iter().find(|(_, is_left)| *is_left) {
            return Err(io::Error::other(format!("still there: {}", path.display())));
        }
        gone(fs::remove_file(self.kept.with_extension("next")))?;
        gone(fs::remove_file(&self.kept))
    }
}

/// What is not there need not be removed; nor what is below a folder that is not there.
fn gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Where the process of the service runs. Its path is proven to lead there: the process may have another root, and a folder
/// that was deleted has a name of nothing.
fn folder_of(process: Option<ProcessRef>) -> Result<PathBuf, Refusal> {
    let unsupported = |message: String| (FaultReason::Unsupported, message);
    let process = process
        .ok_or_else(|| unsupported("the service does not run, so it has no folder".to_owned()))?;
    let link = PathBuf::from(format!("/proc/{}/cwd", process.pid));
    let place = |path: &Path| fs::metadata(path).map(|found| (found.dev(), found.ino()));
    let read = || -> io::Result<(PathBuf, bool)> {
        let folder = fs::read_link(&link)?;
        let is_there = place(&folder).is_ok_and(|found| place(&link).is_ok_and(|at| at == found));
        Ok((folder, is_there))
    };
    let (folder, is_there) = read().map_err(|error| {
        let pid = process.pid;
        unsupported(format!(
            "cannot read which folder pid {pid} runs in: {error}"
        ))
    })?;
    // What was read is of this process only if it still is the same.
    if !is_alive(process) {
        let message = "its process is gone".to_owned();
        return Err((FaultReason::TargetReplaced, message));
    }
    let shown = folder.display();
    if !is_there {
        return Err(unsupported(format!(
            "the service runs in {shown}, which cannot be reached"
        )));
    }
    if folder.parent().is_none() {
        return Err(unsupported(format!(
            "the service runs in {shown}, which is not its own"
        )));
    }
    Ok(folder)
}

/// What may be written to the disk that this folder is on, in MiB.
fn free_mib(folder: &Path) -> io::Result<u64> {
    let disk = rustix::fs::statvfs(folder)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize) / MIB)
}

fn check_floor(fill_mib: u64, free_mib: u64) -> Result<(), Refusal> {
    if free_mib.saturating_sub(fill_mib) >= DISK_FLOOR_MIB {
        return Ok(());
    }
    let message = format!(
        "it would write {fill_mib} MiB, and of the {free_mib} MiB that are free on that disk {DISK_FLOOR_MIB} MiB have to stay so"
    );
    Err((FaultReason::Limit, message))
}

/// The lengths of all regular files below a folder.
fn used_bytes(folder: &Path, depth: u32) -> io::Result<u64> {
    let mut used = 0_u64;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let Ok(metadata) = entry.metadata() else {
            // Deleted meanwhile.
            continue;
        };
        if metadata.is_file() {
            used = used.saturating_add(metadata.len());
        } else if metadata.is_dir() && depth > 0 {
            used = used.saturating_add(used_bytes(&entry.path(), depth - 1)?);
        }
    }
    Ok(used)
}

pub(super) async fn apply(faults: &Faults, effect: &Effect) -> Result<(), Refusal> {
    let unsupported = |message: String| (FaultReason::Unsupported, message);
    let makes = match faults.socket(effect) {
        Some(socket) => socket.makes().await.unwrap_or_default(),
        None => Vec::new(),
    };
    if !makes.iter().any(|made| made == effect.name.as_str()) {
        let message = "the service obeys no quota: it does not say that it makes this fault";
        return Err(unsupported(message.to_owned()));
    }
    let kept = faults.folders.disk_full(&effect.fault);
    let mut files = Files::below(&folder_of(effect.process)?, effect.fault.as_str(), kept);
    let fill = effect.params.count("fill");
    let written = tokio::task::spawn_blocking(move || files.write(fill).map(|()| files));
    let files = written
        .await
        .map_err(|error| unsupported(error.to_string()))??;
    tokio::spawn(watch(faults.clone(), effect.clone(), files));
    Ok(())
}

/// Tells the core when somebody has deleted the files; that the agent has done so itself it knows.
async fn watch(faults: Faults, effect: Effect, files: Files) {
    let clock = Clock::new();
    let ends_at = clock.now() + effect.ttl;
    while files.are_there() {
        if clock.now() >= ends_at {
            return;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    let gone = Input::FaultGone {
        fault: effect.fault,
        message: "somebody deleted what filled the disk".to_owned(),
    };
    // A closed channel means that the agent has ended.
    let _ = faults.inputs.send(gone).await;
}

/// By what is written down alone: the service may be another by now, or gone.
pub(super) async fn revert(faults: &Faults, effect: &Effect) -> Result<(), String> {
    let kept = faults.folders.disk_full(&effect.fault);
    let fault = effect.fault.clone();
    let removed = tokio::task::spawn_blocking(move || {
        Files::read(fault.as_str(), kept)?.map_or(Ok(()), |files| files.remove())
    });
    let removed = removed.await.map_err(|error| error.to_string())?;
    removed.map_err(|error: io::Error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).expect("a folder");
        let name = |entry: io::Result<fs::DirEntry>| entry.expect("an entry").file_name();
        let mut names: Vec<String> = entries
            .map(|entry| name(entry).to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    /// Of a service, and of the agent.
    fn folders() -> (tempfile::TempDir, tempfile::TempDir) {
        (arena_testkit::temp_dir(), arena_testkit::temp_dir())
    }

    fn files(folder: &Path, agent: &Path, fault: &str) -> Files {
        Files::below(folder, fault, agent.join(format!("disk-full/{fault}.json")))
    }

    /// What the next agent does.
    fn undone(files: &Files, fault: &str) {
        if let Some(files) = Files::read(fault, files.kept.clone()).expect("a record") {
            files.remove().expect("removed");
        }
        let agent = files.kept.parent().expect("a folder");
        assert!(!agent.exists() || !names(agent).iter().any(|name| name.starts_with(fault)));
    }

    #[test]
    fn a_full_folder_has_room_for_nothing_and_is_as_before_after_the_revert() {
        let (folder, agent) = folders();
        fs::write(folder.path().join("ledger.log"), [7; 1000]).expect("a file");
        let mut files = files(folder.path(), agent.path(), "f-1");
        files.write(1).expect("filled");
        assert!(files.are_there());
        assert_eq!(names(folder.path()), ["ledger.log", "quota", SCRATCH]);
        let quota = fs::read_to_string(&files.quota).expect("a quota");
        assert_eq!(quota, (1000 + MIB).to_string());
        let used = used_bytes(folder.path(), DEPTH_MAX).expect("counted");
        assert!(used >= 1000 + MIB, "{used}");
        undone(&files, "f-1");
        assert_eq!(names(folder.path()), ["ledger.log"]);
        undone(&files, "f-1");
    }

    #[test]
    fn a_scratch_folder_of_somebody_else_stays() {
        let (folder, agent) = folders();
        fs::create_dir(folder.path().join(SCRATCH)).expect("a folder");
        let mut theirs = files(folder.path(), agent.path(), "f-1");
        theirs.write(1).expect("filled");
        undone(&theirs, "f-1");
        assert_eq!(names(folder.path()), [SCRATCH]);

        // Nor one that was made here, once somebody uses it.
        let (folder, agent) = folders();
        let mut used = files(folder.path(), agent.path(), "f-1");
        used.write(1).expect("filled");
        fs::write(folder.path().join(SCRATCH).join("mine"), "x").expect("a file");
        undone(&used, "f-1");
        assert_eq!(names(&folder.path().join(SCRATCH)), ["mine"]);
    }

    #[test]
    fn a_quota_of_somebody_else_is_neither_replaced_nor_deleted() {
        let (folder, agent) = folders();
        let theirs = folder.path().join("quota");
        fs::write(&theirs, "123").expect("a quota");
        let mut refused = files(folder.path(), agent.path(), "f-1");
        let (reason, message) = refused.write(1).expect_err("refused");
        assert_eq!(reason, FaultReason::NotAllowed);
        assert!(message.contains("somebody else's"), "{message}");
        undone(&refused, "f-1");
        assert_eq!(names(folder.path()), ["quota"]);

        // One that comes while ours is being prepared.
        let mut late = files(folder.path(), agent.path(), "f-2");
        late.prepare_quota(1).expect("prepared");
        let error = late.publish_quota().expect_err("taken");
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        undone(&late, "f-2");
        assert_eq!(names(folder.path()), ["quota"]);
        assert_eq!(fs::read_to_string(&theirs).expect("theirs"), "123");

        // One that came in the place of ours: the fault is cured, and its end leaves theirs.
        fs::remove_file(&theirs).expect("removed");
        let mut replaced = files(folder.path(), agent.path(), "f-3");
        replaced.write(1).expect("filled");
        fs::remove_file(&theirs).expect("removed");
        fs::write(&theirs, "456").expect("a quota");
        assert!(!replaced.are_there());
        undone(&replaced, "f-3");
        assert_eq!(names(folder.path()), ["quota"]);
        assert_eq!(fs::read_to_string(&theirs).expect("theirs"), "456");
    }

    #[test]
    fn of_two_in_one_folder_the_second_is_refused_and_ends_nothing() {
        let (folder, agent) = folders();
        let mut first = files(folder.path(), agent.path(), "f-1");
        first.write(1).expect("filled");
        let mut second = files(folder.path(), agent.path(), "f-2");
        assert_eq!(
            second.write(1).expect_err("taken").0,
            FaultReason::NotAllowed
        );
        undone(&second, "f-2");
        assert!(first.are_there());
        undone(&first, "f-1");
        assert_eq!(names(folder.path()), Vec::<String>::new());
    }

    #[test]
    fn a_death_between_any_two_steps_leaves_nothing() {
        type Step = fn(&mut Files) -> io::Result<()>;
        let steps: [Step; 8] = [
            // Dies while it writes the record.
            |files| {
                fs::create_dir_all(files.kept.parent().expect("a folder"))?;
                fs::write(files.kept.with_extension("next"), "{")
            },
            |files| files.keep(),
            |files| fs::write(&files.next, "1"),
            |files| files.prepare_quota(1),
            |files| fs::hard_link(&files.next, &files.quota),
            |files| fs::remove_file(&files.next),
            |files| files.make_scratch(),
            |files| files.fill(1),
        ];
        for died_after in 0..=steps.len() {
            let (folder, agent) = folders();
            let mut files = files(folder.path(), agent.path(), "f-1");
            for step in &steps[..died_after] {
                step(&mut files).expect("a step");
            }
            undone(&files, "f-1");
            let left = names(folder.path());
            assert!(left.is_empty(), "after {died_after} steps: {left:?}");
        }
    }

    #[test]
    fn the_folder_is_the_one_that_the_process_runs_in() {
        let folder = arena_testkit::temp_dir();
        let path = folder.path().canonicalize().expect("a path");
        let sleeper = |folder: &Path| {
            let mut command = std::process::Command::new("sleep");
            let child = command.arg("60").current_dir(folder).spawn();
            let child = child.expect("a process");
            let identity = arena_supervisor::identity_of(child.id()).expect("alive");
            let process = ProcessRef {
                pid: identity.pid,
                start_time: identity.start_time,
            };
            (child, Some(process))
        };
        let (mut child, process) = sleeper(&path);
        assert_eq!(folder_of(process), Ok(path.clone()));
        folder.close().expect("removed");
        let (reason, message) = folder_of(process).expect_err("it is nowhere");
        assert_eq!(reason, FaultReason::Unsupported);
        assert!(message.contains("cannot be reached"), "{message}");
        child.kill().expect("killed");
        child.wait().expect("gone");
        // Nobody's, as that of a process of another user.
        let (reason, message) = folder_of(process).expect_err("gone");
        assert_eq!(reason, FaultReason::Unsupported);
        assert!(message.contains("cannot read which folder"), "{message}");
        assert!(folder_of(None).is_err());

        let (mut child, process) = sleeper(Path::new("/"));
        let (_, message) = folder_of(process).expect_err("everybody's");
        assert!(message.contains("not its own"), "{message}");
        child.kill().expect("killed");
        child.wait().expect("gone");
    }

    #[test]
    fn the_floor_of_the_disk_is_kept_and_told() {
        assert_eq!(check_floor(16, DISK_FLOOR_MIB + 16), Ok(()));
        let (reason, message) = check_floor(16, 1039).expect_err("too little");
        assert_eq!(reason, FaultReason::Limit);
        assert!(
            message.contains("16 MiB") && message.contains("1039") && message.contains("1024"),
            "{message}"
        );
    }
}
