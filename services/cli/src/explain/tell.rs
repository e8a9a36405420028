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
    section(
        &mut text,
        "Explained by it, and no incidents of their own",
        inhibited(incident),
    );
    section(
        &mut text,
        "Decided",
        incident.decisions.iter().flat_map(decision).collect(),
    );
    section(
        &mut text,
        "Done",
        incident.actions.iter().flat_map(action).collect(),
    );
    section(&mut text, "Supports the end", support(incident));
    section(
        &mut text,
        "Evidence from before each action",
        evidence::summary(&story.evidence),
    );
    if story.left_out > 0 {
        let _ = writeln!(
            text,
            "\n{} of the latest messages did not fit and are not told",
            story.left_out
        );
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
    for signal in event
        .signals
        .iter()
        .filter(|signal| signal.inhibited_by.is_none())
    {
        lines.push(format!(
            "{}  {} on {}: {}",
            signal.since, signal.symptom, signal.entity, signal.evidence
        ));
        let mut readings: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for reading in &signal.readings {
            let values = readings.entry(reading.metric.as_str()).or_default();
            values.push(number(reading.value.get()));
        }
        for (metric, values) in readings {
            let left_out = values.len().saturating_sub(READINGS_TOLD);
            let dots = if left_out > 0 { "... " } else { "" };
            lines.push(format!(
                "  {metric}: {dots}{}",
                values[left_out..].join(", ")
            ));
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
        lines.push(format!(
            "candidates, likeliest first: {}",
            incident.candidates.join(", ")
        ));
    }
    let mut told: Vec<&str> = Vec::new();
    for cause in incident
        .decisions
        .iter()
        .filter_map(|decision| decision.cause.as_deref())
    {
        if !told.contains(&cause) {
            told.push(cause);
            lines.push(format!("the playbook takes it for: {cause}"));
        }
    }
    lines
}

fn inhibited(incident: &IncidentRecord) -> Vec<String> {
    let line = |child: &arena_proto::ChildRecord| {
        format!(
            "{} on {}, by {}: {}",
            child.symptom, child.entity, child.inhibited_by, child.evidence
        )
    };
    incident.children.iter().map(line).collect()
}

fn decision(decision: &DecisionRecord) -> Vec<String> {
    let mut what = decision.decision.clone();
    let step = decision.step.as_deref().or(decision.action.as_deref());
    if let (Some(step), Some(target)) = (step, &decision.target) {
        let _ = write!(what, " {step} {target}");
    }
    if let Some(rail) = &decision.rail {
        let _ = write!(what, ", by the rail {rail}");
    }
    let rung = (decision.rung > 0).then(|| format!("rung {} of {}", decision.rung, decision.rungs));
    let risk = decision.risk.as_ref().map(|risk| format!("{risk} risk"));
    let about: Vec<String> = [rung, risk].into_iter().flatten().collect();
    if !about.is_empty() {
        let _ = write!(what, " ({})", about.join(", "));
    }
    let mut lines = vec![with_reason(
        format!("{}  {what}", decision.at),
        &decision.reason,
    )];
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
        lines.push(format!(
            "  judged: {} was {}",
            judged.command_id, judged.effect
        ));
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
    use expect_test::expect;

    /// The detector's first message, as it is on the bus.
    fn opened() -> serde_json::Value {
        serde_json::json!({
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
        })
    }

    fn actions() -> serde_json::Value {
        serde_json::json!([{
            "action": "restart", "target": "node-1/orders", "outcome": "SUCCEEDED", "command_id": "cmd-1",
            "message": "running", "effect": "CURED", "issued_at": "2026-01-01T00:00:04.000Z", "issuer": "remediator"
        }])
    }

    fn decisions() -> serde_json::Value {
        serde_json::json!([
            {
                "decision": "REFUSE", "reason": "4 commands are in flight, 4 may be",
                "at": "2026-01-01T00:00:03.010Z", "rail": "flights", "step": "restart", "target": "node-1/orders",
                "cause": "it burns by itself", "numbers": {"in_flight": 4.0, "in_flight_max": 4.0}
            },
            {
                "decision": "RESOLVE", "reason": "cleared", "at": "2026-01-01T00:00:09.000Z", "rung": 1, "rungs": 2,
                "risk": "MEDIUM", "judged": {"command_id": "cmd-1", "effect": "CURED"}
            }
        ])
    }

    fn told() -> IncidentStory {
        let story = serde_json::json!({
            "incident": {
                "id": "inc-1", "entity": "node-1/orders", "symptom": "cpu_high", "severity": "WARNING",
                "state": "RESOLVED", "resolution": "REMEDIATED", "root_cause": "node-1/orders",
                "opened_at": "2026-01-01T00:00:03.000Z", "ended_at": "2026-01-01T00:00:09.000Z",
                "detect_ms": 2000.0, "plan_ms": null, "act_ms": null, "verify_ms": null,
                "reason": "nothing that it depends on is hurt", "trace_id": "abc",
                "candidates": ["node-1/orders", "node-1/batch"],
                "children": [{
                    "entity": "node-1/edge", "symptom": "latency_high", "inhibited_by": "node-1/orders",
                    "evidence": "latency_p95_ms = 400"
                }],
                "actions": actions(), "decisions": decisions(),
                "support": "cpu_high cleared 1.9 s after the restart"
            },
            "events": [{
                "at": "2026-01-01T00:00:03.000Z", "kind": "incident", "event_id": "inc-1.e1",
                "entity": "node-1/orders", "word": "OPENED", "text": "", "body": opened()
            }],
            "evidence": []
        });
        serde_json::from_value(story).unwrap()
    }

    #[test]
    fn an_incident_is_told_from_the_first_sample_to_what_supports_its_end() {
        expect![[r#"
            inc-1: cpu_high on node-1/orders (WARNING), RESOLVED, REMEDIATED
            opened 2026-01-01T00:00:03.000Z, ended 2026-01-01T00:00:09.000Z

            Seen
              2026-01-01T00:00:01.000Z  the first abnormal sample; raised 2000 ms later
              2026-01-01T00:00:03.000Z  cpu_high on node-1/orders: cpu_percent = 97.3, with `cpu_percent > 80.0` for 1s
                cpu_percent: 95.5, 97.3

            Believed cause
              node-1/orders: nothing that it depends on is hurt
              candidates, likeliest first: node-1/orders, node-1/batch
              the playbook takes it for: it burns by itself

            Explained by it, and no incidents of their own
              latency_high on node-1/edge, by node-1/orders: latency_p95_ms = 400

            Decided
              2026-01-01T00:00:03.010Z  REFUSE restart node-1/orders, by the rail flights: 4 commands are in flight, 4 may be
                numbers: in_flight 4, in_flight_max 4
              2026-01-01T00:00:09.000Z  RESOLVE (rung 1 of 2, MEDIUM risk): cleared
                judged: cmd-1 was CURED

            Done
              2026-01-01T00:00:04.000Z  restart node-1/orders by remediator: SUCCEEDED: running
                effect: CURED, the symptom cleared after it and stayed so (cmd-1)

            Supports the end
              cpu_high cleared 1.9 s after the restart

            Trace  http://127.0.0.1:16686/trace/abc
        "#]].assert_eq(&story(&told(), Some("http://127.0.0.1:16686")));
    }

    #[test]
    fn what_is_not_known_is_not_told() {
        let bare = IncidentStory {
            incident: IncidentRecord {
                id: "inc-2".to_owned(),
                entity: "node-1".to_owned(),
                symptom: "node_silent".to_owned(),
                severity: "CRITICAL".to_owned(),
                state: "OPEN".to_owned(),
                opened_at: "2026-01-01T00:00:03.000Z".to_owned(),
                reason: "no telemetry for 3.5 s".to_owned(),
                trace_id: "abc".to_owned(),
                ..IncidentRecord::default()
            },
            ..IncidentStory::default()
        };
        expect![[r#"
            inc-2: node_silent on node-1 (CRITICAL), OPEN
            opened 2026-01-01T00:00:03.000Z, not over

            Seen
              no telemetry for 3.5 s

            Believed cause
              unknown: no telemetry for 3.5 s

            Trace  abc
        "#]]
        .assert_eq(&story(&bare, None));
    }
}
