//! `storage-error`: a share of the ledger's writes fails, as the operating system would tell of a broken disk.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use rustix::io::Errno;

use super::timed::Timed;
use super::{Effect, Switch};
use crate::clock;
use crate::work::SplitMix;

/// What every write passes.
#[derive(Default)]
pub(crate) struct Breakage(Mutex<Timed<Share>>);

/// Of the writes.
struct Share {
    percent: u64,
    random: SplitMix,
}

impl Breakage {
    /// `EIO`, by chance, when that is in effect.
    pub(crate) fn check(&self) -> io::Result<()> {
        let fails = self
            .lock()
            .live(clock::now())
            .any(|(share, _)| share.random.below(100) < share.percent);
        if fails {
            return Err(Errno::IO.into());
        }
        Ok(())
    }

    /// Makes `percent` of the writes fail until `ends_at`. The same id draws the same lots.
    pub(super) fn fail(&self, id: &str, percent: u64, ends_at: Instant) {
        let seed = id.bytes().fold(0, |seed: u64, byte| {
            seed.wrapping_mul(31).wrapping_add(byte.into())
        });
        let random = SplitMix(seed);
        self.lock().insert(id, Share { percent, random }, ends_at);
    }

    fn lock(&self) -> MutexGuard<'_, Timed<Share>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Effect for Switch<Breakage> {
    fn is_live(&self, now: Instant) -> bool {
        self.site.lock().contains(&self.id, now)
    }

    fn end(&self) {
        self.site.lock().remove(&self.id);
    }
}
