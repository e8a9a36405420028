//! The referee's score, for a person: one line a number, with what it is worth and why.

use arena_scenario::score::{Measure, Score};

use crate::screen::talk;

/// What weighs nothing is in the record alone.
pub(crate) fn tell(score: &Score) {
    for finding in &score.findings {
        talk!("  FOUND  {:<13} {}", finding.rule.as_str(), finding.reason);
    }
    let weighty = |one: &&Measure| one.weight > 0.0;
    for one in score.measures.iter().filter(weighty) {
        let points = one.weight * one.quality;
        talk!(
            "  {points:>5.1} of {:>2.0}  {:<23} {:>8.1}  {}",
            one.weight,
            one.name,
            one.value,
            one.reason
        );
    }
    talk!(
        "  score {:.1} of 100 (encore: {})",
        score.composite,
        score.encore.reason
    );
}
