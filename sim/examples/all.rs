use arena_scenario::Scenario;
use arena_sim::{Setup, play, policy};
fn main() {
    let mut args = std::env::args().skip(1);
    let healer = args.next().unwrap_or("rules".into());
    let only = args.next();
    for (name, text) in arena_scenario::curated() {
        if only.as_ref().is_some_and(|only| only != name) { continue; }
        let scenario = Scenario::parse(name, text).unwrap();
        let mut setup = Setup::new(scenario, policy::healer(&healer, 1).unwrap());
        setup.encore = std::env::var("ENCORE").is_ok();
        if only.is_some() { setup.log = arena_sim::log::LogLevel::Full; }
        let t = std::time::Instant::now();
        match play(setup) {
            Err(e) => println!("{name:40} ERROR {e}"),
            Ok(run) => {
                let v = run.verdict.as_ref();
                println!("{name:36} {:?} detect {:?} heal {:?} actions {} events {} {:.0}s in {:?} {} {}", run.ending, v.and_then(|v| v.detect_ms), v.and_then(|v| v.heal_ms), run.facts.actions.len(), run.log.events, run.virtual_ms as f64/1000.0, t.elapsed(), &run.log.sha256[..8], run.why.chars().take(130).collect::<String>());
                if only.is_some() {
                    for line in &run.story { println!("{:>7} {:<9} {}: {}", line.at_ms, line.kind, line.entity, line.what); }
                    if std::env::var("LOG").is_ok() { for l in &run.log.lines { println!("{}", l.chars().take(900).collect::<String>()); } }
                }
            }
        }
    }
}
