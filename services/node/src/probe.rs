//! Asks services whether they work, at the level of the application: a stopped process still accepts TCP.
//!
//! The schedule is fixed: a probe starts every interval whether or not the last one has answered, so a hang is known
//! after interval x failures and one timeout. How many overlap is bounded by what the timeout allows.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, bail};
use arena_config::arena::{HealthSpec, Probe};
use arena_node_core::{Input, Pace};
use arena_proto::ServiceName;
use bytes::Bytes;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use crate::http::Connection;
use crate::spec::Program;

/// Between two probes of a service that starts: its start seems no slower for it, and a refused connection costs
/// microseconds.
const EAGER_EVERY: Duration = Duration::from_millis(20);
/// The same for a probe that is a program: starting one costs milliseconds.
const EAGER_COMMAND_EVERY: Duration = Duration::from_millis(200);

/// The probes of all services.
#[derive(Debug)]
pub(crate) struct Prober {
    inputs: mpsc::Sender<Input>,
    running: BTreeMap<ServiceName, AbortHandle>,
}

impl Prober {
    pub(crate) fn new(inputs: mpsc::Sender<Input>) -> Self {
        Self {
            inputs,
            running: BTreeMap::new(),
        }
    }

    /// Probes the service from now on, at this pace.
    pub(crate) fn start(
        &mut self,
        service: &ServiceName,
        generation: u32,
        pace: Pace,
        program: &Program,
    ) {
        self.stop(service);
        let Some(health) = &program.health else {
            return;
        };
        let target = Arc::new(Target {
            service: service.clone(),
            generation,
            health: health.clone(),
            port: program.port,
            env: program.spawn.env.clone(),
            idle: Mutex::new(None),
            inputs: self.inputs.clone(),
        });
        let task = match pace {
            Pace::Eager => tokio::spawn(eagerly(target)),
            Pace::Steady => tokio::spawn(steadily(target)),
        };
        self.running.insert(service.clone(), task.abort_handle());
    }

    pub(crate) fn stop(&mut self, service: &ServiceName) {
        if let Some(task) = self.running.remove(service) {
            task.abort();
        }
    }
}

#[derive(Debug)]
struct Target {
    service: ServiceName,
    generation: u32,
    health: HealthSpec,
    port: Option<u16>,
    env: BTreeMap<String, String>,
    /// The connection of the last probe that was answered.
    idle: Mutex<Option<Connection>>,
    inputs: mpsc::Sender<Input>,
}

/// One after the other, until the core changes the pace.
async fn eagerly(target: Arc<Target>) {
    let pause = match target.health.probe {
        Probe::Command(_) => EAGER_COMMAND_EVERY,
        Probe::Http { .. } | Probe::Tcp => EAGER_EVERY,
    };
    loop {
        target.probe().await;
        sleep(pause).await;
    }
}

async fn steadily(target: Arc<Target>) {
    // A probe that missed its start is not made up for: two at once say no more than one.
    let mut ticks = interval(target.health.interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut under_way = tokio::task::JoinSet::new();
    loop {
        ticks.tick().await;
        while under_way.try_join_next().is_some() {}
        let target = Arc::clone(&target);
        // Each ends at its timeout: no more than timeout / interval + 1 are here at once.
        under_way.spawn(async move { target.probe().await });
    }
}

impl Target {
    async fn probe(&self) {
        let limit = self.health.timeout;
        let result = match timeout(limit, self.ask()).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(format!("probe: {error:#}")),
            Err(_) => Err(format!("probe: no answer within {} ms", limit.as_millis())),
        };
        let input = Input::Probed {
            service: self.service.clone(),
            generation: self.generation,
            result,
        };
        // A closed channel means that the agent is ending.
        let _ = self.inputs.send(input).await;
    }

    async fn ask(&self) -> anyhow::Result<()> {
        match &self.health.probe {
            Probe::Http { path } => self.ask_http(path).await,
            Probe::Tcp => {
                TcpStream::connect(("127.0.0.1", self.port()?)).await?;
                Ok(())
            }
            Probe::Command(argv) => self.run(argv).await,
        }
    }

    fn port(&self) -> anyhow::Result<u16> {
        self.port.context("the service has no port to probe")
    }

    async fn ask_http(&self, path: &str) -> anyhow::Result<()> {
        let idle = self
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let mut connection = match idle.filter(Connection::is_open) {
            Some(connection) => connection,
            None => Connection::tcp(self.port()?).await?,
        };
        let (status, _) = connection.ask("GET", path, Bytes::new()).await?;
        if !(status.is_success() || status.is_redirection()) {
            bail!("GET {path} gave {status}");
        }
        *self.idle.lock().unwrap_or_else(PoisonError::into_inner) = Some(connection);
        Ok(())
    }

    async fn run(&self, argv: &[String]) -> anyhow::Result<()> {
        let (program, arguments) = argv.split_first().context("the probe's command is empty")?;
        let status = tokio::process::Command::new(program)
            .args(arguments)
            .envs(&self.env)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .status()
            .await
            .with_context(|| format!("cannot run {program}"))?;
        if !status.success() {
            bail!("{program} ended with {status}");
        }
        Ok(())
    }
}
