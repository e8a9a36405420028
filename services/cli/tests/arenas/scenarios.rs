//! Scenarios on real processes, as a person runs them: one that is healed, one in which nothing is to be done, one that is interrupted, and
//! the arena that runs instead of one of their own. `just scenarios` runs them all.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Output, Stdio};

use arena_config::arena::Arena as Config;
use arena_testkit::{Arena, ArenaBuilder, TempDir, temp_dir};
use serde_json::Value;

use crate::TURNS;

/// Nothing happens for a few seconds.
const CALM: &str = r#"
name = "calm"
summary = "Nothing happens."
difficulty = "easy"
[healed]
within = "4s"
[truth]
expect = "no-action"
"#;

/// Another arena than the built-in one.
const SMALL: &str = r#"
name = "small"
summary = "Nothing happens in a small arena."
difficulty = "easy"
topology = { nodes = 2, replicas = 1 }
[truth]
expect = "no-action"
"#;

/// A place to run scenarios in: nothing runs there yet. With it the folder in which the arenas of the runs are.
fn place() -> (Arena, TempDir) {
    let temporary = temp_dir();
    let arena = ArenaBuilder::new(env!("CARGO_BIN_EXE_arena"), Config::default_toml())
        .env("TMPDIR", &temporary.path().to_string_lossy())
        .arg("--chaos")
        .prepare();
    (arena, temporary)
}

fn file(arena: &Arena, name: &str, text: &str) -> String {
    let path = arena.config_path().with_file_name(name);
    std::fs::write(&path, text).expect("a scenario");
    path.to_string_lossy().into_owned()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Neither processes nor folders.
fn check_nothing_is_left(arena: &Arena, temporary: &TempDir) {
    assert_eq!(arena.leftovers(), Vec::<String>::new());
    let left = std::fs::read_dir(temporary.path()).expect("the temporary folder");
    let left: Vec<PathBuf> = left.filter_map(|entry| Some(entry.ok()?.path())).collect();
    assert_eq!(left, Vec::<PathBuf>::new());
}

#[tokio::test]
async fn a_scenario_is_healed_judged_recorded_and_cleaned_up() {
    let _turn = TURNS.one().await;
    let (arena, temporary) = place();
    let output = arena.run(&["run", "dies-crash", "--live", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let record: Value = serde_json::from_slice(&output.stdout).expect("stdout is JSON");
    assert_eq!(record["ending"], "met", "{record:#}");
    assert_eq!(record["clean_up"]["clean"], true, "{record:#}");
    assert_eq!(record["facts"]["faults"][0]["fault"], "crash");
    for time in ["steady_ms", "inject_ms", "detect_ms", "act_ms", "healed_ms"] {
        assert!(record["milestones"][time].is_u64(), "{time}: {record:#}");
    }
    let runs = std::fs::read_dir(arena.data_dir().join("runs")).expect("runs");
    let kept: Vec<PathBuf> = runs.filter_map(|entry| Some(entry.ok()?.path())).collect();
    let [kept] = kept.as_slice() else {
        panic!("one record, not {kept:?}");
    };
    let kept: Value =
        serde_json::from_slice(&std::fs::read(kept).expect("a record")).expect("JSON");
    assert_eq!(kept, record);
    check_nothing_is_left(&arena, &temporary);
}

#[tokio::test]
async fn an_interrupted_run_leaves_nothing_behind() {
    let _turn = TURNS.one().await;
    let (arena, temporary) = place();
    // While its arena starts, and in the middle of it: the fault was made, and nobody heals.
    interrupt(&arena, &[], "-TERM", "policy none");
    interrupt(&arena, &[], "-INT", "inject");
    check_nothing_is_left(&arena, &temporary);
}

#[tokio::test]
async fn a_run_that_panics_leaves_nothing_behind() {
    let _turn = TURNS.one().await;
    let (arena, temporary) = place();
    let mut command = arena.program("arena");
    command.args(["run", "dies-crash", "--live", "--policy", "none"]);
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("arena runs");
    let mut lines = BufReader::new(child.stderr.take().expect("stderr")).lines();
    let steady = lines.any(|line| line.is_ok_and(|line| line.contains("steady")));
    assert!(steady, "it runs");
    // Whoever tells something to nobody panics.
    drop(lines);
    let status = child.wait().expect("it ends");
    assert_eq!(status.code(), Some(101));
    check_nothing_is_left(&arena, &temporary);
}

/// Sends a signal to a run that has said this.
fn interrupt(arena: &Arena, arguments: &[&str], signal: &str, word: &str) {
    let mut command = arena.program("arena");
    command.args(["run", "dies-crash", "--live", "--policy", "none"]);
    command.args(arguments);
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("arena runs");
    let stderr = child.stderr.take().expect("stderr");
    let mut lines = BufReader::new(stderr).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.contains(word)), "it says {word}");
    let pid = child.id().to_string();
    let sent = std::process::Command::new("kill")
        .args([signal, &pid])
        .status();
    assert!(sent.expect("kill").success());
    let rest: Vec<String> = lines.collect();
    let status = child.wait().expect("it ends");
    assert_eq!(status.code(), Some(130), "{rest:?}");
}

#[tokio::test]
async fn the_arena_that_runs_is_used_when_it_is_the_scenarios_and_stays() {
    let _turn = TURNS.one().await;
    let (arena, temporary) = place();
    let up = arena.up(&["-d", "--wait"]);
    assert!(up.status.success(), "{}", said(&up));
    let small = file(&arena, "small.toml", SMALL);
    let other = arena.run(&["run", &small, "--live", "--attach"]);
    assert_eq!(other.status.code(), Some(1), "{}", said(&other));
    assert!(
        said(&other).contains("is not the one of small"),
        "{}",
        said(&other)
    );
    let calm = file(&arena, "calm.toml", CALM);
    let fits = arena.run(&["run", &calm, "--live", "--attach", "--policy", "none"]);
    assert_eq!(fits.status.code(), Some(0), "{}", said(&fits));
    // It is given back as it was, and what the run had left dead is healed by whom it belongs to.
    interrupt(&arena, &["--attach"], "-INT", "inject");
    let status = arena.json(&["status", "--json"]);
    assert_eq!(status["mode"], "AUTO", "as it was: {status:#}");
    assert_eq!(status["faults_active"], 0, "{status:#}");
    let down = arena.run(&["down"]);
    assert!(down.status.success(), "{}", said(&down));
    check_nothing_is_left(&arena, &temporary);
}

#[tokio::test]
async fn what_cannot_be_played_is_told_before_anything_is_started() {
    let _turn = TURNS.one().await;
    let (arena, temporary) = place();
    let simulated = arena.run(&["run", "dies-crash"]);
    assert_eq!(simulated.status.code(), Some(2));
    assert!(said(&simulated).contains("--live"), "{}", said(&simulated));
    let wrong = file(&arena, "wrong.toml", "name = \"wrong\"\nspeed = 7\n");
    for command in [["run", &wrong, "--live"], ["scenarios", "check", &wrong]] {
        let output = arena.run(&command);
        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
        assert!(
            said(&output).contains("wrong.toml:2:1"),
            "{}",
            said(&output)
        );
    }
    let unknown = arena.run(&["run", "dies-cras", "--live"]);
    assert_eq!(unknown.status.code(), Some(3));
    assert!(
        said(&unknown).contains("did you mean dies-crash?"),
        "{}",
        said(&unknown)
    );
    let generate = ["scenarios", "generate", "--seed", "3", "--count", "5"];
    let (first, second) = (arena.run(&generate), arena.run(&generate));
    assert!(first.status.success() && !first.stdout.is_empty());
    assert_eq!(first.stdout, second.stdout, "the same seed, the same bytes");
    check_nothing_is_left(&arena, &temporary);
}
