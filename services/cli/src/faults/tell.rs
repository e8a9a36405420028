//! The catalogue in words.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use arena_view::faults::{FaultReport, TargetReport};

use crate::screen::{self, Cell, Tone};

/// All of them, a line each.
pub(super) fn all(faults: &[FaultReport], has_arena: bool) -> String {
    let head: &[&str] = if has_arena {
        &["fault", "family", "made in", "can take it", "what it does"]
    } else {
        &["fault", "family", "made in", "what it does"]
    };
    let rows: Vec<Vec<Cell>> = faults
        .iter()
        .map(|fault| {
            let mut row = vec![
                Cell::from(fault.name),
                fault.family.into(),
                made_in(fault.scope).into(),
            ];
            if has_arena {
                row.push(share(fault));
            }
            row.push(fault.summary.into());
            row
        })
        .collect();
    let mut text = screen::table(head, &rows);
    for fault in faults {
        if let Some(why) = &fault.machine {
            let _ = writeln!(text, "{}: {why}", fault.name);
        }
    }
    text.push_str(
        "`arena faults NAME` shows its parameters, its symptoms, its cures, and each target\n",
    );
    text
}

fn made_in(scope: &str) -> &str {
    match scope {
        "either" => "service, node",
        one => one,
    }
}

/// How many of those that it is for can take it, and the usual reason of the others.
fn share(fault: &FaultReport) -> Cell {
    let possible = fault
        .targets
        .iter()
        .filter(|target| target.possible)
        .count();
    let all = fault.targets.len();
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for why in fault
        .targets
        .iter()
        .filter_map(|target| target.why_not.as_deref())
    {
        *reasons.entry(why).or_default() += 1;
    }
    match reasons.iter().max_by_key(|(_, count)| **count) {
        Some((why, _)) if possible == 0 => Cell(format!("none: {why}"), Tone::Warn),
        _ => Cell(format!("{possible} of {all}"), Tone::Plain),
    }
}

/// One of them, with everything.
pub(super) fn one(fault: &FaultReport) -> String {
    let mut text = format!(
        "{}: {} {}\n\n",
        fault.name, fault.summary, fault.description
    );
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(text, "{name:<13}{value}");
    };
    line("family", fault.family);
    line("made in", made_in(fault.scope));
    if !fault.needs.is_empty() {
        line("needs", &fault.needs.join("; "));
    }
    line(
        "should cause",
        &or(&fault.symptoms.join(", "), "nothing: the node is well"),
    );
    line(
        "ended by",
        &or(&fault.cures.join(", "), "no action: its time to live"),
    );
    if let Some(why) = &fault.machine {
        line("this machine", why);
    }
    text.push('\n');
    if fault.params.is_empty() {
        text.push_str("It has no parameters.\n");
    } else {
        let rows: Vec<Vec<Cell>> = fault
            .params
            .iter()
            .map(|param| {
                let limit = param
                    .at_most
                    .map_or_else(String::new, |other| format!(", at most the {other}"));
                vec![
                    Cell::from(param.name),
                    format!("{}{limit}", param.range).into(),
                    or(&param.default, "none").into(),
                    param.what.into(),
                ]
            })
            .collect();
        text.push_str(&screen::table(
            &["parameter", "allowed", "default", "what"],
            &rows,
        ));
    }
    if !fault.targets.is_empty() {
        let rows: Vec<Vec<Cell>> = fault.targets.iter().map(target).collect();
        text.push('\n');
        text.push_str(&screen::table(&["target", "can take it"], &rows));
    }
    text
}

fn target(target: &TargetReport) -> Vec<Cell> {
    let can = match &target.why_not {
        None => Cell("yes".to_owned(), Tone::Good),
        Some(why) => Cell(format!("no: {why}"), Tone::Warn),
    };
    vec![Cell::from(target.target.clone()), can]
}

fn or(text: &str, none: &str) -> String {
    if text.is_empty() { none } else { text }.to_owned()
}
