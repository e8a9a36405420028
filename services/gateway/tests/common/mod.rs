//! What the gateway's tests share: a bus with streams, the real program, and messages.

#![allow(unreachable_pub, reason = "not a library")]
#![allow(dead_code, reason = "each test program uses some of these")]

pub mod page;

use std::path::Path;
use std::process::{Child, Command, Stdio};

use arena_bus::{Bus, NatsArgs, Role};
use arena_proto::{
    Decision, Entity, IncidentContext, IncidentEvent, IncidentEventKind, IncidentId, IncidentState,
    NodeName, Plan, PlanBasis, PlanId, Resolution, ServiceName, Severity, Timestamp,
};
use arena_testkit::{NatsServer, free_port, wait_for};
use serde_json::Value;

/// A server with streams, and a person on it.
pub async fn arena() -> (NatsServer, Bus) {
    let server = NatsServer::start().await;
    let args = NatsArgs {
        nats_url: server.url(),
    };
    let operator = Bus::connect(&args, Role::Operator, "test").await.unwrap();
    operator.ensure_streams().await.unwrap();
    (server, operator)
}

/// The program, on a port of its own. Killed with the value.
#[derive(Debug)]
pub struct GatewayProcess {
    child: Child,
    pub port: u16,
}

impl GatewayProcess {
    /// Starts it, and waits until it answers.
    pub async fn start(
        nats: &NatsServer,
        arguments: &[&str],
        environment: &[(&str, &str)],
    ) -> Self {
        let port = free_port();
        let child = Command::new(env!("CARGO_BIN_EXE_arena-gateway"))
            .args(["--nats-url", &nats.url()])
            .args(["--listen", &format!("127.0.0.1:{port}")])
            .args(arguments)
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let gateway = Self { child, port };
        wait_for("the gateway to answer", async || gateway.get("/healthz")).await;
        gateway
    }

    /// A JSON answer; `None` when there is none.
    pub fn get(&self, path: &str) -> Option<Value> {
        let text = self.text(path, "application/json")?;
        serde_json::from_str(&text).ok()
    }

    /// An answer's body as text; `None` when there is none, or it is an error.
    pub fn text(&self, path: &str, accept: &str) -> Option<String> {
        let url = format!("http://127.0.0.1:{}{path}", self.port);
        let response = ureq::get(&url).header("accept", accept).call();
        response.ok()?.body_mut().read_to_string().ok()
    }

    /// Asks it to stop (SIGTERM), and gives its exit code.
    pub async fn stop(mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status();
        assert!(sent.unwrap().success());
        let ended = wait_for("the gateway to end", async || {
            self.child.try_wait().unwrap()
        })
        .await;
        ended.code()
    }

    /// Ends it as a crash would.
    pub fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) {
        // It may be dead already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for GatewayProcess {
    fn drop(&mut self) {
        self.end();
    }
}

/// Writes a file into a folder, and gives its path.
pub fn file(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path.to_string_lossy().into_owned()
}

pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_millis(1_700_000_000_000 + seconds * 1000)
}

pub fn entity() -> Entity {
    Entity::service(
        NodeName::new("node-1").unwrap(),
        ServiceName::new("orders").unwrap(),
    )
}

pub fn opened(id: &str) -> IncidentEvent {
    IncidentEvent {
        kind: IncidentEventKind::Opened,
        id: IncidentId::new(id).unwrap(),
        revision: 1,
        entity: entity(),
        symptom: "cpu_high".to_owned(),
        severity: Severity::Error,
        signals: Vec::new(),
        root_cause: entity(),
        reason: "cpu_percent 97 > 80 for 2 s".to_owned(),
        first_abnormal_at: at(0),
        opened_at: at(2),
        at: at(2),
        pid: Some(42),
        generation: 1,
        context: IncidentContext::default(),
    }
}

pub fn decided(id: &str, revision: u32, decision: Decision, state: IncidentState) -> Plan {
    Plan {
        id: PlanId::new(format!("{id}.{revision}")).unwrap(),
        incident_id: IncidentId::new(id).unwrap(),
        revision,
        entity: entity(),
        symptom: "cpu_high".to_owned(),
        decision,
        incident_state: state,
        resolution: (decision == Decision::Resolve).then_some(Resolution::Remediated),
        reason: "stayed clear for 5 s".to_owned(),
        playbook: "cpu".to_owned(),
        rung: 1,
        rungs: 2,
        action: None,
        target: None,
        command_id: None,
        at: at(9),
        basis: PlanBasis::default(),
    }
}

pub fn resolved(id: &str) -> Plan {
    decided(id, 3, Decision::Resolve, IncidentState::Resolved)
}
