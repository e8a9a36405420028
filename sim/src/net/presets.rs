//! Networks that have a name.

use super::{Defects, Link, Network, RandomCuts, Server, Skew};

/// One way on a quiet LAN: a quarter of a request and its reply over nats-server, 335 µs at the median on loopback with async-nats 0.51.
pub(super) const LAN_DELAY_US: u64 = 85;
/// What a synced write adds: 476 µs a publish with `sync_interval: always`, 167 µs without, on the same machine.
pub(super) const STORE_US: u64 = 310;
/// Tens of messages of a LAN overtake one that is late by this.
pub(super) const REORDER_US: u64 = 10_000;

/// A preset's name and what it is for.
pub const PRESETS: [(&str, &str); 4] = [
    (
        "quiet",
        "a LAN on which nothing happens: a constant delay, no defect",
    ),
    (
        "lossy",
        "a LAN with a bad switch: jitter, some messages lost, doubled and overtaken",
    ),
    (
        "wan",
        "nodes in another region: tens of milliseconds, rare losses, clocks a little off",
    ),
    (
        "chaos",
        "everything at once: losses, partitions, a bus that restarts, clocks that are wrong",
    ),
];

impl Network {
    /// By its name, one of [`PRESETS`].
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "quiet" => Some(Self::quiet()),
            "lossy" => Some(Self::lossy()),
            "wan" => Some(Self::wan()),
            "chaos" => Some(Self::chaos()),
            _ => None,
        }
    }

    /// A LAN on which nothing happens.
    #[must_use]
    pub fn quiet() -> Self {
        Self {
            link: Link::default(),
            parties: std::collections::BTreeMap::new(),
            server: Server::default(),
        }
    }

    /// A LAN with a bad switch. Two percent is where TCP's throughput has collapsed and people call it broken.
    #[must_use]
    pub fn lossy() -> Self {
        let way = Defects {
            jitter_us: 500,
            loss_percent: 2.0,
            duplicate_percent: 1.0,
            reorder_percent: 1.0,
            ..Defects::default()
        };
        Self::both_ways(way)
    }

    /// Nodes in another region: 20 ms a way is what clouds publish between neighbouring regions; clocks as NTP over the internet keeps them.
    #[must_use]
    pub fn wan() -> Self {
        let way = Defects {
            delay_us: 20_000,
            jitter_us: 5_000,
            loss_percent: 0.1,
            ..Defects::default()
        };
        let mut network = Self::both_ways(way);
        network.link.clock = Skew {
            offset_spread_ms: 20,
            drift_spread_ppm: 10,
            ..Skew::default()
        };
        network
    }

    /// Everything at once. Partitions last up to 30 s, so that some are noticed by the client and some are not; clocks without NTP are off
    /// by half a second and drift as cheap quartz does.
    #[must_use]
    pub fn chaos() -> Self {
        let way = Defects {
            delay_us: 2_000,
            jitter_us: 20_000,
            loss_percent: 5.0,
            duplicate_percent: 5.0,
            reorder_percent: 5.0,
            reorder_us: 100_000,
        };
        let mut network = Self::both_ways(way);
        network.link.clock = Skew {
            offset_spread_ms: 500,
            drift_spread_ppm: 100,
            ..Skew::default()
        };
        network.link.random_cuts = Some(RandomCuts {
            every_ms: 10 * 60 * 1000,
            lasts_ms_max: 30_000,
        });
        network.server.random_outages = Some(RandomCuts {
            every_ms: 10 * 60 * 1000,
            lasts_ms_max: 5_000,
        });
        network
    }

    fn both_ways(way: Defects) -> Self {
        let link = Link {
            out: way,
            back: way,
            ..Link::default()
        };
        Self {
            link,
            ..Self::quiet()
        }
    }
}
