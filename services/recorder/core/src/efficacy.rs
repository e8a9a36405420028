//! What actions are worth: how often each was tried against a symptom, and what came of it.

use std::collections::BTreeMap;

use arena_proto::{Effect, EfficacyRow};

use crate::facts::rounded;
use crate::spread::median;

/// One time that an action was tried for an incident.
#[derive(Debug, Clone, PartialEq)]
pub struct Try {
    /// The symptom of the incident.
    pub symptom: String,
    /// The action, as people tell it from others.
    pub action: String,
    /// What it did; `None` until it was judged.
    pub effect: Option<Effect>,
    /// From the command to the incident's end, in milliseconds; `None` while it goes on.
    pub heal_ms: Option<f64>,
}

#[derive(Debug, Default)]
struct Count {
    tried: u64,
    effects: BTreeMap<Effect, u64>,
    heal_ms: Vec<f64>,
}

/// Counts tries, by symptom and action. The time to heal counts only those that cured.
#[must_use]
pub fn efficacy(tries: impl IntoIterator<Item = Try>) -> Vec<EfficacyRow> {
    let mut counts: BTreeMap<(String, String), Count> = BTreeMap::new();
    for tried in tries {
        let count = counts.entry((tried.symptom, tried.action)).or_default();
        count.tried += 1;
        let Some(effect) = tried.effect else {
            continue;
        };
        *count.effects.entry(effect).or_default() += 1;
        if effect == Effect::Cured {
            count.heal_ms.extend(tried.heal_ms);
        }
    }
    counts
        .into_iter()
        .map(|((symptom, action), count)| count.row(symptom, action))
        .collect()
}

impl Count {
    fn row(mut self, symptom: String, action: String) -> EfficacyRow {
        let of = |effect| self.effects.get(&effect).copied().unwrap_or(0);
        let cured = of(Effect::Cured);
        EfficacyRow {
            symptom,
            action,
            tried: self.tried,
            cured,
            useless: of(Effect::Useless),
            harmful: of(Effect::Harmful),
            unknown: of(Effect::Unknown),
            cured_percent: percent(cured, self.effects.values().sum()),
            heal_ms_median: median(&mut self.heal_ms),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of actions")]
fn percent(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| rounded(part as f64 * 100.0 / whole as f64))
}
