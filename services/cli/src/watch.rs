//! `arena watch`: messages on the bus, live, one line each.

use arena_proto::Schema;

use crate::args::WatchArgs;
use crate::client;
use crate::exit::{Exit, Failure};
use crate::screen;

/// Prints messages until it is interrupted.
pub(crate) async fn run(args: WatchArgs) -> Result<(), Failure> {
    let bus = client::connect(&args.nats).await?;
    let mut messages = bus.watch_subject(&args.subject).await?;
    eprintln!("watching {}, Ctrl-C ends it", args.subject);
    let mut schemas: Vec<Schema> = Vec::new();
    while let Some(message) = messages.next().await {
        let schema = match arena_bus::telemetry_node(&message.subject) {
            None => None,
            Some(node) => {
                if !schemas.iter().any(|schema| schema.node == node) {
                    schemas = bus.schemas().await?;
                }
                schemas.iter().find(|schema| schema.node == node)
            }
        };
        let line = arena_bus::describe(&message.subject, &message.body, schema);
        screen::print(&format!("{line}\n"))?;
    }
    Err(Exit::NotRunning.because("the bus went away"))
}
