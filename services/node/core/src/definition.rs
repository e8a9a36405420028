//! Which definition of a service runs: the one in `arena.toml`, or the last one that was healthy.

use arena_config::arena::Definition;
use arena_proto::Timestamp;

use crate::limits::GOOD_AFTER;
use crate::saved::SavedService;
use crate::service::Service;

/// The definitions of one service that matter.
#[derive(Debug)]
pub(crate) struct Versions {
    /// What `arena.toml` says.
    file: Definition,
    /// What the process was started by; without one, what the last was.
    running: Definition,
    /// The last that was healthy for [`crate::limits::GOOD_AFTER`].
    last_good: Option<Definition>,
    /// What `arena.toml` said when somebody rolled back from it; holds until it says something else.
    rolled_back_from: Option<Definition>,
}

impl Versions {
    pub(crate) fn new(file: Definition, saved: &SavedService) -> Self {
        Self {
            running: saved.running.clone().unwrap_or_else(|| file.clone()),
            last_good: saved.last_good.clone(),
            rolled_back_from: saved.rolled_back_from.clone().filter(|from| *from == file),
            file,
        }
    }

    /// For [`Versions::new`].
    pub(crate) fn save(&self, saved: &mut SavedService) {
        saved.running = Some(self.running.clone());
        saved.last_good.clone_from(&self.last_good);
        saved.rolled_back_from.clone_from(&self.rolled_back_from);
    }

    pub(crate) const fn running(&self) -> &Definition {
        &self.running
    }

    /// What a start would start.
    fn next(&self) -> &Definition {
        match (&self.rolled_back_from, &self.last_good) {
            (Some(_), Some(good)) => good,
            _ => &self.file,
        }
    }

    /// A start begins.
    pub(crate) fn start(&mut self) {
        self.running = self.next().clone();
    }

    /// There is an earlier version to go back to.
    pub(crate) fn can_roll_back(&self) -> bool {
        let next = self.next();
        self.last_good.as_ref().is_some_and(|good| good != next)
    }

    /// From now on the last good one is started.
    pub(crate) fn roll_back(&mut self) {
        self.rolled_back_from = Some(self.file.clone());
    }

    /// What runs is not known yet to be good.
    pub(crate) fn is_on_trial(&self) -> bool {
        self.last_good.as_ref() != Some(&self.running)
    }

    /// What runs has been healthy for long enough.
    pub(crate) fn held(&mut self) {
        self.last_good = Some(self.running.clone());
    }

    /// Which version runs, for a person; empty when it is the one in `arena.toml`.
    pub(crate) fn note(&self) -> &'static str {
        if self.running == self.file {
            ""
        } else if self.rolled_back_from.is_some() {
            "rolled back: runs its last good definition until the one in arena.toml changes"
        } else {
            "runs the definition that arena.toml had before it changed: restart it for the new one"
        }
    }
}

impl Service {
    /// When what runs will have been healthy for long enough.
    pub(crate) fn good_at(&self) -> Option<Timestamp> {
        let since = self.up_since.filter(|_| self.versions.is_on_trial());
        since.map(|since| since + GOOD_AFTER)
    }

    /// Sees whether what runs has proved good.
    pub(crate) fn settle(&mut self, now: Timestamp) {
        self.up_since = self.is_up().then(|| self.up_since.unwrap_or(now));
        if self.good_at().is_some_and(|at| now >= at) {
            self.versions.held();
            self.changed = true;
        }
    }
}
