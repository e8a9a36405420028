//! The event log's lines: what is durable on the bus, what users feel each second, a digest of telemetry.
//!
//! A line is `{"n":…,"at_ns":…,"kind":"…","body":…}`, in this order; bodies of messages are the ProtoJSON that the live bus carries.

use std::fmt::Write as _;

use arena_proto::{Message as _, ServiceSample, Telemetry, Timestamp};

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

    /// Folded into one number: everything that it says, in the order of the telling; each value by its bits. The node is known by its boot.
    fn telemetry(&mut self, telemetry: &Telemetry) {
        let Telemetry {
            node: _,
            boot_id,
            seq,
            schema_id,
            time,
            values,
            services,
        } = telemetry;
        let mut digest = self.digest ^ seq;
        for value in values {
            digest = fold(digest, u64::from(value.to_bits()));
        }
        for service in services.iter() {
            digest = fold_service(digest, service);
        }
        digest = fold(digest, time.unix_nanos().cast_unsigned());
        digest = fold(digest, schema_id.0);
        self.digest = fold(digest, *boot_id);
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

fn fold_service(digest: u64, service: &ServiceSample) -> u64 {
    let ServiceSample {
        state,
        probe,
        pid,
        generation,
        restarts,
        since,
        exit_code,
    } = service;
    let pair = |high: u32, low: u32| u64::from(high) << 32 | u64::from(low);
    // No process has pid 0, and no exit code is so small.
    let code = exit_code.unwrap_or(i32::MIN).cast_unsigned();
    [
        pair(*state as u32, *probe as u32),
        pair(pid.unwrap_or(0), code),
        pair(*generation, *restarts),
        since.unix_nanos().cast_unsigned(),
    ]
    .into_iter()
    .fold(digest, fold)
}

/// The multiplier of FNV-1a in 64 bits, one word at a time: order counts, and every bit.
const fn fold(digest: u64, word: u64) -> u64 {
    (digest.rotate_left(23) ^ word).wrapping_mul(0x0000_0100_0000_01b3)
}

#[cfg(test)]
mod tests {
    use arena_proto::{NodeName, ProbeVerdict, ProcessState, Schema, SchemaId};
    use std::collections::BTreeSet;
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;

    fn telemetry() -> Telemetry {
        Telemetry {
            node: NodeName::new("node-1").unwrap(),
            boot_id: 1,
            seq: 1,
            schema_id: SchemaId(0),
            time: BEGINNING,
            values: vec![1.0],
            services: [service()].into(),
        }
    }

    fn service() -> ServiceSample {
        ServiceSample {
            state: ProcessState::Running,
            probe: ProbeVerdict::Passing,
            pid: Some(1),
            generation: 1,
            restarts: 0,
            since: BEGINNING,
            exit_code: None,
        }
    }

    fn hash(telemetry: Telemetry) -> String {
        let schema = Schema {
            node: telemetry.node.clone(),
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
    }

    /// What is measured after the last full ten seconds is a part of the run, too.
    #[test]
    fn all_that_the_last_telemetry_of_a_run_says_is_in_its_hash() {
        let of_message: [fn(&mut Telemetry); 6] = [
            |_| {},
            |said| said.boot_id = 2,
            |said| said.seq = 2,
            |said| said.schema_id = SchemaId(1),
            |said| said.time = BEGINNING + Duration::from_nanos(1),
            |said| said.values[0] = 2.0,
        ];
        let of_service: [fn(&mut ServiceSample); 7] = [
            |said| said.state = ProcessState::Starting,
            |said| said.probe = ProbeVerdict::Failing,
            |said| said.pid = None,
            |said| said.generation = 2,
            |said| said.restarts = 1,
            |said| said.since = BEGINNING + Duration::from_nanos(1),
            |said| said.exit_code = Some(0),
        ];
        let message = of_message.iter().map(|change| {
            let mut said = telemetry();
            change(&mut said);
            hash(said)
        });
        let service = of_service.iter().map(|change| {
            let mut said = service();
            change(&mut said);
            hash(Telemetry {
                services: [said].into(),
                ..telemetry()
            })
        });
        let hashes: Vec<String> = message.chain(service).collect();
        assert_eq!(hash(telemetry()), hashes[0]);
        let different: BTreeSet<&String> = hashes.iter().collect();
        assert_eq!(different.len(), hashes.len());
    }
}
