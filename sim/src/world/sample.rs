//! What the agent of a node measures once a second: the same columns as the live one (services/node/src/sampling/columns.rs), with the noise of
//! a real machine.
//!
//! Invariant: NaN where the live agent has no reading: of a service that does not run, of requests that did not come, of what a service that
//! cannot answer would tell itself.

use std::sync::Arc;

use arena_proto::{Schema, Timestamp};

use super::call::Asker;
use super::calm::Level;
use super::columns::At;
use super::flow::took_ms;
use super::meter::Meter;
use super::physics::{AGENT_CORES, DISK_USED_PERCENT, ENTRY_BYTES};
use super::places::{NodeIx, ServiceIx};
use super::role::Role;
use super::{Route, World, calm};

/// How much the CPU that the same work takes differs from second to second.
const USE_SPREAD: f64 = 0.15;
/// How much waits differ: for a CPU, and for a disk. Measured: nearly log-normal, a factor of two and more either way.
const WAIT_SPREAD: f64 = 0.45;
/// A second is never exactly one: how late the sampler's timer is, measured as 0.3 % of it.
const CLOCK_SPREAD: f64 = 0.002;
/// See `proc_pid_stat(5)`: CPU is counted in ticks.
const TICK_MS: f64 = 10.0;

/// The time since a service was sampled last.
#[derive(Debug)]
struct Window {
    seconds: f64,
    /// For so much of it no request was simulated.
    calm_s: f64,
    is_calm: bool,
    /// Requests to it, a second, where it is calm.
    rate_hz: f64,
    /// Of its own users.
    users_hz: f64,
    level: Level,
}

impl World {
    /// What the columns of [`World::sample`] mean.
    #[must_use]
    pub fn schema(&self, node: NodeIx) -> &Arc<Schema> {
        &self.nodes[node.at()].schema
    }

    /// Measures a node, since it was measured last. Whatever was in `row` is replaced.
    pub fn sample(&mut self, now: Timestamp, node: NodeIx, row: &mut Vec<f32>) {
        self.advance(now);
        row.clear();
        row.resize(self.nodes[node.at()].columns.width, f32::NAN);
        for index in 0..self.nodes[node.at()].columns.services.len() {
            let at = self.nodes[node.at()].columns.services[index];
            let window = self.window(now, at);
            if window.is_calm {
                self.rest(node, at.service, &window);
            } else {
                self.fill(node, at.service, &window);
            }
            self.sample_process(now, node, at, row, &window);
            if window.is_calm {
                self.calm_requests(node, at, row, &window);
            } else {
                self.counted_requests(now, at, row, &window);
            }
        }
        self.sample_host(now, node, row);
    }

    /// The time since a service was sampled last; a new one begins.
    fn window(&mut self, now: Timestamp, at: At) -> Window {
        let service = at.service;
        let calm_time = self.calm_time(now);
        let level = self.levels.get(at.pool.at()).copied().unwrap_or_default();
        let users_hz = self.users_hz(service);
        let is_asked = self.is_candidate(at);
        let state = &mut self.services[service.at()];
        let seconds = now
            .saturating_since(state.usage.sampled_at)
            .as_secs_f64()
            .max(0.001);
        let calm_s = calm_time.saturating_sub(state.calm_at).as_secs_f64();
        state.usage.sampled_at = now;
        state.calm_at = calm_time;
        state.book_cpu(now);
        Window {
            seconds,
            calm_s,
            is_calm: calm_s > 0.999 * seconds
                && state.inbound.is_empty()
                && state.upstream.is_empty(),
            rate_hz: if is_asked { level.rate_hz() } else { 0.0 },
            users_hz,
            level,
        }
    }

    /// It gets its share of the requests to its pool, where that is calm.
    fn is_candidate(&self, at: At) -> bool {
        let state = &self.services[at.service.at()];
        let last = state.route == Route::Last && self.candidates[at.pool.at()].open.is_empty();
        state.answers && state.users.is_none() && (state.route == Route::Open || last)
    }

    /// What a calm service used of the CPU for its requests.
    fn rest(&mut self, node: NodeIx, service: ServiceIx, window: &Window) {
        let state = &mut self.services[service.at()];
        let calls = state.calls.iter().flatten().count();
        let users = window.users_hz;
        let disk = if state.disk.is_some() {
            window.rate_hz
        } else {
            0.0
        };
        #[expect(clippy::cast_precision_loss, reason = "at most two")]
        let replies = (window.rate_hz + users) * calls as f64;
        let wakes = (window.rate_hz + users + replies + disk) * window.calm_s;
        state.usage.used_ms += (window.rate_hz + users) * self.physics.work_ms * window.calm_s;
        let node = &mut self.nodes[node.at()];
        state.usage.waited_ms += wakes * node.wake_ms;
        node.legs_ms += (window.rate_hz + users + replies)
            * (self.physics.leg_ms + self.physics.leg_back_ms)
            * window.calm_s;
    }

    /// What was not simulated of a window that was partly calm is filled in, request by request.
    fn fill(&mut self, node: NodeIx, service: ServiceIx, window: &Window) {
        let wake_ms = self.nodes[node.at()].wake_ms;
        let state = &mut self.services[service.at()];
        state.usage.waited_ms += f64::from(state.upstream.done) * wake_ms;
        if window.calm_s <= 0.0 {
            return;
        }
        self.rest(node, service, window);
        let state = &mut self.services[service.at()];
        let noise = &mut self.nodes[node.at()].noise;
        let level = &window.level;
        let mut pretend = |meter: &mut Meter, rate_hz: f64, median_ms: f64| {
            meter.pretend(rate_hz * window.calm_s, || {
                median_ms * noise.factor(calm::SPREAD)
            });
        };
        pretend(&mut state.inbound, window.rate_hz, level.p50_ms);
        if let Some(users) = state.users.as_mut() {
            pretend(&mut users.meter, window.users_hz, level.calls_ms);
            pretend(&mut state.upstream, window.users_hz, level.calls_ms);
        } else if level.calls_ms > 0.0 {
            pretend(&mut state.upstream, window.rate_hz, level.calls_ms);
        }
        if let Some(disk) = state.disk.as_mut() {
            pretend(&mut disk.meter, window.rate_hz, self.physics.sync_ms);
        }
    }

    /// What the kernel tells of a process.
    #[expect(clippy::cast_possible_truncation, reason = "samples travel as f32")]
    fn sample_process(
        &mut self,
        now: Timestamp,
        node: NodeIx,
        at: At,
        row: &mut [f32],
        window: &Window,
    ) {
        let state = &mut self.services[at.service.at()];
        let noise = &mut self.nodes[node.at()];
        let Some(taken) = state.taken(now) else {
            (
                state.usage.used_ms,
                state.usage.waited_ms,
                state.usage.ticks_left_ms,
            ) = (0.0, 0.0, 0.0);
            return;
        };
        // It is probed and asked for its metrics, as long as it can be.
        let turns = if state.answers {
            (at.probes_hz + 1.0) * window.seconds
        } else {
            0.0
        };
        let used_ms = std::mem::take(&mut state.usage.used_ms) + turns * self.physics.work_ms;
        let waited_ms = std::mem::take(&mut state.usage.waited_ms) + turns * noise.wake_ms;
        noise.used_ms += used_ms;
        // The kernel counts in ticks of a hundredth of a second.
        let ticks_ms = state.usage.ticks_left_ms + used_ms * noise.noise.factor(USE_SPREAD);
        let whole_ms = (ticks_ms / TICK_MS).floor() * TICK_MS;
        state.usage.ticks_left_ms = ticks_ms - whole_ms;
        let elapsed_ms = window.seconds * 1000.0 * (1.0 + CLOCK_SPREAD * noise.noise.around());
        let values = [
            whole_ms / elapsed_ms * 100.0,
            taken.memory_bytes,
            taken.open_files,
            taken.threads,
            waited_ms * noise.noise.factor(WAIT_SPREAD) / elapsed_ms * 100.0,
        ];
        for (cell, value) in row[at.process..].iter_mut().zip(values) {
            *cell = value as f32;
        }
    }

    /// What is told of requests, and by a service of itself, where no request was simulated.
    #[expect(clippy::cast_possible_truncation, reason = "samples travel as f32")]
    fn calm_requests(&mut self, node: NodeIx, at: At, row: &mut [f32], window: &Window) {
        let asked = self.is_asked(at.service);
        let state = &mut self.services[at.service.at()];
        let noise = &mut self.nodes[node.at()].noise;
        let (level, seconds) = (
            &window.level,
            window.seconds * (1.0 + CLOCK_SPREAD * noise.around()),
        );
        let tail = |noise: &mut super::noise::Noise| calm::TAIL * noise.factor(calm::SPREAD);
        let came = window.rate_hz * window.seconds + state.usage.requests_left;
        state.usage.requests_left = came - came.floor();
        if let Some(requests) = at.requests {
            row[requests] = (came.floor() / seconds) as f32;
            if came >= 1.0 {
                row[requests + 1] = 0.0;
                row[requests + 2] = (level.p50_ms * noise.factor(calm::SPREAD / 2.0)) as f32;
                row[requests + 3] = (level.p50_ms * tail(noise)) as f32;
            }
        }
        if state.disk.is_some() {
            state.stored_bytes += ENTRY_BYTES * came.floor();
        }
        if !asked {
            return;
        }
        let own = &mut row[at.own..];
        match at.role {
            Role::Traffic if window.users_hz > 0.0 => {
                let waited = level.calls_ms * tail(noise);
                own[0] = 0.0;
                own[1] = (waited * 0.99) as f32;
                own[2] = 0.0;
                own[3] = waited as f32;
                own[4] = window.users_hz as f32;
            }
            Role::Traffic => own[4] = 0.0,
            Role::Edge | Role::Orders | Role::Payments | Role::Inventory if came >= 1.0 => {
                own[0] = 0.0;
                own[1] = (level.calls_ms * tail(noise)) as f32;
            }
            Role::Ledger => {
                if came >= 1.0 {
                    own[0] = (self.physics.sync_ms * 2.0 * noise.factor(WAIT_SPREAD)) as f32;
                }
                own[1] = state.storage_used_percent() as f32;
            }
            _ => {}
        }
    }

    /// The same of requests that were counted.
    #[expect(clippy::cast_possible_truncation, reason = "samples travel as f32")]
    fn counted_requests(&mut self, now: Timestamp, at: At, row: &mut [f32], window: &Window) {
        let asked = self.is_asked(at.service);
        let service = at.service;
        let ages: Vec<f64> = self.waiting_ages(now, service).collect();
        let called: Vec<f64> = self.ages(now, service).collect();
        let state = &mut self.services[service.at()];
        let seconds = window.seconds as f32;
        #[expect(clippy::cast_precision_loss, reason = "some hundred")]
        let rate = |meter: &Meter| meter.came as f32 / seconds;
        if let Some(requests) = at.requests {
            let meter = &mut state.inbound;
            meter.took_all(ages);
            let [p50, p95] = meter.quantiles([50, 95]);
            row[requests..requests + 4].copy_from_slice(&[
                rate(meter),
                meter.error_percent(),
                p50,
                p95,
            ]);
        }
        state.inbound.clear();
        let meter = &mut state.upstream;
        meter.took_all(called.iter().copied());
        let upstream = [meter.error_percent(), meter.quantiles([95])[0]];
        meter.clear();
        let mut own = [f32::NAN; 5];
        if let Some(users) = state.users.as_mut() {
            let meter = &mut users.meter;
            meter.took_all(called.iter().copied());
            own = [
                upstream[0],
                upstream[1],
                meter.error_percent(),
                meter.quantiles([95])[0],
                rate(meter),
            ];
            meter.clear();
        } else if let Some(disk) = state.disk.as_mut() {
            let waiting: Vec<f64> = disk.ages(now).collect();
            disk.meter.took_all(waiting);
            own[0] = disk.meter.quantiles([95])[0];
            disk.meter.clear();
            own[1] = state.storage_used_percent() as f32;
        } else {
            own[..2].copy_from_slice(&upstream);
        }
        let told = at.role.own_metrics().len();
        if asked {
            row[at.own..at.own + told].copy_from_slice(&own[..told]);
        }
    }

    /// Its control socket answers, and the agent asks: not one that fails its probe.
    fn is_asked(&self, service: ServiceIx) -> bool {
        let state = &self.services[service.at()];
        let process = state
            .process
            .as_ref()
            .filter(|process| process.up && !process.held);
        process.is_some_and(|process| !process.is_deadlocked() || state.route != Route::Away)
    }

    /// The ages of the requests at a service's inbound leg, in milliseconds.
    fn waiting_ages(&self, now: Timestamp, service: ServiceIx) -> impl Iterator<Item = f64> + '_ {
        let calls = self
            .calls
            .inbound(service)
            .iter()
            .filter_map(|call| self.calls.get(*call));
        let calls = calls.filter(|call| !matches!(call.asker, Asker::Storm(_)));
        calls.map(move |call| took_ms(now, call.arrived))
    }

    #[expect(clippy::cast_possible_truncation, reason = "samples travel as f32")]
    fn sample_host(&mut self, now: Timestamp, node: NodeIx, row: &mut [f32]) {
        let cores = self.physics.cores;
        let memory = self.memory_used(now, node) / self.physics.memory_bytes * 100.0;
        let state = &mut self.nodes[node.at()];
        let elapsed = now.saturating_since(state.sampled_at).as_secs_f64();
        state.sampled_at = now;
        let used_ms = std::mem::take(&mut state.used_ms) + std::mem::take(&mut state.legs_ms);
        let busy = state.burnt_cores
            + (AGENT_CORES + used_ms / 1000.0 / elapsed.max(0.001))
                * state.noise.factor(USE_SPREAD);
        // The kernel's load average of a minute.
        state.load1 += (busy - state.load1) * (elapsed / 60.0).min(1.0);
        let values = [
            (busy / cores * 100.0).min(100.0),
            memory * (1.0 + 0.002 * state.noise.around()),
            DISK_USED_PERCENT,
            state.load1,
            2.0e4 * state.noise.factor(0.1),
            2.0e4 * state.noise.factor(0.1),
        ];
        for (cell, value) in row.iter_mut().zip(values) {
            *cell = value as f32;
        }
    }
}
