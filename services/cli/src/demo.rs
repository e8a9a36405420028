//! `arena demo`.

use crate::args::DemoArgs;
use crate::exit::Failure;

/// Runs it.
pub async fn run(_args: DemoArgs) -> Result<(), Failure> {
    Ok(())
}
