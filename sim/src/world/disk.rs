//! The ledger's storage: one writer, which syncs together what waits together (services/workload/src/ledger.rs), and what faults do to it.
//!
//! Invariant: an entry that was handed in is written, or fails, whether its request still waits or not.

use std::collections::VecDeque;

use arena_proto::Timestamp;

use super::World;
use super::call::{Answer, CallRef, Stage};
use super::faults::Kind;
use super::flow::{Event, millis, took_ms};
use super::meter::Meter;
use super::noise::factor;
use super::physics::ENTRY_BYTES;
use super::places::ServiceIx;
use crate::queue::EntryId;

/// Entries that are synced together, at most.
const BATCH_MAX: usize = 64;
/// A write that the operating system refuses.
const REFUSAL_MS: f64 = 0.05;

#[derive(Debug, Clone, Copy)]
struct Entry {
    call: CallRef,
    began: Timestamp,
}

/// The writer, and who waits for it.
#[derive(Debug, Default)]
pub(super) struct Disk {
    waiting: VecDeque<Entry>,
    /// What is written now, and whether that fails.
    batch: Vec<Entry>,
    fails: bool,
    event: Option<EntryId>,
    /// Done while its process was stopped.
    stopped: bool,
    pub(super) meter: Meter,
}

impl Disk {
    /// Its process is gone.
    pub(super) fn clear(&mut self) {
        self.waiting.clear();
        self.batch.clear();
        self.stopped = false;
    }

    /// The ages of what waits, in milliseconds.
    pub(super) fn ages(&self, now: Timestamp) -> impl Iterator<Item = f64> + '_ {
        self.batch
            .iter()
            .chain(&self.waiting)
            .map(move |entry| took_ms(now, entry.began))
    }
}

impl World {
    /// A request hands an entry in.
    pub(super) fn write(&mut self, now: Timestamp, service: ServiceIx, call: CallRef) {
        if let Some(call) = self.calls.get_mut(call) {
            call.stage = Stage::Disk;
        }
        let Some(disk) = self.services[service.at()].disk.as_mut() else {
            return self.answer(now, call, Answer::Failed);
        };
        disk.meter.came += 1;
        disk.waiting.push_back(Entry { call, began: now });
        if disk.batch.is_empty() {
            self.begin_batch(now, service);
        }
    }

    fn begin_batch(&mut self, now: Timestamp, service: ServiceIx) {
        let state = &mut self.services[service.at()];
        let (Some(disk), Some(process)) = (state.disk.as_mut(), state.process.as_ref()) else {
            return;
        };
        let count = disk.waiting.len().min(BATCH_MAX);
        disk.batch = disk.waiting.drain(..count).collect();
        if disk.batch.is_empty() {
            return;
        }
        let mut refused = state.quota.is_some();
        let mut slow_ms = 0.0_f64;
        for inside in &process.inside {
            match inside.kind {
                Kind::StorageError(share) => refused |= state.chance.percent(share),
                Kind::StorageLatency(ms) => slow_ms = slow_ms.max(ms),
                _ => {}
            }
        }
        disk.fails = refused;
        let sync_ms = self.physics.sync_ms * factor(&mut state.chance, self.physics.spread);
        let takes_ms = if refused {
            REFUSAL_MS
        } else {
            slow_ms + sync_ms
        };
        disk.event = Some(
            self.events
                .push(now + millis(takes_ms), Event::Disk(service)),
        );
    }

    /// The writer has done what it was at.
    pub(super) fn written(&mut self, now: Timestamp, service: ServiceIx) {
        let state = &mut self.services[service.at()];
        let (Some(disk), Some(process)) = (state.disk.as_mut(), state.process.as_ref()) else {
            return;
        };
        disk.event = None;
        if process.held {
            disk.stopped = true;
            return;
        }
        let batch = std::mem::take(&mut disk.batch);
        let answer = if disk.fails {
            Answer::Failed
        } else {
            Answer::Right
        };
        for entry in &batch {
            disk.meter.ended(took_ms(now, entry.began), disk.fails);
            if !disk.fails {
                state.stored_bytes += ENTRY_BYTES;
            }
        }
        self.begin_batch(now, service);
        for entry in batch {
            self.answer(now, entry.call, answer);
        }
    }

    /// The process goes on, and with it its writer.
    pub(super) fn disk_goes_on(&mut self, now: Timestamp, service: ServiceIx) {
        let disk = self.services[service.at()].disk.as_mut();
        if disk.is_some_and(|disk| std::mem::take(&mut disk.stopped)) {
            self.written(now, service);
        }
    }

    /// The disk is not slow any more: a writer that waits goes on at once.
    pub(super) fn disk_is_fast(&mut self, now: Timestamp, service: ServiceIx) {
        let Some(disk) = self.services[service.at()].disk.as_mut() else {
            return;
        };
        if let Some(event) = disk.event.take() {
            self.events.cancel(event);
            let sync = millis(self.physics.sync_ms);
            disk.event = Some(self.events.push(now + sync, Event::Disk(service)));
        }
    }
}
