//! The ledger's storage: one file that entries are appended to and synced, by a thread of its own.
//!
//! Invariants: an entry is acknowledged only after `fdatasync` returned; entries that wait together are synced together
//! (group commit); the file and its one predecessor are at most [`FILE_BYTES_MAX`] and a batch each.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

use crate::clock;
use crate::faults::StorageSites;
use crate::meter::{Meter, Token};
use crate::quota;

/// Hours of default traffic in two files, and nothing that a laptop misses.
const FILE_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// One group commit; as many as are served at once by default.
const BATCH_MAX: usize = 64;
/// A batch that takes longer means that the disk hangs. Above the longest `storage-latency`, which is slow and not hung.
const STUCK_AFTER: Duration = Duration::from_secs(15);

/// Why an entry was not stored.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StorageError {
    /// Opening, writing or syncing failed.
    #[error("storage: {0}")]
    Io(String),
    /// The writer ended.
    #[error("storage: the writer has ended")]
    Ended,
}

struct Entry {
    line: Vec<u8>,
    token: Token,
    done: oneshot::Sender<Result<(), StorageError>>,
}

/// Where entries are handed in.
pub(crate) struct Ledger {
    entries: mpsc::Sender<Entry>,
    shared: Arc<Shared>,
}

/// What the writer's thread and the others share.
struct Shared {
    meter: Meter,
    sites: StorageSites,
    folder: PathBuf,
    busy_since: Mutex<Option<Instant>>,
    reopen: AtomicBool,
}

impl Ledger {
    /// Opens the file, making its folder, and starts the writer.
    pub(crate) fn open(path: PathBuf) -> io::Result<Self> {
        let folder = folder_of(&path).to_owned();
        let mut file = LedgerFile::new(path);
        file.open()?;
        let (entries, queue) = mpsc::channel(BATCH_MAX);
        let shared = Arc::new(Shared {
            meter: Meter::default(),
            sites: StorageSites::default(),
            folder,
            busy_since: Mutex::default(),
            reopen: AtomicBool::new(false),
        });
        let writer = Writer {
            file,
            shared: Arc::clone(&shared),
        };
        std::thread::Builder::new()
            .name("ledger".into())
            .spawn(move || writer.run(queue))?;
        Ok(Self { entries, shared })
    }

    /// Stores one line. It is on the disk when this returns `Ok`.
    pub(crate) async fn append(&self, line: Vec<u8>) -> Result<(), StorageError> {
        let (done, stored) = oneshot::channel();
        let place = self
            .entries
            .reserve()
            .await
            .map_err(|_| StorageError::Ended)?;
        // From here the writer ends what the meter began, also when the client has gone.
        let token = self.shared.meter.begin(clock::now());
        place.send(Entry { line, token, done });
        stored.await.unwrap_or(Err(StorageError::Ended))
    }

    /// Milliseconds from handing in to synced, 95th percentile of the last second; `None` without writes.
    pub(crate) fn latency_p95_ms(&self) -> Option<f64> {
        self.shared.meter.read(clock::now()).latency_p95_ms
    }

    /// The writer lives and is not stuck.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.entries.is_closed() {
            return Err(StorageError::Ended.to_string());
        }
        let busy_since = *self
            .shared
            .busy_since
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match busy_since.map(|since| clock::now().saturating_duration_since(since)) {
            Some(busy) if busy > STUCK_AFTER => {
                Err(format!("storage: one write takes {} s", busy.as_secs()))
            }
            _ => Ok(()),
        }
    }

    /// Opens the file anew before the next write.
    pub(crate) fn reopen(&self) {
        self.shared.reopen.store(true, Ordering::Relaxed);
    }

    /// How full its folder is, see [`quota::used_percent`].
    pub(crate) fn used_percent(&self) -> Option<f64> {
        quota::used_percent(&self.shared.folder)
    }

    /// Where faults of the storage are put into effect.
    pub(crate) fn sites(&self) -> StorageSites {
        self.shared.sites.clone()
    }
}

struct Writer {
    file: LedgerFile,
    shared: Arc<Shared>,
}

impl Writer {
    /// Until every sender is gone and the queue is empty.
    fn run(mut self, mut queue: mpsc::Receiver<Entry>) {
        let mut batch = Vec::with_capacity(BATCH_MAX);
        while queue.blocking_recv_many(&mut batch, BATCH_MAX) > 0 {
            self.set_busy(Some(clock::now()));
            let stored = self.store(&batch).map_err(|error| error.to_string());
            if stored.is_err() {
                // Whatever is wrong with this descriptor, the next batch begins with a new one.
                self.file.close();
            }
            self.set_busy(None);
            for entry in batch.drain(..) {
                let failed = stored.is_err();
                self.shared.meter.end(entry.token, clock::now(), failed);
                // A client that has gone does not wait for its answer.
                let _ = entry.done.send(stored.clone().map_err(StorageError::Io));
            }
        }
    }

    fn store(&mut self, batch: &[Entry]) -> io::Result<()> {
        if self.shared.reopen.swap(false, Ordering::Relaxed) {
            self.file.close();
        }
        let mut bytes = Vec::new();
        for entry in batch {
            bytes.extend_from_slice(&entry.line);
            bytes.push(b'\n');
        }
        quota::check(&self.shared.folder, bytes.len() as u64)?;
        self.shared.sites.breakage.check()?;
        self.file.append(&bytes)?;
        self.shared.sites.slowdown.wait();
        self.file.sync()
    }

    fn set_busy(&self, since: Option<Instant>) {
        *self
            .shared
            .busy_since
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = since;
    }
}

/// The file, and its size so far.
struct LedgerFile {
    path: PathBuf,
    open: Option<(File, u64)>,
}

impl LedgerFile {
    fn new(path: PathBuf) -> Self {
        Self { path, open: None }
    }

    fn close(&mut self) {
        self.open = None;
    }

    fn open(&mut self) -> io::Result<&mut (File, u64)> {
        let opened = if let Some(open) = self.open.take() {
            open
        } else {
            let folder = folder_of(&self.path);
            std::fs::create_dir_all(folder)?;
            let mut options = OpenOptions::new();
            let file = options.create(true).append(true).open(&self.path)?;
            // Without this a new file's name may not survive what its content survives.
            File::open(folder)?.sync_all()?;
            let size = file.metadata()?.len();
            (file, size)
        };
        Ok(self.open.insert(opened))
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.open()?.1 >= FILE_BYTES_MAX {
            std::fs::rename(&self.path, self.path.with_extension("log.1"))?;
            self.close();
        }
        let (file, size) = self.open()?;
        file.write_all(bytes)?;
        *size += bytes.len() as u64;
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.open()?.0.sync_data()
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_file_makes_room_and_keeps_one_predecessor() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.log");
        let mut file = LedgerFile::new(path.clone());
        let megabyte = vec![b'x'; 1024 * 1024];
        for _ in 0..20 {
            file.append(&megabyte).unwrap();
        }
        file.sync().unwrap();
        let mut sizes: Vec<(String, u64)> = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                let name = entry.file_name().into_string().unwrap();
                (name, entry.metadata().unwrap().len() / 1024 / 1024)
            })
            .collect();
        sizes.sort();
        assert_eq!(
            sizes,
            [("ledger.log".to_owned(), 4), ("ledger.log.1".to_owned(), 8)]
        );
    }
}
