//! What a benchmark and a tournament say on the terminal.

use arena_lab::{Estimate, Measure, Pair, Report, Row, ScenarioRow, Share, Standings, TOLD_MIN};

use crate::screen::{self, Cell, Tone, talk};

/// Scenarios of which a person is told one by one; the report has all of them.
const SCENARIOS_TOLD_MAX: usize = 40;
/// Ends that differ less from the mean look equally far with two digits.
const SKEW_SHOWN: f64 = 0.005;

/// The tables of a benchmark, for stdout.
pub(super) fn bench(report: &Report) -> String {
    let [score, others @ ..] = Measure::ALL.map(Measure::title);
    let mut head = vec!["policy", score, "noise", "runs", "met %", "healed %"];
    head.extend(others);
    let rows: Vec<Vec<Cell>> = report.policies.iter().map(policy).collect();
    let mut text = screen::table(&head, &rows);
    if !report.pairs.is_empty() {
        text.push('\n');
        text.push_str(&pairs(report));
    }
    let missed: Vec<&ScenarioRow> = report
        .scenarios
        .iter()
        .filter(|row| is_missed(row))
        .collect();
    if !missed.is_empty() {
        text.push('\n');
        text.push_str(&scenarios(&missed));
    }
    text
}

fn policy(row: &Row) -> Vec<Cell> {
    let estimates = Measure::ALL.map(|measure| estimate(measure, row.measures.get(&measure)));
    let [score, others @ ..] = estimates.map(Cell::from);
    let mut cells = vec![
        row.policy.as_str().into(),
        score,
        row.noise.to_string().into(),
        row.met.map_or(0, |share| share.n).to_string().into(),
        share(row.met.as_ref()),
        share(row.healed.as_ref()),
    ];
    cells.extend(others);
    cells
}

fn share(share: Option<&Share>) -> Cell {
    let Some(share) = share else {
        return "-".into();
    };
    let text = match share.n {
        0..TOLD_MIN => format!("{:.0}", share.percent),
        _ => format!("{:.0} [{:.0}-{:.0}]", share.percent, share.low, share.high),
    };
    let tone = if share.count == share.n {
        Tone::Good
    } else {
        Tone::Plain
    };
    Cell(text, tone)
}

/// A mean with its interval: half of its width, or both ends where these are not equally far.
fn estimate(measure: Measure, estimate: Option<&Estimate>) -> String {
    let Some(estimate) = estimate else {
        return "-".to_owned();
    };
    let mean = measure.shown(estimate.mean);
    let Some((low, high)) = estimate.low.zip(estimate.high) else {
        return format!("{mean:.2}");
    };
    let (low, high) = (measure.shown(low), measure.shown(high));
    // What cannot be is cut off, so the mean is not always in the middle.
    if (high - mean - (mean - low)).abs() < SKEW_SHOWN {
        return format!("{mean:.2} ±{:.2}", high - mean);
    }
    format!("{mean:.2} [{low:.2}, {high:.2}]")
}

fn pairs(report: &Report) -> String {
    let shown = [Measure::DetectMs, Measure::RecoverMs];
    let mut head = vec![
        "first minus second, same seeds",
        Measure::Composite.title(),
        "noise",
        "runs",
        "met %-points",
    ];
    head.extend(shown.map(Measure::title));
    let row = |pair: &Pair| {
        let star = |told: String, estimate: Option<&Estimate>| match estimate {
            Some(estimate) if estimate.is_clear() => Cell::from(format!("{told} *")),
            _ => told.into(),
        };
        let met = estimate(Measure::Composite, pair.met.as_ref());
        let measure = |measure| {
            let difference = pair.difference.get(&measure);
            star(estimate(measure, difference), difference)
        };
        let mut cells: Vec<Cell> = vec![
            format!("{} - {}", pair.left, pair.right).into(),
            measure(Measure::Composite),
            pair.noise.to_string().into(),
            pair.runs.to_string().into(),
            star(met, pair.met.as_ref()),
        ];
        cells.extend(shown.map(measure));
        cells
    };
    let rows: Vec<Vec<Cell>> = report.pairs.iter().map(row).collect();
    screen::table(&head, &rows)
}

fn is_missed(row: &ScenarioRow) -> bool {
    row.row.met.is_some_and(|share| share.count < share.n)
}

/// Those that were not always met, by policy.
fn scenarios(missed: &[&ScenarioRow]) -> String {
    let head = [
        "not always met",
        "policy",
        "noise",
        "met %",
        "recover s",
        "score",
    ];
    let row = |row: &&ScenarioRow| {
        let measure = |measure| Cell::from(estimate(measure, row.row.measures.get(&measure)));
        vec![
            row.scenario.as_str().into(),
            row.row.policy.as_str().into(),
            row.row.noise.to_string().into(),
            share(row.row.met.as_ref()),
            measure(Measure::RecoverMs),
            measure(Measure::Composite),
        ]
    };
    let shown = missed.iter().take(SCENARIOS_TOLD_MAX);
    let rows: Vec<Vec<Cell>> = shown.map(row).collect();
    let mut text = screen::table(&head, &rows);
    let more = missed.len().saturating_sub(SCENARIOS_TOLD_MAX);
    if more > 0 {
        text.extend([format!("and {more} more rows (--json, --out)\n")]);
    }
    text
}

/// What was planned and is not in the numbers, on stderr.
pub(super) fn not_played(report: &Report) {
    for one in &report.skipped {
        let (name, seed, noise) = (&one.scenario, one.seed, one.noise);
        talk!(
            "left out: {name}, seed {seed}, noise {noise} %: {}",
            one.why
        );
    }
    for one in &report.broken {
        let (name, seed, policy) = (&one.scenario, one.seed, &one.policy);
        talk!("broken: {name}, seed {seed}, policy {policy}: {}", one.why);
    }
    let (made, broken) = (report.runs.len(), report.broken.len());
    let (planned, left_out) = (report.planned, report.left_out);
    talk!("{made} runs of {planned} planned ones, {left_out} left out, {broken} broken");
}

/// The cross table of a tournament: how much of their time users were served well in.
pub(super) fn tournament(standings: &Standings, felix: &[String]) -> String {
    let mut head = vec!["users served well, %"];
    head.extend(felix.iter().map(String::as_str));
    let mut villains: Vec<&str> = standings
        .cells
        .iter()
        .map(|cell| cell.villain.as_str())
        .collect();
    villains.dedup();
    let row = |villain: &&str| {
        let own = standings
            .cells
            .iter()
            .filter(|cell| cell.villain == **villain);
        let cells =
            own.map(|cell| Cell::from(estimate(Measure::Composite, cell.served_percent.as_ref())));
        std::iter::once(Cell::from(*villain)).chain(cells).collect()
    };
    let rows: Vec<Vec<Cell>> = villains.iter().map(row).collect();
    let mut text = screen::table(&head, &rows);
    if standings.versus.is_empty() {
        return text;
    }
    let rows: Vec<Vec<Cell>> = standings
        .versus
        .iter()
        .map(|one| {
            let difference = one.served_percent.as_ref();
            let told = estimate(Measure::Composite, difference);
            let star = if difference.is_some_and(Estimate::is_clear) {
                " *"
            } else {
                ""
            };
            vec![
                one.villain.as_str().into(),
                format!("{} - {}", one.left, one.right).into(),
                format!("{told}{star}").into(),
            ]
        })
        .collect();
    text.push('\n');
    text.push_str(&screen::table(
        &["against", "first minus second", "%-points"],
        &rows,
    ));
    text
}
