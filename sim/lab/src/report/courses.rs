//! How runs went: when something was hurt, found, acted on and well again, one policy below the other in the same scenario and seed.

use plotters::prelude::*;

use super::draw::{
    ACTION, DrawError, FAULT, FONT, GRID, HEALED, INCIDENT, INK, WIDTH, finish, words,
};
use super::plots::policies;
use super::{Page, Table};
use crate::bench::Report;
use crate::course::{Course, Lane};
use crate::job::{Measure, Trial};
use crate::stats::count;

/// Scenarios that are shown: enough to see how policies differ, few enough to be looked at.
const SHOWN_MAX: usize = 6;
/// Rows of one plot: what follows is in the table.
const ROWS_MAX: usize = 14;
/// Height of a row, in the plot's units.
const ROW: u32 = 24;
/// Letters of a row's label that fit beside the plot.
const LABEL_MAX: usize = 27;

pub(super) fn lines(page: &mut Page, report: &Report) -> Result<(), DrawError> {
    page.section(
        "How runs went",
        "The scenarios in which the policies differ most (with one policy: those that it does worst in), each with its first seed. Time runs from \
         the first fault on, in seconds; the green line is when users were well for good.",
    );
    page.raw(
        "<ul class=\"key\"><li><span style=\"background:var(--fault)\"></span>fault in effect</li>\
         <li><span style=\"background:var(--incident)\"></span>incident open</li>\
         <li><span style=\"background:var(--action)\"></span>action done</li>\
         <li><span style=\"background:var(--healed)\"></span>healed</li></ul>\n",
    );
    for scenario in chosen(report) {
        for policy in policies(report) {
            let found = |run: &&Trial| run.scenario == scenario && run.policy == policy;
            let Some(run) = report.runs.iter().find(found) else {
                continue;
            };
            let word = if run.outcome.met { "met" } else { "not met" };
            let caption = format!("{scenario}, seed {}, {policy}: {word}", run.seed);
            let course = &run.outcome.course;
            page.figure(&plot(course)?, &caption, &numbers(course));
        }
    }
    Ok(())
}

/// The names of the scenarios that tell most.
fn chosen(report: &Report) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for row in &report.scenarios {
        if !names.contains(&row.scenario.as_str()) {
            names.push(&row.scenario);
        }
    }
    let interest = |name: &str| -> f64 {
        let scores: Vec<f64> = report
            .scenarios
            .iter()
            .filter(|row| row.scenario == name)
            .filter_map(|row| Some(row.row.measures.get(&Measure::Composite)?.mean))
            .collect();
        let least = scores.iter().copied().fold(f64::INFINITY, f64::min);
        match scores.as_slice() {
            [] => f64::NEG_INFINITY,
            [one] => -one,
            _ => scores.iter().copied().fold(f64::NEG_INFINITY, f64::max) - least,
        }
    };
    // A stable sort: those that are alike stay in their order.
    names.sort_by(|left, right| interest(right).total_cmp(&interest(left)));
    names.truncate(SHOWN_MAX);
    names
}

fn numbers(course: &Course) -> Table {
    let mut table = Table::of_words(&["what", "which", "from", "to"]);
    let seconds = |ms: u64| format!("{}.{:03} s", ms / 1000, ms % 1000);
    for span in &course.spans {
        table.rows.push(vec![
            span.lane.as_str().into(),
            span.label.as_str().into(),
            seconds(span.from_ms).into(),
            seconds(span.to_ms).into(),
        ]);
    }
    if let Some(healed) = course.healed_ms {
        let at = seconds(healed);
        table
            .rows
            .push(vec!["healed".into(), "".into(), at.into(), "".into()]);
    }
    table
}

fn plot(course: &Course) -> Result<String, DrawError> {
    let mut svg = String::new();
    draw(&mut svg, course).map_err(|error| DrawError::of(&error))?;
    Ok(finish(&svg))
}

type Drawn = Result<(), DrawingAreaErrorKind<std::io::Error>>;

fn draw(svg: &mut String, course: &Course) -> Drawn {
    let rows = &course.spans[..course.spans.len().min(ROWS_MAX)];
    let height = ROW * u32::try_from(rows.len().max(1)).unwrap_or(1) + 60;
    let seconds = |ms: u64| std::time::Duration::from_millis(ms).as_secs_f64();
    let last = rows.iter().map(|span| span.to_ms).chain([course.end_ms]);
    let right = seconds(last.max().unwrap_or(0)).max(1.0);
    let area = SVGBackend::with_string(svg, (WIDTH, height)).into_drawing_area();
    let mut chart = ChartBuilder::on(&area)
        .margin(8)
        .margin_right(24)
        .x_label_area_size(36)
        .y_label_area_size(230)
        .build_cartesian_2d(0.0..right, 0.0..count(rows.len().max(1)))?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .disable_y_axis()
        .x_labels(8)
        .x_desc("seconds")
        .label_style(words())
        .axis_desc_style(words())
        .axis_style(INK)
        .bold_line_style(GRID)
        .light_line_style(TRANSPARENT)
        .draw()?;
    let plain = chart.plotting_area().clone();
    for (index, span) in rows.iter().enumerate() {
        let bottom = count(rows.len() - index - 1);
        let (from, to) = (seconds(span.from_ms), seconds(span.to_ms));
        let color = match span.lane {
            Lane::Fault => FAULT,
            Lane::Incident => INCIDENT,
            Lane::Action => ACTION,
        };
        // What is over at once is still to be seen.
        let to = to.max(from + right / 300.0).min(right);
        let corners = [(from, bottom + 0.2), (to, bottom + 0.8)];
        chart.draw_series([Rectangle::new(corners, color.filled())])?;
        let (_, y) = plain.map_coordinate(&(0.0, bottom + 0.5));
        area.draw_text(&shortened(&span.label), &words(), (8, y - FONT / 2))?;
    }
    if let Some(healed) = course.healed_ms {
        let at = seconds(healed).min(right);
        let top = count(rows.len().max(1));
        let line = PathElement::new(vec![(at, 0.0), (at, top)], HEALED.stroke_width(3));
        chart.draw_series([line])?;
    }
    area.present()
}

fn shortened(label: &str) -> String {
    if label.chars().count() <= LABEL_MAX {
        return label.to_owned();
    }
    let kept: String = label.chars().take(LABEL_MAX - 1).collect();
    format!("{kept}…")
}
