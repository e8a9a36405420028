//! A story as text. Pure: what the recorder answers in, words out. Nothing is said that is not in it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use arena_proto::{
    ActionRecord, DecisionRecord, EventRecord, IncidentEvent, IncidentRecord, IncidentStory,
    Message as _, Received, Timestamp,
};

use super::evidence;
use crate::screen::{paint, tone_of};

/// So many readings of a signal are told in its line; `arena explain --json` has them all.
const READINGS_TOLD: usize = 8;

/// The story.
pub(super) fn story(story: &IncidentStory, viewer: Option<&str>) -> String {
    let incident = &story.incident;
    let mut text = head(incident);
    section(&mut text, "Seen", seen(story));
    section(&mut text, "Believed cause", cause(story));
    section(&mut text, "Explained by it, and no incidents of their own", inhibited(incident));
    section(&mut text, "Decided", incident.decisions.iter().flat_map(decision).collect());
    section(&mut text, "Done", incident.actions.iter().flat_map(action).collect());
    section(&mut text, "Supports the end", support(incident));
    section(&mut text, "Evidence from before each action", evidence::summary(&story.evidence));
    if story.left_out > 0 {
        let _ = writeln!(text, "\n{} of the latest messages did not fit and are not told", story.left_out);
    }
    let trace = match viewer {
        Some(viewer) => format!("{viewer}/trace/{}", incident.trace_id),
        None => incident.trace_id.clone(),
    };
    let _ = writeln!(text, "\nTrace  {trace}");
    text
}

/// A heading and its lines; nothing where there are none.
fn section(text: &mut String, title: &str, lines: Vec<String>) {
    if lines.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{title}");
    for line in lines {
        let _ = writeln!(text, "  {line}");
    }
}

fn head(incident: &IncidentRecord) -> String {
    let word = |word: &str| paint(word, tone_of(word));
    let how = incident
        .resolution
        .as_deref()
        .map_or_else(String::new, |how| format!(", {}", word(how)));
    let end = incident
        .ended_at
        .as_deref()
        .map_or_else(|| "not over".to_owned(), |at| format!("ended {at}"));
    format!(
        "{}: {} on {} ({}), {}{how}\nopened {}, {end}\n",
        incident.id,
        incident.symptom,
        incident.entity,
        incident.severity,
        word(&incident.state),
        incident.opened_at,
    )
}

fn seen(story: &IncidentStory) -> Vec<String> {
    let incident = &story.incident;
    let mut lines = Vec::new();
    let Some(event) = opening(&story.events) else {
        return vec![incident.reason.clone()];
    };
    let detect = event.opened_at.saturating_since(event.first_abnormal_at);
    lines.push(format!(
        "{}  the first abnormal sample; raised {} ms later",
        event.first_abnormal_at,
        detect.as_millis()
    ));
    for signal in event.signals.iter().filter(|signal| signal.inhibited_by.is_none()) {
        lines.push(format!("{}  {} on {}: {}", signal.since, signal.symptom, signal.entity, signal.evidence));
        let mut readings: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for reading in &signal.readings {
            let values = readings.entry(reading.metric.as_str()).or_default();
            values.push(number(reading.value.get()));
        }
        for (metric, values) in readings {
            let left_out = values.len().saturating_sub(READINGS_TOLD);
            let dots = if left_out > 0 { "... " } else { "" };
            lines.push(format!("  {metric}: {dots}{}", values[left_out..].join(", ")));
        }
    }
    lines
}

/// The detector's first message about it.
fn opening(events: &[EventRecord]) -> Option<IncidentEvent> {
    let event = events
        .iter()
        .find(|event| event.kind == "incident" && event.word == "OPENED")?;
    let entity: arena_proto::Entity = event.entity.parse().ok()?;
    let received = Received {
        node: entity.node,
        service: entity.service,
        sequence: None,
        published_at: Timestamp::EPOCH,
    };
    IncidentEvent::decode(event.body.to_string().as_bytes(), &received).ok()
}

fn cause(story: &IncidentStory) -> Vec<String> {
    let incident = &story.incident;
    let root = incident.root_cause.as_deref().unwrap_or("unknown");
    let mut lines = vec![format!("{root}: {}", incident.reason)];
    if incident.candidates.len() > 1 {
        lines.push(format!("candidates, likeliest first: {}", incident.candidates.join(", ")));
    }
    let mut told: Vec<&str> = Vec::new();
    for cause in incident.decisions.iter().filter_map(|decision| decision.cause.as_deref()) {
        if !told.contains(&cause) {
            told.push(cause);
            lines.push(format!("the playbook takes it for: {cause}"));
        }
    }
    lines
}

fn inhibited(incident: &IncidentRecord) -> Vec<String> {
    let line = |child: &arena_proto::ChildRecord| {
        format!("{} on {}, by {}: {}", child.symptom, child.entity, child.inhibited_by, child.evidence)
    };
    incident.children.iter().map(line).collect()
}

fn decision(decision: &DecisionRecord) -> Vec<String> {
    let mut what = decision.decision.clone();
    if let Some(rail) = &decision.rail {
        let _ = write!(what, " by the rail {rail}");
    }
    let step = decision.step.as_deref().or(decision.action.as_deref());
    if let (Some(step), Some(target)) = (step, &decision.target) {
        let _ = write!(what, " {step} {target}");
    }
    let rung = (decision.rung > 0).then(|| format!("rung {} of {}", decision.rung, decision.rungs));
    let risk = decision.risk.as_ref().map(|risk| format!("{risk} risk"));
    let about: Vec<String> = [rung, risk].into_iter().flatten().collect();
    if !about.is_empty() {
        let _ = write!(what, " ({})", about.join(", "));
    }
    let mut lines = vec![with_reason(format!("{}  {what}", decision.at), &decision.reason)];
    if !decision.numbers.is_empty() {
        let numbers: Vec<String> = decision
            .numbers
            .iter()
            .map(|(name, value)| format!("{name} {}", number(*value)))
            .collect();
        lines.push(format!("  numbers: {}", numbers.join(", ")));
    }
    if let Some(end) = &decision.expires_at {
        lines.push(format!("  the question expires at {end}"));
    }
    if let Some(judged) = &decision.judged {
        lines.push(format!("  judged: {} was {}", judged.command_id, judged.effect));
    }
    lines
}

fn action(action: &ActionRecord) -> Vec<String> {
    let by = action
        .issuer
        .as_ref()
        .map_or_else(String::new, |issuer| format!(" by {issuer}"));
    let outcome = paint(&action.outcome, tone_of(&action.outcome));
    let at = action.issued_at.as_deref().unwrap_or("time unknown");
    let done = format!("{at}  {} {}{by}: {outcome}", action.action, action.target);
    let effect = action.effect.as_deref().map_or("not judged", meant);
    vec![
        with_reason(done, &action.message),
        format!("  effect: {effect} ({})", action.command_id),
    ]
}

/// An effect's word, and what it says.
fn meant(effect: &str) -> &str {
    match effect {
        "CURED" => "CURED, the symptom cleared after it and stayed so",
        "USELESS" => "USELESS, the symptom stayed",
        "HARMFUL" => "HARMFUL, another symptom came of it",
        "UNKNOWN" => "UNKNOWN, nobody can tell",
        other => other,
    }
}

fn support(incident: &IncidentRecord) -> Vec<String> {
    incident.support.iter().cloned().collect()
}

fn with_reason(what: String, reason: &str) -> String {
    if reason.is_empty() {
        return what;
    }
    format!("{what}: {reason}")
}

/// As short as it is true to a thousandth.
pub(super) fn number(value: f64) -> String {
    let rounded = (value * 1000.0).round() / 1000.0;
    format!("{rounded}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use arena_proto::{ChildRecord, JudgedRecord};
    use expect_test::expect;

    fn told() -> IncidentStory {
        let body = serde_json::json!({
            "kind": "OPENED", "id": "inc-1", "revision": 1, "node": "node-1", "service": "orders",
            "symptom": "cpu_high", "severity": "WARNING", "rootCause": "node-1/orders",
            "reason": "stands for itself", "pid": 7, "generation": 1,
            "firstAbnormalAt": "2026-01-01T00:00:01Z", "openedAt": "2026-01-01T00:00:03Z", "at": "2026-01-01T00:00:03Z",
            "signals": [{
                "entity": "node-1/orders", "symptom": "cpu_high", "state": "FIRING", "since": "2026-01-01T00:00:03Z",
                "evidence": "cpu_percent = 97.3, with `cpu_percent > 80.0` for 1s",
                "readings": [
                    {"at": "2026-01-01T00:00:01Z", "metric": "cpu_percent", "value": 95.5},
                    {"at": "2026-01-01T00:00:02Z", "metric": "cpu_percent", "value": 97.3}
                ]
            }]
        });
        let text = str::to_owned;
        IncidentStory {
            incident: IncidentRecord {
                id: text("inc-1"),
                entity: text("node-1/orders"),
                symptom: text("cpu_high"),
                severity: text("WARNING"),
                state: text("RESOLVED"),
                resolution: Some(text("REMEDIATED")),
                root_cause: Some(text("node-1/orders")),
                opened_at: text("2026-01-01T00:00:03.000Z"),
                ended_at: Some(text("2026-01-01T00:00:09.000Z")),
                reason: text("nothing that it depends on is hurt"),
                candidates: vec![text("node-1/orders"), text("node-1/batch")],
                children: vec![ChildRecord {
                    entity: text("node-1/edge"),
                    symptom: text("latency_high"),
                    inhibited_by: text("node-1/orders"),
                    evidence: text("latency_p95_ms = 400"),
                }],
                decisions: vec![
                    DecisionRecord {
                        decision: text("REFUSE"),
                        reason: text("4 commands are in flight, 4 may be"),
                        at: text("2026-01-01T00:00:03.010Z"),
                        rail: Some(text("flights")),
                        step: Some(text("restart")),
                        target: Some(text("node-1/orders")),
                        cause: Some(text("it burns by itself")),
                        numbers: BTreeMap::from([(text("in_flight"), 4.0), (text("in_flight_max"), 4.0)]),
                        ..DecisionRecord::default()
                    },
                    DecisionRecord {
                        decision: text("RESOLVE"),
                        reason: text("cleared"),
                        at: text("2026-01-01T00:00:09.000Z"),
                        rung: 1,
                        rungs: 2,
                        risk: Some(text("MEDIUM")),
                        judged: Some(JudgedRecord {
                            command_id: text("cmd-1"),
                            effect: text("CURED"),
                        }),
                        ..DecisionRecord::default()
                    },
                ],
                actions: vec![ActionRecord {
                    action: text("restart"),
                    target: text("node-1/orders"),
                    outcome: text("SUCCEEDED"),
                    command_id: text("cmd-1"),
                    message: text("running"),
                    effect: Some(text("CURED")),
                    issued_at: Some(text("2026-01-01T00:00:04.000Z")),
                    issuer: Some(text("remediator")),
                    ..ActionRecord::default()
                }],
                support: Some(text("cpu_high cleared 1.9 s after the restart")),
                trace_id: text("abc"),
                ..IncidentRecord::default()
            },
            events: vec![EventRecord {
                kind: text("incident"),
                word: text("OPENED"),
                entity: text("node-1/orders"),
                body,
                ..EventRecord::default()
            }],
            ..IncidentStory::default()
        }
    }

    #[test]
    fn an_incident_is_told_from_the_first_sample_to_what_supports_its_end() {
        expect![""].assert_eq(&story(&told(), Some("http://127.0.0.1:16686")));
    }

    #[test]
    fn what_is_not_known_is_not_told() {
        let bare = IncidentStory {
            incident: IncidentRecord {
                id: "inc-2".to_owned(),
                reason: "silent".to_owned(),
                ..IncidentRecord::default()
            },
            ..IncidentStory::default()
        };
        expect![""].assert_eq(&story(&bare, None));
    }
}
