//! `storage-error`.

use arena_proto::ActionKind;

use crate::fault::{Carrier, Family, Fault, Need, Scope};
use crate::name::FaultName;
use crate::param::{Kind, Param};

pub(crate) const FAULT: Fault = Fault {
    name: FaultName::StorageError,
    family: Family::Storage,
    scope: Scope::Service,
    carrier: Carrier::Process,
    needs: &[Need::Itself],
    summary: "A share of the writes fails with EIO.",
    description: "In the service's storage, where the operating system would tell of it. Goes away with the \
                   process.",
    params: &[Param {
        name: "share",
        what: "of the writes, by chance",
        kind: Kind::Count {
            min: 1,
            max: 100,
            default: 100,
            unit: "%",
        },
        at_most: None,
    }],
    symptoms: &["error_rate_high"],
    cures: &[ActionKind::Restart],
};
