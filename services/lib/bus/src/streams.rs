//! Streams and buckets: what they keep, and their limits. All are on file, and `nats.conf` syncs every write.
//!
//! Sizes: an event is about 1 KB, so 64 MB are about 60 000 of them: 30 days of an arena that is hurt twice a minute.
//! When a limit is reached the oldest goes (the recorder has it by then), but for commands: there a new one is refused
//! with an error, because a command that vanishes is worse than one that is refused. The sum of the limits stays below
//! `max_file_store` in `nats.conf`, which a test checks.

use std::time::Duration;

use arena_proto::carriage::{
    COMMANDS_MAX, DUPLICATE_WINDOW, EVENTS_MAX, KEEP_APPROVALS, KEEP_COMMANDS, KEEP_EVENTS,
    KEEP_LEASE,
};
use async_nats::jetstream::Context;
use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType};

use crate::BusError;
use crate::subject::Family;

const MEGABYTE: i64 = 1024 * 1024;
/// The largest value in a bucket: the status of a node with thousands of services is well below.
const VALUE_BYTES_MAX: i32 = 512 * 1024;

fn stream(name: &str, description: &str, subjects: &[String], bytes: i64) -> Config {
    Config {
        name: name.to_owned(),
        description: Some(description.to_owned()),
        subjects: subjects.to_vec(),
        retention: RetentionPolicy::Limits,
        storage: StorageType::File,
        discard: DiscardPolicy::Old,
        max_bytes: bytes,
        max_messages: i64::from(EVENTS_MAX),
        max_messages_per_subject: -1,
        max_consumers: -1,
        max_age: KEEP_EVENTS,
        duplicate_window: DUPLICATE_WINDOW,
        num_replicas: 1,
        allow_direct: false,
        deny_delete: true,
        ..Config::default()
    }
}

/// As ADR-8 lays a bucket out, so that `nats kv` sees it as one; one value a key is kept.
fn bucket(family: Family, description: &str, bytes: i64) -> Config {
    Config {
        discard: DiscardPolicy::New,
        max_messages: -1,
        max_messages_per_subject: 1,
        max_message_size: VALUE_BYTES_MAX,
        max_age: Duration::ZERO,
        allow_rollup: true,
        allow_direct: true,
        ..stream(
            family.stream().unwrap_or_default(),
            description,
            &[format!("$KV.{family}.>")],
            bytes,
        )
    }
}

/// Every stream and bucket.
pub(crate) fn all() -> Vec<Config> {
    let mut all = streams();
    all.extend(buckets());
    all
}

fn streams() -> Vec<Config> {
    vec![
        stream(
            "INCIDENTS",
            "Opened, updated, cleared: what the detector says",
            &[Family::Incident.all()],
            128 * MEGABYTE,
        ),
        stream(
            "PLANS",
            "Each decision of the remediator, also not to act",
            &[Family::Plan.all()],
            128 * MEGABYTE,
        ),
        Config {
            discard: DiscardPolicy::New,
            max_messages: i64::from(COMMANDS_MAX),
            max_age: KEEP_COMMANDS,
            duplicate_window: KEEP_COMMANDS,
            ..stream(
                "COMMANDS",
                "Actions that nodes are asked for",
                &[Family::Command.all()],
                16 * MEGABYTE,
            )
        },
        stream(
            "OUTCOMES",
            "What became of commands",
            &[Family::Outcome.all()],
            64 * MEGABYTE,
        ),
        stream(
            "FAULTS",
            "Faults asked for, and what became of them",
            &[Family::Fault.all(), Family::FaultStatus.all()],
            64 * MEGABYTE,
        ),
        stream(
            "EVIDENCE",
            "What nodes saw just before they acted",
            &[Family::Evidence.all()],
            // About 20 KB each: more than six thousand actions.
            128 * MEGABYTE,
        ),
        stream(
            "SCORES",
            "The referee's running score",
            &["arena.score.*".to_owned()],
            16 * MEGABYTE,
        ),
    ]
}

fn buckets() -> Vec<Config> {
    vec![
        bucket(
            Family::Status,
            "The truth about each node and its services",
            64 * MEGABYTE,
        ),
        bucket(
            Family::Schema,
            "What the columns of each node's telemetry mean",
            64 * MEGABYTE,
        ),
        bucket(Family::Control, "The safety lever and the mode", MEGABYTE),
        Config {
            max_age: KEEP_APPROVALS,
            ..bucket(Family::Approval, "What people answered to plans", MEGABYTE)
        },
        bucket(
            Family::Observer,
            "Whether each detector can believe what it hears",
            MEGABYTE,
        ),
        Config {
            max_age: KEEP_LEASE,
            duplicate_window: KEEP_LEASE,
            ..bucket(Family::Lease, "Who may act, until it runs out", MEGABYTE)
        },
        Config {
            max_age: arena_proto::Alert::KEPT,
            // A thousand, which is the gateway's limit, of at most 16 KB each.
            ..bucket(
                Family::Alert,
                "What Alertmanager said of each alert",
                16 * MEGABYTE,
            )
        },
    ]
}

/// Makes one, or brings it to these limits when it is there, and compares what the server made of it.
pub(crate) async fn ensure(context: &Context, asked: Config) -> Result<(), BusError> {
    let name = asked.name.clone();
    let info = context
        .create_or_update_stream(asked.clone())
        .await
        .map_err(|error| BusError::JetStream {
            what: format!("making stream {name}"),
            cause: format!(
                "{error}. If it holds a stream of this name that cannot become ours, remove that: nats stream rm {name}"
            ),
        })?;
    compare(&asked, &info.config)
}

/// An older server leaves out what it does not know, without a word.
fn compare(asked: &Config, found: &Config) -> Result<(), BusError> {
    let fields = |config: &Config| {
        let mut subjects = config.subjects.clone();
        subjects.sort();
        [
            ("subjects", subjects.join(" ")),
            ("retention", format!("{:?}", config.retention)),
            ("storage", format!("{:?}", config.storage)),
            ("discard", format!("{:?}", config.discard)),
            ("max_bytes", config.max_bytes.to_string()),
            ("max_msgs", config.max_messages.to_string()),
            (
                "max_msgs_per_subject",
                config.max_messages_per_subject.to_string(),
            ),
            ("max_age", format!("{:?}", config.max_age)),
            ("duplicate_window", format!("{:?}", config.duplicate_window)),
            ("allow_direct", config.allow_direct.to_string()),
            ("deny_delete", config.deny_delete.to_string()),
        ]
    };
    let pairs = fields(asked).into_iter().zip(fields(found));
    for ((field, asked_value), (_, found_value)) in pairs {
        if asked_value != found_value {
            return Err(BusError::StreamDiffers {
                stream: asked.name.clone(),
                field,
                asked: asked_value,
                found: found_value,
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_of_the_limits_fits_the_store() {
        assert!(crate::NATS_CONF.contains("max_file_store: 1GB"));
        let sum: i64 = all().iter().map(|config| config.max_bytes).sum();
        assert!(sum < 1024 * MEGABYTE, "{sum}");
    }

    #[test]
    fn the_page_has_each_stream_and_bucket_with_its_limits() {
        const PAGE: &str = include_str!("../../../../docs/bus.md");
        for config in all() {
            let name = config.name.trim_start_matches("KV_");
            let row = PAGE
                .lines()
                .find(|line| line.starts_with(&format!("| `{name}` |")))
                .unwrap_or_else(|| panic!("no row of {name}"));
            let size = format!("| {} MB |", config.max_bytes / MEGABYTE);
            let age = match config.max_age.as_secs() {
                0 => "| - |".to_owned(),
                seconds if seconds > 24 * 3600 => format!("| {} days |", seconds / 24 / 3600),
                seconds if seconds >= 3600 => format!("| {} h |", seconds / 3600),
                seconds => format!("| {seconds} s |"),
            };
            assert!(row.contains(&size), "{row}");
            assert!(row.contains(&age), "{row}");
        }
    }

    #[test]
    fn a_setting_that_the_server_left_out_is_told() {
        let asked = all().remove(0);
        let found = Config {
            duplicate_window: Duration::ZERO,
            ..asked.clone()
        };
        compare(&asked, &asked).unwrap();
        let error = compare(&asked, &found).unwrap_err().to_string();
        assert_eq!(
            error,
            "stream INCIDENTS: the server made duplicate_window 0ns where 120s was asked for; it does not know this setting, or \
             somebody else changed the stream at the same time"
        );
    }
}
