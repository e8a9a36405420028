//! How reasons are worded.

use std::time::Duration;

use arena_proto::ActionKind;

/// A duration as a reason gives it: "420 ms", "6 s", "2.5 s".
pub(crate) fn say(duration: Duration) -> String {
    let millis = duration.as_millis();
    if millis < 1000 {
        return format!("{millis} ms");
    }
    match (millis / 1000, millis % 1000 / 100) {
        (seconds, 0) => format!("{seconds} s"),
        (seconds, tenths) => format!("{seconds}.{tenths} s"),
    }
}

/// An action as a reason gives it: "restart".
pub(crate) fn verb(action: ActionKind) -> String {
    action.verb()
}

/// Joins what led to a decision and the decision.
pub(crate) fn after(because: &str, decision: &str) -> String {
    if because.is_empty() {
        decision.to_owned()
    } else {
        format!("{because}; {decision}")
    }
}
