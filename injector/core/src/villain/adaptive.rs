//! `adaptive`: what hurt longest, where it hurts most by what is public.
//!
//! The rule is epsilon-greedy (Sutton and Barto, Reinforcement Learning, 2nd edition, 2.2): mostly the pair of fault and kind of target
//! with the longest mean pain, sometimes ([`EXPLORE_PERCENT`]) one of those that were tried least. UCB1 would try each of some hundred
//! pairs once before it used what it learnt, and a budget is smaller than that.

use std::time::Duration;

use arena_faults::FaultName;
use arena_proto::{Entity, Timestamp, VillainLesson};

use super::lessons::{Kind, Lessons, kind_of};
use super::options::{Refused, draw, options};
use super::random::RETRY;
use super::{Budget, Chance, Choice, Policy, View};

/// So often in a hundred it explores: with the default budget of 20 faults, six to learn from and the rest to use it.
const EXPLORE_PERCENT: u64 = 30;

/// A fault, a kind of target, and the targets of that kind that could take it now.
type Arm = (FaultName, Kind, Vec<Entity>);

/// Chooses by what it has learnt.
#[derive(Debug)]
pub struct Adaptive {
    chance: Chance,
    budget: Budget,
    refused: Refused,
    lessons: Lessons,
    /// `None` before the first step: it begins at once.
    due: Option<Timestamp>,
}

impl Adaptive {
    /// The choices of this seed.
    #[must_use]
    pub fn new(seed: u64, budget: Budget) -> Self {
        Self {
            chance: Chance::new(seed),
            budget,
            refused: Refused::new(),
            lessons: Lessons::default(),
            due: None,
        }
    }

    /// Everything that could be made now, in what is well: what is down already cannot be hurt.
    fn arms(&self, view: &View<'_>) -> Vec<Arm> {
        let mut arms: Vec<Arm> = Vec::new();
        for (fault, mut targets) in options(view, &self.budget, &self.refused) {
            targets.retain(|target| view.is_well(target));
            targets.sort_by_key(kind_of);
            for targets in targets.chunk_by(|left, right| kind_of(left) == kind_of(right)) {
                arms.push((fault, kind_of(&targets[0]), targets.to_vec()));
            }
        }
        arms
    }

    fn choose_arm(&mut self, arms: Vec<Arm>) -> Option<Arm> {
        let mean = |(fault, kind, _): &Arm| self.lessons.of(*fault, kind).mean();
        let longest = arms.iter().filter_map(mean).max();
        let explore = self.chance.percent(EXPLORE_PERCENT);
        // What is known to hurt nobody is no better than what is not known.
        let known = longest.filter(|longest| !explore && *longest > Duration::ZERO);
        let best: Vec<Arm> = if let Some(longest) = known {
            let is_best = |arm: &Arm| mean(arm) == Some(longest);
            arms.into_iter().filter(is_best).collect()
        } else {
            let begun = |(fault, kind, _): &Arm| self.lessons.of(*fault, kind).begun;
            let least = arms.iter().map(begun).min()?;
            arms.into_iter().filter(|arm| begun(arm) == least).collect()
        };
        self.chance.one_of(&best).cloned()
    }

    /// One of those with the fewest others that are well: where nobody takes over.
    fn choose_target(&mut self, view: &View<'_>, targets: &[Entity]) -> Option<Entity> {
        let others = |target: &Entity| {
            target.service.as_ref().map_or(0, |service| {
                view.replicas(service)
                    .filter(|(node, _)| **node != target.node)
                    .filter(|(node, _)| {
                        view.is_well(&Entity::service((*node).clone(), service.clone()))
                    })
                    .count()
            })
        };
        let fewest = targets.iter().map(others).min()?;
        let alone: Vec<&Entity> = targets
            .iter()
            .filter(|target| others(target) == fewest)
            .collect();
        self.chance.one_of(&alone).map(|target| (*target).clone())
    }
}

impl Policy for Adaptive {
    fn step(&mut self, now: Timestamp, view: &View<'_>) -> Vec<Choice> {
        self.lessons.look(now, view);
        if self.due.is_some_and(|due| now < due) {
            return Vec::new();
        }
        self.due = Some(now + RETRY);
        if view.room == 0 {
            return Vec::new();
        }
        let arms = self.arms(view);
        let Some((name, _, targets)) = self.choose_arm(arms) else {
            return Vec::new();
        };
        let Some(target) = self.choose_target(view, &targets) else {
            return Vec::new();
        };
        self.lessons.begin(name, &target);
        let choice = draw(&mut self.chance, &self.budget, name.fault(), target);
        self.due = Some(now + self.chance.pause(self.budget.every));
        vec![choice]
    }

    fn next_wakeup(&self) -> Option<Timestamp> {
        self.due.into_iter().chain(self.lessons.next_wakeup()).min()
    }

    fn came_to_nothing(&mut self, choice: &Choice) {
        self.lessons.unbegin(choice.fault.name, &choice.target);
    }

    fn refused(&mut self, choice: &Choice) {
        self.refused
            .insert((choice.fault.name, choice.target.clone()));
    }

    fn learnt(&self) -> Vec<VillainLesson> {
        self.lessons.record()
    }
}
