//! A command: who asked for it, and what its node says became of it.

use arena_proto::{
    ActionKind, Command, CommandState, Decision, Entity, IncidentId, Outcome, Plan,
    RejectionReason, Timestamp,
};

use super::Facts;
use crate::view::CommandView;

/// What is known of a command.
#[derive(Debug, Default)]
pub(crate) struct CommandFacts {
    asked: Option<Asked>,
    said: Option<Said>,
}

#[derive(Debug)]
struct Asked {
    action: ActionKind,
    target: Entity,
    incident_id: Option<IncidentId>,
    reason: String,
    at: Timestamp,
}

#[derive(Debug)]
struct Said {
    action: ActionKind,
    target: Entity,
    incident_id: Option<IncidentId>,
    state: CommandState,
    reason: Option<RejectionReason>,
    message: String,
    at: Timestamp,
}

impl Said {
    /// Of two words the one further along counts; a node passes each state once, so that the rest only settles what never happens.
    fn rank(&self) -> (u8, Timestamp, CommandState, &str) {
        let progress = match self.state {
            CommandState::Requested => 0,
            CommandState::Accepted => 1,
            CommandState::Running => 2,
            _ => 3,
        };
        (progress, self.at, self.state, &self.message)
    }
}

impl CommandFacts {
    /// A person's, asked for through this gateway.
    pub(crate) fn ask(&mut self, command: &Command) {
        self.asked(Asked {
            action: command.action,
            target: command.target(),
            incident_id: command.incident_id.clone(),
            reason: command.reason.clone(),
            at: command.at,
        });
    }

    /// The remediator's.
    pub(crate) fn plan(&mut self, plan: &Plan) {
        if let (Decision::Act, Some(action)) = (plan.decision, plan.action) {
            self.asked(Asked {
                action,
                target: plan.target.clone().unwrap_or_else(|| plan.entity.clone()),
                incident_id: Some(plan.incident_id.clone()),
                reason: plan.reason.clone(),
                at: plan.at,
            });
        }
    }

    /// Plans that follow name the command too; the first one issued it.
    fn asked(&mut self, asked: Asked) {
        let earlier = |known: &Asked| asked.at < known.at;
        if self.asked.as_ref().is_none_or(earlier) {
            self.asked = Some(asked);
        }
    }

    pub(crate) fn hear(&mut self, outcome: &Outcome) {
        let said = Said {
            action: outcome.action,
            target: outcome.target(),
            incident_id: outcome.incident_id.clone(),
            state: outcome.state,
            reason: outcome.reason,
            message: outcome.message.clone(),
            at: outcome.at,
        };
        let further = |known: &Said| said.rank() > known.rank();
        if self.said.as_ref().is_none_or(further) {
            self.said = Some(said);
        }
    }
}

impl Facts for CommandFacts {
    type View = CommandView;

    fn view(&self, id: &str) -> Option<CommandView> {
        let id = id.to_owned();
        if let Some(said) = &self.said {
            return Some(CommandView {
                id,
                action: said.action,
                target: said.target.clone(),
                state: said.state,
                reason: said.reason,
                message: said.message.clone(),
                incident_id: said.incident_id.as_ref().map(ToString::to_string),
                at: said.at,
            });
        }
        let asked = self.asked.as_ref()?;
        Some(CommandView {
            id,
            action: asked.action,
            target: asked.target.clone(),
            state: CommandState::Requested,
            reason: None,
            message: asked.reason.clone(),
            incident_id: asked.incident_id.as_ref().map(ToString::to_string),
            at: asked.at,
        })
    }
}
