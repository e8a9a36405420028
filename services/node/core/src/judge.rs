//! Which commands the node takes: everything that can be checked before anything is done.

use arena_proto::{
    ActionKind, Command, NodeName, RejectionReason, ServiceDetail, Timestamp, check_action,
};

use crate::service::Service;
use crate::throttle::check_params;

/// Why nothing new is begun, if so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Halt {
    /// The agent stops.
    Stopping,
    /// The safety lever is stopped; who did it, as far as is known.
    Lever(Option<String>),
}

impl Halt {
    /// For a person, with what ends it.
    pub(crate) fn sentence(&self, node: &NodeName) -> String {
        match self {
            Self::Stopping => format!("{node} is stopping"),
            Self::Lever(by) => {
                let by = by.as_ref().map_or(String::new(), |by| format!(" by {by}"));
                format!("the safety lever was stopped{by}: `arena lever resume` releases it")
            }
        }
    }

    const fn reason(&self) -> RejectionReason {
        match self {
            Self::Stopping => RejectionReason::NotAllowed,
            Self::Lever(_) => RejectionReason::LeverStopped,
        }
    }
}

/// What a command is judged by.
pub(crate) struct Ground<'a> {
    pub(crate) node: &'a NodeName,
    /// Its target, if there is one of that name.
    pub(crate) service: Option<&'a Service>,
    pub(crate) halt: Option<&'a Halt>,
    pub(crate) quarantined: bool,
    /// The highest fencing token that was seen before it.
    pub(crate) fence: u64,
    /// A command that is in flight where this one would be, in words.
    pub(crate) in_flight: Option<String>,
}

/// A rejection: the word and the sentence for it.
pub(crate) type Rejection = (RejectionReason, String);

impl Ground<'_> {
    /// Why the command is not done; `Ok`: it is.
    pub(crate) fn check(&self, now: Timestamp, command: &Command) -> Result<(), Rejection> {
        if let Some(halt) = self.halt {
            return Err((halt.reason(), halt.sentence(self.node)));
        }
        if let Some(fence) = command.fence.filter(|fence| *fence < self.fence) {
            let message = format!(
                "issued under lease {fence:#x}; another remediator has {:#x} since",
                self.fence
            );
            return Err((RejectionReason::Fenced, message));
        }
        if now >= command.expires_at {
            let message = format!("it was good until {}", command.expires_at);
            return Err((RejectionReason::Expired, message));
        }
        if command.service.is_some() && self.service.is_none() {
            let message = format!("there is no {}", command.target());
            return Err((RejectionReason::UnknownTarget, message));
        }
        if let Some(other) = &self.in_flight {
            return Err((RejectionReason::Busy, other.clone()));
        }
        match self.service {
            Some(service) => self.check_service(command, service),
            None => self.check_node(command),
        }
    }

    fn check_node(&self, command: &Command) -> Result<(), Rejection> {
        let not_allowed = |message: String| Err((RejectionReason::NotAllowed, message));
        check_params(command.action, &command.params).or_else(not_allowed)?;
        match (command.action, self.quarantined) {
            (ActionKind::Quarantine, true) => {
                not_allowed(format!("{} is quarantined already", self.node))
            }
            (ActionKind::Unquarantine, false) => {
                not_allowed(format!("{} is not quarantined", self.node))
            }
            _ => Ok(()),
        }
    }

    fn check_service(&self, command: &Command, service: &Service) -> Result<(), Rejection> {
        check_preconditions(command, service)?;
        let not_allowed = |message: String| (RejectionReason::NotAllowed, message);
        check_params(command.action, &command.params).map_err(not_allowed)?;
        let name = &service.config.name;
        let detail = service.detail(self.quarantined);
        check_action(command.action, name.as_str(), service.state, &detail).map_err(|refusal| {
            let reason = match command.action {
                ActionKind::CleanDisk | ActionKind::Rollback => RejectionReason::Unsupported,
                _ => RejectionReason::NotAllowed,
            };
            (reason, refusal.sentence)
        })?;
        match command.action {
            ActionKind::Drain if service.config.proxy_port.is_none() => {
                let message = format!(
                    "{name} has no http health check, so it is not proxied and cannot be drained"
                );
                Err((RejectionReason::Unsupported, message))
            }
            ActionKind::Undrain if self.quarantined => Err(not_allowed(format!(
                "{} is quarantined as a whole: unquarantine it",
                self.node
            ))),
            ActionKind::Throttle if service.process.is_none() => {
                Err(not_allowed(format!("{name} has no process yet: wait")))
            }
            _ => Ok(()),
        }
    }
}

/// Is the process still the one that the command was meant for?
fn check_preconditions(command: &Command, service: &Service) -> Result<(), Rejection> {
    let meant = command.preconditions;
    let pid = service.process.map(|process| process.pid);
    let start_time = service.process.map(|process| process.start_time);
    let same = (meant.pid.is_none() || meant.pid == pid)
        && meant
            .generation
            .is_none_or(|meant| meant == service.generation)
        && (meant.start_time.is_none() || meant.start_time == start_time);
    if same {
        return Ok(());
    }
    let any = |value: Option<u64>| value.map_or("any".to_owned(), |value| value.to_string());
    let none = |value: Option<u64>| value.map_or("none".to_owned(), |value| value.to_string());
    let (mut was, mut is) = (String::new(), String::new());
    if meant.start_time.is_some() {
        was = format!(", started at tick {}", any(meant.start_time));
        is = format!(", started at tick {}", none(start_time));
    }
    let message = format!(
        "meant for pid {}, generation {}{was}; now it is pid {}, generation {}{is}",
        any(meant.pid.map(u64::from)),
        any(meant.generation.map(u64::from)),
        none(pid.map(u64::from)),
        service.generation
    );
    Err((RejectionReason::TargetChanged, message))
}

impl Service {
    /// What was done to it, and what can be.
    pub(crate) fn detail(&self, quarantined: bool) -> ServiceDetail {
        ServiceDetail {
            drained: self.drained || quarantined,
            throttled: self
                .throttle
                .map(|throttle| (throttle.until, throttle.percent)),
            start_time: self.process.map(|process| process.start_time),
            port_holder: self
                .holder
                .as_ref()
                .map(|holder| (holder.pid, holder.command_line.clone())),
            standby: self.config.standby,
            class: Some(self.config.class),
            can_roll_back: self.versions.can_roll_back(),
            can_clean_disk: self.config.can_clean_disk,
            makes_faults: self.makes.clone().unwrap_or_default(),
            no_agent: false,
        }
    }
}
