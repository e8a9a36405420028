//! `bad-config`: the core rolls the definition out and back by starting the service anew. Here is only the read-back: that the
//! process which runs the bad one is gone.

use arena_node_core::Effect;

use super::{is_alive, settled};

pub(super) async fn revert(effect: &Effect) -> Result<(), String> {
    let Some(process) = effect.process else {
        return Ok(());
    };
    if settled(|| !is_alive(process)).await {
        return Ok(());
    }
    Err(format!("pid {} still runs the bad definition", process.pid))
}
