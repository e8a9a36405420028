//! The tables of the report.

use super::{Page, Table};
use crate::bench::{Pair, Report, Row};
use crate::job::Measure;
use crate::stats::{Estimate, Share, TOLD_MIN};

pub(super) fn policies(page: &mut Page, report: &Report) {
    page.section(
        "Policies",
        "Means over all scenarios with 95 % confidence intervals, which are about scenarios of this kind, not only about other seeds of these. \
         A time that was not reached counts as the scenario's limit.",
    );
    let mut table = Table::new(["policy", "noise", "runs", "met %", "healed %"]);
    for measure in Measure::ALL {
        table.head.push(measure.title().to_owned());
    }
    table.rows = report.policies.iter().map(policy).collect();
    page.table(&table);
}

fn policy(row: &Row) -> Vec<String> {
    let mut cells = vec![
        row.policy.clone(),
        format!("{} %", row.noise),
        row.met.map_or(0, |share| share.n).to_string(),
        share(row.met.as_ref()),
        share(row.healed.as_ref()),
    ];
    for measure in Measure::ALL {
        cells.push(estimate(measure, row.measures.get(&measure)));
    }
    cells
}

/// In percent, with its interval.
fn share(share: Option<&Share>) -> String {
    share.map_or_else(
        || "-".to_owned(),
        |share| match share.n {
            0..TOLD_MIN => format!("{:.1}", share.percent),
            _ => format!("{:.1} [{:.1}, {:.1}]", share.percent, share.low, share.high),
        },
    )
}

/// A mean with its interval, in the unit that people read.
pub(super) fn estimate(measure: Measure, estimate: Option<&Estimate>) -> String {
    let Some(estimate) = estimate else {
        return "-".to_owned();
    };
    let shown = |value| measure.shown(value);
    let mean = shown(estimate.mean);
    match estimate.low.zip(estimate.high) {
        Some((low, high)) => format!("{mean:.2} [{:.2}, {:.2}]", shown(low), shown(high)),
        None => format!("{mean:.2}"),
    }
}

pub(super) fn pairs(page: &mut Page, report: &Report) {
    if report.pairs.is_empty() {
        return;
    }
    page.section(
        "Policies against each other",
        "The mean difference, the first minus the second, on the same scenarios and seeds, with its 95 % confidence interval. A star: zero is outside. \
         Many comparisons at once find differences by chance, too: one in twenty.",
    );
    let mut table = Table::new(["policies", "noise", "runs", "met %-points"]);
    for measure in Measure::ALL {
        table.head.push(measure.title().to_owned());
    }
    table.rows = report.pairs.iter().map(pair).collect();
    page.table(&table);
}

fn pair(pair: &Pair) -> Vec<String> {
    let starred = |text: String, estimate: Option<&Estimate>| match estimate {
        Some(estimate) if estimate.is_clear() => format!("{text} *"),
        _ => text,
    };
    let met = estimate(Measure::Composite, pair.met.as_ref());
    let mut cells = vec![
        format!("{} - {}", pair.left, pair.right),
        format!("{} %", pair.noise),
        pair.runs.to_string(),
        starred(met, pair.met.as_ref()),
    ];
    for measure in Measure::ALL {
        let difference = pair.difference.get(&measure);
        cells.push(starred(estimate(measure, difference), difference));
    }
    cells
}

/// What was planned and is not in the numbers.
pub(super) fn not_played(page: &mut Page, report: &Report) {
    if report.skipped.is_empty() && report.broken.is_empty() {
        return;
    }
    page.section(
        "Not in the numbers",
        "What could not be played with this seed and noise, and what came to no end.",
    );
    let mut table = Table::new(["scenario", "seed", "policy", "noise", "why"]);
    let skipped = report.skipped.iter().map(|one| {
        let all = "all".to_owned();
        let noise = format!("{} %", one.noise);
        vec![
            one.scenario.clone(),
            one.seed.to_string(),
            all,
            noise,
            one.why.clone(),
        ]
    });
    let broken = report.broken.iter().map(|one| {
        let noise = format!("{} %", one.noise);
        let policy = one.policy.clone();
        vec![
            one.scenario.clone(),
            one.seed.to_string(),
            policy,
            noise,
            one.why.clone(),
        ]
    });
    table.rows = skipped.chain(broken).collect();
    page.table(&table);
}
