//! Whether an arena can be looked at: the dashboard and the trace viewer, whose ports may be somebody else's.

use arena_supervisor::{ports, program};

use super::{Finding, ok, warn};
use crate::up::data_dir::DataDir;
use crate::up::plan::{GATEWAY_PORT, OTLP_PORT, VIEWER_PORT};
use crate::up::record::Record;

/// The dashboard, and whether one can have its port.
pub(super) fn gateway(data: Option<&DataDir>) -> Finding {
    if let Some(record) = running(data) {
        return match record.gateway {
            Some(gateway) => ok(format!("the dashboard of this arena is at {gateway}")),
            None => warn(
                "the arena that runs here has no dashboard",
                "`arena down`, then `arena up --gateway-port PORT`",
            ),
        };
    }
    match ports::taken_by(GATEWAY_PORT) {
        Some(holder) => warn(
            format!("the dashboard's port {GATEWAY_PORT} is held by {holder}"),
            "`arena up --gateway-port PORT` gives this arena a dashboard of its own",
        ),
        None => ok(format!("the dashboard can use its port ({GATEWAY_PORT})")),
    }
}

/// The record of the arena that runs here.
fn running(data: Option<&DataDir>) -> Option<Record> {
    data.and_then(Record::read_or_say)
        .filter(Record::up_is_alive)
}

/// The trace viewer, and whether one can have its ports.
pub(super) fn viewer(data: Option<&DataDir>) -> Finding {
    if let Some(record) = running(data) {
        return match record.viewer {
            Some(viewer) => ok(format!("the trace viewer of this arena is at {viewer}")),
            None => warn(
                "the arena that runs here has no trace viewer",
                "`arena down`, then `arena up --viewer-port PORT`",
            ),
        };
    }
    if let Ok(endpoint) = std::env::var("OTEL_EXPORTER_OTLP_ENDPOINT") {
        return ok(format!(
            "traces go to {endpoint} (OTEL_EXPORTER_OTLP_ENDPOINT)"
        ));
    }
    if program::sibling("arena-traces").is_none() {
        return warn(
            "arena-traces is not built: no traces are shown",
            "build it, or set OTEL_EXPORTER_OTLP_ENDPOINT to any OTLP/HTTP receiver",
        );
    }
    let held = [VIEWER_PORT, OTLP_PORT]
        .into_iter()
        .find_map(|port| Some((port, ports::taken_by(port)?)));
    match held {
        Some((port, holder)) => warn(
            format!("the trace viewer's port {port} is held by {holder}"),
            "`arena up --viewer-port PORT` gives this arena a viewer of its own",
        ),
        None => ok(format!(
            "the trace viewer can use its ports ({VIEWER_PORT}, {OTLP_PORT})"
        )),
    }
}
