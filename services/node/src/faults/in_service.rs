//! Faults that a service makes in itself when it is asked on its control socket: `storage-latency`, `storage-error`,
//! `deadlock`, `load-surge`. One that does not know how to refuses them; nobody else could make them real.

use arena_node_core::Effect;
use arena_proto::FaultReason;

use super::{Faults, Refusal, is_alive};
use crate::control_socket::SocketError;

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

/// Asks the service first. False: it does not make this fault, so somebody else may.
pub(super) async fn is_made(faults: &Faults, effect: &Effect) -> Result<bool, Refusal> {
    let Some(socket) = faults.socket(effect) else {
        return Ok(false);
    };
    match socket.apply(effect).await {
        Ok(()) => Ok(true),
        // It may have begun: two of them would be one too many.
        Err(error @ SocketError::Failed(_)) => Err((FaultReason::Unsupported, error.to_string())),
        Err(SocketError::Absent | SocketError::Refused(_)) => Ok(false),
    }
}

/// A process that is gone took it along.
pub(super) async fn revert(faults: &Faults, effect: &Effect) -> Result<(), String> {
    let Some(socket) = faults
        .socket(effect)
        .filter(|_| effect.process.is_some_and(is_alive))
    else {
        return Ok(());
    };
    match socket.revert(&effect.fault).await {
        // Nobody listens: nothing was made through this socket, or its process is just ending.
        Ok(()) | Err(SocketError::Absent) => Ok(()),
        Err(_) if !effect.process.is_some_and(is_alive) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}
