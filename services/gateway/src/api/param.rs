//! What several requests take.

use std::time::Duration;

use arena_proto::{Entity, NodeName, ServiceName};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

/// A duration as people write it: `200ms`, `30s`, `1m 30s`.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, max_length = 40, pattern = "^[0-9]+ ?[a-z]+( [0-9]+ ?[a-z]+)*$", examples("30s", "1m 30s"))]
pub(super) struct Span(#[serde(with = "arena_config::duration")] pub Duration);

/// How far back.
#[derive(Debug, Clone, Copy, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Since {
    /// Only what began within this time, as `1h`; without it everything that is stored.
    pub since: Option<Span>,
}

impl Since {
    /// How far back; `None`: all of it.
    #[must_use]
    pub(super) fn duration(self) -> Option<Duration> {
        self.since.map(|Span(since)| since)
    }
}

/// A node in a path.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct NodePath {
    /// The node.
    pub node: NodeName,
}

/// A service in a path.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct ServicePath {
    /// The node that it is on.
    pub node: NodeName,
    /// The service.
    pub service: ServiceName,
}

impl From<NodePath> for Entity {
    fn from(path: NodePath) -> Self {
        Self::node(path.node)
    }
}

impl From<ServicePath> for Entity {
    fn from(path: ServicePath) -> Self {
        Self::service(path.node, path.service)
    }
}

/// Milliseconds, as the bus wants them.
#[must_use]
pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
