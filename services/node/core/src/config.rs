//! What the core has to know about the node and its services; the shell keeps the rest (command lines, paths).

use std::time::Duration;

use arena_config::arena::Definition;
use arena_proto::{NodeName, ServiceClass, ServiceName};

/// A node and its services.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeConfig {
    /// Its name.
    pub node: NodeName,
    /// Faults are accepted.
    pub chaos: bool,
    /// Its services; each name once.
    pub services: Vec<ServiceConfig>,
}

/// A service, as far as the core is concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceConfig {
    /// Its name.
    pub name: ServiceName,
    /// How `arena.toml` says that it is started and probed.
    pub definition: Definition,
    /// SERVICE or BATCH.
    pub class: ServiceClass,
    /// Not started until somebody asks.
    pub standby: bool,
    /// It says what `CLEAN_DISK` may delete.
    pub can_clean_disk: bool,
    /// How long it may take to end after SIGTERM before it is killed.
    pub stop_grace: Duration,
    /// Its own port.
    pub port: Option<u16>,
    /// The port of the sidecar's inbound leg; `None`: not proxied, so no network fault can be made in it.
    pub proxy_port: Option<u16>,
    /// The services, on any node, that it calls.
    pub depends_on: Vec<ServiceName>,
}
