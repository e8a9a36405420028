//! The command line.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::str::FromStr;
use std::time::Duration;

use arena_bus::NatsArgs;
use arena_proto::Entity;
use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};
use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

use crate::exit::{Exit, Failure};
use crate::up::data_dir::DataDirArgs;

const EXAMPLES: &str = "\
Examples:
  arena up                                  start everything here, Ctrl-C stops it
  arena up -d --wait --chaos                in the background, with faults allowed
  arena status                              nodes, services, incidents, faults
  arena faults                              what can be done to it
  arena inject cpu-spike node-1/orders      hurt something ...
  arena incidents                           ... and see how it was healed
  arena explain inc-440cb03c056b            one of them in plain words: why it went as it did
  arena villain start random                have it hurt by chance, within a budget
  arena mode approve                        nothing is done without `arena approve`
  arena run dies-crash --live               play a scenario in an arena of its own, and judge it
  arena bench --policy rules,noop --out report    many runs in the simulator, compared
  arena lever stop                          halt every action, revert every fault
  arena watch                               everything on the bus, live
  arena down                                stop it all; data stays

Exit codes: 0 ok, 1 failed, 2 usage, 3 not running or not found, 4 degraded,
5 timeout, 130 interrupted (but `arena up` ends with 0 at Ctrl-C, as that is
how it is stopped).";

/// A self-healing operations arena over NATS.
#[derive(Debug, Parser)]
#[command(name = "arena", version, before_help = EXAMPLES, arg_required_else_help = true)]
pub(crate) struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start the arena, or what is missing of it
    Up(crate::up::UpArgs),
    /// Stop the arena in reverse order; data stays
    Down(crate::down::DownArgs),
    /// Show the whole loop once: hurt a service, watch it being healed
    Demo(DemoArgs),
    /// Show nodes, services, open incidents and active faults
    Status(StatusArgs),
    /// List incidents, or one of them
    Incidents(IncidentsArgs),
    /// Tell the story of an incident: what was seen, decided and done, and why
    Explain(crate::explain::ExplainArgs),
    /// Show what each action was worth against each symptom
    Efficacy(crate::efficacy::EfficacyArgs),
    /// Show messages on the bus, live and readable
    Watch(WatchArgs),
    /// Show logs of components and services
    Logs(crate::logs::LogsArgs),
    /// Halt every action and revert every fault at once, or release that
    Lever(crate::lever::LeverArgs),
    /// Show or set who decides about actions: observe, approve or auto
    Mode(crate::mode::ModeArgs),
    /// List the actions that wait for a person
    Approvals(crate::approve::ApprovalsArgs),
    /// Let a waiting action be done
    Approve(crate::approve::AnswerArgs),
    /// Refuse a waiting action
    Deny(crate::approve::AnswerArgs),
    /// Leave a service or a node alone: only a person acts on it
    Pause(crate::pause::PauseArgs),
    /// End a pause
    Resume(crate::pause::ResumeArgs),
    /// Do one action, through the same guards as the remediator
    Do(crate::do_action::DoArgs),
    /// List the faults, and what each node and service can take
    Faults(crate::faults::FaultsArgs),
    /// Hurt a service or a node: publish a fault (needs `arena up --chaos`)
    Inject(InjectArgs),
    /// Undo a fault, or all of them
    Revert(RevertArgs),
    /// Have the arena hurt by chance, by what hurts most, or as a scenario says
    Villain(crate::villain::VillainArgs),
    /// Play a scenario, judge what came of it, and leave nothing behind
    Run(crate::run::RunArgs),
    /// Play many scenarios with many seeds in the simulator, and compare who heals
    Bench(crate::lab::bench::BenchArgs),
    /// Let villains hurt in the simulator, and compare who heals
    Tournament(crate::lab::tournament::TournamentArgs),
    /// Reduce a scenario that fails in the simulator to the part that does
    Shrink(crate::lab::shrink::ShrinkArgs),
    /// Play a simulated run again and compare it, or tell a run's story again
    Replay(crate::replay::ReplayArgs),
    /// Play the healer or the villain of a simulated arena, step by step, over stdin and stdout
    Gym(crate::gym::GymArgs),
    /// List, show, check, generate and certify scenarios
    Scenarios(crate::scenarios::ScenariosArgs),
    /// Make one message body on stdin readable, for `nats sub --translate`
    Decode(DecodeArgs),
    /// Check this machine for what the arena needs
    Doctor(crate::doctor::DoctorArgs),
    /// Print a completion script for a shell
    Completions {
        /// The shell.
        shell: Shell,
    },
}

/// `arena status`.
#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    /// Exit with 4 when something is not well.
    #[arg(long)]
    pub exit_code: bool,
    #[command(flatten)]
    pub data: DataDirArgs,
    #[command(flatten)]
    pub nats: NatsArgs,
}

/// `arena incidents`.
#[derive(Debug, Args)]
pub(crate) struct IncidentsArgs {
    /// Only this one, with its whole story.
    pub id: Option<String>,
    /// Print JSON: a list, newest first.
    #[arg(long)]
    pub json: bool,
    /// Only those opened within this time, as in 10m.
    #[arg(long, value_name = "DURATION", value_parser = arena_config::duration::parse)]
    pub since: Option<Duration>,
    #[command(flatten)]
    pub nats: NatsArgs,
}

/// `arena inject`.
#[derive(Debug, Args)]
#[command(before_help = "\
Examples:
  arena inject cpu-spike node-1/orders --for 20s
  arena inject network-delay node-1/payments latency=800ms jitter=100ms
  arena inject storage-latency node-2/ledger latency=300ms --wait
  arena inject crash node-2/orders
  arena inject noisy-neighbour node-1                    a fault of the whole node

`arena faults` lists them; `arena faults network-delay` shows what one can be given,
what it should cause, what ends it, and who can take it. `arena revert ID` ends one.")]
pub(crate) struct InjectArgs {
    /// The fault's name.
    #[arg(value_parser = FaultParser, hide_possible_values = true)]
    pub fault: String,
    /// NODE/SERVICE, or NODE for a fault of the whole node.
    #[arg(value_name = "TARGET")]
    pub target: Entity,
    /// Its parameters.
    #[arg(value_name = "PARAM=VALUE", value_parser = parameter)]
    pub parameters: Vec<(String, String)>,
    /// How long it lasts at the most.
    #[arg(long = "for", value_name = "DURATION", default_value = "30s", value_parser = arena_config::duration::parse)]
    pub ttl: Duration,
    /// Return when the fault is over, not when it is active.
    #[arg(long)]
    pub wait: bool,
    #[command(flatten)]
    pub nats: NatsArgs,
}

/// `arena revert`.
#[derive(Debug, Args)]
pub(crate) struct RevertArgs {
    /// A fault's id, or `all`.
    pub id: String,
    #[command(flatten)]
    pub nats: NatsArgs,
}

/// `arena watch`.
#[derive(Debug, Args)]
pub(crate) struct WatchArgs {
    /// A subject, with the wildcards of NATS.
    #[arg(default_value = "arena.>", value_parser = subject)]
    pub subject: String,
    #[command(flatten)]
    pub nats: NatsArgs,
}

/// Whether one can listen to it; the server closes a connection that asks for what is none.
fn subject(text: &str) -> Result<String, String> {
    let tokens: Vec<&str> = text.split('.').collect();
    let is_token = |(index, token): (usize, &&str)| match *token {
        ">" => index + 1 == tokens.len(),
        token => !token.is_empty() && !token.contains(char::is_whitespace),
    };
    if tokens.iter().enumerate().all(is_token) {
        Ok(text.to_owned())
    } else {
        Err("a subject is words with dots between, as in arena.incident.>".to_owned())
    }
}

/// `arena decode`.
#[derive(Debug, Args)]
#[command(before_help = "\
Example:
  nats sub 'arena.telemetry.>' --translate 'arena decode {{Subject}}'")]
pub(crate) struct DecodeArgs {
    /// The subject that the body came on.
    pub subject: String,
    #[command(flatten)]
    pub nats: NatsArgs,
}

/// `arena demo`.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// The fault to inject.
    #[arg(long, default_value = "cpu-spike")]
    pub fault: String,
    /// The service to hurt.
    #[arg(long, default_value = "node-1/orders")]
    pub target: Entity,
    #[command(flatten)]
    pub data: DataDirArgs,
    #[command(flatten)]
    pub nats: NatsArgs,
}

/// A fault's name: any word, as the injector knows best what is wrong with it; but a shell completes those that there are.
#[derive(Debug, Clone)]
pub(crate) struct FaultParser;

impl TypedValueParser for FaultParser {
    type Value = String;

    fn parse_ref(
        &self,
        command: &clap::Command,
        argument: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<String, clap::Error> {
        StringValueParser::new().parse_ref(command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let names = arena_faults::CATALOGUE.iter();
        Some(Box::new(names.map(|name| {
            PossibleValue::new(name.as_str()).help(name.fault().summary)
        })))
    }
}

/// One PARAM=VALUE.
pub(crate) fn parameter(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(format!("{text:?} is not PARAM=VALUE, as in latency=400ms")),
    }
}

/// One of the project's words, as people write them; what is none is told what it may be.
pub(crate) fn word<T: Copy + FromStr>(
    text: &str,
    known: &[T],
    written: impl Fn(T) -> String,
) -> Result<T, String> {
    text.parse().map_err(|_| {
        let words: Vec<String> = known.iter().map(|word| written(*word)).collect();
        format!("use one of {}", words.join(", "))
    })
}

/// The parameters by name; one that is given twice is refused, as nobody can say which was meant.
pub(crate) fn parameters(
    given: Vec<(String, String)>,
) -> Result<BTreeMap<String, String>, Failure> {
    let mut named = BTreeMap::new();
    for (name, value) in given {
        if let Some(first) = named.insert(name.clone(), value.clone()) {
            return Err(Exit::Usage.because(format!(
                "{name} is given twice: {first} and {value}\n  mend: give it once"
            )));
        }
    }
    Ok(named)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_that_cannot_be_is_a_usage_error() {
        for wrong in ["", ".", "arena.", "arena..plan", ">.arena", "arena plan"] {
            let parsed = Arguments::try_parse_from(["arena", "watch", wrong]);
            let error = parsed.expect_err(wrong);
            assert_eq!(error.exit_code(), 2, "{wrong}");
            assert!(error.to_string().contains("as in arena.incident.>"));
        }
        for right in ["arena.>", ">", "$KV.lease.*", "arena.plan.node-1._"] {
            assert!(Arguments::try_parse_from(["arena", "watch", right]).is_ok());
        }
    }
}
