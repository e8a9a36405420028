//! The faults that this node can make, with the ranges that it enforces whatever the asker believes them to be.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use arena_proto::FaultReason;

/// Busy threads of one spike: enough to crowd out everybody on a machine of four cores, too few to bring one down.
const CORES_MAX: u32 = 16;

/// A fault and its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FaultKind {
    /// The service burns this many cores, 1 to 16.
    CpuSpike {
        /// Busy threads.
        cores: u32,
    },
    /// Requests to the service wait in its inbound leg.
    NetworkDelay {
        /// The mean wait, 1 ms to 30 s.
        latency: Duration,
        /// The wait differs by at most this much, up to the latency itself.
        jitter: Duration,
    },
    /// The service waits before each fsync.
    StorageLatency {
        /// How long, 1 ms to 10 s.
        latency: Duration,
    },
    /// SIGKILL.
    Crash,
    /// SIGSTOP.
    Hang,
}

/// What a fault lives in: when that is replaced, the fault is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrier {
    /// The service's process group.
    Process,
    /// The sidecar's inbound leg.
    Leg,
    /// Nothing: it is done the moment it is made.
    Nothing,
}

/// A fault that the node does not take.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadFault {
    /// Not in the catalogue.
    #[error(
        "there is no fault {name:?}: it is one of cpu-spike, network-delay, storage-latency, crash and hang"
    )]
    Unknown {
        /// What was asked for.
        name: String,
    },
    /// No such parameter.
    #[error("{fault} has no parameter {name:?}")]
    UnknownParameter {
        /// Of which fault.
        fault: &'static str,
        /// What was given.
        name: String,
    },
    /// Out of its range, or not what it should be.
    #[error("{fault}: {name} is {value:?}, but must be {range}")]
    BadParameter {
        /// Of which fault.
        fault: &'static str,
        /// Which parameter.
        name: &'static str,
        /// What was given.
        value: String,
        /// What it must be.
        range: &'static str,
    },
}

impl BadFault {
    /// The word for it.
    #[must_use]
    pub const fn reason(&self) -> FaultReason {
        match self {
            Self::Unknown { .. } => FaultReason::UnknownFault,
            Self::UnknownParameter { .. } | Self::BadParameter { .. } => FaultReason::BadParameter,
        }
    }
}

impl FaultKind {
    /// Reads and checks a fault as it came over the bus.
    pub fn parse(name: &str, params: &BTreeMap<String, String>) -> Result<Self, BadFault> {
        let (fault, known): (&'static str, &[&str]) = match name {
            "cpu-spike" => ("cpu-spike", &["cores"]),
            "network-delay" => ("network-delay", &["latency", "jitter"]),
            "storage-latency" => ("storage-latency", &["latency"]),
            "crash" => ("crash", &[]),
            "hang" => ("hang", &[]),
            _ => {
                return Err(BadFault::Unknown {
                    name: name.chars().take(80).collect(),
                });
            }
        };
        if let Some(stranger) = params.keys().find(|key| !known.contains(&key.as_str())) {
            return Err(BadFault::UnknownParameter {
                fault,
                name: stranger.chars().take(80).collect(),
            });
        }
        let params = Params { fault, params };
        let ms = Duration::from_millis;
        Ok(match fault {
            "cpu-spike" => Self::CpuSpike {
                cores: params.cores()?,
            },
            "network-delay" => {
                let range = ms(1)..=ms(30_000);
                let latency =
                    params.duration("latency", ms(400), &range, "a duration of 1ms to 30s")?;
                let range = Duration::ZERO..=latency;
                let jitter =
                    params.duration("jitter", ms(0), &range, "a duration of 0ms to the latency")?;
                Self::NetworkDelay { latency, jitter }
            }
            "storage-latency" => {
                let range = ms(1)..=ms(10_000);
                let latency =
                    params.duration("latency", ms(300), &range, "a duration of 1ms to 10s")?;
                Self::StorageLatency { latency }
            }
            "crash" => Self::Crash,
            _ => Self::Hang,
        })
    }

    /// Its name in the catalogue.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::CpuSpike { .. } => "cpu-spike",
            Self::NetworkDelay { .. } => "network-delay",
            Self::StorageLatency { .. } => "storage-latency",
            Self::Crash => "crash",
            Self::Hang => "hang",
        }
    }

    /// Its parameters as text, with the defaults filled in; [`FaultKind::parse`] reads them back.
    #[must_use]
    pub fn params(&self) -> BTreeMap<String, String> {
        let pairs = match self {
            Self::CpuSpike { cores } => vec![("cores", cores.to_string())],
            Self::NetworkDelay { latency, jitter } => {
                vec![("latency", pretty(latency)), ("jitter", pretty(jitter))]
            }
            Self::StorageLatency { latency } => vec![("latency", pretty(latency))],
            Self::Crash | Self::Hang => vec![],
        };
        pairs
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    }

    /// What it lives in.
    #[must_use]
    pub const fn carrier(&self) -> Carrier {
        match self {
            Self::CpuSpike { .. } | Self::StorageLatency { .. } | Self::Hang => Carrier::Process,
            Self::NetworkDelay { .. } => Carrier::Leg,
            Self::Crash => Carrier::Nothing,
        }
    }
}

/// Zero is "0ms": humantime would write "0s", and a jitter is thought of in milliseconds.
fn pretty(duration: &Duration) -> String {
    if duration.is_zero() {
        "0ms".to_owned()
    } else {
        humantime::format_duration(*duration).to_string()
    }
}

struct Params<'a> {
    fault: &'static str,
    params: &'a BTreeMap<String, String>,
}

impl Params<'_> {
    fn cores(&self) -> Result<u32, BadFault> {
        let Some(text) = self.params.get("cores") else {
            return Ok(1);
        };
        text.parse()
            .ok()
            .filter(|cores| (1..=CORES_MAX).contains(cores))
            .ok_or_else(|| self.bad("cores", text, "a whole number from 1 to 16"))
    }

    fn duration(
        &self,
        name: &'static str,
        default: Duration,
        range: &RangeInclusive<Duration>,
        words: &'static str,
    ) -> Result<Duration, BadFault> {
        let Some(text) = self.params.get(name) else {
            return Ok(default);
        };
        humantime::parse_duration(text)
            .ok()
            .filter(|duration| range.contains(duration))
            .ok_or_else(|| self.bad(name, text, words))
    }

    fn bad(&self, name: &'static str, value: &str, range: &'static str) -> BadFault {
        BadFault::BadParameter {
            fault: self.fault,
            name,
            value: value.chars().take(80).collect(),
            range,
        }
    }
}
