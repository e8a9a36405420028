//! What every handler is given.

use std::path::Path;
use std::sync::Arc;

use arena_bus::Bus;
use arena_chassis::Clock;
use arena_gateway_core::metrics::Counters;
use arena_gateway_core::view::About;
use arena_operator::Operator;

use crate::doors::Doors;
use crate::live::LiveHandle;
use crate::webhooks::Reports;

/// The gateway, as a handler sees it. Cheap to clone; clones share everything.
#[derive(Debug, Clone)]
pub struct Gateway {
    /// The bus, in the role gateway.
    pub bus: Bus,
    /// The time.
    pub clock: Clock,
    /// What is fixed while it runs.
    pub about: Arc<About>,
    /// How the receivers of events stand.
    pub webhooks: Reports,
    /// Where other systems tell something.
    pub doors: Doors,
    /// What is shown live.
    pub live: LiveHandle,
    /// What the gateway counts of itself.
    pub counters: Arc<Counters>,
    /// Where `arena run` keeps its records; `None`: nowhere that is known.
    pub runs_dir: Option<Arc<Path>>,
}

impl Gateway {
    /// What a person does here goes through this, under the gateway's name: it knows nobody by theirs.
    #[must_use]
    pub fn operator(&self) -> Operator {
        Operator::new(self.bus.clone(), "gateway".to_owned(), "gateway")
    }
}
