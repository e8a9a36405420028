//! Asks each service that has come up which faults it makes in itself. Only where faults are accepted.
//!
//! Invariant: each start of a service is asked until it has answered, at most [`ASKS_MAX`] times: one without a control socket
//! never will, and makes none.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arena_node_core::Input;
use arena_proto::{ProcessState, ServiceName};
use tokio::sync::mpsc;

use crate::control_socket::ControlSocket;
use crate::spec::Program;
use crate::view::Views;

/// Between two questions to a service that has not answered.
const PAUSE: Duration = Duration::from_secs(1);
/// A service listens on its control socket before its port, or soon after it.
const ASKS_MAX: u32 = 5;

/// See the module.
pub(crate) struct MakesWatch {
    programs: Arc<BTreeMap<ServiceName, Program>>,
    views: Views,
    inputs: mpsc::Sender<Input>,
    /// By service: of which start, and how often it was asked.
    asked: BTreeMap<ServiceName, (u32, u32)>,
}

impl MakesWatch {
    pub(crate) fn new(
        programs: &Arc<BTreeMap<ServiceName, Program>>,
        views: Views,
        inputs: mpsc::Sender<Input>,
    ) -> Self {
        Self {
            programs: Arc::clone(programs),
            views,
            inputs,
            asked: BTreeMap::new(),
        }
    }

    /// Runs until it is dropped, or the agent ends.
    pub(crate) async fn run(mut self) {
        loop {
            let mut waits = false;
            for (service, generation) in self.unasked() {
                waits |= !self.ask(service, generation).await;
            }
            let changed = self.views.changed();
            let changed = if waits {
                tokio::time::timeout(PAUSE, changed).await.unwrap_or(Ok(()))
            } else {
                changed.await
            };
            if changed.is_err() {
                return;
            }
        }
    }

    fn unasked(&mut self) -> Vec<(ServiceName, u32)> {
        let view = self.views.borrow_and_update();
        let running = view.status.services.iter();
        let running = running.filter(|status| status.state == ProcessState::Running);
        running
            .map(|status| (status.name.clone(), status.generation))
            .filter(|(name, generation)| {
                let asked = self.asked.get(name);
                asked.is_none_or(|(of, asks)| of != generation || *asks < ASKS_MAX)
            })
            .collect()
    }

    /// True when there is nothing more to ask.
    async fn ask(&mut self, service: ServiceName, generation: u32) -> bool {
        let Some(program) = self.programs.get(&service) else {
            return true;
        };
        let answer = ControlSocket::new(&program.control_socket).makes().await;
        let (of, asks) = self.asked.entry(service.clone()).or_default();
        if *of != generation {
            (*of, *asks) = (generation, 0);
        }
        *asks += 1;
        let faults = match answer {
            Err(_) if *asks < ASKS_MAX => return false,
            answer => answer.unwrap_or_default(),
        };
        *asks = ASKS_MAX;
        let told = Input::MakesFaults {
            service,
            generation,
            faults,
        };
        // A closed channel means that the agent has ended.
        let _ = self.inputs.send(told).await;
        true
    }
}
