//! Benchmarks, tournaments and shrinking in the simulator, as a person runs them: no bus, no processes.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use arena_scenario::{Scenario, Selector, Topology};
use serde_json::Value;

fn arena(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_arena"));
    command.args(arguments).output().expect("arena runs")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The report without the one part that differs from run to run, as text: its bytes count.
fn without_machine(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{}", said(output));
    let mut report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let machine = report.as_object_mut().and_then(|all| all.remove("machine"));
    assert!(machine.is_some_and(|machine| machine["threads"].is_u64()));
    report.to_string()
}

#[test]
fn a_benchmark_is_the_same_on_one_thread_and_on_three() {
    let run = |jobs: &str| {
        let suite = ["--suite", "dies-crash,control-quiet", "--seeds", "3"];
        let who = ["--policy", "rules,noop", "--noise", "0,10", "--json"];
        arena(&[&["bench", "--jobs", jobs], &suite[..], &who[..]].concat())
    };
    let one = without_machine(&run("1"));
    assert!(one == without_machine(&run("3")));
    let report: Value = serde_json::from_str(&one).expect("JSON");
    assert_eq!(report["complete"], true);
    assert_eq!(report["runs"].as_array().map(Vec::len), Some(2 * 3 * 2 * 2));
    assert_eq!(report["policies"].as_array().map(Vec::len), Some(4));
    assert_eq!(report["pairs"][0]["runs"], 6);
}

#[test]
fn the_report_is_one_page_that_fetches_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("report");
    let path = out.to_string_lossy().into_owned();
    let output = arena(&[
        "bench",
        "--suite",
        "dies-crash",
        "--seeds",
        "2",
        "--out",
        &path,
    ]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let table = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        table.contains("policy") && table.contains("rules"),
        "{table}"
    );
    let page = std::fs::read_to_string(out.join("report.html")).expect("a page");
    assert!(page.contains("dies-crash") && page.contains("virtual seconds"));
    assert!(!page.contains("<script") && !page.contains("src="));
    let data = std::fs::read_to_string(out.join("bench.json")).expect("a file");
    let data: Value = serde_json::from_str(&data).expect("JSON");
    assert_eq!(data["format"], 1);
}

#[test]
fn what_is_asked_wrongly_is_told_before_anything_is_played() {
    for (arguments, code, words) in [
        (
            &["bench", "--policy", "nobody-knows"][..],
            2,
            "use one of rules",
        ),
        (&["bench", "--policy", "rules,rules"], 2, "named twice"),
        (&["bench", "--seeds", "0"], 2, "1..=10000"),
        (&["bench", "--suite", "generated:0"], 2, "generated:N"),
        (&["bench", "--suite", "curatd"], 3, "did you mean curated?"),
        (&["bench", "--noise", "90"], 2, "..=50"),
        (&["bench", "--network", "x"], 2, "quiet, lossy"),
        (&["bench", "--out", "/proc/nowhere"], 2, "--out"),
        (
            &["tournament", "--villains", "scripted"],
            2,
            "random, adaptive",
        ),
        (&["tournament", "--for", "1s"], 2, "30s to 8m"),
        (&["shrink", "dies-crash", "--policy", "x"], 2, "use one of"),
        (
            &["shrink", "dies-crash", "--out", "/proc/small.toml"],
            2,
            "cannot write /proc/small.toml",
        ),
        (
            &["shrink", "dies-crash", "--out", "/tmp"],
            2,
            "cannot write /tmp: is a directory",
        ),
    ] {
        let output = arena(arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
        let said = said(&output);
        assert!(said.contains(words), "{arguments:?}: {said}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
}

/// Reads stderr up to the line that has these words.
fn wait_for(child: &mut Child, words: &str) {
    let stderr = child.stderr.take().expect("piped");
    let mut lines = BufReader::new(stderr).lines();
    let found = lines.any(|line| line.is_ok_and(|line| line.contains(words)));
    assert!(found, "it never said {words}");
    // What it says on must not find a closed pipe.
    std::thread::spawn(move || lines.for_each(drop));
}

#[test]
fn an_interrupt_keeps_what_was_done() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_arena"))
        .args([
            "bench",
            "--seeds",
            "1000",
            "--suite",
            "dies-crash",
            "--jobs",
            "1",
            "--json",
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("arena runs");
    wait_for(&mut child, "1000 runs");
    let pid = child.id().to_string();
    let killed = Command::new("kill").args(["-INT", &pid]).status();
    assert!(killed.is_ok_and(|status| status.success()));
    let mut text = String::new();
    let mut stdout = child.stdout.take().expect("piped");
    stdout.read_to_string(&mut text).expect("text");
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
    let report: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(report["complete"], false);
    assert_eq!(report["planned"], 1000);
    assert!(
        report["runs"]
            .as_array()
            .is_some_and(|runs| runs.len() < 1000)
    );
}

#[test]
fn a_tournament_is_the_same_on_one_thread_and_on_three() {
    let run = |jobs: &str| {
        let players = ["--felix", "rules,noop", "--rounds", "2", "--for", "1m"];
        arena(&[&["tournament", "--json", "--jobs", jobs], &players[..]].concat())
    };
    let one = without_machine(&run("1"));
    assert!(one == without_machine(&run("3")));
    let standings: Value = serde_json::from_str(&one).expect("JSON");
    assert_eq!(standings["cells"].as_array().map(Vec::len), Some(4));
    let bouts = standings["bouts"].as_array().expect("a list");
    assert!(
        bouts.iter().all(|bout| bout["broken"].is_null()),
        "{bouts:?}"
    );
    let hurt = bouts
        .iter()
        .any(|bout| bout["result"]["faults"].as_u64() > Some(0));
    assert!(hurt, "no villain did anything");
}

/// The failed criteria of a scenario's file, under `noop`.
fn failed(path: &Path, seed: &str) -> Value {
    let path = path.to_string_lossy().into_owned();
    let all = [
        "bench", "--seeds", "1", "--policy", "noop", "--json", "--seed", seed,
    ];
    let output = arena(&[&all[..], &["--suite", &path]].concat());
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    report["runs"][0]["failed"].clone()
}

#[test]
fn what_is_shrunk_still_fails_in_the_same_way() {
    let folder = tempfile::tempdir().expect("a folder");
    let (small, again) = (
        folder.path().join("small.toml"),
        folder.path().join("again.toml"),
    );
    for path in [&small, &again] {
        let path = path.to_string_lossy().into_owned();
        let output = arena(&[
            "shrink",
            "three-roles-of-many",
            "--seed",
            "3",
            "--policy",
            "noop",
            "--out",
            &path,
        ]);
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        assert!(said(&output).contains("kept"), "{}", said(&output));
    }
    let text = std::fs::read_to_string(&small).expect("a scenario");
    assert_eq!(Some(&text), std::fs::read_to_string(&again).ok().as_ref());
    assert!(text.starts_with("# Of three-roles-of-many with seed 3 under noop"));
    let failing = failed(&small, "3");
    let names: Vec<&str> = failing
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    assert!(
        text.contains(&format!("# It fails: {}", names.join(", "))),
        "{text}"
    );
}

#[test]
fn what_does_not_fail_is_told_so() {
    let output = arena(&["shrink", "control-quiet", "--policy", "noop"]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("there is nothing to shrink"));
    for until in ["quiet", "cured,quiet"] {
        let output = arena(&["shrink", "dies-crash", "--policy", "noop", "--until", until]);
        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
        let told = said(&output);
        assert!(told.contains("quiet: it does not fail so"), "{told}");
        assert!(told.contains("name some of what fails: "), "{told}");
    }
}

#[test]
fn all_that_is_asked_for_still_fails_in_what_is_left() {
    let wanted = ["cured", "root_found"];
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("small.toml");
    let output = arena(&[
        "shrink",
        "three-roles-of-many",
        "--seed",
        "3",
        "--policy",
        "noop",
        "--until",
        &wanted.join(","),
        "--out",
        &path.to_string_lossy(),
    ]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let failing = failed(&path, "3");
    for name in wanted {
        let names = failing.as_array().expect("a list");
        assert!(names.contains(&name.into()), "{name}: {failing}");
    }
    let left = std::fs::read_dir(&folder).expect("a folder").count();
    assert_eq!(left, 1, "nothing but the scenario");
}

#[test]
fn a_run_of_a_benchmark_is_the_run_of_its_seed() {
    is_the_run_of_its_seed("dies-crash");
}

#[test]
fn who_is_named_in_a_generated_arena_is_there_with_each_seed() {
    let is_generated = |one: &Scenario| matches!(one.topology, Topology::Generated { .. });
    let is_named = |one: &Scenario| {
        let mut targets = one.injections.iter().map(|injection| &injection.target);
        targets.any(|target| matches!(target, Selector::Entity(_)))
    };
    let all = arena_scenario::generate(1, 30, None);
    let scenario = all.iter().find(|one| is_generated(one) && is_named(one));
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("named.toml");
    std::fs::write(&file, scenario.expect("one of 30").to_toml()).expect("written");
    is_the_run_of_its_seed(&file.to_string_lossy());
}

/// In a benchmark, in a run, and in the replay of its record.
fn is_the_run_of_its_seed(scenario: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let record = folder
        .path()
        .join("record.json")
        .to_string_lossy()
        .into_owned();
    let output = arena(&[
        "run", scenario, "--sim", "--seed", "5", "--json", "--record", &record,
    ]);
    let run: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let output = arena(&[
        "bench", "--suite", scenario, "--seed", "5", "--seeds", "1", "--json",
    ]);
    let bench: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let hash = &bench["runs"][0]["log_sha256"];
    assert!(hash.is_string());
    assert_eq!(run["sim"]["sha256"], *hash);
    assert_eq!(
        run["score"]["composite"],
        bench["runs"][0]["measures"]["composite"]
    );
    let output = arena(&["replay", &record]);
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(told.starts_with("identical"), "{told}{}", said(&output));
}
