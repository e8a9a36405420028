//! THROTTLE: its parameters, and the share of one CPU that a process has for a time.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use arena_proto::{ActionKind, Command, Timestamp};

use crate::io::Output;
use crate::limits::{
    THROTTLE_FOR, THROTTLE_FOR_MAX, THROTTLE_FOR_MIN, THROTTLE_PERCENT, THROTTLE_PERCENT_MAX,
    THROTTLE_PERCENT_MIN,
};
use crate::service::Service;

/// A share of one CPU, and how long it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Throttle {
    pub(crate) percent: u32,
    pub(crate) until: Timestamp,
}

/// What a THROTTLE asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Share {
    pub(crate) percent: u32,
    pub(crate) duration: Duration,
}

impl Share {
    /// From the parameters of the command; the error says what they may be.
    pub(crate) fn parse(params: &BTreeMap<String, String>) -> Result<Self, String> {
        let percent = match params.get("percent") {
            None => THROTTLE_PERCENT,
            Some(text) => text
                .parse()
                .ok()
                .filter(|percent| (THROTTLE_PERCENT_MIN..=THROTTLE_PERCENT_MAX).contains(percent))
                .ok_or_else(|| bad("percent", text, "a whole number from 5 to 100 (of one CPU)"))?,
        };
        let duration = match params.get("for") {
            None => THROTTLE_FOR,
            Some(text) => humantime::parse_duration(text)
                .ok()
                .filter(|time| (THROTTLE_FOR_MIN..=THROTTLE_FOR_MAX).contains(time))
                .ok_or_else(|| bad("for", text, "a duration of 1s to 10m"))?,
        };
        Ok(Self { percent, duration })
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let duration = humantime::format_duration(self.duration);
        write!(f, "{} % of one CPU for {duration}", self.percent)
    }
}

/// The parameters of a command; the error says which it may have.
pub(crate) fn check_params(
    action: ActionKind,
    params: &BTreeMap<String, String>,
) -> Result<(), String> {
    let known: &[&str] = match action {
        ActionKind::Throttle => &["percent", "for"],
        _ => &[],
    };
    if let Some(stranger) = params.keys().find(|name| !known.contains(&name.as_str())) {
        let stranger: String = stranger.chars().take(80).collect();
        let verb = action.verb();
        return Err(match known {
            [] => format!("{verb} has no parameters, and so no {stranger:?}"),
            known => format!(
                "{verb} has no parameter {stranger:?}: it has {}",
                known.join(" and ")
            ),
        });
    }
    match action {
        ActionKind::Throttle => Share::parse(params).map(drop),
        _ => Ok(()),
    }
}

fn bad(name: &str, value: &str, range: &str) -> String {
    let value: String = value.chars().take(80).collect();
    format!("throttle: {name} is {value:?}, but must be {range}")
}

impl Service {
    /// A command that was judged asks for a share; what it had before is replaced when the answer comes.
    pub(crate) fn begin_throttle(&self, command: &Command, out: &mut Vec<Output>) {
        if let (Ok(share), Some(process)) = (Share::parse(&command.params), self.process) {
            out.push(Output::Throttle {
                service: self.config.name.clone(),
                process,
                percent: share.percent,
            });
        }
    }

    /// [`Output::Throttle`] was done as a command asked.
    pub(crate) fn throttled(&mut self, throttle: Throttle) {
        self.throttle = Some(throttle);
        self.changed = true;
    }

    /// It could not be done: nothing of it is left.
    pub(crate) fn not_throttled(&mut self) {
        self.changed |= self.throttle.take().is_some();
    }

    /// It has all CPUs again, if it had less.
    pub(crate) fn unthrottle(&mut self, out: &mut Vec<Output>) {
        if self.throttle.take().is_some() {
            self.changed = true;
            self.push_unthrottle(out);
        }
    }

    pub(crate) fn push_unthrottle(&self, out: &mut Vec<Output>) {
        out.push(Output::Unthrottle {
            service: self.config.name.clone(),
        });
    }
}
