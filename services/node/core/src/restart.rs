//! The bounded restarts that the agent does by itself while the bus is away. While it is there the remediator owns
//! every restart, and this keeps still: one owner of the budget.

use std::collections::VecDeque;
use std::time::Duration;

use arena_proto::Timestamp;

/// The first wait.
const BACKOFF_MIN: Duration = Duration::from_millis(500);
/// The longest wait.
const BACKOFF_MAX: Duration = Duration::from_secs(30);
/// Restarts allowed within [`WINDOW`]: the waits double, so these take 15 s of a service that dies at once.
const RESTARTS_MAX: usize = 5;
/// The span that restarts are counted over, and the uptime after which the waits begin anew.
const WINDOW: Duration = Duration::from_mins(1);

/// The restart budget of one service.
#[derive(Debug, Default)]
pub(crate) struct RestartBudget {
    /// Restarts within the window, oldest first; at most [`RESTARTS_MAX`].
    recent: VecDeque<Timestamp>,
    /// Restarts since the service was last up for a whole window.
    in_a_row: u32,
}

impl RestartBudget {
    /// The service ended after this uptime: how long to wait, or `None` when it has used its restarts up.
    pub(crate) fn wait(&mut self, now: Timestamp, uptime: Duration) -> Option<Duration> {
        if uptime >= WINDOW {
            self.in_a_row = 0;
        }
        while self
            .recent
            .front()
            .is_some_and(|at| now.saturating_since(*at) >= WINDOW)
        {
            self.recent.pop_front();
        }
        if self.recent.len() >= RESTARTS_MAX {
            return None;
        }
        let doubled = BACKOFF_MIN.saturating_mul(2_u32.saturating_pow(self.in_a_row));
        Some(doubled.min(BACKOFF_MAX))
    }

    /// A restart happens now.
    pub(crate) fn spend(&mut self, now: Timestamp) {
        self.recent.push_back(now);
        self.in_a_row = self.in_a_row.saturating_add(1);
    }

    /// A person or the remediator took over: begin anew.
    pub(crate) fn reset(&mut self) {
        *self = Self::default();
    }
}
