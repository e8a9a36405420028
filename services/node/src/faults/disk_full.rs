//! `disk-full`: the folder of a service gets a quota, which the service obeys, and a disposable file that fills it. Never the
//! real disk.
//!
//! Invariants: the file `quota` is there whole or not at all; the folder [`SCRATCH`] goes again only if it was made here and
//! nobody else put anything into it.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use arena_chassis::Clock;
use arena_faults::limits::DISK_FLOOR_MIB;
use arena_node_core::{Effect, Input};
use arena_proto::FaultReason;

use super::{Faults, Refusal};

/// What may be deleted of a service's folder is in here.
const SCRATCH: &str = "scratch";
/// Tells that [`SCRATCH`] was made here; hidden, so that cleaning leaves it.
const MADE: &str = ".made-for-a-fault";
/// How often the disposable file is looked for. Whoever deleted it waits for telemetry to tell, which takes as long.
const LOOK_EVERY: Duration = Duration::from_millis(200);
const MIB: u64 = 1024 * 1024;
/// Folders within folders that are counted: those of a service are shallow.
const DEPTH_MAX: u32 = 16;

/// The files of one fault.
#[derive(Debug, Clone)]
struct Files {
    folder: PathBuf,
    quota: PathBuf,
    fill: PathBuf,
    /// The quota, before it is complete.
    next: PathBuf,
    made: PathBuf,
}

impl Files {
    fn of(faults: &Faults, effect: &Effect) -> Option<Self> {
        let program = faults.programs.get(effect.service.as_ref()?)?;
        let folder = program.spawn.working_dir.clone()?;
        Some(Self::below(&folder, effect.fault.as_str()))
    }

    fn below(folder: &Path, fault: &str) -> Self {
        let scratch = folder.join(SCRATCH);
        Self {
            quota: folder.join("quota"),
            fill: scratch.join(format!("{fault}.fill")),
            next: scratch.join(format!("{fault}.quota")),
            made: scratch.join(MADE),
            folder: folder.to_owned(),
        }
    }

    fn are_there(&self) -> bool {
        self.fill.exists() && self.quota.exists()
    }

    /// Blocks.
    fn write(&self, fill_mib: u64) -> Result<(), Refusal> {
        let failed = |error: io::Error| {
            let message = format!("cannot fill {}: {error}", self.folder.display());
            (FaultReason::Unsupported, message)
        };
        let free_mib = free_mib(&self.folder).map_err(failed)?;
        check_floor(fill_mib, free_mib)?;
        self.try_write(fill_mib).map_err(failed)
    }

    fn try_write(&self, fill_mib: u64) -> io::Result<()> {
        let scratch = self.folder.join(SCRATCH);
        match fs::create_dir(&scratch) {
            Ok(()) => drop(File::create(&self.made)?),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
        let used = used_bytes(&self.folder, DEPTH_MAX)?;
        let mut fill = File::create(&self.fill)?;
        let block = vec![0_u8; usize::try_from(MIB).map_err(io::Error::other)?];
        for _ in 0..fill_mib {
            fill.write_all(&block)?;
        }
        // Full from here on: there is room for what was there, and for the fill.
        let quota = used.saturating_add(fill_mib.saturating_mul(MIB));
        fs::write(&self.next, quota.to_string())?;
        fs::rename(&self.next, &self.quota)
    }

    /// Blocks. The quota goes first: without it nothing is full.
    fn remove(&self) -> io::Result<()> {
        for path in [&self.quota, &self.next, &self.fill] {
            gone(fs::remove_file(path))?;
        }
        if self.made.exists() {
            gone(fs::remove_file(&self.made))?;
            // What else is in there is somebody's.
            let _ = fs::remove_dir(self.folder.join(SCRATCH));
        }
        Ok(())
    }
}

/// What is not there need not be removed.
fn gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
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
    let files = Files::of(faults, effect);
    let files = files.ok_or_else(|| unsupported("the service has no folder".to_owned()))?;
    let makes = match faults.socket(effect) {
        Some(socket) => socket.makes().await.unwrap_or_default(),
        None => Vec::new(),
    };
    if !makes.iter().any(|made| made == effect.name.as_str()) {
        let message = "the service obeys no quota: it does not say that it makes this fault";
        return Err(unsupported(message.to_owned()));
    }
    let (written, fill) = (files.clone(), effect.params.count("fill"));
    tokio::task::spawn_blocking(move || written.write(fill))
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

pub(super) async fn revert(faults: &Faults, effect: &Effect) -> Result<(), String> {
    let Some(files) = Files::of(faults, effect) else {
        return Ok(());
    };
    let removed = tokio::task::spawn_blocking(move || {
        files.remove().map_err(|error| error.to_string())?;
        let left: Vec<String> = [&files.quota, &files.fill, &files.next]
            .into_iter()
            .filter(|path| path.exists())
            .map(|path| path.display().to_string())
            .collect();
        if left.is_empty() {
            Ok(())
        } else {
            Err(format!("still there: {}", left.join(", ")))
        }
    });
    removed.await.map_err(|error| error.to_string())?
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

    #[test]
    fn a_full_folder_has_room_for_nothing_and_is_as_before_after_the_revert() {
        let folder = arena_testkit::temp_dir();
        fs::write(folder.path().join("ledger.log"), [7; 1000]).expect("a file");
        let files = Files::below(folder.path(), "f-1");
        files.write(1).expect("filled");
        assert!(files.are_there());
        let quota = fs::read_to_string(&files.quota).expect("a quota");
        assert_eq!(quota, (1000 + MIB).to_string());
        let used = used_bytes(folder.path(), DEPTH_MAX).expect("counted");
        assert!(used >= 1000 + MIB, "{used}");
        files.remove().expect("removed");
        assert_eq!(names(folder.path()), ["ledger.log"]);
        files.remove().expect("removed, again");
    }

    #[test]
    fn a_scratch_folder_of_somebody_else_stays() {
        let folder = arena_testkit::temp_dir();
        fs::create_dir(folder.path().join(SCRATCH)).expect("a folder");
        let files = Files::below(folder.path(), "f-1");
        files.write(1).expect("filled");
        files.remove().expect("removed");
        assert_eq!(names(folder.path()), [SCRATCH]);

        // Nor one that was made here, once somebody uses it.
        let folder = arena_testkit::temp_dir();
        let files = Files::below(folder.path(), "f-1");
        files.write(1).expect("filled");
        fs::write(folder.path().join(SCRATCH).join("mine"), "x").expect("a file");
        files.remove().expect("removed");
        assert_eq!(names(&folder.path().join(SCRATCH)), ["mine"]);
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
