//! What one agent keeps of a service, and how the next one takes it over.

use arena_proto::{ProcessState, Timestamp};

use crate::io::{Output, Pace, ProcessRef};
use crate::saved::{SavedService, SavedThrottle};
use crate::service::Service;
use crate::throttle::Throttle;

impl Service {
    /// For [`Service::new`].
    pub(crate) fn saved(&self) -> SavedService {
        let mut saved = SavedService {
            process: self.process,
            generation: self.generation,
            restarts: self.restarts,
            wanted: Some(self.wanted),
            drained: self.drained,
            throttle: self.throttle.map(|throttle| SavedThrottle {
                percent: throttle.percent,
                until_unix_nanos: throttle.until.unix_nanos(),
            }),
            ..SavedService::default()
        };
        self.versions.save(&mut saved);
        saved
    }

    /// Takes over a process of a predecessor. Whether it answers is for the probe to say.
    pub(crate) fn adopt(
        &mut self,
        now: Timestamp,
        process: ProcessRef,
        throttle: Option<SavedThrottle>,
        out: &mut Vec<Output>,
    ) {
        self.process = Some(process);
        self.started_at = now;
        self.enter(now, ProcessState::Running, "");
        out.push(Output::Adopt {
            service: self.config.name.clone(),
            generation: self.generation,
            process,
        });
        self.probe_at(Pace::Steady, out);
        // What the last agent did to it may be half done, or undone by its end.
        if let Some(saved) = throttle {
            let until = Timestamp::from_unix_nanos(saved.until_unix_nanos);
            if until > now {
                self.throttle = Some(Throttle {
                    percent: saved.percent,
                    until,
                });
                out.push(Output::Throttle {
                    service: self.config.name.clone(),
                    process,
                    percent: saved.percent,
                });
            } else {
                self.push_unthrottle(out);
            }
        }
    }

    /// A predecessor's process is gone, and nobody may start it now.
    pub(crate) fn found_dead(&mut self, now: Timestamp) {
        self.enter(now, ProcessState::Exited, "ended while no agent was there");
    }
}
