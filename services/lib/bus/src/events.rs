//! Reading all that streams keep at once, for who stores it.

use std::sync::Arc;

use arena_proto::{Command, Evidence, FaultRequest, FaultStatus, IncidentEvent, Outcome, Plan};
use async_nats::jetstream::consumer::DeliverPolicy;

use crate::consume::{Delivery, Incoming};
use crate::reader::{Reader, Resume, Source};
use crate::rejected::Rejected;
use crate::subject::{self, Family};
use crate::{Bus, BusError};

/// One message of any stream, for who stores them all.
#[derive(Debug)]
pub enum Event {
    /// What the detector says.
    Incident(Delivery<IncidentEvent>),
    /// What the remediator decided.
    Plan(Delivery<Plan>),
    /// What a node is asked for.
    Command(Delivery<Command>),
    /// What became of it.
    Outcome(Delivery<Outcome>),
    /// A fault that was asked for.
    Fault(Delivery<FaultRequest>),
    /// What became of it.
    FaultStatus(Delivery<FaultStatus>),
    /// What a node saw before it acted.
    Evidence(Delivery<Evidence>),
}

impl Event {
    /// Its work is done.
    pub async fn ack(&self) -> Result<(), BusError> {
        match self {
            Self::Incident(delivery) => delivery.ack().await,
            Self::Plan(delivery) => delivery.ack().await,
            Self::Command(delivery) => delivery.ack().await,
            Self::Outcome(delivery) => delivery.ack().await,
            Self::Fault(delivery) => delivery.ack().await,
            Self::FaultStatus(delivery) => delivery.ack().await,
            Self::Evidence(delivery) => delivery.ack().await,
        }
    }

    /// Its work goes on.
    pub async fn progress(&self) -> Result<(), BusError> {
        match self {
            Self::Incident(delivery) => delivery.progress().await,
            Self::Plan(delivery) => delivery.progress().await,
            Self::Command(delivery) => delivery.progress().await,
            Self::Outcome(delivery) => delivery.progress().await,
            Self::Fault(delivery) => delivery.progress().await,
            Self::FaultStatus(delivery) => delivery.progress().await,
            Self::Evidence(delivery) => delivery.progress().await,
        }
    }
}

/// Everything durable but scores, as it comes; in order within each stream, in no order between them.
#[derive(Debug)]
pub struct Events {
    readers: [Reader; 6],
    rejected: Arc<Rejected>,
}

impl Events {
    /// The next message; `None` once every [`Bus`] of this connection is gone. Cancel safe.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            let [incidents, plans, commands, outcomes, faults, evidence] = &mut self.readers;
            // In no order: a stream that never ends must not keep the others waiting.
            let message = tokio::select! {
                message = incidents.next() => message,
                message = plans.next() => message,
                message = commands.next() => message,
                message = outcomes.next() => message,
                message = faults.next() => message,
                message = evidence.next() => message,
            };
            if let Some(event) = self.event(Incoming::new(message?)).await {
                return Some(event);
            }
        }
    }

    /// How many messages the server had for this reader when it was opened.
    #[must_use]
    pub fn pending(&self) -> u64 {
        self.readers.iter().map(Reader::pending).sum()
    }

    async fn event(&self, incoming: Incoming) -> Option<Event> {
        let rejected = &self.rejected;
        let family = subject::parse(&incoming.subject).map(|address| address.family);
        match family {
            Some(Family::Incident) => incoming.deliver(rejected).await.map(Event::Incident),
            Some(Family::Plan) => incoming.deliver(rejected).await.map(Event::Plan),
            Some(Family::Command) => incoming.deliver(rejected).await.map(Event::Command),
            Some(Family::Outcome) => incoming.deliver(rejected).await.map(Event::Outcome),
            Some(Family::Fault) => incoming.deliver(rejected).await.map(Event::Fault),
            Some(Family::FaultStatus) => incoming.deliver(rejected).await.map(Event::FaultStatus),
            Some(Family::Evidence) => incoming.deliver(rejected).await.map(Event::Evidence),
            // A subject with a name that is none: any family's decoder refuses it with words.
            _ if incoming.stream == "INCIDENTS" => {
                incoming.deliver(rejected).await.map(Event::Incident)
            }
            _ if incoming.stream == "PLANS" => incoming.deliver(rejected).await.map(Event::Plan),
            _ if incoming.stream == "COMMANDS" => {
                incoming.deliver(rejected).await.map(Event::Command)
            }
            _ if incoming.stream == "OUTCOMES" => {
                incoming.deliver(rejected).await.map(Event::Outcome)
            }
            _ if incoming.stream == "EVIDENCE" => {
                incoming.deliver(rejected).await.map(Event::Evidence)
            }
            _ => incoming.deliver(rejected).await.map(Event::Fault),
        }
    }
}

impl Bus {
    /// Reads everything durable but scores, from the start, under one name that the server remembers.
    pub async fn consume_events(&self, durable: &str) -> Result<Events, BusError> {
        let read = |family: Family| {
            self.reader(Source {
                stream: family.stream().unwrap_or_default(),
                filter: String::new(),
                durable: Some(durable.to_owned()),
                policy: DeliverPolicy::All,
                resume: Resume::Durable,
                in_hand_max: None,
            })
        };
        Ok(Events {
            readers: [
                read(Family::Incident).await?,
                read(Family::Plan).await?,
                read(Family::Command).await?,
                read(Family::Outcome).await?,
                // Its stream keeps what became of faults too.
                read(Family::Fault).await?,
                read(Family::Evidence).await?,
            ],
            rejected: Arc::clone(&self.inner.rejected),
        })
    }
}
