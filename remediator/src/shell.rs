//! Between the bus and the core: what comes in becomes inputs, outputs are published in their order, and only then is
//! the input acknowledged.
//!
//! What cannot be published in the bus's time ends the program with an error. Its supervisor starts it again, and it
//! takes up where its last stored plan left off: there is one way to recover, and every start takes it.

use std::collections::BTreeMap;

use anyhow::bail;
use arena_bus::{Bus, Consume, Deliveries, Delivery, From, ServiceDescription, Values};
use arena_chassis::{Chassis, Clock};
use arena_proto::{Control, Decision, IncidentEvent, NodeStatus, Outcome, Plan, Timestamp};
use arena_remediator_core::{Input, Output, Playbooks, Remediator};

use crate::traces;

/// Under this name the server remembers which incidents and outcomes were dealt with.
const DURABLE: &str = "remediator";

/// What the services API says of this program.
pub(crate) fn description() -> ServiceDescription {
    ServiceDescription {
        name: "remediator".to_owned(),
        description: "Plans what to do about an incident, and sees whether it helped".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        metadata: BTreeMap::new(),
    }
}

/// The core and everything that it hears and speaks through.
pub(crate) struct Shell {
    core: Remediator,
    bus: Bus,
    chassis: Chassis,
    incidents: Deliveries<IncidentEvent>,
    outcomes: Deliveries<Outcome>,
    statuses: Values<NodeStatus>,
    controls: Values<Control>,
}

impl Shell {
    /// Opens what is read, then tells the core what was before: first what people decided, so that nothing is done
    /// against it.
    pub(crate) async fn open(
        bus: Bus,
        chassis: Chassis,
        playbooks: Playbooks,
    ) -> anyhow::Result<Self> {
        // What is older than the first start is told by `replay`; from then on the server remembers.
        let durable = || Consume::durable(DURABLE).from(From::New);
        let mut shell = Self {
            core: Remediator::new(playbooks),
            incidents: bus.consume(durable()).await?,
            outcomes: bus.consume(durable()).await?,
            statuses: bus.watch_statuses().await?,
            controls: bus.watch_control().await?,
            bus,
            chassis,
        };
        shell.replay().await?;
        Ok(shell)
    }

    async fn replay(&mut self) -> anyhow::Result<()> {
        let control = self.bus.control().await?;
        self.tell(Input::Control(control)).await?;
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
        self.tell(Input::Restored).await?;
        tracing::info!("ready: {} open incidents", self.core.open_incidents());
        Ok(())
    }

    /// Runs until it is told to stop, or the bus is gone for good. What follows from an input is published to its end.
    pub(crate) async fn run(mut self) -> anyhow::Result<()> {
        let shutdown = self.chassis.shutdown.clone();
        loop {
            tokio::select! {
                // People first, then the truth about services, then what came of actions, then new work.
                biased;
                () = shutdown.cancelled() => break,
                Some(control) = self.controls.next() => self.tell(Input::Control(control)).await?,
                Some(status) = self.statuses.next() => self.tell(Input::Status(status)).await?,
                Some(delivery) = self.outcomes.next() => self.work_off(delivery, Input::Outcome).await?,
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
                }
                Output::Issue(command) => {
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
