//! What an arena costs that has nothing to do: CPU and memory, process by process; and one agent with 50 small services.
//!
//! `just bench-idle [SECONDS]`. Read from `/proc`, from outside: CPU is user and system time over the span, memory is the
//! resident set at its end (shared pages count in each process that has them).

#[path = "common/machine.rs"]
mod machine;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use arena_config::arena::Arena as Config;
use arena_testkit::{Arena, ArenaBuilder};

const SECONDS_DEFAULT: u64 = 30;
/// What start-up leaves behind is over by then.
const SETTLE: Duration = Duration::from_secs(5);
const SMALL_SERVICES: usize = 50;

#[derive(Clone)]
struct Usage {
    command: String,
    cpu_ticks: u32,
    memory_kib: u32,
}

fn main() -> anyhow::Result<()> {
    let given = std::env::args()
        .skip(1)
        .find(|argument| !argument.starts_with('-'));
    let seconds = match given {
        None => SECONDS_DEFAULT,
        Some(text) => text
            .parse()
            .with_context(|| format!("{text:?} is not a number of seconds"))?,
    };
    println!("{}", machine::describe());
    println!("command: cargo bench -p arena-cli --bench idle -- {seconds}");

    println!("\nthe default arena, with its traffic of 20 requests/s, over {seconds} s:");
    let arena = builder(Config::default_toml()).arg("--chaos").start();
    report(&arena, seconds, |_| true);
    drop(arena);

    println!(
        "\none agent with {SMALL_SERVICES} small services, each probed over HTTP every second, over {seconds} s:"
    );
    let arena = builder(&small_services()).start();
    report(&arena, seconds, |command| command.contains("arena-node"));
    Ok(())
}

fn builder(config: &str) -> ArenaBuilder {
    ArenaBuilder::new(env!("CARGO_BIN_EXE_arena"), config)
}

fn small_services() -> String {
    let service = |number: usize| {
        format!(
            "[[node.service]]\nname = \"small-{number}\"\n\
             command = [\"arena-workload\", \"edge\", \"--port\", \"{{port}}\"]\nport = 1\n\
             health = {{ http = \"/healthz\", interval = \"1s\" }}\n"
        )
    };
    let services: String = (1..=SMALL_SERVICES).map(service).collect();
    format!("[[node]]\nname = \"node-1\"\n{services}")
}

fn report(arena: &Arena, seconds: u64, wanted: impl Fn(&str) -> bool) {
    std::thread::sleep(SETTLE);
    let before = usage(arena);
    #[expect(
        clippy::disallowed_methods,
        reason = "a benchmark measures this machine's time"
    )]
    let start = Instant::now();
    std::thread::sleep(Duration::from_secs(seconds));
    let after = usage(arena);
    let elapsed = start.elapsed().as_secs_f64();
    // Linux counts process time in units of 10 ms wherever it runs today (USER_HZ).
    let percent = |ticks: u32| f64::from(ticks) / elapsed;
    let (mut cpu, mut memory) = (0, 0);
    println!("{:>7} {:>8} {:>9}  command", "pid", "CPU %", "RSS MiB");
    for (pid, now) in after.iter().filter(|(_, now)| wanted(&now.command)) {
        let ticks = now.cpu_ticks - before.get(pid).map_or(0, |then| then.cpu_ticks);
        println!(
            "{pid:>7} {:>8.2} {:>9.1}  {}",
            percent(ticks),
            mebibytes(now.memory_kib),
            now.command
        );
        cpu += ticks;
        memory += now.memory_kib;
    }
    println!(
        "{:>7} {:>8.2} {:>9.1}",
        "in all",
        percent(cpu),
        mebibytes(memory)
    );
}

fn mebibytes(kib: u32) -> f64 {
    f64::from(kib) / 1024.0
}

/// All processes of the arena, by pid.
fn usage(arena: &Arena) -> BTreeMap<u32, Usage> {
    let pids = arena
        .leftovers()
        .into_iter()
        .filter_map(|line| line.split(' ').next()?.parse().ok());
    pids.filter_map(|pid: u32| Some((pid, usage_of(pid)?)))
        .collect()
}

fn usage_of(pid: u32) -> Option<Usage> {
    let read = |file: &str| std::fs::read_to_string(format!("/proc/{pid}/{file}")).ok();
    let stat = read("stat")?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let resident = read("status")?.lines().find_map(|line| {
        line.strip_prefix("VmRSS:")?
            .trim()
            .strip_suffix(" kB")?
            .parse()
            .ok()
    })?;
    let command = read("cmdline")?;
    // Paths are long and say little: only what is after the last slash.
    let words = command
        .split('\0')
        .map(|word| word.rsplit('/').next().unwrap_or_default());
    let command = words
        .collect::<Vec<_>>()
        .join(" ")
        .chars()
        .take(70)
        .collect();
    Some(Usage {
        command,
        // utime and stime: fields 14 and 15 of proc_pid_stat(5), of which two stand before the closing parenthesis.
        cpu_ticks: fields.get(11)?.parse::<u32>().ok()? + fields.get(12)?.parse::<u32>().ok()?,
        memory_kib: resident,
    })
}
