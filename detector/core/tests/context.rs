//! What an incident says besides its signals: the facts, the neighbour, the readings, and who explains whom.

mod world;

use std::fmt::Write as _;

use arena_proto::IncidentEvent;
use expect_test::expect;
use world::World;

/// All that an event says beyond its transcript.
fn described(event: &IncidentEvent) -> String {
    let context = &event.context;
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{} {} because {}",
        event.kind, event.entity, event.reason
    );
    let facts: Vec<String> = context
        .facts
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let _ = writeln!(text, "  facts {}", facts.join(" "));
    if let Some(neighbour) = &context.neighbour {
        let _ = writeln!(text, "  neighbour {neighbour}");
    }
    let _ = writeln!(text, "  cause {}, of", event.root_cause);
    for candidate in &context.candidates {
        let _ = writeln!(text, "    {candidate}");
    }
    for signal in &event.signals {
        let _ = write!(text, "  {} {}", signal.entity, signal.symptom);
        if let Some(parent) = &signal.inhibited_by {
            let _ = write!(text, ", explained by {parent}");
        }
        let readings = signal.readings.iter();
        let readings: Vec<String> = readings
            .map(|r| format!("{}={}", r.metric, r.value))
            .collect();
        let _ = writeln!(text, ": {}", readings.join(" "));
    }
    text
}

#[test]
fn every_event_says_what_was_measured_around_it() {
    let mut world = World::new();
    world.script(
        "node n1: a(b) b c* d*
         set n1 cpu=71.3
         set n1/b cpu=97.3 p95=nan
         set n1/c cpu=12
         set n1/d cpu=300 state=STOPPED
         set n1/a p95=900
         run 6
         set n1/b cpu=10
         run 3",
    );
    let text: String = world.log.iter().map(described).collect();
    expect![[r#"
        OPENED n1/b because cpu_percent = 97.3, with `cpu_percent > 80.0` for 1s
          facts cpu_percent=97.3 cpu_wait_percent=0 error_percent=0 memory_bytes=10000000 neighbour_batch=1 neighbour_cpu_percent=12 neighbour_cpu_wait_percent=0 neighbour_error_percent=0 neighbour_latency_p95_ms=20 neighbour_memory_bytes=10000000 neighbour_open_files=30 neighbour_request_rate_hz=50 neighbour_storage_latency_p95_ms=5 neighbour_storage_used_percent=1 neighbour_threads=3 node_cpu_percent=71.3 open_files=30 request_rate_hz=50 storage_latency_p95_ms=5 storage_used_percent=1 threads=3
          neighbour n1/c
          cause n1/b, of
            n1/b
          n1/b cpu_high: cpu_percent=97.3 cpu_percent=97.3
        UPDATED n1/b because cpu_percent = 97.3, with `cpu_percent > 80.0` for 1s
          facts cpu_percent=97.3 cpu_wait_percent=0 error_percent=0 memory_bytes=10000000 neighbour_batch=1 neighbour_cpu_percent=12 neighbour_cpu_wait_percent=0 neighbour_error_percent=0 neighbour_latency_p95_ms=20 neighbour_memory_bytes=10000000 neighbour_open_files=30 neighbour_request_rate_hz=50 neighbour_storage_latency_p95_ms=5 neighbour_storage_used_percent=1 neighbour_threads=3 node_cpu_percent=71.3 open_files=30 request_rate_hz=50 storage_latency_p95_ms=5 storage_used_percent=1 threads=3
          neighbour n1/c
          cause n1/b, of
            n1/b
          n1/b cpu_high: cpu_percent=97.3 cpu_percent=97.3
          n1/a latency_high, explained by n1/b: latency_p95_ms=900 latency_p95_ms=900
        UPDATED n1/b because cpu_percent = 97.3, with `cpu_percent > 80.0` for 1s
          facts cpu_percent=10 cpu_wait_percent=0 error_percent=0 memory_bytes=10000000 neighbour_batch=1 neighbour_cpu_percent=12 neighbour_cpu_wait_percent=0 neighbour_error_percent=0 neighbour_latency_p95_ms=20 neighbour_memory_bytes=10000000 neighbour_open_files=30 neighbour_request_rate_hz=50 neighbour_storage_latency_p95_ms=5 neighbour_storage_used_percent=1 neighbour_threads=3 node_cpu_percent=71.3 open_files=30 request_rate_hz=50 storage_latency_p95_ms=5 storage_used_percent=1 threads=3
          neighbour n1/c
          cause n1/b, of
            n1/b
          n1/b cpu_high: cpu_percent=97.3 cpu_percent=97.3 cpu_percent=97.3 cpu_percent=97.3 cpu_percent=97.3 cpu_percent=97.3 cpu_percent=10
          n1/a latency_high, explained by n1/b: latency_p95_ms=900 latency_p95_ms=900
        CLEARED n1/b because cpu_percent = 97.3, with `cpu_percent > 80.0` for 1s
          facts cpu_percent=10 cpu_wait_percent=0 error_percent=0 memory_bytes=10000000 neighbour_batch=1 neighbour_cpu_percent=12 neighbour_cpu_wait_percent=0 neighbour_error_percent=0 neighbour_latency_p95_ms=20 neighbour_memory_bytes=10000000 neighbour_open_files=30 neighbour_request_rate_hz=50 neighbour_storage_latency_p95_ms=5 neighbour_storage_used_percent=1 neighbour_threads=3 node_cpu_percent=71.3 open_files=30 request_rate_hz=50 storage_latency_p95_ms=5 storage_used_percent=1 threads=3
          neighbour n1/c
          cause n1/b, of
            n1/b
          n1/b cpu_high: cpu_percent=97.3 cpu_percent=97.3 cpu_percent=97.3 cpu_percent=97.3 cpu_percent=97.3 cpu_percent=97.3 cpu_percent=10 cpu_percent=10
          n1/a latency_high, explained by n1/b: latency_p95_ms=900 latency_p95_ms=900
    "#]].assert_eq(&text);
}

#[test]
fn the_fingerprint_is_of_the_symptom_of_the_entity_alone() {
    let fingerprints = |script: &str| {
        let mut world = World::new();
        world.script(script);
        let events = world.log.iter();
        events
            .map(|event| event.context.fingerprint.clone())
            .collect::<Vec<String>>()
    };
    let twice = fingerprints(
        "node n1: a b
         run 3
         set n1/a state=EXITED
         run 3
         set n1/a state=RUNNING
         run 20
         restart
         run 3
         set n1/a state=EXITED
         run 3",
    );
    assert_eq!(twice.len(), 3);
    assert!(!twice[0].is_empty() && twice.iter().all(|fingerprint| *fingerprint == twice[0]));
    let others =
        fingerprints("node n1: a b\n run 3\n set n1/b state=EXITED\n set n1/a cpu=99\n run 3");
    assert!(others.len() == 2 && others[0] != others[1] && !others.contains(&twice[0]));
}

#[test]
fn a_node_that_was_heard_before_the_detector_restarted_keeps_its_facts() {
    let mut world = World::new();
    world.script(
        "node n1: a\n node n2: b\n run 3\n set n1/a state=EXITED\n run 2\n mute n1\n restart",
    );
    world.script("forget n1\n run 1");
    assert!(world.open().is_empty());
    let cleared = world.log.last().expect("an event");
    assert_eq!(cleared.context.facts["cpu_percent"].to_string(), "10");
}
