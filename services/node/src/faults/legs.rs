//! Which legs of the sidecar a fault is made in, by its target, `direction` and `to`; and its end, which is the same for every
//! fault that lives in legs: out of all of them. They live in the agent, so a dead agent leaves nothing of them.

use std::collections::BTreeSet;
use std::sync::Arc;

use arena_faults::Carrier;
use arena_node_core::Effect;
use arena_proto::{FaultReason, ServiceName};

use super::{Faults, Refusal};
use crate::sidecar::{Condition, Conditions, InboundLeg, OutboundLeg};

/// The leg that carries the requests to the target.
pub(super) fn inbound<'a>(
    faults: &'a Faults,
    effect: &Effect,
) -> Result<&'a Arc<InboundLeg>, Refusal> {
    let service = effect.service.as_ref();
    let leg = service.and_then(|service| faults.sidecar.inbound(service));
    leg.ok_or_else(|| {
        let message = "the service is not proxied: it has no http health check".to_owned();
        (FaultReason::Unsupported, message)
    })
}

/// The legs that carry the target's own requests: those to the dependency that `to` names, if it names one.
pub(super) fn outbound<'a>(
    faults: &'a Faults,
    effect: &Effect,
) -> Result<Vec<&'a OutboundLeg>, Refusal> {
    let service = effect.service.as_ref();
    let all = service
        .into_iter()
        .flat_map(|service| faults.sidecar.outbound(service));
    let (who, to) = (who(faults, effect), effect.params.text("to"));
    to_named(&who, to, &all.collect::<Vec<_>>())
}

/// For messages: the service, or the node.
fn who(faults: &Faults, effect: &Effect) -> String {
    let service = effect.service.as_ref().map(ServiceName::as_str);
    service.unwrap_or(faults.node.as_str()).to_owned()
}

fn to_named<'a>(
    who: &str,
    to: &str,
    all: &[&'a OutboundLeg],
) -> Result<Vec<&'a OutboundLeg>, Refusal> {
    if all.is_empty() {
        let message = format!("{who} has no dependency in `depends_on`");
        return Err((FaultReason::Unsupported, message));
    }
    let is_meant = |leg: &&OutboundLeg| to.is_empty() || leg.dependency().as_str() == to;
    let meant: Vec<&OutboundLeg> = all.iter().copied().filter(is_meant).collect();
    if meant.is_empty() {
        // Services of one node share dependencies: each is told once.
        let known: BTreeSet<&str> = all.iter().map(|leg| leg.dependency().as_str()).collect();
        let known = Vec::from_iter(known).join(", ");
        let message = format!("to is {to}: {who} depends on {known}");
        return Err((FaultReason::BadParameter, message));
    }
    Ok(meant)
}

/// The conditions of the legs that `direction` and `to` mean. Of `both` those that there are.
pub(super) fn directed<'a>(
    faults: &'a Faults,
    effect: &Effect,
) -> Result<Vec<&'a Conditions>, Refusal> {
    let direction = effect.params.word("direction");
    if direction == "in" {
        refuse_to(effect)?;
    }
    let into = || Ok(vec![inbound(faults, effect)?.conditions()]);
    let out = || {
        let legs = outbound(faults, effect)?;
        Ok(legs.into_iter().map(OutboundLeg::conditions).collect())
    };
    match direction {
        "in" => into(),
        "out" => out(),
        _ => both(into(), out()),
    }
}

/// As [`directed`], of a whole node.
pub(super) fn of_node<'a>(
    faults: &'a Faults,
    effect: &Effect,
) -> Result<Vec<&'a Conditions>, Refusal> {
    let direction = effect.params.word("direction");
    if direction == "in" {
        refuse_to(effect)?;
    }
    let into = || {
        let legs: Vec<&Conditions> = faults.sidecar.all_inbound().collect();
        if legs.is_empty() {
            let message = format!("{} has no service with an http health check", faults.node);
            return Err((FaultReason::Unsupported, message));
        }
        Ok(legs)
    };
    let out = || {
        let all: Vec<&OutboundLeg> = faults.sidecar.all_outbound().collect();
        let legs = to_named(faults.node.as_str(), effect.params.text("to"), &all)?;
        Ok(legs.into_iter().map(OutboundLeg::conditions).collect())
    };
    match direction {
        "in" => into(),
        "out" => out(),
        _ => both(into(), out()),
    }
}

fn refuse_to(effect: &Effect) -> Result<(), Refusal> {
    if effect.params.text("to").is_empty() {
        return Ok(());
    }
    let message = "to is only of direction=out".to_owned();
    Err((FaultReason::BadParameter, message))
}

type Meant<'a> = Result<Vec<&'a Conditions>, Refusal>;

/// What there is of the two; a mistake in a parameter is told all the same.
fn both<'a>(one: Meant<'a>, other: Meant<'a>) -> Meant<'a> {
    match (one, other) {
        (Ok(one), Ok(other)) => Ok([one, other].concat()),
        (Ok(legs), Err((FaultReason::Unsupported, _)))
        | (Err((FaultReason::Unsupported, _)), Ok(legs)) => Ok(legs),
        (Err(refusal), _) | (_, Err(refusal)) => Err(refusal),
    }
}

/// Places a condition of its own in each.
pub(super) fn place(effect: &Effect, legs: Vec<&Conditions>, make: impl Fn() -> Condition) {
    let ends_with_leg = effect.name.fault().carrier == Carrier::Leg;
    for conditions in legs {
        conditions.place(&effect.fault, ends_with_leg, |_| make());
    }
}

pub(super) fn revert(faults: &Faults, effect: &Effect) -> Result<(), String> {
    faults.sidecar.remove(&effect.fault);
    if faults.sidecar.has(&effect.fault) {
        return Err("it is still in a leg of the sidecar".to_owned());
    }
    Ok(())
}
