//! Which definition of a service runs: the one in `arena.toml`, the last one that was healthy, or a bad one that a fault has
//! rolled out.
//!
//! Invariant: a bad one is never the last good one, and is in the saved state only while a process runs it.

use arena_config::arena::Definition;
use arena_proto::{ProcessState, Timestamp};

use crate::io::Output;
use crate::limits::GOOD_AFTER;
use crate::saved::SavedService;
use crate::service::{Next, Service};

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
    /// What a fault has rolled out and every start uses.
    bad: Option<Definition>,
    /// `running` is, or was, such a one.
    spoiled: bool,
    /// `running` is the last good one: looked at with every step, and so known without comparing the two.
    proved: bool,
}

impl Versions {
    pub(crate) fn new(file: Definition, saved: &SavedService) -> Self {
        let running = saved.running.clone().unwrap_or_else(|| file.clone());
        Self {
            proved: saved.last_good.as_ref() == Some(&running),
            running,
            last_good: saved.last_good.clone(),
            rolled_back_from: saved.rolled_back_from.clone().filter(|from| *from == file),
            bad: None,
            spoiled: saved.spoiled,
            file,
        }
    }

    /// For [`Versions::new`].
    pub(crate) fn save(&self, saved: &mut SavedService) {
        saved.running = Some(self.running.clone());
        saved.last_good.clone_from(&self.last_good);
        saved.rolled_back_from.clone_from(&self.rolled_back_from);
        saved.spoiled = self.spoiled;
    }

    pub(crate) const fn running(&self) -> &Definition {
        &self.running
    }

    /// What a start would start.
    fn next(&self) -> &Definition {
        match (&self.bad, &self.rolled_back_from, &self.last_good) {
            (Some(bad), _, _) => bad,
            (None, Some(_), Some(good)) => good,
            _ => &self.file,
        }
    }

    /// A start begins.
    pub(crate) fn start(&mut self) {
        self.running = self.next().clone();
        self.spoiled = self.bad.is_some();
        self.proved = self.last_good.as_ref() == Some(&self.running);
    }

    /// What runs, or ran last, is a bad definition.
    pub(crate) const fn is_spoiled(&self) -> bool {
        self.spoiled
    }

    /// A bad definition is rolled out with this argument, or no longer. True when that is news.
    fn spoil(&mut self, argument: Option<&str>) -> bool {
        match (argument, &self.bad) {
            (Some(argument), None) => {
                let base = if self.spoiled {
                    &self.file
                } else {
                    &self.running
                };
                let mut bad = base.clone();
                bad.command.push(argument.to_owned());
                self.bad = Some(bad);
                true
            }
            (None, Some(_)) => {
                self.bad = None;
                true
            }
            _ => false,
        }
    }

    /// There is an earlier version to go back to.
    pub(crate) fn can_roll_back(&self) -> bool {
        let next = self.next();
        self.bad.is_some() || self.last_good.as_ref().is_some_and(|good| good != next)
    }

    /// From now on the last good one is started; the one in `arena.toml` when it is that, or none is known.
    pub(crate) fn roll_back(&mut self) {
        self.bad = None;
        let earlier = self.last_good.as_ref().filter(|good| **good != self.file);
        self.rolled_back_from = earlier.map(|_| self.file.clone());
    }

    /// What runs is not known yet to be good.
    pub(crate) fn is_on_trial(&self) -> bool {
        !self.spoiled && !self.proved
    }

    /// What runs has been healthy for long enough.
    pub(crate) fn held(&mut self) {
        self.last_good = Some(self.running.clone());
        self.proved = true;
    }

    /// Which version runs, for a person; empty when it is the one in `arena.toml`.
    pub(crate) fn note(&self) -> &'static str {
        if self.spoiled {
            "runs a definition that was rolled out and is not the one in arena.toml: roll it back"
        } else if self.running == self.file {
            ""
        } else if self.rolled_back_from.is_some() {
            "rolled back: runs its last good definition until the one in arena.toml changes"
        } else {
            "runs the definition that arena.toml had before it changed: restart it for the new one"
        }
    }
}

impl Service {
    /// Sees to it that the definition is used that is rolled out: a bad one with this argument, or none. The end of a bad one
    /// brings the service back that it ran, or that is down, if it `may_start` one.
    pub(crate) fn settle_definition(
        &mut self,
        now: Timestamp,
        bad: Option<&str>,
        may_start: bool,
        out: &mut Vec<Output>,
    ) {
        let news = self.versions.spoil(bad);
        self.changed |= news;
        let is_down = self.is_gone()
            && matches!(
                self.state,
                ProcessState::Exited | ProcessState::Fatal | ProcessState::Backoff
            );
        let runs_the_other = self.versions.spoiled != bad.is_some();
        if self.state != ProcessState::Stopping && !self.is_gone() && runs_the_other {
            self.stop(now, self.config.stop_grace, Next::Start, out);
        } else if news && bad.is_none() && is_down && self.wanted && may_start {
            self.start_by_command(now, out);
        } else if bad.is_none() && self.is_gone() && self.versions.spoiled {
            // What nobody runs is what a start would start; none is bad now.
            self.versions.start();
            self.changed = true;
        }
    }

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
