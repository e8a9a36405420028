//! The same build, scenario and seed give the same event log, byte by byte: run after run, in another process (where addresses and hash
//! seeds are others), with another number of worker threads, and with a detector that takes no short way.
//!
//! `just sim-determinism` compares 1,000 seeds over all curated scenarios; `cargo test` a sample. What differs is named with its first
//! event that does.

use std::collections::BTreeSet;
use std::process::{Command, ExitCode};

use arena_scenario::Scenario;
use arena_sim::log::{LogLevel, first_difference};
use arena_sim::{Played, Setup, play, policy};
use rayon::prelude::*;

/// In `cargo test`: a few seconds in a debug build.
const SAMPLE: u64 = 20;
/// Who heals, by turns: mostly the rules, and policies that draw chance of their own.
const POLICIES: [&str; 4] = ["rules", "rules", "random", "none"];

/// What differs by chance may be the same again: as often as this a seed is played to see it differ.
const TRIES: u32 = 8;

/// One way to play all seeds, in a process of its own.
struct Leg {
    what: &'static str,
    threads: usize,
    thorough: bool,
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let number = |text: &String| text.parse::<u64>().ok();
    match words.as_slice() {
        [play, threads, seeds, thorough] if play == "play-all" => {
            play_all(number(threads), number(seeds), thorough == "true");
            ExitCode::SUCCESS
        }
        [play, seed, thorough] if play == "play-one" => {
            let played = number(seed).map(|seed| played(seed, LogLevel::Full, thorough == "true"));
            for line in played.into_iter().flat_map(|played| played.log.lines) {
                println!("{line}");
            }
            ExitCode::SUCCESS
        }
        // The test harness' own words mean nothing here.
        words => compare(words.iter().find_map(number).unwrap_or(SAMPLE)),
    }
}

/// The run of a seed: each seed has its scenario, its healer and its chance.
fn played(seed: u64, log: LogLevel, thorough: bool) -> Played {
    let curated = arena_scenario::curated();
    let turn = usize::try_from(seed).expect("a small seed");
    let (name, text) = curated[turn % curated.len()];
    let scenario = Scenario::parse(name, text).and_then(|scenario| scenario.seeded(seed));
    let scenario = scenario.expect("a curated scenario is valid with each seed");
    let healer = POLICIES[turn / curated.len() % POLICIES.len()];
    let healer = policy::healer(healer, seed).expect("a known policy");
    let mut setup = Setup::new(scenario, healer);
    setup.seed = seed;
    setup.log = log;
    setup.thorough = thorough;
    play(setup).unwrap_or_else(|error| panic!("seed {seed}, {name}: {error}"))
}

/// Prints a line a seed, in their order.
fn play_all(threads: Option<u64>, seeds: Option<u64>, thorough: bool) {
    let threads = threads.and_then(|threads| usize::try_from(threads).ok());
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads.unwrap_or(0));
    let pool = pool.build().expect("threads");
    let line = |seed: u64| {
        let played = played(seed, LogLevel::Hash, thorough);
        let (name, log) = (&played.scenario.name, &played.log);
        format!("{seed} {name} {} {}", log.events, log.sha256)
    };
    let seeds = 1..=seeds.unwrap_or(SAMPLE);
    let lines: Vec<String> = pool.install(|| seeds.into_par_iter().map(line).collect());
    println!("{}", lines.join("\n"));
}

/// What another process of this program prints.
fn output(words: &[String]) -> Vec<String> {
    let program = std::env::current_exe().expect("this program");
    let output = Command::new(program)
        .args(words)
        .output()
        .expect("a second process");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).expect("text");
    text.lines().map(str::to_owned).collect()
}

/// The first is what the others are compared with.
fn legs() -> [Leg; 5] {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let leg = |what, threads, thorough| Leg {
        what,
        threads,
        thorough,
    };
    [
        leg("first run", cores, false),
        leg("second run", cores, false),
        leg("another number of threads", cores + 3, false),
        leg("one thread", 1, false),
        leg("no short ways", cores, true),
    ]
}

fn compare(seeds: u64) -> ExitCode {
    let scenarios = arena_scenario::curated().len();
    println!("{seeds} seeds over {scenarios} scenarios, each leg in a process of its own");
    let mut first: Vec<String> = Vec::new();
    let mut differ = BTreeSet::new();
    for leg in legs() {
        let words = [
            "play-all".to_owned(),
            leg.threads.to_string(),
            seeds.to_string(),
            leg.thorough.to_string(),
        ];
        let lines = output(&words);
        assert_eq!(
            u64::try_from(lines.len()).ok(),
            Some(seeds),
            "a line a seed"
        );
        if first.is_empty() {
            first.clone_from(&lines);
        }
        let pairs = (1..).zip(first.iter().zip(&lines));
        let others = pairs.filter(|(_, (one, other))| one != other);
        let others: Vec<(u64, bool)> = others.map(|(seed, _)| (seed, leg.thorough)).collect();
        println!(
            "{:27} {:2} threads: {} of {seeds} logs as in the first run",
            leg.what,
            leg.threads,
            lines.len() - others.len()
        );
        differ.extend(others);
    }
    let told = tells(seeds, &first);
    for (seed, thorough) in differ.iter().take(3) {
        tell_difference(*seed, *thorough);
    }
    if differ.is_empty() && told {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Were all logs the same, or empty, nothing would have been compared.
fn tells(seeds: u64, lines: &[String]) -> bool {
    let word = |line: &str, from_behind| line.rsplit(' ').nth(from_behind).map(str::to_owned);
    let hashes: BTreeSet<String> = lines.iter().filter_map(|line| word(line, 0)).collect();
    let events = lines.iter().filter_map(|line| word(line, 1));
    let events: u64 = events.filter_map(|text| text.parse::<u64>().ok()).sum();
    println!("{} different logs, {events} events", hashes.len());
    u64::try_from(hashes.len()).ok() == Some(seeds) && events > seeds * 10
}

/// Plays the seed in other processes again until they differ, and names the first event that differs.
fn tell_difference(seed: u64, thorough: bool) {
    let lines = |thorough: bool| {
        output(&[
            "play-one".to_owned(),
            seed.to_string(),
            thorough.to_string(),
        ])
    };
    let one = lines(false);
    let differs = |_| {
        let other = lines(thorough);
        first_difference(
            one.iter().map(String::as_str),
            other.iter().map(String::as_str),
        )
    };
    match (0..TRIES).find_map(differs) {
        None => println!("seed {seed} differed, and does not differ again in {TRIES} runs"),
        Some(found) => println!(
            "seed {seed} differs from event {} on:\n  {}\n  {}",
            found.number,
            found.left.unwrap_or_default(),
            found.right.unwrap_or_default()
        ),
    }
}
