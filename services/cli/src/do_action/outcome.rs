//! What became of a command, and how that is told.

use std::time::Duration;

use arena_bus::Deliveries;
use arena_proto::{Command, CommandState, Entity, Outcome, RejectionReason};
use serde::Serialize;

use crate::exit::{Exit, Failure};
use crate::screen;

/// How long after the deadline the outcome may still be under way.
const SLACK: Duration = Duration::from_secs(2);

/// What a person can do where nobody knows whether it was done.
const UNKNOWN_MEND: &str = "nobody knows whether it was done\n  mend: `arena status` shows how things are; doing the same once \
     more is safe for everything but kill";

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

/// Waits for the final outcome.
pub(super) async fn last(
    outcomes: &mut Deliveries<Outcome>,
    command: &Command,
    expiry: Duration,
) -> Result<Outcome, Failure> {
    let search = async {
        while let Some(delivery) = outcomes.next().await {
            let outcome = delivery.message;
            if outcome.command_id == command.id && outcome.state.is_final() {
                return Some(outcome);
            }
        }
        None
    };
    match tokio::time::timeout(expiry + command.deadline + SLACK, search).await {
        Ok(Some(outcome)) => Ok(outcome),
        Ok(None) => {
            Err(Exit::NotRunning.because(format!("the bus went away: UNKNOWN, {UNKNOWN_MEND}")))
        }
        Err(_) => Err(Exit::Timeout.because(format!(
            "the node said nothing about {}: UNKNOWN, {UNKNOWN_MEND}",
            command.id
        ))),
    }
}

/// Tells it, and fails where it was not done.
pub(super) fn tell(target: &Entity, outcome: &Outcome, json: bool) -> Result<(), Failure> {
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
