//! `storage-latency`: the service waits before each fsync. Only the service itself can do that; for one that has no
//! control socket this is refused, never faked.

use arena_node_core::Effect;
use arena_proto::FaultReason;

use super::{Faults, Refusal};

pub(super) async fn apply(faults: &Faults, effect: &Effect) -> Result<(), Refusal> {
    let socket = faults.socket(effect).ok_or_else(|| {
        let message = "there is no such service".to_owned();
        (FaultReason::UnknownTarget, message)
    })?;
    socket
        .apply(effect)
        .await
        .map_err(|error| (FaultReason::Unsupported, error.to_string()))
}

pub(super) async fn revert(faults: &Faults, effect: &Effect) -> Result<(), String> {
    faults.revert_in_service(effect).await
}
