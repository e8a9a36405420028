//! The catalogue of faults as JSON, with what each node and service can take.
//!
//! What can be taken is judged by what the nodes tell (KV `status`) and by what is left of the machine. The node has the
//! last word: it also knows its ceilings and the faults that are live.

use std::collections::BTreeMap;

use arena_faults::limits::{DISK_FLOOR_MIB, MEMORY_FLOOR_MIB};
use arena_faults::{Fault, FaultName, Kind, Scope, TargetError};
use arena_proto::{Entity, NodeStatus};
use serde::Serialize;

/// What the machine has left, in MiB; `None` where nobody can say.
#[derive(Debug, Clone, Copy, Default)]
pub struct Machine {
    /// Of memory.
    pub memory_mib: Option<u64>,
    /// Of the disk that has the arena's data folder.
    pub disk_mib: Option<u64>,
}

impl Machine {
    /// Why a fault with its defaults would break through a floor.
    #[must_use]
    pub fn why_not(&self, fault: &Fault) -> Option<String> {
        let (param, left, floor, of) = match fault.name {
            FaultName::MemoryLeak => ("ceiling", self.memory_mib?, MEMORY_FLOOR_MIB, "memory"),
            FaultName::DiskFull => ("fill", self.disk_mib?, DISK_FLOOR_MIB, "the disk"),
            _ => return None,
        };
        let wanted = fault.fill(&BTreeMap::new()).ok()?.count(param);
        (left.saturating_sub(wanted) < floor).then(|| {
            format!(
                "of {of} {left} MiB are left here, it may take {wanted} MiB ({param}), and {floor} MiB have to stay"
            )
        })
    }
}

/// A fault of the catalogue.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FaultReport {
    /// As it is asked for.
    pub name: &'static str,
    /// Which kind of fault.
    pub family: &'static str,
    /// `service`, `node` or `either`.
    pub scope: &'static str,
    /// In one line.
    pub summary: &'static str,
    /// In full.
    pub description: &'static str,
    /// What a target must have.
    pub needs: Vec<&'static str>,
    /// What it can be given.
    pub params: Vec<ParamReport>,
    /// The main one first.
    pub symptoms: &'static [&'static str],
    /// Actions, any of which ends it.
    pub cures: Vec<String>,
    /// Why this machine does not allow it now with its defaults; null when nothing is known against it.
    pub machine: Option<String>,
    /// Those that it is made for at all.
    pub targets: Vec<TargetReport>,
}

/// A parameter of a fault.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ParamReport {
    /// As it is given.
    pub name: &'static str,
    /// What it says.
    pub what: &'static str,
    /// What is allowed, in words.
    pub range: String,
    /// The same for who makes a form of it.
    pub holds: Holds,
    /// Empty when it has none.
    pub default: String,
    /// It must not exceed this other one.
    pub at_most: Option<&'static str>,
}

/// What a parameter holds. Ranges include both ends.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Holds {
    /// A whole number.
    Count {
        /// The least.
        min: u64,
        /// The most.
        max: u64,
        /// What is counted: `%`, `MiB/s`; empty for pieces.
        unit: &'static str,
    },
    /// A duration, written `400ms` or `2s`.
    Duration {
        /// The shortest.
        min_ms: u64,
        /// The longest.
        max_ms: u64,
    },
    /// One of these words.
    Word {
        /// The first is the default.
        words: &'static [&'static str],
    },
    /// The name of a service.
    Service {
        /// What it means when none is named.
        nothing: &'static str,
    },
    /// Text without control characters.
    Text {
        /// The most characters.
        max: usize,
    },
}

impl Holds {
    const fn of(kind: Kind) -> Self {
        match kind {
            Kind::Count { min, max, unit, .. } => Self::Count { min, max, unit },
            Kind::Duration { min_ms, max_ms, .. } => Self::Duration { min_ms, max_ms },
            Kind::Word(words) => Self::Word { words },
            Kind::Service { nothing } => Self::Service { nothing },
            Kind::Text { max, .. } => Self::Text { max },
        }
    }
}

/// Whether a target can take a fault.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TargetReport {
    /// NODE or NODE/SERVICE.
    pub target: String,
    /// It can.
    pub possible: bool,
    /// Null when it is possible.
    pub why_not: Option<String>,
}

/// A fault, and who of these nodes and their services can take it.
#[must_use]
pub fn report(fault: &'static Fault, nodes: &[NodeStatus], machine: &Machine) -> FaultReport {
    FaultReport {
        name: fault.name.as_str(),
        family: fault.family.as_str(),
        scope: match fault.scope {
            Scope::Service => "service",
            Scope::Node => "node",
            Scope::Either => "either",
        },
        summary: fault.summary,
        description: fault.description,
        needs: fault.needs.iter().map(|need| need.words()).collect(),
        params: fault
            .params
            .iter()
            .map(|param| ParamReport {
                name: param.name,
                what: param.what,
                range: param.range(),
                holds: Holds::of(param.kind),
                default: param.default_text(),
                at_most: param.at_most,
            })
            .collect(),
        symptoms: fault.symptoms,
        cures: fault.cures.iter().map(|action| action.verb()).collect(),
        machine: machine.why_not(fault),
        targets: nodes.iter().flat_map(|node| targets(fault, node)).collect(),
    }
}

/// The node and its services, those of them that the fault is made for at all.
fn targets(fault: &'static Fault, node: &NodeStatus) -> Vec<TargetReport> {
    let services = node.services.iter().map(|service| Some(&service.name));
    std::iter::once(None)
        .chain(services)
        .filter_map(|service| {
            let why_not = match fault.check_target(node, service) {
                Ok(()) => None,
                Err(TargetError::WantsService { .. } | TargetError::WantsNode { .. }) => {
                    return None;
                }
                Err(error) => Some(error.to_string()),
            };
            let target = Entity {
                node: node.node.clone(),
                service: service.cloned(),
            };
            Some(TargetReport {
                target: target.to_string(),
                possible: why_not.is_none(),
                why_not,
            })
        })
        .collect()
}

/// A fault of a service needs a service, one of a node a node; why not, with the mend. What is no fault at all, the
/// injector tells.
pub fn check_scope(fault: &str, target: &Entity) -> Result<(), String> {
    let Ok(fault) = Fault::named(fault) else {
        return Ok(());
    };
    fault.check_scope(target.service.as_ref()).map_err(|error| {
        let node = &target.node;
        let write = match error {
            TargetError::WantsService { .. } => format!("{node}/SERVICE"),
            _ => node.to_string(),
        };
        format!("{target}: {error}\n  mend: write {write}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_break_through_a_floor_is_told_with_the_numbers() {
        let machine = Machine {
            memory_mib: Some(700),
            disk_mib: Some(DISK_FLOOR_MIB + 16),
        };
        assert_eq!(
            machine.why_not(FaultName::MemoryLeak.fault()).as_deref(),
            Some(
                "of memory 700 MiB are left here, it may take 256 MiB (ceiling), and 512 MiB have to stay"
            )
        );
        assert_eq!(
            machine.why_not(FaultName::DiskFull.fault()),
            None,
            "just enough"
        );
        assert_eq!(machine.why_not(FaultName::Hang.fault()), None);
    }
}
