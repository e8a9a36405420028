//! How long the bus keeps, waits and tries: the values of the real one (`arena-bus`), by which a simulated run takes as long as a live one.

pub use arena_proto::carriage::{
    ACK_PENDING_MAX, ACK_WAIT, ATTEMPT_EVERY, COMMANDS_MAX, DUPLICATE_WINDOW, EVENTS_MAX,
    KEEP_APPROVALS, KEEP_COMMANDS, KEEP_EVENTS, KEEP_LEASE, LEASE_ATTEMPT_MAX, LEASE_HOLD_MAX,
    LEASE_RENEW_EVERY, LEASE_RETRY_EVERY, LEASE_TAKE_EVERY, PING_EVERY, PINGS_MAX, PUBLISH_MAX,
    REQUEST_TIMEOUT, reconnect_pause,
};
