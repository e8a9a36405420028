//! The event log's lines: what is durable on the bus, what users feel each second, a digest of telemetry.
//!
//! A line is `{"n":…,"at_ns":…,"kind":"…","body":…}`, in this order; bodies of messages are the ProtoJSON that the live bus carries.

use std::fmt::Write as _;

use arena_proto::{Message as _, Telemetry, Timestamp};

use crate::ground::BEGINNING;
use crate::log::{EventLog, Log, LogLevel};
use crate::wire::Message;

/// Telemetry is told as one number every so many seconds.
const DIGEST_EVERY_S: u64 = 10;

/// See the module.
#[derive(Debug, Clone)]
pub(crate) struct Recorder {
    log: Log,
    line: String,
    digest: u64,
    messages: u64,
}

impl Recorder {
    pub(crate) fn new(level: LogLevel) -> Self {
        Self {
            log: Log::new(level),
            line: String::new(),
            digest: 0,
            messages: 0,
        }
    }

    /// An event with a body that is JSON.
    pub(crate) fn write(&mut self, now: Timestamp, kind: &str, body: &str) {
        let since = now.saturating_since(BEGINNING).as_nanos();
        self.line.clear();
        let number = self.log.events() + 1;
        // Writing to a string does not fail.
        let _ = write!(
            self.line,
            "{{\"n\":{number},\"at_ns\":{since},\"kind\":\"{kind}\",\"body\":{body}}}"
        );
        self.log.push(&self.line);
    }

    /// A message was published.
    pub(crate) fn message(&mut self, now: Timestamp, message: &Message) {
        let (kind, body) = match message {
            Message::Telemetry(telemetry, _) => return self.telemetry(telemetry),
            Message::Canary(_)
            | Message::Connected(_)
            | Message::LeaseTaken(_)
            | Message::LeaseLost => return,
            Message::Incident(event) => ("incident", event.encode()),
            Message::Plan(plan) => ("plan", plan.encode()),
            Message::Command(command) => ("command", command.encode()),
            Message::Outcome(outcome) => ("outcome", outcome.encode()),
            Message::Fault(request) => ("fault", request.encode()),
            Message::FaultStatus(status) => ("fault_status", status.encode()),
            Message::Status(status) => ("status", status.encode()),
            Message::Schema(schema) => ("schema", schema.encode()),
            Message::Control(control) => ("control", control.encode()),
            Message::Observer(observer) => ("observer", observer.encode()),
        };
        self.write(now, kind, &String::from_utf8_lossy(&body));
    }

    /// Folded into one number: each value by its bits, in the order of the telling.
    fn telemetry(&mut self, telemetry: &Telemetry) {
        let mut digest = self.digest ^ telemetry.seq;
        for value in &telemetry.values {
            digest = fold(digest, u64::from(value.to_bits()));
        }
        self.digest = fold(digest, telemetry.boot_id);
        self.messages += 1;
    }

    /// A second has passed, in which users felt this (JSON).
    pub(crate) fn second(&mut self, now: Timestamp, felt: &str) {
        self.write(now, "users", felt);
        let seconds = now.saturating_since(BEGINNING).as_secs();
        if seconds.is_multiple_of(DIGEST_EVERY_S) {
            self.write_digest(now);
        }
    }

    fn write_digest(&mut self, now: Timestamp) {
        let body = format!(
            "{{\"messages\":{},\"digest\":\"{:016x}\"}}",
            self.messages, self.digest
        );
        self.write(now, "telemetry", &body);
    }

    /// The log as if it ended now; more may come.
    pub(crate) fn so_far(&self, now: Timestamp) -> EventLog {
        self.clone().finish(now)
    }

    /// The log of a run that ends now: the digest of its last seconds is in it, too.
    pub(crate) fn finish(mut self, now: Timestamp) -> EventLog {
        self.write_digest(now);
        self.log.finish()
    }
}

/// The multiplier of FNV-1a in 64 bits, one word at a time: order counts, and every bit.
const fn fold(digest: u64, word: u64) -> u64 {
    (digest.rotate_left(23) ^ word).wrapping_mul(0x0000_0100_0000_01b3)
}

#[cfg(test)]
mod tests {
    use arena_proto::{NodeName, Schema, SchemaId};
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;

    /// What is measured after the last full ten seconds is a part of the run, too.
    #[test]
    fn the_last_telemetry_of_a_run_is_in_its_hash() {
        let hash = |value: f32| {
            let node = NodeName::new("node-1").unwrap();
            let telemetry = Telemetry {
                node: node.clone(),
                boot_id: 1,
                seq: 1,
                schema_id: SchemaId(0),
                time: BEGINNING,
                values: vec![value],
                services: [].into(),
            };
            let schema = Schema {
                node,
                columns: Vec::new(),
                services: Vec::new(),
            };
            let now = BEGINNING + Duration::from_secs(3);
            let mut recorder = Recorder::new(LogLevel::Hash);
            let message = Message::Telemetry(Arc::new(telemetry), Arc::new(schema));
            recorder.message(now, &message);
            recorder.second(now, "{}");
            let so_far = recorder.so_far(now);
            let log = recorder.finish(now);
            assert_eq!(so_far, log);
            log.sha256
        };
        assert_eq!(hash(1.0), hash(1.0));
        assert_ne!(hash(1.0), hash(2.0));
    }
}
