//! The questions that the remediator puts to people, and their answers.

use arena_operator::find_question;
use arena_proto::{IncidentId, Verdict};
use arena_view::question::Question;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::text::Reason;
use super::told::known;
use crate::http::extract::{Json, Path};
use crate::http::problem::Problem;
use crate::state::Gateway;

/// Its paths.
#[must_use]
pub fn router() -> OpenApiRouter<Gateway> {
    OpenApiRouter::new()
        .routes(routes!(approvals))
        .routes(routes!(answer))
}

/// What waits for an answer, by incident.
#[utoipa::path(get, path = "/api/v1/approvals", responses((status = 200, body = [Question])))]
async fn approvals(State(gateway): State<Gateway>) -> Result<Json<Vec<Question>>, Problem> {
    known(&gateway.live)?;
    Ok(Json(gateway.live.questions()))
}

/// A question in a path.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct QuestionPath {
    /// The incident's id, or the plan's, or enough of its beginning that nothing else that waits has it.
    id: IncidentId,
}

/// A person's answer.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Answer {
    /// Yes or no.
    verdict: Verdict,
    /// Why; told with the decision.
    #[serde(default)]
    reason: Reason,
}

/// What was answered.
#[derive(Debug, Serialize, ToSchema)]
struct Answered {
    /// The question that it is for.
    question: Question,
    /// Yes or no.
    verdict: Verdict,
}

/// Answers a question. It is stored, and the remediator decides upon it within milliseconds: the incident tells.
#[utoipa::path(post, path = "/api/v1/approvals/{id}", params(QuestionPath), request_body = Answer, responses((status = 200, body = Answered)))]
async fn answer(
    State(gateway): State<Gateway>,
    Path(path): Path<QuestionPath>,
    Json(answer): Json<Answer>,
) -> Result<Json<Answered>, Problem> {
    let operator = gateway.operator();
    let now = gateway.clock.now();
    let questions = operator.questions().await?;
    let asked = find_question(&questions, path.id.as_str(), now)?;
    let given = operator.answer(&asked, answer.verdict, answer.reason.into(), now);
    given.await?;
    Ok(Json(Answered {
        question: Question::of(&asked),
        verdict: answer.verdict,
    }))
}
