//! Looking at an arena: every stream that tells of it, folded into a [`View`].

use std::sync::Arc;
use std::time::Duration;

use arena_bus::{Bus, Consume, Deliveries, From, Partitions, TelemetryStream, Values};
use arena_chassis::Clock;
use arena_proto::{
    FaultStatus, IncidentEvent, NodeStatus, Outcome, Plan, Schema, Telemetry, Timestamp,
};
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::tell::Teller;
use crate::exit::{Exit, Failure};
use arena_scenario::watch::View;

/// Between two samples: telemetry is not faster, and what the nodes and the detector say is seen at most this late.
const TICK: Duration = Duration::from_millis(250);

/// Who looks.
pub(super) struct Eyes {
    /// What was seen.
    pub view: View,
    telemetry: TelemetryStream,
    statuses: Values<NodeStatus>,
    faults: Deliveries<FaultStatus>,
    incidents: Deliveries<IncidentEvent>,
    plans: Deliveries<Plan>,
    outcomes: Deliveries<Outcome>,
    ticks: Interval,
    clock: Clock,
    began: Timestamp,
    teller: Teller,
}

enum Seen {
    Telemetry(Telemetry, Arc<Schema>),
    Status(NodeStatus),
    Fault(FaultStatus),
    Incident(Box<IncidentEvent>),
    Plan(Box<Plan>),
    Outcome(Outcome),
    Tick,
}

impl Eyes {
    /// Opens them; nothing that happens from now on is missed.
    pub(super) async fn open(bus: &Bus, view: View, teller: Teller) -> Result<Self, Failure> {
        let new = || Consume::ephemeral().from(From::New);
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let clock = Clock::new();
        Ok(Self {
            view,
            telemetry: bus.telemetry(Partitions::all()).await?,
            statuses: bus.watch_statuses().await?,
            faults: bus.consume(new()).await?,
            // Those that are open already are known only from what was said before.
            incidents: bus.consume(Consume::ephemeral().from(From::All)).await?,
            plans: bus.consume(new()).await?,
            outcomes: bus.consume(new()).await?,
            ticks,
            began: clock.now(),
            clock,
            teller,
        })
    }

    /// Milliseconds since the eyes were opened.
    pub(super) fn now_ms(&self) -> u64 {
        let since = self.clock.now().saturating_since(self.began);
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    /// From now on what happens counts.
    pub(super) fn begin(&mut self) {
        let (at_ms, now) = (self.now_ms(), self.clock.now());
        self.view.begin(at_ms, now);
    }

    /// Adds a line to the story, and tells it.
    pub(super) fn note(&mut self, kind: &'static str, entity: &str, what: impl Into<String>) {
        let at_ms = self.now_ms();
        self.view.note(at_ms, kind, entity, what);
        self.tell();
    }

    /// Looks until the next tick, takes a sample, and gives its time.
    pub(super) async fn tick(&mut self) -> Result<u64, Failure> {
        loop {
            let seen = self.see().await;
            let seen = seen.ok_or_else(|| Exit::NotRunning.because("the bus went away"))?;
            let at_ms = self.now_ms();
            match seen {
                Seen::Telemetry(telemetry, schema) => {
                    self.view.on_telemetry(at_ms, &telemetry, &schema);
                }
                Seen::Status(status) => self.view.on_status(at_ms, status),
                Seen::Fault(status) => self.view.on_fault(at_ms, &status),
                Seen::Incident(event) => self.view.on_incident(at_ms, &event),
                Seen::Plan(plan) => self.view.on_plan(at_ms, &plan),
                Seen::Outcome(outcome) => self.view.on_outcome(at_ms, &outcome),
                Seen::Tick => {
                    let sample = self.view.sample(at_ms);
                    self.view.facts.samples.push(sample);
                    self.view.facts.end_ms = at_ms;
                    self.tell();
                    return Ok(at_ms);
                }
            }
            self.tell();
        }
    }

    async fn see(&mut self) -> Option<Seen> {
        tokio::select! {
            // Cause before effect where both are there; the tick last, so that it sees all that is known.
            biased;
            next = self.faults.next() => next.map(|next| Seen::Fault(next.message)),
            next = self.incidents.next() => next.map(|next| Seen::Incident(Box::new(next.message))),
            next = self.plans.next() => next.map(|next| Seen::Plan(Box::new(next.message))),
            next = self.outcomes.next() => next.map(|next| Seen::Outcome(next.message)),
            next = self.statuses.next() => next.map(Seen::Status),
            next = self.telemetry.next() => next.map(|(telemetry, schema)| Seen::Telemetry(telemetry, schema)),
            _ = self.ticks.tick() => Some(Seen::Tick),
        }
    }

    fn tell(&mut self) {
        self.teller.tell(&self.view.events);
    }
}
