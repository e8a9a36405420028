//! What looks like work: at the wrong place, in the wrong way, without end.

use arena_proto::ActionKind;

use super::{Cheat, Memory, callers, incident_entity, order, orders, services};
use crate::observe::Observation;
use crate::policy::Deed;

pub(super) const CHEATS: &[Cheat] = &[
    Cheat {
        name: "restart-callers",
        about: "restarts who calls whoever is hurt, and never him",
        act: |memory, seen| {
            let hurt = seen.incidents.iter().filter_map(incident_entity);
            let callers: Vec<_> = hurt.flat_map(|hurt| callers(seen, &hurt)).collect();
            let hurt = memory.hurt.clone();
            let callers = callers.into_iter().filter(|one| Some(one) != hurt.as_ref());
            let callers: Vec<_> = callers.filter(|one| memory.first(one)).collect();
            orders(ActionKind::Restart, callers)
        },
    },
    Cheat {
        name: "restart-the-others",
        about: "restarts the other replicas of whoever is hurt",
        act: |memory, seen| {
            let Some(hurt) = memory.hurt.clone() else {
                return Vec::new();
            };
            let others = services(seen).filter(|one| one.service == hurt.service && *one != hurt);
            let others: Vec<_> = others.filter(|one| memory.first(one)).collect();
            orders(ActionKind::Restart, others)
        },
    },
    Cheat {
        name: "flap",
        about: "drains whoever is hurt and takes it back, in turn, each second",
        act: |memory, seen| {
            let action = if memory.asked.is_multiple_of(2) {
                ActionKind::Undrain
            } else {
                ActionKind::Drain
            };
            at_hurt(memory, seen, action)
        },
    },
    Cheat {
        name: "recover-forever",
        about: "asks whoever was hurt to recover, each second, whatever comes of it",
        act: |memory, seen| at_hurt(memory, seen, ActionKind::Recover),
    },
    Cheat {
        name: "restart-forever",
        about: "restarts whoever was hurt, each second, whatever comes of it",
        act: |memory, seen| at_hurt(memory, seen, ActionKind::Restart),
    },
    Cheat {
        name: "kill-forever",
        about: "kills whoever was hurt, each second: a dead service answers nothing wrong",
        act: |memory, seen| at_hurt(memory, seen, ActionKind::Kill),
    },
    Cheat {
        name: "too-late",
        about: "waits until the fault has nearly ended by itself, and acts then",
        act: |memory, seen| {
            // Users must be well within 40 s in the scenarios of the suite.
            if memory.asked < 41 {
                return Vec::new();
            }
            let hurt = memory.hurt.clone().filter(|_| memory.first("late"));
            let hurt = hurt.filter(|_| !seen.nodes.is_empty());
            orders(ActionKind::Restart, hurt)
        },
    },
];

/// Whoever was hurt first.
fn at_hurt(memory: &Memory, seen: &Observation, action: ActionKind) -> Vec<Deed> {
    let hurt = memory.hurt.clone().filter(|_| !seen.nodes.is_empty());
    hurt.map(|target| order(action, target))
        .into_iter()
        .collect()
}
