//! Who is in the way of a service: what is seen at its port while it is down, and what follows when that is freed.

use arena_proto::{ProcessState, Timestamp};

use crate::io::{Output, PortHolder};
use crate::service::Service;

impl Service {
    /// Somebody looked at its port while it is down. What was seen before a start is about the past.
    pub(crate) fn port_held(&mut self, generation: u32, holder: Option<PortHolder>) {
        let down = self.is_gone()
            && matches!(
                self.state,
                ProcessState::Exited | ProcessState::Backoff | ProcessState::Fatal
            );
        if down && generation == self.generation && self.holder != holder {
            self.holder = holder;
            self.changed = true;
        }
    }

    /// Its port is free: started, when that was what kept it from running.
    pub(crate) fn port_freed(&mut self, now: Timestamp, out: &mut Vec<Output>) {
        self.changed |= self.holder.take().is_some();
        if self.wanted && matches!(self.state, ProcessState::Exited | ProcessState::Fatal) {
            self.start_by_command(now, out);
        }
    }
}
