//! `arena up`.

use clap::Args;

use crate::exit::Failure;

/// `arena up`.
#[derive(Debug, Args)]
pub struct UpArgs {}

/// Runs it.
pub async fn run(_args: UpArgs) -> Result<(), Failure> {
    Ok(())
}
