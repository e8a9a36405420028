//! How times are distributed by policy, and what telemetry noise does to the score.

use std::fmt::Write as _;

use plotters::prelude::*;

use super::draw::{DrawError, FONT, GRID, HEIGHT, INK, WIDTH, finish, series, words};
use super::{Page, Table, escape};
use crate::bench::Report;
use crate::job::Measure;
use crate::stats::{count, quantile};

/// Labels and lines of an axis; more are a blur on a phone.
const TICKS: usize = 8;

/// A line, in the plot's units.
const THIN: u32 = 2;
/// More than that the lowest line is not: it would be a bar.
const THICK: u32 = 8;
/// Of the width: so much further right is each line with its intervals than the last one, so that all are seen.
const ASIDE: f64 = 0.006;

/// A line of a plot.
struct Line {
    /// Whose it is.
    name: String,
    /// Its points, from left to right.
    points: Vec<(f64, f64)>,
    /// Of each point the ends of its interval; empty where there are none.
    spread: Vec<(f64, f64, f64)>,
}

/// The policies in their order.
pub(super) fn policies(report: &Report) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for row in &report.policies {
        if !names.contains(&row.policy.as_str()) {
            names.push(&row.policy);
        }
    }
    names
}

pub(super) fn times(page: &mut Page, report: &Report) -> Result<(), DrawError> {
    page.section(
        "How long it takes",
        "For each policy the share of its runs that were as quick as that, or quicker; all levels of noise together. \
         Runs in which nothing was to be found or healed are left out; a miss is at its scenario's limit.",
    );
    for (measure, caption) in [
        (
            Measure::DetectMs,
            "Time to detect: share of the runs (%) by seconds",
        ),
        (
            Measure::RecoverMs,
            "Time to recover: share of the runs (%) by seconds",
        ),
    ] {
        let mut table = Table::new(&[
            "policy", "runs", "5 %", "25 %", "50 %", "75 %", "95 %", "100 %",
        ]);
        let mut lines = Vec::new();
        for policy in policies(report) {
            let own = report.runs.iter().filter(|run| run.policy == policy);
            let mut values: Vec<f64> = own
                .filter_map(|run| Some(measure.shown(run.measure(measure)?)))
                .collect();
            values.sort_by(f64::total_cmp);
            if values.is_empty() {
                continue;
            }
            let mut row = vec![policy.into(), values.len().to_string().into()];
            for percent in [5, 25, 50, 75, 95, 100] {
                row.push(format!("{:.2} s", quantile(&values, percent)).into());
            }
            table.rows.push(row);
            lines.push(steps(policy, &values));
        }
        if lines.is_empty() {
            continue;
        }
        key(page, &lines);
        page.figure(&plot(&lines, "seconds", "% of the runs")?, caption, &table);
    }
    Ok(())
}

/// The distribution function: a step up at each value.
fn steps(policy: &str, sorted: &[f64]) -> Line {
    let total = count(sorted.len());
    let mut points = vec![(0.0, 0.0)];
    let mut height = 0.0;
    for (index, value) in sorted.iter().enumerate() {
        if sorted.get(index + 1) == Some(value) {
            continue;
        }
        points.push((*value, height));
        height = 100.0 * count(index + 1) / total;
        points.push((*value, height));
    }
    Line {
        name: policy.to_owned(),
        points,
        spread: Vec::new(),
    }
}

pub(super) fn noise(page: &mut Page, report: &Report) -> Result<(), DrawError> {
    if report.noise.len() < 2 {
        return Ok(());
    }
    page.section(
        "Score against telemetry noise",
        "At N % noise so many percent of every node's telemetry are lost, as many told twice, and each is late by 20 ms a percent. \
         Bars are 95 % confidence intervals.",
    );
    let mut table = Table::new(&["policy", "noise", "score"]);
    let mut lines = Vec::new();
    let most = report.noise.iter().max().copied().unwrap_or_default();
    let aside = ASIDE * f64::from(most);
    for policy in policies(report) {
        let mut line = Line {
            name: policy.to_owned(),
            points: Vec::new(),
            spread: Vec::new(),
        };
        for row in report.policies.iter().filter(|row| row.policy == policy) {
            let Some(score) = row.measures.get(&Measure::Composite) else {
                continue;
            };
            let at = f64::from(row.noise) + aside * count(lines.len());
            line.points.push((at, score.mean));
            let ends = score.low.zip(score.high);
            line.spread.extend(ends.map(|(low, high)| (at, low, high)));
            let shown = super::tables::estimate(Measure::Composite, Some(score));
            table.rows.push(vec![
                policy.into(),
                format!("{} %", row.noise).into(),
                shown,
            ]);
        }
        line.points
            .sort_by(|left, right| left.0.total_cmp(&right.0));
        if !line.points.is_empty() {
            lines.push(line);
        }
    }
    if lines.is_empty() {
        return Ok(());
    }
    key(page, &lines);
    let svg = plot(&lines, "telemetry noise, %", "score")?;
    page.figure(&svg, "Mean score by telemetry noise", &table);
    Ok(())
}

/// Which colour is whose.
fn key(page: &mut Page, lines: &[Line]) {
    page.raw("<ul class=\"key\">");
    for (index, line) in lines.iter().enumerate() {
        let _ = write!(
            page.text,
            "<li><span style=\"background:var(--series-{})\"></span>{}</li>",
            index % 8,
            escape(&line.name)
        );
    }
    page.raw("</ul>\n");
}

fn plot(lines: &[Line], across: &str, up: &str) -> Result<String, DrawError> {
    let mut svg = String::new();
    draw(&mut svg, lines, across, up).map_err(|error| DrawError::of(&error))?;
    Ok(finish(&svg))
}

/// Of lines that lie on each other the upper ones are thinner, so that all are seen.
fn width(index: usize, lines: usize) -> u32 {
    let [index, last] = [index, lines - 1].map(|count| u32::try_from(count).unwrap_or(u32::MAX));
    let more = last.saturating_mul(THIN).min(THICK - THIN);
    THIN + more * (last - index) / last.max(1)
}

type Drawn = Result<(), DrawingAreaErrorKind<std::io::Error>>;

fn draw(svg: &mut String, lines: &[Line], across: &str, up: &str) -> Drawn {
    let all = || lines.iter().flat_map(|line| &line.points);
    let most = |values: &mut dyn Iterator<Item = f64>| values.fold(0.0, f64::max);
    let right = most(&mut all().map(|point| point.0));
    let spread = lines.iter().flat_map(|line| &line.spread);
    let tops = all()
        .map(|point| point.1)
        .chain(spread.map(|spread| spread.2));
    let top = most(&mut tops.into_iter());
    let area = SVGBackend::with_string(svg, (WIDTH, HEIGHT)).into_drawing_area();
    let mut chart = ChartBuilder::on(&area)
        .margin(8)
        .margin_right(24)
        .x_label_area_size(44)
        .y_label_area_size(56)
        // A plot of nothing but zeros still has a height.
        .build_cartesian_2d(0.0..right.max(1e-9) * 1.02, 0.0..top.max(1e-9) * 1.05)?;
    chart
        .configure_mesh()
        .x_labels(TICKS)
        .y_labels(TICKS)
        .x_desc(across)
        .y_desc(up)
        .label_style(words())
        .axis_desc_style(words())
        .axis_style(INK)
        .bold_line_style(GRID)
        .light_line_style(TRANSPARENT)
        .draw()?;
    for (index, line) in lines.iter().enumerate() {
        let width = if line.spread.is_empty() {
            width(index, lines.len())
        } else {
            THIN
        };
        let style = series(index).stroke_width(width);
        chart.draw_series(LineSeries::new(line.points.iter().copied(), style))?;
        chart.draw_series(line.spread.iter().map(|(at, low, high)| {
            PathElement::new(vec![(*at, low.max(0.0)), (*at, *high)], style)
        }))?;
        if line.spread.is_empty() {
            continue;
        }
        chart.draw_series(
            line.points
                .iter()
                .map(|point| Circle::new(*point, FONT / 4, series(index).filled())),
        )?;
    }
    area.present()
}
