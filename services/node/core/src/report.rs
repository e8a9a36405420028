//! What the node tells of itself: to KV `status`, to telemetry, and to the next agent.

use std::sync::Arc;

use arena_proto::{
    NodeStatus, ProcessState, RestartOwner, ServiceSample, ServiceStatus, Timestamp,
};

use crate::commands::write_saved;
use crate::node::Node;
use crate::saved::Saved;
use crate::service::Service;

impl Node {
    /// What the next agent has to know.
    #[must_use]
    pub fn saved(&self) -> Saved {
        let (accepted, outcomes) = self.commands.saved();
        let services = self.services.iter();
        Saved {
            services: services
                .map(|(name, service)| (name.clone(), service.saved()))
                .collect(),
            quarantined: self.quarantined,
            fence: self.fence,
            control: Some(write_saved(&self.control)),
            accepted,
            outcomes,
            faults: self.faults.saved(),
        }
    }

    /// For telemetry: one entry a service, in the order of their names.
    #[must_use]
    pub fn samples(&self) -> Arc<[ServiceSample]> {
        self.services
            .values()
            .map(|service| ServiceSample {
                state: service.state,
                probe: service.probe,
                pid: service.process.map(|process| process.pid),
                generation: service.generation,
                restarts: service.restarts,
                since: service.since,
                exit_code: service.exit_code,
            })
            .collect()
    }

    /// For KV `status`.
    #[must_use]
    pub fn status(&self, now: Timestamp, boot_id: u64, pid: u32) -> NodeStatus {
        let services = self.services.values().map(|service| ServiceStatus {
            name: service.config.name.clone(),
            state: service.state,
            probe: service.probe,
            pid: service.process.map(|process| process.pid),
            generation: service.generation,
            restarts: service.restarts,
            port: service.config.port,
            proxy_port: service.config.proxy_port,
            depends_on: service.config.depends_on.clone(),
            since: service.since,
            exit_code: service.exit_code,
            message: self.message(service),
            detail: service.detail(self.quarantined),
        });
        NodeStatus {
            node: self.config.node.clone(),
            boot_id,
            pid,
            state: if self.stopping {
                ProcessState::Stopping
            } else {
                ProcessState::Running
            },
            chaos: self.config.chaos,
            services: services.collect(),
            at: now,
            quarantined: self.quarantined,
            restart_owner: Some(self.ownership.owner()),
            fence: self.fence,
        }
    }

    /// What happened to it, what will happen, and which version of it this is.
    fn message(&self, service: &Service) -> String {
        let alone = self.ownership.owner() == RestartOwner::Node;
        let next = match service.state {
            ProcessState::Backoff => "starts again by itself",
            ProcessState::Exited if alone && self.lever_stopped() => {
                "not started again while the safety lever is stopped"
            }
            _ => "",
        };
        let parts = [service.message.as_str(), next, service.versions.note()];
        let said: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        said.join("; ")
    }
}
