//! What an agent does in its world, and how long that takes; nothing here decides.

use std::sync::Arc;
use std::time::Duration;

use arena_config::arena::Definition;
use arena_faults::Carrier;
use arena_node_core::{Effect, Input, Output, ProcessRef};
use arena_proto::{CommandState, FaultReason, ServiceName};

use super::{NodeHost, Probing};
use crate::ground::{Event, Ground};
use crate::wire::Message;
use crate::world::ServiceIx;

/// Evidence is gathered within 300 ms at the most; of a service that answers it takes about this long (docs/node.md).
pub(super) const CAPTURE_TAKES: Duration = Duration::from_millis(30);
/// A fork, an exec and the answer.
const SPAWN_TAKES: Duration = Duration::from_millis(2);
/// A write to the undo journal, with its sync.
const JOURNAL_TAKES: Duration = Duration::from_millis(2);
/// A question to a control socket.
pub(super) const ASK_TAKES: Duration = Duration::from_millis(1);
/// What is done in the agent itself.
const AT_ONCE: Duration = Duration::from_micros(100);

impl NodeHost {
    /// Carries out one output.
    pub(super) fn act(&mut self, ground: &mut Ground, output: Output) {
        match output {
            Output::Spawn {
                service,
                generation,
                definition,
            } => self.spawn(ground, service, generation, &definition),
            // The process is the world's; its end is told whoever its agent is.
            Output::Adopt { .. } | Output::Changed | Output::Capture { .. } => {}
            Output::Stop {
                service,
                process,
                grace,
            } => {
                if let Some(ix) = self.ix_of(&service) {
                    ground.world.stop(ground.now, ix, process, grace);
                }
            }
            Output::Hold { process } => ground.world.hold(ground.now, self.ix, process),
            Output::Release { process } => ground.world.release(ground.now, self.ix, process),
            Output::Sweep { process } => ground.world.sweep(self.ix, process),
            Output::Probe {
                service,
                generation,
                pace,
                definition,
            } => self.probe(ground, &service, |now, number| {
                Probing::begin(now, (generation, number), pace, &definition)
            }),
            Output::StopProbing { service } => self.probe(ground, &service, |_, _| None),
            Output::Recover { .. }
            | Output::Throttle { .. }
            | Output::Unthrottle { .. }
            | Output::FreePort { .. }
            | Output::CleanDisk { .. }
            | Output::ResetLeg { .. } => self.heal(ground, output),
            Output::Outcome(_) | Output::FaultStatus(_) | Output::Save | Output::Finished => {
                self.tell(ground, output);
            }
            Output::WriteJournal(_)
            | Output::EraseJournal(_)
            | Output::Apply(_)
            | Output::Revert(_) => self.hurt(ground, output),
        }
    }

    fn ix_of(&self, service: &ServiceName) -> Option<ServiceIx> {
        self.services.get(service).map(|service| service.ix)
    }

    fn spawn(
        &mut self,
        ground: &mut Ground,
        name: ServiceName,
        generation: u32,
        definition: &Definition,
    ) {
        let Some(service) = self.services.get_mut(&name) else {
            return;
        };
        let spawned = ground
            .world
            .spawn(ground.now, service.ix, generation, definition);
        let (takes, input) = match spawned {
            Ok(process) => {
                service.process = Some((process, generation));
                let started = Input::Spawned {
                    service: name,
                    generation,
                    process,
                };
                (SPAWN_TAKES, started)
            }
            Err(failure) => {
                let failed = Input::SpawnFailed {
                    service: name,
                    generation,
                    message: failure.message,
                    holder: failure.holder,
                };
                (failure.after, failed)
            }
        };
        self.answer(ground, takes, input);
    }

    /// A process has ended.
    pub(crate) fn exited(
        &mut self,
        ground: &mut Ground,
        ix: ServiceIx,
        generation: u32,
        code: Option<i32>,
    ) {
        let Some((name, service)) = self.service_at(ix) else {
            return;
        };
        let name = name.clone();
        service.process = service.process.filter(|(_, of)| *of != generation);
        let input = Input::Exited {
            service: name,
            generation,
            code,
        };
        self.step(ground, input);
    }

    fn probe(
        &mut self,
        ground: &mut Ground,
        service: &ServiceName,
        begin: impl FnOnce(arena_proto::Timestamp, u32) -> Option<Probing>,
    ) {
        if let Some(service) = self.services.get_mut(service) {
            service.probings += 1;
            service.probing = begin(ground.now, service.probings);
            let ix = service.ix;
            self.next_probe(ground, ix, None);
        }
    }

    /// Enters the next probe, unless there is one already. `after`: the one before it started then.
    fn next_probe(
        &mut self,
        ground: &mut Ground,
        ix: ServiceIx,
        after: Option<arena_proto::Timestamp>,
    ) {
        let now = ground.now;
        let Some((_, service)) = self.service_at(ix) else {
            return;
        };
        if let Some(probing) = &mut service.probing
            && !probing.pending
        {
            probing.pending = true;
            let at = after.map_or_else(|| probing.next_at(now), |at| probing.after(at));
            let number = probing.number;
            let event = Event::Probe {
                service: ix,
                number,
            };
            ground.queue.push(at.max(now), event);
        }
    }

    /// A probe starts.
    pub(crate) fn probes(&mut self, ground: &mut Ground, ix: ServiceIx, number: u32) {
        let now = ground.now;
        let Some((_, service)) = self.service_at(ix) else {
            return;
        };
        let Some(probing) = service.probing.as_mut().filter(|it| it.number == number) else {
            return;
        };
        probing.pending = false;
        let (mut takes, mut result) = ground.world.probe(now, ix);
        if takes >= probing.timeout {
            takes = probing.timeout;
            let limit_ms = takes.as_millis();
            result = Err(format!("probe: no answer within {limit_ms} ms"));
        }
        let more = probing.answered(result.is_ok());
        let event = Event::Probed {
            service: ix,
            number,
            result,
        };
        ground.queue.push(now + takes, event);
        if more {
            self.next_probe(ground, ix, Some(now));
        }
    }

    /// A probe was answered.
    pub(crate) fn probed(
        &mut self,
        ground: &mut Ground,
        ix: ServiceIx,
        number: u32,
        result: Result<(), String>,
    ) {
        let Some((name, service)) = self.service_at(ix) else {
            return;
        };
        let probing = service.probing.filter(|it| it.number == number);
        let name = name.clone();
        if let Some(probing) = probing {
            let input = Input::Probed {
                service: name,
                generation: probing.generation,
                result,
            };
            self.step(ground, input);
        }
    }

    /// A service would answer its probe otherwise than before.
    pub(crate) fn probe_changed(&mut self, ground: &mut Ground, ix: ServiceIx) {
        if let Some((_, service)) = self.service_at(ix)
            && let Some(probing) = &mut service.probing
        {
            probing.changed();
            self.next_probe(ground, ix, None);
        }
    }

    fn heal(&mut self, ground: &mut Ground, output: Output) {
        let now = ground.now;
        match output {
            Output::Recover { service, command } => {
                let Some(ix) = self.ix_of(&service) else {
                    return;
                };
                let (takes, result) = ground.world.recover(now, ix);
                self.answer(ground, takes, Input::Recovered { command, result });
            }
            Output::Throttle {
                service, percent, ..
            } => {
                let Some(ix) = self.ix_of(&service) else {
                    return;
                };
                let (takes, result) = ground.world.throttle(now, ix, percent);
                self.answer(ground, takes, Input::Throttled { service, result });
            }
            Output::Unthrottle { service } => {
                if let Some(ix) = self.ix_of(&service) {
                    ground.world.unthrottle(now, ix);
                }
            }
            Output::FreePort { service, command } => {
                let Some(ix) = self.ix_of(&service) else {
                    return;
                };
                let (takes, result) = ground.world.free_port(now, ix);
                self.answer(ground, takes, Input::PortFreed { command, result });
            }
            Output::CleanDisk { service, command } => {
                let Some(ix) = self.ix_of(&service) else {
                    return;
                };
                let (takes, result) = ground.world.clean_disk(now, ix);
                self.answer(ground, takes, Input::DiskCleaned { command, result });
            }
            Output::ResetLeg { service } => {
                if let Some(ix) = self.ix_of(&service) {
                    ground.world.reset_leg(now, ix);
                }
            }
            _ => {}
        }
    }

    fn hurt(&mut self, ground: &mut Ground, output: Output) {
        match output {
            Output::WriteJournal(entry) => {
                let fault = entry.id.clone();
                self.folder.journal.insert(fault.clone(), entry);
                let result = Ok(());
                self.answer(ground, JOURNAL_TAKES, Input::Journaled { fault, result });
            }
            Output::EraseJournal(fault) => {
                self.folder.journal.remove(&fault);
            }
            Output::Apply(effect) => {
                let (takes, result) = self.apply(ground, &effect);
                let fault = effect.fault;
                self.answer(ground, takes, Input::Applied { fault, result });
            }
            Output::Revert(effect) => {
                let (takes, result) = self.revert(ground, &effect);
                let fault = effect.fault;
                self.answer(ground, takes, Input::Reverted { fault, result });
            }
            _ => {}
        }
    }

    fn apply(
        &mut self,
        ground: &mut Ground,
        effect: &Effect,
    ) -> (Duration, Result<(), (FaultReason, String)>) {
        let gone = |process: ProcessRef| {
            let mut services = self.services.values();
            !services.any(|service| service.process.is_some_and(|(alive, _)| alive == process))
        };
        if effect.process.is_some_and(gone) {
            let why = "its process is gone".to_owned();
            return (AT_ONCE, Err((FaultReason::TargetReplaced, why)));
        }
        if !is_of_telemetry(effect) {
            return ground.world.apply(ground.now, self.ix, effect);
        }
        let Some(agent) = &mut self.agent else {
            let why = "there is no agent".to_owned();
            return (AT_ONCE, Err((FaultReason::Unsupported, why)));
        };
        let result = agent.filter.apply(effect);
        self.let_out(ground);
        (AT_ONCE, result)
    }

    fn revert(&mut self, ground: &mut Ground, effect: &Effect) -> (Duration, Result<(), String>) {
        if !is_of_telemetry(effect) {
            return ground.world.revert(ground.now, self.ix, effect);
        }
        if let Some(agent) = &mut self.agent {
            agent.filter.revert(ground.now, &effect.fault);
        }
        self.let_out(ground);
        (AT_ONCE, Ok(()))
    }

    /// Publishes what is durable and of the agent.
    pub(super) fn tell(&mut self, ground: &mut Ground, output: Output) {
        let party = self.party();
        let Some(agent) = &mut self.agent else {
            return;
        };
        match output {
            Output::Outcome(outcome) => {
                debug_assert!(outcome.state != CommandState::Requested);
                let done = outcome.state.is_final();
                let done = done.then(|| agent.commands.remove(&outcome.command_id));
                ground.publish(party, Message::Outcome(Arc::new(outcome)));
                if let Some(token) = done.flatten() {
                    ground.bus.ack(ground.now, token);
                }
            }
            Output::FaultStatus(status) => {
                let done = agent.faults.remove(&status.id);
                ground.publish(party, Message::FaultStatus(Arc::new(status)));
                if let Some(token) = done {
                    ground.bus.ack(ground.now, token);
                }
            }
            // What the next agent has to know is what this one knows when it dies.
            _ => {}
        }
    }
}

/// It is made in what the agent tells; every other is made in the world.
fn is_of_telemetry(effect: &Effect) -> bool {
    effect.name.fault().carrier == Carrier::Agent
}
