//! `arena explain`: the whole story of one incident, in plain words: what was seen, what is believed, what was decided and
//! why, what came of it, and what supports the end.

mod evidence;
mod tell;

use arena_bus::NatsArgs;
use clap::Args;

use crate::client;
use crate::exit::Failure;
use crate::screen;
use crate::up;
use crate::up::data_dir::DataDirArgs;

/// `arena explain`.
#[derive(Debug, Args)]
#[command(before_help = "\
Examples:
  arena incidents                       which there are
  arena explain inc-440cb03c056b        what happened, and why
  arena explain inc-440 --evidence      with every sample, log line and process that was kept")]
pub(crate) struct ExplainArgs {
    /// The incident's id, or enough of its beginning
    incident: String,
    /// Show all the evidence, not only what there is of it
    #[arg(long)]
    evidence: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    data: DataDirArgs,
    #[command(flatten)]
    nats: NatsArgs,
}

/// Runs it.
pub(crate) async fn run(args: ExplainArgs) -> Result<(), Failure> {
    let operator = client::operator(&args.nats).await?;
    let story = operator.story(&args.incident).await?;
    if args.json {
        screen::print_json(&story)?;
        return Ok(());
    }
    let viewer = up::viewer(&args.data, &args.nats.nats_url);
    let mut text = tell::story(&story, viewer.as_deref());
    if args.evidence {
        text.push_str(&evidence::all(&story.evidence));
    }
    screen::print(&text)?;
    Ok(())
}
