//! `arena run --sim` and `arena replay`: what is recorded can be played again, and what was changed is found.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

fn arena(arguments: &[&str], data_dir: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_arena"))
        .args(arguments)
        .arg("--data-dir")
        .arg(data_dir)
        .output()
        .expect("the arena binary runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Plays a crash, and gives the record's path and the event log's.
fn played(folder: &Path) -> (PathBuf, PathBuf) {
    let record = folder.join("crash.json");
    let path = record.to_string_lossy().into_owned();
    let run = arena(
        &[
            "run",
            "dies-crash",
            "--sim",
            "--seed",
            "3",
            "--record",
            &path,
        ],
        folder,
    );
    assert_eq!(run.status.code(), Some(0), "{}", text(&run.stderr));
    (record, folder.join("crash.events.jsonl"))
}

fn replay(record: &Path, folder: &Path) -> (Option<i32>, String, String) {
    let replayed = arena(&["replay", &record.to_string_lossy()], folder);
    (
        replayed.status.code(),
        text(&replayed.stdout),
        text(&replayed.stderr),
    )
}

fn change(record: &Path, pointer: &str, to: Value) {
    let read = fs::read_to_string(record).expect("a record");
    let mut value: Value = serde_json::from_str(&read).expect("JSON");
    *value.pointer_mut(pointer).expect("a field") = to;
    fs::write(record, value.to_string()).expect("a file that can be written");
}

#[test]
fn a_recorded_run_is_played_again_to_the_byte() {
    let folder = tempfile::tempdir().expect("a folder");
    let (record, events) = played(folder.path());
    let (code, out, err) = replay(&record, folder.path());
    assert_eq!(code, Some(0), "{err}");
    assert!(out.starts_with("identical: sha256 "), "{out}");
    let read: Value =
        serde_json::from_str(&fs::read_to_string(&record).expect("a record")).expect("JSON");
    assert_eq!(read["mode"], "sim");
    let lines = fs::read_to_string(&events)
        .expect("an event log")
        .lines()
        .count();
    assert_eq!(read["sim"]["events"], lines);
}

#[test]
fn the_first_event_that_differs_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let (record, events) = played(folder.path());
    let log = fs::read_to_string(&events).expect("an event log");
    let mut lines: Vec<&str> = log.lines().collect();
    lines[6] = "{\"n\":7,\"at_ns\":1500000000,\"kind\":\"forged\",\"body\":{}}";
    fs::write(&events, lines.join("\n")).expect("a file that can be written");
    let (code, out, err) = replay(&record, folder.path());
    assert_eq!(code, Some(1), "{err}");
    assert!(out.starts_with("event 7 at 1.500 s differs"), "{out}");

    fs::remove_file(&events).expect("a file that is there");
    change(&record, "/sim/sha256", Value::from("0000"));
    let (code, _, err) = replay(&record, folder.path());
    assert_eq!(code, Some(1));
    assert!(err.contains("is missing"), "{err}");
    fs::create_dir(&events).expect("a folder");
    let (code, _, err) = replay(&record, folder.path());
    assert_eq!(code, Some(2), "{err}");
    assert!(err.contains("cannot read the recorded events"), "{err}");
}

#[test]
fn a_record_that_tells_otherwise_than_its_events_is_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let (record, _) = played(folder.path());
    let truth = fs::read_to_string(&record).expect("a record");
    for (pointer, to, path) in [
        ("/score/composite", json!(1.5), "score.composite"),
        ("/verdict/met", json!(false), "verdict.met"),
        ("/facts/faults", json!([]), "facts.faults[0]"),
        ("/timeline", json!([]), "timeline[0]"),
        ("/ending", json!("failed"), "ending"),
        ("/sim/events", json!(3), "sim.events"),
        ("/sim/virtual_ms", json!(3), "sim.virtual_ms"),
    ] {
        fs::write(&record, &truth).expect("a file that can be written");
        change(&record, pointer, to);
        let (code, out, err) = replay(&record, folder.path());
        assert_eq!(code, Some(1), "{pointer}: {out}{err}");
        assert!(
            out.starts_with(&format!("{path} differs\n  recorded: ")),
            "{out}"
        );
        assert!(!out.contains("identical"), "{out}");
    }
}

#[test]
fn what_cannot_be_played_again_is_told_as_what_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let (record, _) = played(folder.path());
    change(&record, "/versions/arena", Value::from("0.0.1"));
    let (code, _, err) = replay(&record, folder.path());
    assert_eq!(code, Some(2), "{err}");
    assert!(err.contains("it was played by arena 0.0.1"), "{err}");
    change(&record, "/format", Value::from(99));
    let (code, _, err) = replay(&record, folder.path());
    assert_eq!(code, Some(2));
    assert!(err.contains("has format 99"), "{err}");
    fs::write(&record, [0xff, 0xfe, b'{']).expect("a file that can be written");
    let (code, _, err) = replay(&record, folder.path());
    assert_eq!(code, Some(2), "{err}");
    assert!(err.contains("mend: name a file"), "{err}");
    fs::write(&record, "hello").expect("a file that can be written");
    let (code, _, err) = replay(&record, folder.path());
    assert_eq!(code, Some(2));
    assert!(err.contains("is not the record of a run"), "{err}");
    let (code, _, err) = replay(Path::new("nothing-like-it"), folder.path());
    assert_eq!(code, Some(3), "{err}");
}

#[test]
fn a_run_is_told_again_from_a_time_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let (record, _) = played(folder.path());
    // As one on real processes: it is not played again.
    change(&record, "/mode", Value::from("live"));
    let path = record.to_string_lossy().into_owned();
    let told = arena(
        &["replay", &path, "--from", "1ms", "--speed", "1000"],
        folder.path(),
    );
    assert_eq!(told.status.code(), Some(0), "{}", text(&told.stderr));
    let out = text(&told.stdout);
    assert!(out.contains("node-2/orders: crash"), "{out}");
    assert!(out.ends_with("it ended as met\n"), "{out}");
    let step = arena(&["replay", &path, "--step"], folder.path());
    assert_eq!(step.status.code(), Some(2), "nobody is at a terminal");
}

#[test]
fn a_name_that_there_is_not_is_a_usage_error_with_those_that_there_are() {
    let folder = tempfile::tempdir().expect("a folder");
    for (option, word) in [("--policy", "felix"), ("--network", "lossy")] {
        let run = arena(
            &["run", "dies-crash", "--sim", option, "nix"],
            folder.path(),
        );
        assert_eq!(run.status.code(), Some(2), "{}", text(&run.stderr));
        assert!(text(&run.stderr).contains(word), "{}", text(&run.stderr));
        assert!(text(&run.stderr).starts_with("error: "), "nothing before");
    }
}

#[test]
fn what_only_the_simulator_has_is_refused_on_real_processes() {
    let folder = tempfile::tempdir().expect("a folder");
    for options in [&["--encore"][..], &["--network", "lossy"]] {
        let mut arguments = vec!["run", "dies-crash", "--live"];
        arguments.extend(options);
        let run = arena(&arguments, folder.path());
        assert_eq!(run.status.code(), Some(2), "{}", text(&run.stderr));
        let err = text(&run.stderr);
        assert!(err.contains("cannot be used with"), "{err}");
    }
}

#[test]
fn an_interrupt_of_several_gives_the_list_so_far() {
    let folder = tempfile::tempdir().expect("a folder");
    let list = folder.path().join("list.json");
    let mut run = Command::new(env!("CARGO_BIN_EXE_arena"))
        .args(["run", "--sim", "--json", "--data-dir"])
        .arg(folder.path())
        .stdout(fs::File::create(&list).expect("a file"))
        .stderr(Stdio::piped())
        .spawn()
        .expect("the arena binary runs");
    let told = BufReader::new(run.stderr.take().expect("a pipe"));
    let mut lines = told.lines();
    let recorded = |line: &std::io::Result<String>| {
        line.as_ref().is_ok_and(|line| line.starts_with("record: "))
    };
    assert!(lines.any(|line| recorded(&line)), "a first record");
    let pid = rustix::process::Pid::from_child(&run);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("it is there");
    // What it still says has room.
    lines.for_each(drop);
    let ended = run.wait().expect("it ends");
    assert_eq!(ended.code(), Some(130));
    let played: Vec<Value> =
        serde_json::from_slice(&fs::read(&list).expect("a file")).expect("a list");
    assert!(!played.is_empty());
}
