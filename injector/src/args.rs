//! The command line.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Context;
use arena_bus::{NatsArgs, ServiceDescription};
use arena_chassis::Exit;
use arena_injector_core::Schedule;
use clap::Parser;

/// Publishes faults: those that are asked for, and those of a schedule
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Args {
    /// Faults to inject by time; without it, only those that are asked for
    #[arg(long, value_name = "FILE")]
    schedule: Option<PathBuf>,
    /// Read the schedule, say what is wrong with it, and exit: 0, or 2 with the place and the mend
    #[arg(long)]
    pub(crate) check: bool,
    #[command(flatten)]
    pub(crate) nats: NatsArgs,
}

impl Args {
    /// A mistake in the schedule exits 2. Without a file, the schedule is empty.
    pub(crate) fn read_schedule(&self) -> anyhow::Result<Schedule> {
        let Some(path) = &self.schedule else {
            return Ok(Schedule::default());
        };
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the schedule {name}"))?;
        Schedule::parse(&name, &text).map_err(|mistake| Exit::new(2, mistake.to_string()).into())
    }
}

/// For `nats micro ls`.
pub(crate) fn description() -> ServiceDescription {
    ServiceDescription {
        name: "injector".to_owned(),
        description: "Publishes faults and keeps them alive".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        metadata: BTreeMap::new(),
    }
}
