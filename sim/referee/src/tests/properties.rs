//! Worse is never more, and the same facts give the same score.

use proptest::prelude::*;

use super::*;

/// A run with this much of everything that a person would call bad.
#[derive(Debug, Clone, Copy)]
struct Bad {
    detect_late_ms: u64,
    cure_late_ms: u64,
    wrong: usize,
    needless: usize,
    false_incidents: usize,
    misled: usize,
    hurt_others: usize,
    is_healed: bool,
    is_left: bool,
}

const OTHERS: [&str; 6] = [
    "node-1/edge",
    "node-2/edge",
    "node-1/payments",
    "node-3/payments",
    "node-2/inventory",
    "node-3/inventory",
];

impl Bad {
    fn facts(&self) -> Facts {
        let cured_ms = 15_000 + self.cure_late_ms;
        let well_ms = if self.is_healed {
            cured_ms + 1000
        } else {
            90_000
        };
        let mut facts = Facts {
            samples: samples(9_000, 90_000, 10_000..well_ms),
            end_ms: 90_000,
            actions: vec![action(ActionKind::Restart, ROOT, cured_ms)],
            ..healed_run()
        };
        let detected_ms = 11_000 + self.detect_late_ms;
        facts.incidents = vec![incident(
            "inc-1",
            ROOT,
            detected_ms,
            &[(detected_ms, &[ROOT])],
        )];
        facts.faults[0].end_ms = (!self.is_left).then_some(cured_ms + 500);
        let own: &[(u64, &[&str])] = &[];
        for other in &OTHERS[..self.misled] {
            let misled = incident(&format!("m-{other}"), other, 12_000, own);
            facts.incidents.push(misled);
        }
        for index in 0..self.false_incidents {
            let raised = incident(&format!("x-{index}"), ROOT, 85_000, own);
            facts.incidents.push(raised);
        }
        for other in &OTHERS[..self.wrong] {
            facts
                .actions
                .push(action(ActionKind::Restart, other, 14_000));
        }
        for index in 0..self.needless {
            let at = 10_500 + u64::try_from(index).unwrap() * 100;
            facts.actions.push(action(ActionKind::Recover, ROOT, at));
        }
        for other in &OTHERS[..self.hurt_others] {
            facts.states.push(state(11_000, other, false, false));
            facts.states.push(state(11_500, other, true, false));
        }
        facts
    }

    fn composite(&self) -> f64 {
        scored(&self.facts()).composite
    }

    /// The same with one thing worse.
    fn worse(mut self, what: usize) -> Self {
        match what {
            0 => self.detect_late_ms += 3_000,
            1 => self.cure_late_ms += 3_000,
            2 => self.wrong = (self.wrong + 1).min(OTHERS.len()),
            3 => self.needless += 1,
            4 => self.false_incidents += 1,
            5 => self.misled = (self.misled + 1).min(OTHERS.len()),
            6 => self.hurt_others = (self.hurt_others + 1).min(OTHERS.len()),
            7 => self.is_healed = false,
            // A fault that is left explains what was raised for nothing: that is another run, not a worse one.
            _ => self.is_left |= self.false_incidents == 0,
        }
        self
    }
}

prop_compose! {
    fn bad()(
        detect_late_ms in 0_u64..10_000,
        cure_late_ms in 0_u64..30_000,
        wrong in 0_usize..6,
        needless in 0_usize..10,
        false_incidents in 0_usize..4,
        misled in 0_usize..6,
        hurt_others in 0_usize..6,
        is_healed: bool,
        is_left: bool,
    ) -> Bad {
        Bad { detect_late_ms, cure_late_ms, wrong, needless, false_incidents, misled, hurt_others, is_healed, is_left }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_run_that_is_worse_never_scores_higher(bad in bad(), what in 0_usize..9) {
        let worse = bad.worse(what);
        prop_assert!(
            worse.composite() <= bad.composite(),
            "{} > {}: {:?} against {:?}", worse.composite(), bad.composite(), worse, bad
        );
    }

    #[test]
    fn a_measure_that_is_worse_never_makes_more(
        parts in prop::collection::vec((0.0_f64..50.0, 0.0_f64..=1.0), 1..12),
        which: prop::sample::Index,
        share in 0.0_f64..1.0,
        is_credited: bool,
    ) {
        let measure = |(weight, quality): &(f64, f64)| Measure {
            name: "one".into(),
            value: 0.0,
            quality: *quality,
            weight: *weight,
            reason: String::new(),
        };
        let better: Vec<Measure> = parts.iter().map(measure).collect();
        let mut worse = better.clone();
        worse[which.index(parts.len())].quality *= share;
        prop_assert!(composite(&worse, is_credited) <= composite(&better, is_credited));
        prop_assert!(composite(&better, false) <= composite(&better, true));
    }

    #[test]
    fn every_heal_is_worth_more_than_what_is_none(one in bad(), other in bad()) {
        let (one, other) = (scored(&one.facts()), scored(&other.facts()));
        if one.healed && !other.healed {
            prop_assert!(one.composite >= 20.0 && other.composite <= 12.0, "{} {}", told(&one), told(&other));
        }
        prop_assert!((0.0..=100.0).contains(&one.composite));
    }
}

#[test]
fn a_score_survives_its_file() {
    let score = scored(&healed_run());
    let text = serde_json::to_string(&score).unwrap();
    assert_eq!(serde_json::from_str::<Score>(&text).unwrap(), score);
    assert_eq!(
        scored(&healed_run()),
        score,
        "the same facts, the same score"
    );
}
