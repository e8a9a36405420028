//! Logs: lines on stderr, for people. Data is for stdout, and is not written here.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::EnvFilter;

/// Actions and errors of ours; of the libraries below us only what is wrong.
const DEFAULT_FILTER: &str = "warn,arena=info";

/// Starts logging, as `RUST_LOG` asks or else by `default`. A second call changes nothing.
pub(crate) fn start(default: Option<&str>) {
    let default = default.unwrap_or(DEFAULT_FILTER);
    let asked = std::env::var("RUST_LOG")
        .ok()
        .filter(|asked| !asked.trim().is_empty());
    let (filter, complaint) = match asked.as_deref().map(str::parse::<EnvFilter>) {
        None => (EnvFilter::new(default), None),
        Some(Ok(filter)) => (filter, None),
        Some(Err(error)) => (EnvFilter::new(default), Some(error)),
    };
    let started = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(stderr)
        .with_ansi(colour(
            std::env::var("NO_COLOR").ok().as_deref(),
            stderr().is_terminal(),
        ))
        .try_init();
    if let (Ok(()), Some(error)) = (started, complaint) {
        tracing::warn!("RUST_LOG is not a filter ({error}); `{default}` is used");
    }
}

/// <https://no-color.org>: set and not empty means none.
fn colour(no_color: Option<&str>, is_terminal: bool) -> bool {
    is_terminal && no_color.is_none_or(str::is_empty)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_only_on_a_terminal_and_never_under_no_color() {
        assert!(colour(None, true));
        assert!(colour(Some(""), true));
        assert!(!colour(Some("1"), true));
        assert!(!colour(None, false));
    }
}
