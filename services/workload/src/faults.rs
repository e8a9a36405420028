//! The faults that this process makes in itself when the node asks over the control socket.
//!
//! Invariants: a fault ends by itself at its time to live, with nobody's help; [`Faults::list`] tells what is in effect and
//! not what was asked for; at most [`FAULTS_MAX`] at once.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::slowdown::Slowdown;
use crate::{clock, work};

/// The node has a ceiling of its own; this one protects a service that is used without a node.
const FAULTS_MAX: usize = 8;
/// Threads of one spike, as in the catalogue of faults: enough to crowd out everybody on a machine of four cores.
pub(crate) const CORES_MAX: u64 = 16;
/// The longest time to live: an hour, as in the contract.
const TTL_MS_MAX: u64 = 3_600_000;
/// A burner looks after its end after each 20,000 rounds, far more often than this.
const BURNER_POLL: Duration = Duration::from_millis(1);

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

/// What can be made here.
enum Effect {
    CpuSpike(Burner),
    StorageLatency(Arc<Slowdown>),
}

/// The faults in effect.
pub(crate) struct Faults {
    active: Mutex<BTreeMap<String, Effect>>,
    /// `None`: this role stores nothing.
    storage: Option<Arc<Slowdown>>,
}

impl Faults {
    /// None yet. `storage` is where `storage-latency` is put into effect, in a role that has storage.
    pub(crate) fn new(storage: Option<Arc<Slowdown>>) -> Self {
        Self {
            active: Mutex::default(),
            storage,
        }
    }

    /// Puts a fault into effect; one with the same id ends. The error is the reason, in plain words.
    pub(crate) fn apply(&self, id: &str, body: &FaultBody, now: Instant) -> Result<(), String> {
        if !(1..=TTL_MS_MAX).contains(&body.ttl_ms) {
            return Err(format!(
                "ttl_ms is {}: allowed 1 to {TTL_MS_MAX}",
                body.ttl_ms
            ));
        }
        let ends_at = now + Duration::from_millis(body.ttl_ms);
        let mut active = self.lock();
        active.retain(|id, effect| effect.is_live(id, now));
        if active.len() >= FAULTS_MAX && !active.contains_key(id) {
            return Err(format!(
                "{FAULTS_MAX} faults are in effect, and no more are allowed at once"
            ));
        }
        let effect = match body.fault.as_str() {
            "cpu-spike" => {
                let cores = cores(&body.params)?;
                Effect::CpuSpike(Burner::start(cores, ends_at).map_err(|error| error.to_string())?)
            }
            "storage-latency" => {
                let storage = self
                    .storage
                    .clone()
                    .ok_or("this role stores nothing: storage-latency is for the ledger")?;
                storage.insert(id, latency(&body.params)?, ends_at);
                Effect::StorageLatency(storage)
            }
            unknown => {
                let known = if self.storage.is_some() {
                    "cpu-spike, storage-latency"
                } else {
                    "cpu-spike"
                };
                return Err(format!(
                    "unknown fault {unknown:?}: this service makes {known}"
                ));
            }
        };
        if let Some(Effect::CpuSpike(replaced)) = active.insert(id.to_owned(), effect) {
            replaced.stop();
        }
        Ok(())
    }

    /// Ends a fault, and returns when it has ended. One that is not there has.
    pub(crate) async fn revert(&self, id: &str) {
        if let Some(effect) = self.lock().get(id) {
            effect.end(id);
        }
        while self
            .lock()
            .get(id)
            .is_some_and(|effect| effect.is_live(id, clock::now()))
        {
            tokio::time::sleep(BURNER_POLL).await;
        }
        self.lock().remove(id);
    }

    /// What is in effect now, by id.
    pub(crate) fn list(&self, now: Instant) -> Vec<FaultInEffect> {
        let mut active = self.lock();
        active.retain(|id, effect| effect.is_live(id, now));
        active
            .iter()
            .map(|(id, effect)| FaultInEffect {
                id: id.clone(),
                fault: effect.name(),
            })
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Effect>> {
        self.active.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Effect {
    fn name(&self) -> &'static str {
        match self {
            Self::CpuSpike(_) => "cpu-spike",
            Self::StorageLatency(_) => "storage-latency",
        }
    }

    fn is_live(&self, id: &str, now: Instant) -> bool {
        match self {
            Self::CpuSpike(burner) => burner.is_live(),
            Self::StorageLatency(storage) => storage.contains(id, now),
        }
    }

    fn end(&self, id: &str) {
        match self {
            Self::CpuSpike(burner) => burner.stop(),
            Self::StorageLatency(storage) => storage.remove(id),
        }
    }
}

/// Threads that burn a core each.
struct Burner {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Burner {
    fn start(cores: u64, ends_at: Instant) -> std::io::Result<Self> {
        let mut burner = Self {
            stop: Arc::default(),
            threads: Vec::new(),
        };
        for seed in 0..cores {
            let stop = Arc::clone(&burner.stop);
            let burn = move || {
                while !stop.load(Ordering::Relaxed) && clock::now() < ends_at {
                    work::burn(seed);
                }
            };
            let spawned = std::thread::Builder::new()
                .name("cpu-spike".into())
                .spawn(burn);
            match spawned {
                Ok(thread) => burner.threads.push(thread),
                Err(error) => {
                    burner.stop();
                    return Err(error);
                }
            }
        }
        Ok(burner)
    }

    fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    fn is_live(&self) -> bool {
        self.threads.iter().any(|thread| !thread.is_finished())
    }
}

/// Cores to burn, 1 to [`CORES_MAX`], 1 when not given.
fn cores(params: &BTreeMap<String, String>) -> Result<u64, String> {
    let text = only(params, "cores", "1")?;
    text.parse()
        .ok()
        .filter(|cores| (1..=CORES_MAX).contains(cores))
        .ok_or_else(|| format!("cores is {text:?}: allowed 1 to {CORES_MAX}"))
}

/// Delay before each sync, 1 ms to 10 s, 300 ms when not given.
fn latency(params: &BTreeMap<String, String>) -> Result<Duration, String> {
    let text = only(params, "latency", "300ms")?;
    humantime::parse_duration(text)
        .ok()
        .filter(|latency| (Duration::from_millis(1)..=Duration::from_secs(10)).contains(latency))
        .ok_or_else(|| format!("latency is {text:?}: allowed 1ms to 10s"))
}

/// The value of the one parameter that a fault has.
fn only<'a>(
    params: &'a BTreeMap<String, String>,
    name: &str,
    default: &'a str,
) -> Result<&'a str, String> {
    match params.keys().find(|given| given.as_str() != name) {
        Some(unknown) => Err(format!("unknown parameter {unknown:?}: there is {name}")),
        None => Ok(params.get(name).map_or(default, String::as_str)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(storage: bool, body: &str) -> String {
        let faults = Faults::new(storage.then(Arc::default));
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
                "ttl_ms is 0: allowed 1 to 3600000",
            ),
            (
                r#"{"fault":"cpu-spike","ttl_ms":9,"params":{"cores":"17"}}"#,
                "cores is \"17\": allowed 1 to 16",
            ),
            (
                r#"{"fault":"cpu-spike","ttl_ms":9,"params":{"core":"1"}}"#,
                "unknown parameter \"core\": there is cores",
            ),
            (
                r#"{"fault":"storage-latency","ttl_ms":9,"params":{"latency":"90s"}}"#,
                "latency is \"90s\": allowed 1ms to 10s",
            ),
            (
                r#"{"fault":"hang","ttl_ms":9}"#,
                "unknown fault \"hang\": this service makes cpu-spike, storage-latency",
            ),
        ];
        for (body, reason) in cases {
            assert_eq!(refusal(true, body), reason);
        }
        assert_eq!(
            refusal(false, r#"{"fault":"storage-latency","ttl_ms":9}"#),
            "this role stores nothing: storage-latency is for the ledger"
        );
    }

    #[test]
    fn no_more_than_the_ceiling_at_once() {
        let faults = Faults::new(Some(Arc::default()));
        let body = serde_json::from_str(r#"{"fault":"storage-latency","ttl_ms":1000}"#).unwrap();
        let now = clock::now();
        for index in 0..FAULTS_MAX {
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
}
