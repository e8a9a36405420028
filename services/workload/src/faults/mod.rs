//! The faults that this process makes in itself when the node asks over the control socket: one file each.
//!
//! Invariants: a fault ends by itself at its time to live, with nobody's help; [`Faults::list`] tells what is in effect and
//! not what was asked for; whatever is asked for, no more than the catalogue's ceilings at once.

mod cpu_spike;
mod deadlock;
mod fd_leak;
mod leak;
mod load_surge;
mod memory_leak;
mod storage_error;
mod storage_latency;
mod thread_leak;
mod timed;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arena_faults::{Fault, FaultName, Params, limits};
use serde::{Deserialize, Serialize};

pub(crate) use self::deadlock::Gate;
pub(crate) use self::load_surge::Surge;
pub(crate) use self::storage_error::Breakage;
pub(crate) use self::storage_latency::Slowdown;

use self::cpu_spike::CpuSpike;
use self::fd_leak::Files;
use self::leak::{Growth, Leak};
use self::memory_leak::Memory;
use self::thread_leak::Threads;
use crate::clock;

/// Between two looks whether a fault that was told to end has ended.
const END_POLL: Duration = Duration::from_millis(1);

/// The body of `PUT /faults/<id>`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FaultBody {
    fault: String,
    #[serde(default)]
    params: BTreeMap<String, String>,
    ttl_ms: u64,
}

/// One fault that is in effect.
#[derive(Debug, Serialize)]
pub(crate) struct FaultInEffect {
    id: String,
    fault: &'static str,
}

/// Where faults are put into effect in this process; `None` where its role has no such place.
#[derive(Default)]
pub(crate) struct Sites {
    /// Of a role that answers requests.
    pub(crate) gate: Option<Arc<Gate>>,
    /// Of a role that stores something.
    pub(crate) storage: Option<StorageSites>,
    /// Of the users.
    pub(crate) surge: Option<Arc<Surge>>,
}

/// Where faults of the storage are put into effect.
#[derive(Clone, Default)]
pub(crate) struct StorageSites {
    pub(crate) slowdown: Arc<Slowdown>,
    pub(crate) breakage: Arc<Breakage>,
}

/// A fault that is in effect, or is about to end.
trait Effect: Send {
    /// Something of it is left.
    fn is_live(&self, now: Instant) -> bool;

    /// Asks for its end; [`Effect::is_live`] tells when that has come.
    fn end(&self);
}

/// An effect that is an entry at its site.
struct Switch<S> {
    site: Arc<S>,
    id: String,
}

struct Active {
    name: FaultName,
    /// What it takes of what [`ceiling`] limits.
    amount: u64,
    effect: Box<dyn Effect>,
}

/// The faults in effect.
pub(crate) struct Faults {
    active: Mutex<BTreeMap<String, Active>>,
    sites: Sites,
}

impl Faults {
    /// None yet.
    pub(crate) fn new(sites: Sites) -> Self {
        Self {
            active: Mutex::default(),
            sites,
        }
    }

    /// The names of the faults that can be made here. `disk-full` is made by the node, in the folder of a service that obeys it.
    pub(crate) fn makes(&self) -> Vec<&'static str> {
        let role = [
            (self.sites.gate.is_some(), FaultName::Deadlock),
            (self.sites.storage.is_some(), FaultName::StorageLatency),
            (self.sites.storage.is_some(), FaultName::StorageError),
            (self.sites.storage.is_some(), FaultName::DiskFull),
            (self.sites.surge.is_some(), FaultName::LoadSurge),
        ];
        let everywhere = [
            FaultName::CpuSpike,
            FaultName::MemoryLeak,
            FaultName::FdLeak,
            FaultName::ThreadLeak,
        ];
        let of_role = role
            .into_iter()
            .filter_map(|(has, name)| has.then_some(name));
        everywhere
            .into_iter()
            .chain(of_role)
            .map(FaultName::as_str)
            .collect()
    }

    /// Puts a fault into effect; one with the same id ends. The error is the reason, in plain words.
    pub(crate) fn apply(&self, id: &str, body: &FaultBody, now: Instant) -> Result<(), String> {
        let ttl_ms_max = u64::try_from(limits::TTL_MAX.as_millis()).unwrap_or(u64::MAX);
        if !(1..=ttl_ms_max).contains(&body.ttl_ms) {
            return Err(format!(
                "ttl_ms is {}: allowed 1 to {ttl_ms_max}",
                body.ttl_ms
            ));
        }
        let fault = Fault::named(&body.fault).map_err(|error| error.to_string())?;
        if !self.makes().contains(&fault.name.as_str()) {
            let made = self.makes().join(", ");
            return Err(format!(
                "this service does not make {}: it makes {made}",
                fault.name
            ));
        }
        let params = fault
            .fill(&body.params)
            .map_err(|error| error.to_string())?;
        let ends_at = now + Duration::from_millis(body.ttl_ms);
        let amount = amount(fault.name, &params);
        let mut active = self.lock();
        active.retain(|_, fault| fault.effect.is_live(now));
        check_ceilings(
            active
                .iter()
                .filter(|(other, _)| *other != id)
                .map(|(_, other)| other),
            fault.name,
            amount,
        )?;
        if let Some(replaced) = active.remove(id) {
            replaced.effect.end();
        }
        let effect = self.start(id, fault.name, &params, ends_at)?;
        let name = fault.name;
        active.insert(
            id.to_owned(),
            Active {
                name,
                amount,
                effect,
            },
        );
        Ok(())
    }

    /// The error is the reason, in plain words.
    fn start(
        &self,
        id: &str,
        name: FaultName,
        params: &Params,
        ends_at: Instant,
    ) -> Result<Box<dyn Effect>, String> {
        let growth = || Growth {
            rate: params.count("rate"),
            ceiling: params.count("ceiling"),
        };
        let leak = |leak: std::io::Result<Leak>| -> Result<Box<dyn Effect>, String> {
            Ok(Box::new(leak.map_err(|error| error.to_string())?))
        };
        match (name, &self.sites) {
            (FaultName::CpuSpike, _) => {
                let spike = CpuSpike::start(params.count("cores"), ends_at);
                Ok(Box::new(spike.map_err(|error| error.to_string())?))
            }
            (FaultName::MemoryLeak, _) => {
                let memory = Memory::reserve(params.count("ceiling"))?;
                leak(Leak::start("memory-leak", growth(), ends_at, memory))
            }
            (FaultName::FdLeak, _) => {
                leak(Leak::start("fd-leak", growth(), ends_at, Files::default()))
            }
            (FaultName::ThreadLeak, _) => leak(Leak::start(
                "thread-leaker",
                growth(),
                ends_at,
                Threads::default(),
            )),
            (
                FaultName::Deadlock,
                Sites {
                    gate: Some(gate), ..
                },
            ) => {
                gate.hold(id, ends_at);
                Ok(Switch::boxed(gate, id))
            }
            (
                FaultName::StorageLatency,
                Sites {
                    storage: Some(storage),
                    ..
                },
            ) => {
                storage
                    .slowdown
                    .slow(id, params.duration("latency"), ends_at);
                Ok(Switch::boxed(&storage.slowdown, id))
            }
            (
                FaultName::StorageError,
                Sites {
                    storage: Some(storage),
                    ..
                },
            ) => {
                storage.breakage.fail(id, params.count("share"), ends_at);
                Ok(Switch::boxed(&storage.breakage, id))
            }
            (
                FaultName::LoadSurge,
                Sites {
                    surge: Some(surge), ..
                },
            ) => {
                let factor = u32::try_from(params.count("factor")).unwrap_or(u32::MAX);
                surge.swell(id, factor, ends_at);
                Ok(Switch::boxed(surge, id))
            }
            _ => Err(format!(
                "the node makes {name}: with the file `quota` in this service's folder"
            )),
        }
    }

    /// Ends a fault, and returns when it has ended. One that is not there has.
    pub(crate) async fn revert(&self, id: &str) {
        if let Some(fault) = self.lock().get(id) {
            fault.effect.end();
        }
        while self
            .lock()
            .get(id)
            .is_some_and(|fault| fault.effect.is_live(clock::now()))
        {
            tokio::time::sleep(END_POLL).await;
        }
        self.lock().remove(id);
    }

    /// What is in effect now, by id.
    pub(crate) fn list(&self, now: Instant) -> Vec<FaultInEffect> {
        let mut active = self.lock();
        active.retain(|_, fault| fault.effect.is_live(now));
        active
            .iter()
            .map(|(id, fault)| FaultInEffect {
                id: id.clone(),
                fault: fault.name.as_str(),
            })
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Active>> {
        self.active.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Send + Sync + 'static> Switch<S>
where
    Self: Effect,
{
    fn boxed(site: &Arc<S>, id: &str) -> Box<dyn Effect> {
        Box::new(Self {
            site: Arc::clone(site),
            id: id.to_owned(),
        })
    }
}

/// What a fault takes of what [`ceiling`] limits.
fn amount(name: FaultName, params: &Params) -> u64 {
    match name {
        FaultName::CpuSpike => params.count("cores"),
        FaultName::MemoryLeak | FaultName::FdLeak | FaultName::ThreadLeak => {
            params.count("ceiling")
        }
        _ => 0,
    }
}

/// What all faults of one name may take together, and of what.
fn ceiling(name: FaultName) -> Option<(u64, &'static str)> {
    match name {
        FaultName::CpuSpike => Some((limits::CORES_MAX, "busy threads")),
        FaultName::MemoryLeak => Some((limits::MEMORY_MIB_MAX, "MiB of memory")),
        FaultName::FdLeak => Some((limits::FILES_MAX, "open files")),
        FaultName::ThreadLeak => Some((limits::THREADS_MAX, "threads")),
        _ => None,
    }
}

/// The node has ceilings of its own; these protect a service that is used without a node.
fn check_ceilings<'a>(
    others: impl Iterator<Item = &'a Active> + Clone,
    name: FaultName,
    amount: u64,
) -> Result<(), String> {
    let most = limits::PER_NODE_MAX;
    if others.clone().count() >= most {
        return Err(format!(
            "{most} faults are in effect, and no more are allowed at once"
        ));
    }
    if let Some((most, what)) = ceiling(name) {
        let taken: u64 = others
            .filter(|other| other.name == name)
            .map(|other| other.amount)
            .sum();
        if taken + amount > most {
            return Err(format!(
                "faults in effect take {taken} {what}; with {amount} more that is above {most}"
            ));
        }
    }
    let floor = limits::MEMORY_FLOOR_MIB;
    match memory_leak::available_mib() {
        Some(available) if name == FaultName::MemoryLeak && available < floor + amount => {
            Err(format!(
                "{available} MiB of the machine's memory are available, and {floor} of them must stay so"
            ))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(storage: bool, body: &str) -> String {
        let faults = Faults::new(Sites {
            storage: storage.then(StorageSites::default),
            ..Sites::default()
        });
        let body = serde_json::from_str(body).unwrap();
        let reason = faults.apply("flt-1", &body, clock::now()).unwrap_err();
        assert!(faults.list(clock::now()).is_empty());
        reason
    }

    #[test]
    fn a_refusal_says_what_is_allowed() {
        let cases = [
            (
                r#"{"fault":"cpu-spike","ttl_ms":0}"#,
                "ttl_ms is 0: allowed 1 to 600000",
            ),
            (
                r#"{"fault":"cpu-spike","ttl_ms":9,"params":{"cores":"17"}}"#,
                "cores is 17: allowed 1 to 16",
            ),
            (
                r#"{"fault":"cpu-spike","ttl_ms":9,"params":{"core":"1"}}"#,
                "cpu-spike has no parameter \"core\" (did you mean \"cores\"?); it has cores",
            ),
            (
                r#"{"fault":"storage-latency","ttl_ms":9,"params":{"latency":"90s"}}"#,
                "latency is 90s: allowed 1ms to 10s",
            ),
            (
                r#"{"fault":"hang","ttl_ms":9}"#,
                "this service does not make hang: it makes cpu-spike, memory-leak, fd-leak, thread-leak, storage-latency, storage-error, disk-full",
            ),
        ];
        for (body, reason) in cases {
            assert_eq!(refusal(true, body), reason);
        }
        assert_eq!(
            refusal(false, r#"{"fault":"storage-latency","ttl_ms":9}"#),
            "this service does not make storage-latency: it makes cpu-spike, memory-leak, fd-leak, thread-leak"
        );
    }

    #[test]
    fn no_more_than_the_ceiling_at_once() {
        let faults = Faults::new(Sites {
            storage: Some(StorageSites::default()),
            ..Sites::default()
        });
        let body = serde_json::from_str(r#"{"fault":"storage-latency","ttl_ms":1000}"#).unwrap();
        let now = clock::now();
        for index in 0..limits::PER_NODE_MAX {
            faults.apply(&format!("flt-{index}"), &body, now).unwrap();
        }
        assert!(faults.apply("flt-one-more", &body, now).is_err());
        faults.apply("flt-0", &body, now).unwrap();
        let later = now + Duration::from_secs(1);
        assert!(
            faults.list(later).is_empty(),
            "all have ended by themselves"
        );
        faults.apply("flt-one-more", &body, later).unwrap();
    }

    #[test]
    fn all_of_a_kind_stay_below_the_ceiling_together() {
        let faults = Faults::new(Sites::default());
        let now = clock::now();
        let spike = |cores: u64| {
            let body = serde_json::json!({
                "fault": "cpu-spike", "params": { "cores": cores.to_string() }, "ttl_ms": 1,
            });
            serde_json::from_value(body).unwrap()
        };
        faults
            .apply("flt-1", &spike(16), now + Duration::from_mins(1))
            .unwrap();
        assert_eq!(
            faults.apply("flt-2", &spike(1), now).unwrap_err(),
            "faults in effect take 16 busy threads; with 1 more that is above 16"
        );
        faults.apply("flt-1", &spike(16), now).unwrap();
    }
}
