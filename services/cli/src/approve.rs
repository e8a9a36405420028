//! `arena approvals`, `arena approve` and `arena deny`: the questions that the remediator puts to people.
//!
//! A question is a plan that waits (`AWAITING_APPROVAL`), the last on its entity's subject; the answer goes to KV `approvals`
//! and names that very plan, so that a yes is never taken for another one. What comes of it is the remediator's next plan.

use std::time::Duration;

use arena_bus::{Bus, Consume, Deliveries, From, NatsArgs};
use arena_proto::{Approval, Decision, IncidentState, Plan, Timestamp, Verdict};
use clap::Args;
use serde::Serialize;

use crate::client;
use crate::exit::{Exit, Failure};
use crate::people::{self, until};
use crate::screen;

/// The remediator answers within milliseconds; a stopped one never does.
const ANSWER_WAIT: Duration = Duration::from_secs(5);

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

/// What `--json` prints.
#[derive(Serialize)]
struct Question {
    incident: String,
    plan: String,
    entity: String,
    symptom: String,
    action: String,
    target: String,
    risk: Option<&'static str>,
    cause: String,
    reason: String,
    expires_at: Option<String>,
}

/// Lists what waits.
pub(crate) async fn list(args: ApprovalsArgs) -> Result<(), Failure> {
    let bus = client::connect(&args.nats).await?;
    let now = people::now();
    let waiting: Vec<Plan> = questions(&bus)
        .await?
        .into_iter()
        .filter(|plan| is_open(plan, now))
        .collect();
    if args.json {
        let questions: Vec<Question> = waiting.iter().map(question).collect();
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
    let bus = client::connect(&args.nats).await?;
    let now = people::now();
    let plan = find(&questions(&bus).await?, &args.id, now)?;
    if let Some(earlier) = bus
        .approvals()
        .await?
        .into_iter()
        .find(|approval| approval.plan_id == plan.id)
    {
        return Err(Exit::Failed.because(format!(
            "{} is {} already, by {} at {}",
            plan.id, earlier.verdict, earlier.by, earlier.at
        )));
    }
    let of_entity = Consume::ephemeral()
        .from(From::New)
        .entity(plan.entity.clone());
    let mut plans = bus.consume::<Plan>(of_entity).await?;
    bus.put_approval(&Approval {
        incident_id: plan.incident_id.clone(),
        plan_id: plan.id.clone(),
        verdict,
        by: people::who(),
        reason: args.reason,
        at: now,
    })
    .await?;
    screen::print(&format!("{verdict} {}: {}\n", plan.id, what(&plan)))?;
    let next = next_plan(&mut plans, &plan).await?;
    eprintln!("the remediator: {}", said(&next));
    if verdict == Verdict::Approved && next.decision != Decision::Act {
        return Err(Exit::Failed.because("approved, and not done"));
    }
    Ok(())
}

/// The plans that put a question, whether or not it has expired.
async fn questions(bus: &Bus) -> Result<Vec<Plan>, Failure> {
    let mut plans = bus
        .consume::<Plan>(Consume::ephemeral().from(From::LastPerSubject))
        .await?;
    let mut waiting = Vec::new();
    if plans.pending() == 0 {
        return Ok(waiting);
    }
    while let Some(delivery) = plans.next_stored().await {
        let plan = delivery.message;
        if plan.decision == Decision::Wait && plan.incident_state == IncidentState::AwaitingApproval
        {
            waiting.push(plan);
        }
    }
    Ok(waiting)
}

/// The question of this incident, or this very plan; else the only one that begins so.
fn find(questions: &[Plan], id: &str, now: Timestamp) -> Result<Plan, Failure> {
    let mend = "\n  mend: `arena approvals` lists what waits";
    let exactly = |plan: &&Plan| plan.incident_id.as_str() == id || plan.id.as_str() == id;
    let begins = |plan: &&Plan| !id.is_empty() && plan.id.as_str().starts_with(id);
    let found = match questions.iter().find(exactly) {
        Some(plan) => Some(plan),
        None => match *questions.iter().filter(begins).collect::<Vec<_>>() {
            [] => None,
            [plan] => Some(plan),
            ref several => {
                let ids: Vec<&str> = several
                    .iter()
                    .map(|plan| plan.incident_id.as_str())
                    .collect();
                return Err(Exit::Usage.because(format!(
                    "{id} is the beginning of several: {}\n  mend: give more of the id",
                    ids.join(", ")
                )));
            }
        },
    };
    match found {
        None => Err(Exit::NotRunning.because(format!("nothing waits for approval at {id}{mend}"))),
        Some(plan) if !is_open(plan, now) => {
            let end = plan
                .basis
                .expires_at
                .map_or_else(String::new, |at| format!(" at {at}"));
            Err(Exit::Failed.because(format!(
                "the question of {} expired{end}: {} was not done, and will be asked anew or left to people{mend}",
                plan.id,
                what(plan)
            )))
        }
        Some(plan) => Ok(plan.clone()),
    }
}

fn is_open(plan: &Plan, now: Timestamp) -> bool {
    plan.basis.expires_at.is_none_or(|end| now < end)
}

/// What would be done: `restart node-1/orders (MEDIUM risk)`.
fn what(plan: &Plan) -> String {
    let target = plan.target.as_ref().unwrap_or(&plan.entity);
    let risk = plan
        .basis
        .risk
        .map_or_else(String::new, |risk| format!(" ({risk} risk)"));
    format!("{} {target}{risk}", verb(plan))
}

/// A step may be more than one action (failover), and then is what people know.
fn verb(plan: &Plan) -> String {
    if plan.basis.step.is_empty() {
        plan.action
            .map_or_else(|| "nothing".to_owned(), arena_proto::ActionKind::verb)
    } else {
        plan.basis.step.clone()
    }
}

/// The decision that follows upon the answer.
async fn next_plan(plans: &mut Deliveries<Plan>, asked: &Plan) -> Result<Plan, Failure> {
    let search = async {
        while let Some(delivery) = plans.next().await {
            let plan = delivery.message;
            if plan.incident_id == asked.incident_id && plan.revision > asked.revision {
                return Some(plan);
            }
        }
        None
    };
    match tokio::time::timeout(ANSWER_WAIT, search).await {
        Ok(Some(plan)) => Ok(plan),
        Ok(None) => Err(Exit::NotRunning.because("the bus went away; the answer is stored")),
        Err(_) => Err(Exit::Timeout.because(
            "the answer is stored, and the remediator says nothing\n  mend: `arena status` shows whether it runs",
        )),
    }
}

fn said(plan: &Plan) -> String {
    let rail = if plan.basis.rail.is_empty() {
        String::new()
    } else {
        format!(" (rail {})", plan.basis.rail)
    };
    let action = match (plan.decision, &plan.target) {
        (Decision::Act, Some(target)) => format!(" {} {target}", verb(plan)),
        _ => String::new(),
    };
    let reason = if plan.reason.is_empty() { "" } else { ": " };
    format!("{}{rail}{action}{reason}{}", plan.decision, plan.reason)
}

fn question(plan: &Plan) -> Question {
    Question {
        incident: plan.incident_id.to_string(),
        plan: plan.id.to_string(),
        entity: plan.entity.to_string(),
        symptom: plan.symptom.clone(),
        action: verb(plan),
        target: plan.target.as_ref().unwrap_or(&plan.entity).to_string(),
        risk: plan.basis.risk.map(arena_proto::RiskClass::as_str),
        cause: plan.basis.cause.clone(),
        reason: plan.reason.clone(),
        expires_at: plan.basis.expires_at.map(|end| end.to_string()),
    }
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

#[cfg(test)]
mod tests {
    use arena_proto::{Message as _, Received};

    use super::*;

    fn plan(incident: &str) -> Plan {
        let body = serde_json::json!({
            "id": format!("{incident}.2"), "incident_id": incident, "revision": 2, "node": "n", "service": "web",
            "symptom": "cpu_high", "decision": "WAIT", "incident_state": "AWAITING_APPROVAL", "action": "RESTART",
            "target": "n/web", "reason": "it burns", "at": "2001-01-01T00:00:00Z"
        });
        let received = Received {
            node: "n".parse().unwrap(),
            service: Some("web".parse().unwrap()),
            sequence: None,
            published_at: Timestamp::EPOCH,
        };
        Plan::decode(body.to_string().as_bytes(), &received).unwrap()
    }

    #[test]
    fn the_beginning_of_an_id_is_enough_where_only_one_fits() {
        let waiting = ["inc-7b", "inc-7b3e", "inc-90"].map(plan);
        let found = |id| {
            find(&waiting, id, Timestamp::EPOCH)
                .map(|plan| plan.incident_id.to_string())
                .map_err(|failure| (failure.exit, failure.error.to_string()))
        };
        assert_eq!(found("inc-9"), Ok("inc-90".to_owned()));
        assert_eq!(
            found("inc-7b"),
            Ok("inc-7b".to_owned()),
            "a whole id is meant"
        );
        assert_eq!(found("inc-7b3e.2"), Ok("inc-7b3e".to_owned()));
        let (exit, several) = found("inc-7").unwrap_err();
        assert_eq!(exit, Exit::Usage);
        assert!(several.contains("inc-7b, inc-7b3e"), "{several}");
        for none in ["", "inc-1"] {
            assert_eq!(found(none).unwrap_err().0, Exit::NotRunning);
        }
    }
}
