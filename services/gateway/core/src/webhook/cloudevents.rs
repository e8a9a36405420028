//! The form `cloudevents`: [`CloudEvents` 1.0](https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md),
//! structured JSON, with the [distributed tracing](https://github.com/cloudevents/spec/blob/main/cloudevents/extensions/distributed-tracing.md)
//! extension.

use serde_json::{Value, json};

use super::event::Event;

/// What the body is.
pub const CONTENT_TYPE: &str = "application/cloudevents+json";

/// What the types of all events begin with.
const TYPE: &str = "arena.incident";

/// The body.
#[must_use]
pub fn body(event: &Event) -> Value {
    json!({
        "specversion": "1.0",
        "id": event.id,
        "source": event.source,
        "type": format!("{TYPE}.{}", event.happened.as_str()),
        "subject": event.incident.entity,
        "time": event.at,
        "traceparent": event.traceparent(),
        "datacontenttype": "application/json",
        "data": {
            "incident": event.incident,
            "links": { "dashboard": event.dashboard, "trace": event.trace },
        },
    })
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::super::event::tests::events;
    use super::*;

    #[test]
    fn opened_and_resolved() {
        let bodies: Vec<Value> = events().iter().step_by(2).map(body).collect();
        let text = serde_json::to_string_pretty(&bodies).unwrap();
        expect![[r#"
            [
              {
                "data": {
                  "incident": {
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
                  "links": {
                    "dashboard": "http://127.0.0.1:4280/incidents/inc-1",
                    "trace": "http://127.0.0.1:4290/trace/5b1d704895b438c53e64754a617b3e18"
                  }
                },
                "datacontenttype": "application/json",
                "id": "inc-1.e1",
                "source": "http://127.0.0.1:4280",
                "specversion": "1.0",
                "subject": "node-1/orders",
                "time": "2023-11-14T22:13:22.000Z",
                "traceparent": "00-5b1d704895b438c53e64754a617b3e18-743f36fa73307c00-01",
                "type": "arena.incident.opened"
              },
              {
                "data": {
                  "incident": {
                    "decision": "RESOLVE",
                    "ended_at": "2023-11-14T22:13:29.400Z",
                    "entity": "node-1/orders",
                    "first_abnormal_at": "2023-11-14T22:13:20.000Z",
                    "id": "inc-1",
                    "opened_at": "2023-11-14T22:13:22.000Z",
                    "reason": "stayed clear for 5 s",
                    "resolution": "REMEDIATED",
                    "root_cause": "node-1/orders",
                    "severity": "ERROR",
                    "state": "RESOLVED",
                    "symptom": "cpu_high",
                    "trace_id": "5b1d704895b438c53e64754a617b3e18"
                  },
                  "links": {
                    "dashboard": "http://127.0.0.1:4280/incidents/inc-1",
                    "trace": "http://127.0.0.1:4290/trace/5b1d704895b438c53e64754a617b3e18"
                  }
                },
                "datacontenttype": "application/json",
                "id": "inc-1.3",
                "source": "http://127.0.0.1:4280",
                "specversion": "1.0",
                "subject": "node-1/orders",
                "time": "2023-11-14T22:13:29.400Z",
                "traceparent": "00-5b1d704895b438c53e64754a617b3e18-743f36fa73307c00-01",
                "type": "arena.incident.resolved"
              }
            ]"#]]
        .assert_eq(&text);
    }

    /// <https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md>: required attributes are there and not empty, names
    /// are of `a-z0-9`.
    #[test]
    fn each_is_what_the_specification_wants() {
        for event in events() {
            let body = body(&event);
            let attributes = body.as_object().unwrap();
            for required in ["specversion", "id", "source", "type"] {
                assert_ne!(attributes[required].as_str(), Some(""), "{required}");
            }
            for name in attributes.keys() {
                assert!(
                    name.bytes()
                        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()),
                    "{name}"
                );
            }
        }
    }
}
