//! `fd-leak`.

use arena_proto::ActionKind;

use crate::fault::{Carrier, Family, Fault, Scope};
use crate::name::FaultName;
use crate::param::{Kind, Param};

pub(crate) const FAULT: Fault = Fault {
    name: FaultName::FdLeak,
    family: Family::Resource,
    scope: Scope::Service,
    carrier: Carrier::Process,
    needs: &[],
    summary: "The service opens more and more files, and never closes them.",
    description: "In the service itself (asked for over its control socket), or in a helper process in its \
                   process group, with its own limit of open files. Goes away with the process.",
    params: &[
        Param {
            name: "rate",
            what: "how fast they grow, in files a second",
            kind: Kind::Count {
                min: 1,
                max: 1000,
                default: 50,
                unit: "",
            },
            at_most: None,
        },
        Param {
            name: "ceiling",
            what: "where it stops",
            kind: Kind::Count {
                min: 16,
                max: crate::limits::FILES_MAX,
                default: 512,
                unit: "",
            },
            at_most: None,
        },
    ],
    symptoms: &["open_files_high"],
    cures: &[ActionKind::Restart],
};
