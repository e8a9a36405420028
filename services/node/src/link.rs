//! The agent's link to the bus. It comes up in the background: services start without it, and live on without it.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arena_bus::{Bus, BusError, Consume, Delivery, From, NatsArgs, Role, ServiceDescription};
use arena_chassis::Chassis;
use arena_node_core::{Heard, Input};
use arena_proto::{
    Command, CommandId, FaultId, FaultOperation, FaultRequest, NodeName, Outcome, Timestamp,
    TraceContext,
};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;

use crate::faults::telemetry::TelemetryFaults;
use crate::publish::{self, Letter, TelemetryWriter};
use crate::sampling::Sample;
use crate::sidecar::Routes;
use crate::view::Views;

/// Between two attempts to set something up on a bus that is not ready: its streams are made moments after it starts.
const RETRY: Duration = Duration::from_millis(200);

/// How long the last messages may take when the agent ends: their way to a server that is there takes milliseconds.
const DRAIN: Duration = Duration::from_millis(1500);

/// Deliveries that wait for their work to be done. There is one command a service at a time and few faults; what is
/// beyond is not kept, and comes again.
const PENDING_MAX: usize = 1024;

/// The lease that whoever remediates holds.
const REMEDIATOR: &str = "remediator";

/// What the link needs.
pub(crate) struct Link {
    pub(crate) chassis: Chassis,
    pub(crate) nats: NatsArgs,
    pub(crate) node: NodeName,
    pub(crate) boot_id: u64,
    pub(crate) inputs: mpsc::Sender<Input>,
    pub(crate) letters: mpsc::Receiver<Letter>,
    pub(crate) samples: mpsc::Receiver<Sample>,
    pub(crate) views: Views,
    pub(crate) routes: Routes,
    pub(crate) telemetry_faults: TelemetryFaults,
}

#[derive(Debug)]
struct PendingCommand {
    delivery: Delivery<Command>,
    accepted_at: Option<Timestamp>,
}

/// Deliveries whose work is not done yet. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pending {
    commands: Arc<Mutex<BTreeMap<CommandId, PendingCommand>>>,
    faults: Arc<Mutex<BTreeMap<FaultId, Delivery<FaultRequest>>>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pending {
    fn add_command(&self, delivery: Delivery<Command>) {
        let mut commands = lock(&self.commands);
        let id = delivery.message.id.clone();
        if commands.len() < PENDING_MAX {
            let accepted_at = commands.remove(&id).and_then(|known| known.accepted_at);
            commands.insert(
                id,
                PendingCommand {
                    delivery,
                    accepted_at,
                },
            );
        }
    }

    fn add_fault(&self, delivery: Delivery<FaultRequest>) {
        let mut faults = lock(&self.faults);
        if faults.len() < PENDING_MAX {
            faults.insert(delivery.message.id.clone(), delivery);
        }
    }

    /// The trace that the command came with.
    pub(crate) fn trace(&self, outcome: &Outcome) -> Option<TraceContext> {
        lock(&self.commands)
            .get(&outcome.command_id)?
            .delivery
            .trace
    }

    pub(crate) fn accepted(&self, outcome: &Outcome) {
        if let Some(pending) = lock(&self.commands).get_mut(&outcome.command_id) {
            pending.accepted_at = Some(outcome.at);
        }
    }

    pub(crate) fn accepted_at(&self, command: &CommandId) -> Option<Timestamp> {
        lock(&self.commands).get(command)?.accepted_at
    }

    pub(crate) async fn ack_command(&self, command: &CommandId) {
        let pending = lock(&self.commands).remove(command);
        if let Some(pending) = pending {
            ack(pending.delivery.double_ack().await);
        }
    }

    pub(crate) async fn ack_fault(&self, fault: &FaultId) {
        let pending = lock(&self.faults).remove(fault);
        if let Some(delivery) = pending {
            ack(delivery.ack().await);
        }
    }
}

/// One that is not acked comes again, and its id is known by then.
fn ack(result: Result<(), BusError>) {
    if let Err(error) = result {
        tracing::debug!(%error, "not acked");
    }
}

impl Link {
    /// Runs until the node has ended (nobody holds the other ends of the channels any more), and tells the last of it.
    pub(crate) async fn run(self) {
        let Some(bus) = self.connect().await else {
            return;
        };
        let pending = Pending::default();
        let mut reading = JoinSet::new();
        reading.spawn(read_routes(bus.clone(), self.routes));
        reading.spawn(read_control(bus.clone(), self.inputs.clone()));
        reading.spawn(read_lease(bus.clone(), self.inputs.clone()));
        reading.spawn(register(bus.clone(), self.node.clone()));
        let (reachable, once_reachable) = oneshot::channel();
        reading.spawn(read_all(
            bus.clone(),
            self.node,
            self.inputs,
            pending.clone(),
            reachable,
        ));
        let silenced = self.telemetry_faults.silenced();
        let telemetry = TelemetryWriter {
            bus: bus.clone(),
            schema: self.telemetry_faults.schema(),
            faults: self.telemetry_faults,
            views: self.views.clone(),
            samples: self.samples,
            chassis: self.chassis.clone(),
            boot_id: self.boot_id,
        };
        let mut writing = JoinSet::new();
        writing.spawn(telemetry.run());
        let (written, status_written) = watch::channel(Timestamp::EPOCH);
        let (status_bus, status_views) = (bus.clone(), self.views.clone());
        let status_silenced = silenced.clone();
        writing.spawn(async move {
            // Who finds this node by its status can ask something of it. It may also end before that.
            reached_or_ended(once_reachable, status_views.clone()).await;
            publish::write_status(status_bus, status_views, status_silenced, written).await;
        });
        writing.spawn(publish::write_letters(
            bus.clone(),
            self.letters,
            pending,
            self.chassis.clone(),
            self.views.clone(),
            silenced,
            status_written,
        ));
        // The views end with the engine.
        let mut views = self.views;
        while views.changed().await.is_ok() {}
        let drained = tokio::time::timeout(DRAIN, async {
            while writing.join_next().await.is_some() {}
            bus.flush().await
        });
        if drained.await.is_err() {
            tracing::warn!("the bus did not take the last messages in time");
        }
    }

    /// `None` when the node ended before there was a bus.
    async fn connect(&self) -> Option<Bus> {
        let mut views = self.views.clone();
        let ended = async { while views.changed().await.is_ok() {} };
        let name = format!("node {}", self.node);
        let connecting = patiently("connect to the bus", || {
            Bus::connect(&self.nats, Role::Node, &name)
        });
        tokio::select! {
            bus = connecting => Some(bus),
            () = ended => None,
        }
    }
}

/// Waits for `reached`, or for the end of the node.
async fn reached_or_ended<T>(reached: impl Future<Output = T>, mut views: Views) {
    tokio::select! {
        _ = reached => {}
        () = async { while views.changed().await.is_ok() {} } => {}
    }
}

/// Tries until it works; says once that it does not.
async fn patiently<T, F>(what: &str, attempt: impl Fn() -> F) -> T
where
    F: Future<Output = Result<T, BusError>>,
{
    let mut said = false;
    loop {
        match attempt().await {
            Ok(value) => return value,
            Err(error) => {
                if !said {
                    tracing::warn!("cannot {what} yet: {error}");
                    said = true;
                }
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}

/// In the services API, for `nats micro ls`.
async fn register(bus: Bus, node: NodeName) {
    let description = ServiceDescription {
        name: "node".to_owned(),
        description: "Runs and heals the services of one node".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        metadata: BTreeMap::from([("node".to_owned(), node.to_string())]),
    };
    let registration = patiently("register", || bus.register(description.clone())).await;
    // It is there for as long as this is held.
    std::future::pending::<()>().await;
    drop(registration);
}

async fn read_routes(bus: Bus, routes: Routes) {
    let mut statuses = patiently("watch the nodes' statuses", || bus.watch_statuses()).await;
    while let Some(status) = statuses.next().await {
        routes.update(&status);
    }
}

/// What people decided for the whole arena.
async fn read_control(bus: Bus, inputs: mpsc::Sender<Input>) {
    let mut controls = patiently("watch the controls", || bus.watch_control()).await;
    while let Some(control) = controls.next().await {
        if inputs.send(Input::Control(control)).await.is_err() {
            return;
        }
    }
}

/// Each renewal of the lease says that a remediator is there.
async fn read_lease(bus: Bus, inputs: mpsc::Sender<Input>) {
    let mut leases = patiently("watch the lease", || bus.watch_lease(REMEDIATOR)).await;
    while let Some(lease) = leases.next().await {
        let heard = Heard { fence: lease.fence };
        if inputs.send(Input::Remediator(heard)).await.is_err() {
            return;
        }
    }
}

/// Commands and faults. What was asked before the node first came to this bus was not meant for it.
async fn read_all(
    bus: Bus,
    node: NodeName,
    inputs: mpsc::Sender<Input>,
    pending: Pending,
    reachable: oneshot::Sender<()>,
) {
    let consume = || {
        Consume::durable(format!("node-{node}"))
            .node(node.clone())
            .from(From::New)
    };
    let mut commands = patiently("read commands", || bus.consume::<Command>(consume())).await;
    let mut faults = patiently("read faults", || bus.consume::<FaultRequest>(consume())).await;
    // Nobody waits for it when the node ends.
    let _ = reachable.send(());
    // From here on the remediator can reach this node, and owns its restarts.
    let connection = publish::watch_connection(bus.connected(), inputs.clone());
    let reading = async {
        loop {
            let input = tokio::select! {
                Some(delivery) = commands.next() => {
                    let command = delivery.message.clone();
                    pending.add_command(delivery);
                    Input::Command(command)
                }
                Some(delivery) = faults.next() => {
                    let request = delivery.message.clone();
                    match request.operation {
                        FaultOperation::Apply { .. } => pending.add_fault(delivery),
                        // Should the agent die right now, its successor reverts everything anyway.
                        FaultOperation::Renew | FaultOperation::Revert => ack(delivery.ack().await),
                    }
                    Input::Fault(request)
                }
                else => return,
            };
            if inputs.send(input).await.is_err() {
                return;
            }
        }
    };
    tokio::join!(connection, reading);
}
