//! `arena scenarios generate`: new scenarios from a seed.

use std::path::PathBuf;

use arena_scenario::{Difficulty, GENERATED_MAX, generate};
use clap::{Args, ValueEnum};

use super::keep;
use crate::exit::{Exit, Failure};
use crate::screen;

/// `arena scenarios generate`.
#[derive(Debug, Args)]
pub(super) struct GenerateArgs {
    /// What they are made of
    #[arg(long)]
    seed: u64,
    /// How many
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=i64::from(GENERATED_MAX)))]
    count: u32,
    /// Only of this difficulty
    #[arg(long, value_enum)]
    difficulty: Option<Level>,
    /// A file each in this folder [default: all to stdout]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// A difficulty, on the command line.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Level {
    Easy,
    Medium,
    Hard,
}

impl From<Level> for Difficulty {
    fn from(level: Level) -> Self {
        match level {
            Level::Easy => Self::Easy,
            Level::Medium => Self::Medium,
            Level::Hard => Self::Hard,
        }
    }
}

/// Makes them; fails when there are fewer different ones than were asked for.
pub(super) fn run(args: &GenerateArgs) -> Result<(), Failure> {
    let made = generate(args.seed, args.count, args.difficulty.map(Difficulty::from));
    for scenario in &made {
        let text = scenario.to_toml();
        match &args.out {
            None => screen::print(&format!("# {}.toml\n{text}\n", scenario.name))?,
            Some(folder) => screen::print(&keep(folder, &scenario.name, &text)?)?,
        }
    }
    let wanted = usize::try_from(args.count).unwrap_or(usize::MAX);
    if made.len() < wanted {
        let what = format!("chance found only {} different ones", made.len());
        return Err(Exit::Failed.because(what));
    }
    Ok(())
}
