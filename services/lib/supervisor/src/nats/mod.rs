//! Finds a nats-server, or fetches one.
use std::path::PathBuf;

/// How to look.
#[derive(Debug, Clone)]
pub struct FetchOptions {
    /// Project-local folders to look in; what is fetched goes into the first.
    pub folders: Vec<PathBuf>,
    /// Whether the network may be used when none is found.
    pub fetch: bool,
    /// Told, in a line each, what takes time or was passed over.
    pub note: fn(&str),
}

/// A nats-server to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NatsBinary {
    /// The program.
    pub path: PathBuf,
    /// Its version.
    pub version: String,
    /// Where it came from, for people.
    pub how: String,
}

/// None to be had.
#[derive(Debug, thiserror::Error)]
#[error("no nats-server")]
pub struct NatsError;

/// Finds or fetches.
pub fn find_or_fetch(_options: &FetchOptions) -> Result<NatsBinary, NatsError> {
    Err(NatsError)
}
