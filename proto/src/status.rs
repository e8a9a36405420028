//! KV `status`: the truth about a node and its services, written by that node alone; of a node without an agent, by the gateway.

use std::time::Duration;

use crate::generated as wire;
use crate::wire::{self as codec, DecodeError, Message, Received};
use crate::words::{ProbeVerdict, ProcessState, RestartOwner, ServiceClass};
use crate::{NodeName, ServiceName, Timestamp};

/// A node as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeStatus {
    /// Which node.
    pub node: NodeName,
    /// Chosen when the agent starts.
    pub boot_id: u64,
    /// The agent's own process; 0: there is no agent, see [`NodeStatus::has_agent`].
    pub pid: u32,
    /// RUNNING, or STOPPING once the agent drains.
    pub state: ProcessState,
    /// Faults are accepted.
    pub chaos: bool,
    /// Its services, by name.
    pub services: Vec<ServiceStatus>,
    /// When this was written.
    pub at: Timestamp,
    /// All its services are drained.
    pub quarantined: bool,
    /// Who starts again what died; `None` from an agent that does not say.
    pub restart_owner: Option<RestartOwner>,
    /// The highest fencing token that a command came with; 0 before the first.
    pub fence: u64,
}

/// A service as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceStatus {
    /// Which service.
    pub name: ServiceName,
    /// Its process.
    pub state: ProcessState,
    /// Its application-level probe.
    pub probe: ProbeVerdict,
    /// `None` when there is no process.
    pub pid: Option<u32>,
    /// Changes whenever the process does.
    pub generation: u32,
    /// Starts after the first one.
    pub restarts: u32,
    /// The service's own port.
    pub port: Option<u16>,
    /// Where this node's sidecar takes requests for it.
    pub proxy_port: Option<u16>,
    /// The services, on any node, that it calls.
    pub depends_on: Vec<ServiceName>,
    /// When `state` or `probe` last changed.
    pub since: Timestamp,
    /// Exit code, or 128 + signal, of the last process, if known.
    pub exit_code: Option<i32>,
    /// What is wrong, in plain words; empty when nothing is.
    pub message: String,
    /// What was done to it, and what can be.
    pub detail: ServiceDetail,
}

/// What was done to a service, and what can be.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts, each named where it is read"
)]
pub struct ServiceDetail {
    /// It is sent no new requests.
    pub drained: bool,
    /// Until when it has only a share of one CPU, and which, in percent.
    pub throttled: Option<(Timestamp, u32)>,
    /// When its process started, in clock ticks since the machine's boot.
    pub start_time: Option<u64>,
    /// The foreign process (pid, command line) that holds its port, when that keeps it from starting.
    pub port_holder: Option<(u32, String)>,
    /// Not started until somebody asks.
    pub standby: bool,
    /// What kind of service it is; `None` from an agent that does not say.
    pub class: Option<ServiceClass>,
    /// There is an earlier version of its definition that was healthy.
    pub can_roll_back: bool,
    /// Its definition names what `CLEAN_DISK` may delete.
    pub can_clean_disk: bool,
    /// The faults that it makes in itself; told only when faults are accepted.
    pub makes_faults: Vec<String>,
    /// Its node has no agent that could act on it.
    pub no_agent: bool,
}

impl NodeStatus {
    /// How often at least the gateway writes the status of a node without an agent, while that tells of itself: nobody can ask it
    /// whether it is there.
    pub const TOLD_EVERY: Duration = Duration::from_secs(10);

    /// Is there an agent that can act? Of a node without one the gateway writes what it hears over HTTP.
    #[must_use]
    pub const fn has_agent(&self) -> bool {
        self.pid != 0
    }
}

impl ServiceStatus {
    /// Running, and not failing its probe.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.state == ProcessState::Running
            && matches!(self.probe, ProbeVerdict::Passing | ProbeVerdict::None)
    }

    fn to_wire(&self) -> wire::ServiceStatus {
        wire::ServiceStatus {
            name: self.name.to_string(),
            state: self.state.to_wire(),
            probe: self.probe.to_wire(),
            pid: self.pid.unwrap_or(0),
            generation: self.generation,
            restarts: self.restarts,
            port: self.port.map_or(0, u32::from),
            proxy_port: self.proxy_port.map_or(0, u32::from),
            depends_on: self.depends_on.iter().map(ToString::to_string).collect(),
            since: Some(self.since.to_wire()),
            exit_code: self.exit_code,
            message: self.message.clone(),
            drained: self.detail.drained,
            throttled_until: self.detail.throttled.map(|(until, _)| until.to_wire()),
            throttled_percent: self.detail.throttled.map_or(0, |(_, percent)| percent),
            start_time: self.detail.start_time.unwrap_or(0),
            port_holder_pid: self.detail.port_holder.as_ref().map_or(0, |(pid, _)| *pid),
            port_holder: codec::text_of(self.detail.port_holder.as_ref().map(|(_, line)| line)),
            standby: self.detail.standby,
            class: self.detail.class.map_or(0, ServiceClass::to_wire),
            can_roll_back: self.detail.can_roll_back,
            can_clean_disk: self.detail.can_clean_disk,
            makes_faults: self.detail.makes_faults.clone(),
            no_agent: self.detail.no_agent,
        }
    }

    fn from_wire(wire: wire::ServiceStatus) -> Result<Self, DecodeError> {
        Ok(Self {
            name: codec::parse(&wire.name, "services.name")?,
            state: ProcessState::from_wire(wire.state, "services.state")?,
            probe: ProbeVerdict::from_wire(wire.probe, "services.probe")?,
            pid: Some(wire.pid).filter(|pid| *pid != 0),
            generation: wire.generation,
            restarts: wire.restarts,
            port: port(wire.port, "services.port")?,
            proxy_port: port(wire.proxy_port, "services.proxy_port")?,
            depends_on: wire
                .depends_on
                .iter()
                .map(|name| codec::parse(name, "services.depends_on"))
                .collect::<Result<_, _>>()?,
            since: Timestamp::from_wire(wire.since.as_ref(), "services.since")?,
            exit_code: wire.exit_code,
            message: wire.message,
            detail: ServiceDetail {
                drained: wire.drained,
                throttled: Timestamp::from_wire_or_none(
                    wire.throttled_until.as_ref(),
                    "services.throttled_until",
                )?
                .map(|until| (until, wire.throttled_percent)),
                start_time: Some(wire.start_time).filter(|ticks| *ticks != 0),
                port_holder: (wire.port_holder_pid != 0)
                    .then_some((wire.port_holder_pid, wire.port_holder)),
                standby: wire.standby,
                class: ServiceClass::from_wire_or_none(wire.class, "services.class")?,
                can_roll_back: wire.can_roll_back,
                can_clean_disk: wire.can_clean_disk,
                makes_faults: wire.makes_faults,
                no_agent: wire.no_agent,
            },
        })
    }
}

fn port(wire: u32, field: &'static str) -> Result<Option<u16>, DecodeError> {
    let port = u16::try_from(wire).map_err(|_| DecodeError::OutOfRange {
        field,
        range: "a port, 0 to 65535",
    })?;
    Ok(Some(port).filter(|port| *port != 0))
}

impl Message for NodeStatus {
    const NAME: &'static str = "arena.v1.NodeStatus";

    fn encode(&self) -> Vec<u8> {
        codec::write_json(&wire::NodeStatus {
            node: self.node.to_string(),
            boot_id: self.boot_id,
            pid: self.pid,
            chaos: self.chaos,
            services: self.services.iter().map(ServiceStatus::to_wire).collect(),
            at: Some(self.at.to_wire()),
            state: self.state.to_wire(),
            quarantined: self.quarantined,
            restart_owner: self.restart_owner.map_or(0, RestartOwner::to_wire),
            fence: self.fence,
        })
    }

    fn decode(body: &[u8], received: &Received) -> Result<Self, DecodeError> {
        let wire: wire::NodeStatus = codec::read(body, Self::NAME)?;
        Ok(Self {
            node: codec::same_node(&wire.node, received)?,
            boot_id: wire.boot_id,
            pid: wire.pid,
            state: ProcessState::from_wire(wire.state, "state")?,
            chaos: wire.chaos,
            services: wire
                .services
                .into_iter()
                .map(ServiceStatus::from_wire)
                .collect::<Result<_, _>>()?,
            at: Timestamp::from_wire(wire.at.as_ref(), "at")?,
            quarantined: wire.quarantined,
            restart_owner: RestartOwner::from_wire_or_none(wire.restart_owner, "restart_owner")?,
            fence: wire.fence,
        })
    }
}
