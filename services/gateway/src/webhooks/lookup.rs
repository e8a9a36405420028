//! What the stream still knows about an incident that a decision is about.

use std::time::Duration;

use arena_bus::{Bus, BusError, Consume, From};
use arena_proto::{IncidentEvent, IncidentEventKind, Plan};

/// Most incidents are over by then; for the others the whole stream is read.
const USUALLY_WITHIN: Duration = Duration::from_hours(1);

/// An incident, as INCIDENTS has it.
pub(super) struct Known {
    /// The place of its opening.
    pub(super) opened: Option<u64>,
    /// The last that was said about it.
    pub(super) last: IncidentEvent,
}

/// Looks in INCIDENTS for the incident that this is about; `None` when it is not there any more.
pub(super) async fn incident_of(bus: &Bus, plan: &Plan) -> Result<Option<Known>, BusError> {
    let recent = From::Since(plan.at - USUALLY_WITHIN);
    match look(bus, plan, recent).await? {
        Some(known) if known.opened.is_some() => Ok(Some(known)),
        _ => look(bus, plan, From::All).await,
    }
}

async fn look(bus: &Bus, plan: &Plan, from: From) -> Result<Option<Known>, BusError> {
    let consume = Consume::ephemeral().entity(plan.entity.clone()).from(from);
    let mut stored = bus.consume::<IncidentEvent>(consume).await?;
    let mut known: Option<Known> = None;
    while let Some(delivery) = stored.next_stored().await {
        let event = delivery.message;
        if event.id != plan.incident_id {
            continue;
        }
        let before = known.take().and_then(|known| known.opened);
        let is_opening = event.kind == IncidentEventKind::Opened;
        known = Some(Known {
            opened: is_opening.then_some(delivery.sequence).or(before),
            last: event,
        });
    }
    Ok(known)
}
