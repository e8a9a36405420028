//! The stepped mode as who plays it sees it: its schema is published, and nothing that the healer is shown tells of a fault.

use arena_faults::{CATALOGUE, FaultName, told};
use arena_sim::stepped::{Session, schema};
use expect_test::expect_file;
use serde_json::{Value, json};

/// Long enough for every fault of the catalogue to be felt, found and over; the slowest leaks need most of it.
const STEPS: usize = 45;
const TTL_MS: u64 = 30_000;
/// So many faults of the catalogue at least must become incidents, with evidence in words, for the search to show something.
const FOUND_MIN: usize = 18;

struct Talk(Session);

impl Talk {
    fn new(options: &Value) -> Self {
        let options = serde_json::from_value(options.clone()).expect("options");
        Self(Session::new(options))
    }

    fn ask(&mut self, request: &Value) -> Value {
        let reply = self.0.answer(request.to_string().as_bytes());
        let reply = serde_json::to_value(&reply).expect("a reply is JSON");
        assert_ne!(reply["type"], "error", "{request}: {reply}");
        reply
    }
}

#[test]
fn the_schema_is_the_published_one() {
    let schema = schema();
    expect_file!["../../docs/gym-schema.json"].assert_eq(&format!("{schema:#}\n"));
}

/// Another seed would lay its arena out without who is named, and be refused in the middle of somebody's training.
#[test]
fn a_generated_scenario_that_names_its_parts_plays_with_each_seed() {
    let mut named = arena_scenario::generate(1, 150, None);
    named.retain(|scenario| !scenario.truth.roots.is_empty());
    assert!(named.len() >= 5, "{} name their parts", named.len());
    for scenario in &named {
        let mut talk =
            Talk::new(&json!({"scenario_text": scenario.to_toml(), "villain": "scenario"}));
        let mut begin = |seed: u64| {
            let begun = talk.ask(&json!({"type": "reset", "seed": seed}));
            assert_eq!(begun["seed"], seed, "{}", scenario.name);
            begun["observations"].clone()
        };
        let (one, other) = (begin(1), begin(2));
        assert_ne!(one, other, "{}: the seed is that of chance", scenario.name);
        assert_eq!(one, begin(1), "{}", scenario.name);
    }
}

/// Steps with an idle healer until the end: how many steps, of how many at most, and the last answer.
fn idle(options: &Value) -> (u64, u64, Value) {
    let mut talk = Talk::new(options);
    let shape = talk.ask(&json!({"type": "describe"}));
    let most = shape["steps_max"].as_u64().expect("a count");
    talk.ask(&json!({"type": "reset", "seed": 5}));
    for step in 1..=most {
        let reply = talk.ask(&json!({"type": "step"}));
        let is = |which: &str| reply[which]["felix"] == true;
        if is("terminations") || is("truncations") {
            return (step, most, reply);
        }
    }
    panic!("no end after {most} steps: {options}");
}

#[test]
fn who_is_not_the_scenario_plays_until_the_time_is_up() {
    for options in [
        json!({"villain": "random"}),
        json!({"villain": "adaptive"}),
        json!({"villain": "nobody"}),
        json!({"villain": "random", "scenario": "hang-edge"}),
        json!({"villain": "nobody", "scenario": "hang-edge"}),
    ] {
        let (steps, most, last) = idle(&options);
        assert_eq!(steps, most, "{options}");
        assert_eq!(last["truncations"]["felix"], true, "{options}");
        assert_eq!(last["terminations"]["felix"], false, "{options}");
        let made = last["infos"]["felix"]["final"]["faults"]
            .as_array()
            .map_or(0, Vec::len);
        let is_calm = options["villain"] == "nobody";
        assert_eq!(made == 0, is_calm, "{options}: {made} faults");
    }
}

#[test]
fn a_villain_that_is_done_ends_the_episode_once_no_incident_is_open() {
    // It ends by itself, and is found: what follows is the end of its incident.
    let budget = json!({"faults": 2, "names": ["hang"], "every_ms": 5000, "ttl_min_ms": 15_000, "ttl_max_ms": 15_000});
    for villain in ["random", "adaptive"] {
        let (steps, most, last) = idle(&json!({"villain": villain, "budget": budget}));
        assert!(steps < most, "{villain}: {steps} of {most} steps");
        assert_eq!(last["terminations"]["felix"], true, "{villain}");
        let open = &last["observations"]["felix"]["full"]["incidents"];
        assert_eq!(open, &json!([]), "{villain}");
        let faults = last["infos"]["felix"]["final"]["faults"].as_array();
        let made = faults.map(|faults| {
            let over = |fault: &&Value| fault["state"] == "REVERTED";
            faults.iter().filter(over).count()
        });
        assert_eq!(made, Some(2), "{villain}: {faults:?}");
    }
}

/// Makes one fault, and reads all that the healer sees until it is over.
fn plays_with(name: FaultName) -> (usize, Vec<String>) {
    let mut talk = Talk::new(&json!({"form": "both", "scenario_text": null}));
    let shape = talk.ask(&json!({"type": "describe"}));
    let begun = talk.ask(&json!({"type": "reset", "seed": 11}));
    let places: Vec<&str> = shape["places"]
        .as_array()
        .expect("places")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    let mut found = told(&begun["observations"]["felix"].to_string(), &[]);
    let mut ids: Vec<String> = Vec::new();
    let mut incidents = 0;
    for step in 0..STEPS {
        // The first target that takes it.
        let villain: Vec<Value> = if ids.is_empty() {
            places
                .iter()
                .map(|place| json!({"inject": name.as_str(), "target": place, "ttl_ms": TTL_MS}))
                .collect()
        } else {
            Vec::new()
        };
        // Somebody heals, so that outcomes with their messages are seen, too.
        let felix = if step % 10 == 9 {
            places
                .iter()
                .filter(|place| place.contains('/'))
                .map(|place| json!({"order": "RECOVER", "target": place}))
                .collect()
        } else {
            Vec::new()
        };
        let reply =
            talk.ask(&json!({"type": "step", "actions": {"villain": villain, "felix": felix}}));
        let results = reply["infos"]["villain"]["actions"]
            .as_array()
            .expect("results");
        ids.extend(
            results
                .iter()
                .filter_map(|one| one["id"].as_str())
                .filter(|id| !id.is_empty())
                .map(ToOwned::to_owned),
        );
        let felix = &reply["observations"]["felix"];
        found.extend(told(&felix.to_string(), &ids));
        found.extend(told(&reply["infos"]["felix"].to_string(), &ids));
        incidents += felix["full"]["incidents"].as_array().map_or(0, Vec::len);
    }
    assert!(!ids.is_empty(), "nobody takes {name}");
    found.sort();
    found.dedup();
    (incidents, found)
}

#[test]
fn nothing_that_the_healer_sees_tells_of_a_fault() {
    let mut leaks = Vec::new();
    let mut with_incidents = 0;
    for name in CATALOGUE {
        let (incidents, found) = plays_with(*name);
        with_incidents += usize::from(incidents > 0);
        if !found.is_empty() {
            leaks.push(format!("{name}: {}", found.join(", ")));
        }
    }
    assert_eq!(leaks, Vec::<String>::new());
    assert!(
        with_incidents >= FOUND_MIN,
        "only {with_incidents} of {} faults were found by the detector: this shows too little",
        CATALOGUE.len()
    );
}
