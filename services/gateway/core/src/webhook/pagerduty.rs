//! The form `pagerduty`: [Events API v2](https://developer.pagerduty.com/docs/events-api-v2-overview). An incident is one alert: all
//! its events have its id as `dedup_key`, so that an escalation goes into the alert that is open, and the end resolves it.

use arena_proto::Severity;
use serde_json::{Value, json};

use super::event::{Event, Happened, cut};

/// What the body is.
pub const CONTENT_TYPE: &str = "application/json";
/// Where events go unless the file says otherwise (it must, for the service region of the EU).
pub const URL: &str = "https://events.pagerduty.com/v2/enqueue";
/// `PagerDuty` refuses a longer summary.
const SUMMARY_CHARS_MAX: usize = 1024;

/// The body, with the routing key in it.
#[must_use]
pub fn body(event: &Event, routing_key: &str) -> Value {
    let incident = &event.incident;
    if matches!(event.happened, Happened::Resolved | Happened::Closed) {
        return json!({
            "routing_key": routing_key,
            "event_action": "resolve",
            "dedup_key": incident.id,
        });
    }
    let mut links = vec![json!({ "href": event.dashboard, "text": "Incident" })];
    if let Some(trace) = &event.trace {
        links.push(json!({ "href": trace, "text": "Trace" }));
    }
    let summary = format!("{}: {}", event.headline(), incident.reason);
    json!({
        "routing_key": routing_key,
        "event_action": "trigger",
        "dedup_key": incident.id,
        "client": "Arena",
        "client_url": event.dashboard,
        "links": links,
        "payload": {
            "summary": cut(&summary, SUMMARY_CHARS_MAX),
            "source": incident.entity,
            "severity": severity(event),
            "timestamp": event.at,
            "component": incident.entity.service,
            "group": incident.entity.node,
            "class": incident.symptom,
            "custom_details": incident,
        },
    })
}

/// `PagerDuty` knows the same four words, in lower case. What was escalated waits for a person, however it began.
fn severity(event: &Event) -> &'static str {
    if event.happened == Happened::Escalated {
        return "critical";
    }
    match event.incident.severity {
        Some(Severity::Info) => "info",
        Some(Severity::Warning) => "warning",
        Some(Severity::Error) | None => "error",
        Some(Severity::Critical) => "critical",
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::super::event::tests::events;
    use super::*;

    #[test]
    fn an_opened_incident_triggers() {
        let body = body(&events()[0], "R0UT1NG");
        let text = serde_json::to_string_pretty(&body).unwrap();
        expect![[r#"
            {
              "client": "Arena",
              "client_url": "http://127.0.0.1:4280/incidents/inc-1",
              "dedup_key": "inc-1",
              "event_action": "trigger",
              "links": [
                {
                  "href": "http://127.0.0.1:4280/incidents/inc-1",
                  "text": "Incident"
                },
                {
                  "href": "http://127.0.0.1:4290/trace/5b1d704895b438c53e64754a617b3e18",
                  "text": "Trace"
                }
              ],
              "payload": {
                "class": "cpu_high",
                "component": "orders",
                "custom_details": {
                  "decision": null,
                  "ended_at": null,
                  "entity": "node-1/orders",
                  "first_abnormal_at": "2023-11-14T22:13:20.000Z",
                  "id": "inc-1",
                  "opened_at": "2023-11-14T22:13:22.000Z",
                  "reason": "cpu_percent 97 > 80 for 2 s & <rising>",
                  "resolution": null,
                  "root_cause": "node-1/orders",
                  "severity": "ERROR",
                  "state": "OPEN",
                  "symptom": "cpu_high",
                  "trace_id": "5b1d704895b438c53e64754a617b3e18"
                },
                "group": "node-1",
                "severity": "error",
                "source": "node-1/orders",
                "summary": "node-1/orders: cpu_high: cpu_percent 97 > 80 for 2 s & <rising>",
                "timestamp": "2023-11-14T22:13:22.000Z"
              },
              "routing_key": "R0UT1NG"
            }"#]]
        .assert_eq(&text);
    }

    #[test]
    fn one_alert_from_trigger_to_resolve() {
        let events = events();
        let lines = events.iter().map(|event| {
            let body = body(event, "R0UT1NG");
            let severity = &body["payload"]["severity"];
            let (action, key) = (&body["event_action"], &body["dedup_key"]);
            format!("{} {action} {key} {severity}", event.happened.as_str())
        });
        let lines: Vec<String> = lines.collect();
        expect![[r#"
            opened "trigger" "inc-1" "error"
            escalated "trigger" "inc-1" "critical"
            resolved "resolve" "inc-1" null
            closed "resolve" "inc-1" null"#]]
        .assert_eq(&lines.join("\n"));
    }
}
