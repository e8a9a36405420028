//! `arena decode`: one body from stdin, readable, for `nats sub --translate 'arena decode {{Subject}}'`.
//!
//! The `nats` CLI starts one process a message, so this must be quick: the names of telemetry's columns come from the
//! bus once and are then kept in a file of the user's cache.

use std::io::Read as _;
use std::path::PathBuf;

use arena_proto::{Message as _, NodeName, Received, Schema, SchemaId, Telemetry, Timestamp};

use crate::args::DecodeArgs;
use crate::client;
use crate::exit::{Exit, Failure};
use crate::screen;

/// The server's own limit for a body.
const BODY_BYTES_MAX: u64 = 1024 * 1024;

/// Reads a body, prints it.
pub(crate) async fn run(args: DecodeArgs) -> Result<(), Failure> {
    let mut body = Vec::new();
    std::io::stdin()
        .lock()
        .take(BODY_BYTES_MAX + 1)
        .read_to_end(&mut body)?;
    if body.len() as u64 > BODY_BYTES_MAX {
        return Err(Exit::Failed.because("the body is larger than any message on the bus (1 MiB)"));
    }
    let schema = match arena_bus::telemetry_node(&args.subject) {
        Some(node) => schema(&args, &node, &body).await,
        None => None,
    };
    match arena_bus::try_describe(&args.subject, &body, schema.as_ref()) {
        Ok(line) => Ok(screen::print(&format!("{line}\n"))?),
        Err(line) => {
            // On stdout all the same: `nats sub --translate` shows that.
            screen::print(&format!("{line}\n"))?;
            Err(Exit::Failed.because("this body cannot be read"))
        }
    }
}

/// The schema of a telemetry body; without it the columns have numbers for names, which is no error.
async fn schema(args: &DecodeArgs, node: &NodeName, body: &[u8]) -> Option<Schema> {
    let received = Received {
        node: node.clone(),
        service: None,
        sequence: None,
        published_at: Timestamp::EPOCH,
    };
    let wanted = Telemetry::decode(body, &received).ok()?.schema_id;
    let cached = cache_file(wanted);
    if let Some(file) = &cached
        && let Ok(text) = std::fs::read(file)
        && let Ok(schema) = Schema::decode(&text, &received)
        && schema.id() == wanted
    {
        return Some(schema);
    }
    let bus = client::connect(&args.nats).await.ok()?;
    let schema = bus
        .schemas()
        .await
        .ok()?
        .into_iter()
        .find(|schema| schema.id() == wanted)?;
    if let Some(file) = cached {
        keep(&file, &schema);
    }
    Some(schema)
}

fn cache_file(id: SchemaId) -> Option<PathBuf> {
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    let cache = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(home)?;
    Some(
        cache
            .join("arena")
            .join(format!("schema-{:016x}.json", id.0)),
    )
}

/// Written aside and renamed, as several decoders run at once. A cache that cannot be written is only slower.
fn keep(file: &std::path::Path, schema: &Schema) {
    let aside = file.with_extension(std::process::id().to_string());
    let written = file
        .parent()
        .map_or(Ok(()), std::fs::create_dir_all)
        .and_then(|()| std::fs::write(&aside, schema.encode()))
        .and_then(|()| std::fs::rename(&aside, file));
    if written.is_err() {
        let _ = std::fs::remove_file(aside);
    }
}
