//! Where requests come in: the endpoints `inject`, `revert` and `villain` of the services API.

use arena_bus::{Bus, BusError, Registration};
use arena_proto::{InjectReply, InjectRequest, RevertRequest, VillainRequest, VillainStatus};
use tokio::sync::{mpsc, oneshot};

use crate::args;

/// Requests that wait for the machine: as many as the endpoints work on at a time, so that nobody waits to wait.
const WAITING_MAX: usize = 48;

/// A request, and where its answer goes.
#[derive(Debug)]
pub(crate) enum Visitor {
    Inject(InjectRequest, oneshot::Sender<InjectReply>),
    Revert(RevertRequest, oneshot::Sender<InjectReply>),
    Villain(VillainRequest, oneshot::Sender<VillainStatus>),
}

/// The endpoints. They are gone from the bus when this is dropped.
pub(crate) struct Desk {
    visitors: mpsc::Receiver<Visitor>,
    _registration: Registration,
}

impl Desk {
    /// Registers the service and its endpoints.
    pub(crate) async fn open(bus: &Bus) -> Result<Self, BusError> {
        let (door, visitors) = mpsc::channel(WAITING_MAX);
        let registration = bus.register(args::description()).await?;
        let inject = door.clone();
        registration
            .endpoint("inject", move |request| {
                ask(inject.clone(), |answer| Visitor::Inject(request, answer))
            })
            .await?;
        let revert = door.clone();
        registration
            .endpoint("revert", move |request| {
                ask(revert.clone(), |answer| Visitor::Revert(request, answer))
            })
            .await?;
        registration
            .endpoint("villain", move |request| {
                ask(door.clone(), |answer| Visitor::Villain(request, answer))
            })
            .await?;
        Ok(Self {
            visitors,
            _registration: registration,
        })
    }

    /// The next request. Cancel safe.
    pub(crate) async fn next(&mut self) -> Option<Visitor> {
        self.visitors.recv().await
    }
}

async fn ask<Rep>(
    door: mpsc::Sender<Visitor>,
    visit: impl FnOnce(oneshot::Sender<Rep>) -> Visitor,
) -> Result<Rep, String> {
    let gone = || "the injector is stopping".to_owned();
    let (answer, reply) = oneshot::channel();
    door.send(visit(answer)).await.map_err(|_| gone())?;
    reply.await.map_err(|_| gone())
}
