//! How a run is put together: the world of its layout, everybody on the bus, and who heals.

use std::collections::BTreeMap;

use arena_proto::{Control, Mode, RiskClass};
use arena_remediator_core::Playbooks;
use arena_scenario::Layout;

use super::{SECOND, Sim};
use crate::chance::{Chance, Purpose};
use crate::ground::{BEGINNING, Event, Ground};
use crate::hosts::detector::DetectorHost;
use crate::hosts::healer::HealerHost;
use crate::hosts::injector::InjectorHost;
use crate::hosts::node::NodeHost;
use crate::hosts::recorder::Recorder;
use crate::hosts::remediator::RemediatorHost;
use crate::hosts::watcher::Watcher;
use crate::queue::EventQueue;
use crate::setup::{Healer, Setup, SetupError, Villain};
use crate::wire::Bus;
use crate::world::World;

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
        let acts = !matches!(setup.healer, Healer::Nobody | Healer::Reference);
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
            detector: DetectorHost::new(setup.thorough),
            remediator,
            healer,
            injector: InjectorHost::new(nonce),
            watcher: Watcher::new(scenario, policy, setup.encore)?
                .open_ended(!matches!(setup.villain, Villain::Scenario)),
            villain: setup.villain,
            is_villain_done: false,
            deaths: setup.deaths,
            looks: 0,
            events: 0,
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
