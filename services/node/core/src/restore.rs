//! What one agent keeps of its faults, and what the next one makes of it: everything that was in effect is undone.

use arena_faults::Carrier;
use arena_proto::{FaultReason, FaultStatus, Timestamp};

use crate::commands::{read_saved, write_saved};
use crate::fault::{Fault, Phase};
use crate::faults::FaultBook;
use crate::io::{Found, Output, ProcessRef};
use crate::saved::{JournalEntry, Saved};

impl FaultBook {
    /// Undoes what a predecessor left.
    pub(crate) fn restore(
        &mut self,
        now: Timestamp,
        saved: &Saved,
        found: &[Found],
        journal: Vec<JournalEntry>,
        out: &mut Vec<Output>,
    ) {
        let node = self.node.clone();
        let read = |text: &String| read_saved::<FaultStatus>(&node, now, text);
        self.finished.extend(saved.faults.iter().filter_map(read));
        for entry in journal {
            let known = arena_faults::Fault::named(&entry.fault);
            let Ok((fault, params)) =
                known.and_then(|fault| Ok((fault, fault.fill(&entry.params)?)))
            else {
                // Of another version, which alone knows how to undo it; the entry stays for it.
                continue;
            };
            let fault = Fault {
                id: entry.id.clone(),
                name: fault.name,
                params,
                process: carrying_process(fault, &entry, saved, found),
                service: entry.service.clone(),
                phase: Phase::Active,
                ends: None,
                active_at: None,
                expires_at: entry.expires_at(),
                lease: None,
                failed_starts: 0,
                held_until: None,
                note: String::new(),
            };
            self.faults.insert(entry.id.clone(), fault);
            self.begin_revert(now, &entry.id, FaultReason::AgentRestarted, out);
        }
    }

    /// For [`FaultBook::restore`].
    pub(crate) fn saved(&self) -> Vec<String> {
        self.finished.iter().map(write_saved).collect()
    }
}

/// The process that a dead agent's fault may still be in.
fn carrying_process(
    kind: &arena_faults::Fault,
    entry: &JournalEntry,
    saved: &Saved,
    found: &[Found],
) -> Option<ProcessRef> {
    let service = entry.service.as_ref()?;
    let current = || {
        let alive = found.iter().find(|found| found.service == *service);
        alive.map(|found| found.process)
    };
    match kind.carrier {
        // A start after the entry was written.
        Carrier::Starts => current(),
        Carrier::Definition => saved
            .services
            .get(service)
            .filter(|saved| saved.spoiled)
            .and_then(|_| current()),
        _ => entry.process,
    }
}
