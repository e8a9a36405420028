//! `arena scenarios`: what there is to be played, what is new, and whether it is worth it.

mod certify;
mod generate;

use std::path::Path;

use arena_scenario::{Difficulty, Origin, Scenario, curated};
use clap::{Args, Subcommand};
use serde::Serialize;

use crate::exit::{Exit, Failure};
use crate::run::source::{self, Source};
use crate::screen::{self, Cell, talk};

/// `arena scenarios`.
#[derive(Debug, Args)]
#[command(
    arg_required_else_help = true,
    before_help = "\
Examples:
  arena scenarios list
  arena scenarios show hang-edge > my.toml          the file, to copy from
  arena scenarios check my.toml
  arena scenarios generate --seed 7 --count 20 --out new
  arena scenarios certify new --out good --jobs 2   keep those that are worth being played"
)]
pub(crate) struct ScenariosArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the curated scenarios
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print the file of a curated scenario
    Show {
        /// Its name
        name: String,
    },
    /// Check files, without playing them
    Check {
        /// Files, folders, or names of curated scenarios
        #[arg(required = true, value_name = "FILE")]
        files: Vec<String>,
    },
    /// Make new ones: the same seed makes the same ones
    Generate(generate::GenerateArgs),
    /// Show for each that doing nothing fails it and that its reference cure passes it; keep those
    #[command(after_help = certify::HELP)]
    Certify(certify::CertifyArgs),
}

/// Runs it.
pub(crate) async fn run(args: ScenariosArgs) -> Result<(), Failure> {
    match args.command {
        Command::List { json } => list(json),
        Command::Show { name } => Ok(screen::print(&source::curated(&name)?.text)?),
        Command::Check { files } => check(&files),
        Command::Generate(args) => generate::run(&args),
        Command::Certify(args) => certify::run(args).await,
    }
}

/// One line of the list; scripts rest on it: fields are added, never renamed.
#[derive(Serialize)]
struct Listed {
    name: String,
    summary: String,
    difficulty: Difficulty,
    expect: arena_scenario::Expect,
    faults: Vec<&'static str>,
}

fn list(json: bool) -> Result<(), Failure> {
    let mut all = Vec::new();
    for (name, text) in curated() {
        let scenario =
            Scenario::parse(name, text).map_err(|mistake| Exit::Failed.because(mistake))?;
        all.push(Listed {
            faults: faults(&scenario),
            name: scenario.name,
            summary: scenario.summary,
            difficulty: scenario.difficulty,
            expect: scenario.truth.expect,
        });
    }
    if json {
        return Ok(screen::print_json(&all)?);
    }
    let rows: Vec<Vec<Cell>> = all
        .iter()
        .map(|one| {
            vec![
                one.name.as_str().into(),
                word(&one.difficulty).into(),
                word(&one.expect).into(),
                one.faults.join(" ").into(),
            ]
        })
        .collect();
    Ok(screen::print(&screen::table(
        &["scenario", "difficulty", "expect", "faults"],
        &rows,
    ))?)
}

/// Of its file: what the load and the telemetry are made of is no surprise.
fn faults(scenario: &Scenario) -> Vec<&'static str> {
    let planned = scenario.all_injections();
    let of_file = planned.iter().filter(|one| one.origin == Origin::File);
    of_file
        .map(|one| one.injection.fault.name.as_str())
        .collect()
}

/// As the file has it.
fn word(value: &impl Serialize) -> String {
    let text = serde_json::to_string(value).unwrap_or_default();
    text.trim_matches('"').to_owned()
}

/// Tells every mistake, not the first alone.
fn check(files: &[String]) -> Result<(), Failure> {
    let sources = source::find(files)?;
    let wrong = sources.iter().filter_map(|source| source.read().err());
    let wrong: Vec<Failure> = wrong.collect();
    for failure in &wrong {
        talk!("{:#}", failure.error);
    }
    if wrong.is_empty() {
        talk!("{} checked, all right", sources.len());
        return Ok(());
    }
    Err(Exit::Usage.because(format!("{} of {} are wrong", wrong.len(), sources.len())))
}

/// Writes one scenario; its path, as a line for stdout.
fn keep(folder: &Path, name: &str, text: &str) -> Result<String, Failure> {
    std::fs::create_dir_all(folder)?;
    let path = folder.join(format!("{name}.toml"));
    std::fs::write(&path, text).map_err(|error| {
        Exit::Failed.because(format!("cannot write {}: {error}", path.display()))
    })?;
    Ok(format!("{}\n", path.display()))
}

/// What was read, with its text as it was written.
type Read = (Source, Scenario);
