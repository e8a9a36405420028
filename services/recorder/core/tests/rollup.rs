//! Roll-ups as plain data.

#![expect(clippy::unwrap_used, reason = "a test")]

use arena_proto::{Column, Schema, SchemaId, Telemetry, Timestamp};
use arena_recorder_core::{Reading, Rollups, Series};

fn at(millis: i64) -> Timestamp {
    Timestamp::from_unix_millis(1_700_000_000_000 + millis)
}

fn schema() -> Schema {
    let column = |service: Option<&str>, metric: &str| Column {
        service: service.map(|name| name.parse().unwrap()),
        metric: metric.into(),
    };
    Schema {
        node: "node-1".parse().unwrap(),
        columns: vec![column(None, "load1"), column(Some("orders"), "cpu_percent")],
        services: Vec::new(),
    }
}

fn telemetry(values: &[f32]) -> Telemetry {
    Telemetry {
        node: "node-1".parse().unwrap(),
        boot_id: 1,
        seq: 1,
        schema_id: SchemaId(1),
        // An hour late: the node's clock does not decide.
        time: at(-3_600_000),
        values: values.to_vec(),
        services: [].into(),
    }
}

fn series(entity: &str, metric: &str) -> Series {
    Series {
        entity: entity.parse().unwrap(),
        metric: metric.into(),
    }
}

#[test]
fn a_bucket_closes_with_the_first_sample_after_it() {
    let mut rollups = Rollups::default();
    assert_eq!(rollups.next_wakeup(), None);
    let samples: [(i64, &[f32]); 4] = [
        (0, &[1.0, 5.0]),
        (1000, &[3.0, f32::NAN]),
        (2000, &[]),
        (9999, &[2.0, f32::INFINITY]),
    ];
    for (millis, values) in samples {
        assert_eq!(
            rollups.observe(at(millis), &telemetry(values), &schema()),
            None
        );
    }
    assert_eq!(rollups.next_wakeup(), Some(at(10_000)));
    let closed = rollups
        .observe(at(10_000), &telemetry(&[9.0, 9.0]), &schema())
        .unwrap();
    assert_eq!(closed.start, at(0));
    let load = Reading {
        count: 3,
        min: 1.0,
        max: 3.0,
        sum: 6.0,
        last: 2.0,
    };
    assert_eq!(
        Vec::from_iter(closed.readings),
        [
            (series("node-1", "load1"), load),
            (series("node-1/orders", "cpu_percent"), Reading::of(5.0)),
        ]
    );
    // A silent bus: the wakeup closes it, once.
    assert_eq!(rollups.close(at(19_999)), None);
    assert_eq!(rollups.close(at(20_000)).unwrap().start, at(10_000));
    assert_eq!(rollups.close(at(30_000)), None);
    assert_eq!(rollups.next_wakeup(), None);
}

#[test]
fn what_there_is_can_be_taken_at_the_end() {
    let mut rollups = Rollups::default();
    rollups.observe(at(1), &telemetry(&[1.0]), &schema());
    assert_eq!(rollups.take().unwrap().readings.len(), 1);
    assert_eq!(rollups.take(), None);
}
