//! `arena watch`: messages on the bus, live, one line each.

use std::collections::BTreeMap;

use arena_proto::Schema;

use crate::args::WatchArgs;
use crate::client;
use crate::exit::{Exit, Failure};
use crate::screen;

/// Prints messages until it is interrupted.
pub async fn run(args: WatchArgs) -> Result<(), Failure> {
    let bus = client::connect(&args.nats).await?;
    let mut messages = bus.watch_subject(&args.subject).await?;
    eprintln!("watching {}, Ctrl-C ends it", args.subject);
    let mut schemas: BTreeMap<String, Option<Schema>> = BTreeMap::new();
    while let Some(message) = messages.next().await {
        let schema = match arena_bus::telemetry_node(&message.subject) {
            None => None,
            Some(node) => {
                if !schemas.contains_key(node.as_str()) {
                    schemas.insert(node.to_string(), bus.schema(&node).await?);
                }
                schemas.get(node.as_str()).and_then(Option::as_ref)
            }
        };
        let line = arena_bus::describe(&message.subject, &message.body, schema);
        screen::print(&format!("{line}\n"))?;
    }
    Err(Exit::NotRunning.because("the bus went away"))
}
