//! `arena down`.

use clap::Args;

use crate::exit::Failure;

/// `arena down`.
#[derive(Debug, Args)]
pub struct DownArgs {}

/// Runs it.
pub async fn run(_args: DownArgs) -> Result<(), Failure> {
    Ok(())
}
