//! The injector with its villain: what the live one's shell does around its core (`injector/src/shell.rs`).

use std::sync::Arc;

use arena_injector_core::{Injector, Input, Output, Schedule, Ticket};
use arena_proto::{
    InjectReply, InjectRequest, RevertRequest, VillainOperation, VillainRequest, VillainStatus,
};

use crate::ground::{Alarm, Ground, Host};
use crate::wire::{Delivery, Message, Party};

/// See the module.
#[derive(Debug)]
pub(crate) struct InjectorHost {
    core: Injector,
    /// A villain sees incidents, plans and what users feel.
    hears: bool,
    tickets: u64,
    alarm: Alarm,
}

impl InjectorHost {
    /// `nonce` makes the ids of its faults.
    pub(crate) fn new(nonce: u64) -> Self {
        Self {
            core: Injector::new(Schedule::default(), nonce),
            hears: false,
            tickets: 0,
            alarm: Alarm::default(),
        }
    }

    pub(crate) fn start(&mut self, ground: &mut Ground) {
        ground.bus.connect(ground.now, Party::Injector);
        let control = ground.bus.control();
        self.step(ground, Input::Control(control));
    }

    pub(crate) fn deliver(&mut self, ground: &mut Ground, delivery: Delivery) {
        let input = match delivery.message {
            Message::Control(control) => Input::Control((*control).clone()),
            Message::Status(status) => Input::Node((*status).clone()),
            Message::FaultStatus(status) => Input::Status((*status).clone()),
            Message::Incident(event) if self.hears => Input::Incident((*event).clone()),
            Message::Plan(plan) if self.hears => Input::Plan((*plan).clone()),
            Message::Telemetry(telemetry, schema) if self.hears => {
                Input::Telemetry(Arc::unwrap_or_clone(telemetry), schema)
            }
            _ => return,
        };
        self.step(ground, input);
        self.hears &= self.core.has_villain();
    }

    pub(crate) fn wake(&mut self, ground: &mut Ground) {
        self.alarm.rung();
        self.step(ground, Input::Tick);
    }

    /// Asks for a fault.
    pub(crate) fn inject(&mut self, ground: &mut Ground, request: InjectRequest) -> InjectReply {
        let ticket = self.ticket();
        let (reply, _) = self.step(ground, Input::Inject(ticket, request));
        reply.unwrap_or_default()
    }

    /// Asks for the end of a fault.
    pub(crate) fn revert(&mut self, ground: &mut Ground, request: RevertRequest) -> InjectReply {
        let ticket = self.ticket();
        let (reply, _) = self.step(ground, Input::Revert(ticket, request));
        reply.unwrap_or_default()
    }

    /// Asks for a villain, for its end, or how it stands.
    pub(crate) fn villain(
        &mut self,
        ground: &mut Ground,
        request: VillainRequest,
    ) -> VillainStatus {
        if request.op == VillainOperation::Start && !self.core.has_villain() {
            self.step(ground, Input::Hearing);
            for event in ground.bus.all_incidents() {
                self.step(ground, Input::Incident(event));
            }
            self.hears = true;
        }
        let ticket = self.ticket();
        let (_, status) = self.step(ground, Input::Villain(ticket, request));
        status.unwrap_or_default()
    }

    const fn ticket(&mut self) -> Ticket {
        self.tickets += 1;
        Ticket(self.tickets)
    }

    fn step(
        &mut self,
        ground: &mut Ground,
        input: Input,
    ) -> (Option<InjectReply>, Option<VillainStatus>) {
        let (mut reply, mut status) = (None, None);
        let now = ground.bus.clock(Party::Injector, ground.now);
        for output in self.core.step(now, input) {
            match output {
                Output::Publish(request) => {
                    ground.publish(Party::Injector, Message::Fault(Arc::new(request)));
                }
                Output::Reply(_, told) => reply = Some(told),
                Output::VillainReply(_, told) => status = Some(*told),
                // For people.
                Output::Note(_) | Output::Warning(_) => {}
            }
        }
        let at = self.core.next_wakeup();
        self.alarm.set(ground, Host::Injector, at);
        (reply, status)
    }
}
