//! `network-partition`.

use super::network::TO;
use crate::fault::{Carrier, Family, Fault, Scope};
use crate::name::FaultName;
use crate::param::{Kind, Param};

pub(crate) const FAULT: Fault = Fault {
    name: FaultName::NetworkPartition,
    family: Family::Network,
    scope: Scope::Either,
    carrier: Carrier::Link,
    needs: &[],
    summary: "No request gets through.",
    description: "Requests are held until their caller gives up, as when packets vanish: nobody refuses them. Of \
                   a service: those to it (`in`), its own (`out`, perhaps only those `to` one dependency), or \
                   both. Of a node: those from other nodes (`in`), those to other nodes (`out`), or both; what \
                   stays within the node passes. The bus is another network, and is not cut (`node-silent` does \
                   that). A restart changes nothing.",
    params: &[
        Param {
            name: "direction",
            what: "which way",
            kind: Kind::Word(&["both", "in", "out"]),
            at_most: None,
        },
        TO,
    ],
    symptoms: &["latency_high", "error_rate_high"],
    cures: &[],
};
