//! A host that is as simple as can be: it starts what is down, routes to what answers, and samples each node once a second.

use std::collections::BTreeMap;
use std::time::Duration;

use arena_config::arena::{Arena, Definition};
use arena_faults::FaultName;
use arena_node_core::Effect;
use arena_proto::{Entity, FaultReason, Timestamp};
use arena_scenario::{Load, LoadShape};
use arena_sim::world::{BEGIN, Happening, NodeIx, Physics, Route, ServiceIx, Truth, World};

pub(crate) const MS: Duration = Duration::from_millis(1);
pub(crate) const SECOND: Duration = Duration::from_secs(1);
/// Three probes, 200 ms apart, and a timeout: as the shop's services are probed.
const PROBE_LATENCY: Duration = Duration::from_millis(600);

pub(crate) struct Host {
    pub(crate) world: World,
    pub(crate) now: Timestamp,
    /// Nobody starts what is down, or takes it out of the routes.
    pub(crate) asleep: bool,
    definitions: Vec<Definition>,
    generations: Vec<u32>,
    checks: Vec<(Timestamp, ServiceIx)>,
    starts: Vec<(Timestamp, ServiceIx)>,
    pub(crate) happened: Vec<Happening>,
    /// By entity and metric, the samples so far.
    samples: BTreeMap<(NodeIx, usize), Vec<f32>>,
    pub(crate) truths: Vec<Truth>,
    faults: u32,
}

pub(crate) fn shop() -> Arena {
    Arena::parse("built-in", Arena::default_toml()).expect("the built-in arena")
}

impl Host {
    pub(crate) fn shop() -> Self {
        Self::of(&shop(), 20, 7)
    }

    pub(crate) fn of(arena: &Arena, rate: u32, seed: u64) -> Self {
        let physics = Physics {
            action_failure_percent: 0.0,
            ..Physics::default()
        };
        Self::on(arena, rate, seed, physics)
    }

    pub(crate) fn on(arena: &Arena, rate: u32, seed: u64, physics: Physics) -> Self {
        let load = Load {
            rate,
            shape: LoadShape::Steady,
        };
        let world = World::with_physics(arena, &load, seed, physics);
        let specs = arena.nodes.iter().flat_map(|node| &node.services);
        let definitions: Vec<Definition> = specs
            .map(arena_config::arena::ServiceSpec::definition)
            .collect();
        let mut host = Self {
            world,
            now: BEGIN,
            asleep: false,
            generations: vec![0; definitions.len()],
            definitions,
            checks: Vec::new(),
            starts: Vec::new(),
            happened: Vec::new(),
            samples: BTreeMap::new(),
            truths: Vec::new(),
            faults: 0,
        };
        for node in host.world.nodes() {
            for service in host.world.services_of(node) {
                host.start(service);
            }
        }
        host
    }

    /// The same, running for ten seconds.
    pub(crate) fn calm(mut self) -> Self {
        self.run(10 * SECOND);
        self
    }

    pub(crate) fn start(&mut self, service: ServiceIx) {
        let at = usize::try_from(service.0).expect("small");
        self.generations[at] += 1;
        let (generation, definition) = (self.generations[at], self.definitions[at].clone());
        if self
            .world
            .spawn(self.now, service, generation, &definition)
            .is_err()
        {
            self.starts.push((self.now + SECOND, service));
        }
    }

    pub(crate) fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            let second = Timestamp::from_unix_nanos(
                (self.now.unix_nanos() / 1_000_000_000 + 1) * 1_000_000_000,
            );
            let next = [Some(end), Some(second), self.world.next_event()]
                .into_iter()
                .flatten()
                .chain(self.checks.iter().chain(&self.starts).map(|(at, _)| *at))
                .min()
                .expect("an end");
            self.now = next.max(self.now + Duration::from_nanos(1));
            self.world.advance(self.now);
            self.hear();
            if self.now >= second {
                self.sample();
            }
        }
    }

    fn hear(&mut self) {
        let happened: Vec<Happening> = self.world.happenings().collect();
        for happening in &happened {
            match happening {
                Happening::Changed(service) => {
                    let answers = self.world.probe(self.now, *service).1.is_ok();
                    let wait = if answers {
                        Duration::ZERO
                    } else {
                        PROBE_LATENCY
                    };
                    self.checks.push((self.now + wait, *service));
                }
                Happening::Exited { service, .. } if !self.asleep => {
                    self.world.set_routable(self.now, *service, Route::Away);
                    self.starts.push((self.now + 300 * MS, *service));
                }
                _ => {}
            }
        }
        self.happened.extend(happened);
        let now = self.now;
        let (due, later) = std::mem::take(&mut self.checks)
            .into_iter()
            .partition(|(at, _)| *at <= now);
        self.checks = later;
        let due: Vec<(Timestamp, ServiceIx)> = due;
        for (_, service) in due.into_iter().filter(|_| !self.asleep) {
            let answers = self.world.probe(self.now, service).1.is_ok();
            let route = if answers { Route::Open } else { Route::Away };
            self.world.set_routable(self.now, service, route);
        }
        let (due, later) = std::mem::take(&mut self.starts)
            .into_iter()
            .partition(|(at, _)| *at <= now);
        self.starts = later;
        let due: Vec<(Timestamp, ServiceIx)> = due;
        for (_, service) in due {
            if self.world.process(service).is_none() {
                self.start(service);
            }
        }
    }

    fn sample(&mut self) {
        let mut row = Vec::new();
        for node in self.world.nodes() {
            self.world.sample(self.now, node, &mut row);
            assert_eq!(row.len(), self.world.schema(node).columns.len());
            for (column, value) in row.iter().enumerate() {
                assert!(
                    value.is_nan() || (value.is_finite() && *value >= 0.0),
                    "{column}: {value}"
                );
                self.samples.entry((node, column)).or_default().push(*value);
            }
        }
        let truth = self.world.truth(self.now);
        self.truths.push(truth);
    }

    pub(crate) fn service(&self, entity: &str) -> ServiceIx {
        let entity: Entity = entity.parse().expect("an entity");
        self.world.service_ix(&entity).expect("a service")
    }

    /// The last samples of a metric, oldest first.
    pub(crate) fn last(&self, entity: &str, metric: &str, count: usize) -> Vec<f32> {
        let entity: Entity = entity.parse().expect("an entity");
        let node = self.world.node_ix(&entity.node).expect("a node");
        let columns = &self.world.schema(node).columns;
        let column = columns
            .iter()
            .position(|column| column.service == entity.service && column.metric == metric);
        let samples = &self.samples[&(node, column.expect("a column"))];
        samples[samples.len() - count..].to_vec()
    }

    /// The mean of the last samples of a metric that are there.
    pub(crate) fn mean(&self, entity: &str, metric: &str, count: usize) -> f32 {
        let values = self.last(entity, metric, count);
        let there: Vec<f32> = values.into_iter().filter(|value| !value.is_nan()).collect();
        #[expect(clippy::cast_precision_loss, reason = "some seconds")]
        let mean = there.iter().sum::<f32>() / there.len() as f32;
        mean
    }

    pub(crate) fn effect(
        &mut self,
        name: FaultName,
        target: &str,
        params: &[(&str, &str)],
    ) -> (NodeIx, Effect) {
        let entity: Entity = target.parse().expect("an entity");
        let node = self.world.node_ix(&entity.node).expect("a node");
        let given = params
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let service = self.world.service_ix(&entity);
        self.faults += 1;
        let effect = Effect {
            fault: format!("flt-{}", self.faults).parse().expect("an id"),
            name,
            params: name.fault().fill(&given).expect("parameters"),
            // Of a definition: the process is the next one's.
            process: service
                .filter(|_| name != FaultName::BadConfig)
                .and_then(|service| self.world.process(service)),
            service: entity.service,
            ttl: 60 * SECOND,
        };
        (node, effect)
    }

    pub(crate) fn apply(
        &mut self,
        node: NodeIx,
        effect: &Effect,
    ) -> Result<(), (FaultReason, String)> {
        self.world.apply(self.now, node, effect).1
    }

    pub(crate) fn inject(
        &mut self,
        name: FaultName,
        target: &str,
        params: &[(&str, &str)],
    ) -> (NodeIx, Effect) {
        let (node, effect) = self.effect(name, target, params);
        self.apply(node, &effect).expect("made");
        (node, effect)
    }

    pub(crate) fn revert(&mut self, (node, effect): &(NodeIx, Effect)) {
        self.world
            .revert(self.now, *node, effect)
            .1
            .expect("undone");
    }

    /// All samples, as bits.
    pub(crate) fn bits(&self, node: NodeIx) -> Vec<Vec<u32>> {
        let of_node = self.samples.iter().filter(|((of, _), _)| *of == node);
        of_node
            .map(|(_, values)| values.iter().map(|value| value.to_bits()).collect())
            .collect()
    }
}
