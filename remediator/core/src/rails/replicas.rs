//! Enough replicas must stay up: an action that takes a replica away waits until enough others can take its requests.
//!
//! At least half of a service's replicas, rounded up, have to be up after the action: the half because the others then
//! get at most twice their load, rounded up because with three replicas the one that would be left gets three times its
//! own. A service with one replica is exempt (nothing could ever be done for it), and so is a replica that is not up: it
//! gives no capacity that could be taken.
//!
//! A replica that is being acted on, or whose action is not verified yet, is not up; nor is one with an open incident. Where
//! several are hurt they are treated one after the other, first come, first served: the younger incident waits.

use std::collections::BTreeMap;

use arena_proto::{
    ActionKind, Entity, NodeName, NodeStatus, Number, ProcessState, ServiceName, ServiceStatus,
};

use super::{Rail, Refusal, numbers};
use crate::book::Book;
use crate::case::{Case, Stage};
use crate::graph::Graph;

/// Does it take the replica away, if only for a moment?
fn takes_away(action: ActionKind) -> bool {
    use ActionKind::{Drain, Kill, Quarantine, Restart, Rollback, Stop};
    matches!(
        action,
        Restart | Stop | Kill | Drain | Rollback | Quarantine
    )
}

/// Are enough replicas left after this action?
pub(super) fn replicas(
    book: &Book,
    statuses: &BTreeMap<NodeName, NodeStatus>,
    case: &Case,
    action: ActionKind,
    target: &Entity,
) -> Result<(), Refusal> {
    if !takes_away(action) {
        return Ok(());
    }
    for service in Graph(statuses).touched(target) {
        enough(book, statuses, case, &target.node, &service)?;
    }
    Ok(())
}

fn enough(
    book: &Book,
    statuses: &BTreeMap<NodeName, NodeStatus>,
    case: &Case,
    node: &NodeName,
    service: &ServiceName,
) -> Result<(), Refusal> {
    let (mut all, mut left, mut taken) = (0_u32, 0_u32, false);
    for (at, status) in statuses {
        let replicas = status
            .services
            .iter()
            .filter(|other| other.name == *service);
        for replica in replicas.filter(|replica| is_wanted(replica)) {
            all += 1;
            let entity = Entity {
                node: at.clone(),
                service: Some(service.clone()),
            };
            let up = is_up(status, replica) && book.flight_on(&entity).is_none();
            if at == node {
                taken |= up;
            } else {
                left += u32::from(up && !is_in_doubt(book, case, &entity));
            }
        }
    }
    let needed = all.div_ceil(2);
    if all <= 1 || !taken || left >= needed {
        return Ok(());
    }
    let sentence = format!(
        "{left} of {all} replicas of {service} would be left up, and at least {needed} (half of them) have to be"
    );
    Err(Refusal {
        about: service.to_string(),
        numbers: numbers([
            ("replicas", Number::from(all)),
            ("replicas_left", Number::from(left)),
            ("replicas_min", Number::from(needed)),
        ]),
        ..Refusal::new(Rail::Replicas, sentence)
    })
}

/// Is it hurt since before this incident, or is it not known yet what came of an action on it?
fn is_in_doubt(book: &Book, case: &Case, replica: &Entity) -> bool {
    let age = |case: &Case| (case.event.opened_at, case.event.id.clone());
    book.unresolved().any(|other| {
        let is_hurt = other.cleared_since.is_none() && other.event.entity == *replica;
        let is_verified =
            matches!(&other.stage, Stage::Verifying { flight, .. } if flight.target == *replica);
        is_verified || is_hurt && age(other) < age(case)
    })
}

/// A standby that nobody started yet, and what a person stopped, is no capacity that is missing.
fn is_wanted(replica: &ServiceStatus) -> bool {
    replica.state != ProcessState::Stopped
}

fn is_up(node: &NodeStatus, replica: &ServiceStatus) -> bool {
    replica.is_healthy() && !replica.detail.drained && !node.quarantined
}
