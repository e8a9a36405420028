//! What the network's faults have in common: which requests they meet.

use crate::param::{Kind, Param};

pub(super) const DIRECTION: Param = Param {
    name: "direction",
    what: "`in`: requests to the service, whoever sends them; `out`: its own requests to its dependencies",
    kind: Kind::Word(&["in", "out"]),
    at_most: None,
};

pub(super) const TO: Param = Param {
    name: "to",
    what: "of `out`: which dependency",
    kind: Kind::Service {
        nothing: "every dependency",
    },
    at_most: None,
};
