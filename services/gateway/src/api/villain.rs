//! The villain: how it stands, its start, its end.

use arena_proto::{
    VillainOperation, VillainPolicy, VillainRequest, VillainStatus, VillainStopWhen,
};
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::param::{Span, millis};
use crate::http::extract::Json;
use crate::http::problem::{Kind, Problem};
use crate::state::Gateway;

/// Its paths.
#[must_use]
pub fn router() -> OpenApiRouter<Gateway> {
    OpenApiRouter::new().routes(routes!(status, start, stop))
}

/// Which villain, and what it may do. What is left out has its default (docs/villain.md).
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct VillainStart {
    /// How it chooses.
    policy: VillainPolicy,
    /// Of `scripted`: the name of a curated scenario, or with `scenario_toml` the name that its mistakes are told with.
    #[schema(max_length = 100)]
    scenario: Option<String>,
    /// Of `scripted`: a scenario of one's own, as a file has it.
    #[schema(max_length = 100_000)]
    scenario_toml: Option<String>,
    /// Of every choice that is left to chance; without it one is made up.
    #[schema(maximum = 9_007_199_254_740_991u64)]
    seed: Option<u64>,
    /// So many faults, and no more.
    #[schema(minimum = 1, maximum = 1000)]
    budget: Option<u32>,
    /// So many of them at once.
    #[schema(minimum = 1, maximum = 16)]
    at_once: Option<u32>,
    /// The mean pause from one fault's start to the next.
    every: Option<Span>,
    /// The shortest time that a fault lives.
    ttl_min: Option<Span>,
    /// The longest.
    ttl_max: Option<Span>,
    /// Only these faults.
    #[serde(default)]
    #[schema(max_items = 100)]
    faults: Vec<String>,
    /// Only faults of these families.
    #[serde(default)]
    #[schema(max_items = 20)]
    families: Vec<String>,
    /// It stops after so long.
    #[serde(rename = "for")]
    limit: Option<Span>,
    /// When it stops before that; without it the policy's own conditions.
    stop_when: Option<StopWhen>,
}

/// When it stops by itself. Empty: never.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct StopWhen {
    /// More than so many percent of the users' requests fail...
    #[schema(minimum = 0, maximum = 100)]
    user_error_percent: Option<f64>,
    /// ...for so long without a break.
    user_error_for: Option<Span>,
    /// A person was called.
    #[serde(default)]
    escalated: bool,
}

impl VillainStart {
    fn request(self) -> Result<VillainRequest, Problem> {
        let (scenario_name, scenario) = match (self.scenario, self.scenario_toml) {
            (name, Some(text)) => (name.unwrap_or_else(|| "scenario_toml".into()), Some(text)),
            (Some(name), None) => {
                let text = curated(&name)?;
                (name, Some(text))
            }
            (None, None) => (String::new(), None),
        };
        let ms = |span: Option<Span>| span.map(|Span(duration)| millis(duration));
        Ok(VillainRequest {
            op: VillainOperation::Start,
            policy: Some(self.policy),
            scenario_name,
            scenario,
            seed: self.seed,
            budget: self.budget,
            at_once: self.at_once,
            every_ms: ms(self.every),
            faults: self.faults,
            families: self.families,
            ttl_min_ms: ms(self.ttl_min),
            ttl_max_ms: ms(self.ttl_max),
            for_ms: ms(self.limit),
            stop_when: self.stop_when.map(|stop| VillainStopWhen {
                user_error_percent: stop.user_error_percent,
                user_error_ms: ms(stop.user_error_for).unwrap_or_default(),
                escalated: stop.escalated,
            }),
        })
    }
}

/// The text of a curated scenario.
fn curated(name: &str) -> Result<String, Problem> {
    let known = arena_scenario::curated();
    if let Some((_, text)) = known.iter().find(|(known, _)| *known == name) {
        return Ok((*text).to_owned());
    }
    let nearest = arena_config::closest(name, known.iter().map(|(name, _)| *name));
    let mend = nearest.map_or_else(
        || "give the scenario itself as scenario_toml".to_owned(),
        |nearest| format!("did you mean {nearest}?"),
    );
    let what = format!("there is no curated scenario {name}\n  mend: {mend}");
    Err(Problem::new(Kind::BadRequest, what))
}

type Told = Result<Json<VillainStatus>, Problem>;

/// How the villain stands, or the last one stood.
#[utoipa::path(get, path = "/api/v1/villain", responses((status = 200, body = VillainStatus)))]
async fn status(State(gateway): State<Gateway>) -> Told {
    ask(&gateway, &VillainRequest::default()).await
}

/// Starts a villain; there is one at a time.
#[utoipa::path(post, path = "/api/v1/villain", request_body = VillainStart, responses((status = 200, body = VillainStatus)))]
async fn start(State(gateway): State<Gateway>, Json(start): Json<VillainStart>) -> Told {
    ask(&gateway, &start.request()?).await
}

/// Stops it: its faults are reverted.
#[utoipa::path(delete, path = "/api/v1/villain", responses((status = 200, body = VillainStatus)))]
async fn stop(State(gateway): State<Gateway>) -> Told {
    let request = VillainRequest {
        op: VillainOperation::Stop,
        ..VillainRequest::default()
    };
    ask(&gateway, &request).await
}

async fn ask(gateway: &Gateway, request: &VillainRequest) -> Told {
    Ok(Json(gateway.operator().villain(request).await?))
}
