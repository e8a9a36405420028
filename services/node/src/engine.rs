//! The loop around the core: one input at a time in, its outputs carried out in their order.

use std::sync::Arc;

use arena_chassis::Chassis;
use arena_node_core::{Boot, Input, Node, Output};
use arena_proto::{CommandId, Entity, IncidentId, NodeName, ServiceName, Timestamp};
use arena_supervisor::Signal;
use tokio::sync::{mpsc, watch};

use crate::actions::evidence::{self, Question};
use crate::effects::Effects;
use crate::probe::Prober;
use crate::publish::Letter;
use crate::store::Store;
use crate::view::View;

/// Inputs that may wait for the loop: a tenth of a second of probes of the largest node.
pub(crate) const INPUTS_MAX: usize = 1024;

/// The core and what carries its outputs out.
pub(crate) struct Engine {
    pub(crate) chassis: Chassis,
    pub(crate) node: Node,
    pub(crate) name: NodeName,
    pub(crate) boot_id: u64,
    pub(crate) inputs: mpsc::Receiver<Input>,
    pub(crate) effects: Effects,
    pub(crate) prober: Prober,
    pub(crate) store: Store,
    pub(crate) letters: mpsc::Sender<Letter>,
    pub(crate) views: watch::Sender<Arc<View>>,
}

/// What the outputs of one step add up to.
#[derive(Debug, Default)]
struct Followup {
    changed: bool,
    save: bool,
    finished: bool,
}

impl Engine {
    /// Runs until the node was told to stop and nothing of it is left.
    pub(crate) async fn run(mut self, boot: Boot) {
        let mut stopping = false;
        let mut finished = self.step(Input::Boot(boot)).await;
        while !finished {
            let input = tokio::select! {
                biased;
                () = self.chassis.shutdown.cancelled(), if !stopping => {
                    stopping = true;
                    Input::Shutdown
                }
                Some(input) = self.inputs.recv() => input,
                () = wait_until(&self.chassis, self.node.next_wakeup()) => Input::Tick,
            };
            finished = self.step(input).await;
        }
    }

    async fn step(&mut self, input: Input) -> bool {
        let now = self.chassis.clock.now();
        let mut followup = Followup::default();
        for output in self.node.step(now, input) {
            // What follows in the same step is done in this order, and so waits for these.
            match output {
                Output::Capture {
                    service,
                    command,
                    incident,
                } => self.capture(now, service, command, incident).await,
                Output::Throttle {
                    service,
                    process,
                    percent,
                } => self.effects.throttle(service, process, percent).await,
                Output::Unthrottle { service } => self.effects.unthrottle(service).await,
                output => self.carry_out(output, &mut followup),
            }
        }
        if followup.changed {
            self.views.send_replace(view(&self.node, now, self.boot_id));
        }
        if followup.save {
            self.store.save(self.node.saved());
        }
        followup.finished
    }

    fn carry_out(&mut self, output: Output, followup: &mut Followup) {
        match output {
            Output::Spawn {
                service,
                generation,
                definition,
            } => self.effects.spawn(service, generation, &definition),
            Output::Adopt {
                service,
                generation,
                process,
            } => {
                self.effects.adopt(service, generation, process);
            }
            Output::Stop { process, grace, .. } => self.effects.stop(process, grace),
            Output::Hold { process } => self.effects.hold(process, Signal::STOP),
            Output::Release { process } => self.effects.hold(process, Signal::CONT),
            Output::Sweep { process } => self.effects.sweep(process),
            Output::Probe {
                service,
                generation,
                pace,
                definition,
            } => {
                if let Some(program) = self.effects.programs.get(&service) {
                    let program = program.defined(&definition);
                    self.prober.start(&service, generation, pace, &program);
                }
            }
            Output::StopProbing { service } => self.prober.stop(&service),
            Output::Recover { service, command } => self.effects.recover(&service, command),
            Output::FreePort { service, command } => {
                let samples = self.node.samples();
                let leaders = samples.iter().filter_map(|sample| sample.pid).collect();
                let node = self.name.clone();
                self.effects.free_port(node, &service, command, leaders);
            }
            Output::CleanDisk { service, command } => self.effects.clean_disk(&service, command),
            // Carried out by the step itself.
            Output::Capture { .. } | Output::Throttle { .. } | Output::Unthrottle { .. } => {}
            Output::ResetLeg { service } => self.effects.faults.sidecar.reset(&service),
            Output::Outcome(outcome) => {
                tracing::info!(
                    command = %outcome.command_id, target = %outcome.target(),
                    "{} {} {}", outcome.action, outcome.state, outcome.message
                );
                self.post(Letter::Outcome(outcome));
            }
            Output::FaultStatus(status) => {
                tracing::info!(fault = %status.id, "{} {} {}", status.fault, status.state, status.message);
                self.post(Letter::FaultStatus(status));
            }
            Output::WriteJournal(entry) => self.store.journal(entry),
            Output::EraseJournal(fault) => self.store.erase(fault),
            Output::Apply(effect) => self.effects.apply(effect),
            Output::Revert(effect) => self.effects.revert(effect),
            Output::Changed => followup.changed = true,
            Output::Save => followup.save = true,
            Output::Finished => followup.finished = true,
        }
    }

    async fn capture(
        &mut self,
        now: Timestamp,
        service: Option<ServiceName>,
        command: CommandId,
        incident: IncidentId,
    ) {
        let status = self.node.status(now, self.boot_id, std::process::id());
        let known = service.as_ref().and_then(|name| {
            let mut services = status.services.iter();
            services.find(|known| known.name == *name)
        });
        let program = service
            .as_ref()
            .and_then(|name| self.effects.programs.get(name));
        let question = Question {
            leader: known.and_then(|known| known.pid),
            log: program.map(|program| program.spawn.log.clone()),
            entity: Entity {
                node: self.name.clone(),
                service,
            },
            command,
            incident,
            at: now,
        };
        let evidence = evidence::gather(&self.effects.history, question).await;
        self.post(Letter::Evidence(evidence));
    }

    /// While the bus is away letters wait, up to a limit; what is beyond it is in the state file all the same, and told
    /// when the command comes again.
    fn post(&self, letter: Letter) {
        if self.letters.try_send(letter).is_err() {
            tracing::warn!(
                "an outcome, a fault status or evidence cannot be told: too many wait for the bus"
            );
        }
    }
}

/// The node as it stands.
pub(crate) fn view(node: &Node, now: Timestamp, boot_id: u64) -> Arc<View> {
    Arc::new(View {
        status: node.status(now, boot_id, std::process::id()),
        samples: node.samples(),
    })
}

async fn wait_until(chassis: &Chassis, at: Option<Timestamp>) {
    match at {
        Some(at) => chassis.clock.sleep_until(at).await,
        None => std::future::pending().await,
    }
}
