//! Which faults the node takes: everything that can be checked before anything is done.

use std::collections::BTreeMap;
use std::time::Duration;

use arena_faults::limits::{LEASE_MIN, PER_NODE_MAX, TTL_MAX};
use arena_faults::{Carrier, FaultName, Need, Scope};
use arena_proto::{
    FaultOperation, FaultReason, FaultRequest, FaultState, FaultStatus, ProcessState, ServiceName,
    Timestamp,
};

use crate::fault::{Fault, Phase};
use crate::faults::FaultBook;
use crate::io::ProcessRef;
use crate::judge::Halt;
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
        let bad = |error: arena_faults::CatalogueError| {
            let reason = if error.is_unknown_fault() {
                FaultReason::UnknownFault
            } else {
                FaultReason::BadParameter
            };
            (reason, error.to_string())
        };
        let kind = arena_faults::Fault::named(fault).map_err(bad)?;
        let params = kind.fill(params).map_err(bad)?;
        check_times(now, request.at, *ttl, *lease)?;
        let process = match (kind.scope, service) {
            (Scope::Service, None) => {
                let message = format!("{} is made in a service: name one", kind.name);
                return refuse(FaultReason::UnknownTarget, message);
            }
            (Scope::Node, Some(service)) => {
                let message = format!("{} is made in a node, not in {service}", kind.name);
                return refuse(FaultReason::UnknownTarget, message);
            }
            (_, None) => None,
            (_, Some(service)) => Some(self.judge_target(kind, service, services)?),
        };
        if self.faults.len() >= PER_NODE_MAX {
            let message = format!("{} has {PER_NODE_MAX} faults at once already", self.node);
            return refuse(FaultReason::Limit, message);
        }
        self.check_others(kind, service.as_ref())?;
        self.check_ceilings(kind, &params)?;
        Ok(Fault {
            id: request.id.clone(),
            name: kind.name,
            params,
            service: service.clone(),
            // Those of a definition are in the next process.
            process: process.filter(|_| kind.carrier != Carrier::Definition),
            phase: Phase::Journaling,
            ends: None,
            active_at: None,
            expires_at: now + *ttl,
            lease: lease.map(|lease| (lease, now + lease)),
            failed_starts: 0,
            held_until: None,
            note: String::new(),
        })
    }

    /// No other fault of the target is in the way of this one.
    fn check_others(
        &self,
        kind: &arena_faults::Fault,
        service: Option<&ServiceName>,
    ) -> Result<(), (FaultReason, String)> {
        let others = self.faults.values();
        let mut others = others.filter(|other| other.service.as_ref() == service);
        let in_the_way = others.find_map(|other| {
            if other.name == kind.name {
                let who = service.map_or(self.node.as_str(), ServiceName::as_str);
                let message = format!("{who} has a {} already: {}", kind.name, other.id);
                return Some((FaultReason::Limit, message));
            }
            // Both stop the process, and the end of either would set it going.
            (kind.name == FaultName::Hang && other.held_until.is_some()).then(|| {
                let message = format!("its start is held already, by {}", other.id);
                (FaultReason::NotAllowed, message)
            })
        });
        in_the_way.map_or(Ok(()), Err)
    }

    /// The process of a service that a fault can be made in.
    fn judge_target(
        &self,
        kind: &arena_faults::Fault,
        service: &ServiceName,
        services: &BTreeMap<ServiceName, Service>,
    ) -> Result<ProcessRef, (FaultReason, String)> {
        let Some(target) = services.get(service) else {
            let message = format!("{} has no service {service}", self.node);
            return Err((FaultReason::UnknownTarget, message));
        };
        let process = match (target.state, target.process) {
            (ProcessState::Running, Some(process)) => process,
            (state, _) => {
                let message = format!("faults are for running services; {service} is {state}");
                return Err((FaultReason::NotAllowed, message));
            }
        };
        let lacks = |need: &&Need| match need {
            Need::Proxied => target.config.proxy_port.is_none(),
            Need::Port => target.config.port.is_none(),
            Need::Dependency => target.config.depends_on.is_empty(),
            // Of one that has not told yet the shell finds out when the fault is made.
            Need::Itself => target
                .makes
                .as_ref()
                .is_some_and(|makes| !makes.iter().any(|made| made == kind.name.as_str())),
        };
        if let Some(need) = kind.needs.iter().find(lacks) {
            let message = format!(
                "{} needs {}, and {service} has none",
                kind.name,
                need.words()
            );
            return Err((FaultReason::Unsupported, message));
        }
        Ok(process)
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
    if ttl > TTL_MAX {
        let message = format!("ttl must be at most {} s", TTL_MAX.as_secs());
        return Err((FaultReason::BadParameter, message));
    }
    if lease.is_some_and(|lease| lease < LEASE_MIN) {
        let message = format!("lease must be at least {} s", LEASE_MIN.as_secs());
        return Err((FaultReason::BadParameter, message));
    }
    // One that waited in the stream while the node was away is not what anybody wants now.
    if now >= asked_at + ttl {
        let message = "its time to live had passed when it arrived".to_owned();
        return Err((FaultReason::TtlExpired, message));
    }
    Ok(())
}
