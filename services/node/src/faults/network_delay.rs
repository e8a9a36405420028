//! `network-delay`: requests to the service wait in the sidecar's inbound leg. It lives in the agent, so a dead agent
//! leaves nothing of it.

use std::time::Duration;

use arena_node_core::Effect;
use arena_proto::FaultReason;

use super::{Faults, Refusal};
use crate::sidecar::Delay;

pub(super) fn apply(
    faults: &Faults,
    effect: &Effect,
    latency: Duration,
    jitter: Duration,
) -> Result<(), Refusal> {
    let leg = faults.sidecar.inbound(&effect.service).ok_or_else(|| {
        let message = format!("{} is not proxied", effect.service);
        (FaultReason::Unsupported, message)
    })?;
    leg.set_delay(Some(Delay { latency, jitter }));
    Ok(())
}

pub(super) fn revert(faults: &Faults, effect: &Effect) -> Result<(), String> {
    let Some(leg) = faults.sidecar.inbound(&effect.service) else {
        return Ok(());
    };
    leg.set_delay(None);
    match leg.delay() {
        None => Ok(()),
        Some(delay) => Err(format!("the leg still waits {:?}", delay.latency)),
    }
}
