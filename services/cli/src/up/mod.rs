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

/// Where the trace viewer's pages are.
pub const VIEWER_ADDRESS: &str = "127.0.0.1:16686";
