//! What a villain may do at the most.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::time::Duration;

use arena_faults::FaultName;

/// What it may do at the most. The ceilings that hold for everybody come on top.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Budget {
    /// Faults in all. One that was refused does not count.
    pub faults: usize,
    /// Faults at once.
    pub at_once: usize,
    /// The mean pause from one fault's start to the next.
    pub every: Duration,
    /// Which.
    pub allowed: BTreeSet<FaultName>,
    /// How long each lives.
    pub ttl: RangeInclusive<Duration>,
    /// It stops so long after its start.
    pub total: Duration,
}

/// Faults in all, when nobody says: at [`EVERY`] enough to meet half of the catalogue in [`TOTAL`].
pub(crate) const FAULTS: u32 = 20;
/// A night's soak; beyond this, start another.
pub(crate) const FAULTS_RANGE: RangeInclusive<u32> = 1..=1000;
/// At once, when nobody says: two make cascades, three leave little to heal with in an arena of three nodes.
pub(crate) const AT_ONCE: u32 = 2;
/// Below [`crate::FAULTS_MAX`], so that a person's own fault is never refused for a villain's.
pub(crate) const AT_ONCE_RANGE: RangeInclusive<u32> = 1..=8;
/// The mean pause, when nobody says: an incident of the default arena is found and healed within about as much.
pub(crate) const EVERY: Duration = Duration::from_secs(20);
/// Below a second, nodes would have no time to say what became of the last.
pub(crate) const EVERY_RANGE: RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_hours(1);
/// How long a fault lives, when nobody says: longer than detecting and healing takes, short enough to meet several.
pub(crate) const TTL: RangeInclusive<Duration> = Duration::from_secs(10)..=Duration::from_secs(40);
/// It stops after so long, when nobody says.
pub(crate) const TOTAL: Duration = Duration::from_mins(10);
/// From one fault to a day: whoever wants more starts another.
pub(crate) const TOTAL_RANGE: RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_hours(24);
