//! `arena mode`: who decides about actions, in all or by how much they can hurt.

use arena_bus::NatsArgs;
use arena_proto::{Control, Mode, RiskClass};
use clap::Args;
use serde::Serialize;

use crate::args::word;
use crate::client;
use crate::control;
use crate::exit::{Exit, Failure};
use crate::people::{self, ago};
use crate::screen;

/// `arena mode`.
#[derive(Debug, Args)]
#[command(before_help = "\
Examples:
  arena mode                      who decides about what
  arena mode observe              plan everything, do nothing
  arena mode auto                 act; what is of HIGH risk still waits for a person
  arena mode --risk high auto     that, too, without asking
  arena mode --risk medium approve")]
pub(crate) struct ModeArgs {
    /// observe (plan, never act), approve (a person decides) or auto (act); left out, the mode is shown
    #[arg(value_parser = mode)]
    mode: Option<Mode>,
    /// Only for actions of this risk: low, medium or high; left out, for all
    #[arg(long, value_name = "RISK", value_parser = risk)]
    risk: Option<RiskClass>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    nats: NatsArgs,
}

fn mode(text: &str) -> Result<Mode, String> {
    word(text, Mode::ALL, |mode| mode.as_str().to_lowercase())
}

fn risk(text: &str) -> Result<RiskClass, String> {
    word(text, RiskClass::ALL, |risk| risk.as_str().to_lowercase())
}

#[derive(Serialize)]
struct Report {
    mode: Mode,
    low: Mode,
    medium: Mode,
    high: Mode,
    by: String,
    at: Option<String>,
}

/// Runs it.
pub(crate) async fn run(args: ModeArgs) -> Result<(), Failure> {
    let operator = client::operator(&args.nats).await?;
    let control = match (args.mode, operator.control().await?) {
        (Some(mode), _) => {
            let changed = operator.set_mode(mode, args.risk, people::now());
            control::tell(changed.await?)
        }
        (None, (control, None)) => control,
        (None, (_, Some(lost))) => return Err(Exit::Degraded.because(control::told(lost))),
    };
    if args.json {
        screen::print_json(&report(&control))?;
    } else {
        screen::print(&text(&control, args.risk))?;
    }
    Ok(())
}

fn report(control: &Control) -> Report {
    Report {
        mode: control.mode,
        low: control.mode_for(RiskClass::Low),
        medium: control.mode_for(RiskClass::Medium),
        high: control.mode_for(RiskClass::High),
        by: control.by.clone(),
        at: (!control.by.is_empty()).then(|| control.at.to_string()),
    }
}

fn text(control: &Control, only: Option<RiskClass>) -> String {
    let rows: Vec<Vec<screen::Cell>> = RiskClass::ALL
        .iter()
        .filter(|risk| only.is_none_or(|only| only == **risk))
        .map(|risk| {
            let mode = control.mode_for(*risk);
            vec![
                risk.as_str().into(),
                mode.as_str().into(),
                means(mode).into(),
            ]
        })
        .collect();
    let who = if control.by.is_empty() {
        "nobody has decided anything yet".to_owned()
    } else {
        let at = ago(control.at, people::now());
        format!(
            "mode, lever or a pause was last changed by {} at {at}",
            control.by
        )
    };
    format!("{}{who}\n", screen::table(&["risk", "mode", ""], &rows))
}

const fn means(mode: Mode) -> &'static str {
    match mode {
        Mode::Observe => "planned, never done",
        Mode::Approve => "waits for arena approve",
        Mode::Auto => "done at once",
    }
}

/// The modes of risk classes that differ from the mode, for one line; empty when none does.
pub(crate) fn exceptions(control: &Control) -> String {
    let differing: Vec<String> = RiskClass::ALL
        .iter()
        .filter(|risk| control.mode_for(**risk) != control.mode)
        .map(|risk| format!("{} of {risk} risk", control.mode_for(*risk)))
        .collect();
    differing.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_of_high_risk_waits_unless_people_said_otherwise() {
        let mut control = Control::default();
        assert_eq!(exceptions(&control), "APPROVE of HIGH risk");
        control.modes.insert(RiskClass::High, Mode::Auto);
        control.modes.insert(RiskClass::Low, Mode::Observe);
        assert_eq!(exceptions(&control), "OBSERVE of LOW risk");
    }
}
