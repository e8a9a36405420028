//! The life of each fault: journal, apply, hold, revert, read back. The node owns it; whoever asked may be dead.
//!
//! Invariants: [`Output::Apply`] leaves here only after [`crate::Input::Journaled`] said that the entry is on the disk;
//! [`Output::EraseJournal`] only when there is nothing left to undo.

use std::collections::{BTreeMap, VecDeque};

use arena_faults::Carrier;
use arena_proto::{
    FaultId, FaultOperation, FaultReason, FaultRequest, FaultState, FaultStatus, NodeName,
    ServiceName, Timestamp,
};

use crate::fault::{Ending, Fault, Phase};
use crate::io::Output;
use crate::judge::Halt;
use crate::limits::{REMEMBERED_MAX, REVERT_ATTEMPTS, REVERT_RETRY};
use crate::service::Service;

/// Every fault that matters still.
#[derive(Debug)]
pub(crate) struct FaultBook {
    pub(crate) node: NodeName,
    pub(crate) chaos: bool,
    /// At most [`arena_faults::limits::PER_NODE_MAX`], and those of the journal.
    pub(crate) faults: BTreeMap<FaultId, Fault>,
    /// Final statuses, oldest first; at most [`REMEMBERED_MAX`].
    pub(crate) finished: VecDeque<FaultStatus>,
}

impl FaultBook {
    pub(crate) fn new(node: NodeName, chaos: bool) -> Self {
        Self {
            node,
            chaos,
            faults: BTreeMap::new(),
            finished: VecDeque::new(),
        }
    }

    /// Judges a request.
    pub(crate) fn request(
        &mut self,
        now: Timestamp,
        request: &FaultRequest,
        services: &BTreeMap<ServiceName, Service>,
        halt: Option<&Halt>,
        out: &mut Vec<Output>,
    ) {
        if let Some(status) = self.finished.iter().find(|done| done.id == request.id) {
            out.push(Output::FaultStatus(status.clone()));
            return;
        }
        match &request.operation {
            FaultOperation::Renew => {
                if let Some((lease, until)) = self
                    .faults
                    .get_mut(&request.id)
                    .and_then(|fault| fault.lease.as_mut())
                {
                    *until = now + *lease;
                }
            }
            FaultOperation::Revert if !self.faults.contains_key(&request.id) => {
                let message = format!("{} has no fault {}", self.node, request.id);
                // Remembered: an APPLY that is delivered again after this must not make it.
                let status = self.rejected(now, request, FaultReason::UnknownTarget, message);
                self.finish(status, out);
            }
            FaultOperation::Revert => {
                self.end(now, &request.id, FaultReason::RevertRequested, out);
            }
            FaultOperation::Apply { .. } if self.faults.contains_key(&request.id) => {}
            FaultOperation::Apply { service, .. } => {
                match self.admit(now, request, services, halt) {
                    Ok(admitted) => {
                        out.push(Output::WriteJournal(admitted.journal_entry()));
                        self.faults.insert(admitted.id.clone(), admitted);
                    }
                    Err((reason, message)) => {
                        let rejected = self.rejected(now, request, reason, message);
                        let service = service.clone().filter(|name| services.contains_key(name));
                        self.finish(
                            FaultStatus {
                                service,
                                ..rejected
                            },
                            out,
                        );
                    }
                }
            }
        }
    }

    pub(crate) fn journaled(
        &mut self,
        now: Timestamp,
        id: &FaultId,
        result: Result<(), String>,
        out: &mut Vec<Output>,
    ) {
        let Some(fault) = self
            .faults
            .get_mut(id)
            .filter(|fault| fault.phase == Phase::Journaling)
        else {
            return;
        };
        let refusal = match (result, fault.ends) {
            (Ok(()), None) => {
                fault.phase = Phase::Applying;
                out.push(Output::FaultStatus(fault.status(
                    &self.node,
                    now,
                    FaultState::Armed,
                )));
                out.push(Output::Apply(fault.effect(now)));
                return;
            }
            (Ok(()), Some(reason)) => (reason, "over before it was made".to_owned()),
            (Err(cause), _) => {
                let message = format!("the undo journal cannot be written: {}", cause.trim());
                (FaultReason::Unsupported, message)
            }
        };
        self.conclude(now, id, Ending::Rejected(refusal.0, refusal.1), out);
    }

    pub(crate) fn applied(
        &mut self,
        now: Timestamp,
        id: &FaultId,
        result: Result<(), (FaultReason, String)>,
        out: &mut Vec<Output>,
    ) {
        let Some(fault) = self
            .faults
            .get_mut(id)
            .filter(|fault| fault.phase == Phase::Applying)
        else {
            return;
        };
        match result {
            Ok(()) => {
                fault.phase = Phase::Active;
                fault.active_at = Some(now);
                out.push(Output::FaultStatus(fault.status(
                    &self.node,
                    now,
                    FaultState::Active,
                )));
                if let Some(reason) = fault.ends {
                    self.begin_revert(now, id, reason, out);
                }
            }
            Err((reason, message)) => {
                fault.phase = Phase::Reverting {
                    ending: Ending::Rejected(reason, message.trim().to_owned()),
                    attempts: 1,
                    retry_at: None,
                };
                out.push(Output::Revert(fault.effect(now)));
            }
        }
    }

    /// Ends a fault now, or as soon as what is under way has been answered.
    pub(crate) fn end(
        &mut self,
        now: Timestamp,
        id: &FaultId,
        reason: FaultReason,
        out: &mut Vec<Output>,
    ) {
        let Some(fault) = self.faults.get_mut(id) else {
            return;
        };
        match fault.phase {
            Phase::Journaling | Phase::Applying => {
                fault.ends.get_or_insert(reason);
            }
            Phase::Active => self.begin_revert(now, id, reason, out),
            Phase::Reverting { .. } => {}
        }
    }

    pub(crate) fn begin_revert(
        &mut self,
        now: Timestamp,
        id: &FaultId,
        reason: FaultReason,
        out: &mut Vec<Output>,
    ) {
        let Some(fault) = self.faults.get_mut(id) else {
            return;
        };
        if fault.carrier() == Carrier::Nothing {
            self.conclude(now, id, Ending::Reverted(reason), out);
            return;
        }
        fault.phase = Phase::Reverting {
            ending: Ending::Reverted(reason),
            attempts: 1,
            retry_at: None,
        };
        let status = FaultStatus {
            reason: Some(reason),
            ..fault.status(&self.node, now, FaultState::Reverting)
        };
        out.push(Output::FaultStatus(status));
        out.push(Output::Revert(fault.effect(now)));
    }

    pub(crate) fn reverted(
        &mut self,
        now: Timestamp,
        id: &FaultId,
        result: Result<(), String>,
        out: &mut Vec<Output>,
    ) {
        let Some(fault) = self.faults.get_mut(id) else {
            return;
        };
        let Phase::Reverting {
            ending,
            attempts,
            retry_at: retry_at @ None,
        } = &mut fault.phase
        else {
            return;
        };
        match result {
            Ok(()) => {
                let ending = ending.clone();
                self.conclude(now, id, ending, out);
            }
            Err(_) if *attempts < REVERT_ATTEMPTS => *retry_at = Some(now + REVERT_RETRY),
            Err(message) => {
                // The journal entry stays: the next start of the agent tries again.
                let status = FaultStatus {
                    message,
                    ..fault.status(&self.node, now, FaultState::RevertFailed)
                };
                self.faults.remove(id);
                self.finish(status, out);
            }
        }
    }

    /// Nothing of it is left: out of the journal, and told.
    fn conclude(&mut self, now: Timestamp, id: &FaultId, ending: Ending, out: &mut Vec<Output>) {
        let Some(fault) = self.faults.remove(id) else {
            return;
        };
        out.push(Output::EraseJournal(id.clone()));
        let status = match ending {
            Ending::Reverted(reason) => FaultStatus {
                reason: Some(reason),
                reverted_at: Some(now),
                ..fault.status(&self.node, now, FaultState::Reverted)
            },
            Ending::Rejected(reason, message) => FaultStatus {
                reason: Some(reason),
                message,
                ..fault.status(&self.node, now, FaultState::Rejected)
            },
        };
        self.finish(status, out);
    }

    fn finish(&mut self, status: FaultStatus, out: &mut Vec<Output>) {
        if self.finished.len() >= REMEMBERED_MAX {
            self.finished.pop_front();
        }
        self.finished.push_back(status.clone());
        out.push(Output::FaultStatus(status));
        out.push(Output::Save);
    }

    /// What it lived in is gone: it is undone all the same, so that nothing is left.
    pub(crate) fn gone(
        &mut self,
        now: Timestamp,
        id: &FaultId,
        message: String,
        out: &mut Vec<Output>,
    ) {
        if let Some(fault) = self.faults.get_mut(id).filter(|fault| fault.holds()) {
            fault.note = message;
            self.end(now, id, FaultReason::Cured, out);
        }
    }

    /// The service's inbound leg was set up anew.
    pub(crate) fn leg_reset(
        &mut self,
        now: Timestamp,
        service: &ServiceName,
        out: &mut Vec<Output>,
    ) {
        let in_leg = |fault: &Fault| {
            fault.service.as_ref() == Some(service) && fault.carrier() == Carrier::Leg
        };
        for id in self.ids(in_leg) {
            self.end(now, &id, FaultReason::TargetRecovered, out);
        }
    }

    /// Ends what should be over, and tries again what could not be undone.
    pub(crate) fn settle(
        &mut self,
        now: Timestamp,
        services: &BTreeMap<ServiceName, Service>,
        halted: bool,
        out: &mut Vec<Output>,
    ) {
        for id in self.ids(|_| true) {
            let Some(fault) = self.faults.get_mut(&id) else {
                continue;
            };
            if let Phase::Reverting {
                attempts, retry_at, ..
            } = &mut fault.phase
            {
                if retry_at.is_some_and(|at| now >= at) {
                    *attempts += 1;
                    *retry_at = None;
                    out.push(Output::Revert(fault.effect(now)));
                }
                continue;
            }
            let reason = if halted {
                Some(FaultReason::RevertRequested)
            } else {
                fault.end_reason(
                    now,
                    fault.service.as_ref().and_then(|name| services.get(name)),
                )
            };
            if let Some(reason) = reason {
                self.end(now, &id, reason, out);
            }
        }
        self.release(now, services, out);
    }

    pub(crate) fn ids(&self, wanted: impl Fn(&Fault) -> bool) -> Vec<FaultId> {
        self.faults
            .values()
            .filter(|fault| wanted(fault))
            .map(|fault| fault.id.clone())
            .collect()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.faults.is_empty()
    }

    pub(crate) fn due(&self) -> Option<Timestamp> {
        self.faults.values().filter_map(Fault::due).min()
    }
}
