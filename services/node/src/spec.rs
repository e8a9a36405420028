//! From `arena.toml` to what the agent works with: the core's configuration, and for each service the command line,
//! environment and paths of its process.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use arena_config::arena::{Arena, HealthSpec, NodeSpec, Probe, ServiceSpec};
use arena_node_core::{NodeConfig, ServiceConfig};
use arena_proto::{NodeName, ServiceName};
use arena_supervisor::{Spawn, program};

use crate::sidecar::Sidecar;
use crate::store::Folders;

/// What a service's command line and environment say for its port.
const PORT_PLACEHOLDER: &str = "{port}";

/// Reads the node from a file, or from the built-in arena.
pub(crate) fn load(config: Option<&Path>, node: &NodeName) -> anyhow::Result<NodeSpec> {
    let (file, text) = match config {
        None => (
            "built-in arena".to_owned(),
            Arena::default_toml().to_owned(),
        ),
        Some(path) => {
            let file = path.display().to_string();
            let text =
                std::fs::read_to_string(path).with_context(|| format!("cannot read {file}"))?;
            (file, text)
        }
    };
    let arena = Arena::parse(&file, &text)?;
    arena.node(node).cloned().with_context(|| {
        let known: Vec<&str> = arena.nodes.iter().map(|node| node.name.as_str()).collect();
        format!("{file} has no node {node}: it has {}", known.join(", "))
    })
}

/// The service is asked over HTTP, so the sidecar can carry requests to it.
pub(crate) fn is_proxied(service: &ServiceSpec) -> bool {
    let http = |health: &HealthSpec| matches!(health.probe, Probe::Http { .. });
    service.port.is_some() && service.health.as_ref().is_some_and(http)
}

/// For the core.
pub(crate) fn core_config(spec: &NodeSpec, chaos: bool, sidecar: &Sidecar) -> NodeConfig {
    let services = spec.services.iter().map(|service| ServiceConfig {
        name: service.name.clone(),
        probe_failures: service.health.as_ref().map(|health| health.failures.max(1)),
        stop_grace: service.stop_grace,
        port: service.port,
        proxy_port: sidecar.inbound_port(&service.name),
        depends_on: service.depends_on.clone(),
    });
    NodeConfig {
        node: spec.name.clone(),
        chaos,
        services: services.collect(),
    }
}

/// A service, as its process is started and asked.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    /// Its own port, which must be free before it starts.
    pub(crate) port: Option<u16>,
    /// How its process is started.
    pub(crate) spawn: Spawn,
    /// How it is asked whether it works.
    pub(crate) health: Option<HealthSpec>,
    /// Where it answers its agent, if it does.
    pub(crate) control_socket: PathBuf,
}

/// By service: everything that it takes to start it.
pub(crate) fn programs(
    spec: &NodeSpec,
    sidecar: &Sidecar,
    folders: &Folders,
) -> BTreeMap<ServiceName, Program> {
    spec.services
        .iter()
        .map(|service| {
            (
                service.name.clone(),
                program_of(spec, service, sidecar, folders),
            )
        })
        .collect()
}

fn program_of(
    spec: &NodeSpec,
    service: &ServiceSpec,
    sidecar: &Sidecar,
    folders: &Folders,
) -> Program {
    let port = service.port.map(|port| port.to_string());
    let fill = |text: &String| match &port {
        Some(port) => text.replace(PORT_PLACEHOLDER, port),
        None => text.clone(),
    };
    let control_socket = folders.control_socket(&service.name);
    // What the file says comes last: a person's environment wins over ours.
    let mut env = BTreeMap::from([
        ("ARENA_NODE".to_owned(), spec.name.to_string()),
        ("ARENA_SERVICE".to_owned(), service.name.to_string()),
        (
            "ARENA_CONTROL_SOCKET".to_owned(),
            control_socket.display().to_string(),
        ),
    ]);
    env.extend(port.clone().map(|port| ("PORT".to_owned(), port)));
    for dependency in &service.depends_on {
        if let Some(port) = sidecar.outbound_port(&service.name, dependency) {
            let name = dependency.as_str().to_uppercase().replace('-', "_");
            env.insert(
                format!("ARENA_UPSTREAM_{name}"),
                format!("http://127.0.0.1:{port}"),
            );
        }
    }
    env.extend(
        service
            .env
            .iter()
            .map(|(name, value)| (name.clone(), fill(value))),
    );
    let mut health = service.health.clone();
    if let Some(HealthSpec {
        probe: Probe::Command(argv),
        ..
    }) = &mut health
    {
        *argv = resolved(argv.iter().map(fill).collect());
    }
    Program {
        port: service.port,
        spawn: Spawn {
            argv: resolved(service.command.iter().map(fill).collect()),
            env,
            working_dir: Some(
                service
                    .working_dir
                    .clone()
                    .unwrap_or_else(|| folders.work(&service.name)),
            ),
            log: folders.log(&service.name),
        },
        health,
        control_socket,
    }
}

/// Arena's own programs are next to this one.
fn resolved(mut argv: Vec<String>) -> Vec<String> {
    if let Some(first) = argv.first_mut() {
        *first = program::resolve(first).display().to_string();
    }
    argv
}
