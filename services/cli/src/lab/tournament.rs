//! `arena tournament`: villains against healers.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arena_lab::{LENGTH_MAX, Tournament, VILLAINS, play_bout};
use clap::Args;
use clap::builder::PossibleValuesParser;

use super::{SEED_MAX, files, tell, work};
use crate::exit::Failure;
use crate::screen::{self, talk};
use crate::up::signals::Signals;

/// Shorter than that a villain makes no fault that lasts, at one every 20 s.
const LENGTH_MIN: Duration = Duration::from_secs(30);

/// `arena tournament`.
#[derive(Debug, Args)]
#[command(before_help = "\
Examples:
  arena tournament                                    both villains against rules and noop
  arena tournament --felix rules,random,noop --rounds 50 --seed 7
  arena tournament --villains adaptive --for 8m --json

Each pair meets the same seeds. Villains have their usual budget (docs/villain.md), for as
long as --for says. The score is the share of their time in which users were served well.
`scripted` is no villain of a tournament: it plays scenarios, and that is `arena bench`.

Exit codes: 0 all bouts were played, 1 some came to no end, 2 usage, 130 interrupted.")]
pub(crate) struct TournamentArgs {
    /// Who hurts
    #[arg(long, value_name = "VILLAIN,...", value_delimiter = ',', default_values_t = VILLAINS.map(str::to_owned), value_parser = PossibleValuesParser::new(VILLAINS))]
    villains: Vec<String>,
    /// Who heals: rules (the remediator), none, noop, random, restart or reference (knows the truth)
    #[arg(
        long,
        value_name = "POLICY,...",
        value_delimiter = ',',
        default_value = "rules,noop"
    )]
    felix: Vec<String>,
    /// Bouts of each pair
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    rounds: u32,
    /// Of the first round; each following one has the next
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(..=SEED_MAX.unsigned_abs()))]
    seed: u64,
    /// How long a villain may hurt, 30s to 8m
    #[arg(long = "for", value_name = "DURATION", default_value = "5m", value_parser = length)]
    length: Duration,
    /// Threads [default: one a core]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// A folder for tournament.json
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

fn length(text: &str) -> Result<Duration, String> {
    let length = arena_config::duration::parse(text)?;
    if (LENGTH_MIN..=LENGTH_MAX).contains(&length) {
        return Ok(length);
    }
    let write = |duration| humantime::format_duration(duration);
    Err(format!(
        "allowed {} to {}",
        write(LENGTH_MIN),
        write(LENGTH_MAX)
    ))
}

/// Runs it.
pub(crate) async fn run(args: TournamentArgs) -> Result<(), Failure> {
    super::check_healers(&args.felix)?;
    super::check_once("villain", &args.villains)?;
    if let Some(folder) = &args.out {
        files::prepare(folder)?;
    }
    let tournament = Tournament {
        villains: args.villains.clone(),
        felix: args.felix.clone(),
        rounds: args.rounds,
        seed: args.seed,
        length: args.length,
    };
    let bouts = Arc::new(tournament.bouts());
    let signals = Signals::listen()?;
    talk!(
        "{} villains x {} healers x {} rounds: {} bouts",
        args.villains.len(),
        args.felix.len(),
        args.rounds,
        bouts.len()
    );
    let mut worked = work::work(signals, &bouts, args.jobs.map(usize::from), play_bout).await?;
    let broken = worked.broken();
    let done = std::mem::take(&mut worked.done);
    let mut standings = tournament.standings(&bouts, done);
    let machine = worked.machine(standings.virtual_ms());
    work::tell_speed(&machine);
    standings.machine = Some(machine);
    for round in &standings.bouts {
        if let Some(why) = &round.broken {
            let (villain, felix, seed) = (&round.bout.villain, &round.bout.felix, round.bout.seed);
            talk!("broken: {villain} against {felix}, seed {seed}: {why}");
        }
    }
    if let Some(folder) = &args.out {
        let path = folder.join("tournament.json");
        files::write(&path, &files::json(&standings)?)?;
        talk!("standings: {}", path.display());
    }
    if args.json {
        screen::print(&files::json(&standings)?)?;
    } else {
        screen::print(&tell::tournament(&standings, &args.felix))?;
    }
    work::ending(worked.interrupted, broken)
}
