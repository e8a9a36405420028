//! Which faults the node takes: everything that can be checked before anything is done.

use std::collections::BTreeMap;
use std::time::Duration;

use arena_proto::{
    FaultOperation, FaultReason, FaultRequest, FaultState, FaultStatus, ProcessState, ServiceName,
    Timestamp,
};

use crate::catalogue::{Carrier, FaultKind};
use crate::fault::{Fault, Phase};
use crate::faults::FaultBook;
use crate::judge::Halt;
use crate::limits::{FAULT_LEASE_MIN, FAULT_TTL_MAX, FAULTS_MAX};
use crate::service::Service;

impl FaultBook {
    /// Checks everything that can be checked before anything is done.
    pub(crate) fn admit(
        &self,
        now: Timestamp,
        request: &FaultRequest,
        services: &BTreeMap<ServiceName, Service>,
        halt: Option<&Halt>,
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
        if let Some(halt) = halt {
            return refuse(FaultReason::NotAllowed, halt.sentence(&self.node));
        }
        let kind =
            FaultKind::parse(fault, params).map_err(|error| (error.reason(), error.to_string()))?;
        check_times(now, request.at, *ttl, *lease)?;
        let Some(target) = services.get(service) else {
            let message = format!("{} has no service {service}", self.node);
            return refuse(FaultReason::UnknownTarget, message);
        };
        let process = match (target.state, target.process) {
            (ProcessState::Running, Some(process)) => process,
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

    /// Of a request that nothing comes of; without a service.
    pub(crate) fn rejected(
        &self,
        now: Timestamp,
        request: &FaultRequest,
        reason: FaultReason,
        message: String,
    ) -> FaultStatus {
        let fault = match &request.operation {
            FaultOperation::Apply { fault, .. } => fault.clone(),
            FaultOperation::Renew | FaultOperation::Revert => String::new(),
        };
        FaultStatus {
            id: request.id.clone(),
            fault,
            node: self.node.clone(),
            service: None,
            state: FaultState::Rejected,
            reason: Some(reason),
            message,
            at: now,
            active_at: None,
            expires_at: None,
            reverted_at: None,
            params: BTreeMap::new(),
        }
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
