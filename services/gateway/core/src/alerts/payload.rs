//! The payload, read and checked: <https://prometheus.io/docs/alerting/latest/configuration/#webhook_config>.

use std::collections::BTreeMap;

use arena_proto::{Alert, AlertState, Timestamp};
use serde::Deserialize;
use utoipa::ToSchema;

/// As Alertmanager writes a time that is none: the zero of Go's clock. Of a firing alert it is the end.
const NO_TIME: &str = "0001-01-01T00:00:00";
/// A fingerprint is 16 hexadecimal digits; a sender other than Alertmanager may have longer ones.
const FINGERPRINT_CHARACTERS_MAX: usize = 64;
/// Of a label's or annotation's value so much is kept.
const VALUE_CHARACTERS_MAX: usize = 1000;
/// Of all labels, and of all annotations, so much is kept: with names and the rest below the 16 KB that an alert may have.
const TEXTS_BYTES_MAX: usize = 6 * 1024;

/// What Alertmanager tells at once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Payload {
    /// The alerts of a group, those that resolved since the last time among them.
    pub alerts: Vec<Told>,
    /// Alerts that were left out for `max_alerts`.
    pub truncated: u64,
}

/// What is told of one alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Alertmanager's.
    pub fingerprint: String,
    /// Whether it fires.
    pub state: AlertState,
    /// When it began.
    pub starts_at: Timestamp,
    /// When it ended, or until when it holds.
    pub ends_at: Option<Timestamp>,
    /// All its labels.
    pub labels: BTreeMap<String, String>,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
    /// Where the rule can be looked at.
    pub generator_url: String,
}

/// A payload as it is sent. Fields that are not named here are let be: newer versions of Alertmanager add some.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AlertPayload {
    /// `4`.
    version: String,
    /// Alerts that were left out for `max_alerts`.
    #[serde(default)]
    truncated_alerts: u64,
    /// The alerts.
    alerts: Vec<SentAlert>,
}

/// One alert as it is sent.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct SentAlert {
    /// `firing` or `resolved`.
    status: String,
    /// By name.
    labels: BTreeMap<String, String>,
    /// By name.
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    /// RFC 3339.
    starts_at: String,
    /// RFC 3339; `0001-01-01T00:00:00Z` of one that fires.
    #[serde(default)]
    ends_at: String,
    /// Where the rule can be looked at.
    #[serde(default, rename = "generatorURL")]
    generator_url: String,
    /// Follows from the labels.
    fingerprint: String,
}

/// Reads a payload; the error says what is wrong and where.
pub fn parse(body: &[u8]) -> Result<Payload, String> {
    let sent: AlertPayload = serde_json::from_slice(body)
        .map_err(|error| format!("not a payload of Alertmanager's webhook: {error}"))?;
    if sent.version != "4" {
        return Err(format!(
            "version is {:?}, and this takes \"4\"",
            sent.version
        ));
    }
    if sent.alerts.len() > Alert::COUNT_MAX {
        return Err(format!(
            "alerts has {} entries, at most {} are taken\n  mend: set max_alerts in webhook_configs, or group_by more labels",
            sent.alerts.len(),
            Alert::COUNT_MAX
        ));
    }
    let alerts = sent.alerts.into_iter().enumerate();
    let alerts: Result<_, String> = alerts
        .map(|(at, alert)| told(alert).map_err(|what| format!("alerts[{at}].{what}")))
        .collect();
    Ok(Payload {
        alerts: alerts?,
        truncated: sent.truncated_alerts,
    })
}

fn told(sent: SentAlert) -> Result<Told, String> {
    let state = match sent.status.as_str() {
        "firing" => AlertState::Firing,
        "resolved" => AlertState::Resolved,
        other => {
            return Err(format!(
                "status is {other:?}, and must be \"firing\" or \"resolved\""
            ));
        }
    };
    let fingerprint = sent.fingerprint;
    let is_key = (1..=FINGERPRINT_CHARACTERS_MAX).contains(&fingerprint.len())
        && fingerprint.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if !is_key {
        return Err(format!(
            "fingerprint is {fingerprint:?}, and must be 1 to {FINGERPRINT_CHARACTERS_MAX} letters and digits"
        ));
    }
    let starts_at = time("startsAt", &sent.starts_at)?.ok_or_else(|| {
        "startsAt is no time: nobody could tell one alert from the next".to_owned()
    })?;
    // A firing one that ended before it began says nothing by that.
    let ends_at = time("endsAt", &sent.ends_at)?.filter(|end| *end >= starts_at);
    Ok(Told {
        fingerprint,
        state,
        starts_at,
        ends_at,
        labels: sent.labels,
        annotations: sent.annotations,
        generator_url: sent.generator_url,
    })
}

fn time(field: &str, text: &str) -> Result<Option<Timestamp>, String> {
    if text.is_empty() || text.starts_with(NO_TIME) {
        return Ok(None);
    }
    Timestamp::parse(text).map(Some).ok_or_else(|| {
        format!("{field} is {text:?}, and must be a time as in 2026-01-31T12:00:00Z")
    })
}

/// What is kept of labels or annotations: by name, as much as fits.
pub(super) fn clip(texts: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut room = TEXTS_BYTES_MAX;
    let mut kept = BTreeMap::new();
    for (name, value) in texts {
        let value = clip_text(value);
        let bytes = name.len() + value.len();
        if bytes <= room {
            room -= bytes;
            kept.insert(name.clone(), value);
        }
    }
    kept
}

pub(super) fn clip_text(text: &str) -> String {
    text.chars().take(VALUE_CHARACTERS_MAX).collect()
}
