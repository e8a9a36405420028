//! Incidents: the list, and the story of one.

use arena_proto::{
    Entity, IncidentId, IncidentQuery, IncidentRecord, IncidentState, IncidentStory, Resolution,
    Severity,
};
use axum::extract::State;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::param::{Span, millis};
use crate::http::extract::{Json, Path, Query};
use crate::http::problem::{Kind, Problem};
use crate::state::Gateway;

/// So many a page, unless the request says otherwise: two screens.
const PAGE_DEFAULT: u32 = 50;
/// The recorder gives no more at once.
const PAGE_MAX: u32 = 200;

/// Its paths.
#[must_use]
pub fn router() -> OpenApiRouter<Gateway> {
    OpenApiRouter::new()
        .routes(routes!(incidents))
        .routes(routes!(incident))
}

/// Which incidents. What is left out does not restrict.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Filters {
    /// A state, or `open`: all that are neither RESOLVED nor CLOSED.
    #[param(value_type = Option<String>, pattern = "^(open|[A-Z_]{1,30})$", example = "open")]
    state: Option<StateFilter>,
    /// `node/service`; a node stands for its services as well.
    entity: Option<Entity>,
    /// The symptom that opened it.
    #[param(pattern = "^[a-z0-9_]{1,100}$", max_length = 100)]
    symptom: Option<String>,
    /// How bad it is.
    severity: Option<Severity>,
    /// How it ended.
    resolution: Option<Resolution>,
    /// Opened within this time, as `1h`.
    since: Option<Span>,
    /// At most so many; 50 unless given.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
    /// Only those older than this one: `next` of the page before.
    before: Option<IncidentId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StateFilter {
    Open,
    Is(IncidentState),
}

impl<'de> Deserialize<'de> for StateFilter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.eq_ignore_ascii_case("open") {
            return Ok(Self::Open);
        }
        text.parse().map(Self::Is).map_err(D::Error::custom)
    }
}

impl Filters {
    fn query(self) -> Result<IncidentQuery, Problem> {
        let limit = self.limit.unwrap_or(PAGE_DEFAULT);
        if !(1..=PAGE_MAX).contains(&limit) {
            return Err(bad(&format!("limit is out of range: use 1 to {PAGE_MAX}")));
        }
        if let Some(symptom) = &self.symptom
            && !is_symptom(symptom)
        {
            return Err(bad(
                "symptom is no symptom: use 1 to 100 of a-z, 0-9 and '_'",
            ));
        }
        Ok(IncidentQuery {
            id: None,
            since_ms: self.since.map(|Span(since)| millis(since)),
            limit: Some(limit),
            before: self.before.map(|id| id.to_string()),
            open: (self.state == Some(StateFilter::Open)).then_some(true),
            state: match self.state {
                Some(StateFilter::Is(state)) => Some(state),
                _ => None,
            },
            entity: self.entity,
            symptom: self.symptom,
            severity: self.severity,
            resolution: self.resolution,
        })
    }
}

fn is_symptom(text: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    (1..=100).contains(&text.len()) && text.chars().all(is_letter)
}

fn bad(what: &str) -> Problem {
    Problem::new(Kind::BadRequest, format!("query: {what}"))
}

/// A page of incidents, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct Incidents {
    /// They.
    incidents: Vec<IncidentRecord>,
    /// The next page begins after this one: give it as `before`. Null: there is none.
    next: Option<String>,
}

/// Incidents, newest first. A page may be shorter than its limit when the incidents are large: `next` alone says whether there are more.
#[utoipa::path(get, path = "/api/v1/incidents", params(Filters), responses((status = 200, body = Incidents)))]
async fn incidents(
    State(gateway): State<Gateway>,
    Query(filters): Query<Filters>,
) -> Result<Json<Incidents>, Problem> {
    let operator = gateway.operator();
    let query = filters.query()?;
    let incidents = operator.incidents(&query).await?;
    let mut next = incidents.last().map(|last| last.id.clone());
    if next.is_some() {
        let rest = IncidentQuery {
            limit: Some(1),
            before: next.clone(),
            ..query
        };
        if operator.incidents(&rest).await?.is_empty() {
            next = None;
        }
    }
    Ok(Json(Incidents { incidents, next }))
}

/// An incident in a path.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct IncidentPath {
    /// Its id, or enough of its beginning that no other incident has it.
    id: IncidentId,
}

/// One incident as a whole. Its `faults` are null until it is RESOLVED or CLOSED: who still looks for the cause is not told.
#[utoipa::path(get, path = "/api/v1/incidents/{id}", params(IncidentPath), responses((status = 200, body = IncidentStory)))]
async fn incident(
    State(gateway): State<Gateway>,
    Path(path): Path<IncidentPath>,
) -> Result<Json<IncidentStory>, Problem> {
    Ok(Json(gateway.operator().story(path.id.as_str()).await?))
}
