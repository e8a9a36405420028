//! Labels, and the limit on how many different ones there are.

use std::collections::BTreeSet;

/// Symptoms and faults are a few dozen words; an alert from outside brings its own name as a symptom, and a thousand of those must not
/// become a thousand series.
pub const NAMES_MAX: usize = 50;
/// Stands for every name beyond the limit.
pub(super) const OTHER: &str = "other";

/// Names and their values, in the order in which they are written.
pub(super) type Labels = Vec<(&'static str, String)>;

/// The names that have a series of their own: the first ones that came.
#[derive(Debug, Clone, Default)]
pub(super) struct Names(BTreeSet<String>);

impl Names {
    /// The name itself, or [`OTHER`] once there are too many.
    pub(super) fn bound(&mut self, name: &str) -> String {
        if !self.0.contains(name) {
            if self.0.len() >= NAMES_MAX {
                return OTHER.to_owned();
            }
            self.0.insert(name.to_owned());
        }
        name.to_owned()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &String> {
        self.0.iter()
    }
}
