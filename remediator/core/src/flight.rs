//! A command on its way: to whom, and until when something may come of it.

use std::collections::BTreeMap;
use std::time::Duration;

use arena_proto::{ActionKind, CommandId, Entity, Plan, Preconditions, Timestamp};

/// How long a command is good for. A node that hears it later than this is better asked anew: the world has moved on.
/// Far below the COMMANDS stream's 60 s.
pub(crate) const COMMAND_EXPIRY: Duration = Duration::from_secs(10);
/// How long after its expiry and deadline a command's outcome may still travel before it is UNKNOWN.
const OUTCOME_TRAVEL: Duration = Duration::from_secs(1);

/// A command on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Flight {
    pub(crate) command_id: CommandId,
    pub(crate) action: ActionKind,
    pub(crate) target: Entity,
    /// What it says besides, by name.
    pub(crate) params: BTreeMap<String, String>,
    pub(crate) deadline: Duration,
    pub(crate) issued_at: Timestamp,
    /// The process that it is for; not known of a command from before a restart.
    pub(crate) preconditions: Preconditions,
}

impl Flight {
    pub(crate) fn expires_at(&self) -> Timestamp {
        self.issued_at + COMMAND_EXPIRY
    }

    /// After this nothing can come of it any more: the node refuses it when expired, and ends it at its deadline.
    pub(crate) fn gives_up_at(&self) -> Timestamp {
        self.expires_at() + self.deadline + OUTCOME_TRAVEL
    }

    /// Names the command in a plan.
    pub(crate) fn describe(&self, plan: &mut Plan) {
        plan.action = Some(self.action);
        plan.target = Some(self.target.clone());
        plan.command_id = Some(self.command_id.clone());
    }
}
