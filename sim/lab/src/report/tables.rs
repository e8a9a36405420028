//! The tables of the report.

use super::{Cell, Page, Table, escape};
use crate::bench::{Pair, Report, Row};
use crate::job::Measure;
use crate::stats::{Estimate, Share, TOLD_MIN};

pub(super) fn policies(page: &mut Page, report: &Report) {
    page.section(
        "Policies",
        "Means over all scenarios, and beneath each its 95 % confidence interval, which is about scenarios of this kind, not only about other seeds of these. \
         A time that was not reached counts as the scenario's limit.",
    );
    let [score, others @ ..] = Measure::ALL;
    let mut table = Table::new(&["policy", score.title(), "met %", "healed %"]);
    let titles = others.map(|measure| measure.title().to_owned());
    table.head.extend(titles);
    let row = |row: &Row| {
        let measure = |measure| estimate(measure, row.measures.get(&measure));
        let runs = row.met.map_or(0, |share| share.n);
        let mut cells = vec![
            whose(report, row.policy.clone(), row.noise, runs),
            measure(score),
            share(row.met.as_ref()),
            share(row.healed.as_ref()),
        ];
        cells.extend(others.map(measure));
        cells
    };
    table.rows = report.policies.iter().map(row).collect();
    page.table(&table);
    legend(page);
}

/// Whose row it is, and beneath it of how many runs.
fn whose(report: &Report, name: String, noise: u32, runs: usize) -> Cell {
    let runs = match report.noise.as_slice() {
        [_] => format!("{runs} runs"),
        _ => format!("noise {noise} %, {runs} runs"),
    };
    Cell {
        text: name,
        beneath: Some(runs),
    }
}

/// What the columns are.
fn legend(page: &mut Page) {
    let shares = [
        (
            "met %",
            "Runs that met the scenario's goal by honest means: healed, left alone where nothing was to be done, or a person called.",
        ),
        (
            "healed %",
            "The same, of the scenarios alone in which something is to be healed.",
        ),
    ];
    let [score, others @ ..] = Measure::ALL.map(|measure| (measure.title(), measure.about()));
    page.raw("<details>\n<summary>What the columns mean</summary>\n<dl>\n");
    for (title, about) in [score].into_iter().chain(shares).chain(others) {
        let (title, about) = (escape(title), escape(about));
        page.raw(&format!("<dt>{title}</dt><dd>{about}</dd>\n"));
    }
    page.raw("</dl>\n</details>\n");
}

/// In percent, above its interval.
fn share(share: Option<&Share>) -> Cell {
    let Some(share) = share else {
        return "-".into();
    };
    let is_told = share.n >= TOLD_MIN;
    Cell {
        text: format!("{:.1}", share.percent),
        beneath: is_told.then(|| format!("[{:.1}, {:.1}]", share.low, share.high)),
    }
}

/// A mean above its interval, in the unit that people read.
pub(super) fn estimate(measure: Measure, estimate: Option<&Estimate>) -> Cell {
    let Some(estimate) = estimate else {
        return "-".into();
    };
    let mean = measure.shown(estimate.mean);
    let ends = estimate.low.zip(estimate.high);
    let ends = ends.map(|(low, high)| (measure.shown(low), measure.shown(high)));
    let farthest = ends.map_or(mean.abs(), |(low, high)| low.abs().max(high.abs()));
    let decimals = match farthest {
        _ if measure.range().1.is_finite() => 1,
        0.0..10.0 => 2,
        10.0..1000.0 => 1,
        _ => 0,
    };
    Cell {
        text: rounded(mean, decimals),
        beneath: ends.map(|(low, high)| {
            let (low, high) = (rounded(low, decimals), rounded(high, decimals));
            format!("[{low}, {high}]")
        }),
    }
}

/// What is zero when rounded has no sign.
fn rounded(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    match text.strip_prefix('-') {
        Some(digits) if digits.chars().all(|digit| matches!(digit, '0' | '.')) => digits.to_owned(),
        _ => text,
    }
}

pub(super) fn pairs(page: &mut Page, report: &Report) {
    if report.pairs.is_empty() {
        return;
    }
    page.section(
        "Policies against each other",
        "The mean difference, the first minus the second, on the same scenarios and seeds, and beneath it its 95 % confidence interval. A star: zero is outside. \
         Many comparisons at once find differences by chance, too: one in twenty.",
    );
    let [score, others @ ..] = Measure::ALL;
    let mut table = Table::new(&["policies", score.title(), "met %-points"]);
    let titles = others.map(|measure| measure.title().to_owned());
    table.head.extend(titles);
    let row = |pair: &Pair| {
        let measure = |measure| difference(measure, pair.difference.get(&measure));
        let names = format!("{} - {}", pair.left, pair.right);
        let mut cells = vec![
            whose(report, names, pair.noise, pair.runs),
            measure(score),
            difference(score, pair.met.as_ref()),
        ];
        cells.extend(others.map(measure));
        cells
    };
    table.rows = report.pairs.iter().map(row).collect();
    page.table(&table);
}

fn difference(measure: Measure, of: Option<&Estimate>) -> Cell {
    let mut cell = estimate(measure, of);
    if of.is_some_and(Estimate::is_clear) {
        cell.text.push_str(" *");
    }
    cell
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
    let mut table = Table::of_words(&["scenario", "seed", "policy", "noise", "why"]);
    let row = |scenario: &str, seed: u64, policy: &str, noise: u32, why: &str| {
        vec![
            scenario.into(),
            seed.to_string().into(),
            policy.into(),
            format!("{noise} %").into(),
            why.into(),
        ]
    };
    let skipped = report.skipped.iter();
    let skipped = skipped.map(|one| row(&one.scenario, one.seed, "all", one.noise, &one.why));
    let broken = report.broken.iter();
    let broken = broken.map(|one| row(&one.scenario, one.seed, &one.policy, one.noise, &one.why));
    table.rows = skipped.chain(broken).collect();
    page.table(&table);
}
