//! `disk-full`.

use arena_proto::ActionKind;

use crate::fault::{Carrier, Family, Fault, Need, Scope};
use crate::name::FaultName;
use crate::param::{Kind, Param};

pub(crate) const FAULT: Fault = Fault {
    name: FaultName::DiskFull,
    family: Family::Storage,
    scope: Scope::Service,
    carrier: Carrier::Files,
    needs: &[Need::Itself],
    summary: "The disk of the service is full.",
    description: "Never the real disk: the service's folder gets a quota (the file `quota`, which the service \
                   obeys with ENOSPC), and a disposable file that fills it. It outlives the process: a restart \
                   changes nothing. CLEAN_DISK deletes the disposable file and so ends it.",
    params: &[Param {
        name: "fill",
        what: "how big the disposable file is",
        kind: Kind::Count {
            min: 1,
            max: crate::limits::DISK_MIB_MAX,
            default: 16,
            unit: "MiB",
        },
        at_most: None,
    }],
    symptoms: &["disk_low", "error_rate_high"],
    cures: &[ActionKind::CleanDisk],
};
