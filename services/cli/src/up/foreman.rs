//! Keeps the components of an arena running: starts them, starts again what ends, tells what happens, and stops it all.
//!
//! Deliberately absent: judgement about services; each node looks after its own.
//!
//! Invariants:
//! - `arena.json` names every running component before anything is awaited on it.
//! - Whatever way the run ends, but for SIGKILL, everything that was started is stopped.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use arena_bus::{Bus, NATS_CONF, NatsArgs, Role};
use arena_chassis::Clock;
use arena_supervisor::{Exit as ProcessExit, Identity, Process, Spawn, logs, spawn};
use futures::StreamExt as _;
use futures::future::{BoxFuture, FutureExt as _};
use futures::stream::FuturesUnordered;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::backoff::{Backoff, Verdict};
use super::data_dir::DataDir;
use super::plan::{Component, Settings, Stage};
use super::record::{Lock, Member, Record, boot_id};
use super::signals::Signals;
use super::stopping::{Running, stop_all, sweep};
use super::{health, log_length, log_tail, plan, say};
use crate::exit::{Exit, Failure};

/// A component's log is cut at this size, and so many old ones are kept: at most 24 MB a component.
const LOG_LIMIT_BYTES: u64 = 8 * 1024 * 1024;
const LOGS_KEPT: u32 = 2;

/// So many lines of a log are shown when a component ended: an error, its cause and the mend.
const LAST_WORDS: usize = 4;

/// How often the sizes of the logs are looked at.
const ROTATE_EVERY: Duration = Duration::from_secs(10);

/// Replaying the streams of a large arena takes a second or two; this is for a machine that crawls.
const NATS_START_LIMIT: Duration = Duration::from_secs(20);

/// Between two tries to connect to a server that is starting.
const NATS_POLL: Duration = Duration::from_millis(10);

/// Who cannot work ends before (a database that is not there is told after a second or two).
const STEADY: Duration = Duration::from_secs(3);

/// What is left after the orderly stop has lost its parents, and gets this long.
const SWEEP_GRACE: Duration = Duration::from_secs(2);

/// Runs the arena until a signal, or until it cannot be started.
pub(crate) async fn run(settings: Settings, lock: Lock) -> Result<(), Failure> {
    let mut signals = Signals::listen().context("cannot listen for signals")?;
    let mut foreman = Foreman::new(settings)?;
    let result = tokio::select! {
        result = foreman.work() => result,
        name = signals.next() => {
            say(&format!("{name}: stopping"));
            Ok(())
        }
    };
    foreman.stop(&mut signals).await;
    drop(lock);
    result
}

struct Foreman {
    settings: Settings,
    members: Vec<Kept>,
    record: Record,
    events: FuturesUnordered<BoxFuture<'static, Event>>,
    clock: Clock,
}

/// A component and how it is doing.
struct Kept {
    component: Component,
    process: Option<Process>,
    backoff: Backoff,
    /// Where in its log its present or last process began.
    log_from: u64,
}

enum Event {
    /// The component of this index ended.
    Ended(usize, ProcessExit),
    /// It is to be started again.
    Due(usize),
    /// This process of it has run for a while since it was started again.
    Steady(usize, Identity),
}

impl Foreman {
    fn new(settings: Settings) -> anyhow::Result<Self> {
        let clock = Clock::new();
        let kept = |component| Kept {
            component,
            process: None,
            backoff: Backoff::new(clock.now()),
            log_from: 0,
        };
        let members = plan::components(&settings).into_iter().map(kept).collect();
        let nodes = settings.arena.nodes.iter().map(|node| {
            let services = node.services.iter().map(|service| service.name.clone());
            (node.name.clone(), services.collect())
        });
        let record = Record {
            boot_id: boot_id(),
            up: arena_supervisor::identity_of(std::process::id())
                .context("this process is not in /proc: is it mounted?")?,
            started: false,
            nats_url: settings.nats_url.clone(),
            database: settings.database.clone(),
            viewer: settings.viewer.map(plan::Viewer::url),
            gateway: settings
                .gateway_port
                .map(|port| format!("http://127.0.0.1:{port}")),
            chaos: settings.chaos,
            nodes: nodes.collect(),
            members: Vec::new(),
        };
        record.write(&settings.data)?;
        Ok(Self {
            settings,
            members,
            record,
            events: FuturesUnordered::new(),
            clock,
        })
    }

    /// Starts everything and keeps it running; returns only when it cannot be started.
    async fn work(&mut self) -> Result<(), Failure> {
        let since = self.clock.now();
        std::fs::write(self.data().nats_conf(), NATS_CONF).context("cannot write nats.conf")?;
        self.start_stage(|stage| stage == Stage::Nats)?;
        let bus = self.connect().await?;
        bus.ensure_streams().await?;
        self.forget_strangers(&bus).await?;
        self.start_stage(|stage| stage != Stage::Nats)?;
        self.record.started = true;
        self.record.write(self.data())?;
        let names: Vec<&str> = self
            .members
            .iter()
            .map(|kept| kept.component.name.as_str())
            .collect();
        say(&format!("started {}", names.join(", ")));

        let clock = self.clock;
        let (record, data) = (self.record.clone(), self.data().clone());
        let mut announced =
            std::pin::pin!(health::announce(bus, record, data, since, clock).fuse());
        let mut rotate = interval(ROTATE_EVERY);
        rotate.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                Some(event) = self.events.next() => self.handle(&event),
                () = &mut announced => {}
                _ = rotate.tick() => self.rotate_logs(),
            }
        }
    }

    fn data(&self) -> &DataDir {
        &self.settings.data
    }

    fn start_stage(&mut self, wanted: impl Fn(Stage) -> bool) -> Result<(), Failure> {
        for index in 0..self.members.len() {
            if wanted(self.members[index].component.stage) {
                self.start(index).map_err(Failure::from)?;
            }
        }
        Ok(self.record.write(self.data())?)
    }

    fn start(&mut self, index: usize) -> Result<(), arena_supervisor::SpawnError> {
        let component = &self.members[index].component;
        let log_from = log_length(&self.log(&component.name));
        let process = spawn(&Spawn {
            argv: component.argv.clone(),
            env: component.env.clone(),
            working_dir: None,
            log: self.log(&component.name),
        })?;
        let member = Member {
            name: component.name.clone(),
            stage: component.stage,
            identity: process.identity(),
        };
        self.record
            .members
            .retain(|known| known.name != member.name);
        self.record.members.push(member);
        let ended = process.clone();
        self.events
            .push(async move { Event::Ended(index, ended.exited().await) }.boxed());
        let kept = &mut self.members[index];
        kept.process = Some(process);
        kept.log_from = log_from;
        kept.backoff.started(self.clock.now());
        Ok(())
    }

    fn log(&self, name: &str) -> PathBuf {
        self.data().component_log(name)
    }

    /// On a server of our own nobody else has nodes: those that this arena no longer has would look dead for ever. On
    /// somebody else's server they may live on another machine.
    async fn forget_strangers(&self, bus: &Bus) -> Result<(), Failure> {
        if self.settings.nats.is_none() {
            return Ok(());
        }
        for status in bus.statuses().await? {
            if !self.record.nodes.contains_key(&status.node) {
                bus.forget_node(&status.node).await?;
            }
        }
        Ok(())
    }

    /// Waits for the server, whosever it is; ours may end instead, which is told with its own last words.
    async fn connect(&mut self) -> Result<Bus, Failure> {
        let args = NatsArgs {
            nats_url: self.settings.nats_url.clone(),
        };
        if self.settings.nats.is_none() {
            return Ok(Bus::connect_once(&args, Role::Operator, "arena-up").await?);
        }
        let connecting = async {
            loop {
                match Bus::connect_once(&args, Role::Operator, "arena-up").await {
                    Err(arena_bus::BusError::NoServer { .. }) => sleep(NATS_POLL).await,
                    other => return other,
                }
            }
        };
        let limit = timeout(NATS_START_LIMIT, connecting);
        let why = tokio::select! {
            connected = limit => match connected {
                Ok(connected) => return Ok(connected?),
                Err(_) => format!("nats-server does not answer after {NATS_START_LIMIT:?}"),
            },
            Some(Event::Ended(_, exit)) = self.events.next() => {
                format!("nats-server ended at once ({})", words(exit))
            }
        };
        Err(Exit::Failed.because(format!("{why}:\n{}", self.nats_last_words())))
    }

    fn nats_last_words(&self) -> String {
        let nats = self
            .members
            .iter()
            .find(|kept| kept.component.stage == Stage::Nats);
        let log_from = nats.map_or(0, |kept| kept.log_from);
        log_tail(&self.log("nats"), log_from, LAST_WORDS)
    }

    fn handle(&mut self, event: &Event) {
        match *event {
            Event::Ended(index, exit) => {
                self.members[index].process = None;
                let name = self.members[index].component.name.clone();
                self.record.members.retain(|member| member.name != name);
                self.again(index, &format!("{name} ended ({})", words(exit)));
            }
            Event::Due(index) => match self.start(index) {
                Ok(()) => self.tell_when_steady(index),
                Err(error) => self.again(index, &format!("{:#}", anyhow::Error::new(error))),
            },
            Event::Steady(index, identity) => {
                let kept = &self.members[index];
                if kept.process.as_ref().map(Process::identity) == Some(identity) {
                    say(&format!("{} runs again", kept.component.name));
                }
                return;
            }
        }
        // Without the record a killed `arena up` is still cleared up, by the mark: a full disk must not end the arena.
        if let Err(error) = self.record.write(self.data()) {
            say(&format!("{error:#}"));
        }
    }

    /// What ends again at once does not run again.
    fn tell_when_steady(&mut self, index: usize) {
        if let Some(identity) = self.members[index].process.as_ref().map(Process::identity) {
            let steady = async move {
                sleep(STEADY).await;
                Event::Steady(index, identity)
            };
            self.events.push(steady.boxed());
        }
    }

    /// Has a component started again after a while, and tells so; its own last words are told once.
    fn again(&mut self, index: usize, why: &str) {
        let verdict = self.members[index].backoff.ended(self.clock.now());
        let kept = &self.members[index];
        let last_words = log_tail(&self.log(&kept.component.name), kept.log_from, LAST_WORDS);
        match verdict {
            Verdict::Again { after, attempt } => {
                let last_words = if attempt == 1 {
                    last_words
                } else {
                    String::new()
                };
                say(&format!(
                    "{why}; started again in {after:?} (attempt {attempt})\n{last_words}"
                ));
                let due = async move {
                    sleep(after).await;
                    Event::Due(index)
                };
                self.events.push(due.boxed());
            }
            Verdict::GiveUp => say(&format!(
                "{why}; it keeps ending and is left alone. Mend the cause, then `arena down` and `arena up`\n{last_words}"
            )),
        }
    }

    fn rotate_logs(&self) {
        let names = self.members.iter().map(|kept| kept.component.name.as_str());
        for name in names.chain(["arena"]) {
            if let Err(error) = logs::rotate_if_larger(&self.log(name), LOG_LIMIT_BYTES, LOGS_KEPT)
            {
                say(&format!("cannot rotate the log of {name}: {error}"));
            }
        }
    }

    /// Stops everything; a further signal hastens it.
    async fn stop(self, signals: &mut Signals) {
        let running = self.members.into_iter().filter_map(|kept| {
            Some(Running {
                name: kept.component.name,
                stage: kept.component.stage,
                grace: kept.component.grace,
                process: kept.process?,
            })
        });
        let hasten = CancellationToken::new();
        let mut stopping = std::pin::pin!(stop_all(running.collect(), &hasten));
        loop {
            tokio::select! {
                () = &mut stopping => break,
                name = signals.next() => {
                    say(&format!("{name} again: killing what does not stop now"));
                    hasten.cancel();
                }
            }
        }
        let left = sweep(&self.settings.data, SWEEP_GRACE).await;
        if left > 0 {
            say(&format!(
                "stopped {left} processes that their node had left behind"
            ));
        }
        Record::remove(&self.settings.data);
        say("stopped; nothing is left running");
    }
}

fn words(exit: ProcessExit) -> String {
    match exit.code {
        None => "how is not known".to_owned(),
        Some(code) if code > 128 => format!("signal {}", code - 128),
        Some(code) => format!("exit code {code}"),
    }
}
