//! `storage-latency`: the service waits before each fsync. Only the service itself can do that; for one that has no
//! control socket this is refused, never faked.

use arena_node_core::Effect;
use arena_proto::FaultReason;

use super::{Faults, Refusal};

pub(super) async fn apply(faults: &Faults, effect: &Effect) -> Result<(), Refusal> {
    let socket = faults.socket(&effect.service).ok_or_else(|| {
        (
            FaultReason::UnknownTarget,
            format!("there is no service {}", effect.service),
        )
    })?;
    socket
        .apply(effect)
        .await
        .map_err(|error| (FaultReason::Unsupported, error.to_string()))
}

pub(super) async fn revert(faults: &Faults, effect: &Effect) -> Result<(), String> {
    faults.revert_in_service(effect).await
}
