//! `arena bench`, `arena tournament`, `arena shrink`: many simulated runs, and what they say together.
//!
//! A table of contents: what is played is `suite`, the runs themselves `work`, what goes to the terminal `tell`, what goes to files `files`. All
//! numbers are `arena_lab`'s.

pub(crate) mod bench;
mod files;
pub(crate) mod shrink;
mod suite;
mod tell;
pub(crate) mod tournament;
mod work;

use std::collections::BTreeSet;

use arena_sim::policy;

use crate::exit::{Exit, Failure};

/// Every name is one of a healer, and none is there twice.
fn check_healers(names: &[String]) -> Result<(), Failure> {
    for name in names {
        policy::healer(name, 0).map_err(|error| Exit::Usage.because(error))?;
    }
    check_once("policy", names)
}

/// Who is named twice would be played twice, and compared with itself.
fn check_once(what: &str, names: &[String]) -> Result<(), Failure> {
    let mut known = BTreeSet::new();
    match names.iter().find(|name| !known.insert(*name)) {
        Some(twice) => Err(Exit::Usage.because(format!(
            "the {what} {twice} is named twice\n  mend: name it once"
        ))),
        None => Ok(()),
    }
}

/// So many seeds, from the first one on.
fn seeds(first: u64, count: u32) -> Vec<u64> {
    (0..u64::from(count)).map(|more| first + more).collect()
}

/// Seeds are kept in TOML, which knows no more; the last one of a count must fit, too.
const SEED_MAX: i64 = i64::MAX - 1_000_000;
