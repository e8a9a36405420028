//! What a request asks for, checked by itself. Whether its target is there and may be hurt now is [`crate::Injector`]'s.

use std::time::Duration;

use arena_faults::{Fault, Params, check_ttl};
use arena_proto::{Entity, InjectRequest};

/// A fault that the catalogue allows.
pub(crate) struct Checked {
    pub(crate) fault: &'static Fault,
    pub(crate) target: Entity,
    pub(crate) ttl: Duration,
    pub(crate) params: Params,
}

/// Checks a request by itself.
pub(crate) fn check(request: &InjectRequest) -> Result<Checked, String> {
    let fault = Fault::named(&request.fault).map_err(|error| error.to_string())?;
    let params = fault
        .fill(&request.params)
        .map_err(|error| error.to_string())?;
    let ttl = Duration::from_millis(request.ttl_ms);
    check_ttl(ttl).map_err(|error| error.to_string())?;
    let target = request
        .target
        .parse()
        .map_err(|error: arena_proto::NameError| error.to_string())?;
    Ok(Checked {
        fault,
        target,
        ttl,
        params,
    })
}
