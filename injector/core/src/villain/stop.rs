//! When a villain stops before its time.

use std::time::Duration;

use arena_proto::{Timestamp, VillainPolicy, VillainStopWhen};

use super::View;

/// Users' errors above this for [`USER_ERROR_HOLD`] stop a villain, when nobody says otherwise: most users are turned away, and one more
/// fault would show nothing that is not broken already.
const USER_ERROR_PERCENT: f64 = 50.0;
/// Longer than most cures take (well below half a minute in the benchmarks), so that what is being healed does not stop it.
const USER_ERROR_HOLD: Duration = Duration::from_mins(1);
/// Longer than any villain's fault lives would never come true.
const HOLD_MAX: Duration = Duration::from_hours(1);

/// When it stops.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StopWhen {
    /// More than so many percent of the users' requests fail for so long.
    users: Option<(f64, Duration)>,
    /// An incident is ESCALATED.
    pub(crate) escalated: bool,
    /// Since when too many fail.
    since: Option<Timestamp>,
}

impl StopWhen {
    /// As asked for; by default as the policy needs it. A scenario has its own end, and may want a person to be called: it goes on.
    pub(crate) fn read(
        asked: Option<&VillainStopWhen>,
        policy: VillainPolicy,
    ) -> Result<Self, String> {
        let is_scripted = policy == VillainPolicy::Scripted;
        let Some(asked) = asked else {
            return Ok(Self {
                users: (!is_scripted).then_some((USER_ERROR_PERCENT, USER_ERROR_HOLD)),
                escalated: !is_scripted,
                since: None,
            });
        };
        let hold = Duration::from_millis(asked.user_error_ms);
        if let Some(percent) = asked.user_error_percent
            && !(0.0..100.0).contains(&percent)
        {
            return Err(format!(
                "stop when user_error_percent > {percent}: allowed 0 to less than 100, as more than all cannot fail"
            ));
        }
        if hold > HOLD_MAX {
            let hold = humantime::format_duration(hold);
            return Err(format!("stop when it holds for {hold}: allowed 0s to 1h"));
        }
        Ok(Self {
            users: asked.user_error_percent.map(|percent| (percent, hold)),
            escalated: asked.escalated,
            since: None,
        })
    }

    /// Why it stops now, in plain words.
    pub(crate) fn judge(
        &mut self,
        now: Timestamp,
        start: Timestamp,
        view: &View<'_>,
    ) -> Option<String> {
        if self.escalated
            && let Some((id, entity)) = view.public.escalated_since(start)
        {
            return Some(format!(
                "incident {id} of {entity} is ESCALATED: a person was called"
            ));
        }
        let (max, hold) = self.users?;
        match view.users.error_percent {
            Some(percent) if percent <= max => {
                self.since = None;
                return None;
            }
            // What is not known any more is not taken for better.
            None if self.since.is_none() => return None,
            _ => {}
        }
        let since = *self.since.get_or_insert(now);
        (since + hold <= now).then(|| {
            let hold = humantime::format_duration(hold);
            format!("user_error_percent was above {max} for {hold}")
        })
    }

    /// When it may come true by time alone.
    pub(crate) fn next_wakeup(&self) -> Option<Timestamp> {
        let (_, hold) = self.users?;
        Some(self.since? + hold)
    }

    pub(crate) fn record(&self) -> VillainStopWhen {
        let millis = |hold: Duration| u64::try_from(hold.as_millis()).unwrap_or(u64::MAX);
        VillainStopWhen {
            user_error_percent: self.users.map(|(percent, _)| percent),
            user_error_ms: self.users.map_or(0, |(_, hold)| millis(hold)),
            escalated: self.escalated,
        }
    }
}
