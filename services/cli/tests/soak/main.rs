//! Random faults with random parameters over the default arena, and random `kill -9` of all who take part; then, after
//! the longest time to live, `machine.py` looks at the machine, which knows nothing of Arena: nothing may be left.
//!
//! `cargo test` has a short sample. `just soak-faults COUNT SEED` has as many as one likes: `ARENA_SOAK_COUNT` faults that were
//! made (what is refused does not count), and `ARENA_SOAK_SEED`.

mod chance;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use arena_bus::{Bus, NatsArgs, Role};
use arena_chassis::Clock;
use arena_config::arena::Arena as Config;
use arena_proto::{NodeStatus, ProbeVerdict, ProcessState};
use arena_testkit::{Arena, ArenaBuilder, wait_for};
use futures::{StreamExt as _, stream};

use crate::chance::{Chance, Request, SECONDS_MAX};

/// Of the sample in `cargo test`.
const COUNT: u64 = 15;
const SEED: u64 = 4;
/// So many are asked for between two deaths: few in the sample, so that there are deaths at all.
const BATCH: u64 = 7;
/// The same of a long soak: each death ends many faults, and what is to be seen needs some that meet.
const BATCH_LONG: u64 = 25;
/// Askers at once; the injector's and the nodes' ceilings then decide how many faults there are.
const AT_ONCE: usize = 10;
/// Many are refused, as the machine allows or the services can; so many are asked for, at most, for each that is made.
const ASKED_PER_MADE_MAX: u64 = 12;
/// The supervisor leaves alone who ends ten times in a row within 30 s of its start; a party that was killed is spared for
/// longer than that.
const SPARED: Duration = Duration::from_secs(35);
/// Nothing more is asked for after this; what was made by then is what is told.
const MINUTES_MAX: u64 = 30;
/// Between two looks of the one who starts what has died.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// What became of the requests.
#[derive(Debug, Default)]
struct Tally {
    made: Vec<String>,
    by_fault: BTreeMap<&'static str, u64>,
    refused: BTreeMap<String, u64>,
    kills: BTreeMap<&'static str, u64>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_faults_and_random_deaths_leave_nothing() {
    let count = number("ARENA_SOAK_COUNT", COUNT);
    let seed = number("ARENA_SOAK_SEED", SEED);
    let soak = Soak::start().await;
    let before = soak.machine("snapshot", &[]);
    let before = soak.write("before.json", &before.1);
    let began = Clock::new().now();

    let starter = tokio::spawn(Arc::clone(&soak).start_what_dies());
    let tally = soak.hurt(count, &mut Chance(seed)).await;
    // Nothing lives longer than this, whoever is dead.
    tokio::time::sleep(Duration::from_secs(SECONDS_MAX)).await;
    soak.healthy().await;
    starter.abort();

    let ids = soak.write("ids", &tally.made.join("\n"));
    let (clean, told) = soak.machine("compare", &[&before, &ids]);
    let took = Clock::new().now().saturating_since(began).as_secs();
    eprintln!(
        "seed {seed}: {} faults made in {took} s: {:?}\nkilled: {:?}\nrefused: {:#?}\n{told}",
        tally.made.len(),
        tally.by_fault,
        tally.kills,
        tally.refused
    );
    assert!(clean, "seed {seed} left:\n{told}\n{}", soak.arena.logs());
}

/// An arena of its own, that nobody heals.
#[derive(Debug)]
struct Soak {
    arena: Arena,
    bus: Bus,
    legs: PathBuf,
}

impl Soak {
    async fn start() -> Arc<Self> {
        let arena = ArenaBuilder::new(env!("CARGO_BIN_EXE_arena"), Config::default_toml())
            .env("OTEL_SDK_DISABLED", "true")
            .arg("--chaos")
            .start();
        let observe = arena.run(&["mode", "observe"]);
        assert!(observe.status.success(), "{observe:?}");
        let args = NatsArgs {
            nats_url: arena.nats_url.clone(),
        };
        let bus = Bus::connect(&args, Role::Operator, "soak").await;
        let soak = Self {
            bus: bus.expect("the bus"),
            legs: PathBuf::new(),
            arena,
        };
        soak.healthy().await;
        let legs: Vec<String> = soak.statuses().await.iter().flat_map(legs_of).collect();
        let legs = soak.write("legs", &legs.join("\n"));
        Arc::new(Self { legs, ..soak })
    }

    /// Asks until as many are made, and kills somebody now and then.
    async fn hurt(&self, count: u64, chance: &mut Chance) -> Tally {
        let statuses = self.statuses().await;
        let nodes: Vec<String> = statuses.iter().map(|node| node.node.to_string()).collect();
        let services: Vec<String> = statuses.iter().flat_map(services_of).collect();
        let mut tally = Tally::default();
        let batch = if count > COUNT { BATCH_LONG } else { BATCH };
        let mut killed_at = BTreeMap::new();
        let mut asked = 0;
        let limit = Duration::from_mins(number("ARENA_SOAK_MINUTES", MINUTES_MAX));
        let began = Clock::new().now();
        while (tally.made.len() as u64) < count && asked < count * ASKED_PER_MADE_MAX {
            let now = Clock::new().now();
            if now.saturating_since(began) > limit {
                break;
            }
            let requests: Vec<Request> = (0..batch)
                .map(|_| chance.request(&nodes, &services))
                .collect();
            asked += batch;
            let asking = async {
                let answers = stream::iter(&requests).map(|request| self.ask(request));
                answers.buffered(AT_ONCE).collect::<Vec<_>>().await
            };
            let party = *chance.one_of(&["injector", "agent", "service", "nats-server"]);
            let victim = chance.below(u64::MAX);
            let last = killed_at.get(party).copied();
            let is_spared = last.is_some_and(|last| now.saturating_since(last) < SPARED);
            // In the middle of it: while some are being made and others last.
            let killing = async {
                tokio::time::sleep(Duration::from_millis(victim % 1_000)).await;
                !is_spared && self.kill(party, victim).await
            };
            let (answers, killed) = tokio::join!(asking, killing);
            if killed {
                killed_at.insert(party, now);
            }
            *tally.kills.entry(party).or_default() += u64::from(killed);
            // Who asks while nobody can answer learns nothing.
            wait_for("the bus", async || {
                (!self.statuses().await.is_empty()).then_some(())
            })
            .await;
            for (request, answer) in requests.iter().zip(answers) {
                match answer {
                    Ok(id) => {
                        *tally
                            .by_fault
                            .entry(request.fault.name.as_str())
                            .or_default() += 1;
                        tally.made.push(id);
                    }
                    Err(why) => *tally.refused.entry(why).or_default() += 1,
                }
            }
        }
        tally
    }

    /// The fault's id, or in a word why there is none.
    async fn ask(&self, request: &Request) -> Result<String, String> {
        let seconds = format!("{}s", request.seconds);
        let mut words = vec!["inject", request.fault.name.as_str(), &request.target];
        words.extend(["--for", &seconds]);
        words.extend(request.params.iter().map(String::as_str));
        let mut command = self.arena.program("arena");
        command.args(words);
        let output = tokio::process::Command::from(command).output().await;
        let output = output.expect("arena runs");
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
        }
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        Err(reason(&said))
    }

    /// `kill -9`; whether there was somebody.
    async fn kill(&self, party: &str, chance: u64) -> bool {
        let statuses = self.statuses().await;
        let pids: Vec<u32> = match party {
            "agent" => statuses.iter().map(|node| node.pid).collect(),
            "service" => {
                let services = statuses.iter().flat_map(|node| &node.services);
                services.filter_map(|service| service.pid).collect()
            }
            "injector" => self.arena.processes_of("arena-injector"),
            server => self.arena.processes_of(server),
        };
        if pids.is_empty() {
            return false;
        }
        let index = usize::try_from(chance % pids.len() as u64).expect("an index");
        let pid = pids[index].to_string();
        let killed = Command::new("kill").args(["-KILL", &pid]).status();
        killed.is_ok_and(|status| status.success())
    }

    /// As a person would, for nobody else does: Felix only observes.
    async fn start_what_dies(self: Arc<Self>) {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            for node in self.statuses().await {
                let dead = |state| matches!(state, ProcessState::Exited | ProcessState::Fatal);
                for service in node.services.iter().filter(|service| dead(service.state)) {
                    let target = format!("{}/{}", node.node, service.name);
                    let mut start = self.arena.program("arena");
                    start.args(["do", "start", &target, "--yes"]);
                    // It may be refused, as when its fault kills it again: it is tried again.
                    let _ = tokio::process::Command::from(start).output().await;
                }
            }
        }
    }

    /// Every service runs, and its probe passes.
    async fn healthy(&self) {
        wait_for("every service to be well", async || {
            let statuses = self.statuses().await;
            let well = statuses
                .iter()
                .flat_map(|node| &node.services)
                .all(|of| of.state == ProcessState::Running && of.probe == ProbeVerdict::Passing);
            (well && !statuses.is_empty()).then_some(())
        })
        .await;
    }

    /// None while the bus is away.
    async fn statuses(&self) -> Vec<NodeStatus> {
        self.bus.statuses().await.unwrap_or_default()
    }

    /// Runs the independent check; whether it found all well, and what it printed.
    fn machine(&self, what: &str, more: &[&PathBuf]) -> (bool, String) {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/soak/machine.py");
        let port = self.arena.nats_url.rsplit(':').next().expect("a port");
        let output = Command::new("python3")
            .args([script, what])
            .arg(self.arena.data_dir().parent().expect("it has one"))
            .arg(&self.legs)
            .arg(port)
            .args(more)
            .output()
            .expect("python3 runs");
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(errors.is_empty(), "{errors}");
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.success(), told)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.arena.data_dir().with_file_name(name);
        std::fs::write(&path, text).expect("the arena's folder");
        path
    }
}

fn legs_of(node: &NodeStatus) -> Vec<String> {
    let legs = node.services.iter().filter_map(|service| {
        let port = service.proxy_port?;
        Some(format!("{}/{} {port}", node.node, service.name))
    });
    legs.collect()
}

fn services_of(node: &NodeStatus) -> BTreeSet<String> {
    let names = node.services.iter().map(|service| &service.name);
    names.map(|name| format!("{}/{name}", node.node)).collect()
}

/// The first line, without what differs from one to the next.
fn reason(said: &str) -> String {
    let line = said
        .lines()
        .find(|line| line.starts_with("error"))
        .unwrap_or(said.trim());
    let words = line.split_whitespace().map(|word| {
        let is_name = word.contains(|c: char| c.is_ascii_digit()) || word.contains('/');
        if is_name { "…" } else { word }
    });
    words.collect::<Vec<_>>().join(" ")
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}
