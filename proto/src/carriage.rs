//! How long the bus keeps, waits and tries, written once: the real bus (`arena-bus`) and the one of the simulator hold to the same.

use std::time::Duration;

/// What a person looks back for.
pub const KEEP_EVENTS: Duration = Duration::from_hours(30 * 24);
/// A command that nobody took for a minute must not be done later, when the world has changed.
pub const KEEP_COMMANDS: Duration = Duration::from_mins(1);
/// What a person answered about a plan is of no use later: the question expires within minutes.
pub const KEEP_APPROVALS: Duration = Duration::from_hours(1);
/// How long a lease holds after its last renewal: how long nobody acts after a remediator was killed. Three renewals, so
/// that a slow one does not lose it.
pub const KEEP_LEASE: Duration = Duration::from_secs(3);
/// A publisher gives up after seconds ([`PUBLISH_MAX`]); two minutes, the server's own default, is far beyond. No
/// stream's window may be longer than its age.
pub const DUPLICATE_WINDOW: Duration = Duration::from_mins(2);
/// The messages that a stream holds at most, should they be smaller than expected: keeps the server's index in memory
/// small.
pub const EVENTS_MAX: u32 = 200_000;
/// Commands in one minute: more means that something is mad.
pub const COMMANDS_MAX: u32 = 10_000;

/// How long a message may be worked on before the server offers it again; longer work calls `progress()`. Short,
/// because after a crash the next owner waits for it.
pub const ACK_WAIT: Duration = Duration::from_secs(15);
/// Messages that are out and not acked: above any batch of ours, and a bound on what a reader holds.
pub const ACK_PENDING_MAX: u32 = 1024;

/// How long a publisher tries: a server that is restarted is back within seconds, and who waits longer holds up its
/// component. Far below the duplicate window, so that what is tried again is stored once.
pub const PUBLISH_MAX: Duration = Duration::from_secs(10);
/// Between two attempts to publish, for a server that is just coming up.
pub const ATTEMPT_EVERY: Duration = Duration::from_millis(100);
/// How long a request to the server may take. Loopback answers within a millisecond; a synced write on a slow disk
/// takes tens.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// Between two pings of the server.
pub const PING_EVERY: Duration = Duration::from_secs(10);
/// The client gives a connection up at the first ping with more than so many before it unanswered. (A process that died is noticed at once:
/// its socket closes.)
pub const PINGS_MAX: u32 = 2;
/// The longest pause between attempts to reconnect: healing waits for it.
const RECONNECT_PAUSE_MAX: Duration = Duration::from_secs(1);

/// The pause before an attempt to reconnect, counted from 0: at once, then doubling from 50 ms.
#[must_use]
pub fn reconnect_pause(attempt: usize) -> Duration {
    let doublings = u32::try_from(attempt.saturating_sub(1)).unwrap_or(u32::MAX);
    match attempt {
        0 | 1 => Duration::ZERO,
        _ => Duration::from_millis(50)
            .saturating_mul(2_u32.saturating_pow(doublings.saturating_sub(1)))
            .min(RECONNECT_PAUSE_MAX),
    }
}

/// Between two renewals of a lease: three fit into [`KEEP_LEASE`].
pub const LEASE_RENEW_EVERY: Duration = Duration::from_secs(1);
/// How long a holder counts on its lease after it asked for the last renewal that was confirmed. Shorter than
/// [`KEEP_LEASE`] by what a holder may need to stop: a busy machine wakes it late.
pub const LEASE_HOLD_MAX: Duration = Duration::from_millis(2500);
/// Between two attempts at a renewal that got no answer.
pub const LEASE_RETRY_EVERY: Duration = Duration::from_millis(100);
/// How long one attempt at a lease may take: well within [`LEASE_HOLD_MAX`], so that another one can follow.
pub const LEASE_ATTEMPT_MAX: Duration = Duration::from_secs(1);
/// Between two attempts to take a lease of whose holder nothing was heard. Nobody is told when a key runs out.
pub const LEASE_TAKE_EVERY: Duration = Duration::from_millis(500);
/// The low half of a fence counts the writes to a bucket: one a second for a century. The high half tells buckets apart.
const LEASE_REVISION_BITS: u32 = 32;

/// The fencing token of who takes a lease: `created_at_seconds` of its bucket (Unix), and the revision of the write that took it.
#[must_use]
pub fn lease_fence(created_at_seconds: i64, revision: u64) -> u64 {
    let epoch = u64::try_from(created_at_seconds).unwrap_or_default();
    (epoch << LEASE_REVISION_BITS).saturating_add(revision)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fence_grows_with_each_write_and_with_each_bucket() {
        let fences = [
            lease_fence(1_700_000_000, 1),
            lease_fence(1_700_000_000, 2),
            lease_fence(1_700_000_000, u64::from(u32::MAX)),
            lease_fence(1_700_000_001, 1),
        ];
        assert!(fences.is_sorted_by(|earlier, later| earlier < later));
    }

    #[test]
    fn a_holder_stops_before_its_lease_runs_out() {
        assert!(LEASE_HOLD_MAX < KEEP_LEASE);
        assert!(LEASE_RENEW_EVERY + LEASE_ATTEMPT_MAX < LEASE_HOLD_MAX);
    }

    #[test]
    fn reconnecting_never_waits_long() {
        let pauses: Vec<_> = (0..9)
            .map(|attempt| reconnect_pause(attempt).as_millis())
            .collect();
        assert_eq!(pauses, [0, 0, 50, 100, 200, 400, 800, 1000, 1000]);
        assert_eq!(reconnect_pause(usize::MAX), RECONNECT_PAUSE_MAX);
    }
}
