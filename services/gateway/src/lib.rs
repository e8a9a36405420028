//! The gateway's shell: sockets, the bus, files. What is shown is decided by `arena-gateway-core` and `arena-view`, what is done goes
//! through `arena-operator`. docs/gateway.md is the contract.
//!
//! Absent on purpose: any truth of its own, any judgement.

pub mod api;
pub mod args;
pub mod doors;
pub mod http;
pub mod live;
pub mod state;
pub mod webhooks;

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context as _;
use arena_bus::{Bus, Role, ServiceDescription};
use arena_chassis::{Chassis, Exit};
use arena_gateway_core::metrics::Counters;
use arena_gateway_core::view::About;
use arena_gateway_core::webhook::event::Windows;
use arena_view::status::GATEWAY;
use tokio::net::TcpListener;

use args::Args;
use doors::Doors;
use http::access::Access;
use live::LiveHandle;
use state::Gateway;
use webhooks::Webhooks;

/// Serves until told to stop.
pub async fn serve(args: Args, chassis: Chassis) -> anyhow::Result<()> {
    let webhooks = Webhooks::load(args.webhooks.as_deref())
        .map_err(|error| Exit::new(2, format!("{error:#}")))?;
    if args.check {
        return Ok(());
    }
    let access = Access::of(&args)?;
    let listener = TcpListener::bind(args.listen)
        .await
        .with_context(|| format!("cannot listen on {}", args.listen))?;
    let address = listener.local_addr()?;
    tracing::info!("listening on http://{address}");
    // Pages are served whether or not the bus is there: that it is away is what they show then.
    let bus = Bus::connect_later(&args.nats, Role::Gateway, GATEWAY).await?;
    // It is there for as long as this is held.
    let _registration = bus.register(description()).await?;
    let without_slash = |url: String| url.trim_end_matches('/').to_owned();
    let viewer_url = args.viewer_url.map(without_slash);
    let windows = Windows {
        dashboard: args
            .public_url
            .map_or_else(|| format!("http://{address}"), without_slash),
        traces: viewer_url.clone(),
    };
    let about = Arc::new(About {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started_at: chassis.clock.now(),
        viewer_url,
        read_only: access.read_only,
        token_required: access.token.is_some(),
    });
    let counters = Arc::new(Counters::default());
    let live = LiveHandle::start(
        &bus,
        chassis.clock,
        about.clone(),
        counters.clone(),
        chassis.shutdown.clone(),
    );
    let gateway = Gateway {
        doors: Doors::open(&bus, chassis.clock, chassis.shutdown.clone()),
        webhooks: webhooks.start(&bus, chassis.clock, &windows, &chassis.shutdown),
        bus,
        clock: chassis.clock,
        about,
        live,
        counters,
        runs_dir: args.runs_dir.map(Arc::from),
    };
    let router = http::router(gateway, access);
    http::serve::serve(listener, router, chassis.shutdown).await;
    Ok(())
}

fn description() -> ServiceDescription {
    ServiceDescription {
        name: GATEWAY.to_owned(),
        description: "REST, live events and the dashboard".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        metadata: BTreeMap::new(),
    }
}
