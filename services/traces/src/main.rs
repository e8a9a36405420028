//! A trace viewer for one person on one machine: spans in by OTLP/HTTP, the Jaeger UI out.
//!
//! Spans are kept in memory, within limits, and are gone with the process: who wants to keep them sets
//! `OTEL_EXPORTER_OTLP_ENDPOINT` to something that does. Absent on purpose: OTLP over gRPC and as JSON, metrics, logs,
//! authentication (so it listens on loopback, unless told otherwise), and traces of its own.

mod api;
mod jaeger;
mod otlp;
mod search;
mod store;
mod ui;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use anyhow::Context;
use arena_chassis::{CancellationToken, Chassis, Program};
use tokio::net::TcpListener;

use crate::store::Store;

type SharedStore = Arc<Mutex<Store>>;

/// Shows traces in a browser: receives spans by OTLP/HTTP, serves the Jaeger UI.
#[derive(Debug, clap::Parser)]
struct Args {
    /// The address to listen on. There is no authentication.
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    host: IpAddr,
    /// The port of the user interface.
    #[arg(long, default_value_t = 16686)]
    ui_port: u16,
    /// The port of OTLP over HTTP (POST /v1/traces, protobuf).
    #[arg(long, default_value_t = 4318)]
    otlp_port: u16,
}

fn main() -> ExitCode {
    Program::new("traces").untraced().run(start)
}

async fn start(args: Args, chassis: Chassis) -> anyhow::Result<()> {
    let viewer = Viewer::bind(&args).await?;
    tracing::info!(
        "traces at http://{}, OTLP/HTTP at http://{}",
        viewer.ui.local_addr()?,
        viewer.otlp.local_addr()?
    );
    viewer.serve(chassis.shutdown).await
}

/// Both ports, bound.
struct Viewer {
    ui: TcpListener,
    otlp: TcpListener,
}

impl Viewer {
    async fn bind(args: &Args) -> anyhow::Result<Self> {
        Ok(Self {
            ui: listen(args.host, args.ui_port, "--ui-port").await?,
            otlp: listen(args.host, args.otlp_port, "--otlp-port").await?,
        })
    }

    async fn serve(self, shutdown: CancellationToken) -> anyhow::Result<()> {
        let store = SharedStore::default();
        let pages = api::router(Arc::clone(&store)).merge(ui::router());
        let pages =
            axum::serve(self.ui, pages).with_graceful_shutdown(shutdown.clone().cancelled_owned());
        let receiver = axum::serve(self.otlp, otlp::router(store))
            .with_graceful_shutdown(shutdown.cancelled_owned());
        tokio::try_join!(pages, receiver)?;
        Ok(())
    }
}

async fn listen(host: IpAddr, port: u16, flag: &str) -> anyhow::Result<TcpListener> {
    let address = SocketAddr::new(host, port);
    TcpListener::bind(address).await.with_context(|| {
        format!("cannot listen on {address}; another port can be given with {flag}")
    })
}

#[cfg(test)]
mod tests;
