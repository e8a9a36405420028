//! The names of what is measured: what expressions may read without more ado. Services add their own.

/// What the agent measures of a service, and what Arena's own workload answers at its control socket.
pub const SERVICE_METRICS: &[&str] = &[
    "cpu_percent",
    "cpu_wait_percent",
    "memory_bytes",
    "open_files",
    "threads",
    "request_rate_hz",
    "error_percent",
    "latency_p50_ms",
    "latency_p95_ms",
    "storage_latency_p95_ms",
    "storage_used_percent",
    "upstream_error_percent",
    "upstream_latency_p95_ms",
    "user_request_rate_hz",
    "user_error_percent",
    "user_latency_p95_ms",
];

/// What the agent measures of its node.
pub const NODE_METRICS: &[&str] = &[
    "cpu_percent",
    "memory_used_percent",
    "disk_used_percent",
    "load1",
    "network_receive_bytes_hz",
    "network_transmit_bytes_hz",
];
