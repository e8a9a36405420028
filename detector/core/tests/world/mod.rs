//! A small arena for tests: nodes that send telemetry each second, changed by a text script.
//!
//! ```text
//! node n1: edge(orders) orders(payments;ledger) burner*
//!                       # a node and its services, all healthy; in brackets what they call; and are seen to call; * BATCH
//! set n1 cpu=95         # the node itself
//! set n1/orders cpu=95 wait=30 p95=300 err=5 rate=0 storage=9 memory=3e8 files=500 threads=200 used=100 (nan: no reading) state=EXITED probe=FAILING gen=2 exit=137
//! run 3                                     # seconds; node k ticks k * 100 ms after the full second
//! send n1                                   # at once, state only
//! mute n1 | unmute n1 | leave n1 | reboot n1 | known n1 | forget n1 | skew n1 MILLISECONDS
//! lose n1 3                                 # so many numbers are used up, and nothing of them comes
//! host n1                                   # it tells of its machine, too: four readings that always change
//! freeze n1 | thaw n1                       # its values stand still
//! disconnect | connect | restart            # the detector's bus; the detector itself
//! deaf | hear                               # whether its canary comes back
//! stall 4                                   # seconds in which the detector is held up
//! ```

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use arena_detector_core::{Detector, Input, Output, Policy};
use arena_proto::{
    Alert, AlertState, Column, Entity, IncidentEvent, IncidentEventKind, NodeName, ObserverState,
    ProbeVerdict, ProcessState, Schema, ServiceClass, ServiceInfo, ServiceName, ServiceSample,
    Telemetry, Timestamp,
};

const METRICS: [(&str, &str, f32); 10] = [
    ("cpu", "cpu_percent", 10.0),
    ("p95", "latency_p95_ms", 20.0),
    ("err", "error_percent", 0.0),
    ("rate", "request_rate_hz", 50.0),
    ("wait", "cpu_wait_percent", 0.0),
    ("storage", "storage_latency_p95_ms", 5.0),
    ("memory", "memory_bytes", 10e6),
    ("files", "open_files", 30.0),
    ("threads", "threads", 3.0),
    ("used", "storage_used_percent", 1.0),
];

pub(crate) struct Service {
    values: [f32; METRICS.len()],
    sample: ServiceSample,
}

pub(crate) struct NodeState {
    pub(crate) schema: Arc<Schema>,
    pub(crate) services: Vec<Service>,
    cpu_percent: f32,
    boot_id: u64,
    seq: u64,
    muted: bool,
    skew_ms: i64,
    host: bool,
    /// What stands still, from the first message on.
    frozen: Option<Vec<f32>>,
}

/// What a machine is measured by, beside its CPU.
const HOST: [&str; 4] = [
    "memory_used_percent",
    "load1",
    "network_receive_bytes_hz",
    "network_transmit_bytes_hz",
];

pub(crate) struct World {
    pub(crate) detector: Detector,
    /// One that takes no short way, and must say the same of everything; it need not be there.
    thorough: Option<Detector>,
    pub(crate) now: Timestamp,
    pub(crate) nodes: BTreeMap<NodeName, NodeState>,
    pub(crate) log: Vec<IncidentEvent>,
    /// KV `alerts`.
    pub(crate) alerts: BTreeMap<String, Alert>,
    /// The detector's canary does not come back.
    deaf: bool,
    /// No detector runs: alerts are only kept.
    away: bool,
    /// What the detector said last of itself.
    hearing: ObserverState,
    /// What the detector said, one line an output.
    pub(crate) transcript: String,
}

pub(crate) fn policy() -> Policy {
    Policy::parse("policy.toml", Policy::DEFAULT_TOML).expect("the built-in policy")
}

impl World {
    pub(crate) fn new() -> Self {
        let mut world = Self {
            detector: Detector::new(policy()),
            thorough: None,
            now: Timestamp::from_unix_millis(1_000_000),
            nodes: BTreeMap::new(),
            log: Vec::new(),
            alerts: BTreeMap::new(),
            deaf: false,
            away: false,
            hearing: ObserverState::Clear,
            transcript: String::new(),
        };
        world.input(Input::Started);
        world
    }

    /// Beside a detector that takes no short way.
    #[allow(dead_code, reason = "not every test file compares")]
    pub(crate) fn compared() -> Self {
        let mut world = Self::new();
        world.thorough = Some(Detector::thorough(policy()));
        world.restart(policy());
        world
    }

    pub(crate) fn script(&mut self, script: &str) {
        for line in script.lines() {
            let line = line.split('#').next().unwrap_or_default().trim();
            if !line.is_empty() {
                self.line(line);
            }
        }
    }

    fn line(&mut self, line: &str) {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        let node = || NodeName::new(rest).expect("a node");
        match verb {
            "node" => self.add_node(rest),
            "set" => self.set(rest),
            "run" => self.run(rest.parse().expect("seconds")),
            "send" => self.send(&node(), false),
            "mute" => self.node(&node()).muted = true,
            "unmute" => self.node(&node()).muted = false,
            "leave" => self.leave(&node()),
            "alert" => self.alert(rest),
            "resolve" => self.resolve(rest),
            "remove-alert" => {
                self.alerts.remove(rest);
                self.input(Input::AlertForgotten(rest.to_owned()));
            }
            "known" => self.input(Input::NodeKnown(node())),
            "posts" => self.input(Input::NodePosts(node())),
            "forget" => {
                self.nodes.remove(&node());
                self.input(Input::NodeForgotten(node()));
            }
            "reboot" => {
                let node = self.node(&node());
                (node.boot_id, node.seq, node.muted) = (node.boot_id + 1, 0, false);
            }
            "skew" => {
                let (name, skew) = rest.split_once(' ').expect("node and milliseconds");
                let name = NodeName::new(name).expect("a node");
                self.node(&name).skew_ms = skew.parse().expect("milliseconds");
            }
            "lose" => {
                let (name, count) = rest.split_once(' ').expect("node and count");
                let name = NodeName::new(name).expect("a node");
                self.node(&name).seq += count.parse::<u64>().expect("a number");
            }
            "host" => self.measure_host(&node()),
            "freeze" => self.node(&node()).frozen = Some(Vec::new()),
            "thaw" => self.node(&node()).frozen = None,
            "disconnect" => self.input(Input::Connected(false)),
            "connect" => self.input(Input::Connected(true)),
            "away" => self.away = true,
            "deaf" => self.deaf = true,
            "hear" => self.deaf = false,
            "stall" => self.now = self.now + Duration::from_secs(rest.parse().expect("seconds")),
            "restart" => self.restart(policy()),
            other => panic!("unknown verb {other}"),
        }
    }

    pub(crate) fn node(&mut self, name: &NodeName) -> &mut NodeState {
        self.nodes.get_mut(name).expect("a known node")
    }

    fn add_node(&mut self, text: &str) {
        let (name, services) = text.split_once(':').expect("node NAME: SERVICES");
        let node = NodeName::new(name.trim()).expect("a node");
        let infos: Vec<ServiceInfo> = services.split_whitespace().map(service_info).collect();
        let columns = infos.iter().flat_map(|info| {
            METRICS.iter().map(|(_, metric, _)| Column {
                service: Some(info.name.clone()),
                metric: (*metric).to_owned(),
            })
        });
        let own = Column {
            service: None,
            metric: "cpu_percent".to_owned(),
        };
        let schema = Schema {
            node: node.clone(),
            columns: std::iter::once(own).chain(columns).collect(),
            services: infos.clone(),
        };
        let since = self.now - Duration::from_mins(1);
        let service = |_| Service {
            values: METRICS.map(|(_, _, healthy)| healthy),
            sample: ServiceSample {
                state: ProcessState::Running,
                probe: ProbeVerdict::Passing,
                pid: Some(100),
                generation: 1,
                restarts: 0,
                since,
                exit_code: None,
            },
        };
        let before = self.nodes.remove(&node);
        let state = NodeState {
            schema: Arc::new(schema),
            services: infos.iter().map(service).collect(),
            cpu_percent: 20.0,
            boot_id: 1,
            seq: before.map_or(0, |before| before.seq),
            muted: false,
            skew_ms: 0,
            host: false,
            frozen: None,
        };
        self.nodes.insert(node, state);
    }

    /// `FINGERPRINT ENTITY STARTED [LABEL=VALUE...]`: it is told as firing since so many seconds of this story.
    fn alert(&mut self, text: &str) {
        let words: Vec<&str> = text.split_whitespace().collect();
        let [fingerprint, entity, started, ref labels @ ..] = words[..] else {
            panic!("alert FINGERPRINT ENTITY STARTED");
        };
        let started: f64 = started.parse().expect("seconds");
        let labels = labels
            .iter()
            .map(|label| label.split_once('=').expect("LABEL=VALUE"));
        let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let alert = Alert {
            fingerprint: fingerprint.to_owned(),
            name: format!("Alert{fingerprint}"),
            state: AlertState::Firing,
            starts_at: Timestamp::from_unix_millis(1_000_000) + Duration::from_secs_f64(started),
            ends_at: None,
            entity: entity.parse().ok(),
            labels: labels.collect(),
            annotations: BTreeMap::new(),
            generator_url: String::new(),
            received_at: self.now,
            message: String::new(),
        };
        self.tell_alert(alert);
    }

    fn resolve(&mut self, fingerprint: &str) {
        let alert = self.alerts[fingerprint].clone();
        self.tell_alert(Alert {
            state: AlertState::Resolved,
            ends_at: Some(self.now),
            received_at: self.now,
            ..alert
        });
    }

    fn tell_alert(&mut self, alert: Alert) {
        self.alerts.insert(alert.fingerprint.clone(), alert.clone());
        if !self.away {
            self.input(Input::Alert(Box::new(alert)));
        }
    }

    fn measure_host(&mut self, name: &NodeName) {
        let node = self.node(name);
        node.host = true;
        let columns = HOST.map(|metric| Column {
            service: None,
            metric: metric.to_owned(),
        });
        Arc::make_mut(&mut node.schema).columns.extend(columns);
    }

    fn set(&mut self, text: &str) {
        let mut words = text.split_whitespace();
        let entity: Entity = words
            .next()
            .and_then(|w| w.parse().ok())
            .expect("an entity");
        let now = self.now;
        let node = self.node(&entity.node);
        let Some(service) = &entity.service else {
            let cpu = words.next().and_then(|w| w.strip_prefix("cpu="));
            node.cpu_percent = cpu.expect("cpu=NUMBER").parse().expect("a number");
            return;
        };
        let names = node.schema.services.iter().map(|info| &info.name);
        let at = names
            .into_iter()
            .position(|name| name == service)
            .expect("a known service");
        let service = &mut node.services[at];
        for word in words {
            let (key, value) = word.split_once('=').expect("KEY=VALUE");
            match key {
                "state" => {
                    service.sample.state = value.parse().expect("a state");
                    service.sample.since = now;
                }
                "probe" => {
                    service.sample.probe = value.parse().expect("a verdict");
                    service.sample.since = now;
                }
                "gen" => {
                    service.sample.generation = value.parse().expect("a number");
                    service.sample.pid = Some(100 * service.sample.generation);
                }
                "exit" => service.sample.exit_code = value.parse().ok(),
                _ => {
                    let metric = METRICS.iter().position(|(short, ..)| *short == key);
                    let value = value.parse().expect("a number");
                    service.values[metric.expect("a known metric")] = value;
                }
            }
        }
    }

    /// Seconds in steps of 100 ms: node k sends at k * 100 ms after each full second; wakeups are kept.
    pub(crate) fn run(&mut self, seconds: f64) {
        let steps = Duration::from_secs_f64(seconds).as_millis() / 100;
        for _ in 0..steps {
            let target = self.now + Duration::from_millis(100);
            while let Some(due) = self.detector.next_wakeup().filter(|due| *due < target) {
                self.now = self.now.max(due);
                self.input(Input::Tick);
            }
            self.now = target;
            let phase = self.now.unix_millis() / 100 % 10;
            let names: Vec<NodeName> = self.nodes.keys().cloned().collect();
            for (at, name) in (0_i64..).zip(&names) {
                if at % 10 == phase && !self.node(name).muted {
                    self.send(name, true);
                }
            }
        }
    }

    pub(crate) fn message(&mut self, name: &NodeName, values: bool) -> (Telemetry, Arc<Schema>) {
        let now = self.now;
        let node = self.node(name);
        node.seq += 1;
        let skew = Duration::from_millis(node.skew_ms.unsigned_abs());
        let shift = |time: Timestamp| {
            if node.skew_ms < 0 {
                time - skew
            } else {
                time + skew
            }
        };
        let columns = node.services.iter().flat_map(|service| service.values);
        let columns = std::iter::once(node.cpu_percent).chain(columns);
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let host = HOST.map(|_| node.seq as f32).into_iter();
        let measured: Vec<f32> = columns.chain(host.filter(|_| node.host)).collect();
        let told = match &mut node.frozen {
            Some(frozen) => {
                if frozen.is_empty() {
                    *frozen = measured;
                }
                frozen.clone()
            }
            None => measured,
        };
        let samples = node.services.iter().map(|service| ServiceSample {
            since: shift(service.sample.since),
            ..service.sample.clone()
        });
        let telemetry = Telemetry {
            node: name.clone(),
            boot_id: node.boot_id,
            seq: node.seq,
            schema_id: node.schema.id(),
            time: shift(now),
            values: if values { told } else { Vec::new() },
            services: samples.collect(),
        };
        (telemetry, Arc::clone(&node.schema))
    }

    fn send(&mut self, name: &NodeName, values: bool) {
        let (telemetry, schema) = self.message(name, values);
        self.input(Input::Telemetry { telemetry, schema });
    }

    fn leave(&mut self, name: &NodeName) {
        let node = self.node(name);
        node.muted = true;
        let boot_id = node.boot_id;
        let node = name.clone();
        self.input(Input::NodeLeaving { node, boot_id });
    }

    /// Another detector, given the last event of each subject.
    pub(crate) fn restart(&mut self, policy: Policy) {
        self.detector = Detector::new(policy);
        if let Some(thorough) = &mut self.thorough {
            *thorough = Detector::thorough(self::policy());
        }
        self.away = false;
        for alert in self.alerts.clone().into_values() {
            self.input(Input::Alert(Box::new(alert)));
        }
        let mut last: BTreeMap<Entity, IncidentEvent> = BTreeMap::new();
        for event in &self.log {
            last.insert(event.entity.clone(), event.clone());
        }
        for event in last.into_values() {
            self.input(Input::Restore(Box::new(event)));
        }
        self.input(Input::Started);
    }

    pub(crate) fn input(&mut self, input: Input) {
        let mut canary = None;
        for output in self.outputs(input) {
            match output {
                Output::Publish(event) => {
                    let signals = event.signals.iter().map(|signal| {
                        format!("{} {} {}", signal.entity, signal.symptom, signal.state)
                    });
                    let signals: Vec<String> = signals.collect();
                    let (kind, entity, symptom) = (event.kind, &event.entity, &event.symptom);
                    let (severity, revision) = (event.severity, event.revision);
                    let signals = signals.join(", ");
                    let text =
                        format!("{kind} {entity} {symptom} {severity} r{revision} [{signals}]");
                    self.tell(&text);
                    self.log.push(*event);
                }
                Output::Observer(hearing) => {
                    // That it is well at the start is no news.
                    let news =
                        hearing.state != self.hearing || hearing.state == ObserverState::Storm;
                    self.hearing = hearing.state;
                    if news {
                        self.tell(&format!("{} {}", hearing.state, hearing.reason));
                    }
                }
                Output::SendCanary(number) => canary = Some(number),
            }
        }
        if let Some(number) = canary.filter(|_| !self.deaf) {
            self.input(Input::CanaryHeard(number));
        }
    }

    fn outputs(&mut self, input: Input) -> Vec<Output> {
        let thorough = self.thorough.as_mut();
        let expected = thorough.map(|thorough| thorough.step(self.now, input.clone()));
        let outputs = match &input {
            Input::Telemetry { telemetry, schema } if expected.is_some() => {
                self.detector.hear(self.now, telemetry, schema)
            }
            _ => self.detector.step(self.now, input),
        };
        if let (Some(expected), Some(thorough)) = (expected, &self.thorough) {
            assert_eq!(outputs, expected, "\n{}", self.transcript);
            assert_eq!(self.detector.next_wakeup(), thorough.next_wakeup());
            assert_eq!(self.detector.counters(), thorough.counters());
        }
        outputs
    }

    fn tell(&mut self, text: &str) {
        let at = self.now.unix_millis() - 1_000_000;
        let seconds = Duration::from_millis(at.unsigned_abs()).as_secs_f64();
        let _ = writeln!(self.transcript, "{seconds:.1} {text}");
    }

    /// The incidents that are open by what was published, checking on the way that the stream makes sense.
    pub(crate) fn open(&self) -> BTreeMap<Entity, IncidentEvent> {
        let mut open: BTreeMap<Entity, IncidentEvent> = BTreeMap::new();
        for event in &self.log {
            let before = open.remove(&event.entity);
            match (event.kind, before) {
                (IncidentEventKind::Opened, None) => assert_eq!(event.revision, 1),
                (IncidentEventKind::Opened, Some(_)) => panic!("opened twice: {event:?}"),
                (_, None) => panic!("not open: {event:?}"),
                (_, Some(before)) => {
                    assert_eq!(before.id, event.id);
                    assert_eq!(before.revision + 1, event.revision);
                    assert!(before.at <= event.at);
                }
            }
            assert!(event.first_abnormal_at <= event.opened_at && event.opened_at <= event.at);
            if event.kind != IncidentEventKind::Cleared {
                open.insert(event.entity.clone(), event.clone());
            }
        }
        assert_eq!(open.len(), self.detector.open_incidents());
        open
    }
}

fn service_info(text: &str) -> ServiceInfo {
    let batch = text.ends_with('*');
    let (name, calls) = text
        .trim_end_matches('*')
        .split_once('(')
        .unwrap_or((text.trim_end_matches('*'), ")"));
    let calls = calls.trim_end_matches(')');
    let (declared, observed) = calls.split_once(';').unwrap_or((calls, ""));
    let names = |list: &str| {
        let names = list.split(',').filter(|name| !name.is_empty());
        names
            .map(|name| ServiceName::new(name).expect("a service"))
            .collect()
    };
    ServiceInfo {
        name: ServiceName::new(name).expect("a service"),
        depends_on: names(declared),
        observed: names(observed),
        class: if batch {
            ServiceClass::Batch
        } else {
            ServiceClass::Service
        },
    }
}
