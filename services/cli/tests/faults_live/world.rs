//! A running arena and all that looks at it: the requests that are sent to its sidecars all the time, its telemetry, and
//! what the `arena` binary says of it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::process::Output;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arena_bus::{Bus, NatsArgs, Role};
use arena_chassis::Clock;
use arena_config::arena::Arena as Config;
use arena_proto::{NodeStatus, ServiceStatus};
use arena_testkit::{Arena, ArenaBuilder};
use serde_json::Value;

use crate::http::{self, Asked};
use crate::rows::ROWS;
use crate::telemetry::{Ears, Heard};
use crate::topology;

/// Requests to each victim: ten a second, which is what a detector's second of samples needs.
const ASK_EVERY: Duration = Duration::from_millis(100);
/// What is known is looked up anew so often.
const LOOK_EVERY: Duration = Duration::from_millis(300);
/// Between two looks at what others gather.
const PAUSE: Duration = Duration::from_millis(50);
/// Of each victim; more than any measurement looks at.
const ANSWERS_MAX: usize = 256;

/// What was last known.
#[derive(Debug, Default)]
struct Known {
    nodes: Vec<NodeStatus>,
    incidents: Vec<Value>,
    /// Ids of the faults that are not over.
    faults: Vec<String>,
    /// Of each target, in the order in which they were asked; `None` while under way.
    answers: BTreeMap<&'static str, VecDeque<(u64, Option<Asked>)>>,
}

impl Known {
    /// What gave no answer is as it was before.
    fn take(&mut self, incidents: Option<Value>, status: Option<Value>) {
        if let Some(Value::Array(incidents)) = incidents {
            self.incidents = incidents;
        }
        if let Some(Value::Array(faults)) = status.map(|status| status["faults"].clone()) {
            let ids = faults.iter().filter_map(|fault| fault["id"].as_str());
            self.faults = ids.map(str::to_owned).collect();
        }
    }
}

/// The arena under test.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) arena: Arc<Arena>,
    /// Where it lives; every process of it has that in its environment.
    pub(crate) folder: String,
    pub(crate) ears: Ears,
    bus: Bus,
    known: Arc<Mutex<Known>>,
}

impl World {
    /// Starts it in mode OBSERVE, so that nobody heals what is to be seen.
    pub(crate) async fn start() -> Self {
        let arena = ArenaBuilder::new(env!("CARGO_BIN_EXE_arena"), &topology::config())
            .env("OTEL_SDK_DISABLED", "true")
            .arg("--chaos")
            .start();
        let arena = Arc::new(arena);
        succeeded(&arena.run(&["mode", "observe"])).expect("mode observe");
        let folder = arena.data_dir().parent().expect("it has one").to_owned();
        let args = NatsArgs {
            nats_url: arena.nats_url.clone(),
        };
        let bus = Bus::connect(&args, Role::Operator, "faults-live").await;
        let world = Self {
            folder: folder.to_string_lossy().into_owned(),
            ears: Ears::listen(&arena).await,
            bus: bus.expect("the bus"),
            known: Arc::default(),
            arena,
        };
        world.look_on();
        world.ask_on();
        world
    }

    /// Keeps asking what the arena says of itself, until the arena is gone.
    fn look_on(&self) {
        let (known, bus) = (Arc::clone(&self.known), self.bus.clone());
        let arena = Arc::downgrade(&self.arena);
        tokio::spawn(async move {
            while let Some(arena) = arena.upgrade() {
                let told = tokio::task::spawn_blocking(move || {
                    let incidents = json(&arena.run(&["incidents", "--json"]));
                    (incidents, json(&arena.run(&["status", "--json"])))
                });
                let (incidents, status) = told.await.expect("it does not panic");
                // The nodes last: who is told that a fault is over must not find its target as it was before. While the bus is
                // away, what was known before is what is known.
                if let Ok(nodes) = bus.statuses().await {
                    let mut known = lock(&known);
                    known.take(incidents, status);
                    known.nodes = nodes;
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        });
    }

    /// Keeps sending requests to the sidecars, until the arena is gone.
    fn ask_on(&self) {
        for row in ROWS {
            if let Some(request) = row.effect.request() {
                self.keep_asking(row.target, request);
            }
        }
    }

    fn keep_asking(&self, target: &'static str, request: &'static str) {
        let (node, service) = target.split_once('/').expect("a service");
        let known = Arc::clone(&self.known);
        let arena = Arc::downgrade(&self.arena);
        tokio::spawn(async move {
            for number in 0.. {
                if arena.strong_count() == 0 {
                    return;
                }
                tokio::time::sleep(ASK_EVERY).await;
                let status = service_of(&lock(&known).nodes, node, service);
                let Some(port) = status.and_then(|status| status.proxy_port) else {
                    continue;
                };
                enter(&known, target, number, None);
                let known = Arc::clone(&known);
                tokio::spawn(async move {
                    let asked = http::ask(port, request).await;
                    enter(&known, target, number, Some(asked));
                });
            }
        });
    }

    /// The next answers to requests that are sent from now on.
    pub(crate) async fn next_answers(&self, target: &str, count: usize) -> Vec<Asked> {
        let newest = |known: &Known| Some(known.answers.get(target)?.back()?.0);
        let after = newest(&lock(&self.known));
        loop {
            let found: Option<Vec<Asked>> = {
                let known = lock(&self.known);
                let all = known.answers.get(target).into_iter().flatten();
                let new = all.filter(|(number, _)| Some(*number) > after);
                let asked: Vec<_> = new.take(count).map(|(_, asked)| asked.clone()).collect();
                (asked.len() == count)
                    .then(|| asked.into_iter().collect())
                    .flatten()
            };
            match found {
                Some(found) => return found,
                None => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    /// The next messages of a node that have values; fewer when that takes all too long.
    pub(crate) async fn next_telemetry(&self, node: &str, count: usize) -> Vec<Heard> {
        /// Beyond a delay of 3 s, and every second message lost.
        const LONG: Duration = Duration::from_secs(30);
        let then = Clock::new().now();
        loop {
            let heard = self.ears.since(node, then);
            if heard.len() >= count || Clock::new().now().saturating_since(then) > LONG {
                return heard;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// What the node last told of a metric of one of its services.
    pub(crate) async fn last_value(
        &self,
        heard: &[Heard],
        node: &str,
        service: &str,
        metric: &str,
    ) -> Option<f64> {
        let schemas = self.bus.schemas().await.ok()?;
        let schema = schemas.iter().find(|schema| schema.node.as_str() == node)?;
        let column = schema.columns.iter().position(|column| {
            column.metric == metric
                && column
                    .service
                    .as_ref()
                    .is_some_and(|of| of.as_str() == service)
        })?;
        let values = heard
            .iter()
            .rev()
            .filter_map(|heard| heard.telemetry.values.get(column));
        values
            .map(|value| f64::from(*value))
            .find(|value| !value.is_nan())
    }

    /// Its own port.
    pub(crate) fn port(&self, node: &str, service: &str) -> u16 {
        let config = Config::parse("arena.toml", self.arena.config()).expect("it runs");
        let of_node = config.nodes.iter().find(|spec| spec.name.as_str() == node);
        let services = &of_node.expect("the node").services;
        let spec = services.iter().find(|spec| spec.name.as_str() == service);
        spec.and_then(|spec| spec.port).expect("a port")
    }

    /// Its health check is answered at its own port.
    pub(crate) async fn answers(&self, node: &str, service: &str) -> bool {
        http::ask(self.port(node, service), "GET /healthz")
            .await
            .is_good()
    }

    /// How many calls a service has logged.
    pub(crate) fn calls(&self, node: &str, service: &str) -> u64 {
        let log = format!("nodes/{node}/logs/{service}.log");
        let text = std::fs::read_to_string(self.arena.data_dir().join(log)).unwrap_or_default();
        text.lines().filter(|line| line.contains("POST")).count() as u64
    }

    /// The agents' processes; helpers run the same program and are not among them.
    pub(crate) fn agents(&self) -> Vec<u32> {
        lock(&self.known)
            .nodes
            .iter()
            .map(|node| node.pid)
            .collect()
    }

    /// What its node says of a service.
    pub(crate) fn service(&self, target: &str) -> Option<ServiceStatus> {
        let (node, service) = target.split_once('/')?;
        service_of(&lock(&self.known).nodes, node, service)
    }

    /// The ids of all incidents.
    pub(crate) fn incidents(&self) -> BTreeSet<String> {
        let known = lock(&self.known);
        let ids = known
            .incidents
            .iter()
            .filter_map(|incident| incident["id"].as_str());
        ids.map(str::to_owned).collect()
    }

    /// What was raised of this entity: by an incident that is not among the known, or as part of any.
    pub(crate) fn symptoms(&self, entity: &str, before: &BTreeSet<String>) -> Vec<String> {
        let known = lock(&self.known);
        let is_new = |incident: &Value| {
            !incident["id"]
                .as_str()
                .is_some_and(|id| before.contains(id))
        };
        let signals = known.incidents.iter().flat_map(|incident| {
            let children = incident["children"].as_array().cloned().unwrap_or_default();
            let itself = is_new(incident).then(|| incident.clone());
            itself.into_iter().chain(children)
        });
        signals
            .filter(|signal| signal["entity"] == entity)
            .filter_map(|signal| Some(signal["symptom"].as_str()?.to_owned()))
            .collect()
    }

    /// No incident of it is open; another symptom would only be added to it.
    pub(crate) fn is_calm(&self, entity: &str) -> bool {
        let known = lock(&self.known);
        let open =
            |incident: &&Value| incident["entity"] == entity && incident["ended_at"].is_null();
        !known.incidents.iter().any(|incident| open(&incident))
    }

    /// Everything that was raised of a node and its services.
    pub(crate) fn symptoms_of_node(&self, node: &str) -> Vec<String> {
        let known = lock(&self.known);
        let of_node = known.incidents.iter().filter_map(|incident| {
            let entity = incident["entity"].as_str()?;
            let is_its = entity.split('/').next() == Some(node);
            is_its.then(|| format!("{} on {entity}", incident["symptom"]))
        });
        of_node.collect()
    }

    /// Ids of the faults that are not over.
    pub(crate) fn faults(&self) -> Vec<String> {
        lock(&self.known).faults.clone()
    }

    /// Runs an `arena` command without holding up the others; what it printed, or what it complained of.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Result<String, String> {
        let arena = Arc::clone(&self.arena);
        let arguments: Vec<String> = arguments.iter().map(|word| (*word).to_owned()).collect();
        let running = tokio::task::spawn_blocking(move || {
            let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
            let output = arena.run(&words);
            succeeded(&output).map_err(|error| format!("arena {}: {error}", words.join(" ")))
        });
        running.await.expect("it does not panic")
    }
}

fn service_of(nodes: &[NodeStatus], node: &str, service: &str) -> Option<ServiceStatus> {
    let status = nodes.iter().find(|status| status.node.as_str() == node)?;
    let of_name = |of: &&ServiceStatus| of.name.as_str() == service;
    status.services.iter().find(of_name).cloned()
}

fn enter(known: &Mutex<Known>, target: &'static str, number: u64, asked: Option<Asked>) {
    let mut known = lock(known);
    let answers = known.answers.entry(target).or_default();
    if let Some(entry) = answers.iter_mut().find(|(of, _)| *of == number) {
        entry.1 = asked;
    } else if asked.is_none() {
        answers.push_back((number, None));
        if answers.len() > ANSWERS_MAX {
            answers.pop_front();
        }
    }
}

fn lock(known: &Mutex<Known>) -> MutexGuard<'_, Known> {
    known.lock().unwrap_or_else(PoisonError::into_inner)
}

fn json(output: &Output) -> Option<Value> {
    serde_json::from_slice(&output.stdout).ok()
}

fn succeeded(output: &Output) -> Result<String, String> {
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
}
