//! `arena status`: nodes, services, open incidents, active faults, and what people and the detector decided.

mod report;
mod text;

use crate::args::StatusArgs;
use crate::client::{self, Roll};
use crate::exit::{Exit, Failure};
use crate::{control, people, screen, up};

/// Prints the status.
pub(crate) async fn run(args: StatusArgs) -> Result<(), Failure> {
    let record = up::record_at(&args.data, &args.nats.nats_url);
    let died = record.is_some_and(|record| !record.up_is_alive());
    let bus = client::connect(&args.nats).await.map_err(|failure| {
        if died {
            failure
                .exit
                .because(format!("{:#}\n{}", failure.error, up::DIED))
        } else {
            failure
        }
    })?;
    let roll = Roll::call(&bus).await?;
    // Who does not answer once is not waited for twice more.
    let summary = client::summary(&bus).await;
    let (incidents, faults) = match &summary {
        Ok(_) => (
            client::open_incidents(&bus).await,
            client::active_faults(&bus).await,
        ),
        Err(why) => (Err(why.clone()), Err(why.clone())),
    };
    let decided = bus.decided().await?;
    let found = report::Found {
        control_lost: control::lost(&decided),
        control: decided.control(),
        observers: bus.observers().await?,
        incidents,
        faults,
        summary,
        up_died: died,
        now: people::now(),
        roll,
    };
    let report = report::report(&found);
    if args.json {
        screen::print_json(&report)?;
    } else {
        screen::print(&text::text(&report, &found))?;
    }
    // What is not known, and what nobody looks after, is told by the exit code even to who did not ask for it.
    let must_tell = died || report.incidents_open.is_none();
    if (args.exit_code || must_tell) && !report.degraded.is_empty() {
        return Err(Exit::Degraded.because(format!("degraded: {}", report.degraded.join("; "))));
    }
    Ok(())
}
