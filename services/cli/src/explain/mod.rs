//! `arena explain`: the whole story of one incident, in plain words: what was seen, what is believed, what was decided and
//! why, what came of it, and what supports the end.

mod evidence;
mod tell;

use arena_bus::{BusError, NatsArgs};
use arena_proto::{IncidentStory, StoryQuery};
use clap::Args;

use crate::client;
use crate::exit::{Exit, Failure};
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
    let bus = client::connect(&args.nats).await?;
    let query = StoryQuery {
        id: args.incident.clone(),
    };
    let story: IncidentStory = bus
        .request("recorder", "story", &query)
        .await
        .map_err(no_story)?;
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

/// The recorder says in words when there is no such incident, or several.
fn no_story(error: BusError) -> Failure {
    match error {
        BusError::Answered { message, .. } if message.contains("incident") => {
            Exit::NotRunning.because(format!("{message}\n  mend: `arena incidents` lists them"))
        }
        other => client::not_running(other),
    }
}
