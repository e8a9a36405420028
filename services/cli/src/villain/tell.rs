//! A villain in words.

use std::fmt::Write as _;
use std::time::Duration;

use arena_proto::{VillainFault, VillainStatus};

use crate::screen::{self, Cell};

/// So many of its faults are listed, the last ones; `--json` has all.
const FAULTS_TOLD: usize = 15;
/// So many of its lessons.
const LESSONS_TOLD: usize = 10;

/// What was started.
pub(super) fn started(status: &VillainStatus) -> String {
    let mut text = head(status);
    text.push_str("`arena villain status` shows what it does, `arena villain stop` ends it\n");
    text
}

/// How it stands.
pub(super) fn status(status: &VillainStatus) -> String {
    let mut text = head(status);
    if let Some(because) = &status.stopped_because {
        let _ = writeln!(text, "why        {because}");
    }
    if status.policy.is_none() {
        return text;
    }
    let skipped = status.faults.len().saturating_sub(FAULTS_TOLD);
    let rows: Vec<Vec<Cell>> = status.faults[skipped..].iter().map(row).collect();
    if !rows.is_empty() {
        text.push('\n');
        text.push_str(&screen::table(
            &[
                "asked at", "fault", "target", "for", "state", "reason", "id",
            ],
            &rows,
        ));
    }
    if skipped > 0 {
        let _ = writeln!(text, "{skipped} earlier ones: --json");
    }
    if !status.learnt.is_empty() {
        let lessons = status.learnt.iter().take(LESSONS_TOLD);
        let rows: Vec<Vec<Cell>> = lessons
            .map(|lesson| {
                vec![
                    Cell::from(lesson.fault.clone()),
                    lesson.kind.clone().into(),
                    lesson.tries.to_string().into(),
                    duration(lesson.hurt_ms).into(),
                ]
            })
            .collect();
        text.push('\n');
        text.push_str(&screen::table(
            &["learnt", "in", "tries", "hurt for"],
            &rows,
        ));
    }
    if !status.refusals.is_empty() {
        text.push_str("\nrefused lately\n");
        for refusal in &status.refusals {
            let _ = writeln!(text, "  {refusal}");
        }
    }
    text
}

fn head(status: &VillainStatus) -> String {
    let mut text = String::new();
    let Some(policy) = status.policy else {
        let _ = writeln!(
            text,
            "villain    {}",
            screen::paint(&status.state, screen::tone_of(&status.state))
        );
        return text;
    };
    let what = status.scenario.as_ref().map_or_else(
        || format!("seed {}", status.seed.unwrap_or_default()),
        |scenario| format!("scenario {scenario}"),
    );
    let state = screen::paint(&status.state, screen::tone_of(&status.state));
    let _ = writeln!(text, "villain    {}, {what}: {state}", policy.as_str());
    if status.scenario.is_none() {
        let _ = writeln!(
            text,
            "budget     {} of {} faults left, at most {} at once",
            status.budget_left, status.budget, status.at_once
        );
    }
    let at = |at: &Option<String>| at.clone().unwrap_or_default();
    let _ = writeln!(
        text,
        "time       {} to {} at the latest",
        at(&status.started_at),
        at(&status.ends_at)
    );
    let _ = writeln!(text, "stops when {}", stop_when(status));
    text
}

fn stop_when(status: &VillainStatus) -> String {
    let mut conditions = Vec::new();
    if let Some(percent) = status.stop_when.user_error_percent {
        let hold = duration(status.stop_when.user_error_ms);
        conditions.push(format!("user_error_percent > {percent} for {hold}"));
    }
    if status.stop_when.escalated {
        conditions.push("an incident is ESCALATED".to_owned());
    }
    if conditions.is_empty() {
        return "its time is over, or the lever is stopped".to_owned();
    }
    conditions.join(", or ")
}

fn row(fault: &VillainFault) -> Vec<Cell> {
    vec![
        Cell::from(fault.asked_at.clone()),
        fault.fault.clone().into(),
        fault.target.clone().into(),
        duration(fault.ttl_ms).into(),
        screen::state(&fault.state),
        fault.reason.clone().unwrap_or_default().into(),
        fault.id.clone().into(),
    ]
}

/// To the tenth of a second.
fn duration(millis: u64) -> String {
    humantime::format_duration(Duration::from_millis(millis / 100 * 100)).to_string()
}
