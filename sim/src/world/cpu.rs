//! The CPUs of a node, shared: who burns gets what is left, in equal shares a thread; who wakes now and then waits for its turn.
//!
//! The wait follows what was measured beside busy threads ([`super::Physics::contention_ms`]); that a thread which sleeps most of the time
//! gets a CPU soon, and does not share it with those that burn, is what the kernel's fair scheduler does.

use arena_proto::Timestamp;

use super::World;
use super::faults::Inside;
use super::physics::AGENT_CORES;
use super::places::{NodeIx, ServiceIx};
use super::state::Service;

impl Service {
    /// Threads of its own that burn: of faults, and of a batch job.
    fn burning(&self) -> f64 {
        self.process
            .as_ref()
            .filter(|process| process.up && !process.held)
            .map_or(0.0, |process| {
                let spikes: f64 = process.inside.iter().map(Inside::threads).sum();
                spikes + f64::from(process.program.burn)
            })
    }

    /// Books what it has burnt up to now.
    pub(super) fn book_cpu(&mut self, now: Timestamp) {
        let millis = now.saturating_since(self.usage.since).as_secs_f64() * 1000.0;
        self.usage.used_ms += self.usage.burn_cores * millis;
        self.usage.waited_ms += self.usage.short_cores * millis;
        self.usage.since = now;
    }
}

impl World {
    /// Shares the CPUs of a node anew: somebody began to burn, or ended.
    pub(super) fn share_cpu(&mut self, now: Timestamp, node: NodeIx) {
        let wants = |service: ServiceIx, world: &Self| {
            let state = &world.services[service.at()];
            let threads = state.burning();
            if state.usage.throttled {
                threads.min(1.0)
            } else {
                threads
            }
        };
        let services: Vec<(ServiceIx, f64)> = self.places.nodes[node.at()]
            .services()
            .map(|service| (service, wants(service, self)))
            .collect();
        let beside: f64 = self.nodes[node.at()]
            .burners
            .iter()
            .map(|burner| burner.threads)
            .sum();
        let wanted = beside + services.iter().map(|(_, threads)| threads).sum::<f64>();
        let there = self.physics.cores - AGENT_CORES;
        let share = if wanted > there { there / wanted } else { 1.0 };
        for (service, threads) in services {
            let state = &mut self.services[service.at()];
            state.book_cpu(now);
            state.usage.burn_cores = threads * share;
            state.usage.short_cores = (state.burning() - state.usage.burn_cores).max(0.0);
        }
        let busy = wanted / self.physics.cores;
        let state = &mut self.nodes[node.at()];
        state.burnt_cores = beside * share;
        state.wake_ms = self.physics.wake_ms + self.physics.contention_ms * busy * busy.sqrt();
        for service in self.places.nodes[node.at()].services() {
            self.reconsider(now, service);
        }
    }

    /// What a thread of this service waits for a CPU when it wakes, in milliseconds.
    pub(super) fn wake_ms(&self, service: ServiceIx) -> f64 {
        let state = &self.services[service.at()];
        let node_ms = self.nodes[self.places.services[service.at()].node.at()].wake_ms;
        if !state.usage.throttled {
            return node_ms;
        }
        // It shares its one CPU with the threads of its own that burn.
        let busy = state.burning();
        node_ms.max(self.physics.wake_ms + self.physics.contention_ms * busy * busy.sqrt())
    }
}
