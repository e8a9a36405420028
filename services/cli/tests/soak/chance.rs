//! Chance from a seed: which fault, where, with which parameters, for how long. The same seed asks the same.

use arena_faults::{CATALOGUE, Fault, Kind, Scope};

/// `SplitMix64` (Steele, Lea and Flood, 2014): small, and even enough to choose by.
#[derive(Debug)]
pub(crate) struct Chance(pub(crate) u64);

/// What is asked of the `arena` binary.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) fault: &'static Fault,
    pub(crate) target: String,
    pub(crate) seconds: u64,
    pub(crate) params: Vec<String>,
}

/// Longest time to live: long enough for each fault to have its effect, and for several to meet.
pub(crate) const SECONDS_MAX: u64 = 10;

impl Chance {
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % limit.max(1)
    }

    pub(crate) fn one_of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        let index = self.below(all.len() as u64);
        &all[usize::try_from(index).expect("an index")]
    }

    /// Any of the catalogue, on any node or service of these, with any parameters that the catalogue allows.
    pub(crate) fn request(&mut self, nodes: &[String], services: &[String]) -> Request {
        let fault = self.one_of(CATALOGUE).fault();
        let on_node = match fault.scope {
            Scope::Node => true,
            Scope::Service => false,
            Scope::Either => self.below(4) == 0,
        };
        let target = self.one_of(if on_node { nodes } else { services }).clone();
        let params = fault.params.iter().filter_map(|param| {
            let value = self.value(param.kind)?;
            Some(format!("{}={value}", param.name))
        });
        let mut params: Vec<String> = params.collect();
        // What must not exceed another is left at its default, which is small.
        params.retain(|given| {
            let bounded = |param: &&arena_faults::Param| param.at_most.is_some();
            let name = given.split('=').next();
            !fault
                .params
                .iter()
                .filter(bounded)
                .any(|param| Some(param.name) == name)
        });
        Request {
            fault,
            target,
            seconds: 1 + self.below(SECONDS_MAX),
            params,
        }
    }

    fn value(&mut self, kind: Kind) -> Option<String> {
        match kind {
            Kind::Count { min, max, .. } => Some(self.within(min, max).to_string()),
            Kind::Duration { min_ms, max_ms, .. } => {
                Some(format!("{}ms", self.within(min_ms, max_ms)))
            }
            Kind::Word(words) => Some((*self.one_of(words)).to_owned()),
            // Names of services, metrics and arguments have no range to choose from.
            _ => None,
        }
    }

    /// Anywhere in the range, the small rather than the large: what takes all of a machine hides what the others do.
    fn within(&mut self, min: u64, max: u64) -> u64 {
        let mut span = max - min;
        for _ in 0..2 {
            span = self.below(span + 1);
        }
        min + span
    }
}
