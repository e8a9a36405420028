//! What actions are worth, counted.

use arena_proto::Effect;
use arena_recorder_core::{Try, efficacy};

fn tried(action: &str, effect: Option<Effect>, heal_ms: Option<f64>) -> Try {
    Try {
        symptom: "cpu_high".into(),
        action: action.into(),
        effect,
        heal_ms,
    }
}

#[test]
fn tries_are_counted_by_symptom_and_action() {
    let rows = efficacy([
        tried("restart", Some(Effect::Cured), Some(1000.0)),
        tried("restart", Some(Effect::Cured), Some(4000.0)),
        tried("restart", Some(Effect::Cured), Some(2000.0)),
        tried("restart", Some(Effect::Useless), Some(9000.0)),
        tried("restart", Some(Effect::Harmful), None),
        tried("restart", Some(Effect::Unknown), None),
        tried("restart", None, None),
        tried("recover", None, None),
        Try {
            symptom: "probe_failed".into(),
            ..tried("restart", Some(Effect::Useless), None)
        },
    ]);
    let names: Vec<_> = rows
        .iter()
        .map(|row| (row.symptom.as_str(), row.action.as_str()))
        .collect();
    assert_eq!(
        names,
        [
            ("cpu_high", "recover"),
            ("cpu_high", "restart"),
            ("probe_failed", "restart")
        ]
    );
    let restart = &rows[1];
    assert_eq!(
        [
            restart.tried,
            restart.cured,
            restart.useless,
            restart.harmful,
            restart.unknown
        ],
        [7, 3, 1, 1, 1]
    );
    assert_eq!(restart.cured_percent, Some(50.0));
    assert_eq!(restart.heal_ms_median, Some(2000.0));
    // Nothing was judged, or nothing cured: nothing is claimed.
    assert_eq!((rows[0].tried, rows[0].cured_percent), (1, None));
    assert_eq!(
        (rows[2].cured_percent, rows[2].heal_ms_median),
        (Some(0.0), None)
    );
}

#[test]
fn the_median_of_an_even_number_is_between_the_two_in_the_middle() {
    let cured = |heal_ms| tried("restart", Some(Effect::Cured), Some(heal_ms));
    let rows = efficacy([cured(1.0), cured(100.0), cured(2.0), cured(4.0)]);
    assert_eq!(rows[0].heal_ms_median, Some(3.0));
}
