//! What the nodes measure, under the names and in the base units of Prometheus.

/// A metric of the telemetry and what it is called here.
#[derive(Debug)]
pub(super) struct Reading {
    /// In telemetry.
    pub(super) metric: &'static str,
    /// Here, without its unit.
    pub(super) name: &'static str,
    /// Here; empty when it has none.
    pub(super) unit: &'static str,
    /// What a value is multiplied with.
    pub(super) scale: f64,
    pub(super) help: &'static str,
}

const PERCENT: f64 = 0.01;
const MILLIS: f64 = 0.001;
const SAME: f64 = 1.0;

const fn reading(
    metric: &'static str,
    name: &'static str,
    (unit, scale): (&'static str, f64),
    help: &'static str,
) -> Reading {
    Reading {
        metric,
        name,
        unit,
        scale,
        help,
    }
}

const RATIO: (&str, f64) = ("ratio", PERCENT);
const SECONDS: (&str, f64) = ("seconds", MILLIS);
const BYTES: (&str, f64) = ("bytes", SAME);
const HERTZ: (&str, f64) = ("hertz", SAME);
const COUNT: (&str, f64) = ("", SAME);

/// Of a service. What a service measures beside these is not told: its names are its own.
#[rustfmt::skip]
pub(super) const SERVICE: &[Reading] = &[
    reading("cpu_percent", "arena_service_cpu", RATIO, "CPU that it uses: 1 is one CPU"),
    reading("cpu_wait_percent", "arena_service_cpu_wait", RATIO, "Time that it waits for a CPU"),
    reading("memory_bytes", "arena_service_memory", BYTES, "Resident memory"),
    reading("open_files", "arena_service_open_files", COUNT, "Open file descriptors"),
    reading("threads", "arena_service_threads", COUNT, "Threads"),
    reading("request_rate_hz", "arena_service_request_rate", HERTZ, "Requests a second"),
    reading("error_percent", "arena_service_error", RATIO, "Requests that fail"),
    reading("latency_p50_ms", "arena_service_latency_p50", SECONDS, "Latency, median of the last second"),
    reading("latency_p95_ms", "arena_service_latency_p95", SECONDS, "Latency, 95th percentile of the last second"),
    reading("storage_latency_p95_ms", "arena_service_storage_latency_p95", SECONDS, "Latency of its storage, 95th percentile"),
    reading("storage_used_percent", "arena_service_storage_used", RATIO, "Storage that is used"),
    reading("upstream_error_percent", "arena_service_upstream_error", RATIO, "Requests to others that fail"),
    reading("upstream_latency_p95_ms", "arena_service_upstream_latency_p95", SECONDS, "Latency of others, 95th percentile"),
    reading("user_request_rate_hz", "arena_service_user_request_rate", HERTZ, "Requests a second, as users make them"),
    reading("user_error_percent", "arena_service_user_error", RATIO, "Requests that fail, as users see it"),
    reading("user_latency_p95_ms", "arena_service_user_latency_p95", SECONDS, "Latency as users see it, 95th percentile"),
];

/// Of a node.
#[rustfmt::skip]
pub(super) const NODE: &[Reading] = &[
    reading("cpu_percent", "arena_node_cpu", RATIO, "CPU of the machine that is used: 1 is all of it"),
    reading("memory_used_percent", "arena_node_memory_used", RATIO, "Memory that is used"),
    reading("disk_used_percent", "arena_node_disk_used", RATIO, "Disk that is used"),
    reading("load1", "arena_node_load1", COUNT, "Load average of a minute"),
    reading("network_receive_bytes_hz", "arena_node_network_receive_bytes_per_second", COUNT, "Bytes received a second"),
    reading("network_transmit_bytes_hz", "arena_node_network_transmit_bytes_per_second", COUNT, "Bytes sent a second"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_every_agent_measures_has_a_name_here() {
        let names = |readings: &[Reading]| -> Vec<&str> {
            readings.iter().map(|reading| reading.metric).collect()
        };
        assert_eq!(names(SERVICE), arena_expression::SERVICE_METRICS);
        assert_eq!(names(NODE), arena_expression::NODE_METRICS);
    }
}
