//! Which action fits which state: the one guard that the node judges a command by, and that every screen and command
//! line asks before it offers one.

use std::fmt;

use crate::words::{ActionKind, ProcessState};

/// Why an action does not fit, in the words that a person reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The sentence.
    pub sentence: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}

impl std::error::Error for Refusal {}

/// May this action be asked of a service in this state? *Start* is for the dead, *recover* for the living; *restart*,
/// *stop* and *kill* say what they do with whatever is there.
pub fn check_action(action: ActionKind, service: &str, state: ProcessState) -> Result<(), Refusal> {
    use ActionKind::{Kill, Recover, Restart, Start, Stop};
    use ProcessState::{Backoff, Exited, Fatal, Running, Starting, Stopped, Stopping};
    let sentence = match (action, state) {
        (Start, Stopped | Exited | Fatal | Backoff)
        | (Restart | Stop, Running | Starting | Exited | Fatal | Backoff)
        | (Kill, Running | Starting | Stopping)
        | (Recover, Running) => return Ok(()),
        (Start, Running | Starting) => {
            format!("start is for stopped services; {service} is {}", say(state))
        }
        (Start | Restart | Stop, Stopping) => {
            format!("{service} is stopping: wait until it has stopped")
        }
        (Restart, Stopped) => {
            format!("restart is for running services; {service} is stopped: start it")
        }
        (Stop, Stopped) => format!("{service} is stopped already"),
        (Kill, Stopped | Exited | Fatal | Backoff) => {
            format!(
                "kill is for running services; {service} is {} and has no process",
                say(state)
            )
        }
        (Recover, Starting | Stopping) => {
            format!(
                "recover is for running services; {service} is {}: wait",
                say(state)
            )
        }
        (Recover, Stopped | Exited | Fatal | Backoff) => {
            format!(
                "recover is for running services; {service} is {}: start it",
                say(state)
            )
        }
    };
    Err(Refusal { sentence })
}

fn say(state: ProcessState) -> &'static str {
    match state {
        ProcessState::Stopped => "stopped",
        ProcessState::Starting => "starting",
        ProcessState::Running => "running",
        ProcessState::Backoff => "waiting to be started again",
        ProcessState::Stopping => "stopping",
        ProcessState::Exited => "dead",
        ProcessState::Fatal => "given up",
    }
}
