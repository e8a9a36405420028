//! `bad-config`.

use arena_proto::ActionKind;

use crate::fault::{Carrier, Family, Fault, Scope};
use crate::name::FaultName;
use crate::param::{Kind, Param};

pub(crate) const FAULT: Fault = Fault {
    name: FaultName::BadConfig,
    family: Family::Application,
    scope: Scope::Service,
    carrier: Carrier::Definition,
    needs: &[],
    summary: "A bad definition of the service is rolled out.",
    description: "The service is started anew with an `argument` more on its command line, and each start uses \
                   it while the fault lasts. With the default most programs end at once; an argument that they \
                   know may make them run and be sick (`--max-in-flight=1` for the workload). ROLLBACK goes back \
                   to the last definition that was healthy, which ends the fault; at its time to live the node \
                   starts the service as `arena.toml` says.",
    params: &[Param {
        name: "argument",
        what: "what is added to the command line",
        kind: Kind::Text {
            default: "--arena-bad-config",
            max: 200,
        },
        at_most: None,
    }],
    symptoms: &["process_exited"],
    cures: &[ActionKind::Rollback],
};
