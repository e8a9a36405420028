//! `network-delay`: requests to the service wait in the sidecar's inbound leg. It lives in the agent, so a dead agent
//! leaves nothing of it.

use arena_node_core::Effect;
use arena_proto::FaultReason;

use super::{Faults, Refusal};
use crate::sidecar::Delay;

pub(super) fn apply(faults: &Faults, effect: &Effect) -> Result<(), Refusal> {
    let leg = effect.service.as_ref();
    let leg = leg.and_then(|service| faults.sidecar.inbound(service));
    let leg = leg.ok_or_else(|| {
        let message = "the service is not proxied".to_owned();
        (FaultReason::Unsupported, message)
    })?;
    leg.set_delay(Some(Delay {
        latency: effect.params.duration("latency"),
        jitter: effect.params.duration("jitter"),
    }));
    Ok(())
}

pub(super) fn revert(faults: &Faults, effect: &Effect) -> Result<(), String> {
    let leg = effect.service.as_ref();
    let Some(leg) = leg.and_then(|service| faults.sidecar.inbound(service)) else {
        return Ok(());
    };
    leg.set_delay(None);
    match leg.delay() {
        None => Ok(()),
        Some(delay) => Err(format!("the leg still waits {:?}", delay.latency)),
    }
}
