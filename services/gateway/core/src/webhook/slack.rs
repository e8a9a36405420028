//! The form `slack`: an [incoming webhook's](https://api.slack.com/messaging/webhooks) message. `text` is what notifications show,
//! the blocks are what the channel shows.

use serde_json::{Value, json};

use super::event::{Event, cut};

/// What the body is.
pub const CONTENT_TYPE: &str = "application/json";
/// Slack refuses a section above 3000 characters; nobody reads that much of a reason.
const REASON_CHARS_MAX: usize = 500;

/// The body.
#[must_use]
pub fn body(event: &Event) -> Value {
    let headline = escape(&event.headline());
    let reason = escape(&cut(&event.incident.reason, REASON_CHARS_MAX));
    let mut links = format!(
        "<{}|{}>",
        event.dashboard,
        escape(event.incident.id.as_str())
    );
    if let Some(trace) = &event.trace {
        links = format!("{links} · <{trace}|trace>");
    }
    if let Some(severity) = event.incident.severity {
        links = format!("{severity} · {links}");
    }
    json!({
        "text": headline,
        "blocks": [
            { "type": "section", "text": { "type": "mrkdwn", "text": format!("*{headline}*\n{reason}") } },
            { "type": "context", "elements": [{ "type": "mrkdwn", "text": links }] },
        ],
    })
}

/// <https://api.slack.com/reference/surfaces/formatting#escaping>
fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::super::event::tests::events;
    use super::*;

    #[test]
    fn an_opened_incident() {
        let text = serde_json::to_string_pretty(&body(&events()[0])).unwrap();
        expect![[r#"
            {
              "blocks": [
                {
                  "text": {
                    "text": "*node-1/orders: cpu_high*\ncpu_percent 97 &gt; 80 for 2 s &amp; &lt;rising&gt;",
                    "type": "mrkdwn"
                  },
                  "type": "section"
                },
                {
                  "elements": [
                    {
                      "text": "ERROR · <http://127.0.0.1:4280/incidents/inc-1|inc-1> · <http://127.0.0.1:4290/trace/5b1d704895b438c53e64754a617b3e18|trace>",
                      "type": "mrkdwn"
                    }
                  ],
                  "type": "context"
                }
              ],
              "text": "node-1/orders: cpu_high"
            }"#]].assert_eq(&text);
    }

    #[test]
    fn what_notifications_show() {
        let events = events();
        let texts = events.iter().map(|event| body(event)["text"].to_string());
        let texts: Vec<String> = texts.collect();
        expect![[r#"
            "node-1/orders: cpu_high"
            "node-1/orders: cpu_high needs a person"
            "node-1/orders: cpu_high is healed, after 7.4 s"
            "node-1/orders: cpu_high was closed""#]]
        .assert_eq(&texts.join("\n"));
    }
}
