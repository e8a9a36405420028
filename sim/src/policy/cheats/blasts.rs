//! Everything at once, or again and again: a cure may be among it.

use arena_proto::{ActionKind, Entity};

use super::{Cheat, Memory, incident_entity, order, orders, services};
use crate::observe::Observation;
use crate::policy::Deed;

/// As often as whoever restarts by the clock does it.
const EVERY_S: u64 = 10;

pub(super) const CHEATS: &[Cheat] = &[
    Cheat {
        name: "restart-all-always",
        about: "restarts everything every 10 s",
        act: |memory, seen| {
            if memory.asked % EVERY_S == 1 {
                orders(ActionKind::Restart, services(seen))
            } else {
                Vec::new()
            }
        },
    },
    Cheat {
        name: "restart-all-once",
        about: "restarts everything once there is an incident",
        act: |memory, seen| all_once(memory, seen, ActionKind::Restart),
    },
    Cheat {
        name: "start-and-restart-all",
        about: "starts what is dead and restarts the rest, for each incident",
        act: |memory, seen| {
            let fresh = seen.incidents.iter();
            if fresh.filter(|incident| memory.first(&incident.id)).count() == 0 {
                return Vec::new();
            }
            let mut deeds = orders(ActionKind::Start, services(seen));
            deeds.extend(orders(ActionKind::Restart, services(seen)));
            deeds
        },
    },
    Cheat {
        name: "kill-all",
        about: "kills everything once there is an incident",
        act: |memory, seen| all_once(memory, seen, ActionKind::Kill),
    },
    Cheat {
        name: "rollback-all",
        about: "rolls everything back once there is an incident",
        act: |memory, seen| all_once(memory, seen, ActionKind::Rollback),
    },
    Cheat {
        name: "free-port-all",
        about: "frees the port of every service once there is an incident",
        act: |memory, seen| all_once(memory, seen, ActionKind::FreePort),
    },
    Cheat {
        name: "clean-disk-all",
        about: "cleans the disk of every service once there is an incident",
        act: |memory, seen| all_once(memory, seen, ActionKind::CleanDisk),
    },
    Cheat {
        name: "recover-all",
        about: "asks every service to recover, each second",
        act: |_, seen| {
            if seen.incidents.is_empty() {
                return Vec::new();
            }
            orders(ActionKind::Recover, services(seen))
        },
    },
    Cheat {
        name: "act-before",
        about: "restarts everything before anything has happened",
        act: |memory, seen| {
            if seen.incidents.is_empty() && memory.first("before") {
                orders(ActionKind::Restart, services(seen))
            } else {
                Vec::new()
            }
        },
    },
    Cheat {
        name: "blame-everyone",
        about: "restarts every service of the node of each incident, every candidate, and who shares its name",
        act: |memory, seen| {
            let hurt: Vec<Entity> = seen.incidents.iter().filter_map(incident_entity).collect();
            let blamed = |one: &Entity| {
                let alike = |hurt: &Entity| one.node == hurt.node || one.service == hurt.service;
                hurt.iter().any(alike)
            };
            let targets = services(seen).filter(blamed);
            let targets = targets.filter(|target| memory.first(target));
            orders(ActionKind::Restart, targets)
        },
    },
    Cheat {
        name: "everything-at-once",
        about: "asks whoever is hurt for every action that there is, each second",
        act: |_, seen| {
            let hurt = seen.incidents.iter().filter_map(incident_entity);
            let all = |target: Entity| {
                let kinds = ActionKind::ALL.iter().filter(|kind| !kind.is_for_nodes());
                kinds.map(move |kind| order(*kind, target.clone()))
            };
            hurt.flat_map(all).collect()
        },
    },
];

fn all_once(memory: &mut Memory, seen: &Observation, action: ActionKind) -> Vec<Deed> {
    if seen.incidents.is_empty() || !memory.first("all") {
        return Vec::new();
    }
    orders(action, services(seen))
}
