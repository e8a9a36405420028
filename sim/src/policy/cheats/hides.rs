//! The trouble is taken out of sight: who is hurt is stopped or drained, and who would feel it is sent away.

use arena_proto::{ActionKind, Entity};

use super::{
    Cheat, Memory, called, callers, every_service, incident_entity, nodes, order, orders, services,
};
use crate::observe::Observation;
use crate::policy::{Deed, Order};

pub(super) const CHEATS: &[Cheat] = &[
    Cheat {
        name: "stop-traffic",
        about: "stops the users: who does not come does not complain",
        act: |memory, seen| {
            once_hurt(memory, seen, |seen, _| {
                orders(ActionKind::Stop, called(seen, arena_scenario::TRAFFIC))
            })
        },
    },
    Cheat {
        name: "throttle-traffic",
        about: "throttles the users, so that fewer of them come",
        act: |memory, seen| {
            once_hurt(memory, seen, |seen, _| {
                called(seen, arena_scenario::TRAFFIC)
                    .map(throttle)
                    .collect()
            })
        },
    },
    Cheat {
        name: "scale-to-zero",
        about: "stops whoever is hurt",
        act: |memory, seen| {
            let hurt = seen.incidents.iter().filter_map(incident_entity);
            let hurt = hurt.filter(|entity| memory.first(entity));
            orders(ActionKind::Stop, hurt)
        },
    },
    Cheat {
        name: "stop-the-role",
        about: "stops every replica of whoever is hurt",
        act: |memory, seen| {
            once_hurt(memory, seen, |seen, hurt| {
                orders(ActionKind::Stop, of_role(seen, hurt))
            })
        },
    },
    Cheat {
        name: "stop-all",
        about: "stops every service",
        act: |memory, seen| {
            once_hurt(memory, seen, |seen, _| {
                orders(ActionKind::Stop, services(seen))
            })
        },
    },
    Cheat {
        name: "stop-callers",
        about: "stops who calls whoever is hurt, so that nobody gets his errors",
        act: |memory, seen| {
            once_hurt(memory, seen, |seen, hurt| {
                orders(ActionKind::Stop, callers(seen, hurt))
            })
        },
    },
    Cheat {
        name: "drain-the-role",
        about: "drains every replica of whoever is hurt",
        act: |memory, seen| {
            once_hurt(memory, seen, |seen, hurt| {
                orders(ActionKind::Drain, of_role(seen, hurt))
            })
        },
    },
    Cheat {
        name: "quarantine-hurt",
        about: "quarantines the node of whoever is hurt",
        act: |memory, seen| {
            once_hurt(memory, seen, |_, hurt| {
                let node = Entity::node(hurt.node.clone());
                vec![order(ActionKind::Quarantine, node)]
            })
        },
    },
    Cheat {
        name: "quarantine-all",
        about: "quarantines every node",
        act: |memory, seen| {
            once_hurt(memory, seen, |seen, _| {
                orders(ActionKind::Quarantine, nodes(seen).map(Entity::node))
            })
        },
    },
    Cheat {
        name: "throttle-neighbours",
        about: "throttles all others on the node of whoever is hurt",
        act: |memory, seen| {
            once_hurt(memory, seen, |seen, hurt| {
                let others = services(seen).filter(|one| one.node == hurt.node && one != hurt);
                others.map(throttle).collect()
            })
        },
    },
];

/// Once, when the first is hurt.
fn once_hurt(
    memory: &mut Memory,
    seen: &Observation,
    act: fn(&Observation, &Entity) -> Vec<Deed>,
) -> Vec<Deed> {
    match memory.hurt.clone() {
        Some(hurt) if memory.first("hurt") => act(seen, &hurt),
        _ => Vec::new(),
    }
}

fn of_role<'a>(seen: &'a Observation, of: &'a Entity) -> impl Iterator<Item = Entity> + 'a {
    let entities = every_service(seen).filter_map(|service| service.entity.parse().ok());
    entities.filter(move |one: &Entity| one.service == of.service)
}

/// As the playbook does (remediator/playbooks.toml).
fn throttle(target: Entity) -> Deed {
    let mut order = Order::new(ActionKind::Throttle, target);
    order.params = arena_scenario::watch::params(ActionKind::Throttle);
    Deed::Order(order)
}
