//! `arena-recorder`: everything durable into the database.

use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;

use anyhow::Context;
use arena_bus::{Bus, Events, NatsArgs, Partitions, Registration, Role, TelemetryStream};
use arena_chassis::{Chassis, Exit};
use arena_recorder::database::{Address, Database, Retention};
use arena_recorder::{api, ingest, retention, telemetry};

/// The recorder: everything durable into the database.
#[derive(Debug, clap::Parser)]
#[command(name = "arena-recorder")]
struct Args {
    #[command(flatten)]
    nats: NatsArgs,
    /// Where the database is: sqlite:PATH, or postgres://USER:PASSWORD@HOST:PORT/DATABASE. A password is better in the
    /// environment, where `ps` does not show it [default: the file `arena.db` in DIR]
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_name = "URL")]
    database: Option<String>,
    /// The folder of the SQLite database, when no other is given
    #[arg(long, value_name = "DIR", default_value = ".arena")]
    data_dir: PathBuf,
    /// Open the database as at start, say what is wrong if anything is, and end: 0 usable, 1 not usable, 2 no address
    #[arg(long)]
    check_database: bool,
    /// How long events, incidents, actions, evidence and faults are kept
    #[arg(long, value_name = "TIME", default_value = "30days", value_parser = humantime::parse_duration)]
    keep_events: Duration,
    /// How long the 10 s roll-ups of telemetry are kept
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = humantime::parse_duration)]
    keep_rollups: Duration,
}

fn main() -> ExitCode {
    arena_chassis::run("recorder", run)
}

async fn run(args: Args, chassis: Chassis) -> anyhow::Result<()> {
    let address = address(&args)?;
    if args.check_database {
        return Ok(Database::open(&address).await?.close().await?);
    }
    let keep = Retention {
        events: args.keep_events,
        rollups: args.keep_rollups,
    };
    let start = Recording::start(&args.nats, &address, &chassis);
    let started = tokio::select! {
        () = chassis.shutdown.cancelled() => return Ok(()),
        started = Box::pin(start) => started?,
    };
    let Recording {
        database,
        events,
        samples,
        registration,
    } = started;

    let removing = tokio::spawn({
        let (chassis, database) = (chassis.clone(), database.clone());
        async move { retention::run(&chassis, &database, keep).await }
    });
    let rolling = tokio::spawn({
        let (chassis, database) = (chassis.clone(), database.clone());
        async move { Box::pin(telemetry::run(&chassis, &database, samples)).await }
    });
    let result = ingest::run(&chassis, &database, events).await;

    chassis.shutdown.cancel();
    drop(registration);
    rolling.await.context("rolling telemetry up")??;
    removing.await.context("removing what is old")?;
    database.close().await?;
    result
}

/// What is read, where it goes, and who answers.
struct Recording {
    database: Database,
    events: Events,
    samples: TelemetryStream,
    registration: Registration,
}

impl Recording {
    async fn start(nats: &NatsArgs, address: &Address, chassis: &Chassis) -> anyhow::Result<Self> {
        let database = Database::open(address).await?;
        tracing::info!("recording into the {address}");
        let bus = Bus::connect(nats, Role::Recorder, "recorder").await?;
        let events = bus
            .consume_events("recorder")
            .await
            .context("cannot read the events; the streams are made by `arena up`")?;
        Ok(Self {
            events,
            samples: bus.telemetry(Partitions::all()).await?,
            registration: api::register(&bus, chassis.clock, &database).await?,
            database,
        })
    }
}

fn address(args: &Args) -> Result<Address, Exit> {
    match &args.database {
        // Not by clap, whose error would show the password.
        Some(text) => Address::from_str(text).map_err(|error| Exit::new(2, error.to_string())),
        None => Ok(Address::in_data_dir(&args.data_dir)),
    }
}
