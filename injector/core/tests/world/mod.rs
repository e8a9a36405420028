//! An arena of three nodes that answer as nodes do, on a clock of its own. It watches what the injector asks for: what may never be asked
//! for fails the test here.

#![allow(dead_code, reason = "each test program uses some of these")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use arena_faults::{Family, Fault};
use arena_injector_core::{Injector, Input, Output, Schedule, Ticket};
use arena_proto::{
    Column, Control, Decision, Entity, FaultId, FaultOperation, FaultReason, FaultRequest,
    FaultState, FaultStatus, IncidentId, IncidentState, InjectReply, InjectRequest, LeverPosition,
    NodeStatus, Plan, PlanBasis, PlanId, ProbeVerdict, ProcessState, Schema, ServiceStatus,
    Telemetry, Timestamp, VillainRequest, VillainStatus,
};

const START: Timestamp = Timestamp::from_unix_millis(1_000_000);
/// A node answers after so long.
const ANSWER: Duration = Duration::from_millis(100);

pub(crate) fn at(millis: u64) -> Timestamp {
    START + Duration::from_millis(millis)
}

/// What may happen to an arena.
#[derive(Debug, Clone)]
pub(crate) enum Happening {
    Nothing,
    /// Users tell of so many errors in percent; `None`: they fall silent.
    Users(Option<f64>),
    /// A person was called.
    Escalated,
    /// The service of that number of that node dies, or runs again.
    Flip(usize, usize),
    Lever(LeverPosition),
    StopVillain,
    /// This node refuses faults from now on.
    ChaosOff(usize),
    /// The next request is refused by its node, for this reason.
    RejectNext(FaultReason),
    /// The next request does not reach the bus.
    LoseNext,
}

/// A fault as its node knows it.
#[derive(Debug, Clone)]
struct Made {
    fault: String,
    target: Entity,
    ends_at: Timestamp,
    /// What is to be told next, and when.
    next: Option<(Timestamp, FaultState)>,
    is_villains: bool,
    /// Why it is rejected.
    reason: Option<FaultReason>,
}

/// The arena.
pub(crate) struct World {
    pub(crate) now: Timestamp,
    injector: Injector,
    nodes: Vec<NodeStatus>,
    made: BTreeMap<FaultId, Made>,
    /// What was asked to be made, in order.
    pub(crate) applied: Vec<(String, Entity)>,
    /// Everything that was published.
    pub(crate) log: Vec<String>,
    /// The fault whose users fail while it is active.
    pub(crate) painful: Option<&'static str>,
    /// The villain's budget, and its faults at once.
    pub(crate) limits: Option<(usize, usize)>,
    pub(crate) ends_at: Option<Timestamp>,
    is_asking: bool,
    lever: LeverPosition,
    villain_stopped: bool,
    reject_next: Option<FaultReason>,
    lose_next: bool,
    user_errors: Option<f64>,
}

impl World {
    pub(crate) fn new(nonce: u64) -> Self {
        Self::of(
            nonce,
            &[
                ("node-1", &["edge", "orders", "payments", "traffic"][..]),
                ("node-2", &["edge", "orders", "inventory", "ledger"]),
                ("node-3", &["payments", "inventory", "ledger", "batch"]),
            ],
        )
    }

    /// Of these nodes with these services.
    pub(crate) fn of(nonce: u64, nodes: &[(&str, &[&str])]) -> Self {
        let mut world = Self {
            now: START,
            injector: Injector::new(Schedule::default(), nonce),
            nodes: nodes
                .iter()
                .map(|(name, services)| node(name, services))
                .collect(),
            made: BTreeMap::new(),
            applied: Vec::new(),
            log: Vec::new(),
            painful: None,
            limits: None,
            ends_at: None,
            is_asking: false,
            lever: LeverPosition::Released,
            villain_stopped: false,
            reject_next: None,
            lose_next: false,
            user_errors: None,
        };
        for status in world.nodes.clone() {
            world.step(Input::Node(status));
        }
        world
    }

    pub(crate) fn villain(&mut self, request: &VillainRequest) -> VillainStatus {
        self.feed(Input::Villain(Ticket(1), request.clone()))
            .1
            .unwrap()
    }

    /// Asks for a fault by hand.
    pub(crate) fn ask(&mut self, fault: &str, target: &str) -> Result<FaultId, String> {
        let request = InjectRequest {
            fault: fault.to_owned(),
            target: target.to_owned(),
            ttl_ms: 600_000,
            params: BTreeMap::new(),
        };
        self.is_asking = true;
        let (_, _, reply) = self.feed_all(Input::Inject(Ticket(1), request));
        self.is_asking = false;
        let reply = reply.unwrap();
        match reply.error {
            None => Ok(reply.ids[0].parse().unwrap()),
            Some(error) => Err(error),
        }
    }

    pub(crate) fn inject(&mut self, fault: &str, target: &str) -> FaultId {
        self.ask(fault, target).unwrap()
    }

    pub(crate) fn lever(&mut self, lever: LeverPosition) {
        self.lever = lever;
        self.step(Input::Control(Control {
            lever,
            lever_set: Some(("ann".to_owned(), self.now)),
            ..Control::default()
        }));
    }

    /// Faults that their nodes have.
    pub(crate) fn live(&self) -> Vec<FaultId> {
        self.made.keys().cloned().collect()
    }

    /// A service is down, and its node has said so.
    pub(crate) fn node_down(&mut self, node: &str, service: &str) {
        let node = self
            .nodes
            .iter()
            .position(|known| known.node.as_str() == node)
            .unwrap();
        let services = self.nodes[node].services.iter();
        let service = services
            .clone()
            .position(|known| known.name.as_str() == service)
            .unwrap();
        self.happen(&Happening::Flip(node, service));
    }

    /// A node says something new of one of its services.
    pub(crate) fn change(
        &mut self,
        node: &str,
        service: &str,
        change: impl FnOnce(&mut ServiceStatus),
    ) {
        let mut nodes = self.nodes.iter_mut();
        let node = nodes.find(|known| known.node.as_str() == node).unwrap();
        let mut services = node.services.iter_mut();
        change(
            services
                .find(|known| known.name.as_str() == service)
                .unwrap(),
        );
        let status = node.clone();
        self.step(Input::Node(status));
    }

    pub(crate) fn happen(&mut self, happening: &Happening) {
        match happening {
            Happening::Nothing => {}
            Happening::Users(percent) => {
                self.user_errors = *percent;
                self.tell_users(*percent);
            }
            Happening::Escalated => {
                let plan = escalation(self.now);
                self.step(Input::Plan(plan));
            }
            Happening::Flip(node, service) => {
                let node = &mut self.nodes[*node];
                let count = node.services.len();
                let service = &mut node.services[*service % count];
                (service.state, service.probe) = match service.state {
                    ProcessState::Running => (ProcessState::Exited, ProbeVerdict::Unknown),
                    _ => (ProcessState::Running, ProbeVerdict::Passing),
                };
                let status = node.clone();
                self.step(Input::Node(status));
            }
            Happening::Lever(lever) => self.lever(*lever),
            Happening::StopVillain => {
                let request = VillainRequest {
                    op: arena_proto::VillainOperation::Stop,
                    ..VillainRequest::default()
                };
                self.villain(&request);
                self.villain_stopped = true;
            }
            Happening::ChaosOff(node) => {
                self.nodes[*node].chaos = false;
                let status = self.nodes[*node].clone();
                self.step(Input::Node(status));
            }
            Happening::RejectNext(reason) => self.reject_next = Some(*reason),
            Happening::LoseNext => self.lose_next = true,
        }
    }

    fn tell_users(&mut self, percent: Option<f64>) {
        let Some(percent) = percent else {
            return;
        };
        let (telemetry, schema) = users(self.now, percent);
        self.step(Input::Telemetry(telemetry, schema));
    }

    /// Lets time pass, as nodes and the injector want it.
    pub(crate) fn run_until(&mut self, end: Timestamp) {
        // Each round brings the clock or a fault's life forward; a villain of 1000 s has far fewer.
        for _ in 0..1_000_000 {
            let told = self
                .made
                .values()
                .filter_map(|made| made.next.map(|(at, _)| at));
            let over = self.made.values().map(|made| made.ends_at);
            let wakeup = self.injector.next_wakeup();
            let next = told.chain(over).chain(wakeup).min();
            let Some(next) = next.filter(|next| *next <= end) else {
                self.now = end;
                self.step(Input::Tick);
                return;
            };
            self.now = self.now.max(next);
            self.be_nodes();
            self.feel();
            let before = self.injector.next_wakeup();
            self.step(Input::Tick);
            let after = self.injector.next_wakeup();
            assert!(
                after.is_none_or(|after| after > self.now) || before != after,
                "it wants to be woken at once, again and again: {after:?}"
            );
        }
        panic!("it never comes to {end}");
    }

    /// Users fail while the painful fault is active, and each of their seconds is told.
    fn feel(&mut self) {
        let Some(painful) = self.painful else {
            return;
        };
        let hurts = self.made.values().any(|made| made.fault == painful);
        self.tell_users(Some(if hurts { 40.0 } else { 0.0 }));
    }

    fn be_nodes(&mut self) {
        let ids: Vec<FaultId> = self.made.keys().cloned().collect();
        for id in ids {
            let made = self.made.get_mut(&id).unwrap();
            let is_over = made.ends_at <= self.now;
            let due = made
                .next
                .filter(|(at, _)| *at <= self.now)
                .map(|(_, state)| state);
            let state = if is_over {
                Some(FaultState::Reverted)
            } else {
                due
            };
            let Some(state) = state else {
                continue;
            };
            made.next = None;
            let made = made.clone();
            if state.is_final() {
                self.made.remove(&id);
            }
            self.step(Input::Status(status(self.now, &id, &made, state)));
        }
    }

    /// What was published.
    pub(crate) fn step(&mut self, input: Input) -> Vec<FaultRequest> {
        self.feed(input).0
    }

    fn feed(&mut self, input: Input) -> (Vec<FaultRequest>, Option<VillainStatus>) {
        let (requests, status, _) = self.feed_all(input);
        (requests, status)
    }

    fn feed_all(
        &mut self,
        input: Input,
    ) -> (
        Vec<FaultRequest>,
        Option<VillainStatus>,
        Option<InjectReply>,
    ) {
        let outputs = self.injector.step(self.now, input);
        let (mut requests, mut told, mut replied) = (Vec::new(), None, None);
        for output in outputs {
            match output {
                Output::Publish(request) => requests.push(request),
                Output::VillainReply(_, status) => told = Some(*status),
                Output::Reply(_, reply) => replied = Some(reply),
                Output::Note(_) | Output::Warning(_) => {}
            }
        }
        for request in &requests {
            self.take(request);
        }
        (requests, told, replied)
    }

    /// A node hears a request.
    fn take(&mut self, request: &FaultRequest) {
        let now = self.now;
        if request.operation != FaultOperation::Renew {
            self.log.push(format!("{now} {request:?}"));
        }
        match &request.operation {
            FaultOperation::Renew => {}
            FaultOperation::Revert => {
                if let Some(made) = self.made.get_mut(&request.id) {
                    made.next = Some((now + ANSWER, FaultState::Reverted));
                }
            }
            FaultOperation::Apply {
                fault,
                service,
                ttl,
                ..
            } => {
                let target = Entity {
                    node: request.node.clone(),
                    service: service.clone(),
                };
                self.judge(fault, &target);
                if std::mem::take(&mut self.lose_next) {
                    self.injector.unpublished(now, request);
                    return;
                }
                let made = Made {
                    fault: fault.clone(),
                    target: target.clone(),
                    ends_at: now + *ttl,
                    next: Some((now + ANSWER, FaultState::Active)),
                    is_villains: !self.is_asking,
                    reason: None,
                };
                if let Some(reason) = self.reject_next.take() {
                    self.made.insert(
                        request.id.clone(),
                        Made {
                            next: Some((now + ANSWER, FaultState::Rejected)),
                            reason: Some(reason),
                            ..made
                        },
                    );
                    return;
                }
                self.applied.push((fault.clone(), target));
                self.made.insert(request.id.clone(), made);
                self.count();
            }
        }
    }

    /// What may never be asked for.
    fn judge(&self, fault: &str, target: &Entity) {
        assert_eq!(
            self.lever,
            LeverPosition::Released,
            "{fault} under the lever"
        );
        if self.is_asking {
            return;
        }
        assert!(!self.villain_stopped, "{fault} after the stop");
        assert!(
            self.ends_at.is_none_or(|end| self.now < end),
            "{fault} after its time"
        );
        let node = self
            .nodes
            .iter()
            .find(|node| node.node == target.node)
            .unwrap();
        let fault = Fault::named(fault).unwrap();
        let takes = fault.check_target(node, target.service.as_ref());
        assert_eq!(takes, Ok(()), "{} on {target}", fault.name);
    }

    /// Neither budget nor ceiling is exceeded.
    fn count(&self) {
        let villains = self.made.values().filter(|made| made.is_villains).count();
        if let Some((budget, at_once)) = self.limits {
            assert!(villains <= at_once, "{villains} at once of {at_once}");
            assert!(
                self.applied.len() <= budget,
                "{} of {budget}",
                self.applied.len()
            );
        }
        let hurt: BTreeSet<&Entity> = self
            .made
            .values()
            .filter(|made| Fault::named(&made.fault).unwrap().family != Family::Telemetry)
            .map(|made| &made.target)
            .collect();
        let mut replicas: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
        for node in &self.nodes {
            for service in &node.services {
                let entity = Entity::service(node.node.clone(), service.name.clone());
                let is_hurt =
                    hurt.contains(&entity) || hurt.contains(&Entity::node(node.node.clone()));
                let (all, under) = replicas.entry(service.name.as_str()).or_default();
                *all += 1;
                *under += usize::from(is_hurt);
            }
        }
        for (service, (all, under)) in replicas {
            assert!(
                under <= all.div_ceil(2),
                "{under} of {all} replicas of {service}"
            );
        }
    }
}

fn node(name: &str, services: &[&str]) -> NodeStatus {
    let service = |name: &&str| {
        let mut detail = arena_proto::ServiceDetail::default();
        let makes: &[&str] = match *name {
            "ledger" => &[
                "cpu-spike",
                "storage-latency",
                "storage-error",
                "disk-full",
                "deadlock",
            ],
            "traffic" => &["load-surge"],
            "batch" => &[],
            _ => &["cpu-spike", "memory-leak", "deadlock"],
        };
        detail.makes_faults = makes.iter().map(|name| (*name).to_owned()).collect();
        ServiceStatus {
            detail,
            name: name.parse().unwrap(),
            state: ProcessState::Running,
            probe: ProbeVerdict::Passing,
            pid: Some(7),
            generation: 1,
            restarts: 0,
            port: (*name != "batch").then_some(18100),
            proxy_port: (*name != "batch").then_some(28100),
            depends_on: arena_scenario::dependencies(&name.parse().unwrap()).to_vec(),
            since: START,
            exit_code: None,
            message: String::new(),
        }
    };
    NodeStatus {
        quarantined: false,
        restart_owner: None,
        fence: 0,
        node: name.parse().unwrap(),
        boot_id: 1,
        pid: 6,
        state: ProcessState::Running,
        chaos: true,
        services: services.iter().map(service).collect(),
        at: START,
    }
}

fn status(now: Timestamp, id: &FaultId, made: &Made, state: FaultState) -> FaultStatus {
    FaultStatus {
        id: id.clone(),
        fault: made.fault.clone(),
        node: made.target.node.clone(),
        service: made.target.service.clone(),
        state,
        reason: made.reason,
        message: "as the test wants it".to_owned(),
        at: now,
        active_at: (state == FaultState::Active).then_some(now),
        expires_at: Some(made.ends_at),
        reverted_at: None,
        params: BTreeMap::new(),
    }
}

fn users(now: Timestamp, percent: f64) -> (Telemetry, Arc<Schema>) {
    let column = |metric: &str| Column {
        service: Some("traffic".parse().unwrap()),
        metric: metric.to_owned(),
    };
    let schema = Schema {
        node: "node-1".parse().unwrap(),
        columns: vec![column("user_error_percent"), column("user_latency_p95_ms")],
        services: vec![],
    };
    #[expect(clippy::cast_possible_truncation, reason = "a percentage")]
    let telemetry = Telemetry {
        node: schema.node.clone(),
        boot_id: 1,
        seq: 1,
        schema_id: schema.id(),
        time: now,
        values: vec![percent as f32, 20.0],
        services: [].into(),
    };
    (telemetry, Arc::new(schema))
}

fn escalation(now: Timestamp) -> Plan {
    let incident: IncidentId = "inc-1".parse().unwrap();
    Plan {
        id: PlanId::derive(&incident, 1),
        incident_id: incident,
        revision: 1,
        entity: "node-1/orders".parse().unwrap(),
        symptom: "probe_failed".to_owned(),
        decision: Decision::Escalate,
        incident_state: IncidentState::Escalated,
        resolution: None,
        reason: String::new(),
        playbook: String::new(),
        rung: 0,
        rungs: 0,
        action: None,
        target: None,
        command_id: None,
        at: now,
        basis: PlanBasis::default(),
    }
}

/// A villain's faults, a line each.
pub(crate) fn tell(status: &VillainStatus) -> String {
    let line = |fault: &arena_proto::VillainFault| {
        let at = &fault.asked_at[14..23];
        format!(
            "{at} {} on {} for {} ms: {}\n",
            fault.fault, fault.target, fault.ttl_ms, fault.state
        )
    };
    status.faults.iter().map(line).collect()
}
