//! `dependency-down`.

use crate::fault::{Carrier, Family, Fault, Need, Scope};
use crate::name::FaultName;
use crate::param::{Kind, Param};

pub(crate) const FAULT: Fault = Fault {
    name: FaultName::DependencyDown,
    family: Family::Network,
    scope: Scope::Service,
    carrier: Carrier::Link,
    needs: &[Need::Dependency],
    summary: "To this service its dependency is down.",
    description: "The outbound legs of the service answer at once that there is no replica, as when nothing \
                   listens. The dependency itself is well, and other callers reach it. A restart of the service \
                   changes nothing.",
    params: &[Param {
        name: "to",
        what: "which dependency",
        kind: Kind::Service {
            nothing: "every dependency",
        },
        at_most: None,
    }],
    symptoms: &["error_rate_high"],
    cures: &[],
};
