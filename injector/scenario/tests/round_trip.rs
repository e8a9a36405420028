//! What is written is read back as it was, and written again as the same bytes.

use std::sync::LazyLock;
use std::time::Duration;

use arena_proto::{ActionKind, Entity};
use arena_scenario::judge::CHECK_NAMES;
use arena_scenario::{Check, Difficulty, Expect, Quality, Scenario, generate};
use proptest::prelude::*;

/// Made once, as each is read and written while it is made.
static BASES: LazyLock<Vec<Scenario>> = LazyLock::new(|| generate(1, 200, None));

/// Texts with all that makes quoting hard.
fn summary() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9 '\"\\\\#=\\[\\]{}.,äöß€🦀-]{0,80}".prop_map(|text| format!("x{text}"))
}

fn check() -> impl Strategy<Value = Check> {
    (0..CHECK_NAMES.len(), 0..100_u32, any::<bool>()).prop_map(|(name, level, both)| {
        let one = format!("{} < {level}.5", CHECK_NAMES[name].0);
        Check(if both {
            format!("{one} || incidents_open == 0")
        } else {
            one
        })
    })
}

fn quality() -> impl Strategy<Value = Quality> {
    (
        0..=100_u32,
        0..=100_u32,
        prop_oneof![Just(0), 100..30_000_u64],
    )
        .prop_map(|(loss_percent, duplicate_percent, delay)| Quality {
            loss_percent,
            duplicate_percent,
            delay: Duration::from_millis(delay),
        })
}

prop_compose! {
    /// A generated scenario, with everything that can be anything replaced by something.
    fn scenario()(
        base in prop::sample::select(&**BASES),
        summary in summary(),
        checks in prop::collection::vec(check(), 1..5),
        difficulty in prop::sample::select(vec![Difficulty::Easy, Difficulty::Medium, Difficulty::Hard]),
        seed in 0..=u64::MAX >> 1,
        rate in 1..=200_u32,
        within_ms in 1..20_000_u64,
        hold_ms in 0..10_000_u64,
        quality in quality(),
        cures in prop::sample::subsequence(ActionKind::ALL.to_vec(), 1..4),
    ) -> Scenario {
        let mut scenario = base;
        let is_heal = scenario.truth.expect == Expect::Heal;
        scenario.summary = summary;
        scenario.difficulty = difficulty;
        scenario.load.rate = rate;
        scenario.healed.within = Duration::from_millis(within_ms);
        scenario.healed.hold = Duration::from_millis(hold_ms);
        scenario.steady_state.checks.clone_from(&checks);
        scenario.healed.checks = checks;
        if is_heal {
            scenario.truth.cures = cures;
        }
        let lies = scenario.injections.iter().any(|one| one.fault.family == arena_faults::Family::Telemetry);
        if !lies {
            scenario.telemetry = quality;
        }
        // Another seed is another arena, in which what is named may not be.
        let names_some = scenario.injections.iter().any(|one| matches!(one.target, arena_scenario::Selector::Entity(Entity { .. })));
        if !names_some && scenario.truth.roots.is_empty() {
            scenario.seed = seed;
        }
        scenario
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read_back(scenario in scenario()) {
        let text = scenario.to_toml();
        let read = Scenario::parse("written.toml", &text);
        prop_assert!(read.is_ok(), "{}\n{}", text, read.expect_err("is no scenario"));
        let read = read.expect("is one");
        prop_assert_eq!(read.to_toml(), text);
        prop_assert_eq!(read, scenario);
    }
}
