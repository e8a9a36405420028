//! What a node saw of a service just before it acted on it.

use crate::generated as wire;
use crate::wire::{self as codec, DecodeError, Message, Received};
use crate::{CommandId, Entity, IncidentId, Number, Reading, Timestamp};

/// What there was to see. Bounded by who makes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// For which incident it was taken.
    pub incident_id: IncidentId,
    /// Before which command.
    pub command_id: CommandId,
    /// Of what.
    pub entity: Entity,
    /// When.
    pub at: Timestamp,
    /// The last samples, oldest first.
    pub readings: Vec<Reading>,
    /// The last lines of the service's log, oldest first.
    pub log: Vec<String>,
    /// Its processes, and the node's busiest.
    pub processes: Vec<ProcessRow>,
    /// What could not be had, and why; empty when all is here.
    pub message: String,
}

/// A line of the process table.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ProcessRow {
    /// The process.
    pub pid: u32,
    /// Who started it.
    pub parent: u32,
    /// As `/proc/PID/stat` has it: R, S, D, T, Z...
    pub state: String,
    /// Of one CPU.
    pub cpu_percent: Number,
    /// Resident.
    pub memory_bytes: u64,
    /// How many threads.
    pub threads: u32,
    /// Its command line.
    pub command: String,
}

impl Evidence {
    /// Identifies it: one a command.
    #[must_use]
    pub fn event_id(&self) -> String {
        format!("{}.evidence", self.command_id)
    }
}

impl Message for Evidence {
    const NAME: &'static str = "arena.v1.Evidence";

    fn encode(&self) -> Vec<u8> {
        let rows = self.processes.iter().map(|row| wire::ProcessRow {
            pid: row.pid,
            parent: row.parent,
            state: row.state.clone(),
            cpu_percent: row.cpu_percent.get(),
            memory_bytes: row.memory_bytes,
            threads: row.threads,
            command: row.command.clone(),
        });
        codec::write_json(&wire::Evidence {
            incident_id: self.incident_id.to_string(),
            command_id: self.command_id.to_string(),
            node: self.entity.node.to_string(),
            service: codec::text_of(self.entity.service.as_ref()),
            at: Some(self.at.to_wire()),
            readings: self.readings.iter().map(Reading::to_wire).collect(),
            log: self.log.clone(),
            processes: rows.collect(),
            message: self.message.clone(),
        })
    }

    fn decode(body: &[u8], received: &Received) -> Result<Self, DecodeError> {
        let wire: wire::Evidence = codec::read(body, Self::NAME)?;
        let rows = wire.processes.into_iter().map(|row| {
            Ok(ProcessRow {
                pid: row.pid,
                parent: row.parent,
                state: row.state,
                cpu_percent: Number::from_wire(row.cpu_percent, "processes.cpu_percent")?,
                memory_bytes: row.memory_bytes,
                threads: row.threads,
                command: row.command,
            })
        });
        Ok(Self {
            incident_id: codec::parse(&wire.incident_id, "incident_id")?,
            command_id: codec::parse(&wire.command_id, "command_id")?,
            entity: Entity {
                node: codec::same_node(&wire.node, received)?,
                service: codec::service_or_none(&wire.service, "service")?,
            },
            at: Timestamp::from_wire(wire.at.as_ref(), "at")?,
            readings: wire
                .readings
                .into_iter()
                .map(Reading::from_wire)
                .collect::<Result<_, _>>()?,
            log: wire.log,
            processes: rows.collect::<Result<_, DecodeError>>()?,
            message: wire.message,
        })
    }
}
