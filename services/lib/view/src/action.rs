//! Which action a window may ask for, and why not: what the node would refuse is refused here, in the same words.
//!
//! The node judges every command once more, and has the last word.

use std::collections::BTreeMap;
use std::fmt;

use arena_proto::{
    ActionKind, Control, Entity, LeverPosition, NodeStatus, ServiceStatus, check_action,
    check_agent,
};
use serde::Serialize;

use crate::Liveness;

/// What a person does about a control value that is lost.
pub const LOST_MEND: &str = "`arena lever resume` or `arena lever stop` writes it anew";

/// Whom an action is for, as it stands.
#[derive(Debug, Clone, Copy)]
pub enum Standing<'a> {
    /// One service.
    Service(&'a ServiceStatus),
    /// A whole node.
    Node(&'a NodeStatus),
}

impl Standing<'_> {
    const fn has_agent(self) -> bool {
        match self {
            Self::Service(service) => !service.detail.no_agent,
            Self::Node(node) => node.has_agent(),
        }
    }
}

/// Why an action is not asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Why.
    pub sentence: String,
    /// What a person does about it, where that is known.
    pub mend: Option<String>,
    /// It can never be asked of such a target, or not with such parameters, however things stand.
    pub is_usage: bool,
}

impl Refused {
    fn now(sentence: String, mend: Option<&str>) -> Self {
        Self {
            sentence,
            mend: mend.map(str::to_owned),
            is_usage: false,
        }
    }

    fn usage(sentence: String, mend: String) -> Self {
        Self {
            sentence,
            mend: Some(mend),
            is_usage: true,
        }
    }
}

impl fmt::Display for Refused {
    /// The sentence, and what to do about it on a line of its own.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)?;
        match &self.mend {
            Some(mend) => write!(f, "\n  mend: {mend}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Refused {}

/// An action as a window offers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ActionView {
    /// As people write it: `restart`, `clean-disk`.
    pub action: String,
    /// It may be asked for now.
    pub allowed: bool,
    /// Why not; null when it is allowed.
    pub reason: Option<String>,
}

/// May this action be asked for? `control_lost`: why nobody can say what people decided.
pub fn check(
    action: ActionKind,
    target: &Entity,
    standing: Standing<'_>,
    control: &Control,
    control_lost: Option<&str>,
) -> Result<(), Refused> {
    fits(action, target)?;
    if let Some(lost) = control_lost {
        return Err(Refused::now(lost.to_owned(), Some(LOST_MEND)));
    }
    if control.lever == LeverPosition::Stopped {
        let by = control
            .lever_set
            .as_ref()
            .map_or_else(String::new, |(by, at)| format!(" by {by} at {at}"));
        return Err(Refused::now(
            format!("lever STOPPED{by}: nodes refuse every command, also a person's"),
            Some("arena lever resume"),
        ));
    }
    let sentence = match standing {
        Standing::Service(service) => check_action(
            action,
            service.name.as_str(),
            service.state,
            &service.detail,
        )
        .err()
        .map(|refusal| refusal.sentence),
        Standing::Node(node) => match (action, node.quarantined) {
            _ if !node.has_agent() => check_agent(node).err().map(|refusal| refusal.sentence),
            (ActionKind::Quarantine, true) => Some(format!("{target} is quarantined already")),
            (ActionKind::Unquarantine, false) => Some(format!("{target} is not quarantined")),
            _ => None,
        },
    };
    sentence.map_or(Ok(()), |sentence| Err(Refused::now(sentence, None)))
}

/// Every action for this kind of target. Of an agent that does not answer nothing is offered: it would not be done.
#[must_use]
pub fn actions(
    target: &Entity,
    standing: Standing<'_>,
    liveness: Liveness,
    control: &Control,
    control_lost: Option<&str>,
) -> Vec<ActionView> {
    let is_node = matches!(standing, Standing::Node(_));
    let fitting = ActionKind::ALL
        .iter()
        .filter(|action| action.is_for_nodes() == is_node);
    let view = |action: &ActionKind| {
        let checked = if liveness.answers() || !standing.has_agent() {
            check(*action, target, standing, control, control_lost)
                .map_err(|refused| refused.sentence)
        } else {
            Err(format!(
                "the agent of {} does not answer: it would drop what it is asked",
                target.node
            ))
        };
        ActionView {
            action: action.verb(),
            allowed: checked.is_ok(),
            reason: checked.err(),
        }
    };
    fitting.map(view).collect()
}

/// The parameters that an action takes.
#[must_use]
pub const fn parameters(action: ActionKind) -> &'static [&'static str] {
    match action {
        ActionKind::Throttle => &["percent", "for"],
        _ => &[],
    }
}

/// What can be told before anybody is asked: an action of nodes is for no service, and an action takes its own parameters.
/// That an action of services is for no node is told by [`check`]: a name without a node may be a service's.
pub fn check_shape(
    action: ActionKind,
    target: &Entity,
    params: &BTreeMap<String, String>,
) -> Result<(), Refused> {
    if action.is_for_nodes() {
        fits(action, target)?;
    }
    let known = parameters(action);
    let unknown = params.keys().find(|name| !known.contains(&name.as_str()));
    let Some(name) = unknown else {
        return Ok(());
    };
    let mend = match known {
        [] => "it takes none".to_owned(),
        known => format!("it takes {}", known.join(" and ")),
    };
    let verb = action.verb();
    Err(Refused::usage(
        format!("{verb} has no parameter {name}"),
        mend,
    ))
}

fn fits(action: ActionKind, target: &Entity) -> Result<(), Refused> {
    let verb = action.verb();
    match (action.is_for_nodes(), &target.service) {
        (true, Some(_)) => Err(Refused::usage(
            format!("{verb} is for a whole node, and {target} is a service"),
            format!("arena do {verb} {}", target.node),
        )),
        (false, None) => Err(Refused::usage(
            format!("{target} is a node; {verb} is for services"),
            "write NODE/SERVICE".to_owned(),
        )),
        _ => Ok(()),
    }
}
