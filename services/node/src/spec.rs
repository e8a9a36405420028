//! From `arena.toml` to what the agent works with: the core's configuration, and for each service the command line,
//! environment and paths of its process.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use arena_config::arena::{Arena, Definition, HealthSpec, NodeSpec, Probe, ServiceSpec};
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

/// Which service of this node, or dependency of one, is reached at which port.
pub(crate) fn reached_at(spec: &NodeSpec, sidecar: &Sidecar) -> BTreeMap<u16, ServiceName> {
    let own = spec.services.iter();
    let own = own.filter_map(|service| Some((service.port?, service.name.clone())));
    own.chain(sidecar.reached_at()).collect()
}

/// For the core.
pub(crate) fn core_config(spec: &NodeSpec, chaos: bool, sidecar: &Sidecar) -> NodeConfig {
    let services = spec.services.iter().map(|service| ServiceConfig {
        name: service.name.clone(),
        definition: service.definition(),
        class: service.class,
        standby: service.standby,
        can_clean_disk: !service.clean.is_empty(),
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
    /// What `CLEAN_DISK` may delete, below its working folder.
    pub(crate) clean: Vec<String>,
    /// What the agent adds to its environment, whatever its definition.
    own_env: BTreeMap<String, String>,
    /// Where it runs when its definition does not say.
    folder: PathBuf,
}

impl Program {
    /// The same service by another definition: one that was rolled back to.
    pub(crate) fn defined(&self, definition: &Definition) -> Self {
        let port = self.port.map(|port| port.to_string());
        let fill = |text: &String| match &port {
            Some(port) => text.replace(PORT_PLACEHOLDER, port),
            None => text.clone(),
        };
        // What the file says comes last: a person's environment wins over ours.
        let mut env = self.own_env.clone();
        let said = definition.env.iter();
        env.extend(said.map(|(name, value)| (name.clone(), fill(value))));
        let mut health = definition.health.clone();
        if let Some(HealthSpec {
            probe: Probe::Command(argv),
            ..
        }) = &mut health
        {
            *argv = resolved(argv.iter().map(fill).collect());
        }
        let working_dir = definition.working_dir.as_ref().unwrap_or(&self.folder);
        Self {
            spawn: Spawn {
                argv: resolved(definition.command.iter().map(fill).collect()),
                env,
                working_dir: Some(working_dir.clone()),
                log: self.spawn.log.clone(),
            },
            health,
            ..self.clone()
        }
    }
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
    let control_socket = folders.control_socket(&service.name);
    let mut own_env = BTreeMap::from([
        ("ARENA_NODE".to_owned(), spec.name.to_string()),
        ("ARENA_SERVICE".to_owned(), service.name.to_string()),
        (
            "ARENA_CONTROL_SOCKET".to_owned(),
            control_socket.display().to_string(),
        ),
    ]);
    own_env.extend(
        service
            .port
            .map(|port| ("PORT".to_owned(), port.to_string())),
    );
    for dependency in &service.depends_on {
        if let Some(port) = sidecar.outbound_port(&service.name, dependency) {
            let name = dependency.as_str().to_uppercase().replace('-', "_");
            own_env.insert(
                format!("ARENA_UPSTREAM_{name}"),
                format!("http://127.0.0.1:{port}"),
            );
        }
    }
    let undefined = Program {
        port: service.port,
        spawn: Spawn {
            argv: Vec::new(),
            env: BTreeMap::new(),
            working_dir: None,
            log: folders.log(&service.name),
        },
        health: None,
        control_socket,
        clean: service.clean.clone(),
        own_env,
        folder: folders.work(&service.name),
    };
    undefined.defined(&service.definition())
}

/// Arena's own programs are next to this one.
fn resolved(mut argv: Vec<String>) -> Vec<String> {
    if let Some(first) = argv.first_mut() {
        *first = program::resolve(first).display().to_string();
    }
    argv
}
