//! Where requests come in: the endpoints `inject` and `revert` of the services API.

use arena_bus::{Bus, BusError, Registration};
use arena_proto::{InjectReply, InjectRequest, RevertRequest};
use tokio::sync::{mpsc, oneshot};

use crate::args;

/// Requests that wait for the machine: as many as two endpoints work on at a time, so that nobody waits to wait.
const WAITING_MAX: usize = 32;

/// What is asked.
#[derive(Debug)]
pub(crate) enum Question {
    Inject(InjectRequest),
    Revert(RevertRequest),
}

/// A request, and where its answer goes.
pub(crate) struct Visitor {
    pub(crate) question: Question,
    pub(crate) answer: oneshot::Sender<InjectReply>,
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
                ask(inject.clone(), Question::Inject(request))
            })
            .await?;
        registration
            .endpoint("revert", move |request| {
                ask(door.clone(), Question::Revert(request))
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

async fn ask(door: mpsc::Sender<Visitor>, question: Question) -> Result<InjectReply, String> {
    let gone = || "the injector is stopping".to_owned();
    let (answer, reply) = oneshot::channel();
    let visitor = Visitor { question, answer };
    door.send(visitor).await.map_err(|_| gone())?;
    reply.await.map_err(|_| gone())
}
