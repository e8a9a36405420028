//! `arena status`: nodes, services, open incidents, active faults, and what people and the detector decided.

mod text;

use arena_view::Liveness;
use arena_view::status::{self, GATEWAY, UP_DIED};

use crate::args::StatusArgs;
use crate::client;
use crate::exit::{Exit, Failure};
use crate::{people, screen, up};

/// Prints the status.
pub(crate) async fn run(args: StatusArgs) -> Result<(), Failure> {
    let record = up::record_at(&args.data, &args.nats.nats_url);
    let died = record.as_ref().is_some_and(|record| !record.up_is_alive());
    let bus = client::connect(&args.nats).await.map_err(|failure| {
        if died {
            failure
                .exit
                .because(format!("{:#}\n{UP_DIED}", failure.error))
        } else {
            failure
        }
    })?;
    let mut found = client::person(bus).found(died, people::now()).await?;
    if record.is_some_and(|record| record.gateway.is_some()) {
        // It was started: where it does not answer, that is told.
        let silent = Liveness::Silent { since: None };
        found.components.entry(GATEWAY.to_owned()).or_insert(silent);
    }
    let report = status::report(&found);
    if args.json {
        screen::print_json(&report)?;
    } else {
        screen::print(&text::text(&report, &found))?;
    }
    // What is not known, and what nobody looks after, is told by the exit code even to who did not ask for it.
    let must_tell = died || report.arena.incidents_open.is_none();
    if (args.exit_code || must_tell) && !report.arena.degraded.is_empty() {
        return Err(
            Exit::Degraded.because(format!("degraded: {}", report.arena.degraded.join("; ")))
        );
    }
    Ok(())
}
