//! How much and how long: each limit of the gateway at one place, for `--help` and for who enforces it.

use std::time::Duration;

/// The largest body: Alertmanager's largest groups and a node's telemetry of a minute are a tenth of it.
pub const BODY_BYTES_MAX: usize = 1024 * 1024;

/// How long a body may take: over the slowest line that a person would work on, the largest takes about that long.
pub const BODY_TIME_MAX: Duration = Duration::from_secs(8);

/// How long a handler may take until its answer begins: two requests to a component of the bus (5 s each) and a body.
/// What follows, as of an event stream, is not limited by it.
pub const HANDLER_TIME_MAX: Duration = Duration::from_secs(20);

/// How long the head of a request may take, and a connection without a request may stay: browsers open a new one at once.
pub const HEAD_TIME_MAX: Duration = Duration::from_secs(10);

/// The largest head: ours are below 1 KiB, and cookies of other programs on localhost may add some.
pub const HEAD_BYTES_MAX: usize = 64 * 1024;

/// How long a client may take nothing of what is sent to it. The event `alive` of every 5 s shows who is gone.
pub const STALL_TIME_MAX: Duration = Duration::from_secs(10);

/// Connections at once: 1,000 event streams, and what their pages ask beside.
pub const CONNECTIONS_MAX: usize = 1_500;

/// Of these, from one address that is not this machine's: a browser opens 6 a site, and several people may share an address.
pub const CONNECTIONS_PER_ADDRESS_MAX: usize = 256;

/// Connections beyond the limit that are still told so; what is more is closed without a word.
pub const CONNECTIONS_REFUSED_MAX: usize = 100;

/// Requests a second of one address, lasting, and at once. A page asks for about 20 when it opens.
pub const RATE: Rate = Rate {
    per_second: 100,
    burst: 400,
};

/// The same of this machine, where load tests and scripts run: five times what is promised.
pub const RATE_LOOPBACK: Rate = Rate {
    per_second: 1_000,
    burst: 4_000,
};

/// Addresses whose rate is remembered; who has been quiet is forgotten before that.
pub const RATE_ADDRESSES_MAX: usize = 10_000;

/// How long open answers have to end when the gateway is told to stop. Event streams never do by themselves.
pub const DRAIN_TIME_MAX: Duration = Duration::from_secs(1);

/// How often somebody may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Lasting.
    pub per_second: u32,
    /// At once.
    pub burst: u32,
}

/// The limits as `--help` tells them, each with what becomes of who is beyond it.
#[must_use]
pub fn help() -> String {
    format!(
        "\
Limits:
  body          {} KiB, within {BODY_TIME_MAX:?}: 413, 408
  head          {} KiB, within {HEAD_TIME_MAX:?}: 431, cut off
  handler       {HANDLER_TIME_MAX:?} until its answer begins: 504
  reader        {STALL_TIME_MAX:?} without taking anything: cut off
  connections   {CONNECTIONS_MAX} at once, {CONNECTIONS_PER_ADDRESS_MAX} from one other machine: 429
  requests      {} a second from this machine ({} at once), {} from each other ({} at once): 429",
        BODY_BYTES_MAX / 1024,
        HEAD_BYTES_MAX / 1024,
        RATE_LOOPBACK.per_second,
        RATE_LOOPBACK.burst,
        RATE.per_second,
        RATE.burst,
    )
}
