//! What can go wrong on the bus.

/// An operation on the bus that failed.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    /// No server answered in time.
    #[error(
        "no NATS server at {url}: {cause}. Start one with `arena up`, or name another with --nats-url or NATS_URL"
    )]
    NoServer {
        /// Where it was looked for, without a password.
        url: String,
        /// What the client says.
        cause: String,
    },
    /// The server does not let this role in.
    #[error(
        "the NATS server at {url} does not know the role {role}: it runs without this project's nats.conf"
    )]
    Refused {
        /// Where.
        url: String,
        /// Who asked.
        role: &'static str,
    },
    /// The server is too old.
    #[error(
        "nats-server {found} is too old: Arena needs {needed} or newer, because older ones silently ignore consumer filters"
    )]
    TooOld {
        /// Its version.
        found: String,
        /// The oldest that will do.
        needed: &'static str,
    },
    /// The server does not keep streams.
    #[error(
        "the NATS server runs without JetStream: start it with this project's nats.conf, or with -js"
    )]
    NoJetStream,
    /// A stream or bucket is not what was asked for.
    #[error(
        "stream {stream}: the server made {field} {found} where {asked} was asked for; it does not know this setting, or \
         somebody else changed the stream at the same time"
    )]
    StreamDiffers {
        /// Which one.
        stream: String,
        /// Which setting.
        field: &'static str,
        /// What was asked.
        asked: String,
        /// What the server made of it.
        found: String,
    },
    /// A stream, bucket or consumer could not be made or read.
    #[error("{what}: {cause}")]
    JetStream {
        /// What was tried.
        what: String,
        /// What the server says.
        cause: String,
    },
    /// Not stored in time: the server is away, or does not let this role publish there.
    #[error("publishing on {subject}: {cause}")]
    Publish {
        /// Where.
        subject: String,
        /// What the last attempt said.
        cause: String,
    },
    /// A value whose name cannot be a key; nothing was written.
    #[error("{key:?} cannot be a key: use 1 to 128 of A-Z, a-z, 0-9, '-', '_' and '='")]
    NoKey {
        /// The name.
        key: String,
    },
    /// The server could not be told that a message was dealt with; it will come again.
    #[error("acking a message: {cause}")]
    Ack {
        /// What the client says.
        cause: String,
    },
    /// The connection is down; nothing was sent.
    #[error("not connected to NATS")]
    Disconnected,
    /// A subscription was refused.
    #[error("subscribing to {subject}: {cause}")]
    Subscribe {
        /// To what.
        subject: String,
        /// What the client says.
        cause: String,
    },
    /// Nobody answers for this service.
    #[error("{service} is not running")]
    NotRunning {
        /// Which one.
        service: String,
    },
    /// It did not answer in time.
    #[error("{service} did not answer within {seconds} s")]
    NoAnswer {
        /// Which one.
        service: String,
        /// How long was waited.
        seconds: u64,
    },
    /// It answered that it cannot.
    #[error("{service}: {message}")]
    Answered {
        /// Which one.
        service: String,
        /// As HTTP's: 404 where there is no such thing.
        code: u16,
        /// What it says.
        message: String,
    },
    /// The answer is not what was agreed.
    #[error("{service} answered what is no reply: {cause}")]
    BadAnswer {
        /// Which one.
        service: String,
        /// What is wrong with it.
        cause: String,
    },
    /// A request could not be written as JSON.
    #[error("writing the request: {0}")]
    BadRequest(#[source] serde_json::Error),
    /// A service could not be registered.
    #[error("registering {service}: {cause}")]
    Register {
        /// Which one.
        service: String,
        /// What the client says.
        cause: String,
    },
}
