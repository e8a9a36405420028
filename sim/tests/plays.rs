//! Scenarios, played.

use arena_scenario::Scenario;
use arena_sim::log::LogLevel;
use arena_sim::{Played, Setup, play, policy};

fn scenario(name: &str) -> Scenario {
    let known = arena_scenario::curated();
    let (_, text) = known.iter().find(|(known, _)| *known == name).unwrap();
    Scenario::parse(name, text).unwrap()
}

fn played(name: &str, healer: &str) -> Played {
    let mut setup = Setup::new(scenario(name), policy::healer(healer, 1).unwrap());
    setup.log = LogLevel::Full;
    play(setup).unwrap()
}

#[test]
fn a_crash_is_healed() {
    let run = played("dies-crash", "rules");
    for line in &run.story {
        println!(
            "{:>7} {:<9} {}: {}",
            line.at_ms, line.kind, line.entity, line.what
        );
    }
    println!("{:?} {} {} events", run.ending, run.why, run.log.events);
    for line in run.log.lines.iter().take(0) {
        println!("{}", &line[..line.len().min(300)]);
    }
    assert_eq!(run.why, "");
}
