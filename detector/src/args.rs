//! The command line.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Context;
use arena_bus::{NatsArgs, Partitions, ServiceDescription};
use arena_chassis::Exit;
use arena_detector_core::Policy;
use clap::Parser;

/// Turns telemetry into incidents.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Args {
    /// What is a symptom; without it the built-in policy
    #[arg(long, env = "ARENA_POLICY", value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Read the policy, say what is wrong with it, and exit: 0, or 2 with the place and the mend
    #[arg(long)]
    pub(crate) check: bool,
    /// Watch only these parts of the telemetry, as in `0,1`; the other parts are another detector's
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(..i64::from(Partitions::COUNT)))]
    partitions: Vec<u32>,
    #[command(flatten)]
    pub(crate) nats: NatsArgs,
}

impl Args {
    /// A mistake in the policy exits 2.
    pub(crate) fn read_policy(&self) -> anyhow::Result<Policy> {
        let (name, text) = match &self.policy {
            None => ("policy.toml".to_owned(), Policy::DEFAULT_TOML.to_owned()),
            Some(path) => {
                let name = path.display().to_string();
                let text = std::fs::read_to_string(path)
                    .with_context(|| format!("cannot read the policy {name}"))?;
                (name, text)
            }
        };
        Policy::parse(&name, &text).map_err(|mistake| Exit::new(2, mistake.to_string()).into())
    }

    pub(crate) fn partitions(&self) -> Partitions {
        if self.partitions.is_empty() {
            Partitions::all()
        } else {
            Partitions::only(self.partitions.iter().copied())
        }
    }
}

/// For `nats micro ls`.
pub(crate) fn description() -> ServiceDescription {
    ServiceDescription {
        name: "detector".to_owned(),
        description: "Turns telemetry into incidents".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        metadata: BTreeMap::new(),
    }
}
