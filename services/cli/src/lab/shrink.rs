//! `arena shrink`: of a scenario that fails, the part that does.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arena_lab::{BROKEN, Failure as Failing, Job, Shrunk, play_guarded, shrink};
use arena_scenario::Scenario;
use clap::Args;
use tokio::sync::oneshot;

use super::{SEED_MAX, files};
use crate::exit::{Exit, Failure};
use crate::run::source;
use crate::screen::{self, talk};
use crate::up::signals::Signals;

/// A name of a scenario has at most 60 letters; the end of it is ours.
const NAME_MAX: usize = 50;

/// `arena shrink`.
#[derive(Debug, Args)]
#[command(before_help = "\
Examples:
  arena shrink three-roles-of-many --seed 7 > small.toml     the part of it that fails
  arena shrink my.toml --seed 7 --policy random --out small.toml
  arena shrink my.toml --until cured,wrong_target            as long as these two fail

It takes away, in this order and one at a time: faults (halves of them first), nodes, replicas
and the batch job, load, bad telemetry, conditions and targets, times. What counts as healed
stays. When it ends, nothing more can be taken away. The same input gives the same output.

Exit codes: 0 it is smaller or cannot be, 1 it does not fail, 2 usage, 130 interrupted.")]
pub(crate) struct ShrinkArgs {
    /// A file, or the name of a curated scenario
    scenario: String,
    /// Another seed than the scenario's
    #[arg(long, value_parser = clap::value_parser!(u64).range(..=SEED_MAX.unsigned_abs()))]
    seed: Option<u64>,
    /// Who heals: rules (the remediator), none, noop, random, restart or reference (knows the truth)
    #[arg(long, default_value = "rules")]
    policy: String,
    /// Criteria and rules that have to fail, whatever else does [default: all those that fail now, and no others]
    #[arg(long, value_name = "FAILURE,...", value_delimiter = ',')]
    until: Vec<String>,
    /// The network between the arena's parts: quiet, lossy, wan or chaos
    #[arg(long, value_name = "PRESET", default_value = "quiet")]
    network: String,
    /// What was healed is hurt once more, and has to be healed again
    #[arg(long)]
    encore: bool,
    /// Runs at the most
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    tries: u32,
    /// Where the scenario goes [default: stdout]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// What is shrunk, and how it fails.
struct Case {
    job: Job,
    failing: Failing,
    tries: usize,
}

/// Runs it.
pub(crate) async fn run(args: ShrinkArgs) -> Result<(), Failure> {
    super::check_healers(std::slice::from_ref(&args.policy))?;
    crate::run::sim::network(&args.network)?;
    if let Some(path) = &args.out {
        files::prepare_file(path)?;
    }
    let sources = source::find(std::slice::from_ref(&args.scenario))?;
    let [source] = sources.as_slice() else {
        return Err(Exit::Usage.because("a folder of several scenarios\n  mend: name one of them"));
    };
    let original = source.read()?;
    let seed = args.seed.unwrap_or(original.seed);
    let mut scenario = original
        .seeded(seed)
        .map_err(|mistake| Exit::Usage.because(mistake))?;
    scenario.name = name(&original.name);
    let job = Job {
        scenario: Arc::new(scenario),
        seed,
        policy: args.policy.clone(),
        noise: 0,
        encore: args.encore,
        network: args.network.clone(),
    };
    let case = Case {
        failing: failing(&args, &job)?,
        job,
        tries: usize::try_from(args.tries).unwrap_or(usize::MAX),
    };
    talk!("{} fails: {}", original.name, case.failing);
    let failing = case.failing.to_string();
    let (mut shrunk, interrupted) = spawned(case).await?;
    shrunk.scenario = shrunk
        .scenario
        .seeded(seed)
        .map_err(|mistake| Exit::Failed.because(mistake))?;
    let text = head(&args, (&original.name, seed), &failing, &shrunk) + &shrunk.scenario.to_toml();
    match &args.out {
        Some(path) => {
            files::write(path, &text)?;
            talk!("{}", path.display());
        }
        None => screen::print(&text)?,
    }
    if interrupted {
        return Err(Exit::Interrupted.because("interrupted: it may become smaller still"));
    }
    if !shrunk.complete {
        talk!(
            "after {} tries it may become smaller still: --tries",
            shrunk.tries
        );
    }
    Ok(())
}

/// So that what is written is what was played, it has its name from the start.
fn name(of: &str) -> String {
    let short: String = of.chars().take(NAME_MAX).collect();
    format!("{}-small", short.trim_end_matches('-'))
}

/// How it fails; that it does not is told.
fn failing(args: &ShrinkArgs, job: &Job) -> Result<Failing, Failure> {
    let run = play_guarded(job);
    let Some(failing) = Failing::of(&run) else {
        return Err(Exit::Failed.because(format!(
            "{} with seed {} meets its goal under {}: there is nothing to shrink\n  mend: `arena bench --suite {} --json` shows which seeds fail",
            args.scenario, job.seed, args.policy, args.scenario
        )));
    };
    if args.until.is_empty() {
        return Ok(failing);
    }
    let wanted = Failing::Among(args.until.iter().cloned().collect());
    if wanted.is_of(&run) {
        return Ok(wanted);
    }
    let fails = match &run {
        Ok(outcome) => outcome.failed.join(", "),
        Err(why) => format!("{BROKEN} ({why})"),
    };
    Err(Exit::Usage.because(format!(
        "--until {wanted}: it does not fail so\n  mend: name some of what fails: {fails}"
    )))
}

/// On a thread of its own, so that an interrupt is heard: the run that is under way ends, and what there is is kept.
async fn spawned(case: Case) -> Result<(Shrunk, bool), Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    let mut signals = Signals::listen()?;
    let (tell, mut working) = oneshot::channel();
    let stopped = Arc::clone(&stop);
    let run = move || {
        let fails = |one: &Scenario| {
            // As a person will play it: who no longer names anybody is laid out with the run's seed, too.
            let Ok(played) = one.seeded(case.job.seed) else {
                return false;
            };
            let job = Job {
                scenario: Arc::new(played),
                ..case.job.clone()
            };
            case.failing.is_of(&play_guarded(&job))
        };
        let shrunk = shrink(&case.job.scenario, case.tries, fails, |tried| {
            let word = if tried.kept { "kept" } else { "    " };
            talk!("{:>5}  {word}  {}", tried.number, tried.what);
            !stopped.load(Ordering::Relaxed)
        });
        // Nobody listens any more after a second interrupt.
        let _ = tell.send(shrunk);
    };
    std::thread::Builder::new()
        .name("shrink".to_owned())
        .spawn(run)?;
    let mut interrupted = false;
    loop {
        tokio::select! {
            shrunk = &mut working => {
                let shrunk = shrunk.map_err(|_| Exit::Failed.because("shrinking ended without a word"))?;
                return Ok((shrunk, interrupted));
            }
            signal = signals.next() => {
                if interrupted {
                    return Err(Exit::Interrupted.because("interrupted twice: nothing is kept"));
                }
                interrupted = true;
                stop.store(true, Ordering::Relaxed);
                talk!("{signal}: the run that is under way ends, what is left is kept; once more ends at once");
            }
        }
    }
}

/// Where it came from, as comments.
fn head(args: &ShrinkArgs, (name, seed): (&str, u64), failing: &str, shrunk: &Shrunk) -> String {
    let whole = if shrunk.complete {
        "nothing more can be taken away"
    } else {
        "it may become smaller still"
    };
    let network = match args.network.as_str() {
        "quiet" => String::new(),
        other => format!(" --network {other}"),
    };
    let encore = if args.encore { " --encore" } else { "" };
    let mut text = format!(
        "# Of {} with seed {} under {}, by `arena shrink` {} after {} runs: {whole}.\n# It fails: {failing}\n# Play it: arena run FILE --sim --seed {seed} --policy {}{network}{encore}\n",
        name,
        seed,
        args.policy,
        env!("CARGO_PKG_VERSION"),
        shrunk.tries,
        args.policy,
    );
    let steps = shrunk.steps.iter().map(|step| format!("# - {step}\n"));
    text.extend(steps);
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_stays_a_name() {
        assert_eq!(name("dies-crash"), "dies-crash-small");
        let long = "abcdefghi-".repeat(5) + "tail";
        let cut = name(&long);
        assert!(cut.len() <= 60 && !cut.contains("--"), "{cut}");
    }
}
