//! `arena logs`.

use clap::Args;

use crate::exit::Failure;

/// `arena logs`.
#[derive(Debug, Args)]
pub struct LogsArgs {}

/// Runs it.
pub async fn run(_args: LogsArgs) -> Result<(), Failure> {
    Ok(())
}
