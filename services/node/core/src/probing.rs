//! What the probes of a service mean.

use arena_proto::{ProbeVerdict, ProcessState, Timestamp};

use crate::io::{Output, Pace};
use crate::service::Service;

impl Service {
    /// Failed probes in a row until it is FAILING, 1 or more; `None`: it has no probe.
    pub(crate) fn probe_failures(&self) -> Option<u32> {
        let health = self.versions.running().health.as_ref();
        health.map(|health| health.failures.max(1))
    }

    /// The verdict before the first probe.
    pub(crate) fn unprobed(&self) -> ProbeVerdict {
        match self.probe_failures() {
            None => ProbeVerdict::None,
            Some(_) => ProbeVerdict::Unknown,
        }
    }

    pub(crate) fn probe_at(&self, pace: Pace, out: &mut Vec<Output>) {
        if self.probe_failures().is_some() {
            out.push(Output::Probe {
                service: self.config.name.clone(),
                generation: self.generation,
                pace,
                definition: self.versions.running().clone(),
            });
        }
    }

    pub(crate) fn probed(
        &mut self,
        now: Timestamp,
        generation: u32,
        result: Result<(), String>,
        out: &mut Vec<Output>,
    ) {
        let Some(failures_max) = self.probe_failures() else {
            return;
        };
        let live = matches!(self.state, ProcessState::Running | ProcessState::Starting);
        if generation != self.generation || self.process.is_none() || !live {
            return;
        }
        match (result, self.state) {
            (Ok(()), ProcessState::Starting) => {
                self.due = None;
                self.set_probe(now, ProbeVerdict::Passing, "");
                self.enter(now, ProcessState::Running, "");
                self.probe_at(Pace::Steady, out);
            }
            (Ok(()), _) => {
                self.failures = 0;
                self.set_probe(now, ProbeVerdict::Passing, "");
            }
            // Kept for the message of a start that never passes; nobody is told of each.
            (Err(detail), ProcessState::Starting) => self.message = detail,
            (Err(detail), _) => {
                self.failures = self.failures.saturating_add(1);
                if self.failures >= failures_max {
                    self.set_probe(now, ProbeVerdict::Failing, &detail);
                }
            }
        }
    }

    fn set_probe(&mut self, now: Timestamp, verdict: ProbeVerdict, message: &str) {
        if self.probe != verdict {
            self.probe = verdict;
            self.since = now;
            message.clone_into(&mut self.message);
            self.changed = true;
        }
    }
}
