//! Telemetry and its schema. Names travel once, in the [`Schema`]; a [`Telemetry`] message carries columns of numbers.

use std::fmt::Write as _;
use std::sync::Arc;

use crate::generated as wire;
use crate::trace::fnv1a_64;
use crate::wire::{self as codec, DecodeError, Message, Received};
use crate::words::{ProbeVerdict, ProcessState, ServiceClass};
use crate::{Entity, NodeName, ServiceName, Timestamp};
use prost::Message as _;

/// Identifies a schema by its contents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SchemaId(pub u64);

/// The samples of one tick of one node, and the state of all its services.
#[derive(Debug, Clone, PartialEq)]
pub struct Telemetry {
    /// Who was measured.
    pub node: NodeName,
    /// Chosen when the agent starts.
    pub boot_id: u64,
    /// Counts messages of this boot from 1.
    pub seq: u64,
    /// What the columns mean.
    pub schema_id: SchemaId,
    /// When the samples were taken, by the node's clock.
    pub time: Timestamp,
    /// One value a column of the schema; NaN where there is no reading. Empty in a message that only tells of a state.
    pub values: Vec<f32>,
    /// One entry a service of the schema. Messages between two changes of a state share them.
    pub services: Arc<[ServiceSample]>,
}

/// The state of one service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceSample {
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
    /// When `state` or `probe` last changed.
    pub since: Timestamp,
    /// Exit code, or 128 + signal, of the last process, if known.
    pub exit_code: Option<i32>,
}

/// What the columns and entries of a node's telemetry mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schema {
    /// Whose telemetry.
    pub node: NodeName,
    /// The columns of [`Telemetry::values`].
    pub columns: Vec<Column>,
    /// The entries of [`Telemetry::services`].
    pub services: Vec<ServiceInfo>,
}

/// What one column means.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Column {
    /// The service, or `None` for the node itself.
    pub service: Option<ServiceName>,
    /// Snake case, unit last: `cpu_percent`, `memory_bytes`, `latency_p95_ms`.
    pub metric: String,
}

/// What is fixed about a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceInfo {
    /// Its name.
    pub name: ServiceName,
    /// The services, on any node, that it declares to call.
    pub depends_on: Vec<ServiceName>,
    /// Those that it was seen to call without declaring it.
    pub observed: Vec<ServiceName>,
    /// What kind of service it is.
    pub class: ServiceClass,
}

impl Schema {
    /// Follows from the contents: the same schema has the same id, on every node and after every restart.
    #[must_use]
    pub fn id(&self) -> SchemaId {
        let mut text = format!("{}\n", self.node);
        for column in &self.columns {
            let service = column.service.as_ref().map_or("", ServiceName::as_str);
            let _ = writeln!(text, "{service} {}", column.metric);
        }
        for service in &self.services {
            text.push_str(service.name.as_str());
            for dependency in &service.depends_on {
                let _ = write!(text, " {dependency}");
            }
            for dependency in &service.observed {
                let _ = write!(text, " ~{dependency}");
            }
            if service.class != ServiceClass::Service {
                let _ = write!(text, " {}", service.class);
            }
            text.push('\n');
        }
        SchemaId(fnv1a_64(text.as_bytes()))
    }

    /// The entity that a column is about.
    #[must_use]
    pub fn entity(&self, column: &Column) -> Entity {
        Entity {
            node: self.node.clone(),
            service: column.service.clone(),
        }
    }

    fn to_wire(&self) -> wire::Schema {
        wire::Schema {
            id: self.id().0,
            node: self.node.to_string(),
            columns: self
                .columns
                .iter()
                .map(|column| wire::Column {
                    service: column
                        .service
                        .as_ref()
                        .map_or_else(String::new, ToString::to_string),
                    metric: column.metric.clone(),
                })
                .collect(),
            services: self
                .services
                .iter()
                .map(|service| wire::ServiceInfo {
                    name: service.name.to_string(),
                    depends_on: service.depends_on.iter().map(ToString::to_string).collect(),
                    observed: service.observed.iter().map(ToString::to_string).collect(),
                    class: service.class.to_wire(),
                })
                .collect(),
        }
    }
}

/// A metric's name is at most this long.
const METRIC_BYTES_MAX: usize = 64;

impl Column {
    /// Whether a text can be a metric's name: 1 to 64 of a-z, 0-9 and '_', beginning with a letter.
    #[must_use]
    pub fn is_metric(text: &str) -> bool {
        (1..=METRIC_BYTES_MAX).contains(&text.len())
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && text
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    }
}

fn metric(text: String) -> Result<String, DecodeError> {
    let range = "1 to 64 of a-z, 0-9 and '_', beginning with a letter";
    if Column::is_metric(&text) {
        Ok(text)
    } else {
        Err(DecodeError::OutOfRange {
            field: "columns.metric",
            range,
        })
    }
}

impl Message for Schema {
    const NAME: &'static str = "arena.v1.Schema";

    fn encode(&self) -> Vec<u8> {
        codec::write_json(&self.to_wire())
    }

    fn decode(body: &[u8], received: &Received) -> Result<Self, DecodeError> {
        let wire: wire::Schema = codec::read(body, Self::NAME)?;
        let columns = wire.columns.into_iter().map(|column| {
            Ok(Column {
                service: codec::service_or_none(&column.service, "columns.service")?,
                metric: metric(column.metric)?,
            })
        });
        let services = wire.services.into_iter().map(|service| {
            Ok(ServiceInfo {
                name: codec::parse(&service.name, "services.name")?,
                depends_on: service
                    .depends_on
                    .iter()
                    .map(|name| codec::parse(name, "services.depends_on"))
                    .collect::<Result<_, _>>()?,
                observed: service
                    .observed
                    .iter()
                    .map(|name| codec::parse(name, "services.observed"))
                    .collect::<Result<_, _>>()?,
                class: ServiceClass::from_wire_or_none(service.class, "services.class")?
                    .unwrap_or(ServiceClass::Service),
            })
        });
        let schema = Self {
            node: codec::same_node(&wire.node, received)?,
            columns: columns.collect::<Result<_, DecodeError>>()?,
            services: services.collect::<Result<_, DecodeError>>()?,
        };
        if wire.id != schema.id().0 {
            return Err(DecodeError::OutOfRange {
                field: "id",
                range: "the id of its contents",
            });
        }
        Ok(schema)
    }
}

impl ServiceSample {
    fn to_wire(&self) -> wire::ServiceSample {
        wire::ServiceSample {
            state: self.state.to_wire(),
            probe: self.probe.to_wire(),
            pid: self.pid.unwrap_or(0),
            generation: self.generation,
            restarts: self.restarts,
            since_unix_nano: self.since.unix_nanos(),
            exit_code: self.exit_code,
        }
    }

    fn from_wire(wire: &wire::ServiceSample) -> Result<Self, DecodeError> {
        Ok(Self {
            state: ProcessState::from_wire(wire.state, "services.state")?,
            probe: ProbeVerdict::from_wire(wire.probe, "services.probe")?,
            pid: Some(wire.pid).filter(|pid| *pid != 0),
            generation: wire.generation,
            restarts: wire.restarts,
            since: Timestamp::from_unix_nanos(wire.since_unix_nano),
            exit_code: wire.exit_code,
        })
    }
}

impl Message for Telemetry {
    const NAME: &'static str = "arena.v1.Telemetry";
    const CONTENT_TYPE: &'static str = "application/x-protobuf";

    fn encode(&self) -> Vec<u8> {
        wire::Telemetry {
            node: self.node.to_string(),
            boot_id: self.boot_id,
            seq: self.seq,
            schema_id: self.schema_id.0,
            time_unix_nano: self.time.unix_nanos(),
            values: self.values.clone(),
            services: self.services.iter().map(ServiceSample::to_wire).collect(),
        }
        .encode_to_vec()
    }

    fn decode(body: &[u8], received: &Received) -> Result<Self, DecodeError> {
        let wire: wire::Telemetry = codec::read(body, Self::NAME)?;
        // An empty body is a valid, and meaningless, protobuf: telemetry has to say whose it is.
        if wire.node.is_empty() {
            return Err(DecodeError::Missing { field: "node" });
        }
        if wire.seq == 0 {
            return Err(DecodeError::OutOfRange {
                field: "seq",
                range: "1 or more",
            });
        }
        Ok(Self {
            node: codec::same_node(&wire.node, received)?,
            boot_id: wire.boot_id,
            seq: wire.seq,
            schema_id: SchemaId(wire.schema_id),
            time: Timestamp::from_unix_nanos(wire.time_unix_nano),
            values: wire.values,
            services: wire
                .services
                .iter()
                .map(ServiceSample::from_wire)
                .collect::<Result<_, _>>()?,
        })
    }
}
