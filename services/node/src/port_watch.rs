//! Who holds the port of a service that is down, so that whoever heals it knows before a start has failed for it.
//!
//! Looks when a service goes down and about once a second from then on; costs nothing while all are up. Deliberately absent:
//! a service that was stopped (nobody heals it), and one that starts (its start looks for itself).

use std::collections::BTreeMap;
use std::time::Duration;

use arena_node_core::{Input, PortHolder};
use arena_proto::{ProcessState, ServiceName, ServiceStatus};
use arena_supervisor::ports;
use tokio::sync::mpsc;

use crate::effects::known;
use crate::spec::Program;
use crate::view::Views;

/// Between two looks while a service is down.
const PAUSE: Duration = Duration::from_secs(1);
/// A holder is told when it is still there after this: what the service left behind was just killed, and may take a few
/// milliseconds to end.
const SETTLE: Duration = Duration::from_millis(50);

/// See the module.
pub(crate) struct PortWatch {
    ports: BTreeMap<ServiceName, u16>,
    views: Views,
    inputs: mpsc::Sender<Input>,
}

/// A service that is down, as it was shown.
struct Down {
    service: ServiceName,
    generation: u32,
    port: u16,
    /// Its holder, as told before.
    told: Option<u32>,
}

impl PortWatch {
    pub(crate) fn new(
        programs: &BTreeMap<ServiceName, Program>,
        views: Views,
        inputs: mpsc::Sender<Input>,
    ) -> Self {
        let ports = programs
            .iter()
            .filter_map(|(name, program)| Some((name.clone(), program.port?)))
            .collect();
        Self {
            ports,
            views,
            inputs,
        }
    }

    /// Runs until it is dropped, or the agent ends.
    pub(crate) async fn run(mut self) {
        loop {
            let down = self.down();
            if !down.is_empty() {
                for service in down {
                    self.look(service).await;
                }
                // A service that goes down meanwhile is looked at at once.
                match tokio::time::timeout(PAUSE, self.views.changed()).await {
                    Ok(Err(_)) => return,
                    Ok(Ok(())) | Err(_) => continue,
                }
            }
            if self.views.changed().await.is_err() {
                return;
            }
        }
    }

    fn down(&mut self) -> Vec<Down> {
        let view = self.views.borrow_and_update();
        let services = view.status.services.iter().filter(|status| is_down(status));
        services
            .filter_map(|status| {
                Some(Down {
                    service: status.name.clone(),
                    generation: status.generation,
                    port: *self.ports.get(&status.name)?,
                    told: status.detail.port_holder.as_ref().map(|(pid, _)| *pid),
                })
            })
            .collect()
    }

    async fn look(&self, down: Down) {
        let mut holder = holder_of(down.port).await;
        if holder.as_ref().map(|holder| holder.pid) == down.told {
            return;
        }
        if let Some(seen) = holder.take() {
            tokio::time::sleep(SETTLE).await;
            holder = holder_of(down.port).await.filter(|still| *still == seen);
        }
        let input = Input::PortHeld {
            service: down.service,
            generation: down.generation,
            holder,
        };
        // A closed channel means that the agent has ended.
        let _ = self.inputs.send(input).await;
    }
}

fn is_down(status: &ServiceStatus) -> bool {
    use ProcessState::{Backoff, Exited, Fatal};
    status.pid.is_none() && matches!(status.state, Exited | Backoff | Fatal)
}

async fn holder_of(port: u16) -> Option<PortHolder> {
    // Only a port that somebody has is tried: a start may be about to listen there.
    let look = move || ports::holder(port).filter(|_| !ports::is_free(port));
    let looked = tokio::task::spawn_blocking(look).await;
    looked.ok().flatten().and_then(known)
}
