//! Incident events on their way to the stream: a task of its own, so that telemetry is not held up by a synced write.
//!
//! Order is kept. While NATS is away events wait, each tried again until it is stored; when [`QUEUE_MAX`] of them wait,
//! intake waits too: telemetry that is lost then does no harm, an event that is lost would.

use std::time::Duration;

use anyhow::Context;
use arena_bus::Bus;
use arena_chassis::{Chassis, Span, SpanKind, Tracer};
use arena_proto::{IncidentEvent, IncidentEventKind, SpanId, TraceContext};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Events that may wait: each of a thousand services opening, changing and clearing; 4 MB at 1 KB each.
const QUEUE_MAX: usize = 4096;

/// Between two attempts at an event that the bus gave up on (it has tried for seconds itself).
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// How long the last events may take when the program ends: within the chassis' grace.
const DRAIN_MAX: Duration = Duration::from_secs(5);

/// The way in.
pub(crate) struct Publisher {
    queue: mpsc::Sender<IncidentEvent>,
    task: JoinHandle<()>,
}

impl Publisher {
    pub(crate) fn start(bus: &Bus, chassis: &Chassis) -> Self {
        let (queue, events) = mpsc::channel(QUEUE_MAX);
        let worker = Worker {
            bus: bus.clone(),
            tracer: chassis.tracer.clone(),
        };
        Self {
            queue,
            task: tokio::spawn(worker.run(events)),
        }
    }

    /// Waits only when the queue is full.
    pub(crate) async fn publish(&self, event: IncidentEvent) {
        if self.queue.send(event).await.is_err() {
            tracing::error!("the publisher has ended: an incident event is lost");
        }
    }

    /// Publishes what waits, and ends.
    pub(crate) async fn finish(self) -> anyhow::Result<()> {
        drop(self.queue);
        tokio::time::timeout(DRAIN_MAX, self.task)
            .await
            .context("incident events were left unpublished: NATS was away")?
            .context("the publisher failed")
    }
}

struct Worker {
    bus: Bus,
    tracer: Tracer,
}

impl Worker {
    async fn run(self, mut events: mpsc::Receiver<IncidentEvent>) {
        while let Some(event) = events.recv().await {
            tell(&event);
            self.store(&event).await;
            if event.kind == IncidentEventKind::Opened {
                self.tracer.record(detect_span(&event));
            }
        }
    }

    async fn store(&self, event: &IncidentEvent) {
        let trace = TraceContext::root(&event.id);
        let mut told = false;
        while let Err(error) = self.bus.publish(event, Some(trace)).await {
            if !std::mem::replace(&mut told, true) {
                tracing::warn!("incident {} waits to be published: {error}", event.id);
            }
            tokio::time::sleep(RETRY_AFTER).await;
        }
    }
}

/// One line an incident's beginning and end; what happens in between is on the bus.
fn tell(event: &IncidentEvent) {
    let IncidentEvent {
        kind,
        id,
        entity,
        symptom,
        severity,
        reason,
        ..
    } = event;
    match kind {
        IncidentEventKind::Opened => {
            tracing::info!("opened {id} {severity}: {symptom} on {entity}: {reason}");
        }
        IncidentEventKind::Cleared => tracing::info!("cleared {id}: {symptom} on {entity}"),
        IncidentEventKind::Updated => {}
    }
}

/// From the first abnormal sample to the opening.
fn detect_span(event: &IncidentEvent) -> Span {
    Span {
        context: TraceContext::of(&event.id, "detect"),
        parent: Some(SpanId::root(&event.id)),
        name: "detect".to_owned(),
        kind: SpanKind::Internal,
        start: event.first_abnormal_at,
        end: event.opened_at,
        attributes: vec![
            ("arena.incident", event.id.to_string()),
            ("arena.entity", event.entity.to_string()),
            ("arena.symptom", event.symptom.clone()),
            ("arena.severity", event.severity.to_string()),
        ],
        error: None,
    }
}
