//! `arena approvals`, `arena approve` and `arena deny`: the questions that the remediator puts to people.
//!
//! How they are found and answered: `arena-operator`.

use arena_bus::NatsArgs;
use arena_operator::find_question;
use arena_proto::{Decision, Plan, Timestamp, Verdict};
use arena_view::question::{Question, is_open, said, verb, what};
use clap::Args;

use crate::client;
use crate::exit::{Exit, Failure};
use crate::people::{self, until};
use crate::screen;

/// `arena approvals`.
#[derive(Debug, Args)]
pub(crate) struct ApprovalsArgs {
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    nats: NatsArgs,
}

/// `arena approve` and `arena deny`.
#[derive(Debug, Args)]
pub(crate) struct AnswerArgs {
    /// The incident, or the plan itself, as `arena approvals` lists them; the beginning is enough where only one fits
    #[arg(value_name = "INCIDENT|PLAN")]
    id: String,
    /// Why, for the record
    #[arg(long, default_value = "", hide_default_value = true)]
    reason: String,
    #[command(flatten)]
    nats: NatsArgs,
}

/// Lists what waits.
pub(crate) async fn list(args: ApprovalsArgs) -> Result<(), Failure> {
    let operator = client::operator(&args.nats).await?;
    let now = people::now();
    let waiting: Vec<Plan> = operator
        .questions()
        .await?
        .into_iter()
        .filter(|plan| is_open(plan, now))
        .collect();
    if args.json {
        let questions: Vec<Question> = waiting.iter().map(Question::of).collect();
        screen::print_json(&questions)?;
    } else if waiting.is_empty() {
        eprintln!("nothing waits for approval");
    } else {
        let rows: Vec<Vec<screen::Cell>> = waiting.iter().map(|plan| row(plan, now)).collect();
        let head = ["incident", "asks to", "risk", "because", "until"];
        screen::print(&screen::table(&head, &rows))?;
        eprintln!("answer with: arena approve INCIDENT, or arena deny INCIDENT");
    }
    Ok(())
}

/// Gives the answer, and tells what comes of it.
pub(crate) async fn answer(args: AnswerArgs, verdict: Verdict) -> Result<(), Failure> {
    let operator = client::operator(&args.nats).await?;
    let now = people::now();
    let plan = find_question(&operator.questions().await?, &args.id, now)?;
    let mut plans = operator.plans_about(&plan).await?;
    operator.answer(&plan, verdict, args.reason, now).await?;
    screen::print(&format!("{verdict} {}: {}\n", plan.id, what(&plan)))?;
    let next = operator.next_plan(&mut plans, &plan).await?;
    eprintln!("the remediator: {}", said(&next));
    if verdict == Verdict::Approved && next.decision != Decision::Act {
        return Err(Exit::Failed.because("approved, and not done"));
    }
    Ok(())
}

fn row(plan: &Plan, now: Timestamp) -> Vec<screen::Cell> {
    let because = if plan.basis.cause.is_empty() {
        format!("{} on {}", plan.symptom, plan.entity)
    } else {
        format!("{} on {}: {}", plan.symptom, plan.entity, plan.basis.cause)
    };
    let end = plan
        .basis
        .expires_at
        .map_or_else(|| "-".to_owned(), |end| until(end, now));
    vec![
        plan.incident_id.as_str().into(),
        format!(
            "{} {}",
            verb(plan),
            plan.target.as_ref().unwrap_or(&plan.entity)
        )
        .into(),
        plan.basis
            .risk
            .map_or("-", arena_proto::RiskClass::as_str)
            .into(),
        because.into(),
        end.into(),
    ]
}
