//! Which action fits which state: the one guard that the node judges a command by, and that every screen and command
//! line asks before it offers one.

use std::fmt;

use crate::status::{NodeStatus, ServiceDetail};
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
pub fn check_action(
    action: ActionKind,
    service: &str,
    state: ProcessState,
    detail: &ServiceDetail,
) -> Result<(), Refusal> {
    use ActionKind::{
        CleanDisk, Drain, FreePort, Kill, Quarantine, Recover, Restart, Rollback, Start, Stop,
        Throttle, Undrain, Unquarantine, Unthrottle,
    };
    use ProcessState::{Backoff, Exited, Fatal, Running, Starting, Stopped, Stopping};
    let sentence = match (action, state) {
        _ if detail.no_agent => {
            format!(
                "nothing can be done to {service}: its node has no agent, it is only told of over HTTP"
            )
        }
        (Drain, _) if detail.drained => format!("{service} is drained already"),
        (Undrain, _) if !detail.drained => format!("{service} is not drained"),
        (Unthrottle, _) if detail.throttled.is_none() => format!("{service} is not throttled"),
        (Rollback, _) if !detail.can_roll_back => {
            format!("{service} has no earlier version that was healthy to roll back to")
        }
        (CleanDisk, _) if !detail.can_clean_disk => {
            format!("{service} does not say what may be deleted (`clean` in arena.toml)")
        }
        (FreePort, _) if detail.port_holder.is_none() => {
            format!("no foreign process holds the port of {service}")
        }
        (Throttle, Stopped | Exited | Fatal | Backoff | Stopping) => {
            format!(
                "throttle is for running services; {service} is {}",
                say(state)
            )
        }
        (Quarantine | Unquarantine, _) => {
            format!("{} is for a node, not for a service", action.verb())
        }
        (Start, Stopped | Exited | Fatal | Backoff)
        | (Restart | Stop, Running | Starting | Exited | Fatal | Backoff)
        | (Kill, Running | Starting | Stopping)
        | (Recover, Running) => return Ok(()),
        (Start, Running | Starting) => {
            format!("start is for stopped services; {service} is {}", say(state))
        }
        (Start | Restart | Stop | Rollback | FreePort, Stopping) => {
            format!("{service} is stopping: wait until it has stopped")
        }
        (Drain | Undrain | Throttle | Unthrottle | Rollback | CleanDisk | FreePort, _) => {
            return Ok(());
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

/// May anything be asked of a node itself, or of a service whatever its state? Not where no agent is.
pub fn check_agent(node: &NodeStatus) -> Result<(), Refusal> {
    if node.has_agent() {
        return Ok(());
    }
    Err(Refusal {
        sentence: format!(
            "nothing can be done to {}: it has no agent, it is only told of over HTTP",
            node.node
        ),
    })
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
