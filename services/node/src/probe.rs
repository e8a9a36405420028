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
use arena_supervisor::Spawn;
use bytes::Bytes;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
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
            spawn: program.spawn.clone(),
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
    /// A command is run where the service is, with its environment.
    spawn: Spawn,
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
        let mut command = Command::new(program);
        command
            .args(arguments)
            .envs(&self.spawn.env)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0);
        if let Some(working_dir) = &self.spawn.working_dir {
            command.current_dir(working_dir);
        }
        let cannot = || format!("cannot run {program}");
        let mut probe = ProbeProcess(command.spawn().with_context(cannot)?);
        let status = probe.0.wait().await.with_context(cannot)?;
        if !status.success() {
            bail!("{program} ended with {status}");
        }
        Ok(())
    }
}

/// A probe's process group. One that is given up is killed as a whole: a shell's children would live on without it, one
/// more each interval.
struct ProbeProcess(Child);

impl Drop for ProbeProcess {
    fn drop(&mut self) {
        // Until it was waited for, which it has not been here, its pid is no other's.
        let group = self.0.id().and_then(|pid| i32::try_from(pid).ok());
        if let Some(group) = group.and_then(Pid::from_raw) {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

#[cfg(test)]
mod tests {
    use arena_testkit::{temp_dir, wait_for};

    use super::*;

    #[tokio::test]
    async fn a_command_that_is_given_up_takes_its_children_along() {
        let folder = temp_dir();
        let script = "sleep 1000 & echo $! > child; wait";
        let (inputs, mut results) = mpsc::channel(1);
        let target = Target {
            service: "s".parse().expect("a name"),
            generation: 1,
            health: HealthSpec {
                probe: Probe::Command(["sh", "-c", script].map(str::to_owned).to_vec()),
                interval: Duration::from_secs(1),
                timeout: Duration::from_secs(1),
                failures: 1,
            },
            port: None,
            spawn: Spawn {
                argv: Vec::new(),
                env: BTreeMap::new(),
                working_dir: Some(folder.path().to_owned()),
                log: folder.path().join("log"),
            },
            idle: Mutex::new(None),
            inputs,
        };
        target.probe().await;
        assert!(matches!(
            results.recv().await,
            Some(Input::Probed { result: Err(_), .. })
        ));
        let child = std::fs::read_to_string(folder.path().join("child")).expect("a child");
        let child: u32 = child.trim().parse().expect("a pid");
        wait_for("the end of the child", async || {
            arena_supervisor::identity_of(child).is_none().then_some(())
        })
        .await;
    }
}
