//! Wiring: each setting is a flag with a name in the environment.

use std::net::SocketAddr;
use std::path::PathBuf;

use arena_bus::NatsArgs;

/// The gateway: REST, live events and the dashboard.
#[derive(Debug, clap::Parser)]
#[command(name = "arena-gateway")]
pub struct Args {
    /// Where the bus is.
    #[command(flatten)]
    pub nats: NatsArgs,
    /// Where it listens. Anywhere but on loopback it wants a token, or --read-only
    #[arg(
        long,
        env = "ARENA_GATEWAY_LISTEN",
        value_name = "ADDRESS",
        default_value = "127.0.0.1:4280"
    )]
    pub listen: SocketAddr,
    /// Where the trace viewer shows its pages [default: nowhere, and traces are not linked]
    #[arg(long, env = "ARENA_GATEWAY_VIEWER_URL", value_name = "URL")]
    pub viewer_url: Option<String>,
    /// Where `arena run` keeps its records [default: nowhere, and no runs are shown]
    #[arg(long, env = "ARENA_GATEWAY_RUNS_DIR", value_name = "DIR")]
    pub runs_dir: Option<PathBuf>,
    /// Whom to tell about incidents: docs/webhooks.md [default: nobody]
    #[arg(long, env = "ARENA_WEBHOOKS", value_name = "FILE")]
    pub webhooks: Option<PathBuf>,
    /// Where people reach this gateway, for the links in what webhooks are told [default: http:// and where it listens]
    #[arg(long, env = "ARENA_GATEWAY_PUBLIC_URL", value_name = "URL")]
    pub public_url: Option<String>,
}
