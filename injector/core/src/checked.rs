//! What a request asks for, checked by itself. Whether its target is there and may be hurt now is [`crate::Injector`]'s.

use std::collections::BTreeMap;
use std::time::Duration;

use arena_proto::{Entity, InjectRequest};

use crate::catalogue::{Fault, check_ttl};

/// A fault that the catalogue allows.
pub(crate) struct Checked {
    pub(crate) fault: &'static str,
    pub(crate) target: Entity,
    pub(crate) ttl: Duration,
    pub(crate) params: BTreeMap<String, String>,
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
        fault: fault.name,
        target,
        ttl,
        params,
    })
}
