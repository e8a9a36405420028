//! What every host of a simulated arena stands on: virtual time, the world, the bus, what waits for its time, and the log.

use arena_node_core::{Input as NodeInput, Output as NodeOutput};
use arena_proto::Timestamp;

use crate::hosts::healer::Tampering;
use crate::hosts::recorder::Recorder;
use crate::queue::{EntryId, EventQueue};
use crate::wire::Bus;
use crate::wire::{Message, Party};
use crate::world::{NodeIx, ServiceIx, Truth, World};

/// When every run begins.
pub(crate) const BEGINNING: Timestamp = crate::world::BEGIN;

/// See the module.
#[derive(Debug)]
pub(crate) struct Ground {
    pub(crate) seed: u64,
    pub(crate) now: Timestamp,
    pub(crate) world: World,
    pub(crate) bus: Bus,
    pub(crate) queue: EventQueue<Event>,
    pub(crate) log: Recorder,
    /// The fence of the lease `remediator`, while somebody renews it.
    pub(crate) lease: Option<u64>,
    /// The highest that was given.
    pub(crate) fence: u64,
    /// The lease was taken or lost, and the nodes have not heard of it.
    pub(crate) lease_news: bool,
    /// What a cheat does to telemetry.
    pub(crate) tampered: Vec<Tampering>,
    /// What was true in the last second.
    pub(crate) truth: Truth,
}

impl Ground {
    /// Milliseconds since the run began.
    pub(crate) fn now_ms(&self) -> u64 {
        let since = self.now.saturating_since(BEGINNING);
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    /// Says something on the bus, and writes it down.
    pub(crate) fn publish(&mut self, from: Party, message: Message) {
        let Some(message) = self.tamper(message) else {
            return;
        };
        self.log.message(self.now, &message);
        self.bus.publish(self.now, from, message);
    }

    fn tamper(&self, message: Message) -> Option<Message> {
        match message {
            Message::Telemetry(telemetry, schema) if !self.tampered.is_empty() => {
                let mut all = self.tampered.iter();
                let told = all.try_fold(telemetry, |told, one| one.of(told, &schema));
                told.map(|told| Message::Telemetry(told, schema))
            }
            message => Some(message),
        }
    }

    /// The lease is held, under this fence.
    pub(crate) const fn have_lease(&mut self, fence: u64) {
        self.fence = fence;
        self.lease = Some(fence);
        self.lease_news = true;
    }

    /// Who held the lease renews it no more.
    pub(crate) const fn lose_lease(&mut self) {
        self.lease = None;
        self.lease_news = true;
    }

    /// A second has passed: what users truly felt in it is known, and written down.
    pub(crate) fn tell_users(&mut self) {
        self.truth = self.world.truth(self.now);
        let Truth {
            requests,
            failed,
            done,
            p95_ms,
            ..
        } = &self.truth;
        let p95_ms = p95_ms.map_or_else(|| "null".to_owned(), |p95| p95.to_string());
        let felt = format!(
            "{{\"requests\":{requests},\"failed\":{failed},\"done\":{done},\"p95_ms\":{p95_ms}}}"
        );
        self.log.second(self.now, &felt);
    }
}

/// Something that waits for its time.
#[derive(Debug)]
pub(crate) enum Event {
    /// A node's agent learns what came of what it had done; `boot`: of which agent.
    Node {
        node: NodeIx,
        boot: u32,
        input: Box<NodeInput>,
    },
    /// The rest of what an agent was about to do: it was held up.
    NodeOutputs {
        node: NodeIx,
        boot: u32,
        outputs: Vec<NodeOutput>,
    },
    /// A probe starts.
    Probe { service: ServiceIx, number: u32 },
    /// A probe was answered.
    Probed {
        service: ServiceIx,
        number: u32,
        result: Result<(), String>,
    },
    /// What a telemetry fault held back may go out.
    Held { node: NodeIx, boot: u32 },
    /// Every node measures.
    Second,
    /// A core's time has come.
    Wake(Host),
    /// A part of the arena dies, by its place in the setup.
    Dies(usize),
    /// It is started again.
    Returns(usize),
    /// Whoever watches looks.
    Look,
}

/// Who has a core.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Host {
    Node(NodeIx),
    Detector,
    Remediator,
    Injector,
}

impl Host {
    const fn party(self) -> Party {
        match self {
            Self::Node(ix) => Party::Node(ix),
            Self::Detector => Party::Detector,
            Self::Remediator => Party::Remediator,
            Self::Injector => Party::Injector,
        }
    }
}

/// When a core wants to be woken, and the entry that will do so.
#[derive(Debug, Default)]
pub(crate) struct Alarm(Option<(Timestamp, EntryId)>);

impl Alarm {
    /// Sets it anew; costs nothing where the time is the same.
    pub(crate) fn set(&mut self, ground: &mut Ground, host: Host, at: Option<Timestamp>) {
        // By the host's own clock it is told, by the right one it rings. One that is overdue is due now: the virtual clock does not go back.
        let at = at.map(|at| ground.bus.when(host.party(), at).max(ground.now));
        if self.0.map(|(set, _)| set) == at {
            return;
        }
        if let Some((_, entry)) = self.0.take() {
            ground.queue.cancel(entry);
        }
        self.0 = at.map(|at| (at, ground.queue.push(at, Event::Wake(host))));
    }

    /// It has rung.
    pub(crate) const fn rung(&mut self) {
        self.0 = None;
    }
}
