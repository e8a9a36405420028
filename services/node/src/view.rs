//! The node as it stands, for everybody in the agent who shows it to others.

use std::sync::Arc;

use arena_proto::{NodeStatus, ServiceSample};
use tokio::sync::watch;

/// The node as it stood after the core's last step that changed it.
#[derive(Debug)]
pub(crate) struct View {
    /// For KV `status`.
    pub(crate) status: NodeStatus,
    /// For telemetry; in the order of the status's services.
    pub(crate) samples: Arc<[ServiceSample]>,
}

/// The latest view.
pub(crate) type Views = watch::Receiver<Arc<View>>;
