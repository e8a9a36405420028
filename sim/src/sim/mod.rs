//! A run, step by step: the arena on the virtual clock, until somebody says that it is over.
//!
//! How it is put together is in `build`, who hurts and who dies in `course`. What happens at one time happens in this order: the world by
//! itself, what waited for its time, what the bus delivers; again and again until nothing is left at that time. Invariant: nothing here draws chance or reads a clock.

mod build;
mod course;

use std::time::Duration;

use arena_proto::{
    InjectReply, InjectRequest, NodeStatus, RevertRequest, Timestamp, VillainRequest, VillainStatus,
};
use arena_scenario::judge::Facts;

use crate::ground::{Event, Ground, Host};
use crate::hosts::detector::DetectorHost;
use crate::hosts::healer::HealerHost;
use crate::hosts::injector::InjectorHost;
use crate::hosts::node::NodeHost;
use crate::hosts::remediator::RemediatorHost;
use crate::hosts::watcher::{Next, Phase, Watcher};
use crate::log::EventLog;
use crate::observe::Observation;
use crate::play::Played;
use crate::policy::Deed;
use crate::setup::{Death, SetupError, Villain};
use crate::wire::{Delivery, Party};
use crate::world::{Happening, NodeIx};

/// All measure at full seconds, as live agents do.
const SECOND: Duration = Duration::from_secs(1);
/// The villain is asked once a second what was refused, as `arena run --live` asks it.
const LOOKS_A_SECOND: u32 = 4;

/// See the module.
#[derive(Debug)]
pub struct Sim {
    ground: Ground,
    nodes: Vec<NodeHost>,
    detector: DetectorHost,
    remediator: Option<RemediatorHost>,
    healer: Option<HealerHost>,
    injector: InjectorHost,
    watcher: Watcher,
    villain: Villain,
    /// As it was last asked.
    is_villain_done: bool,
    deaths: Vec<Death>,
    looks: u32,
    events: u64,
}

impl Sim {
    /// The virtual time.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.ground.now
    }

    /// Milliseconds since the run began.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.ground.now_ms()
    }

    /// There is nothing more to see.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        self.watcher.is_over()
    }

    /// What has happened so far: what waited for its time, and what was delivered.
    #[must_use]
    pub const fn events(&self) -> u64 {
        self.events
    }

    /// The villain of this run has stopped, and its faults are over; as of the last full second. Never where there is none.
    #[must_use]
    pub const fn is_villain_done(&self) -> bool {
        self.is_villain_done
    }

    /// The steady state was found, and faults are made.
    #[must_use]
    pub const fn is_playing(&self) -> bool {
        matches!(self.watcher.phase, Phase::Playing | Phase::Encore)
    }

    /// Everything until then happens, or until the run is over.
    pub fn run_until(&mut self, until: Timestamp) -> Result<(), SetupError> {
        while !self.is_over() {
            let Some(at) = self.next_at().filter(|at| *at <= until) else {
                self.ground.now = until.max(self.ground.now);
                return Ok(());
            };
            self.ground.now = at.max(self.ground.now);
            self.instant()?;
        }
        Ok(())
    }

    fn next_at(&self) -> Option<Timestamp> {
        let ground = &self.ground;
        let times = [
            ground.queue.next_at(),
            ground.bus.next_event(),
            ground.world.next_event(),
        ];
        times.into_iter().flatten().min()
    }

    /// All that happens at this time.
    fn instant(&mut self) -> Result<(), SetupError> {
        let now = self.ground.now;
        self.ground.world.advance(now);
        self.happen();
        while let Some((_, event)) = self.ground.queue.pop(now) {
            self.events += 1;
            self.due(event)?;
            self.happen();
        }
        while let Some(delivery) = self.ground.bus.deliver(now) {
            self.events += 1;
            self.deliver(delivery);
        }
        self.happen();
        self.settle();
        Ok(())
    }

    fn node(&mut self, ix: NodeIx) -> (&mut NodeHost, &mut Ground) {
        (&mut self.nodes[ix.0 as usize], &mut self.ground)
    }

    /// What happened in the world, told to whose node it is.
    fn happen(&mut self) {
        let happenings: Vec<Happening> = self.ground.world.happenings().collect();
        for happening in happenings {
            let ix = match &happening {
                Happening::Exited { service, .. }
                | Happening::PortHeld { service, .. }
                | Happening::Changed(service) => self.ground.world.service(*service).node,
                Happening::FaultGone { node, .. } => *node,
            };
            let (node, ground) = self.node(ix);
            node.happened(ground, happening);
        }
    }

    fn due(&mut self, event: Event) -> Result<(), SetupError> {
        match event {
            Event::Node { node, boot, input } => {
                let (node, ground) = self.node(node);
                node.answered(ground, boot, *input);
            }
            Event::NodeOutputs {
                node,
                boot,
                outputs,
            } => {
                let (node, ground) = self.node(node);
                node.go_on(ground, boot, outputs);
            }
            Event::Probe { service, number } => {
                let (node, ground) = self.node(self.ground.world.service(service).node);
                node.probes(ground, service, number);
            }
            Event::Probed {
                service,
                number,
                result,
            } => {
                let (node, ground) = self.node(self.ground.world.service(service).node);
                node.probed(ground, service, number, result);
            }
            Event::Held { node, boot } => {
                let (node, ground) = self.node(node);
                node.held(ground, boot);
            }
            Event::Second => self.second(),
            Event::Wake(host) => self.wake(host),
            Event::Dies(index) => self.dies(index),
            Event::Returns(index) => self.returns(index)?,
            Event::Look => self.look()?,
        }
        Ok(())
    }

    /// All nodes measure, users are asked, and a policy looks.
    fn second(&mut self) {
        for node in &mut self.nodes {
            node.measure(&mut self.ground);
        }
        self.ground.tell_users();
        if self.is_playing()
            && let Some(healer) = &mut self.healer
        {
            healer.ask(&mut self.ground);
        }
        let next = self.ground.now + SECOND;
        self.ground.queue.push(next, Event::Second);
    }

    fn wake(&mut self, host: Host) {
        let ground = &mut self.ground;
        match host {
            Host::Node(ix) => self.nodes[ix.0 as usize].wake(ground),
            Host::Detector => self.detector.wake(ground),
            Host::Remediator => {
                if let Some(remediator) = &mut self.remediator {
                    remediator.wake(ground);
                }
            }
            Host::Injector => self.injector.wake(ground),
        }
    }

    fn deliver(&mut self, delivery: Delivery) {
        let ground = &mut self.ground;
        match delivery.to {
            Party::Detector => self.detector.deliver(ground, delivery),
            Party::Remediator => {
                if let Some(remediator) = &mut self.remediator {
                    remediator.deliver(ground, delivery);
                }
            }
            Party::Healer => {
                if let Some(healer) = &mut self.healer {
                    healer.deliver(ground, &delivery);
                }
            }
            Party::Injector => self.injector.deliver(ground, delivery),
            Party::Watcher => self.watcher.hear(ground.now_ms(), &delivery.message),
            Party::Node(ix) => self.nodes[ix.0 as usize].deliver(ground, delivery),
        }
    }

    /// What is found once for all that happened at one time.
    fn settle(&mut self) {
        if std::mem::take(&mut self.ground.lease_news) {
            for node in &mut self.nodes {
                node.hear_lease(&mut self.ground);
            }
        }
        self.detector.arm(&mut self.ground);
    }

    fn look(&mut self) -> Result<(), SetupError> {
        match self.watcher.look(&mut self.ground)? {
            Next::Watch => {}
            Next::Begin => self.begin()?,
            Next::Order(order) => {
                if let Some(healer) = &mut self.healer {
                    // What the guard refuses now is tried again.
                    let _ = healer.act(&mut self.ground, Deed::Order(order));
                }
            }
            Next::Encore(requests) => {
                for request in requests {
                    let refused = self.inject(request).error;
                    self.watcher
                        .refused(self.ground.now_ms(), refused.into_iter().collect());
                }
            }
        }
        self.looks += 1;
        if self.looks.is_multiple_of(LOOKS_A_SECOND) && self.is_playing() {
            let status = self.villain(VillainRequest::default());
            self.is_villain_done = status.policy.is_some() && status.state == "STOPPED";
            self.watcher.refused(self.ground.now_ms(), status.refusals);
        }
        Ok(())
    }

    /// Does what somebody outside wants done, through the guard; the error says why it was refused.
    pub fn order(&mut self, deed: Deed) -> Result<(), String> {
        match &mut self.healer {
            Some(healer) => healer.act(&mut self.ground, deed),
            None => Err("the remediator heals in this run".to_owned()),
        }
    }

    /// Asks the injector for a fault.
    pub fn inject(&mut self, request: InjectRequest) -> InjectReply {
        self.injector.inject(&mut self.ground, request)
    }

    /// Asks the injector for the end of a fault.
    pub fn revert(&mut self, request: RevertRequest) -> InjectReply {
        self.injector.revert(&mut self.ground, request)
    }

    /// Asks the injector for a villain, for its end, or how it stands.
    pub fn villain(&mut self, request: VillainRequest) -> VillainStatus {
        self.injector.villain(&mut self.ground, request)
    }

    /// What is seen from the bus now; outcomes are told once. Empty where the remediator heals and nobody asked for one.
    pub fn observation(&mut self) -> Observation {
        match &mut self.healer {
            Some(healer) => healer.observe(&self.ground),
            None => Observation::default(),
        }
    }

    /// What was true in the last full second, for the referee alone.
    #[must_use]
    pub const fn truth(&self) -> &crate::world::Truth {
        &self.ground.truth
    }

    /// What happened so far, truth included: for who steps the run, and not for who plays in it.
    #[must_use]
    pub const fn facts(&self) -> &Facts {
        &self.watcher.view.facts
    }

    /// The event log as it stands.
    #[must_use]
    pub fn log(&self) -> EventLog {
        self.ground.log.so_far(self.ground.now)
    }

    /// What the nodes last said of themselves, as it came over the bus; nothing where nobody outside plays.
    pub fn statuses(&self) -> impl Iterator<Item = &NodeStatus> {
        self.healer.iter().flat_map(HealerHost::statuses)
    }

    /// The run as it was.
    pub fn finish(self) -> Result<Played, SetupError> {
        let virtual_ms = self.ground.now_ms();
        let played = !matches!(
            self.watcher.phase,
            Phase::Steady | Phase::Over { played: false }
        );
        Played::of(
            self.watcher.scenario,
            self.watcher.view,
            played,
            self.ground.log.finish(self.ground.now),
            virtual_ms,
        )
    }
}
