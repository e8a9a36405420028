//! The agent's folder: where everything is, the state file, and the undo journal. A thread of its own writes, so that
//! a slow disk delays no exit notice.
//!
//! Invariants: the state file is replaced as a whole; a journal entry is on the disk, synced, before its
//! `Journaled` is told.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, bail};
use arena_node_core::{Input, JournalEntry, Saved};
use arena_proto::{FaultId, ServiceName};
use rustix::fs::{FlockOperation, flock};
use tokio::sync::mpsc;

/// Writes that may wait for the disk: many times what the faults at once can ask for. The agent's loop never waits here,
/// however long a disk is stuck: a fault is only made once its entry is written, and of the states the last one counts.
const WRITES_MAX: usize = 256;

/// The extension of a journal entry that is being written.
const NEXT: &str = "next";

/// A Unix socket's path has 108 bytes, with its final zero.
const SOCKET_PATH_MAX: usize = 107;

/// The paths in the agent's folder.
#[derive(Debug, Clone)]
pub(crate) struct Folders {
    root: PathBuf,
    sockets: PathBuf,
}

impl Folders {
    /// Makes what is missing.
    pub(crate) fn create(root: &Path) -> anyhow::Result<Self> {
        let make = |path: &Path| {
            fs::create_dir_all(path).with_context(|| format!("cannot make {}", path.display()))
        };
        make(root)?;
        let root =
            fs::canonicalize(root).with_context(|| format!("cannot use {}", root.display()))?;
        make(&root.join("journal"))?;
        make(&root.join("logs"))?;
        let sockets = socket_folder(&root);
        make(&sockets)?;
        Ok(Self { root, sockets })
    }

    /// Keeps a second agent out of this folder for as long as the file is open.
    pub(crate) fn lock(&self) -> anyhow::Result<File> {
        let path = self.root.join("lock");
        let mut file = File::options()
            .create(true)
            .append(true)
            .open(&path)
            .with_context(|| format!("cannot open {}", path.display()))?;
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            let holder = fs::read_to_string(&path).unwrap_or_default();
            bail!(
                "{} is in use by another agent (pid {}): stop it, or give another --state-dir",
                self.root.display(),
                holder.trim()
            );
        }
        file.set_len(0)?;
        writeln!(file, "{}", std::process::id())?;
        Ok(file)
    }

    pub(crate) fn log(&self, service: &ServiceName) -> PathBuf {
        self.root.join("logs").join(format!("{service}.log"))
    }

    /// Where a service runs that names no folder of its own.
    pub(crate) fn work(&self, service: &ServiceName) -> PathBuf {
        let path = self.root.join("work").join(service.as_str());
        // When it cannot be made, starting the service says so.
        let _ = fs::create_dir_all(&path);
        path
    }

    /// Where the control sockets are: of use only while services run, and perhaps outside the agent's folder.
    pub(crate) fn sockets(&self) -> PathBuf {
        self.sockets.clone()
    }

    pub(crate) fn control_socket(&self, service: &ServiceName) -> PathBuf {
        self.sockets.join(format!("{service}.sock"))
    }

    /// Records of what is throttled.
    pub(crate) fn throttles(&self) -> PathBuf {
        self.root.join("throttle")
    }

    fn state(&self) -> PathBuf {
        self.root.join("state.json")
    }

    /// Where and what a `disk-full` has made, beside its entry in the undo journal.
    pub(crate) fn disk_full(&self, fault: &FaultId) -> PathBuf {
        self.root.join("disk-full").join(format!("{fault}.json"))
    }

    /// The entry of a fault in the undo journal.
    pub(crate) fn journal(&self, fault: &FaultId) -> PathBuf {
        self.root.join("journal").join(format!("{fault}.json"))
    }
}

/// In the agent's folder; where that is too deep for a socket's path, in the machine's temporary one.
fn socket_folder(root: &Path) -> PathBuf {
    let longest = 1 + 63 + ".sock".len();
    let near = root.join("control");
    if near.as_os_str().len() + longest <= SOCKET_PATH_MAX {
        return near;
    }
    let path = root.as_os_str().as_encoded_bytes();
    let name = arena_proto::fnv1a(path.iter().copied());
    std::env::temp_dir().join(format!("arena-{name:016x}"))
}

/// The state file.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub(crate) struct State {
    /// What the core wants kept.
    pub(crate) core: Saved,
    /// The sidecar's ports: services that live on know them by their environment.
    pub(crate) ports: Ports,
}

/// The ports of the sidecar's legs.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub(crate) struct Ports {
    /// By service.
    pub(crate) inbound: BTreeMap<ServiceName, u16>,
    /// By service and dependency, as `service/dependency`.
    pub(crate) outbound: BTreeMap<String, u16>,
}

/// Reads what a predecessor left. A state file that cannot be read is like none: the services are found by their
/// environment.
pub(crate) fn load(folders: &Folders) -> anyhow::Result<(State, Vec<JournalEntry>)> {
    let state = match fs::read(folders.state()) {
        Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_else(|error| {
            tracing::warn!(%error, "the state file cannot be read: starting without");
            State::default()
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => State::default(),
        Err(error) => return Err(error).context("cannot read the state file"),
    };
    let mut journal = Vec::new();
    for entry in fs::read_dir(folders.root.join("journal"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == NEXT) {
            // Half written: its fault was never made.
            fs::remove_file(&path)?;
            continue;
        }
        let entry = fs::read(&path).map_err(anyhow::Error::from);
        match entry.and_then(|bytes| Ok(serde_json::from_slice(&bytes)?)) {
            Ok(entry) => journal.push(entry),
            // Of another version, perhaps, which alone knows how to undo it.
            Err(error) => tracing::warn!(
                path = %path.display(),
                "an entry of the undo journal cannot be read, and stays: {error:#}"
            ),
        }
    }
    Ok((state, journal))
}

#[derive(Debug)]
enum Write {
    /// The [`Latest`].
    State,
    Journal(JournalEntry),
    Erase(FaultId),
}

/// The state that is to be written next.
type Latest = Arc<Mutex<Option<State>>>;

/// Writes in the background, in order.
#[derive(Debug)]
pub(crate) struct Store {
    latest: Latest,
    writes: Option<SyncSender<Write>>,
    thread: Option<std::thread::JoinHandle<()>>,
    ports: Ports,
}

impl Store {
    /// Starts the thread; it tells of journal entries on `inputs`.
    pub(crate) fn start(
        folders: Folders,
        ports: Ports,
        inputs: mpsc::Sender<Input>,
    ) -> anyhow::Result<Self> {
        let (writes, queue) = sync_channel(WRITES_MAX);
        let latest = Latest::default();
        let to_write = Arc::clone(&latest);
        let thread = std::thread::Builder::new()
            .name("disk".to_owned())
            .spawn(move || write_all(&folders, &queue, &to_write, &inputs))
            .context("cannot start a thread")?;
        Ok(Self {
            latest,
            writes: Some(writes),
            thread: Some(thread),
            ports,
        })
    }

    fn send(&self, write: Write) {
        if let Some(writes) = &self.writes {
            // The thread ends only with the store.
            let _ = writes.send(write);
        }
    }

    pub(crate) fn save(&self, core: Saved) {
        let state = State {
            core,
            ports: self.ports.clone(),
        };
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        // One that waits is written in this one's place: however many there are, the queue has room for the journal.
        let waits = latest.replace(state).is_some();
        drop(latest);
        if let Some(writes) = self.writes.as_ref().filter(|_| !waits) {
            // A full queue is no loss: the state is looked for after each write.
            let _ = writes.try_send(Write::State);
        }
    }

    pub(crate) fn journal(&self, entry: JournalEntry) {
        self.send(Write::Journal(entry));
    }

    pub(crate) fn erase(&self, fault: FaultId) {
        self.send(Write::Erase(fault));
    }
}

/// Waits until everything is written.
impl Drop for Store {
    fn drop(&mut self) {
        self.writes = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn write_all(
    folders: &Folders,
    queue: &Receiver<Write>,
    latest: &Latest,
    inputs: &mpsc::Sender<Input>,
) {
    while let Ok(first) = queue.recv() {
        for write in std::iter::once(first).chain(std::iter::from_fn(|| queue.try_recv().ok())) {
            match write {
                Write::State => {}
                Write::Journal(entry) => {
                    let result = write_journal(folders, &entry).map_err(|error| error.to_string());
                    let _ = inputs.blocking_send(Input::Journaled {
                        fault: entry.id,
                        result,
                    });
                }
                Write::Erase(fault) => {
                    let gone = fs::remove_file(folders.journal(&fault));
                    if gone.is_err_and(|error| error.kind() != io::ErrorKind::NotFound) {
                        tracing::warn!(%fault, "cannot be taken out of the undo journal");
                    }
                }
            }
        }
        let state = latest.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Err(error)) = state.map(|state| write_state(folders, &state)) {
            tracing::error!(%error, "the state file cannot be written");
        }
    }
}

fn write_journal(folders: &Folders, entry: &JournalEntry) -> io::Result<()> {
    let path = folders.journal(&entry.id);
    let next = path.with_extension(NEXT);
    let mut file = File::create(&next)?;
    file.write_all(&serde_json::to_vec(entry)?)?;
    file.sync_all()?;
    fs::rename(next, path)?;
    // The entry's name is the folder's content.
    File::open(folders.root.join("journal"))?.sync_all()
}

/// Not synced: it has to outlive the agent, not the machine, whose processes are gone with it.
fn write_state(folders: &Folders, state: &State) -> io::Result<()> {
    let next = folders.root.join("state.json.next");
    fs::write(&next, serde_json::to_vec_pretty(state)?)?;
    fs::rename(next, folders.state())
}
