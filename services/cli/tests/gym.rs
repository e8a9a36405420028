//! `arena gym` as a program talks to it: lines in, lines out, whatever the lines are.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use expect_test::expect;
use serde_json::{Value, json};

/// A conversation with the real program.
struct Talk {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Talk {
    fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_arena"))
            .arg("gym")
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("arena starts");
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().expect("stdout"));
        let mut talk = Self {
            child,
            input,
            output,
        };
        let hello = talk.hear().expect("a hello");
        assert_eq!(hello["type"], "hello", "{hello}");
        assert_eq!(hello["schema"], 1, "{hello}");
        talk
    }

    fn hear(&mut self) -> Option<Value> {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("text");
        (!line.is_empty()).then(|| serde_json::from_str(&line).expect("an answer is JSON"))
    }

    fn say(&mut self, line: &[u8]) -> Value {
        let input = self.input.as_mut().expect("it is open");
        input.write_all(line).expect("it listens");
        input.write_all(b"\n").expect("it listens");
        self.hear().expect("each line has an answer")
    }

    fn ask(&mut self, request: &Value) -> Value {
        self.say(request.to_string().as_bytes())
    }

    /// Nothing more comes, and how it ended.
    fn end(mut self) -> Option<i32> {
        drop(self.input.take());
        assert_eq!(self.hear(), None, "nothing after the end");
        self.child.wait().expect("it ends").code()
    }
}

/// A person interrupts a test: its child ends with it.
impl Drop for Talk {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn refused(answer: &Value) -> String {
    assert_eq!(answer["type"], "error", "{answer}");
    for field in ["what", "where", "mend"] {
        assert!(
            answer[field].as_str().is_some_and(|text| !text.is_empty()),
            "{field}: {answer}"
        );
    }
    format!(
        "{} ({})",
        answer["what"].as_str().unwrap_or_default(),
        answer["where"].as_str().unwrap_or_default()
    )
}

#[test]
fn an_episode_from_reset_to_its_score() {
    let mut talk = Talk::start(&[
        "--scenario",
        "dies-crash",
        "--villain",
        "scenario",
        "--seed",
        "3",
    ]);
    let begun = talk.ask(&json!({"type": "reset"}));
    assert_eq!(begun["seed"], 3, "{begun}");
    let mut incident = None;
    let mut last = Value::Null;
    for _ in 0..200 {
        // As a person would: the dead is started once somebody has said that it is dead.
        let actions = match incident.take() {
            Some(entity) => json!({"felix": [{"order": "START", "target": entity}]}),
            None => json!({}),
        };
        last = talk.ask(&json!({"type": "step", "actions": actions}));
        assert_eq!(last["type"], "step", "{last}");
        let seen = &last["observations"]["felix"]["full"];
        incident = seen["incidents"]
            .get(0)
            .map(|one| one["root_cause"].clone());
        if last["terminations"]["felix"] == true || last["truncations"]["felix"] == true {
            break;
        }
        assert!(
            last["infos"]["felix"].get("final").is_none(),
            "too early: {last}"
        );
    }
    let end = &last["infos"]["felix"]["final"];
    assert_eq!(end["score"]["passed"], true, "{end:#}");
    assert_eq!(end["faults"][0]["fault"], "crash");
    let again = talk.ask(&json!({"type": "step"}));
    assert_eq!(refused(&again), "the episode is over (type)");
    assert_eq!(talk.ask(&json!({"type": "reset"}))["type"], "reset");
    assert_eq!(talk.end(), Some(0));
}

#[test]
fn whatever_is_said_is_answered_and_the_session_lives_on() {
    let mut talk = Talk::start(&[]);
    let mut told = Vec::new();
    for line in [
        b"".as_slice(),
        b" \r",
        b"rubbish",
        b"{",
        b"[]",
        b"null",
        b"{}",
        br#"{"type":"dance"}"#,
        br#"{"type":"step"}"#,
        br#"{"type":"reset","sed":1}"#,
        br#"{"type":"reset","seed":-1}"#,
        br#"{"type":"reset","seed":18446744073709551615}"#,
        br#"{"type":"reset","options":{"scenario":"hang-edg"}}"#,
        br#"{"type":"reset","options":{"scenario_text":"name = 1"}}"#,
        br#"{"type":"reset","options":{"scenario":"hang-edge","scenario_text":""}}"#,
        br#"{"type":"reset","options":{"step_ms":1}}"#,
        br#"{"type":"reset","options":{"felix":"me"}}"#,
        br#"{"type":"reset","options":{"villain":"scenario"}}"#,
        br#"{"type":"reset","options":{"felix":"rules","villain":"scenario","scenario":"hang-edge"}}"#,
        br#"{"type":"describe","options":{"felix":"nobody","villain":"random"}}"#,
        br#"{"type":"reset","options":{"budget":{"names":["rain"]}}}"#,
        b"\xff\xfe\x00",
    ] {
        let answer = talk.say(line);
        told.push(refused(&answer));
    }
    let long = vec![b'['; 3 * 1024 * 1024];
    told.push(refused(&talk.say(&long)));
    // Deep enough to bring down who reads it without a limit.
    told.push(refused(&talk.say(&long[..100_000])));
    expect![[r#"
        an empty line (the line)
        an empty line (the line)
        expected value at line 1 column 1 (column 1)
        EOF while parsing an object at line 1 column 1 (column 1)
        missing field `type` (the line)
        invalid type: null, expected internally tagged enum Request (the line)
        missing field `type` (the line)
        unknown variant `dance`, expected one of `describe`, `reset`, `step`, `close` (the line)
        no episode has begun (type)
        unknown field `sed`, expected `seed` or `options` (the line)
        invalid value: integer `-1`, expected u64 (the line)
        the seed 18446744073709551615 (seed)
        there is no curated scenario "hang-edg" (options.scenario)
        scenario_text:1:8: invalid type: integer `1`, expected text in quotes
          |
        1 | name = 1
          |        ^
          mend: write text in quotes (options.scenario)
        a scenario's name and a scenario's text (options)
        a step of 1 ms (options.step_ms)
        unknown variant `me`, expected one of `agent`, `rules`, `nobody`, `reference` (the line)
        free play has no faults that a scenario could make (options.villain)
        neither felix nor the villain is played from here (options)
        neither felix nor the villain is played from here (options)
        there is no fault "rain"; there are cpu-spike, noisy-neighbour, memory-leak, fd-leak, thread-leak, crash, crash-loop, hang, deadlock, slow-start, error-burst, gray, bad-config, port-squat, network-delay, network-loss, network-bandwidth, network-partition, dependency-down, storage-latency, storage-error, disk-full, retry-storm, load-surge, telemetry-loss, telemetry-delay, telemetry-duplicate, telemetry-reorder, telemetry-freeze, telemetry-skew, telemetry-bias, telemetry-forge, node-silent (options.budget)
        expected value at line 1 column 1 (column 1)
        a line of more than 1048576 bytes (the line)
        recursion limit exceeded at line 1 column 128 (column 128)"#]].assert_eq(&told.join("\n"));
    assert_eq!(
        talk.ask(&json!({"type": "reset", "seed": 1}))["type"],
        "reset"
    );
    let who = talk.ask(&json!({"type": "step", "actions": {"nobody": []}}));
    assert!(refused(&who).contains("nobody"), "{who}");
    assert_eq!(talk.ask(&json!({"type": "step"}))["type"], "step");
    assert_eq!(talk.ask(&json!({"type": "close"}))["type"], "closed");
    assert_eq!(talk.end(), Some(0));
}

#[test]
fn it_ends_with_its_input_also_in_the_middle_of_a_line() {
    let mut talk = Talk::start(&[]);
    let input = talk.input.as_mut().expect("it is open");
    input.write_all(br#"{"type":"close"#).expect("it listens");
    drop(talk.input.take());
    let answer = talk.hear().expect("the last line counts, too");
    assert!(refused(&answer).contains("EOF"), "{answer}");
    assert_eq!(talk.end(), Some(0));
}

#[test]
fn what_it_is_started_with_is_checked_before_anything_is_said() {
    for (arguments, said) in [
        (
            ["--scenario", "no-such"],
            "there is no file and no curated scenario no-such",
        ),
        (["--step", "1ms"], "a step of 1 ms"),
        (["--villain", "scenario"], "free play has no faults"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_arena"))
            .arg("gym")
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .expect("arena starts");
        assert!(!output.status.success());
        assert!(output.stdout.is_empty());
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(told.contains(said), "{told}");
    }
}

#[test]
fn both_agents_play_and_are_paid_the_opposite() {
    let mut talk = Talk::start(&["--form", "both"]);
    let shapes = talk.ask(&json!({"type": "describe"}));
    assert_eq!(shapes["agents"], json!(["villain", "felix"]));
    talk.ask(&json!({"type": "reset", "seed": 5}));
    let hurt = json!({"type": "step", "actions": {"villain": [{"inject": "crash", "target": "node-1/edge"}, {"inject": "crash", "target": "node-2/edge"}]}});
    let step = talk.ask(&hurt);
    let results = &step["infos"]["villain"]["actions"];
    assert_eq!(results[0]["accepted"], true, "{results}");
    let ceiling = results[1]["refused"].as_str().unwrap_or_default();
    assert!(
        ceiling.contains("half of them rounded up"),
        "the injector's own words: {results}"
    );
    let mut lost = 0.0;
    for _ in 0..5 {
        let step = talk.ask(&json!({"type": "step"}));
        let reward = |agent: &str| step["rewards"][agent].as_f64().expect("a number");
        assert!(
            (reward("felix") + reward("villain")).abs() < 1e-12,
            "{step}"
        );
        lost += reward("felix");
        assert!(step["observations"]["felix"]["vectors"]["rows"].is_string());
    }
    assert!((-5.0..=0.0).contains(&lost), "{lost}");
    assert_eq!(talk.end(), Some(0));
}
