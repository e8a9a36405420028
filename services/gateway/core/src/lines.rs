//! Things with a life (incidents, faults, commands): what is known of each, and the line that is told of it.
//!
//! Invariant: what is known does not depend on the order in which messages came, nor on how often.

mod command;
mod fault;
mod incident;

use std::collections::BTreeMap;
use std::fmt;

use crate::limits::{Limits, Line};

pub(crate) use command::CommandFacts;
pub(crate) use fault::FaultFacts;
pub(crate) use incident::IncidentFacts;

/// Things that are known by halves, such as an incident of which only a plan came: the streams are read side by side, and the missing
/// half follows within moments, or never (it is older than what is read).
const HALVES_MAX: usize = 500;

/// What is known of one thing.
pub(crate) trait Facts: Default {
    /// As it is told.
    type View: Line + Clone + PartialEq + fmt::Debug;

    /// As it stands; `None` as long as too little is known to tell.
    fn view(&self, id: &str) -> Option<Self::View>;
}

/// All of a kind.
#[derive(Debug)]
pub(crate) struct Lines<F: Facts> {
    known: BTreeMap<String, Known<F>>,
    limits: Limits,
}

#[derive(Debug)]
struct Known<F: Facts> {
    facts: F,
    view: Option<F::View>,
}

impl<F: Facts> Lines<F> {
    pub(crate) const fn new(limits: Limits) -> Self {
        Self {
            known: BTreeMap::new(),
            limits,
        }
    }

    /// Learns something of one; gives its line if that is another one now.
    pub(crate) fn learn(&mut self, id: &str, learn: impl FnOnce(&mut F)) -> Option<F::View> {
        let known = self.known.entry(id.to_owned()).or_insert_with(|| Known {
            facts: F::default(),
            view: None,
        });
        learn(&mut known.facts);
        let view = known.facts.view(id);
        if known.view == view {
            self.trim_halves();
            return None;
        }
        known.view.clone_from(&view);
        self.trim();
        view
    }

    /// Every line, in the order of the ids.
    pub(crate) fn views(&self) -> impl Iterator<Item = &F::View> {
        self.known.values().filter_map(|known| known.view.as_ref())
    }

    /// What is known of each, in the order of the ids; of halves too.
    pub(crate) fn facts(&self) -> impl Iterator<Item = &F> {
        self.known.values().map(|known| &known.facts)
    }

    /// The line of one.
    pub(crate) fn view(&self, id: &str) -> Option<&F::View> {
        self.known.get(id)?.view.as_ref()
    }

    /// Forgets the oldest beyond the limits.
    fn trim(&mut self) {
        for (is_over, max) in [(false, self.limits.open), (true, self.limits.over)] {
            let of_kind = || self.views().filter(|view| view.is_over() == is_over);
            let excess = of_kind().count().saturating_sub(max);
            if excess > 0 {
                let mut lines: Vec<_> = of_kind().map(|view| (view.at(), view.id())).collect();
                lines.sort_unstable();
                let oldest = lines.into_iter().take(excess);
                let oldest: Vec<String> = oldest.map(|(_, id)| id.to_owned()).collect();
                for id in oldest {
                    self.known.remove(&id);
                }
            }
        }
    }

    fn trim_halves(&mut self) {
        let halves = || self.known.iter().filter(|(_, known)| known.view.is_none());
        if self.known.len() > HALVES_MAX && halves().count() > HALVES_MAX {
            let first = halves().next().map(|(id, _)| id.clone());
            first.and_then(|id| self.known.remove(&id));
        }
    }
}
