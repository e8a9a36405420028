//! One action to one service or node, through the guard that also judges the remediator's commands.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arena_proto::{
    ActionKind, Command, CommandId, Entity, NodeStatus, Preconditions, ServiceStatus, Timestamp,
};
use arena_view::action::{self, Standing};

use crate::{Kind, Operator, OperatorError, control};

/// A person's command that is not taken within this time is not wanted any more.
pub(crate) const EXPIRY: Duration = Duration::from_secs(5);

/// What a person wants done.
#[derive(Debug, Clone)]
pub struct Order {
    /// What.
    pub action: ActionKind,
    /// To whom.
    pub target: Entity,
    /// How.
    pub params: BTreeMap<String, String>,
    /// Why, for the record.
    pub reason: String,
}

/// A command that the guard allows and that is not published, with what the person decided upon.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// What would be published.
    pub command: Command,
    target: Target,
}

/// Whom it is for, as it stood.
#[derive(Debug, Clone)]
enum Target {
    Service(Box<ServiceStatus>),
    Node(Box<NodeStatus>),
}

impl Target {
    fn find(node: NodeStatus, target: &Entity) -> Option<Self> {
        let Some(name) = &target.service else {
            return Some(Self::Node(Box::new(node)));
        };
        let mut services = node.services.into_iter();
        let service = services.find(|service| service.name == *name);
        service.map(|service| Self::Service(Box::new(service)))
    }

    fn standing(&self) -> Standing<'_> {
        match self {
            Self::Service(service) => Standing::Service(service),
            Self::Node(node) => Standing::Node(node),
        }
    }
}

impl Prepared {
    /// The same, decided at this time: a person who was asked may have thought about it for longer than a command is good.
    #[must_use]
    pub fn decided_at(mut self, now: Timestamp) -> Self {
        self.command.at = now;
        self.command.expires_at = now + EXPIRY;
        self
    }

    /// The action, the target and what is known of it, in one line.
    #[must_use]
    pub fn describe(&self) -> String {
        let command = &self.command;
        let mut what = format!("{} {}", command.action.verb(), command.target());
        for (name, value) in &command.params {
            let _ = write!(what, " {name}={value}");
        }
        let state = match &self.target {
            Target::Service(service) => {
                let pid = service
                    .pid
                    .map_or_else(|| "no process".to_owned(), |pid| format!("pid {pid}"));
                format!("{}, {pid}", service.state)
            }
            Target::Node(node) => format!("{} services", node.services.len()),
        };
        format!("{what} ({state})")
    }
}

impl Operator {
    /// Finds the target, asks the guard, and makes the command, without publishing it.
    pub async fn prepare(&self, order: Order, now: Timestamp) -> Result<Prepared, OperatorError> {
        action::check_shape(order.action, &order.target, &order.params)?;
        let node = self.known(&order.target).await?;
        let gone = || Kind::NotFound.because(format!("{} left the arena just now", order.target));
        let target = Target::find(node, &order.target).ok_or_else(gone)?;
        let decided = self.bus.decided().await?;
        let lost = control::lost(&decided);
        let control = decided.control();
        action::check(
            order.action,
            &order.target,
            target.standing(),
            &control,
            lost,
        )?;
        let command = self.command(order, &target, now)?;
        Ok(Prepared { command, target })
    }

    /// The same, and publishes it. Who wants to hear what comes of it listens first: [`Operator::outcomes`].
    pub async fn act(&self, order: Order, now: Timestamp) -> Result<Command, OperatorError> {
        let prepared = self.prepare(order, now).await?;
        self.publish(&prepared.command).await?;
        Ok(prepared.command)
    }

    /// Publishes a command that was prepared.
    pub async fn publish(&self, command: &Command) -> Result<(), OperatorError> {
        Ok(self.bus.publish(command, None).await?)
    }

    fn command(
        &self,
        order: Order,
        target: &Target,
        now: Timestamp,
    ) -> Result<Command, OperatorError> {
        // Two people at one gateway may ask within the same nanosecond, as far as clocks tell.
        static ISSUED: AtomicU64 = AtomicU64::new(0);
        let id = format!(
            "cmd-{}-{}-{}-{}",
            self.issuer,
            now.unix_nanos(),
            std::process::id(),
            ISSUED.fetch_add(1, Ordering::Relaxed)
        );
        let id = CommandId::new(id).map_err(|error| Kind::Failed.because(error))?;
        // The person decided about the process that the status showed, not about its successor.
        let preconditions = match target {
            Target::Service(service) => Preconditions {
                pid: service.pid,
                generation: Some(service.generation),
                start_time: service.detail.start_time.filter(|_| service.pid.is_some()),
            },
            Target::Node(_) => Preconditions::default(),
        };
        Ok(Command {
            id,
            action: order.action,
            node: order.target.node,
            service: order.target.service,
            expires_at: now + EXPIRY,
            deadline: Command::DEADLINE_DEFAULT,
            preconditions,
            incident_id: None,
            issuer: self.issuer.to_owned(),
            reason: order.reason,
            at: now,
            fence: None,
            params: order.params,
        })
    }
}
