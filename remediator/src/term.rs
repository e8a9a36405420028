//! One remediator acts at a time: who holds the lease `remediator`. The others wait, and consume nothing.
//!
//! A term begins with the lease and a core that knows nothing but what the bus has stored, and ends with the lease or with
//! the program. What is lost is not mourned: the next term begins the same way.

use std::collections::BTreeMap;

use arena_bus::{Bus, ServiceDescription};
use arena_chassis::Chassis;
use arena_remediator_core::Playbooks;

use crate::shell::{Lost, Shell};

/// The name of the lease.
const LEASE: &str = "remediator";

/// Serves terms until it is told to stop.
pub(crate) async fn serve(
    bus: Bus,
    chassis: Chassis,
    playbooks: Playbooks,
    dry_run: bool,
) -> anyhow::Result<()> {
    if dry_run {
        tracing::warn!("--dry-run: every mode is OBSERVE, it plans and never acts");
    }
    // Registered once: which of several acts is in KV `lease`.
    let _registration = bus.register(description()).await?;
    let holder = format!("remediator {}", std::process::id());
    loop {
        tracing::info!("standby: waiting for the lease {LEASE}");
        let lease = tokio::select! {
            () = chassis.shutdown.cancelled() => return Ok(()),
            lease = bus.acquire_lease(LEASE, &holder) => lease?,
        };
        let opened = Shell::open(
            bus.clone(),
            chassis.clone(),
            playbooks.clone(),
            (lease, dry_run),
        );
        let mut shell = tokio::select! {
            () = chassis.shutdown.cancelled() => return Ok(()),
            opened = Box::pin(opened) => match opened {
                Err(error) if error.is::<Lost>() => {
                    tracing::warn!("{error}: it stops acting");
                    continue;
                }
                opened => opened?,
            },
        };
        match Box::pin(shell.run()).await {
            Err(error) if error.is::<Lost>() => tracing::warn!("{error}: it stops acting"),
            ended => {
                shell.release().await;
                return ended;
            }
        }
    }
}

/// What the services API says of this program.
fn description() -> ServiceDescription {
    ServiceDescription {
        name: "remediator".to_owned(),
        description: "Plans what to do about an incident, and sees whether it helped".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        metadata: BTreeMap::new(),
    }
}
