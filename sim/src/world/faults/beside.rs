//! What lives beside a service: a neighbour that burns the node's CPUs, an orphan that holds a port, a file that fills a folder.

use std::time::Duration;

use arena_node_core::{Effect, PortHolder};
use arena_proto::{FaultReason, Timestamp};

use super::Refusal;
use crate::world::World;
use crate::world::physics::SOCKET_TIMEOUT;
use crate::world::places::{NodeIx, ServiceIx};
use crate::world::process::Squatter;
use crate::world::state::Burner;

/// The start of a helper.
const HELPER: Duration = Duration::from_millis(8);
/// The start of an orphan, the end of the service, and the look whether the orphan has the port.
const SQUAT: Duration = Duration::from_millis(30);
/// Writing some MiB to a folder.
const FILL: Duration = Duration::from_millis(20);
/// The first pid of what faults put on a node.
const PID_FIRST: u32 = 500;

impl World {
    pub(super) fn apply_noisy_neighbour(
        &mut self,
        now: Timestamp,
        node: NodeIx,
        effect: &Effect,
    ) -> (Duration, Result<(), Refusal>) {
        #[expect(clippy::cast_precision_loss, reason = "at most 16")]
        let threads = effect.params.count("cores") as f64;
        self.nodes[node.at()].burners.push(Burner {
            fault: effect.fault.clone(),
            threads,
        });
        self.share_cpu(now, node);
        (HELPER, Ok(()))
    }

    pub(super) fn apply_port_squat(
        &mut self,
        now: Timestamp,
        node: NodeIx,
        service: ServiceIx,
        effect: &Effect,
    ) -> (Duration, Result<(), Refusal>) {
        let place = &self.places.services[service.at()];
        let Some(port) = place.port else {
            let why = "the service has no port".to_owned();
            return (HELPER, Err((FaultReason::Unsupported, why)));
        };
        // It looks like a child of the service that outlived it.
        let words = place.command.iter();
        let words: Vec<String> = words
            .map(|word| word.replace("{port}", &port.to_string()))
            .collect();
        let strangers = &mut self.nodes[node.at()].strangers;
        *strangers += 1;
        let holder = PortHolder {
            pid: PID_FIRST + *strangers,
            command_line: words.join(" "),
        };
        self.services[service.at()].squatter = Some(Squatter {
            fault: effect.fault.clone(),
            holder,
        });
        self.kill(now, service);
        (SQUAT, Ok(()))
    }

    pub(super) fn apply_disk_full(
        &mut self,
        now: Timestamp,
        service: ServiceIx,
        effect: &Effect,
    ) -> (Duration, Result<(), Refusal>) {
        let obeys = self.makes_faults(service).contains(&effect.name.as_str());
        let state = &mut self.services[service.at()];
        let held = state.process.as_ref().is_some_and(|process| process.held);
        if !obeys {
            let why =
                "the service obeys no quota: it does not say that it makes this fault".to_owned();
            let takes = if held { SOCKET_TIMEOUT } else { HELPER };
            return (takes, Err((FaultReason::Unsupported, why)));
        }
        if state.quota.is_some() {
            let why = "the folder has a quota already, which is somebody else's: it stays as it is"
                .to_owned();
            return (HELPER, Err((FaultReason::NotAllowed, why)));
        }
        state.quota = Some((effect.fault.clone(), effect.params.count("fill")));
        self.touch(now, service);
        (FILL, Ok(()))
    }
}
