//! Messages through the filter, as plain data: one a second, and what comes out of it when.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use arena_faults::Fault;
use arena_proto::{
    Column, ProbeVerdict, ProcessState, Schema, SchemaId, ServiceInfo, ServiceSample, Telemetry,
    Timestamp,
};
use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;

/// A node with two services, and everything that came out of its filter.
struct World {
    filter: Filter,
    schema: Arc<Schema>,
    now: Timestamp,
    seq: u64,
    came: Vec<(Timestamp, Telemetry)>,
}

const COLUMNS: [&str; 5] = [
    "cpu_percent",
    "edge cpu_percent",
    "edge latency_p95_ms",
    "ledger cpu_percent",
    "ledger memory_bytes",
];

fn schema(columns: &[&str]) -> Arc<Schema> {
    let column = |text: &&str| match text.split_once(' ') {
        Some((service, metric)) => Column {
            service: Some(service.parse().expect("a name")),
            metric: metric.to_owned(),
        },
        None => Column {
            service: None,
            metric: (*text).to_owned(),
        },
    };
    let service = |name: &str| ServiceInfo {
        name: name.parse().expect("a name"),
        depends_on: Vec::new(),
        observed: Vec::new(),
        class: arena_proto::ServiceClass::Service,
    };
    Arc::new(Schema {
        node: "node-1".parse().expect("a name"),
        columns: columns.iter().map(column).collect(),
        services: vec![service("edge"), service("ledger")],
    })
}

impl World {
    fn new() -> Self {
        let schema = schema(&COLUMNS);
        Self {
            filter: Filter::new(7, Arc::clone(&schema)),
            schema,
            now: Timestamp::from_unix_millis(100_000),
            seq: 0,
            came: Vec::new(),
        }
    }

    fn begin(
        &mut self,
        id: &str,
        name: &str,
        params: &[(&str, &str)],
    ) -> Result<(), (FaultReason, String)> {
        let fault = Fault::named(name).expect("a fault");
        let params: BTreeMap<_, _> = params
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let effect = Effect {
            fault: id.parse().expect("an id"),
            name: fault.name,
            params: fault.fill(&params).expect("parameters"),
            service: None,
            process: None,
            ttl: Duration::from_mins(1),
        };
        self.filter.apply(&effect)
    }

    fn with(mut self, id: &str, name: &str, params: &[(&str, &str)]) -> Self {
        self.begin(id, name, params).expect("made");
        self
    }

    fn end(&mut self, id: &str) {
        self.filter.revert(self.now, &id.parse().expect("an id"));
        self.collect();
    }

    /// Its values are its number and up; the last has no reading.
    fn send(&mut self, states_only: bool) {
        self.seq += 1;
        let sample = ServiceSample {
            state: ProcessState::Running,
            probe: ProbeVerdict::Passing,
            pid: Some(1),
            generation: 1,
            restarts: 0,
            since: Timestamp::from_unix_millis(90_000),
            exit_code: None,
        };
        let columns = self.schema.columns.len();
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let mut values: Vec<f32> = (0..columns).map(|at| self.seq as f32 + at as f32).collect();
        if let Some(last) = values.last_mut() {
            *last = f32::NAN;
        }
        let telemetry = Telemetry {
            node: self.schema.node.clone(),
            boot_id: 1,
            seq: self.seq,
            schema_id: self.schema.id(),
            time: self.now,
            values: if states_only { Vec::new() } else { values },
            services: [sample.clone(), sample].into(),
        };
        let schema = Arc::clone(&self.schema);
        self.filter.offer(self.now, schema, telemetry);
        self.collect();
    }

    fn collect(&mut self) {
        let ready = self.filter.ready(self.now);
        let ready = ready.into_iter();
        self.came
            .extend(ready.map(|telemetry| (self.now, telemetry)));
    }

    /// A message a second, and what is due between them.
    fn run(&mut self, seconds: u64) {
        for _ in 0..seconds {
            let next = self.now + Duration::from_secs(1);
            while let Some(due) = self.filter.next_wakeup().filter(|due| *due < next) {
                self.now = self.now.max(due);
                self.collect();
            }
            self.now = next;
            self.send(false);
        }
    }

    /// `seconds: #number @time of the sample [values]`, seconds from the start.
    fn told(&self) -> String {
        let mut text = String::new();
        for (at, telemetry) in &self.came {
            let seconds = |time: Timestamp| {
                let millis = i32::try_from(time.unix_millis() - 100_000).expect("small");
                f64::from(millis) / 1000.0
            };
            let (at, seq, time) = (seconds(*at), telemetry.seq, seconds(telemetry.time));
            let values = &telemetry.values;
            let _ = writeln!(text, "{at:.1}: #{seq} @{time:.1} {values:?}");
        }
        text
    }

    fn numbers(&self) -> Vec<u64> {
        self.came.iter().map(|(_, message)| message.seq).collect()
    }

    fn check(&self, expected: &Expect) {
        expected.assert_eq(&self.told());
    }
}

#[test]
fn without_a_fault_a_message_is_what_it_was() {
    let mut world = World::new();
    world.run(2);
    world.check(&expect![[r#"
        1.0: #1 @1.0 [1.0, 2.0, 3.0, 4.0, NaN]
        2.0: #2 @2.0 [2.0, 3.0, 4.0, 5.0, NaN]
    "#]]);
}

#[test]
fn loss_uses_the_numbers_up() {
    let mut world = World::new().with("f-1", "telemetry-loss", &[("share", "50")]);
    world.run(1000);
    let left = world.came.len();
    assert!((400..600).contains(&left), "{left} of 1000");
    world.end("f-1");
    world.came.clear();
    world.run(3);
    assert_eq!(world.numbers(), [1001, 1002, 1003]);

    let mut world = World::new().with("f-1", "telemetry-loss", &[("share", "100")]);
    world.run(100);
    assert_eq!(world.numbers(), [0_u64; 0]);
}

#[test]
fn a_duplicate_is_the_same_message_number_and_all() {
    let mut world = World::new().with("f-1", "telemetry-duplicate", &[("share", "100")]);
    world.run(2);
    world.check(&expect![[r#"
        1.0: #1 @1.0 [1.0, 2.0, 3.0, 4.0, NaN]
        1.0: #1 @1.0 [1.0, 2.0, 3.0, 4.0, NaN]
        2.0: #2 @2.0 [2.0, 3.0, 4.0, 5.0, NaN]
        2.0: #2 @2.0 [2.0, 3.0, 4.0, 5.0, NaN]
    "#]]);
}

#[test]
fn a_delayed_message_has_the_time_at_which_it_was_taken() {
    let mut world = World::new().with("f-1", "telemetry-delay", &[("delay", "1500ms")]);
    world.run(4);
    world.check(&expect![[r#"
        2.5: #1 @1.0 [1.0, 2.0, 3.0, 4.0, NaN]
        3.5: #2 @2.0 [2.0, 3.0, 4.0, 5.0, NaN]
    "#]]);
    world.came.clear();
    world.end("f-1");
    world.check(&expect![[r#"
        4.0: #3 @3.0 [3.0, 4.0, 5.0, 6.0, NaN]
        4.0: #4 @4.0 [4.0, 5.0, 6.0, 7.0, NaN]
    "#]]);
}

#[test]
fn what_is_held_back_is_bounded_and_nothing_of_it_is_lost() {
    let mut world = World::new().with("f-1", "telemetry-delay", &[("delay", "30s")]);
    for _ in 0..300 {
        world.send(true);
    }
    assert_eq!(world.numbers(), (1..=44).collect::<Vec<_>>());
    world.end("f-1");
    assert_eq!(world.numbers(), (1..=300).collect::<Vec<_>>());
}

#[test]
fn reordering_never_pauses_for_longer_than_a_message() {
    let mut world = World::new().with("f-1", "telemetry-reorder", &[("window", "20")]);
    let mut pause = 0;
    for _ in 0..1000 {
        let before = world.came.len();
        world.run(1);
        pause = if world.came.len() == before {
            pause + 1
        } else {
            0
        };
        assert!(pause <= 1, "nothing for {pause} messages");
    }
    let numbers = world.numbers();
    assert!(!numbers.is_sorted(), "in order");
    for (number, (at, _)) in numbers.iter().zip(&world.came) {
        let late = (at.unix_millis() - 100_000) / 1000 - i64::try_from(*number).expect("small");
        assert!(
            (0..=41).contains(&late),
            "#{number} came {late} messages late"
        );
    }
    world.end("f-1");
    let mut numbers = world.numbers();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=1000).collect::<Vec<_>>());
}

#[test]
fn frozen_values_have_their_own_time_and_number() {
    let mut world = World::new();
    world.run(1);
    world = world.with("f-1", "telemetry-freeze", &[]);
    world.run(1);
    world.send(true);
    // A service tells of a metric for the first time: the columns are others, and one of them has no reading.
    let mut columns = COLUMNS.to_vec();
    columns.insert(1, "edge queue_depth_count");
    world.schema = schema(&columns);
    world.run(1);
    world.check(&expect![[r#"
        1.0: #1 @1.0 [1.0, 2.0, 3.0, 4.0, NaN]
        2.0: #2 @2.0 [1.0, 2.0, 3.0, 4.0, NaN]
        2.0: #3 @2.0 []
        3.0: #4 @3.0 [1.0, NaN, 2.0, 3.0, 4.0, NaN]
    "#]]);
    assert_eq!(
        world.came.last().expect("a message").1.schema_id,
        world.schema.id()
    );
    world.came.clear();
    world.end("f-1");
    world.run(1);
    world.check(&expect![[r#"
        4.0: #5 @4.0 [5.0, 6.0, 7.0, 8.0, 9.0, NaN]
    "#]]);
}

#[test]
fn a_wrong_clock_is_wrong_in_every_time() {
    let skew = [("offset", "10m"), ("direction", "behind")];
    let mut world = World::new().with("f-1", "telemetry-skew", &skew);
    world.run(1);
    let (_, message) = &world.came[0];
    assert_eq!(message.time, Timestamp::from_unix_millis(101_000 - 600_000));
    assert_eq!(
        message.services[1].since,
        Timestamp::from_unix_millis(90_000 - 600_000)
    );

    let mut world = World::new().with("f-1", "telemetry-skew", &[("offset", "1s")]);
    world.run(1);
    assert_eq!(world.came[0].1.time, Timestamp::from_unix_millis(102_000));
}

#[test]
fn a_bias_leaves_no_reading_alone_and_a_forgery_does_not() {
    let bias = [("metric", "cpu_percent"), ("factor", "300")];
    let mut world = World::new().with("f-1", "telemetry-bias", &bias);
    world.run(1);
    world.end("f-1");
    let bias = [("metric", "memory_bytes"), ("service", "ledger")];
    world = world.with("f-2", "telemetry-bias", &bias);
    world.run(1);
    world.end("f-2");
    let forge = [("metric", "memory_bytes"), ("value", "1000000000")];
    world = world.with("f-3", "telemetry-forge", &forge);
    world.run(1);
    world.end("f-3");
    let forge = [
        ("metric", "cpu_percent"),
        ("value", "99"),
        ("service", "edge"),
    ];
    world = world.with("f-4", "telemetry-forge", &forge);
    world.run(1);
    world.send(true);
    world.check(&expect![[r#"
        1.0: #1 @1.0 [3.0, 6.0, 3.0, 12.0, NaN]
        2.0: #2 @2.0 [2.0, 3.0, 4.0, 5.0, NaN]
        3.0: #3 @3.0 [3.0, 4.0, 5.0, 6.0, 1000000000.0]
        4.0: #4 @4.0 [4.0, 99.0, 6.0, 7.0, NaN]
        4.0: #5 @4.0 []
    "#]]);
}

#[test]
fn what_the_node_does_not_have_is_refused_with_what_it_has() {
    let refused = |params: &[(&str, &str)]| {
        let refusal = World::new().begin("f-1", "telemetry-bias", params);
        let (reason, message) = refusal.expect_err("refused");
        assert_eq!(reason, FaultReason::BadParameter);
        message
    };
    expect!["node-1 has no metric cpu_prcent (did you mean cpu_percent?); it has cpu_percent, latency_p95_ms, memory_bytes"].assert_eq(&refused(&[("metric", "cpu_prcent")]));
    expect!["node-1 has no service orders; it has edge, ledger"]
        .assert_eq(&refused(&[("service", "orders")]));
    expect!["edge has no metric memory_bytes; it has cpu_percent, latency_p95_ms"]
        .assert_eq(&refused(&[("metric", "memory_bytes"), ("service", "edge")]));
}

#[test]
fn several_at_once_and_each_takes_only_its_own_away() {
    let mut world = World::new().with("f-1", "telemetry-delay", &[("delay", "10s")]);
    world = world.with("f-2", "telemetry-forge", &[("value", "99")]);
    world = world.with("f-3", "telemetry-duplicate", &[("share", "100")]);
    world.run(1);
    world.end("f-2");
    world.run(1);
    world.check(&expect![""]);
    world.end("f-3");
    world.end("f-1");
    world.run(1);
    world.check(&expect![[r#"
        2.0: #1 @1.0 [99.0, 99.0, 3.0, 99.0, NaN]
        2.0: #1 @1.0 [99.0, 99.0, 3.0, 99.0, NaN]
        2.0: #2 @2.0 [2.0, 3.0, 4.0, 5.0, NaN]
        2.0: #2 @2.0 [2.0, 3.0, 4.0, 5.0, NaN]
        3.0: #3 @3.0 [3.0, 4.0, 5.0, 6.0, NaN]
    "#]]);
}

#[test]
fn what_another_fault_releases_does_not_break_the_silence() {
    let mut world = World::new().with("f-1", "telemetry-delay", &[("delay", "10s")]);
    world.run(1);
    world = world.with("f-2", "node-silent", &[]);
    assert!(world.filter.is_silent());
    world.end("f-1");
    world.run(1);
    assert_eq!(world.numbers(), [0_u64; 0]);
    world.end("f-2");
    assert!(!world.filter.is_silent());
    world.run(1);
    assert_eq!(world.numbers(), [3]);
}

#[test]
fn the_same_seed_makes_the_same_choices() {
    let told = || {
        let mut world = World::new().with("f-1", "telemetry-loss", &[]);
        world = world.with("f-2", "telemetry-reorder", &[]);
        world.run(50);
        world.numbers()
    };
    assert_eq!(told(), told());
}

/// The transports that neither lose nor change anything.
const HARMLESS: [(&str, &str, &str); 3] = [
    ("telemetry-delay", "delay", "2500ms"),
    ("telemetry-duplicate", "share", "50"),
    ("telemetry-reorder", "window", "5"),
];

proptest! {
    #[test]
    fn what_is_late_doubled_and_mixed_up_is_all_there_in_the_end(
        steps in proptest::collection::vec((0..8_usize, 1..5_u64), 1..40),
    ) {
        let mut world = World::new();
        for (step, seconds) in steps {
            if let Some((name, param, value)) = HARMLESS.get(step / 2) {
                let id = format!("f-{}", step / 2);
                world.end(&id);
                if step % 2 == 0 {
                    world.begin(&id, name, &[(param, value)]).expect("made");
                }
            }
            world.run(seconds);
        }
        for fault in 0..HARMLESS.len() {
            world.end(&format!("f-{fault}"));
        }
        prop_assert_eq!(world.filter.next_wakeup(), None);
        let mut numbers = world.numbers();
        numbers.sort_unstable();
        let twice = numbers.chunk_by(|a, b| a == b).all(|same| same.len() <= 2);
        prop_assert!(twice);
        numbers.dedup();
        prop_assert_eq!(numbers, (1..=world.seq).collect::<Vec<_>>());
        for (_, message) in &world.came {
            prop_assert_ne!(message.schema_id, SchemaId(0));
            prop_assert_eq!(message.time, Timestamp::from_unix_millis(100_000)
                + Duration::from_secs(message.seq));
        }
    }

    #[test]
    fn whatever_there_was_nothing_of_it_stays(
        steps in proptest::collection::vec((0..filter::ORDER.len(), any::<bool>(), 0..4_u64), 1..40),
    ) {
        let mut world = World::new();
        for (at, begins, seconds) in steps {
            let name = filter::ORDER[at].as_str();
            world.end(name);
            if begins {
                world.begin(name, name, &[]).expect("made");
            }
            world.run(seconds);
        }
        for name in filter::ORDER {
            world.end(name.as_str());
        }
        world.came.clear();
        world.run(3);
        let told = world.told();
        let mut clean = World::new();
        (clean.now, clean.seq) = (world.now - Duration::from_secs(3), world.seq - 3);
        clean.run(3);
        prop_assert_eq!(told, clean.told());
        prop_assert_eq!(world.filter.next_wakeup(), None);
        prop_assert!(!world.filter.is_silent());
    }
}

/// What is let pass counts as seen: a freeze stands on it.
#[test]
fn what_is_let_pass_is_as_if_it_was_offered() {
    let mut world = World::new();
    world.run(3);
    let [.., (_, last)] = &world.came[..] else {
        panic!("three messages came");
    };
    let mut passed = World::new();
    assert!(passed.filter.lets_pass(&world.schema, last));
    passed.seq = 3;
    for world in [&mut world, &mut passed] {
        world.came.clear();
        world.begin("f-1", "telemetry-freeze", &[]).expect("made");
        world.run(2);
        let values = world.came.iter().map(|(_, message)| message.values[0]);
        assert_eq!(values.collect::<Vec<_>>(), [3.0, 3.0]);
    }
    let (_, later) = world.came[0].clone();
    assert!(!passed.filter.lets_pass(&world.schema, &later));
}
