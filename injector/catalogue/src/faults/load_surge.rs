//! `load-surge`.

use crate::fault::{Carrier, Family, Fault, Need, Scope};
use crate::name::FaultName;
use crate::param::{Kind, Param};

pub(crate) const FAULT: Fault = Fault {
    name: FaultName::LoadSurge,
    family: Family::Load,
    scope: Scope::Service,
    carrier: Carrier::Process,
    needs: &[Need::Itself],
    summary: "Many more users come.",
    description: "The traffic generator sends `factor` times as many requests. Goes away with its process; but \
                   to end users is not to heal, so no action counts as a cure. Slow gets what is nearest to its limit, \
                   mostly the ledger, and not the traffic itself; five times as many the built-in arena does not even feel.",
    params: &[Param {
        name: "factor",
        what: "times as many",
        kind: Kind::Count {
            min: 2,
            max: 50,
            default: 20,
            unit: "",
        },
        at_most: None,
    }],
    symptoms: &["latency_high"],
    cures: &[],
};
