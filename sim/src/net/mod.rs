//! How good the network between the parties of an arena and its bus is: data, which a person writes or picks by name.
//!
//! Absent on purpose: messages ([`crate::bus`] carries them), and the network between services, whose faults live in legs
//! (`arena-faults`). Invariants: every defect is drawn from a stream of chance of its party and way, so that one party's defects never
//! shift another's; [`Network::quiet`] draws nothing at all.

mod clock;
mod link;
mod presets;

use std::collections::BTreeMap;
use std::time::Duration;

pub use clock::Clock;
pub use presets::PRESETS;

pub(crate) use link::{Kind, Passage, Way, retransmitted};

/// The network of an arena.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Network {
    /// Of every party that has none of its own.
    pub link: Link,
    /// Of single parties, by name: a node's, `detector`, `remediator`, `healer`, `injector`, `watcher`.
    pub parties: BTreeMap<String, Link>,
    /// Of the bus itself.
    pub server: Server,
}

/// A party's link to the bus, and its clock.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Link {
    /// From the party to the bus.
    pub out: Defects,
    /// From the bus to the party.
    pub back: Defects,
    /// When nothing gets through.
    pub cuts: Vec<Cut>,
    /// Cuts by chance, besides those; `None`: none.
    pub random_cuts: Option<RandomCuts>,
    /// The party's clock.
    pub clock: Skew,
}

/// What happens to a message on one way. A percentage of 0: never, 100: always.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Defects {
    /// What every message takes at least, in microseconds.
    pub delay_us: u64,
    /// What it may take more, in microseconds, each as likely. Alone it changes no order: a message that is ready waits for the one before.
    pub jitter_us: u64,
    /// Messages that do not arrive. What is lost for good is telemetry and canaries; what a stream or a bucket keeps, or shall keep, is
    /// told again later.
    pub loss_percent: f64,
    /// Messages that arrive twice.
    pub duplicate_percent: f64,
    /// Messages that take up to [`Defects::reorder_us`] more, and are overtaken.
    pub reorder_percent: f64,
    /// The most that a message that is overtaken takes more, in microseconds.
    pub reorder_us: u64,
}

impl Default for Defects {
    fn default() -> Self {
        Self {
            delay_us: presets::LAN_DELAY_US,
            jitter_us: 0,
            loss_percent: 0.0,
            duplicate_percent: 0.0,
            reorder_percent: 0.0,
            reorder_us: presets::REORDER_US,
        }
    }
}

/// A time in which nothing gets through. Connections outlive a short one: what waits in them arrives when it is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cut {
    /// Since the beginning of the run, in milliseconds.
    pub after_ms: u64,
    /// How long, in milliseconds.
    pub lasts_ms: u64,
    /// Which way.
    #[serde(default)]
    pub ways: Ways,
}

/// Which way something holds for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ways {
    /// From the party to the bus.
    Out,
    /// From the bus to the party.
    In,
    /// Both.
    #[default]
    Both,
}

/// Cuts that know nothing of each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RandomCuts {
    /// The mean time from the end of one to the next, in milliseconds; at least a second.
    pub every_ms: u64,
    /// The longest, in milliseconds; each length up to it is as likely.
    pub lasts_ms_max: u64,
}

/// How far a party's clock is off. What the bus stores is stamped by the bus's clock, which is right.
#[derive(Debug, Clone, Copy, PartialEq, Default, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Skew {
    /// Ahead of the bus's, in milliseconds; negative: behind.
    pub offset_ms: i64,
    /// At most so much more or less, by party, in milliseconds.
    pub offset_spread_ms: u64,
    /// How much faster it goes, in parts per million; negative: slower. Within ±1,000.
    pub drift_ppm: i32,
    /// At most so much faster or slower than that, by party.
    pub drift_spread_ppm: u32,
}

/// The bus itself.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    /// What storing a message takes, in microseconds: nothing is acknowledged before it is on disk.
    pub store_us: u64,
    /// When it is away. What it stored it still has.
    pub outages: Vec<Outage>,
    /// Outages by chance, besides those; `None`: none.
    pub random_outages: Option<RandomCuts>,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            store_us: presets::STORE_US,
            outages: Vec::new(),
            random_outages: None,
        }
    }
}

/// A time in which the bus is away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outage {
    /// Since the beginning of the run, in milliseconds.
    pub after_ms: u64,
    /// How long, in milliseconds.
    pub lasts_ms: u64,
}

impl Network {
    /// The link of a party.
    #[must_use]
    pub fn link_of(&self, party: &str) -> &Link {
        self.parties.get(party).unwrap_or(&self.link)
    }
}

impl Default for Network {
    fn default() -> Self {
        Self::quiet()
    }
}

pub(crate) const fn microseconds(count: u64) -> Duration {
    Duration::from_micros(count)
}

pub(crate) const fn milliseconds(count: u64) -> Duration {
    Duration::from_millis(count)
}
