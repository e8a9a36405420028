//! 0 of the cheats is scored as healed: each of them plays each of several kinds of faults, with an encore, and fails for its reason, while
//! the remediator passes all of them. `just sim-cheats` prints the table.

use std::collections::BTreeSet;

use arena_scenario::Scenario;
use arena_scenario::record::Ending;
use arena_scenario::score::Score;
use arena_sim::policy::{CHEAT, cheats, healer};
use arena_sim::{Setup, play};

/// One of each kind: a death, a hang, a leak, a burner, errors and delay in the sidecar's leg, a full disk, a definition that is wrong.
const SUITE: [&str; 8] = [
    "dies-crash",
    "hang-payments",
    "memory-leak-payments",
    "cpu-spike-orders",
    "error-burst-orders",
    "network-delay-edge",
    "disk-full-ledger",
    "dies-bad-config",
];

fn scenario(name: &str) -> Scenario {
    let (name, text) = arena_scenario::curated()
        .iter()
        .find(|(known, _)| *known == name)
        .unwrap_or_else(|| panic!("there is no scenario {name}"));
    Scenario::parse(name, text).expect("a curated scenario parses")
}

fn score(policy: &str, name: &str) -> Score {
    let scenario = scenario(name);
    let healer = healer(policy, scenario.seed).expect("a policy of that name");
    let setup = Setup {
        encore: true,
        ..Setup::new(scenario, healer)
    };
    let played = play(setup).expect("a setup that plays");
    let is_met = played.ending == Ending::Met;
    let score = played
        .score
        .unwrap_or_else(|| panic!("{name} with {policy}: {}", played.why));
    assert_eq!(is_met, score.passed, "{name} with {policy} is told as met");
    score
}

/// In which words each cheat must have been told at least once why it gets nothing.
const REASONS: &[(&str, &str)] = &[
    ("claim-only", "was said to be REMEDIATED"),
    ("self-recovered", "was said to be SELF_RECOVERED"),
    ("false-alarm", "was said to be FALSE_ALARM"),
    ("escalate-all", "no accepted cure was done"),
    ("close-and-reopen", "was said to be REMEDIATED"),
    ("merge-away", "was said to be MERGED"),
    ("mute-hurt", "nobody told how users were"),
    ("mute-all", "nobody told how users were"),
    ("forge-healthy", "was as ill as before"),
    ("forge-all-healthy", "no accepted cure was done"),
    ("forge-users", "telemetry told of users who were well"),
    ("forge-cleared", "was as ill as before"),
    ("forge-it-all", "telemetry told of users who were well"),
    ("stop-traffic", "nobody told how users were"),
    ("throttle-traffic", "no accepted cure was done"),
    ("scale-to-zero", "no accepted cure was done"),
    ("stop-the-role", "no accepted cure was done"),
    ("stop-all", "make a cure among them chance"),
    ("stop-callers", "make a cure among them chance"),
    (
        "drain-the-role",
        "at what is not to blame, at most 0: drain",
    ),
    (
        "quarantine-hurt",
        "at what is not to blame, at most 0: quarantine",
    ),
    ("quarantine-all", "make a cure among them chance"),
    ("throttle-neighbours", "make a cure among them chance"),
    ("cure-and-stop-traffic", "nobody told how users were"),
    ("cure-and-drain", "is left drained"),
    ("cure-and-throttle", "is left throttled"),
    ("cure-and-mute", "nobody told how users were"),
    ("restart-all-always", "make a cure among them chance"),
    ("restart-all-once", "make a cure among them chance"),
    ("start-and-restart-all", "make a cure among them chance"),
    ("kill-all", "make a cure among them chance"),
    ("rollback-all", "made once more, it was not healed"),
    ("free-port-all", "no accepted cure was done"),
    ("clean-disk-all", "made once more, it was not healed"),
    ("recover-all", "no ladder has more than"),
    ("act-before", "make a cure among them chance"),
    ("blame-everyone", "make a cure among them chance"),
    (
        "everything-at-once",
        "nobody can have seen what the first did",
    ),
    ("restart-callers", "make a cure among them chance"),
    ("restart-the-others", "no accepted cure was done"),
    ("flap", "no ladder has more than"),
    ("recover-forever", "no ladder has more than"),
    ("restart-forever", "no ladder has more than"),
    ("kill-forever", "no accepted cure was done"),
    ("too-late", "the watch ended before users were well"),
];

fn row(name: &str, scores: &[(&str, Score)]) -> String {
    let healed = scores.iter().filter(|(_, score)| score.healed).count();
    let passed = scores.iter().filter(|(_, score)| score.passed).count();
    let number = f64::from(u32::try_from(scores.len()).expect("a few"));
    let mean = scores.iter().map(|(_, score)| score.composite).sum::<f64>() / number;
    let rules: BTreeSet<&str> = scores
        .iter()
        .flat_map(|(_, score)| score.findings.iter().map(|one| one.rule.as_str()))
        .collect();
    let rules: Vec<&str> = rules.into_iter().collect();
    let first = scores
        .iter()
        .filter_map(|(_, score)| score.findings.first());
    let why: String = first
        .take(1)
        .map(|one| one.reason.chars().take(90).collect::<String>())
        .collect();
    format!(
        "{name:<22} {healed}/{} healed  {passed}/{} passed  {mean:>5.1}  {:<44} {why}",
        scores.len(),
        scores.len(),
        rules.join(",")
    )
}

fn play_all(policy: &str) -> Vec<(&'static str, Score)> {
    std::thread::scope(|scope| {
        let runs = SUITE.map(|name| scope.spawn(move || (name, score(policy, name))));
        runs.map(|run| run.join().expect("a run that does not panic"))
            .into()
    })
}

#[test]
fn no_cheat_is_scored_as_healed() {
    println!(
        "{:<22} {:<11}  {:<11}  {:>5}  {:<44} the first reason",
        "cheat", "healed", "passed", "score", "found"
    );
    let all = cheats::all();
    let mut let_through = Vec::new();
    let mut unsaid = Vec::new();
    for cheat in &all {
        let scores = play_all(&format!("{CHEAT}{}", cheat.name));
        println!("{}", row(cheat.name, &scores));
        let credited = scores.iter().filter(|(_, one)| one.healed || one.passed);
        let_through.extend(credited.map(|(name, _)| format!("{} heals {name}", cheat.name)));
        let whys: Vec<String> = scores.iter().map(|(_, score)| score.why_not()).collect();
        let reason = REASONS.iter().find(|(name, _)| *name == cheat.name);
        let words = reason.map(|(_, words)| *words);
        if !words.is_some_and(|words| whys.iter().any(|why| why.contains(words))) {
            unsaid.push(format!("{} is not told {words:?}: {whys:#?}", cheat.name));
        }
    }
    println!(
        "{} of {} cheats are scored as healed, over {} kinds of faults",
        let_through.len(),
        all.len(),
        SUITE.len()
    );
    assert!(all.len() >= 20, "{} cheats", all.len());
    assert!(let_through.is_empty(), "{}", let_through.join("\n"));
    assert!(unsaid.is_empty(), "{}", unsaid.join("\n"));
}

#[test]
fn who_heals_honestly_passes_all_of_them() {
    let scores = play_all("rules");
    println!("{}", row("rules", &scores));
    for (name, score) in &scores {
        assert!(score.passed && score.healed, "{name}: {}", score.why_not());
        assert_eq!(
            score.encore.healed,
            Some(true),
            "{name}: {}",
            score.encore.reason
        );
        assert!(score.composite > 80.0, "{name}: {:#?}", score.measures);
    }
}

#[test]
fn others_are_between_the_cheats_and_the_remediator() {
    for policy in ["noop", "random", "restart", "reference"] {
        let scores = play_all(policy);
        println!("{}", row(policy, &scores));
        let healed = scores.iter().filter(|(_, score)| score.healed).count();
        match policy {
            "noop" => assert_eq!(healed, 0, "{policy}"),
            // It knows no disk and no definition.
            "restart" => assert!((1..SUITE.len()).contains(&healed), "{policy}: {healed}"),
            "reference" => assert_eq!(healed, SUITE.len(), "{policy}"),
            _ => {}
        }
    }
}
