//! The questions that the remediator puts to people, and their answers.
//!
//! A question is a plan that waits (`AWAITING_APPROVAL`), the last on its entity's subject; the answer goes to KV
//! `approvals` and names that very plan, so that a yes is never taken for another one. What comes of it is the
//! remediator's next plan.

use std::time::Duration;

use arena_bus::{Consume, Deliveries, From};
use arena_proto::{Approval, Plan, Timestamp, Verdict};
use arena_view::question::{is_open, is_question, what};

use crate::{Kind, Operator, OperatorError};

/// The remediator answers within milliseconds; a stopped one never does.
const ANSWER_WAIT: Duration = Duration::from_secs(5);

impl Operator {
    /// The plans that put a question, whether or not it has expired.
    pub async fn questions(&self) -> Result<Vec<Plan>, OperatorError> {
        let last = Consume::ephemeral().from(From::LastPerSubject);
        let mut plans = self.bus.consume::<Plan>(last).await?;
        let mut waiting = Vec::new();
        if plans.pending() == 0 {
            return Ok(waiting);
        }
        while let Some(delivery) = plans.next_stored().await {
            if is_question(&delivery.message) {
                waiting.push(delivery.message);
            }
        }
        Ok(waiting)
    }

    /// Listens to what the remediator decides about this entity from now on. Before the answer is given.
    pub async fn plans_about(&self, asked: &Plan) -> Result<Deliveries<Plan>, OperatorError> {
        let of_entity = Consume::ephemeral()
            .from(From::New)
            .entity(asked.entity.clone());
        Ok(self.bus.consume(of_entity).await?)
    }

    /// Answers a question that nobody has answered yet, also not at the same time.
    pub async fn answer(
        &self,
        asked: &Plan,
        verdict: Verdict,
        reason: String,
        now: Timestamp,
    ) -> Result<(), OperatorError> {
        let approval = Approval {
            incident_id: asked.incident_id.clone(),
            plan_id: asked.id.clone(),
            verdict,
            by: self.who.clone(),
            reason,
            at: now,
        };
        match self.bus.put_approval(&approval).await? {
            None => Ok(()),
            Some(earlier) => Err(Kind::Refused.because(format!(
                "{} is {} already, by {} at {}",
                asked.id, earlier.verdict, earlier.by, earlier.at
            ))),
        }
    }

    /// The decision that follows upon the answer.
    pub async fn next_plan(
        &self,
        plans: &mut Deliveries<Plan>,
        asked: &Plan,
    ) -> Result<Plan, OperatorError> {
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
            Ok(None) => Err(Kind::NotRunning.because("the bus went away; the answer is stored")),
            Err(_) => Err(Kind::Timeout.because(
                "the answer is stored, and the remediator says nothing\n  mend: `arena status` shows whether it runs",
            )),
        }
    }
}

/// The question of this incident, or this very plan; else the only one that begins so. Fails when it has expired.
pub fn find_question(questions: &[Plan], id: &str, now: Timestamp) -> Result<Plan, OperatorError> {
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
                return Err(Kind::Usage.because(format!(
                    "{id} is the beginning of several: {}\n  mend: give more of the id",
                    ids.join(", ")
                )));
            }
        },
    };
    match found {
        None => Err(Kind::NotFound.because(format!("nothing waits for approval at {id}{mend}"))),
        Some(plan) if !is_open(plan, now) => {
            let end = plan
                .basis
                .expires_at
                .map_or_else(String::new, |at| format!(" at {at}"));
            Err(Kind::Refused.because(format!(
                "the question of {} expired{end}: {} was not done, and will be asked anew or left to people{mend}",
                plan.id,
                what(plan)
            )))
        }
        Some(plan) => Ok(plan.clone()),
    }
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
            find_question(&waiting, id, Timestamp::EPOCH)
                .map(|plan| plan.incident_id.to_string())
                .map_err(|error| (error.kind, error.what))
        };
        assert_eq!(found("inc-9"), Ok("inc-90".to_owned()));
        assert_eq!(
            found("inc-7b"),
            Ok("inc-7b".to_owned()),
            "a whole id is meant"
        );
        assert_eq!(found("inc-7b3e.2"), Ok("inc-7b3e".to_owned()));
        let (kind, several) = found("inc-7").unwrap_err();
        assert_eq!(kind, Kind::Usage);
        assert!(several.contains("inc-7b, inc-7b3e"), "{several}");
        for none in ["", "inc-1"] {
            assert_eq!(found(none).unwrap_err().0, Kind::NotFound);
        }
    }
}
