//! What users feel, by the telemetry of the traffic generators. Pure.
//!
//! Invariant: what was not heard of for a while is not known any more, and never taken for well.

use std::collections::BTreeMap;

use crate::judge::Sample;
use arena_proto::{Entity, Schema, Telemetry};

/// Telemetry comes every second: after three that are missing nobody knows what users feel.
const READING_AGE_MAX_MS: u64 = 3500;

/// What the users of each traffic generator feel.
#[derive(Debug, Default)]
pub(super) struct Users(BTreeMap<Entity, Felt>);

#[derive(Debug, Clone, Copy, Default)]
struct Felt {
    at_ms: u64,
    error_percent: Option<f64>,
    latency_p95_ms: Option<f64>,
    rate_hz: Option<f64>,
}

impl Users {
    /// Telemetry arrived.
    pub(super) fn hear(&mut self, at_ms: u64, telemetry: &Telemetry, schema: &Schema) {
        for (column, value) in schema.columns.iter().zip(&telemetry.values) {
            let value = Some(f64::from(*value)).filter(|value| value.is_finite());
            let set: fn(&mut Felt, Option<f64>) = match column.metric.as_str() {
                "user_error_percent" => |felt, value| felt.error_percent = value,
                "user_latency_p95_ms" => |felt, value| felt.latency_p95_ms = value,
                "user_request_rate_hz" => |felt, value| felt.rate_hz = value,
                _ => continue,
            };
            let felt = self.0.entry(schema.entity(column)).or_default();
            felt.at_ms = at_ms;
            set(felt, value);
        }
    }

    /// The worst of them; one that is not heard of makes all unknown.
    pub(super) fn feel(&self, at_ms: u64) -> Sample {
        let fresh = |felt: &Felt| at_ms.saturating_sub(felt.at_ms) <= READING_AGE_MAX_MS;
        let known = self.0.values().all(fresh);
        let values = |value: fn(&Felt) -> Option<f64>| -> Option<Vec<f64>> {
            let values: Option<Vec<f64>> = self.0.values().map(value).collect();
            values.filter(|values| known && !values.is_empty())
        };
        let worst = |value| values(value)?.into_iter().reduce(f64::max);
        Sample {
            at_ms,
            user_error_percent: worst(|felt| felt.error_percent),
            user_latency_p95_ms: worst(|felt| felt.latency_p95_ms),
            user_request_rate_hz: values(|felt| felt.rate_hz).map(|rates| rates.iter().sum()),
            ..Sample::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use arena_proto::{Column, NodeName, SchemaId, ServiceName, Timestamp};

    use super::*;

    fn schema(node: &str) -> Schema {
        let column = |metric: &str| Column {
            service: Some(ServiceName::new("traffic").unwrap()),
            metric: metric.to_owned(),
        };
        let metrics = [
            "cpu_percent",
            "user_error_percent",
            "user_latency_p95_ms",
            "user_request_rate_hz",
        ];
        Schema {
            node: NodeName::new(node).unwrap(),
            columns: metrics.map(column).into(),
            services: Vec::new(),
        }
    }

    fn hear(users: &mut Users, at_ms: u64, node: &str, values: [f32; 3]) {
        let schema = schema(node);
        let telemetry = Telemetry {
            node: schema.node.clone(),
            boot_id: 1,
            seq: 1,
            schema_id: SchemaId(0),
            time: Timestamp::EPOCH,
            values: std::iter::once(7.0).chain(values).collect(),
            services: [].into(),
        };
        users.hear(at_ms, &telemetry, &schema);
    }

    #[test]
    fn the_worst_of_all_users_counts() {
        let mut users = Users::default();
        hear(&mut users, 1000, "node-1", [0.0, 50.0, 20.0]);
        hear(&mut users, 1500, "node-2", [10.0, 30.0, 20.0]);
        let felt = users.feel(2000);
        assert_eq!(felt.user_error_percent, Some(10.0));
        assert_eq!(felt.user_latency_p95_ms, Some(50.0));
        assert_eq!(felt.user_request_rate_hz, Some(40.0));
    }

    #[test]
    fn what_is_not_heard_or_not_a_number_is_not_known() {
        let mut users = Users::default();
        assert_eq!(users.feel(0).user_error_percent, None, "nobody was heard");
        hear(&mut users, 1000, "node-1", [0.0, f32::NAN, 20.0]);
        assert_eq!(users.feel(1000).user_latency_p95_ms, None);
        assert_eq!(users.feel(1000).user_error_percent, Some(0.0));
        hear(&mut users, 5000, "node-2", [0.0, 1.0, 20.0]);
        assert_eq!(users.feel(5000).user_error_percent, None, "one went silent");
    }
}
