//! `arena doctor`.

use clap::Args;

use crate::exit::Failure;

/// `arena doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {}

/// Runs it.
pub async fn run(_args: DoctorArgs) -> Result<(), Failure> {
    Ok(())
}
