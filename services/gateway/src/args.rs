//! Wiring: each setting is a flag with a name in the environment.

use std::net::SocketAddr;
use std::path::PathBuf;

use arena_bus::NatsArgs;

use crate::http::limits;

/// The gateway: REST, live events and the dashboard.
#[derive(Debug, clap::Parser)]
#[command(name = "arena-gateway", after_help = limits::help())]
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
    /// A file with the token that whatever changes something wants; or put it into `ARENA_GATEWAY_TOKEN` [default: none is wanted]
    #[arg(long, env = "ARENA_GATEWAY_TOKEN_FILE", value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Change nothing: no actions, faults, control, approvals, telemetry or alerts
    #[arg(long, env = "ARENA_GATEWAY_READ_ONLY", value_parser = clap::builder::FalseyValueParser::new())]
    pub read_only: bool,
    /// A name that this gateway has, beside its address and localhost; with any port, or as NAME:PORT. May be repeated. A name that is not of
    /// loopback wants a token, or --read-only
    #[arg(
        long,
        env = "ARENA_GATEWAY_ALLOW_HOST",
        value_name = "NAME",
        value_delimiter = ','
    )]
    pub allow_host: Vec<String>,
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
    /// Only check the webhooks and the secrets that they name: exits 0 when they are good, else 2
    #[arg(long)]
    pub check: bool,
}
