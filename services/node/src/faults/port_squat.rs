//! `port-squat`: an orphan waits for the service's port, the service is killed, and the orphan holds the port from then on.

use std::time::Duration;

use arena_node_core::Effect;
use arena_proto::FaultReason;
use arena_supervisor::ports;

use super::{Faults, Refusal, helpers, process};
use crate::helper::Kind;

/// The orphan tries each millisecond; what is left of the service may take a moment to end.
const SQUAT_MAX: Duration = Duration::from_secs(3);
/// How often it is looked at meanwhile.
const LOOK_EVERY: Duration = Duration::from_millis(20);

pub(super) async fn apply(faults: &Faults, effect: &Effect) -> Result<(), Refusal> {
    let kind = kind(faults, effect).ok_or_else(|| {
        let message = "the service has no port".to_owned();
        (FaultReason::Unsupported, message)
    })?;
    let Kind::Squat { port } = kind else {
        return Ok(());
    };
    helpers::start_orphan(faults, effect, kind)
        .await
        .map_err(helpers::no_helper)?;
    process::crash(faults, effect)?;
    let squats = async {
        while !is_held(faults, effect, kind, port).await {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    tokio::time::timeout(SQUAT_MAX, squats).await.map_err(|_| {
        let message = format!("the orphan did not get port {port}");
        (FaultReason::Unsupported, message)
    })
}

async fn is_held(faults: &Faults, effect: &Effect, kind: Kind, port: u16) -> bool {
    let looked = tokio::task::spawn_blocking(move || ports::holder(port)).await;
    let holder = looked.ok().flatten().and_then(|holder| holder.pid);
    let orphans = helpers::find(faults, effect, kind);
    orphans.iter().any(|orphan| Some(orphan.pid) == holder)
}

pub(super) async fn revert(faults: &Faults, effect: &Effect) -> Result<(), String> {
    match kind(faults, effect) {
        Some(kind) => helpers::end(faults, effect, kind).await,
        None => Ok(()),
    }
}

fn kind(faults: &Faults, effect: &Effect) -> Option<Kind> {
    let program = faults.programs.get(effect.service.as_ref()?)?;
    program.port.map(|port| Kind::Squat { port })
}
