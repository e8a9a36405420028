//! An arena of one node for one test: nats-server, the agent, two services, and somebody to ask.

use std::ffi::OsStr;
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command as StdCommand, ExitStatus, Stdio};
use std::time::Duration;

use arena_bus::{Bus, Consume, Deliveries, NatsArgs, Partitions, Role};
use arena_chassis::Clock;
use arena_proto::{
    ActionKind, Command, FaultOperation, FaultRequest, FaultState, FaultStatus, NodeName, Outcome,
    Preconditions, ProcessState, ServiceStatus,
};
use arena_testkit::{NatsServer, TempDir, free_port, temp_dir, wait_for};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// `web` answers HTTP and knows nothing of Arena; `quiet` has neither port nor probe; `wrapped` is a shell that ends at
/// once when it is told to, and whose child has still something to say then.
const CONFIG: &str = r#"
[[node]]
name = "node-1"

[[node.service]]
name = "web"
command = ["python3", "-m", "http.server", "{port}", "--bind", "127.0.0.1"]
port = PORT
health = { http = "/", interval = "100ms", timeout = "300ms", failures = 2 }

[[node.service]]
name = "quiet"
command = ["sleep", "1000"]

[[node.service]]
name = "wrapped"
command = ["sh", "-c", """
    trap 'exit 0' TERM
    (trap 'sleep 0.3; echo goodbye; exit 0' TERM; echo hello; while :; do sleep 0.05; done) &
    wait
"""]
"#;

/// See the module.
pub(crate) struct Arena {
    nats: NatsServer,
    folder: TempDir,
    pub(crate) bus: Bus,
    agent: Option<Child>,
    flags: Vec<String>,
    outcomes: Deliveries<Outcome>,
    faults: Deliveries<FaultStatus>,
    pub(crate) web_port: u16,
    _taken: Option<TcpListener>,
}

fn node() -> NodeName {
    "node-1".parse().expect("a name")
}

impl Arena {
    /// With faults.
    pub(crate) async fn start() -> Self {
        Self::start_with(&["--chaos"]).await
    }

    pub(crate) async fn start_with(flags: &[&str]) -> Self {
        Self::start_on(free_port(), None, flags, "").await
    }

    /// With more services than the usual, which may name the port of `web` as PORT.
    pub(crate) async fn start_with_services(more: &str) -> Self {
        Self::start_on(free_port(), None, &["--chaos"], more).await
    }

    /// This test holds the port of `web`.
    pub(crate) async fn start_with_port_taken() -> Self {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = taken.local_addr().expect("an address").port();
        Self::start_on(port, Some(taken), &[], "").await
    }

    async fn start_on(
        web_port: u16,
        taken: Option<TcpListener>,
        flags: &[&str],
        more: &str,
    ) -> Self {
        let nats = NatsServer::start().await;
        let args = NatsArgs {
            nats_url: nats.url(),
        };
        let bus = Bus::connect(&args, Role::Operator, "test")
            .await
            .expect("a bus");
        bus.ensure_streams().await.expect("streams");
        let folder = temp_dir();
        let config = format!("{CONFIG}{more}").replace("PORT", &web_port.to_string());
        std::fs::write(folder.path().join("arena.toml"), config).expect("arena.toml");
        let mut arena = Self {
            outcomes: bus.consume(Consume::ephemeral()).await.expect("outcomes"),
            faults: bus
                .consume(Consume::ephemeral())
                .await
                .expect("fault statuses"),
            nats,
            folder,
            bus,
            agent: None,
            flags: flags.iter().map(|flag| (*flag).to_owned()).collect(),
            web_port,
            _taken: taken,
        };
        arena.start_agent();
        arena
    }

    pub(crate) fn start_agent(&mut self) {
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.folder.path().join("agent.log"))
            .expect("a log");
        let agent = StdCommand::new(env!("CARGO_BIN_EXE_arena-node"))
            .args(["--node", "node-1", "--nats-url", &self.nats.url()])
            .arg("--config")
            .arg(self.folder.path().join("arena.toml"))
            .arg("--state-dir")
            .arg(self.folder.path().join("state"))
            .args(&self.flags)
            .env_remove("OTEL_EXPORTER_OTLP_ENDPOINT")
            .env("RUST_LOG", "info,arena_node=debug")
            .stdin(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("arena-node");
        self.agent = Some(agent);
    }

    /// For the next agent.
    pub(crate) fn change_config(&self, from: &str, to: &str) {
        let path = self.folder.path().join("arena.toml");
        let config = std::fs::read_to_string(&path).expect("arena.toml");
        assert!(config.contains(from), "{from}");
        std::fs::write(path, config.replace(from, to)).expect("arena.toml");
    }

    /// As an operator would.
    pub(crate) async fn stop(&mut self) -> ExitStatus {
        let mut agent = self.agent.take().expect("an agent");
        signal(agent.id(), "TERM");
        wait_for("the agent to stop", async || {
            agent.try_wait().expect("a child")
        })
        .await
    }

    pub(crate) fn kill_agent(&mut self) {
        let mut agent = self.agent.take().expect("an agent");
        agent.kill().expect("kill");
        agent.wait().expect("wait");
    }

    pub(crate) fn agent_pid(&self) -> Option<u32> {
        self.agent.as_ref().map(Child::id)
    }

    pub(crate) async fn stop_bus(&mut self) {
        self.nats.stop().await;
    }

    pub(crate) async fn start_bus(&mut self) {
        self.nats.restart().await;
    }

    pub(crate) async fn node_state(&self) -> ProcessState {
        self.bus.statuses().await.expect("statuses")[0].state
    }

    /// Waits until the status of a service is as wanted.
    pub(crate) async fn service(
        &self,
        name: &str,
        wanted: impl Fn(&ServiceStatus) -> bool,
    ) -> ServiceStatus {
        wait_for(name, async || {
            let statuses = self.bus.statuses().await.unwrap_or_default();
            let services = statuses.into_iter().flat_map(|node| node.services);
            let mut named = services.filter(|service| service.name.as_str() == name);
            named.next().filter(|service| wanted(service))
        })
        .await
    }

    pub(crate) async fn healthy(&self, name: &str) -> ServiceStatus {
        self.service(name, ServiceStatus::is_healthy).await
    }

    /// A path in the agent's folder.
    pub(crate) fn path(&self, below: &str) -> std::path::PathBuf {
        self.folder.path().join("state").join(below)
    }

    /// What a service has written.
    pub(crate) fn log(&self, service: &str) -> String {
        let name = format!("state/logs/{service}.log");
        std::fs::read_to_string(self.folder.path().join(name)).unwrap_or_default()
    }

    /// Waits until `web` answers on its own port.
    pub(crate) async fn web_answers(&self) {
        wait_for("web to answer", async || {
            TcpStream::connect(("127.0.0.1", self.web_port)).await.ok()
        })
        .await;
    }

    pub(crate) async fn command(&mut self, id: &str, action: ActionKind, service: &str) -> Outcome {
        self.publish_command(id, action, service, None).await;
        self.outcome(id).await
    }

    pub(crate) async fn publish_command(
        &self,
        id: &str,
        action: ActionKind,
        service: &str,
        pid: Option<u32>,
    ) {
        let command = Command {
            preconditions: Preconditions {
                start_time: None,
                pid,
                generation: None,
            },
            ..Self::a_command(id, action, service)
        };
        self.bus.publish(&command, None).await.expect("published");
    }

    /// For a running process, whichever it is.
    pub(crate) fn a_command(id: &str, action: ActionKind, service: &str) -> Command {
        let now = Clock::new().now();
        Command {
            fence: None,
            params: std::collections::BTreeMap::new(),
            id: id.parse().expect("an id"),
            action,
            node: node(),
            service: Some(service.parse().expect("a name")),
            expires_at: now + Command::EXPIRY_DEFAULT,
            deadline: Command::DEADLINE_DEFAULT,
            preconditions: Preconditions {
                start_time: None,
                pid: None,
                generation: None,
            },
            incident_id: None,
            issuer: "test".to_owned(),
            reason: String::new(),
            at: now,
        }
    }

    /// Waits for the final outcome of a command.
    pub(crate) async fn outcome(&mut self, id: &str) -> Outcome {
        loop {
            let outcome = self.outcomes.next().await.expect("an outcome").message;
            if outcome.command_id.as_str() == id && outcome.state.is_final() {
                return outcome;
            }
        }
    }

    pub(crate) async fn apply(
        &self,
        id: &str,
        fault: &str,
        service: &str,
        ttl: Duration,
        params: &[(&str, &str)],
    ) {
        let params = params
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        // No name is for the node as a whole.
        let service = (!service.is_empty()).then(|| service.parse().expect("a name"));
        let operation = FaultOperation::Apply {
            fault: fault.to_owned(),
            service,
            ttl,
            lease: None,
            params: params.collect(),
        };
        self.request(id, operation).await;
    }

    /// A fault of the whole node, for a minute at most.
    pub(crate) async fn apply_to_node(&self, id: &str, fault: &str, params: &[(&str, &str)]) {
        let ttl = Duration::from_mins(1);
        self.apply(id, fault, "", ttl, params).await;
    }

    pub(crate) async fn revert(&self, id: &str) {
        self.request(id, FaultOperation::Revert).await;
    }

    async fn request(&self, id: &str, operation: FaultOperation) {
        let id = id.parse().expect("an id");
        let request = FaultRequest {
            id,
            node: node(),
            at: Clock::new().now(),
            operation,
        };
        self.bus.publish(&request, None).await.expect("published");
    }

    /// Waits until the fault is said to be in this state.
    pub(crate) async fn fault_status(&mut self, id: &str, state: FaultState) -> FaultStatus {
        loop {
            let status = self.faults.next().await.expect("a status").message;
            if status.id.as_str() == id && status.state == state {
                return status;
            }
            assert!(!status.state.is_final(), "{status:?} instead of {state}");
        }
    }

    /// Waits until all these faults are over, in whichever order.
    pub(crate) async fn faults_over(&mut self, ids: &[&str]) -> Vec<FaultStatus> {
        let mut over = Vec::new();
        while over.len() < ids.len() {
            let status = self.faults.next().await.expect("a status").message;
            if status.state.is_final() && ids.contains(&status.id.as_str()) {
                over.push(status);
            }
        }
        over
    }

    /// Waits until telemetry says this of a service.
    pub(crate) async fn metric(&self, service: &str, metric: &str, wanted: impl Fn(f32) -> bool) {
        let mut telemetry = self
            .bus
            .telemetry(Partitions::all())
            .await
            .expect("telemetry");
        loop {
            let (sample, schema) = telemetry.next().await.expect("a sample");
            let value = schema
                .columns
                .iter()
                .zip(&sample.values)
                .find(|(column, _)| {
                    column.metric == metric
                        && column
                            .service
                            .as_ref()
                            .is_some_and(|name| name.as_str() == service)
                });
            if value.is_some_and(|(_, value)| wanted(*value)) {
                return;
            }
        }
    }

    /// The helper processes of this arena, of whichever fault.
    pub(crate) fn helpers(&self) -> Vec<u32> {
        let journal = self.path("journal").display().to_string();
        let all = procfs::process::all_processes()
            .expect("processes")
            .flatten();
        all.filter(|process| {
            let said = process.environ().unwrap_or_default();
            said.get(OsStr::new("ARENA_HELPER_ENTRY"))
                .is_some_and(|entry| entry.to_string_lossy().starts_with(&journal))
        })
        .filter_map(|process| u32::try_from(process.pid()).ok())
        .collect()
    }
}

/// A test that fails leaves nothing either: the agent would live on, and its services with it.
impl Drop for Arena {
    fn drop(&mut self) {
        if let Some(mut agent) = self.agent.take() {
            signal(agent.id(), "TERM");
            let _ = agent.wait();
        }
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.folder.path().join("agent.log"));
            eprintln!("the agent said:\n{}", log.unwrap_or_default());
        }
    }
}

/// Sends a signal by its name, as a person would.
pub(crate) fn signal(pid: u32, name: &str) {
    let sent = StdCommand::new("kill")
        .args([&format!("-{name}"), &pid.to_string()])
        .status();
    assert!(sent.expect("kill").success(), "kill -{name} {pid}");
}

/// The letter of `/proc/PID/stat`; `None` when there is no such process, or only its remains.
pub(crate) fn process_state(pid: u32) -> Option<char> {
    let process = procfs::process::Process::new(i32::try_from(pid).expect("a pid")).ok()?;
    Some(process.stat().ok()?.state).filter(|state| *state != 'Z')
}

/// One request, whatever comes of it.
pub(crate) async fn get(port: u16) {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)).await else {
        return tokio::time::sleep(Duration::from_millis(10)).await;
    };
    let request = b"GET / HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n";
    let mut answer = Vec::new();
    if stream.write_all(request).await.is_ok() {
        let _ = stream.read_to_end(&mut answer).await;
    }
}
