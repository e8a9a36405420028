//! What the node tells the bus: telemetry, its status, outcomes and fault statuses. Three tasks, so that a slow ack of
//! the one never delays an exit notice in the other.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use arena_bus::Bus;
use arena_chassis::{Chassis, Span, SpanKind};
use arena_node_core::Input;
use arena_proto::{
    CommandState, Evidence, FaultStatus, Outcome, Schema, SchemaId, SpanId, Telemetry, Timestamp,
    TraceContext,
};
use tokio::sync::{mpsc, watch};

use crate::faults::telemetry::TelemetryFaults;
use crate::link::Pending;
use crate::sampling::Sample;
use crate::view::Views;

/// Letters that wait while the bus is away.
pub(crate) const LETTERS_MAX: usize = 1024;

/// A final outcome waits this long for the status that goes with it: many times what a write takes. A bus that is away
/// for longer holds up the outcome anyhow.
const STATUS_WAIT: Duration = Duration::from_secs(1);

/// Between two attempts to write to a bus that is away.
const RETRY: Duration = Duration::from_millis(500);

/// Something durable to tell.
#[derive(Debug)]
pub(crate) enum Letter {
    /// What became of a command.
    Outcome(Outcome),
    /// What became of a fault.
    FaultStatus(FaultStatus),
    /// What was seen before a command was done.
    Evidence(Evidence),
}

/// Publishes telemetry: each sample, and without values each change of state at once. All of it passes the faults.
pub(crate) struct TelemetryWriter {
    pub(crate) bus: Bus,
    pub(crate) faults: TelemetryFaults,
    pub(crate) views: Views,
    pub(crate) samples: mpsc::Receiver<Sample>,
    pub(crate) schema: Arc<Schema>,
    pub(crate) chassis: Chassis,
    pub(crate) boot_id: u64,
}

impl TelemetryWriter {
    /// Runs until the node has ended.
    pub(crate) async fn run(mut self) {
        let mut connected = self.bus.connected();
        let mut seq = 0;
        let mut told = None;
        loop {
            tokio::select! {
                biased;
                changed = self.views.changed() => {
                    if changed.is_err() {
                        // What a fault held back until the end goes out, too.
                        return self.publish_ready().await;
                    }
                    let now = self.chassis.clock.now();
                    self.write(&mut seq, &mut told, now, Vec::new()).await;
                }
                Some(sample) = self.samples.recv() => {
                    self.schema = sample.schema;
                    self.write(&mut seq, &mut told, sample.time, sample.values).await;
                }
                Ok(()) = connected.changed() => {
                    // A server that was away may have come back without its buckets.
                    told = None;
                    if !self.faults.is_silent() {
                        self.tell_schema(&mut told).await;
                    }
                }
                () = self.faults.due() => self.publish_ready().await,
            }
        }
    }

    /// Readers must find the schema before they need it.
    async fn tell_schema(&self, told: &mut Option<SchemaId>) -> bool {
        let id = self.schema.id();
        if *told == Some(id) {
            return true;
        }
        match self.bus.put_schema(&self.schema).await {
            Ok(()) => {
                *told = Some(id);
                true
            }
            Err(error) => {
                tracing::debug!(%error, "the schema cannot be told yet");
                false
            }
        }
    }

    async fn write(
        &mut self,
        seq: &mut u64,
        told: &mut Option<SchemaId>,
        time: Timestamp,
        values: Vec<f32>,
    ) {
        let services = self.views.borrow_and_update().samples.clone();
        if !self.faults.is_silent() && !self.tell_schema(told).await {
            return;
        }
        *seq += 1;
        let telemetry = Telemetry {
            node: self.schema.node.clone(),
            boot_id: self.boot_id,
            seq: *seq,
            schema_id: self.schema.id(),
            time,
            values,
            services,
        };
        let (now, schema) = (self.chassis.clock.now(), Arc::clone(&self.schema));
        self.faults.pass(now, schema, telemetry);
        self.publish_ready().await;
    }

    async fn publish_ready(&self) {
        for telemetry in self.faults.ready(self.chassis.clock.now()) {
            // Refused while the bus is away: its readers count what is missing.
            if let Err(error) = self.bus.publish_telemetry(&telemetry).await {
                tracing::debug!(%error, "telemetry was not published");
            }
        }
    }
}

/// Writes KV `status` on every change, until the node has ended; the last change is written too. Changes during a write
/// are written as one, and so are those while the node is `silenced`, at its end. Tells `written` how far it is.
pub(crate) async fn write_status(
    bus: Bus,
    mut views: Views,
    mut silenced: watch::Receiver<bool>,
    written: watch::Sender<Timestamp>,
) {
    let mut connected = bus.connected();
    let mut ended = false;
    while !ended {
        // An error says that nobody is left who could silence it.
        let _ = silenced.wait_for(|silenced| !silenced).await;
        let status = views.borrow_and_update().status.clone();
        if let Err(error) = bus.put_status(&status).await {
            tracing::debug!(%error, "the status cannot be written yet");
            tokio::time::sleep(RETRY).await;
            ended = views.has_changed().is_err();
            continue;
        }
        written.send_replace(status.at);
        tokio::select! {
            changed = views.changed() => ended = changed.is_err(),
            Ok(()) = connected.changed() => {}
        }
    }
    let status = views.borrow().status.clone();
    match bus.put_status(&status).await {
        Ok(()) => {
            written.send_replace(status.at);
        }
        Err(error) => tracing::debug!(%error, "the last status was not written"),
    }
}

/// Who hears of a command's end and then asks for the status must find what the command did.
async fn await_status(
    views: &Views,
    silenced: &watch::Receiver<bool>,
    written: &mut watch::Receiver<Timestamp>,
) {
    if *silenced.borrow() {
        return;
    }
    let wanted = views.borrow().status.at;
    let reached = written.wait_for(|at| *at >= wanted);
    // The outcome is told all the same: the status follows when it can.
    let _ = tokio::time::timeout(STATUS_WAIT, reached).await;
}

/// Publishes letters in their order, and acks the deliveries that they answer.
pub(crate) async fn write_letters(
    bus: Bus,
    mut letters: mpsc::Receiver<Letter>,
    pending: Pending,
    chassis: Chassis,
    views: Views,
    silenced: watch::Receiver<bool>,
    mut written: watch::Receiver<Timestamp>,
) {
    while let Some(letter) = letters.recv().await {
        match letter {
            Letter::Outcome(outcome) => {
                if outcome.state.is_final() {
                    await_status(&views, &silenced, &mut written).await;
                }
                let trace = pending.trace(&outcome).or_else(|| act_span(&outcome));
                until_published(|| bus.publish(&outcome, trace)).await;
                if outcome.state == CommandState::Accepted {
                    pending.accepted(&outcome);
                }
                if outcome.state.is_final() {
                    record_span(&chassis, &pending, &outcome, trace);
                    pending.ack_command(&outcome.command_id).await;
                }
            }
            Letter::Evidence(evidence) => {
                until_published(|| bus.publish(&evidence, None)).await;
            }
            Letter::FaultStatus(status) => {
                until_published(|| bus.publish(&status, None)).await;
                pending.ack_fault(&status.id).await;
            }
        }
    }
}

/// The bus tries for a while by itself; letters are few and matter, so they are tried until they are through, or the
/// agent, which gives its last ones a second or two, has ended.
async fn until_published<F>(publish: impl Fn() -> F)
where
    F: Future<Output = Result<(), arena_bus::BusError>>,
{
    let mut said = false;
    while let Err(error) = publish().await {
        if !said {
            tracing::warn!(%error, "cannot tell an outcome or fault status: trying until it works");
            said = true;
        }
        tokio::time::sleep(RETRY).await;
    }
}

/// The span that a command's outcomes belong to, when its delivery is not at hand: its ids follow from the incident's.
fn act_span(outcome: &Outcome) -> Option<TraceContext> {
    let incident = outcome.incident_id.as_ref()?;
    Some(TraceContext::of(
        incident,
        &format!("act.{}", outcome.command_id),
    ))
}

/// `process arena.command`: from accepted to the final outcome.
fn record_span(
    chassis: &Chassis,
    pending: &Pending,
    outcome: &Outcome,
    parent: Option<TraceContext>,
) {
    let (Some(incident), Some(parent)) = (&outcome.incident_id, parent) else {
        return;
    };
    let Some(start) = pending.accepted_at(&outcome.command_id) else {
        return;
    };
    let failed = outcome.state != CommandState::Succeeded;
    chassis.tracer.record(Span {
        context: TraceContext {
            trace_id: parent.trace_id,
            span_id: SpanId::derive(incident, &format!("process.{}", outcome.command_id)),
        },
        parent: Some(parent.span_id),
        name: "process arena.command".to_owned(),
        kind: SpanKind::Consumer,
        start,
        end: outcome.at,
        attributes: vec![
            ("arena.incident", incident.to_string()),
            ("arena.command", outcome.command_id.to_string()),
            ("arena.action", outcome.action.to_string()),
            ("arena.outcome", outcome.state.to_string()),
            ("arena.entity", outcome.target().to_string()),
            ("messaging.system", "nats".to_owned()),
        ],
        error: failed.then(|| outcome.message.clone()),
    });
}

/// Tells the core of the bus as it comes and goes.
pub(crate) async fn watch_connection(
    mut connected: watch::Receiver<bool>,
    inputs: mpsc::Sender<Input>,
) {
    loop {
        let now = *connected.borrow_and_update();
        if inputs.send(Input::Connected(now)).await.is_err() || connected.changed().await.is_err() {
            return;
        }
    }
}
