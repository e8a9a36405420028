//! Tells one receiver what its readers bring. A thin shell of [`Outbox`].

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use arena_bus::{Bus, BusError, Consume, Deliveries, Delivery, Durable, Family, From};
use arena_chassis::Clock;
use arena_gateway_core::webhook::event::{Event, Happened, Windows};
use arena_gateway_core::webhook::outbox::{IN_HAND_MAX, Input, Letter, Outbox, Output, Place};
use arena_gateway_core::webhook::retry::Answer;
use arena_proto::{IncidentEvent, Plan};

use super::TRY_AGAIN_AFTER;
use super::flights::Flights;
use super::lookup::{Known, incident_of};
use super::receiver::Receiver;
use super::report::Report;

/// How often what is due is looked for: the shortest pause between two tries.
const TICK_EVERY: Duration = Duration::from_secs(1);

pub(super) struct Courier {
    bus: Bus,
    clock: Clock,
    windows: Windows,
    receiver: Receiver,
    report: Report,
    outbox: Outbox,
    held: BTreeMap<Place, Held>,
    flights: Flights,
}

/// A letter in hand, and how the server is told about it.
struct Held {
    event: Arc<Event>,
    delivery: Offered,
}

enum Offered {
    Incident(Delivery<IncidentEvent>),
    Plan(Delivery<Plan>),
}

impl Offered {
    async fn double_ack(&self) -> Result<(), BusError> {
        match self {
            Self::Incident(delivery) => delivery.double_ack().await,
            Self::Plan(delivery) => delivery.double_ack().await,
        }
    }

    async fn progress(&self) -> Result<(), BusError> {
        match self {
            Self::Incident(delivery) => delivery.progress().await,
            Self::Plan(delivery) => delivery.progress().await,
        }
    }
}

impl Courier {
    pub(super) fn new(
        bus: Bus,
        clock: Clock,
        windows: Windows,
        receiver: Receiver,
        report: Report,
    ) -> Self {
        Self {
            bus,
            clock,
            windows,
            receiver,
            report,
            outbox: Outbox::default(),
            held: BTreeMap::new(),
            flights: Flights::default(),
        }
    }

    /// Tells, until the bus is gone.
    pub(super) async fn run(mut self) {
        let mut incidents = self.open::<IncidentEvent>().await;
        let mut plans = self.open::<Plan>().await;
        let mut ticks = tokio::time::interval(TICK_EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                delivery = incidents.next() => match delivery {
                    Some(delivery) => self.incident(delivery).await,
                    None => return,
                },
                delivery = plans.next() => match delivery {
                    Some(delivery) => self.plan(delivery).await,
                    None => return,
                },
                Some((place, answer)) = self.flights.next() => self.answered(place, answer).await,
                _ = ticks.tick() => {
                    self.step(Input::Tick).await;
                    self.count_waiting().await;
                }
            }
        }
    }

    /// A receiver that is new begins with what is new: nobody wants to be called about the last month.
    async fn open<M: Durable>(&self) -> Deliveries<M> {
        let consume = Consume::durable(self.receiver.reader())
            .from(From::New)
            .in_hand_max(IN_HAND_MAX);
        loop {
            match self.bus.consume(consume.clone()).await {
                Ok(deliveries) => return deliveries,
                Err(error) => tracing::debug!("webhook {}: {error}", self.receiver.name()),
            }
            tokio::time::sleep(TRY_AGAIN_AFTER).await;
        }
    }

    async fn incident(&mut self, delivery: Delivery<IncidentEvent>) {
        let event = &delivery.message;
        let told = |happened| self.receiver.wants(happened, Some(event.severity));
        if !Happened::of_incident(event).is_some_and(told) {
            return passed(&delivery).await;
        }
        let letter = Letter {
            id: delivery.event_id.clone(),
            incident: event.id.clone(),
            stored_at: delivery.published_at,
            after: None,
        };
        let place = Place::Incidents(delivery.sequence);
        let event = Event::opened(delivery.event_id.clone(), event, &self.windows);
        self.came(place, letter, event, Offered::Incident(delivery))
            .await;
    }

    async fn plan(&mut self, delivery: Delivery<Plan>) {
        let plan = &delivery.message;
        let happened = Happened::of_plan(plan);
        let Some(happened) = happened.filter(|happened| self.receiver.wants(*happened, None))
        else {
            return passed(&delivery).await;
        };
        let known = self.known(plan).await;
        let severity = known.as_ref().map(|known| known.last.severity);
        if !self.receiver.wants(happened, severity) {
            return passed(&delivery).await;
        }
        let begins = self.receiver.wants(Happened::Opened, severity);
        let letter = Letter {
            id: delivery.event_id.clone(),
            incident: plan.incident_id.clone(),
            stored_at: delivery.published_at,
            after: known
                .as_ref()
                .and_then(|known| known.opened)
                .filter(|_| begins),
        };
        let place = Place::Plans(delivery.sequence);
        let known = known.as_ref().map(|known| &known.last);
        let id = delivery.event_id.clone();
        let event = Event::decided(id, happened, plan, known, &self.windows);
        self.came(place, letter, event, Offered::Plan(delivery))
            .await;
    }

    /// What the stream knows about a decision's incident. Waits for the bus: what comes later must not overtake this.
    async fn known(&self, plan: &Plan) -> Option<Known> {
        loop {
            match incident_of(&self.bus, plan).await {
                Ok(known) => return known,
                Err(error) => tracing::debug!("webhook {}: {error}", self.receiver.name()),
            }
            tokio::time::sleep(TRY_AGAIN_AFTER).await;
        }
    }

    async fn came(&mut self, place: Place, letter: Letter, event: Event, delivery: Offered) {
        let event = Arc::new(event);
        // One that is offered again takes the place of the one before.
        self.held.insert(place, Held { event, delivery });
        self.step(Input::Came(place, letter)).await;
    }

    async fn answered(&mut self, place: Place, answer: Answer) {
        let now = self.clock.now();
        match &answer {
            Answer::Delivered => self.report.with(|view| {
                view.delivered += 1;
                view.last_delivered_at = Some(now);
            }),
            Answer::Again { why, .. } | Answer::Refused { why, .. } => {
                self.report.with(|view| view.retried += 1);
                self.report.failed(why.clone(), now);
            }
        }
        self.step(Input::Answered(place, answer)).await;
    }

    async fn step(&mut self, input: Input) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            let outputs = self.outbox.step(self.clock.now(), input);
            for output in outputs {
                inputs.extend(self.carry_out(output).await);
            }
        }
    }

    async fn carry_out(&mut self, output: Output) -> Option<Input> {
        match output {
            Output::Send(place) => {
                self.send(place);
                None
            }
            Output::Ack(place) => {
                // While the server is away each ack would be waited for in vain.
                if !self.is_connected() {
                    return None;
                }
                let held = self.held.get(&place)?;
                held.delivery.double_ack().await.ok()?;
                self.held.remove(&place);
                Some(Input::Acked(place))
            }
            Output::Progress(place) => {
                // Should this be lost, the server offers the letter again, and it is known.
                self.held.get(&place)?.delivery.progress().await.ok()?;
                None
            }
            Output::Look => {
                let reader = self.receiver.reader();
                let backlog = self.bus.backlog(Family::Incident, &reader).await.ok()?;
                Some(Input::Looked {
                    offered: backlog.offered,
                    acked: backlog.acked,
                    unacked: backlog.unacked,
                })
            }
            Output::Lost { id, why } => {
                let name = self.receiver.name();
                tracing::warn!("webhook {name}: {id} is given up: {why}");
                self.report.with(|view| view.lost += 1);
                self.report
                    .failed(format!("{id} was given up: {why}"), self.clock.now());
                None
            }
        }
    }

    fn send(&mut self, place: Place) {
        let Some(held) = self.held.get(&place) else {
            return;
        };
        let (receiver, clock) = (self.receiver.clone(), self.clock);
        let event = Arc::clone(&held.event);
        self.flights.start(place, move || {
            let message = receiver.message(&event, clock.now());
            receiver.post(&message, clock.now())
        });
    }

    fn is_connected(&self) -> bool {
        *self.bus.connected().borrow()
    }

    /// What is in hand, and when that is all that it may be, what the server still has.
    async fn count_waiting(&self) {
        let in_hand = self.outbox.len();
        let mut waiting = self
            .is_connected()
            .then_some(u64::try_from(in_hand).unwrap_or(u64::MAX));
        if in_hand >= usize::from(IN_HAND_MAX) {
            let reader = self.receiver.reader();
            for family in super::FAMILIES {
                let unread = self.bus.backlog(family, &reader).await.ok();
                let unread = unread.map(|backlog| backlog.waiting);
                waiting = waiting
                    .zip(unread)
                    .map(|(waiting, unread)| waiting + unread);
            }
        }
        self.report.with(|view| view.waiting = waiting);
    }
}

/// It is nothing that this receiver is told. Should the ack be lost, it comes once more and is passed once more.
async fn passed<M>(delivery: &Delivery<M>) {
    if let Err(error) = delivery.ack().await {
        tracing::debug!("{error}");
    }
}
