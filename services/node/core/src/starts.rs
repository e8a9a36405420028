//! Faults that live in the starts of a service: `crash-loop` lets so many fail, `slow-start` holds each for a while.

use std::collections::BTreeMap;

use arena_faults::{Carrier, FaultName};
use arena_proto::{FaultReason, ProcessState, ServiceName, Timestamp};

use crate::fault::Fault;
use crate::faults::FaultBook;
use crate::io::Output;
use crate::service::Service;

impl FaultBook {
    /// A process of the service was started just now, and is to stay as far as the service is concerned.
    pub(crate) fn started(&mut self, now: Timestamp, service: &Service, out: &mut Vec<Output>) {
        let (name, Some(process)) = (&service.config.name, service.process) else {
            return;
        };
        if service.state != ProcessState::Starting {
            return;
        }
        let here = |fault: &Fault| fault.service.as_ref() == Some(name) && fault.holds();
        for id in self.ids(here) {
            let Some(fault) = self.faults.get_mut(&id) else {
                continue;
            };
            match fault.name {
                FaultName::CrashLoop if fault.failed_starts < fault.params.count("times") => {
                    fault.failed_starts += 1;
                    out.push(service.kill_output(process));
                }
                FaultName::CrashLoop => self.end(now, &id, FaultReason::Spent, out),
                FaultName::SlowStart => {
                    fault.process = Some(process);
                    fault.held_until = Some(now + fault.params.duration("delay"));
                    out.push(Output::Hold { process });
                }
                FaultName::BadConfig if service.versions.is_spoiled() => {
                    fault.process = Some(process);
                }
                _ => {}
            }
        }
    }

    /// Lets go on what was held for long enough.
    pub(crate) fn release(
        &mut self,
        now: Timestamp,
        services: &BTreeMap<ServiceName, Service>,
        out: &mut Vec<Output>,
    ) {
        let held = self.faults.values_mut();
        for fault in held.filter(|fault| fault.holds() && fault.held_until.is_some()) {
            let service = fault.service.as_ref().and_then(|name| services.get(name));
            let lives = service.is_some_and(|service| service.process == fault.process);
            if lives && fault.held_until.is_some_and(|until| now < until) {
                continue;
            }
            fault.held_until = None;
            if let Some(process) = fault.process.take().filter(|_| lives) {
                out.push(Output::Release { process });
            }
        }
    }

    /// What is added to the command line of the service while a bad definition of it is rolled out.
    pub(crate) fn bad_argument(&self, service: &ServiceName) -> Option<&str> {
        let bad = self.faults.values().find(|fault| {
            fault.name == FaultName::BadConfig
                && fault.service.as_ref() == Some(service)
                && fault.active_at.is_some()
                && fault.holds()
        });
        bad.map(|fault| fault.params.text("argument"))
    }

    /// Somebody went back to the last good definition of the service.
    pub(crate) fn rolled_back(
        &mut self,
        now: Timestamp,
        service: &ServiceName,
        out: &mut Vec<Output>,
    ) {
        let rolled_out = |fault: &Fault| {
            fault.service.as_ref() == Some(service) && fault.carrier() == Carrier::Definition
        };
        for id in self.ids(rolled_out) {
            self.gone(now, &id, "it was rolled back".to_owned(), out);
        }
    }
}
