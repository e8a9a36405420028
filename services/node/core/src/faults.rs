//! The life of each fault: journal, apply, hold, revert, read back. The node owns it; whoever asked may be dead.
//!
//! Invariants: [`Output::Apply`] leaves here only after [`crate::Input::Journaled`] said that the entry is on the disk;
//! [`Output::EraseJournal`] only when there is nothing left to undo.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use arena_proto::{
    FaultId, FaultOperation, FaultReason, FaultRequest, FaultState, FaultStatus, NodeName,
    ProcessState, ServiceName, Timestamp,
};

use crate::catalogue::{Carrier, FaultKind};
use crate::commands::{read_saved, write_saved};
use crate::io::{Effect, Output, ProcessRef};
use crate::limits::{
    FAULT_LEASE_MIN, FAULT_TTL_MAX, FAULTS_MAX, REMEMBERED_MAX, REVERT_ATTEMPTS, REVERT_RETRY,
};
use crate::saved::JournalEntry;
use crate::service::Service;

/// How a fault will end once it is undone.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Ending {
    Reverted(FaultReason),
    /// It could not be made; undone in case that half of it was.
    Rejected(FaultReason, String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Phase {
    Journaling,
    Applying,
    Active,
    Reverting {
        ending: Ending,
        attempts: u32,
        /// `None` while an attempt is under way.
        retry_at: Option<Timestamp>,
    },
}

#[derive(Debug)]
struct Fault {
    id: FaultId,
    kind: FaultKind,
    service: ServiceName,
    process: ProcessRef,
    phase: Phase,
    /// It is to end, but the effect that is under way has to be answered first.
    ends: Option<FaultReason>,
    active_at: Option<Timestamp>,
    expires_at: Timestamp,
    /// The lease, and when it ends unless it is renewed.
    lease: Option<(Duration, Timestamp)>,
}

impl Fault {
    fn effect(&self, now: Timestamp) -> Effect {
        Effect {
            fault: self.id.clone(),
            kind: self.kind.clone(),
            service: self.service.clone(),
            process: self.process,
            ttl: self.expires_at.saturating_since(now),
        }
    }

    fn journal_entry(&self) -> JournalEntry {
        JournalEntry {
            id: self.id.clone(),
            fault: self.kind.name().to_owned(),
            params: self.kind.params(),
            service: self.service.clone(),
            process: self.process,
            expires_at_unix_nanos: self.expires_at.unix_nanos(),
        }
    }

    fn status(&self, node: &NodeName, now: Timestamp, state: FaultState) -> FaultStatus {
        FaultStatus {
            id: self.id.clone(),
            fault: self.kind.name().to_owned(),
            node: node.clone(),
            service: Some(self.service.clone()),
            state,
            reason: None,
            message: String::new(),
            at: now,
            active_at: self.active_at,
            expires_at: Some(self.expires_at),
            reverted_at: None,
            params: self.kind.params(),
        }
    }

    /// Why it should be over by now, if it should.
    fn end_reason(&self, now: Timestamp, service: Option<&Service>) -> Option<FaultReason> {
        let process = service.and_then(|service| service.process);
        let replaced = match self.kind.carrier() {
            Carrier::Process | Carrier::Leg => process != Some(self.process),
            // It killed the process itself; it is over when there is a new one.
            Carrier::Nothing => {
                process.is_some_and(|process| process != self.process)
                    && service.is_some_and(|service| service.state == ProcessState::Running)
            }
        };
        if replaced {
            Some(FaultReason::TargetReplaced)
        } else if now >= self.expires_at {
            Some(FaultReason::TtlExpired)
        } else if self.lease.is_some_and(|(_, until)| now >= until) {
            Some(FaultReason::LeaseExpired)
        } else {
            None
        }
    }

    /// When time alone changes something.
    fn due(&self) -> Option<Timestamp> {
        match &self.phase {
            Phase::Reverting { retry_at, .. } => *retry_at,
            _ if self.ends.is_some() => None,
            _ => {
                let lease = self.lease.map_or(self.expires_at, |(_, until)| until);
                Some(self.expires_at.min(lease))
            }
        }
    }
}

/// Every fault that matters still.
#[derive(Debug)]
pub(crate) struct FaultBook {
    node: NodeName,
    chaos: bool,
    /// At most [`FAULTS_MAX`], and those of the journal.
    faults: BTreeMap<FaultId, Fault>,
    /// Final statuses, oldest first; at most [`REMEMBERED_MAX`].
    finished: VecDeque<FaultStatus>,
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

    /// Undoes what a predecessor left.
    pub(crate) fn restore(
        &mut self,
        now: Timestamp,
        finished: &[String],
        journal: Vec<JournalEntry>,
        out: &mut Vec<Output>,
    ) {
        let node = self.node.clone();
        let read = |text: &String| read_saved::<FaultStatus>(&node, now, text);
        self.finished.extend(finished.iter().filter_map(read));
        for entry in journal {
            let Ok(kind) = FaultKind::parse(&entry.fault, &entry.params) else {
                // Of another version, which alone knows how to undo it; the entry stays for it.
                continue;
            };
            let fault = Fault {
                id: entry.id.clone(),
                kind,
                service: entry.service.clone(),
                process: entry.process,
                phase: Phase::Active,
                ends: None,
                active_at: None,
                expires_at: entry.expires_at(),
                lease: None,
            };
            self.faults.insert(entry.id.clone(), fault);
            self.begin_revert(now, &entry.id, FaultReason::AgentRestarted, out);
        }
    }

    /// Judges a request.
    pub(crate) fn request(
        &mut self,
        now: Timestamp,
        request: &FaultRequest,
        services: &BTreeMap<ServiceName, Service>,
        stopping: bool,
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
            FaultOperation::Revert => {
                self.end(now, &request.id, FaultReason::RevertRequested, out);
            }
            FaultOperation::Apply { .. } if self.faults.contains_key(&request.id) => {}
            FaultOperation::Apply { fault, service, .. } => {
                match self.admit(now, request, services, stopping) {
                    Ok(admitted) => {
                        out.push(Output::WriteJournal(admitted.journal_entry()));
                        self.faults.insert(admitted.id.clone(), admitted);
                    }
                    Err((reason, message)) => {
                        let status = FaultStatus {
                            id: request.id.clone(),
                            fault: fault.clone(),
                            node: self.node.clone(),
                            service: services.contains_key(service).then(|| service.clone()),
                            state: FaultState::Rejected,
                            reason: Some(reason),
                            message,
                            at: now,
                            active_at: None,
                            expires_at: None,
                            reverted_at: None,
                            params: BTreeMap::new(),
                        };
                        self.finish(status, out);
                    }
                }
            }
        }
    }

    /// Checks everything that can be checked before anything is done.
    fn admit(
        &self,
        now: Timestamp,
        request: &FaultRequest,
        services: &BTreeMap<ServiceName, Service>,
        stopping: bool,
    ) -> Result<Fault, (FaultReason, String)> {
        let FaultOperation::Apply {
            fault,
            service,
            ttl,
            lease,
            params,
        } = &request.operation
        else {
            return Err((FaultReason::Unsupported, "not a fault".to_owned()));
        };
        let refuse = |reason: FaultReason, message: String| Err((reason, message));
        if !self.chaos {
            let message = "faults are off: start the arena with --chaos".to_owned();
            return refuse(FaultReason::ChaosOff, message);
        }
        let kind =
            FaultKind::parse(fault, params).map_err(|error| (error.reason(), error.to_string()))?;
        check_times(now, request.at, *ttl, *lease)?;
        let Some(target) = services.get(service) else {
            let message = format!("{} has no service {service}", self.node);
            return refuse(FaultReason::UnknownTarget, message);
        };
        let process = match (target.state, target.process) {
            (ProcessState::Running, Some(process)) if !stopping => process,
            (state, _) => {
                let message = format!("faults are for running services; {service} is {state}");
                return refuse(FaultReason::NotAllowed, message);
            }
        };
        if kind.carrier() == Carrier::Leg && target.config.proxy_port.is_none() {
            let message = format!("{service} has no http health check, so it is not proxied");
            return refuse(FaultReason::Unsupported, message);
        }
        if self.faults.len() >= FAULTS_MAX {
            let message = format!("{} has {FAULTS_MAX} faults at once already", self.node);
            return refuse(FaultReason::Limit, message);
        }
        let twin = |other: &Fault| other.service == *service && other.kind.name() == kind.name();
        if let Some(other) = self.faults.values().find(|other| twin(other)) {
            let message = format!("{service} has a {} already: {}", kind.name(), other.id);
            return refuse(FaultReason::Limit, message);
        }
        Ok(Fault {
            id: request.id.clone(),
            kind,
            service: service.clone(),
            process,
            phase: Phase::Journaling,
            ends: None,
            active_at: None,
            expires_at: now + *ttl,
            lease: lease.map(|lease| (lease, now + lease)),
        })
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
                let message = format!("the undo journal cannot be written: {cause}");
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
                    ending: Ending::Rejected(reason, message),
                    attempts: 1,
                    retry_at: None,
                };
                out.push(Output::Revert(fault.effect(now)));
            }
        }
    }

    /// Ends a fault now, or as soon as what is under way has been answered.
    fn end(&mut self, now: Timestamp, id: &FaultId, reason: FaultReason, out: &mut Vec<Output>) {
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

    fn begin_revert(
        &mut self,
        now: Timestamp,
        id: &FaultId,
        reason: FaultReason,
        out: &mut Vec<Output>,
    ) {
        let Some(fault) = self.faults.get_mut(id) else {
            return;
        };
        if fault.kind.carrier() == Carrier::Nothing {
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

    /// The service's inbound leg was set up anew.
    pub(crate) fn leg_reset(
        &mut self,
        now: Timestamp,
        service: &ServiceName,
        out: &mut Vec<Output>,
    ) {
        let in_leg =
            |fault: &Fault| fault.service == *service && fault.kind.carrier() == Carrier::Leg;
        for id in self.ids(in_leg) {
            self.end(now, &id, FaultReason::TargetRecovered, out);
        }
    }

    /// Ends what should be over, and tries again what could not be undone.
    pub(crate) fn settle(
        &mut self,
        now: Timestamp,
        services: &BTreeMap<ServiceName, Service>,
        stopping: bool,
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
            let reason = if stopping {
                Some(FaultReason::RevertRequested)
            } else {
                fault.end_reason(now, services.get(&fault.service))
            };
            if let Some(reason) = reason {
                self.end(now, &id, reason, out);
            }
        }
    }

    fn ids(&self, wanted: impl Fn(&Fault) -> bool) -> Vec<FaultId> {
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

    /// For [`FaultBook::restore`].
    pub(crate) fn saved(&self) -> Vec<String> {
        self.finished.iter().map(write_saved).collect()
    }
}

fn check_times(
    now: Timestamp,
    asked_at: Timestamp,
    ttl: Duration,
    lease: Option<Duration>,
) -> Result<(), (FaultReason, String)> {
    if ttl > FAULT_TTL_MAX {
        let message = format!("ttl must be at most {} s", FAULT_TTL_MAX.as_secs());
        return Err((FaultReason::BadParameter, message));
    }
    if lease.is_some_and(|lease| lease < FAULT_LEASE_MIN) {
        let message = format!("lease must be at least {} s", FAULT_LEASE_MIN.as_secs());
        return Err((FaultReason::BadParameter, message));
    }
    // One that waited in the stream while the node was away is not what anybody wants now.
    if now >= asked_at + ttl {
        let message = "its time to live had passed when it arrived".to_owned();
        return Err((FaultReason::TtlExpired, message));
    }
    Ok(())
}
