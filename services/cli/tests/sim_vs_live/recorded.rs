//! The results of live runs that are kept in the repository, so that the simulator can be held to them without a live run: `live.json`, which
//! `just sim-vs-live` renews.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::outcome::Outcome;

/// The file.
pub(crate) const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sim_vs_live/live.json");

/// By scenario.
pub(crate) type Recorded = BTreeMap<String, Measured>;

/// The live runs of one scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Measured {
    /// Machine and version, in words.
    pub by: String,
    /// The machine's load average before each run, where it was known.
    pub load1: Vec<Option<f64>>,
    /// One a run.
    pub runs: Vec<Outcome>,
}

/// What is kept; nothing where there is no file yet.
pub(crate) fn read() -> anyhow::Result<Recorded> {
    match std::fs::read(PATH) {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes)?),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Recorded::new()),
        Err(error) => Err(error.into()),
    }
}
