//! `arena scenarios certify`: plays each scenario with nobody who heals, and with the reference, and keeps those that show something.

use std::path::PathBuf;

use arena_scenario::judge::{self, Policy, Verdict};
use arena_scenario::{Expect, Scenario};
use clap::Args;
use futures::StreamExt as _;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::{Read, keep};
use crate::exit::{Exit, Failure};
use crate::run::live::{self, Options};
use crate::run::source;
use crate::screen::{self, Cell, Tone, talk};
use crate::up::signals::Signals;
use arena_scenario::record::{Ending, Record};

pub(super) const HELP: &str = "\
What is certified:
  heal       it is ill to the end when nobody acts, and its reference cure (the truth's, at each root) passes it
  escalate   doing nothing fails it, and there is an incident to call a person for
  no-action  doing nothing passes it: users are well at the end
A scenario without a steady state, or with a fault that is refused here, is dropped.";

/// Arenas at once: two fill a laptop, and a scenario that starves proves nothing.
const JOBS_MAX: u16 = 8;

/// `arena scenarios certify`.
#[derive(Debug, Args)]
pub(super) struct CertifyArgs {
    /// Files, folders, or names of curated scenarios
    #[arg(required = true, value_name = "FILE")]
    files: Vec<String>,
    /// Write those that are certified into this folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// So many at once
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=i64::from(JOBS_MAX)))]
    jobs: u16,
    /// Print JSON: a list
    #[arg(long)]
    json: bool,
}

/// Whether one is worth it.
#[derive(Serialize)]
struct Certificate {
    scenario: String,
    expect: Expect,
    certified: bool,
    /// What was shown, or why it is dropped.
    why: String,
    none: Option<Verdict>,
    reference: Option<Verdict>,
}

/// Runs it.
pub(super) async fn run(args: CertifyArgs) -> Result<(), Failure> {
    let mut all: Vec<Read> = Vec::new();
    for source in source::find(&args.files)? {
        let scenario = source.read()?;
        all.push((source, scenario));
    }
    let stop = CancellationToken::new();
    let mut signals = Signals::listen()?;
    let certify = async {
        let each = all.iter().map(|(_, scenario)| certify(scenario, &stop));
        let jobs = usize::from(args.jobs);
        futures::stream::iter(each)
            .buffered(jobs)
            .collect::<Vec<_>>()
            .await
    };
    let mut certify = std::pin::pin!(certify);
    let certificates = tokio::select! {
        certificates = &mut certify => certificates,
        signal = signals.next() => {
            talk!("{signal}: cleaning up");
            stop.cancel();
            // Each run cleans up behind itself.
            certify.await;
            return Err(Exit::Interrupted.because("interrupted"));
        }
    };
    let certificates: Vec<Certificate> = certificates.into_iter().collect::<Result<_, _>>()?;
    if let Some(folder) = &args.out {
        for ((source, scenario), certificate) in all.iter().zip(&certificates) {
            if certificate.certified {
                let line = keep(folder, &scenario.name, &source.text)?;
                // With --json stdout is the report alone.
                if !args.json {
                    screen::print(&line)?;
                }
            }
        }
    }
    tell(&args, &certificates)
}

/// An error only when interrupted: what cannot be played is not certified.
async fn certify(scenario: &Scenario, stop: &CancellationToken) -> Result<Certificate, Failure> {
    let none = play(scenario, Policy::None, stop).await?;
    let reference = match (&none, scenario.truth.expect) {
        (Ok(_), Expect::Heal) => Some(play(scenario, Policy::Reference, stop).await?),
        _ => None,
    };
    let answer = match (&none, &reference) {
        (Err(why), _) | (_, Some(Err(why))) => Err(why.clone()),
        (Ok(none), reference) => {
            let reference = reference.as_ref().and_then(|verdict| verdict.as_ref().ok());
            judge::certify(scenario.truth.expect, none, reference).map(str::to_owned)
        }
    };
    let certified = answer.is_ok();
    let (Ok(why) | Err(why)) = answer;
    talk!(
        "{}: {} ({why})",
        scenario.name,
        if certified { "CERTIFIED" } else { "DROPPED" }
    );
    Ok(Certificate {
        scenario: scenario.name.clone(),
        expect: scenario.truth.expect,
        certified,
        why,
        none: none.ok(),
        reference: reference.and_then(Result::ok),
    })
}

/// The judge's word, or why there is none.
async fn play(
    scenario: &Scenario,
    policy: Policy,
    stop: &CancellationToken,
) -> Result<Result<Verdict, String>, Failure> {
    let options = Options {
        policy,
        attach: None,
        named: true,
    };
    let interrupted = async {
        stop.cancelled().await;
        Exit::Interrupted.because("interrupted")
    };
    match live::play(scenario, &options, interrupted).await {
        Err(failure) if failure.exit == Exit::Interrupted => Err(failure),
        Err(failure) => Ok(Err(format!("{:#}", failure.error))),
        Ok(record) => Ok(verdict(record)),
    }
}

fn verdict(record: Record) -> Result<Verdict, String> {
    if !record.clean_up.clean || record.ending == Ending::NoSteadyState {
        return Err(record.why);
    }
    record.verdict.ok_or(record.why)
}

fn tell(args: &CertifyArgs, certificates: &[Certificate]) -> Result<(), Failure> {
    if args.json {
        screen::print_json(&certificates)?;
    } else if args.out.is_none() {
        let rows: Vec<Vec<Cell>> = certificates.iter().map(row).collect();
        screen::print(&screen::table(&["scenario", "", "why"], &rows))?;
    }
    let dropped = certificates.iter().filter(|one| !one.certified).count();
    if dropped == 0 {
        return Ok(());
    }
    Err(Exit::Failed.because(format!("{dropped} of {} are dropped", certificates.len())))
}

fn row(certificate: &Certificate) -> Vec<Cell> {
    let word = if certificate.certified {
        Cell("CERTIFIED".to_owned(), Tone::Good)
    } else {
        Cell("DROPPED".to_owned(), Tone::Bad)
    };
    vec![
        certificate.scenario.as_str().into(),
        word,
        certificate.why.as_str().into(),
    ]
}
