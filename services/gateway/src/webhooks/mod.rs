//! Webhooks: tells other systems about incidents. JetStream is the outbox: each receiver has a durable reader of INCIDENTS and one of
//! PLANS, and what it was not told stays there, whatever is restarted. What is told, when and how is decided by
//! `arena_gateway_core::webhook`; here are the sockets.
//!
//! Invariants: a receiver that hangs holds up nobody else; no address, secret or answer's body is logged or shown.

mod courier;
mod flights;
mod lookup;
mod receiver;
mod report;

use std::path::Path;

use anyhow::Context as _;
use arena_bus::{Bus, BusError, Family};
use arena_chassis::{CancellationToken, Clock};
use arena_gateway_core::webhook::event::Windows;
use arena_gateway_core::webhook::file;

pub use report::{Reports, WebhookView};

use courier::Courier;
use receiver::Receiver;

/// The families of what receivers are told.
const FAMILIES: [Family; 2] = [Family::Incident, Family::Plan];
/// What the names of webhooks' readers begin with; nobody else's do.
const READER_PREFIX: &str = "webhook-";
/// A bus that is just coming up has no streams for a moment.
const TRY_AGAIN_AFTER: std::time::Duration = std::time::Duration::from_secs(1);

/// The receivers of a file, with their secrets, ready to be told.
#[derive(Debug, Default)]
pub struct Webhooks(Option<Vec<Receiver>>);

impl Webhooks {
    /// Reads the file and the secrets that it names; without a file there are none.
    pub fn load(path: Option<&Path>) -> anyhow::Result<Self> {
        let Some(path) = path else {
            return Ok(Self(None));
        };
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the webhooks in {}", path.display()))?;
        let receivers = file::parse(&path.to_string_lossy(), &text)?
            .into_iter()
            .map(|webhook| {
                let name = webhook.name.clone();
                Receiver::new(webhook).with_context(|| format!("webhook {name:?}"))
            });
        Ok(Self(Some(receivers.collect::<Result<_, _>>()?)))
    }

    /// Begins to tell them, until `shutdown`. Whom the file does not name any more is forgotten first; without a file nobody is.
    pub fn start(
        self,
        bus: &Bus,
        clock: Clock,
        windows: &Windows,
        shutdown: &CancellationToken,
    ) -> Reports {
        let Some(receivers) = self.0 else {
            return Reports::default();
        };
        let reports = Reports::new(receivers.iter().map(Receiver::view));
        let names: Vec<String> = receivers.iter().map(Receiver::reader).collect();
        let (forgetting, stopping) = (bus.clone(), shutdown.clone());
        tokio::spawn(async move {
            let forget = forget_all_but(&forgetting, &names);
            stopping.run_until_cancelled(forget).await
        });
        for receiver in receivers {
            let Some(report) = reports.of(receiver.name()) else {
                continue;
            };
            let courier = Courier::new(bus.clone(), clock, windows.clone(), receiver, report);
            let shutdown = shutdown.clone();
            let telling = Box::pin(courier.run());
            tokio::spawn(async move { shutdown.run_until_cancelled(telling).await });
        }
        reports
    }
}

async fn forget_all_but(bus: &Bus, kept: &[String]) {
    while let Err(error) = try_forget_all_but(bus, kept).await {
        tracing::debug!("cannot forget webhooks that are gone now: {error}");
        tokio::time::sleep(TRY_AGAIN_AFTER).await;
    }
}

async fn try_forget_all_but(bus: &Bus, kept: &[String]) -> Result<(), BusError> {
    for family in FAMILIES {
        for reader in bus.readers(family).await? {
            if reader.starts_with(READER_PREFIX) && !kept.contains(&reader) {
                tracing::info!("forgetting {reader}: the file does not name it any more");
                bus.forget_reader(family, &reader).await?;
            }
        }
    }
    Ok(())
}
