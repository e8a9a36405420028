//! Who starts again what died, and the bounded restarts that the agent does when it is the one: one owner of the budget
//! at any time.

use std::collections::VecDeque;
use std::time::Duration;

use arena_proto::{NodeName, ProcessState, RestartOwner, ServiceName, Timestamp};

use crate::limits::{DISCONNECTED_GRACE, LEASE_SILENCE};
use crate::service::Service;

/// The first wait.
const BACKOFF_MIN: Duration = Duration::from_millis(500);
/// The longest wait.
const BACKOFF_MAX: Duration = Duration::from_secs(30);
/// Restarts allowed within [`WINDOW`]: the waits double, so these take about 14 s of a service that dies at once.
const RESTARTS_MAX: usize = 5;
/// The span that restarts are counted over, and the uptime after which the waits begin anew.
const WINDOW: Duration = Duration::from_mins(1);
/// A wait is shorter by up to this part of it: services that died together do not start together.
const JITTER_PART: u64 = 4;

/// Tells by the remediator's lease whether it is there.
#[derive(Debug)]
pub(crate) struct Ownership {
    heard_at: Timestamp,
    away_since: Option<Timestamp>,
    owner: RestartOwner,
}

impl Ownership {
    /// The remediator gets its time to be heard before it is judged absent.
    pub(crate) const fn new(now: Timestamp) -> Self {
        Self {
            heard_at: now,
            away_since: None,
            owner: RestartOwner::Remediator,
        }
    }

    /// A renewal of the lease was heard.
    pub(crate) fn heard(&mut self, now: Timestamp) {
        self.heard_at = now;
    }

    /// The bus came or went.
    pub(crate) fn connected(&mut self, now: Timestamp, connected: bool) {
        self.away_since = if connected {
            None
        } else {
            self.away_since.or(Some(now))
        };
    }

    /// From when on the node is on its own, unless something is heard meanwhile.
    fn alone_from(&self) -> Timestamp {
        let silent = self.heard_at + LEASE_SILENCE;
        match self.away_since {
            Some(since) => silent.min(since + DISCONNECTED_GRACE),
            None => silent,
        }
    }

    /// Judges anew; true when the owner is another now.
    pub(crate) fn judge(&mut self, now: Timestamp) -> bool {
        let owner = if now >= self.alone_from() {
            RestartOwner::Node
        } else {
            RestartOwner::Remediator
        };
        let changed = owner != self.owner;
        self.owner = owner;
        changed
    }

    /// As it was judged last.
    pub(crate) const fn owner(&self) -> RestartOwner {
        self.owner
    }

    /// When [`Ownership::judge`] has to look again though nothing happened.
    pub(crate) fn due(&self) -> Option<Timestamp> {
        (self.owner == RestartOwner::Remediator).then(|| self.alone_from())
    }
}

/// The restart budget of one service.
#[derive(Debug)]
pub(crate) struct RestartBudget {
    /// `node/service`: the jitter comes of it.
    name: String,
    /// Restarts within the window, oldest first; at most [`RESTARTS_MAX`].
    recent: VecDeque<Timestamp>,
    /// Restarts since the service was last up for a whole window.
    in_a_row: u32,
}

impl RestartBudget {
    pub(crate) fn new(node: &NodeName, service: &ServiceName) -> Self {
        Self {
            name: format!("{node}/{service}"),
            recent: VecDeque::new(),
            in_a_row: 0,
        }
    }

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
        let longest = doubled.min(BACKOFF_MAX);
        let bytes = self.name.bytes().chain(self.in_a_row.to_be_bytes());
        let [part, ..] = arena_proto::fnv1a(bytes).to_le_bytes();
        // In whole milliseconds, as people read it.
        let longest_ms = u64::try_from(longest.as_millis()).unwrap_or(u64::MAX);
        let shorter_ms = longest_ms.saturating_mul(u64::from(part)) / (256 * JITTER_PART);
        Some(Duration::from_millis(longest_ms.saturating_sub(shorter_ms)))
    }

    /// A restart happens now.
    pub(crate) fn spend(&mut self, now: Timestamp) {
        self.recent.push_back(now);
        self.in_a_row = self.in_a_row.saturating_add(1);
    }

    /// A person or the remediator took over: begin anew.
    pub(crate) fn reset(&mut self) {
        self.recent.clear();
        self.in_a_row = 0;
    }
}

impl Service {
    /// Nobody else will restart it: waits and restarts it, or gives it up.
    pub(crate) fn restart_by_itself(&mut self, now: Timestamp) {
        let uptime = self.since.saturating_since(self.started_at);
        if let Some(wait) = self.budget.wait(now, uptime) {
            let message = self.message.clone();
            self.enter(now, ProcessState::Backoff, &message);
            self.due = Some(now + wait);
        } else {
            let message = format!("{}; too many restarts: start it by hand", self.message);
            self.enter(now, ProcessState::Fatal, &message);
        }
    }

    /// A restart that waits is somebody else's from now on, or nobody's.
    pub(crate) fn leave_restarting(&mut self, now: Timestamp) {
        self.due = None;
        let message = self.message.clone();
        self.enter(now, ProcessState::Exited, &message);
    }
}
