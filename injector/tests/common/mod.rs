//! A real nats-server with the streams, a person and one scripted node; and the injector's process on it.

#![allow(dead_code, reason = "each test program uses some of these")]

use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};

use arena_bus::{Bus, Consume, Deliveries, From, NatsArgs, Role};
use arena_proto::{
    Control, FaultId, FaultOperation, FaultReason, FaultRequest, FaultState, FaultStatus,
    InjectReply, InjectRequest, LeverPosition, NodeStatus, ProbeVerdict, ProcessState,
    RevertRequest, ServiceStatus, Timestamp, VillainRequest, VillainStatus,
};
use arena_testkit::{NatsServer, wait_for};

pub(crate) const INJECTOR: &str = env!("CARGO_BIN_EXE_arena-injector");

/// An injector's process; killed when it is dropped.
pub(crate) struct Process(Child);

impl Process {
    /// Starts one and waits until it answers.
    pub(crate) async fn start(arena: &Arena, arguments: &[&str]) -> Self {
        let child = Command::new(INJECTOR)
            .args(["--nats-url", &arena.nats.url()])
            .args(arguments)
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let process = Self(child);
        wait_for("the injector to answer", async || {
            arena.revert("all").await.ok()
        })
        .await;
        process
    }

    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.0);
        rustix::process::kill_process(pid, signal).unwrap();
    }

    pub(crate) async fn exit_code(mut self) -> Option<i32> {
        let status = wait_for("the exit", async || self.0.try_wait().unwrap()).await;
        status.code()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A server with the streams, a person, and one node.
pub(crate) struct Arena {
    nats: NatsServer,
    pub(crate) operator: Bus,
    pub(crate) node: Bus,
    requests: Deliveries<FaultRequest>,
}

impl Arena {
    pub(crate) async fn start(chaos: bool) -> Self {
        let nats = NatsServer::start().await;
        let args = NatsArgs {
            nats_url: nats.url(),
        };
        let operator = Bus::connect(&args, Role::Operator, "test").await.unwrap();
        operator.ensure_streams().await.unwrap();
        let node = Bus::connect(&args, Role::Node, "node-1").await.unwrap();
        node.put_status(&status(chaos)).await.unwrap();
        let all = Consume::ephemeral().from(From::All);
        let requests = node.consume(all).await.unwrap();
        Self {
            nats,
            operator,
            node,
            requests,
        }
    }

    pub(crate) async fn lever(&self, lever: LeverPosition) {
        let control = Control {
            lever,
            lever_set: Some(("ann".to_owned(), Timestamp::EPOCH)),
            ..Control::default()
        };
        self.operator.put_control(&control).await.unwrap();
    }

    pub(crate) async fn inject(&self, fault: &str, target: &str) -> InjectReply {
        let request = InjectRequest {
            fault: fault.to_owned(),
            target: target.to_owned(),
            ttl_ms: 60_000,
            params: BTreeMap::new(),
        };
        self.operator
            .request("injector", "inject", &request)
            .await
            .unwrap()
    }

    pub(crate) async fn villain(&self, request: &VillainRequest) -> VillainStatus {
        self.operator
            .request("injector", "villain", request)
            .await
            .unwrap()
    }

    /// What the node is asked to make next.
    pub(crate) async fn applied(&mut self) -> FaultRequest {
        loop {
            let request = self.request().await;
            if matches!(request.operation, FaultOperation::Apply { .. }) {
                return request;
            }
        }
    }

    pub(crate) async fn revert(&self, id: &str) -> Result<InjectReply, arena_bus::BusError> {
        let request = RevertRequest { id: id.to_owned() };
        self.operator.request("injector", "revert", &request).await
    }

    /// What the node is asked next.
    pub(crate) async fn request(&mut self) -> FaultRequest {
        self.requests.next().await.unwrap().message
    }

    /// The node says where a fault stands.
    pub(crate) async fn say(&self, id: &FaultId, state: FaultState) {
        let now = arena_chassis::Clock::new().now();
        let status = FaultStatus {
            id: id.clone(),
            fault: "cpu-spike".to_owned(),
            node: "node-1".parse().unwrap(),
            service: Some("orders".parse().unwrap()),
            state,
            reason: state.is_final().then_some(FaultReason::RevertRequested),
            message: String::new(),
            at: now,
            active_at: Some(now),
            expires_at: Some(now + std::time::Duration::from_mins(1)),
            reverted_at: None,
            params: BTreeMap::new(),
        };
        self.node.publish(&status, None).await.unwrap();
    }
}

pub(crate) fn status(chaos: bool) -> NodeStatus {
    let orders = ServiceStatus {
        detail: arena_proto::ServiceDetail::default(),
        name: "orders".parse().unwrap(),
        state: ProcessState::Running,
        probe: ProbeVerdict::Passing,
        pid: Some(7),
        generation: 1,
        restarts: 0,
        port: None,
        proxy_port: None,
        depends_on: vec![],
        since: Timestamp::EPOCH,
        exit_code: None,
        message: String::new(),
    };
    NodeStatus {
        quarantined: false,
        restart_owner: None,
        fence: 0,
        node: "node-1".parse().unwrap(),
        boot_id: 1,
        pid: 6,
        state: ProcessState::Running,
        chaos,
        services: vec![orders],
        at: Timestamp::EPOCH,
    }
}
