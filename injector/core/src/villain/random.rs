//! `random`: any allowed fault, in any target that can take it, at any time.

use std::time::Duration;

use arena_proto::Timestamp;

use super::options::{Refused, draw, options};
use super::{Budget, Chance, Choice, Policy, View};

/// When nothing could be made, or there was no room, it looks again after this time.
pub(super) const RETRY: Duration = Duration::from_secs(1);

/// Chooses by chance: first the fault, each as likely as another, then the target; so a fault that few can take is no rarer.
#[derive(Debug)]
pub struct Random {
    chance: Chance,
    budget: Budget,
    refused: Refused,
    /// `None` before the first step: it begins at once.
    due: Option<Timestamp>,
}

impl Random {
    /// The choices of this seed.
    #[must_use]
    pub fn new(seed: u64, budget: Budget) -> Self {
        Self {
            chance: Chance::new(seed),
            budget,
            refused: Refused::new(),
            due: None,
        }
    }
}

impl Policy for Random {
    fn step(&mut self, now: Timestamp, view: &View<'_>) -> Vec<Choice> {
        if self.due.is_some_and(|due| now < due) {
            return Vec::new();
        }
        self.due = Some(now + RETRY);
        if view.room == 0 {
            return Vec::new();
        }
        let options: Vec<_> = options(view, &self.budget, &self.refused)
            .into_iter()
            .collect();
        let Some((name, targets)) = self.chance.one_of(&options) else {
            return Vec::new();
        };
        let Some(target) = self.chance.one_of(targets) else {
            return Vec::new();
        };
        let choice = draw(&mut self.chance, &self.budget, name.fault(), target.clone());
        self.due = Some(now + self.chance.pause(self.budget.every));
        vec![choice]
    }

    fn next_wakeup(&self) -> Option<Timestamp> {
        self.due
    }

    fn refused(&mut self, choice: &Choice) {
        self.refused
            .insert((choice.fault.name, choice.target.clone()));
    }
}
