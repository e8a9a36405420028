//! Whether a target can take a fault, as far as its node tells (KV `status`). The node itself has the last word: it also knows its
//! machine, its ceilings and the faults that are live.

use arena_proto::{NodeStatus, ProcessState, ServiceName, ServiceStatus};

use crate::fault::{Fault, Need, Scope};

/// Why a fault cannot be made in a target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// The node was started without faults.
    #[error("faults are off: start the arena with --chaos")]
    ChaosOff,
    /// The agent drains.
    #[error("node {0} is stopping")]
    Stopping(String),
    /// A fault of services, and a node.
    #[error("{fault} is made in a service, not in a node")]
    WantsService {
        /// The fault.
        fault: &'static str,
    },
    /// A fault of nodes, and a service.
    #[error("{fault} is made in a node, not in a service")]
    WantsNode {
        /// The fault.
        fault: &'static str,
    },
    /// The node has no such service.
    #[error("{node} has no service {service}")]
    NoService {
        /// The node.
        node: String,
        /// The service.
        service: String,
    },
    /// Faults are for running services.
    #[error("it is {0}, and faults are for running services")]
    NotRunning(ProcessState),
    /// It has not what the fault needs.
    #[error("it has not what {fault} needs: {}", need.words())]
    Lacks {
        /// The fault.
        fault: &'static str,
        /// What is missing.
        need: Need,
    },
}

impl Fault {
    /// It can be made in this node or, when one is named, in this service of it, as far as the node tells.
    pub fn check_target(
        &self,
        node: &NodeStatus,
        service: Option<&ServiceName>,
    ) -> Result<(), TargetError> {
        self.check_scope(service)?;
        if !node.chaos {
            return Err(TargetError::ChaosOff);
        }
        if node.state == ProcessState::Stopping {
            return Err(TargetError::Stopping(node.node.to_string()));
        }
        let Some(name) = service else {
            return Ok(());
        };
        let known = node.services.iter().find(|known| known.name == *name);
        let Some(known) = known else {
            return Err(TargetError::NoService {
                node: node.node.to_string(),
                service: name.to_string(),
            });
        };
        if known.state != ProcessState::Running {
            return Err(TargetError::NotRunning(known.state));
        }
        match self.needs.iter().find(|need| self.lacks(**need, known)) {
            Some(need) => Err(TargetError::Lacks {
                fault: self.name.as_str(),
                need: *need,
            }),
            None => Ok(()),
        }
    }

    /// It is made in a service, or in a node, as the target is one. For what can be told before any node is asked.
    pub const fn check_scope(&self, service: Option<&ServiceName>) -> Result<(), TargetError> {
        let fault = self.name.as_str();
        match (self.scope, service) {
            (Scope::Service, None) => Err(TargetError::WantsService { fault }),
            (Scope::Node, Some(_)) => Err(TargetError::WantsNode { fault }),
            _ => Ok(()),
        }
    }

    fn lacks(&self, need: Need, service: &ServiceStatus) -> bool {
        match need {
            Need::Proxied => service.proxy_port.is_none(),
            Need::Port => service.port.is_none(),
            Need::Dependency => service.depends_on.is_empty(),
            Need::Itself => {
                let makes = &service.detail.makes_faults;
                !makes.iter().any(|name| name == self.name.as_str())
            }
        }
    }
}
