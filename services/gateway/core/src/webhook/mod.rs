//! What other systems are told about incidents: which events, in which form, signed how, and when again.
//!
//! Absent on purpose: sockets, the bus, clocks, the environment. Invariants: an event has the same id each time it is told; what is
//! told about one incident is told in order; nothing is given up but what is refused or a day old; no secret is in a body, a message or
//! a `Debug`.

pub mod cloudevents;
pub mod event;
pub mod file;
pub mod outbox;
pub mod pagerduty;
pub mod retry;
pub mod sign;
pub mod slack;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How an event is written for its receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// `CloudEvents` 1.0, structured JSON, signed as Standard Webhooks are.
    CloudEvents,
    /// A message for Slack's incoming webhooks, which Mattermost understands too.
    Slack,
    /// An event for `PagerDuty`'s Events API v2.
    PagerDuty,
}
