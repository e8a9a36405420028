//! Which legs a fault is made in, by its target, `direction` and `to`, and what it places there (services/node/src/faults/legs.rs).

use std::collections::BTreeSet;
use std::time::Duration;

use arena_faults::{Carrier, FaultName};
use arena_node_core::Effect;
use arena_node_core::leg::Line;
use arena_proto::{FaultReason, Timestamp};

use super::Refusal;
use crate::world::World;
use crate::world::call::Answer;
use crate::world::leg::Condition;
use crate::world::places::{NodeIx, ServiceIx};
use crate::world::storm::Storm;

/// One leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meant {
    In(ServiceIx),
    Out(ServiceIx, usize),
}

impl World {
    /// `service` is the target; `None`: the whole node.
    pub(super) fn apply_in_legs(
        &mut self,
        now: Timestamp,
        node: NodeIx,
        service: Option<ServiceIx>,
        effect: &Effect,
    ) -> Result<(), Refusal> {
        let meant = match effect.name {
            FaultName::ErrorBurst | FaultName::Gray | FaultName::RetryStorm => {
                self.inbound_leg(service)?
            }
            FaultName::DependencyDown => self.outbound_legs(node, service, effect)?,
            _ => self.directed(node, service, effect)?,
        };
        let ends_with_leg = effect.name.fault().carrier == Carrier::Leg;
        for leg in meant {
            let condition = condition(now, effect, service.is_none());
            let (service, leg) = match leg {
                Meant::In(service) => (service, &mut self.services[service.at()].leg),
                Meant::Out(service, out) => {
                    (service, &mut self.services[service.at()].outs[out].leg)
                }
            };
            leg.place(&effect.fault, ends_with_leg, condition);
            self.touch(now, service);
            if effect.name == FaultName::RetryStorm {
                self.storm_due(now, service);
            }
        }
        Ok(())
    }

    fn inbound_leg(&self, service: Option<ServiceIx>) -> Result<Vec<Meant>, Refusal> {
        let proxied = service.filter(|service| self.places.services[service.at()].proxied);
        proxied
            .map(|service| vec![Meant::In(service)])
            .ok_or_else(|| {
                let why = "the service is not proxied: it has no http health check";
                (FaultReason::Unsupported, why.to_owned())
            })
    }

    fn inbound_legs(
        &self,
        node: NodeIx,
        service: Option<ServiceIx>,
    ) -> Result<Vec<Meant>, Refusal> {
        if service.is_some() {
            return self.inbound_leg(service);
        }
        let place = &self.places.nodes[node.at()];
        let proxied = place
            .services()
            .filter(|service| self.places.services[service.at()].proxied);
        let legs: Vec<Meant> = proxied.map(Meant::In).collect();
        if legs.is_empty() {
            let why = format!("{} has no service with an http health check", place.name);
            return Err((FaultReason::Unsupported, why));
        }
        Ok(legs)
    }

    fn outbound_legs(
        &self,
        node: NodeIx,
        service: Option<ServiceIx>,
        effect: &Effect,
    ) -> Result<Vec<Meant>, Refusal> {
        let place = &self.places.nodes[node.at()];
        let of = |service: ServiceIx| {
            let dependencies = self.places.services[service.at()]
                .depends_on
                .iter()
                .enumerate();
            dependencies.map(move |(out, name)| (Meant::Out(service, out), name.as_str()))
        };
        let all: Vec<(Meant, &str)> = match service {
            Some(service) => of(service).collect(),
            None => place.services().flat_map(of).collect(),
        };
        let who = service.map_or(place.name.as_str(), |service| {
            self.places.services[service.at()].name.as_str()
        });
        if all.is_empty() {
            let why = format!("{who} has no dependency in `depends_on`");
            return Err((FaultReason::Unsupported, why));
        }
        let to = effect.params.text("to");
        let meant = all.iter().filter(|(_, name)| to.is_empty() || *name == to);
        let meant: Vec<Meant> = meant.map(|(leg, _)| *leg).collect();
        if meant.is_empty() {
            let known: BTreeSet<&str> = all.iter().map(|(_, name)| *name).collect();
            let known = Vec::from_iter(known).join(", ");
            return Err((
                FaultReason::BadParameter,
                format!("to is {to}: {who} depends on {known}"),
            ));
        }
        Ok(meant)
    }

    fn directed(
        &self,
        node: NodeIx,
        service: Option<ServiceIx>,
        effect: &Effect,
    ) -> Result<Vec<Meant>, Refusal> {
        let into = || self.inbound_legs(node, service);
        let out = || self.outbound_legs(node, service, effect);
        match effect.params.word("direction") {
            "in" if !effect.params.text("to").is_empty() => Err((
                FaultReason::BadParameter,
                "to is only of direction=out".to_owned(),
            )),
            "in" => into(),
            "out" => out(),
            // What there is of the two; a mistake in a parameter is told all the same.
            _ => match (into(), out()) {
                (Ok(into), Ok(out)) => Ok([into, out].concat()),
                (Ok(legs), Err((FaultReason::Unsupported, _)))
                | (Err((FaultReason::Unsupported, _)), Ok(legs)) => Ok(legs),
                (Err(refusal), _) | (_, Err(refusal)) => Err(refusal),
            },
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a share of a hundred")]
fn condition(now: Timestamp, effect: &Effect, around_node: bool) -> Condition {
    let params = &effect.params;
    let share = || params.count("share") as f64;
    match effect.name {
        FaultName::NetworkDelay => Condition::Hold {
            share: 100.0,
            latency: params.duration("latency"),
            jitter: params.duration("jitter"),
        },
        FaultName::NetworkLoss if params.word("kind") == "reset" => {
            Condition::Cut { share: share() }
        }
        FaultName::NetworkLoss => Condition::Hold {
            share: share(),
            latency: params.duration("stall"),
            jitter: Duration::ZERO,
        },
        FaultName::NetworkBandwidth => Condition::Pipe(Line::new(params.count("rate") * 1024)),
        FaultName::DependencyDown => Condition::Reply {
            share: 100.0,
            answer: Answer::Failed,
        },
        FaultName::ErrorBurst => Condition::Reply {
            share: share(),
            answer: Answer::Failed,
        },
        FaultName::Gray if params.word("kind") == "wrong" => Condition::Reply {
            share: share(),
            answer: Answer::Wrong,
        },
        FaultName::Gray => Condition::Hold {
            share: share(),
            latency: params.duration("latency"),
            jitter: Duration::ZERO,
        },
        FaultName::RetryStorm => Condition::Storm(Box::new(Storm::new(now, params))),
        _ => Condition::Wall { around_node },
    }
}
