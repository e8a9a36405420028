//! What an agent measures, in the order of its columns; docs/ARCHITECTURE.md ("Metrics and symptoms") says what each means.

/// Of the machine.
pub const HOST: [&str; 6] = [
    "cpu_percent",
    "memory_used_percent",
    "disk_used_percent",
    "load1",
    "network_receive_bytes_hz",
    "network_transmit_bytes_hz",
];
/// Of a service's process group.
pub const PROCESS: [&str; 5] = [
    "cpu_percent",
    "memory_bytes",
    "open_files",
    "threads",
    "cpu_wait_percent",
];
/// At the inbound leg of a service that is proxied.
pub const REQUESTS: [&str; 4] = [
    "request_rate_hz",
    "error_percent",
    "latency_p50_ms",
    "latency_p95_ms",
];
