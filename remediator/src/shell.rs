//! Between the bus and the core: what comes in becomes inputs, outputs are published in their order, and only then is
//! the input acknowledged.
//!
//! It lives as long as its lease: every command carries the lease's fence, and once the lease is lost, or a node says that
//! a newer one is about, nothing more is issued. What cannot be published in the bus's time ends the program with an
//! error. Whoever holds the lease next takes up where the last stored plan left off: there is one way to recover, and
//! every start takes it.

use std::collections::BTreeSet;
use std::fmt;

use anyhow::bail;
use arena_bus::{Bus, Consume, Deliveries, Delivery, From, HeldLease, Values};
use arena_chassis::{Chassis, Clock};
use arena_proto::{
    Approval, CommandId, Control, Decision, IncidentEvent, Mode, NodeStatus, Observer, Outcome,
    Plan, RejectionReason, Timestamp,
};
use arena_remediator_core::{Input, Output, Playbooks, Remediator};

use crate::traces;

/// Under this name the server remembers which incidents and outcomes were dealt with.
const DURABLE: &str = "remediator";

/// Another remediator may act from here on: this one must not.
#[derive(Debug)]
pub(crate) struct Lost(String);

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Lost {}

/// The core and everything that it hears and speaks through.
pub(crate) struct Shell {
    core: Remediator,
    bus: Bus,
    chassis: Chassis,
    incidents: Deliveries<IncidentEvent>,
    outcomes: Deliveries<Outcome>,
    statuses: Values<NodeStatus>,
    controls: Values<Control>,
    approvals: Values<Approval>,
    observers: Values<Observer>,
    /// It acts while this is held.
    lease: HeldLease,
    /// Every mode is OBSERVE, whatever people set.
    dry_run: bool,
    /// The commands planned under this lease and not yet done: a handful. One that was planned before may still be answered under an older fence.
    planned: BTreeSet<CommandId>,
}

impl Shell {
    /// Opens what is read, then tells the core what was before: first what people decided, so that nothing is done
    /// against it.
    pub(crate) async fn open(
        bus: Bus,
        chassis: Chassis,
        playbooks: Playbooks,
        (lease, dry_run): (HeldLease, bool),
    ) -> anyhow::Result<Self> {
        // What is older than the first start is told by `replay`; from then on the server remembers.
        let durable = || Consume::durable(DURABLE).from(From::New);
        let mut shell = Self {
            core: Remediator::new(playbooks),
            incidents: bus.consume(durable()).await?,
            outcomes: bus.consume(durable()).await?,
            statuses: bus.watch_statuses().await?,
            controls: bus.watch_control().await?,
            approvals: bus.watch_approvals().await?,
            observers: bus.watch_observers().await?,
            lease,
            dry_run,
            planned: BTreeSet::new(),
            bus,
            chassis,
        };
        shell.replay().await?;
        Ok(shell)
    }

    async fn replay(&mut self) -> anyhow::Result<()> {
        let control = self.bus.control().await?;
        self.tell(self.control(control)).await?;
        for observer in self.bus.observers().await? {
            self.tell(Input::Observer(observer)).await?;
        }
        for status in self.bus.statuses().await? {
            self.tell(Input::Status(status)).await?;
        }
        // All of them: the last of a subject may hide an older incident of the same entity that is still open. The
        // streams' limits bound this; a thousand incidents take some tens of milliseconds.
        let mut plans = self.bus.consume::<Plan>(Consume::ephemeral()).await?;
        while let Some(delivery) = plans.next_stored().await {
            self.tell(Input::Restore(delivery.message)).await?;
        }
        let mut incidents = self
            .bus
            .consume::<IncidentEvent>(Consume::ephemeral())
            .await?;
        while let Some(delivery) = incidents.next_stored().await {
            self.tell(Input::Incident(delivery.message)).await?;
        }
        for approval in self.bus.approvals().await? {
            self.tell(Input::Approval(approval)).await?;
        }
        // Who took up what, and when: it says whose merit an end is. What ended meanwhile comes to the durable consumer.
        let mut outcomes = self.bus.consume::<Outcome>(Consume::ephemeral()).await?;
        while let Some(delivery) = outcomes.next_stored().await {
            self.tell(Input::Outcome(delivery.message)).await?;
        }
        self.tell(Input::Restored).await?;
        tracing::info!(
            "ready: {} open incidents; it acts under fence {}",
            self.core.open_incidents(),
            self.lease.fence()
        );
        Ok(())
    }

    /// Runs until it is told to stop, or the lease is [`Lost`], or the bus is gone for good. What follows from an input is
    /// published to its end, but for what would need a lease that is lost.
    pub(crate) async fn run(&mut self) -> anyhow::Result<()> {
        let shutdown = self.chassis.shutdown.clone();
        loop {
            tokio::select! {
                // People first, then the truth about services, then what came of actions, then new work.
                biased;
                () = shutdown.cancelled() => break,
                () = self.lease.lost() => bail!(Lost("the lease is lost".to_owned())),
                Some(control) = self.controls.next() => self.tell(self.control(control)).await?,
                Some(observer) = self.observers.next() => self.tell(Input::Observer(observer)).await?,
                Some(approval) = self.approvals.next() => self.tell(Input::Approval(approval)).await?,
                Some(status) = self.statuses.next() => self.tell(Input::Status(status)).await?,
                Some(delivery) = self.outcomes.next() => {
                    self.heed_fence(&delivery.message)?;
                    if delivery.message.state.is_final() {
                        self.planned.remove(&delivery.message.command_id);
                    }
                    self.work_off(delivery, Input::Outcome).await?;
                }
                Some(delivery) = self.incidents.next() => self.work_off(delivery, Input::Incident).await?,
                () = reached(self.chassis.clock, self.core.next_wakeup()) => self.tell(Input::Tick).await?,
                else => bail!("the connection to NATS is gone"),
            }
        }
        // Acknowledgements that do not get out are asked for again at the next start.
        if let Err(error) = self.bus.flush().await {
            tracing::debug!("{error}");
        }
        Ok(())
    }

    /// Gives the lease back, so that the next one need not wait for it to run out.
    pub(crate) async fn release(self) {
        self.lease.release().await;
    }

    /// What people decided; in a dry run everything is OBSERVE, and the lever stays what it is.
    fn control(&self, mut control: Control) -> Input {
        if self.dry_run {
            control.mode = Mode::Observe;
            control.modes.clear();
            "--dry-run".clone_into(&mut control.by);
        }
        Input::Control(control)
    }

    /// A node that rejects what was planned under this lease has heard of a newer one. The outcome is left to that.
    fn heed_fence(&self, outcome: &Outcome) -> anyhow::Result<()> {
        if outcome.reason == Some(RejectionReason::Fenced)
            && self.planned.contains(&outcome.command_id)
        {
            bail!(Lost(format!(
                "{} rejected {} as FENCED: another remediator holds a newer lease",
                outcome.node, outcome.command_id
            )));
        }
        Ok(())
    }

    async fn work_off<M>(
        &mut self,
        delivery: Delivery<M>,
        input: impl FnOnce(M) -> Input,
    ) -> anyhow::Result<()>
    where
        M: Clone,
    {
        self.tell(input(delivery.message.clone())).await?;
        if let Err(error) = delivery.ack().await {
            // It comes again, and changes nothing.
            tracing::debug!("{error}");
        }
        Ok(())
    }

    async fn tell(&mut self, input: Input) -> anyhow::Result<()> {
        for output in self.core.step(self.chassis.clock.now(), input) {
            match output {
                Output::Publish(plan) => {
                    self.bus
                        .publish(&*plan, Some(traces::of_plan(&plan)))
                        .await?;
                    log(&plan);
                    self.planned.extend(plan.command_id.clone());
                }
                Output::Issue(mut command) => {
                    if self.lease.is_lost() {
                        bail!(Lost(format!("the lease was lost before {}", command.id)));
                    }
                    command.fence = Some(self.lease.fence());
                    self.bus
                        .publish(&*command, traces::of_command(&command))
                        .await?;
                }
                Output::Note(note) => tracing::info!("{note}"),
                Output::Record(span) => {
                    let now = self.chassis.clock.now();
                    self.chassis.tracer.record(traces::span(*span, now));
                }
            }
        }
        Ok(())
    }
}

/// One line a decision.
fn log(plan: &Plan) {
    let line = format!(
        "{} {}: {} {}",
        plan.incident_id, plan.entity, plan.decision, plan.reason
    );
    if plan.decision == Decision::Escalate {
        tracing::warn!("{line}");
    } else {
        tracing::info!("{line}");
    }
}

async fn reached(clock: Clock, wakeup: Option<Timestamp>) {
    match wakeup {
        Some(at) => clock.sleep_until(at).await,
        None => std::future::pending().await,
    }
}
