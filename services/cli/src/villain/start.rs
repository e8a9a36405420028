//! `arena villain start`: which one, and what it may do. The injector judges the numbers.

use std::str::FromStr;
use std::time::Duration;

use arena_bus::NatsArgs;
use arena_faults::{CATALOGUE, Family};
use arena_proto::{VillainOperation, VillainPolicy, VillainRequest, VillainStopWhen};
use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};

use crate::exit::{Exit, Failure};
use crate::run::source;

/// `arena villain start`.
#[derive(Debug, Args)]
pub(super) struct StartArgs {
    #[command(subcommand)]
    policy: Policy,
}

#[derive(Debug, Subcommand)]
enum Policy {
    /// What a scenario says, when it says it
    Scripted(ScriptedArgs),
    /// By chance, within a budget
    Random(BudgetArgs),
    /// What hurt longest, within a budget
    Adaptive(BudgetArgs),
}

#[derive(Debug, Args)]
struct ScriptedArgs {
    /// A scenario's file, or the name of a curated one
    #[arg(value_name = "FILE|NAME")]
    scenario: String,
    #[command(flatten)]
    end: EndArgs,
}

#[derive(Debug, Args)]
struct BudgetArgs {
    /// Of every choice; the same seed and the same happenings make the same choices [default: made up]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// So many faults, and no more [default: 20]
    #[arg(long, value_name = "N")]
    budget: Option<u32>,
    /// So many of them at once [default: 2]
    #[arg(long, value_name = "N")]
    at_once: Option<u32>,
    /// The mean pause from one fault's start to the next; each is drawn [default: 20s]
    #[arg(long, value_name = "DURATION", value_parser = arena_config::duration::parse)]
    every: Option<Duration>,
    /// How long each lives, drawn from a range, as in 10s..40s, or one time for all [default: 10s..40s]
    #[arg(long, value_name = "MIN..MAX", value_parser = range)]
    each: Option<(Duration, Duration)>,
    /// Only these faults
    #[arg(long, value_name = "FAULT,...", value_delimiter = ',', hide_possible_values = true, value_parser = PossibleValuesParser::new(CATALOGUE.iter().map(|name| name.as_str())))]
    faults: Vec<String>,
    /// Only faults of these families
    #[arg(long, value_name = "FAMILY,...", value_delimiter = ',', value_parser = PossibleValuesParser::new(Family::ALL.iter().map(|family| family.as_str())))]
    families: Vec<String>,
    #[command(flatten)]
    end: EndArgs,
}

#[derive(Debug, Args)]
struct EndArgs {
    /// It stops after so long [default: 10m; of scripted: the scenario's limit]
    #[arg(long = "for", value_name = "DURATION", value_parser = arena_config::duration::parse)]
    total: Option<Duration>,
    /// When it stops before that: `user_error_percent > 50 for 60s`, escalated, or never; several are given one by one
    /// [default: those two; of scripted: never]
    #[arg(long, value_name = "CONDITION", value_parser = stop_when)]
    stop_when: Vec<StopWhen>,
    #[command(flatten)]
    nats: NatsArgs,
}

/// One `--stop-when`.
#[derive(Debug, Clone, Copy, PartialEq)]
enum StopWhen {
    Users(f64, Duration),
    Escalated,
    Never,
}

impl StartArgs {
    /// What the injector is asked, and where it is.
    pub(super) fn request(self) -> Result<(VillainRequest, NatsArgs), Failure> {
        let (mut request, end) = match self.policy {
            Policy::Scripted(args) => (scripted(&args.scenario)?, args.end),
            Policy::Random(args) => budgeted(VillainPolicy::Random, args),
            Policy::Adaptive(args) => budgeted(VillainPolicy::Adaptive, args),
        };
        request.op = VillainOperation::Start;
        request.for_ms = end.total.map(millis);
        request.stop_when = combine(&end.stop_when)?;
        Ok((request, end.nats))
    }
}

fn scripted(name: &str) -> Result<VillainRequest, Failure> {
    let found = source::find(&[name.to_owned()])?;
    let [source] = found.as_slice() else {
        return Err(Exit::Usage.because(format!(
            "{name} is a folder\n  mend: name one scenario: a file, or one of `arena scenarios list`"
        )));
    };
    source.read()?;
    Ok(VillainRequest {
        policy: Some(VillainPolicy::Scripted),
        scenario_name: source.name.clone(),
        scenario: Some(source.text.clone()),
        ..VillainRequest::default()
    })
}

fn budgeted(policy: VillainPolicy, args: BudgetArgs) -> (VillainRequest, EndArgs) {
    let request = VillainRequest {
        policy: Some(policy),
        seed: args.seed,
        budget: args.budget,
        at_once: args.at_once,
        every_ms: args.every.map(millis),
        faults: args.faults,
        families: args.families,
        ttl_min_ms: args.each.map(|(min, _)| millis(min)),
        ttl_max_ms: args.each.map(|(_, max)| millis(max)),
        ..VillainRequest::default()
    };
    (request, args.end)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// `10s..40s`, or `30s` for both.
fn range(text: &str) -> Result<(Duration, Duration), String> {
    let (min, max) = text.split_once("..").unwrap_or((text, text));
    let parse = |text: &str| arena_config::duration::parse(text.trim());
    Ok((parse(min)?, parse(max)?))
}

fn stop_when(text: &str) -> Result<StopWhen, String> {
    let wrong =
        || "write 'user_error_percent > NUMBER for DURATION', escalated, or never".to_owned();
    match text.trim() {
        "escalated" => return Ok(StopWhen::Escalated),
        "never" => return Ok(StopWhen::Never),
        _ => {}
    }
    let rest = text
        .trim()
        .strip_prefix("user_error_percent")
        .ok_or_else(wrong)?;
    let rest = rest.trim_start().strip_prefix('>').ok_or_else(wrong)?;
    let (percent, hold) = rest.split_once("for").ok_or_else(wrong)?;
    let percent = f64::from_str(percent.trim()).map_err(|_| wrong())?;
    let hold = arena_config::duration::parse(hold.trim()).map_err(|_| wrong())?;
    Ok(StopWhen::Users(percent, hold))
}

/// `None`: the policy's own.
fn combine(given: &[StopWhen]) -> Result<Option<VillainStopWhen>, Failure> {
    if given.is_empty() {
        return Ok(None);
    }
    let mut combined = VillainStopWhen::default();
    for condition in given {
        match condition {
            StopWhen::Never if given.len() > 1 => {
                return Err(Exit::Usage.because("--stop-when never stands alone"));
            }
            StopWhen::Never => {}
            StopWhen::Escalated => combined.escalated = true,
            StopWhen::Users(..) if combined.user_error_percent.is_some() => {
                return Err(
                    Exit::Usage.because("user_error_percent is given twice\n  mend: give it once")
                );
            }
            StopWhen::Users(percent, hold) => {
                combined.user_error_percent = Some(*percent);
                combined.user_error_ms = millis(*hold);
            }
        }
    }
    Ok(Some(combined))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_condition_is_read_however_it_is_spaced() {
        let users = StopWhen::Users(20.0, Duration::from_secs(30));
        for text in [
            "user_error_percent > 20 for 30s",
            " user_error_percent>20.0 for 30s ",
        ] {
            assert_eq!(stop_when(text), Ok(users));
        }
        assert_eq!(stop_when("escalated"), Ok(StopWhen::Escalated));
        for text in [
            "",
            "user_error_percent < 20 for 30s",
            "user_error_percent > 20",
            "escalate",
        ] {
            assert!(stop_when(text).is_err(), "{text}");
        }
    }

    #[test]
    fn conditions_add_up_and_never_stands_alone() {
        let users = StopWhen::Users(20.0, Duration::from_secs(30));
        assert_eq!(combine(&[]).expect("fine"), None);
        assert_eq!(
            combine(&[users, StopWhen::Escalated]).expect("fine"),
            Some(VillainStopWhen {
                user_error_percent: Some(20.0),
                user_error_ms: 30_000,
                escalated: true,
            })
        );
        let never = combine(&[StopWhen::Never]).expect("fine");
        assert_eq!(never, Some(VillainStopWhen::default()));
        assert!(combine(&[StopWhen::Never, StopWhen::Escalated]).is_err());
        assert!(combine(&[users, users]).is_err());
    }

    #[test]
    fn a_range_of_times_or_one_for_all() {
        let seconds = Duration::from_secs;
        assert_eq!(range("10s..40s"), Ok((seconds(10), seconds(40))));
        assert_eq!(range("30s"), Ok((seconds(30), seconds(30))));
        assert!(range("10s..").is_err());
    }
}
