//! Who runs in a data folder: the lock that only one `arena up` has, and the record from which the next `up` and `down` know
//! what a killed one left behind.
//!
//! Invariant: a recorded process counts only on the boot it was recorded on, with its start time; a pid alone says nothing.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write as _};

use anyhow::Context as _;
use arena_proto::{NodeName, ServiceName};
use arena_supervisor::{Identity, identity_of};
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use super::data_dir::DataDir;
use super::plan::Stage;

/// Held by the `arena up` of a data folder; the kernel lets go of it whatever way the process ends.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock; `None` when another process has it.
    pub(crate) fn take(data: &DataDir) -> anyhow::Result<Option<Self>> {
        let path = data.lock();
        let open = || {
            let file = File::options().create(true).append(true).open(&path)?;
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => Ok(Some(Self { _file: file })),
                Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
                Err(error) => Err(io::Error::from(error)),
            }
        };
        open().with_context(|| format!("cannot lock {}", path.display()))
    }
}

/// `arena.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The boot of this machine on which it was written: pids and start times say nothing on another.
    pub boot_id: String,
    /// The `arena up`.
    pub up: Identity,
    /// Everything was started at least once.
    pub started: bool,
    /// What everybody connects to; may hold a password.
    pub nats_url: String,
    /// Where the recorder writes; may hold a password. Empty in a record of an earlier version.
    #[serde(default)]
    pub database: String,
    /// The trace viewer's pages.
    pub viewer: Option<String>,
    /// The dashboard.
    pub gateway: Option<String>,
    /// Faults are accepted.
    pub chaos: bool,
    /// The nodes, and the services that each should run.
    pub nodes: BTreeMap<NodeName, Vec<ServiceName>>,
    /// The components that run, in the order of their start.
    pub members: Vec<Member>,
}

/// A component that runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Member {
    /// What people call it.
    pub name: String,
    /// Its place in the order.
    pub stage: Stage,
    /// Its process.
    #[serde(flatten)]
    pub identity: Identity,
}

impl Record {
    /// What is recorded; `None` when nothing is, or when it was written before this machine was last started.
    pub(crate) fn read(data: &DataDir) -> anyhow::Result<Option<Self>> {
        let path = data.record();
        let text = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            text => text.with_context(|| format!("cannot read {}", path.display()))?,
        };
        let record: Self = serde_json::from_slice(&text)
            .with_context(|| format!("{} is damaged; remove it", path.display()))?;
        Ok(Some(record).filter(|record| record.boot_id == boot_id()))
    }

    /// The same, where a damaged record is as good as none: what runs is also found by its mark.
    pub(crate) fn read_or_say(data: &DataDir) -> Option<Self> {
        Self::read(data).unwrap_or_else(|error| {
            super::say(&format!("{error:#}"));
            None
        })
    }

    /// Writes it in one step: a reader sees the old or the new one, whole.
    pub(crate) fn write(&self, data: &DataDir) -> anyhow::Result<()> {
        let path = data.record();
        let unfinished = path.with_extension("json.new");
        let write = || {
            let mut file = File::create(&unfinished)?;
            // Only the owner: the URL may hold a password.
            rustix::fs::fchmod(&file, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR)?;
            file.write_all(&serde_json::to_vec_pretty(self)?)?;
            fs::rename(&unfinished, &path)
        };
        write().with_context(|| format!("cannot write {}", path.display()))
    }

    /// Removes it: nothing runs any more.
    pub(crate) fn remove(data: &DataDir) {
        // Not there is what is wanted; not removable harms nobody, since start times no longer match.
        let _ = fs::remove_file(data.record());
    }

    /// Whether the `arena up` that wrote it still runs.
    pub(crate) fn up_is_alive(&self) -> bool {
        identity_of(self.up.pid) == Some(self.up)
    }

    /// The process of a node's agent.
    pub(crate) fn node_pid(&self, node: &NodeName) -> Option<u32> {
        self.members
            .iter()
            .find(|member| member.stage == Stage::Node && member.name == node.as_str())
            .map(|member| member.identity.pid)
    }
}

/// Differs after each start of the machine; empty where the kernel does not say, and then equal to itself.
pub(crate) fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .map(|text| text.trim().to_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::up::data_dir::DataDirArgs;

    fn record() -> Record {
        let up = identity_of(std::process::id()).unwrap();
        Record {
            boot_id: boot_id(),
            up,
            started: true,
            nats_url: "nats://127.0.0.1:4222".to_owned(),
            database: String::new(),
            viewer: None,
            gateway: None,
            chaos: false,
            nodes: BTreeMap::new(),
            members: vec![Member {
                name: "nats".to_owned(),
                stage: Stage::Nats,
                identity: up,
            }],
        }
    }

    #[test]
    fn a_record_is_read_as_written_and_of_another_boot_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDirArgs {
            data_dir: Some(folder.path().to_owned()),
        }
        .open()
        .unwrap();
        assert_eq!(Record::read(&data).unwrap(), None);
        record().write(&data).unwrap();
        assert_eq!(Record::read(&data).unwrap(), Some(record()));
        Record {
            boot_id: "another".to_owned(),
            ..record()
        }
        .write(&data)
        .unwrap();
        assert_eq!(Record::read(&data).unwrap(), None);
        fs::write(data.record(), "{").unwrap();
        assert!(Record::read(&data).is_err());
    }

    #[test]
    fn a_pid_with_another_start_time_is_another_process() {
        let mut record = record();
        assert!(record.up_is_alive());
        record.up.start_time += 1;
        assert!(!record.up_is_alive());
    }

    #[test]
    fn only_one_has_the_lock_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDirArgs {
            data_dir: Some(folder.path().to_owned()),
        }
        .open()
        .unwrap();
        let lock = Lock::take(&data).unwrap();
        assert!(lock.is_some());
        assert!(Lock::take(&data).unwrap().is_none());
        drop(lock);
        assert!(Lock::take(&data).unwrap().is_some());
    }
}
