//! Commands: judged, then done to a service or to the node as a whole.

use arena_proto::{ActionKind, Command, ProcessState, ServiceName, Timestamp};

use crate::io::Output;
use crate::judge::Ground;
use crate::node::Node;
use crate::service::Next;

impl Node {
    /// Judges a command, and does it.
    pub(crate) fn command(&mut self, now: Timestamp, command: &Command, out: &mut Vec<Output>) {
        let halt = self.halt();
        let ground = Ground {
            node: &self.config.node,
            service: command
                .service
                .as_ref()
                .and_then(|name| self.services.get(name)),
            halt: halt.as_ref(),
            quarantined: self.quarantined,
            fence: self.fence,
            in_flight: self.commands.in_the_way_of(command),
        };
        let accepted = self.commands.judge(now, command, &ground, out);
        self.see_fence(command.fence.unwrap_or(0));
        if !accepted {
            return;
        }
        if let Some(incident) = &command.incident_id {
            out.push(Output::Capture {
                service: command.service.clone(),
                command: command.id.clone(),
                incident: incident.clone(),
            });
        }
        if let Some(name) = &command.service {
            self.act(now, command, name, out);
            return;
        }
        self.quarantined = command.action == ActionKind::Quarantine;
        self.changed = true;
        let end = if self.quarantined { "" } else { " no longer" };
        let message = format!("{} is{end} quarantined", self.config.node);
        self.commands.done(now, command, message, out);
    }

    /// Does an accepted command to a service.
    fn act(
        &mut self,
        now: Timestamp,
        command: &Command,
        name: &ServiceName,
        out: &mut Vec<Output>,
    ) {
        let Some(service) = self.services.get_mut(name) else {
            return;
        };
        // Half of the deadline at most, so that a start still fits into the other half.
        let grace = service.config.stop_grace.min(command.deadline / 2);
        match command.action {
            ActionKind::Start => service.start_by_command(now, out),
            ActionKind::Stop => {
                service.wanted = false;
                service.stop(now, grace, Next::Stopped, out);
            }
            ActionKind::Restart => service.stop(now, grace, Next::Start, out),
            ActionKind::Rollback => {
                service.versions.roll_back();
                service.stop(now, grace, Next::Start, out);
                self.faults.rolled_back(now, name, out);
            }
            ActionKind::Kill => {
                // The service was not asked to end for good: it is EXITED, a symptom, and gets healed. One that was
                // being stopped stays wanted as it was.
                let next = match service.state {
                    ProcessState::Stopping => None,
                    _ => Some(Next::Exited("killed by a command".to_owned())),
                };
                service.kill(now, next, out);
            }
            ActionKind::Recover => {
                out.push(Output::ResetLeg {
                    service: name.clone(),
                });
                self.faults.leg_reset(now, name, out);
                out.push(Output::Recover {
                    service: name.clone(),
                    command: command.id.clone(),
                });
            }
            ActionKind::Drain => service.drain(true),
            ActionKind::Undrain => service.drain(false),
            ActionKind::Throttle => service.begin_throttle(command, out),
            ActionKind::Unthrottle => service.unthrottle(out),
            ActionKind::FreePort => {
                // The port is this command's from here on: a restart that waits would only meet its holder.
                if service.state == ProcessState::Backoff {
                    service.leave_restarting(now);
                }
                out.push(Output::FreePort {
                    service: name.clone(),
                    command: command.id.clone(),
                });
            }
            ActionKind::CleanDisk => out.push(Output::CleanDisk {
                service: name.clone(),
                command: command.id.clone(),
            }),
            // Of the node as a whole; the judgement keeps them out.
            ActionKind::Quarantine | ActionKind::Unquarantine => {}
        }
    }
}
