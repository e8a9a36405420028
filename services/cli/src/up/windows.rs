//! The windows on an arena: the trace viewer, and the gateway with its dashboard. Neither is needed, so what is in its way is told and
//! the arena starts without it; but what was asked for by its port is started or refused.

use anyhow::Context as _;
use arena_supervisor::{ports, program};

use super::plan::{GATEWAY_PORT, OTLP_PORT, VIEWER_PORT, Viewer};
use super::{UpArgs, say};
use crate::exit::{Exit, Failure};

/// The port of the gateway; `None` when something is in its way.
pub(super) fn gateway(args: &UpArgs) -> Result<Option<u16>, Failure> {
    if args.no_gateway {
        return Ok(None);
    }
    let port = args.gateway_port.unwrap_or(GATEWAY_PORT);
    if program::sibling("arena-gateway").is_none() {
        say("no dashboard: arena-gateway is not built; `cargo build --workspace --bins` builds it");
        return Ok(None);
    }
    match ports::taken_by(port) {
        None => Ok(Some(port)),
        Some(holder) if args.gateway_port.is_some() => Err(Exit::Failed.because(format!(
            "nothing was started:\n  port {port} for the dashboard is held by {holder}\n  mend: choose another --gateway-port"
        ))),
        Some(holder) => {
            say(&format!(
                "no dashboard: its port {port} is held by {holder}; this arena has one of its own with --gateway-port PORT"
            ));
            Ok(None)
        }
    }
}

/// The ports of the trace viewer; `None` when traces go elsewhere or something is in its way.
pub(super) fn viewer(args: &UpArgs) -> Result<Option<Viewer>, Failure> {
    if args.no_viewer {
        return Ok(None);
    }
    let port = args.viewer_port;
    if let Some(endpoint) =
        std::env::var_os("OTEL_EXPORTER_OTLP_ENDPOINT").filter(|e| !e.is_empty())
    {
        say(&format!(
            "traces go to {} (OTEL_EXPORTER_OTLP_ENDPOINT)",
            endpoint.to_string_lossy()
        ));
        return Ok(None);
    }
    if program::sibling("arena-traces").is_none() {
        say(
            "no trace viewer: arena-traces is not built; any OTLP/HTTP one will do, by OTEL_EXPORTER_OTLP_ENDPOINT",
        );
        return Ok(None);
    }
    let viewer = Viewer {
        ui_port: port.unwrap_or(VIEWER_PORT),
        otlp_port: match port {
            Some(_) if ports::taken_by(OTLP_PORT).is_some() => free_port()?,
            _ => OTLP_PORT,
        },
    };
    let taken = [viewer.ui_port, viewer.otlp_port]
        .into_iter()
        .find_map(|port| Some((port, ports::taken_by(port)?)));
    match taken {
        None => Ok(Some(viewer)),
        Some((taken, holder)) if port.is_some() => Err(Exit::Failed.because(format!(
            "nothing was started:\n  port {taken} for the trace viewer is held by {holder}\n  mend: choose another --viewer-port"
        ))),
        Some((taken, holder)) => {
            say(&format!(
                "no trace viewer: its port {taken} is held by {holder}; this arena has one of its own with --viewer-port PORT"
            ));
            Ok(None)
        }
    }
}

/// One that nobody has now: nobody but this arena's own components needs to know it.
fn free_port() -> anyhow::Result<u16> {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).context("no port is free")?;
    Ok(listener.local_addr()?.port())
}
