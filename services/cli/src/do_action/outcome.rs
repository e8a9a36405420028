//! What became of a command, and how that is told.

use arena_operator::UNKNOWN_MEND;
use arena_proto::{CommandState, Outcome, RejectionReason};
use serde::Serialize;

use crate::exit::{Exit, Failure};
use crate::screen;

/// What `--json` prints.
#[derive(Serialize)]
struct Report<'a> {
    command_id: &'a str,
    action: &'a str,
    target: String,
    state: CommandState,
    reason: Option<RejectionReason>,
    message: &'a str,
    pid_before: Option<u32>,
    pid_after: Option<u32>,
}

/// Tells it, and fails where it was not done.
pub(super) fn tell(outcome: &Outcome, json: bool) -> Result<(), Failure> {
    let target = outcome.target();
    if json {
        screen::print_json(&Report {
            command_id: outcome.command_id.as_str(),
            action: outcome.action.as_str(),
            target: target.to_string(),
            state: outcome.state,
            reason: outcome.reason,
            message: &outcome.message,
            pid_before: outcome.pid_before,
            pid_after: outcome.pid_after,
        })?;
    }
    let verb = outcome.action.verb();
    let reason = outcome
        .reason
        .map_or_else(String::new, |reason| format!(" ({reason})"));
    let message = if outcome.message.is_empty() { "" } else { ": " };
    let line = format!(
        "{verb} {target}: {}{reason}{message}{}",
        outcome.state, outcome.message
    );
    match outcome.state {
        CommandState::Succeeded => {
            eprintln!("{line}");
            Ok(())
        }
        CommandState::TimedOut => Err(Exit::Timeout.because(line)),
        CommandState::Unknown => Err(Exit::Failed.because(format!("{line}; {UNKNOWN_MEND}"))),
        _ => Err(Exit::Failed.because(line)),
    }
}
