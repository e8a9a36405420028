//! Moves bytes between the bus and the machine.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context;
use arena_bus::{Bus, Consume, Deliveries, From, Values};
use arena_chassis::{CancellationToken, Chassis, Clock};
use arena_injector_core::{Injector, Input, Output, Ticket};
use arena_proto::{
    Control, FaultStatus, InjectReply, NodeStatus, VillainOperation, VillainRequest, VillainStatus,
};
use tokio::sync::oneshot;

use crate::desk::{Desk, Visitor};
use crate::public::PublicReaders;

/// After a signal, nodes have this long to say that our faults are gone; below the grace period of the program. A node that
/// does not answer ends them by their lease.
const FAREWELL: Duration = Duration::from_secs(3);

/// Who waits for an answer.
enum Waiting {
    ForFault(oneshot::Sender<InjectReply>),
    ForVillain(oneshot::Sender<VillainStatus>),
}

/// The machine and its senses.
pub(crate) struct Shell {
    bus: Bus,
    clock: Clock,
    injector: Injector,
    control: Values<Control>,
    nodes: Values<NodeStatus>,
    faults: Deliveries<FaultStatus>,
    /// While there is a villain.
    public: Option<PublicReaders>,
    /// Who waits for an answer.
    waiting: BTreeMap<Ticket, Waiting>,
    tickets: u64,
}

impl Shell {
    /// Opens the readers. What nodes said about faults is read from the beginning: what is live is not forgotten by a restart.
    pub(crate) async fn open(
        bus: &Bus,
        chassis: &Chassis,
        injector: Injector,
    ) -> anyhow::Result<Self> {
        let faults = Consume::ephemeral().from(From::All);
        Ok(Self {
            bus: bus.clone(),
            clock: chassis.clock,
            injector,
            control: bus.watch_control().await.context("reading KV control")?,
            nodes: bus.watch_statuses().await.context("reading KV status")?,
            faults: bus
                .consume(faults)
                .await
                .context("reading fault statuses")?,
            public: None,
            waiting: BTreeMap::new(),
            tickets: 0,
        })
    }

    /// Takes in whether the lever is stopped, which nodes there are and which faults are live.
    pub(crate) async fn catch_up(&mut self) -> anyhow::Result<()> {
        let control = self.bus.control().await.context("reading KV control")?;
        self.step(Input::Control(control)).await;
        for status in self.bus.statuses().await.context("reading KV status")? {
            self.step(Input::Node(status)).await;
        }
        while let Some(delivery) = self.faults.next_stored().await {
            self.step(Input::Status(delivery.message)).await;
        }
        Ok(())
    }

    /// Runs until told to stop, then reverts what is ours.
    pub(crate) async fn run(
        mut self,
        mut desk: Desk,
        shutdown: &CancellationToken,
    ) -> anyhow::Result<()> {
        loop {
            tokio::select! {
                () = shutdown.cancelled() => break,
                visitor = desk.next() => self.receive(visitor.context("the desk closed")?).await,
                input = self.sense() => self.step(input?).await,
            }
            if !self.injector.has_villain() {
                self.public = None;
            }
        }
        self.step(Input::Stop).await;
        let farewell = async {
            while self.injector.has_live_faults() {
                let input = self.sense().await?;
                self.step(input).await;
            }
            anyhow::Ok(())
        };
        tokio::time::timeout(FAREWELL, farewell)
            .await
            .unwrap_or_else(|_| {
                tracing::warn!("not every node said that its fault is gone; their leases end them");
                Ok(())
            })
    }

    /// The next thing that people, a node or the clock says. Cancel safe.
    async fn sense(&mut self) -> anyhow::Result<Input> {
        let wakeup = self.injector.next_wakeup();
        Ok(tokio::select! {
            control = self.control.next() => Input::Control(control.context("the bus is gone")?),
            status = self.nodes.next() => Input::Node(status.context("the bus is gone")?),
            status = self.faults.next() => Input::Status(status.context("the bus is gone")?.message),
            public = next_public(self.public.as_mut()) => public?,
            () = sleep_until(&self.clock, wakeup) => Input::Tick,
        })
    }

    async fn receive(&mut self, visitor: Visitor) {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        let (input, waiting) = match visitor {
            Visitor::Inject(request, answer) => {
                (Input::Inject(ticket, request), Waiting::ForFault(answer))
            }
            Visitor::Revert(request, answer) => {
                (Input::Revert(ticket, request), Waiting::ForFault(answer))
            }
            Visitor::Villain(request, answer) => {
                if let Err(error) = self.prepare(&request).await {
                    let status = VillainStatus {
                        error: Some(format!("{error:#}")),
                        ..VillainStatus::default()
                    };
                    // Who asked may be gone.
                    let _ = answer.send(status);
                    return;
                }
                (Input::Villain(ticket, request), Waiting::ForVillain(answer))
            }
        };
        self.waiting.insert(ticket, waiting);
        self.step(input).await;
    }

    /// A villain that starts knows which incidents are open.
    async fn prepare(&mut self, request: &VillainRequest) -> anyhow::Result<()> {
        if request.op != VillainOperation::Start || self.injector.has_villain() {
            return Ok(());
        }
        let mut public = PublicReaders::open(&self.bus, self.clock.now()).await?;
        self.step(Input::Hearing).await;
        while let Some(input) = public.next_stored().await {
            self.step(input).await;
        }
        self.public = Some(public);
        Ok(())
    }

    /// One step of the machine, and everything that follows from it.
    async fn step(&mut self, input: Input) {
        let mut unpublished = None;
        for output in self.injector.step(self.clock.now(), input) {
            match output {
                Output::Publish(request) => {
                    if let Err(error) = self.bus.publish(&request, None).await {
                        tracing::error!("{}: not published: {error}", request.id);
                        unpublished = Some(error.to_string());
                        self.injector.unpublished(self.clock.now(), &request);
                    }
                }
                Output::Reply(ticket, reply) => self.reply(ticket, reply, unpublished.as_deref()),
                Output::VillainReply(ticket, status) => {
                    if let Some(Waiting::ForVillain(answer)) = self.waiting.remove(&ticket) {
                        let _ = answer.send(*status);
                    }
                }
                Output::Note(line) => tracing::info!("{line}"),
                Output::Warning(line) => tracing::warn!("{line}"),
            }
        }
    }

    fn reply(&mut self, ticket: Ticket, reply: InjectReply, unpublished: Option<&str>) {
        let reply = match unpublished {
            None => reply,
            Some(error) => InjectReply {
                ids: vec![],
                error: Some(format!("it did not reach the bus: {error}")),
            },
        };
        if let Some(Waiting::ForFault(answer)) = self.waiting.remove(&ticket) {
            // Who asked may be gone.
            let _ = answer.send(reply);
        }
    }
}

async fn next_public(public: Option<&mut PublicReaders>) -> anyhow::Result<Input> {
    match public {
        Some(public) => public.next().await,
        None => std::future::pending().await,
    }
}

async fn sleep_until(clock: &Clock, wakeup: Option<arena_proto::Timestamp>) {
    match wakeup {
        Some(at) => clock.sleep_until(at).await,
        None => std::future::pending().await,
    }
}
