//! What the recorder is asked: incidents, stories, faults, what each action was worth, totals.

use std::time::Duration;

use arena_proto::{
    CommandQuery, CommandRecord, EfficacyQuery, EfficacyRow, FaultRecord, IncidentQuery,
    IncidentRecord, IncidentStory, Score, ScoreQuery, StoryQuery, Summary,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Kind, Operator, OperatorError};

/// So many incidents in all are listed; older ones need a time or an id.
const LIST_MAX: usize = 1_000;

impl Operator {
    async fn ask<T: DeserializeOwned>(
        &self,
        endpoint: &str,
        query: &impl Serialize,
    ) -> Result<T, OperatorError> {
        Ok(self.bus.request("recorder", endpoint, query).await?)
    }

    /// The totals.
    pub async fn summary(&self) -> Result<Summary, OperatorError> {
        self.ask("summary", &serde_json::json!({})).await
    }

    /// The newest faults, those that are over too.
    pub async fn faults(&self) -> Result<Vec<FaultRecord>, OperatorError> {
        self.ask("faults", &serde_json::json!({})).await
    }

    /// One page of incidents, newest first.
    pub async fn incidents(
        &self,
        query: &IncidentQuery,
    ) -> Result<Vec<IncidentRecord>, OperatorError> {
        self.ask("incidents", query).await
    }

    /// The newest incidents.
    pub async fn newest_incidents(&self) -> Result<Vec<IncidentRecord>, OperatorError> {
        self.incidents(&IncidentQuery::default()).await
    }

    /// Incidents, newest first, page by page, as many as are listed.
    pub async fn all_incidents(
        &self,
        since: Option<Duration>,
    ) -> Result<Vec<IncidentRecord>, OperatorError> {
        let since_ms = since.map(millis);
        let mut records: Vec<IncidentRecord> = Vec::new();
        while records.len() < LIST_MAX {
            let query = IncidentQuery {
                since_ms,
                before: records.last().map(|record| record.id.clone()),
                ..IncidentQuery::default()
            };
            let page = self.incidents(&query).await?;
            if page.is_empty() {
                break;
            }
            records.extend(page);
        }
        Ok(records)
    }

    /// One incident; [`Kind::NotFound`] when there is none of that id.
    pub async fn incident(&self, id: &str) -> Result<IncidentRecord, OperatorError> {
        let query = IncidentQuery {
            id: Some(id.to_owned()),
            ..IncidentQuery::default()
        };
        let found = self.incidents(&query).await?;
        found.into_iter().next().ok_or_else(|| {
            Kind::NotFound.because(format!(
                "no incident {id:?}\n  mend: `arena incidents` lists them"
            ))
        })
    }

    /// The whole story of one incident, by its id or enough of its beginning; [`Kind::NotFound`] when there is none or more than one.
    pub async fn story(&self, id: &str) -> Result<IncidentStory, OperatorError> {
        let query = StoryQuery { id: id.to_owned() };
        self.ask("story", &query).await.map_err(listed)
    }

    /// One command, also a person's; [`Kind::NotFound`] when the recorder has heard of none.
    pub async fn command_record(&self, id: &str) -> Result<CommandRecord, OperatorError> {
        let query = CommandQuery { id: id.to_owned() };
        self.ask("command", &query).await
    }

    /// Villain against Felix; of what began within this time.
    pub async fn score(&self, since: Option<Duration>) -> Result<Score, OperatorError> {
        let query = ScoreQuery {
            since_ms: since.map(millis),
        };
        self.ask("score", &query).await
    }

    /// What each action was worth against each symptom; of actions that were issued within this time.
    pub async fn efficacy(
        &self,
        since: Option<Duration>,
    ) -> Result<Vec<EfficacyRow>, OperatorError> {
        let query = EfficacyQuery {
            since_ms: since.map(millis),
        };
        self.ask("efficacy", &query).await
    }
}

/// Where to find what is there instead.
fn listed(error: OperatorError) -> OperatorError {
    // Refused: several begin so.
    if matches!(error.kind, Kind::NotFound | Kind::Refused) {
        return Kind::NotFound.because(format!("{error}\n  mend: `arena incidents` lists them"));
    }
    error
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
