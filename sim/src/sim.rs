//! A run, step by step: the arena on the virtual clock, until somebody says that it is over.
//!
//! What happens at one time happens in this order: the world by itself, what waited for its time, what the bus delivers; again and again
//! until nothing is left at that time. Invariant: nothing here draws chance or reads a clock.

use std::collections::BTreeMap;
use std::time::Duration;

use arena_proto::{
    Control, InjectReply, InjectRequest, Mode, RevertRequest, RiskClass, Timestamp,
    VillainOperation, VillainPolicy, VillainRequest, VillainStatus,
};
use arena_remediator_core::Playbooks;
use arena_scenario::Layout;

use crate::chance::{Chance, Purpose};
use crate::ground::{BEGINNING, Event, Ground, Host};
use crate::hosts::detector::DetectorHost;
use crate::hosts::healer::HealerHost;
use crate::hosts::injector::InjectorHost;
use crate::hosts::node::NodeHost;
use crate::hosts::recorder::Recorder;
use crate::hosts::remediator::RemediatorHost;
use crate::hosts::watcher::{Next, Phase, Watcher};
use crate::observe::Observation;
use crate::play::Played;
use crate::policy::Deed;
use crate::queue::EventQueue;
use crate::setup::{Death, Healer, Mortal, Setup, SetupError, Villain};
use crate::wire::{Bus, Delivery, Party};
use crate::world::{Happening, NodeIx, World};

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
    deaths: Vec<Death>,
    looks: u32,
}

impl Sim {
    /// An arena of which everything starts now.
    pub fn new(setup: Setup) -> Result<Self, SetupError> {
        let scenario = setup.scenario;
        let layout = Layout::of(&scenario.topology, scenario.seed);
        let arena = layout.arena(&scenario.load, scenario.seed)?;
        let world = World::new(&arena, &scenario.load, setup.seed);
        let nodes: Vec<NodeHost> = world
            .nodes()
            .zip(&arena.nodes)
            .map(|(ix, spec)| {
                let services: Vec<_> = world.services_of(ix).collect();
                NodeHost::new(ix, spec, &services)
            })
            .collect();
        let names: BTreeMap<_, _> = arena
            .nodes
            .iter()
            .map(|node| node.name.clone())
            .zip(world.nodes())
            .collect();
        let policy = setup.healer.as_judged();
        let acts = matches!(setup.healer, Healer::Rules(_));
        let (remediator, healer) = healers(setup.healer)?;
        let healer = healer
            .or_else(|| matches!(setup.villain, Villain::Outside).then(|| HealerHost::new(None)));
        let nonce = Chance::stream(setup.seed, Purpose::Villain, 0).bits();
        let mut sim = Self {
            ground: Ground {
                seed: setup.seed,
                now: BEGINNING,
                bus: Bus::new(
                    &names,
                    control(acts),
                    setup.network,
                    (setup.seed, BEGINNING),
                ),
                world,
                queue: EventQueue::new(0),
                log: Recorder::new(setup.log),
                lease: None,
                fence: 0,
                lease_news: false,
                tampered: Vec::new(),
                truth: crate::world::Truth::default(),
            },
            nodes,
            detector: DetectorHost::new(),
            remediator,
            healer,
            injector: InjectorHost::new(nonce),
            watcher: Watcher::new(scenario, policy, setup.encore)?,
            villain: setup.villain,
            deaths: setup.deaths,
            looks: 0,
        };
        sim.start()?;
        Ok(sim)
    }

    fn start(&mut self) -> Result<(), SetupError> {
        let ground = &mut self.ground;
        Watcher::start(ground);
        self.detector.start(ground)?;
        if self.remediator.is_some() {
            RemediatorHost::start(ground);
        }
        if self.healer.is_some() {
            HealerHost::start(ground, self.remediator.is_none());
        }
        self.injector.start(ground);
        for node in &mut self.nodes {
            node.boot(ground);
        }
        ground.queue.push(ground.now + SECOND, Event::Second);
        self.settle();
        Ok(())
    }

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
            self.due(event)?;
            self.happen();
        }
        while let Some(delivery) = self.ground.bus.deliver(now) {
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
                    self.inject(request);
                }
            }
        }
        self.looks += 1;
        if self.looks.is_multiple_of(LOOKS_A_SECOND) && self.is_playing() {
            let status = self.villain(VillainRequest::default());
            self.watcher.refused(self.ground.now_ms(), status.refusals);
        }
        Ok(())
    }

    /// The steady state was found: the villain begins, and what is to die has its time.
    fn begin(&mut self) -> Result<(), SetupError> {
        for (index, death) in self.deaths.iter().enumerate() {
            let at = self.ground.now + death.after;
            self.ground.queue.push(at, Event::Dies(index));
        }
        let scenario = &self.watcher.scenario;
        let request = match &self.villain {
            Villain::Outside => return Ok(()),
            Villain::Scenario => VillainRequest {
                policy: Some(VillainPolicy::Scripted),
                scenario_name: scenario.name.clone(),
                scenario: Some(scenario.to_toml()),
                ..VillainRequest::default()
            },
            Villain::Random(request) => self.seeded(request, VillainPolicy::Random),
            Villain::Adaptive(request) => self.seeded(request, VillainPolicy::Adaptive),
        };
        let request = VillainRequest {
            op: VillainOperation::Start,
            ..request
        };
        let status = self.villain(request);
        status
            .error
            .map_or(Ok(()), |error| Err(SetupError::Villain(error)))
    }

    fn seeded(&self, request: &VillainRequest, policy: VillainPolicy) -> VillainRequest {
        VillainRequest {
            policy: Some(policy),
            seed: request.seed.or(Some(self.ground.seed)),
            ..request.clone()
        }
    }

    fn dies(&mut self, index: usize) {
        let ground = &mut self.ground;
        let death = &self.deaths[index];
        match &death.who {
            Mortal::Detector => self.detector.die(ground),
            Mortal::Remediator => {
                if let Some(remediator) = &mut self.remediator {
                    remediator.die(ground);
                }
            }
            Mortal::Agent(name) => {
                if let Some(node) = self.nodes.iter_mut().find(|node| node.name == *name) {
                    node.die(ground);
                }
            }
        }
        ground
            .queue
            .push(ground.now + death.lasts, Event::Returns(index));
    }

    fn returns(&mut self, index: usize) -> Result<(), SetupError> {
        let ground = &mut self.ground;
        match &self.deaths[index].who {
            Mortal::Detector => self.detector.start(ground)?,
            Mortal::Remediator => {
                if self.remediator.is_some() {
                    RemediatorHost::start(ground);
                }
            }
            Mortal::Agent(name) => {
                if let Some(node) = self.nodes.iter_mut().find(|node| node.name == *name) {
                    node.boot(ground);
                }
            }
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
            self.ground.log.finish(),
            virtual_ms,
        )
    }
}

type Healers = (Option<RemediatorHost>, Option<HealerHost>);

/// Where another is to heal, the remediator only observes; a policy takes its place.
fn healers(healer: Healer) -> Result<Healers, SetupError> {
    let built_in = || {
        let playbooks = Playbooks::built_in();
        playbooks.map_err(|mistake| SetupError::Policy(mistake.to_string()))
    };
    Ok(match healer {
        Healer::Rules(playbooks) => (Some(RemediatorHost::new(playbooks)), None),
        Healer::Nobody => (Some(RemediatorHost::new(built_in()?)), None),
        Healer::Reference => (
            Some(RemediatorHost::new(built_in()?)),
            Some(HealerHost::new(None)),
        ),
        Healer::Policy(policy) => (None, Some(HealerHost::new(Some(policy)))),
        Healer::Outside => (None, Some(HealerHost::new(None))),
    })
}

/// Nobody is there to be asked: the remediator decides about everything, or about nothing, as `arena run --live` sets it.
fn control(acts: bool) -> Control {
    let mode = if acts { Mode::Auto } else { Mode::Observe };
    Control {
        mode,
        modes: RiskClass::ALL.iter().map(|risk| (*risk, mode)).collect(),
        at: BEGINNING,
        ..Control::default()
    }
}
