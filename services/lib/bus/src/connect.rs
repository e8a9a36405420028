//! Finding the server, and what is checked before anything is said to it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arena_proto::carriage::{PING_EVERY, REQUEST_TIMEOUT, reconnect_pause};
use async_nats::{ConnectErrorKind, ConnectOptions, Event, ServerAddr};
use tokio::sync::watch;

use crate::{BusError, Role};

/// Where the server is.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct NatsArgs {
    /// The NATS server
    #[arg(
        long,
        env = "NATS_URL",
        // It may hold a password.
        hide_env_values = true,
        value_name = "URL",
        default_value = "nats://127.0.0.1:4222"
    )]
    pub nats_url: String,
}

/// How patient a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    /// For a service: waits for a server that is still starting.
    Long,
    /// For a command line: a person waits.
    Short,
}

impl Patience {
    const fn limit(self) -> Duration {
        match self {
            // A server that recovers large streams from disk takes seconds.
            Self::Long => Duration::from_secs(30),
            Self::Short => Duration::from_secs(2),
        }
    }
}

/// Between two attempts at a server that is not there: it starts within milliseconds.
const ATTEMPT_EVERY: Duration = Duration::from_millis(100);
/// Messages that wait for one reader: four seconds of a thousand nodes. It counts messages, not bytes: at the 11 KB of a
/// node with a hundred services these are 45 MB. What is more is dropped, counted and shown.
const SUBSCRIPTION_CAPACITY: usize = 4096;

/// The oldest server that will do.
const VERSION_NEEDED: (u64, u64) = (2, 10);
const VERSION_NEEDED_TEXT: &str = "2.10";

/// A connection, and what is known about it.
pub(crate) struct Connection {
    pub(crate) client: async_nats::Client,
    pub(crate) connected: watch::Receiver<bool>,
    pub(crate) slow: Arc<AtomicU64>,
}

pub(crate) async fn connect(
    args: &NatsArgs,
    role: Role,
    name: &str,
    patience: Patience,
) -> Result<Connection, BusError> {
    let (way, mut connected) = Way::to(args)?;
    let mut last = String::from("it does not answer");
    let attempts = async {
        loop {
            match way.options(role, name).connect(way.address.clone()).await {
                Ok(client) => return Ok(client),
                Err(error) if is_refusal(error.kind()) => {
                    let (url, role) = (way.url.clone(), role.as_str());
                    return Err(BusError::Refused { url, role });
                }
                Err(error) if last != error.to_string() => {
                    last = error.to_string();
                    if patience == Patience::Long {
                        tracing::info!("waiting for NATS at {}: {last}", way.url);
                    }
                }
                Err(_) => {}
            }
            tokio::time::sleep(ATTEMPT_EVERY).await;
        }
    };
    let client = match tokio::time::timeout(patience.limit(), attempts).await {
        Ok(client) => client?,
        Err(_) => return Err(no_server(way.url, last)),
    };
    check_version(&client.server_info().version)?;
    // Whoever watches the connection from here on sees only changes.
    let _ = connected.wait_for(|connected| *connected).await;
    Ok(Connection {
        client,
        connected,
        slow: way.slow,
    })
}

/// Does not wait for the server: the client looks for it on and on.
pub(crate) async fn connect_later(
    args: &NatsArgs,
    role: Role,
    name: &str,
) -> Result<Connection, BusError> {
    let (way, connected) = Way::to(args)?;
    let options = way.options(role, name).retry_on_initial_connect();
    let client = options.connect(way.address.clone()).await;
    let client = client.map_err(|error| no_server(way.url, error.to_string()))?;
    Ok(Connection {
        client,
        connected,
        slow: way.slow,
    })
}

const fn no_server(url: String, cause: String) -> BusError {
    BusError::NoServer { url, cause }
}

/// How a server is reached, and where it is noted how that goes.
struct Way {
    address: ServerAddr,
    url: String,
    state: watch::Sender<bool>,
    slow: Arc<AtomicU64>,
}

impl Way {
    fn to(args: &NatsArgs) -> Result<(Self, watch::Receiver<bool>), BusError> {
        let address: ServerAddr = args.nats_url.parse().map_err(|error| BusError::NoServer {
            url: without_credentials(&args.nats_url),
            cause: format!("this is no address ({error})"),
        })?;
        let (state, connected) = watch::channel(false);
        let way = Self {
            url: format!("nats://{}:{}", address.host(), address.port()),
            address,
            state,
            slow: Arc::new(AtomicU64::new(0)),
        };
        Ok((way, connected))
    }

    fn options(&self, role: Role, name: &str) -> ConnectOptions {
        let link = Link {
            state: self.state.clone(),
            slow: Arc::clone(&self.slow),
            was_lost: AtomicBool::new(false),
            why_not: Mutex::default(),
        };
        options(&self.address, role, name, link)
    }
}

const fn is_refusal(kind: ConnectErrorKind) -> bool {
    matches!(
        kind,
        ConnectErrorKind::Authentication | ConnectErrorKind::AuthorizationViolation
    )
}

/// What the client's events change.
struct Link {
    state: watch::Sender<bool>,
    slow: Arc<AtomicU64>,
    was_lost: AtomicBool,
    /// Why the server cannot be had, as it was last logged: the client tries on and on.
    why_not: Mutex<String>,
}

fn options(address: &ServerAddr, role: Role, name: &str, link: Link) -> ConnectOptions {
    let options = ConnectOptions::new()
        .name(name)
        .custom_inbox_prefix(role.inbox_prefix())
        .subscription_capacity(SUBSCRIPTION_CAPACITY)
        .connection_timeout(Patience::Short.limit())
        .request_timeout(Some(REQUEST_TIMEOUT))
        .ping_interval(PING_EVERY)
        .max_reconnects(None)
        .reconnect_delay_callback(reconnect_pause)
        .event_callback(move |event| {
            link.tell(&event);
            async {}
        });
    match role.credentials() {
        // Who writes credentials into the URL means them.
        Some((user, password)) if !address.has_user_pass() => {
            options.user_and_password(user.to_owned(), password.to_owned())
        }
        _ => options,
    }
}

/// A text that is no address, as it may be shown.
fn without_credentials(text: &str) -> String {
    match (text.split_once("://"), text.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, server))) => format!("{scheme}://{server}"),
        (None, Some((_, server))) => server.to_owned(),
        (_, None) => text.to_owned(),
    }
}

impl Link {
    fn tell(&self, event: &Event) {
        match event {
            Event::Connected => {
                self.state.send_replace(true);
                self.tell_why_not("");
                if self.was_lost.swap(false, Ordering::Relaxed) {
                    tracing::info!("connected to NATS again");
                }
            }
            Event::Disconnected | Event::Closed => {
                if self.state.send_replace(false) {
                    self.was_lost.store(true, Ordering::Relaxed);
                    tracing::warn!("lost the connection to NATS; reconnecting");
                }
            }
            Event::SlowConsumer(_) => {
                if self.slow.fetch_add(1, Ordering::Relaxed) == 0 {
                    tracing::warn!(
                        "messages arrive faster than they are read: some are dropped, and counted"
                    );
                }
            }
            Event::ServerError(error) => tracing::error!("NATS: {error}"),
            Event::ClientError(error) => self.tell_why_not(&error.to_string()),
            event => tracing::debug!("NATS: {event}"),
        }
    }
}

impl Link {
    /// Once, as long as it stays the same.
    fn tell_why_not(&self, why: &str) {
        let mut told = self.why_not.lock().unwrap_or_else(PoisonError::into_inner);
        if *told != why {
            why.clone_into(&mut told);
            if !why.is_empty() {
                tracing::info!("waiting for NATS: {why}");
            }
        }
    }
}

/// Refuses a server that would silently ignore what is asked of it.
pub(crate) fn check_version(version: &str) -> Result<(), BusError> {
    let mut numbers = version.trim_start_matches('v').split(['.', '-']);
    let mut next = || numbers.next()?.parse::<u64>().ok();
    match (next(), next()) {
        (Some(major), Some(minor)) if (major, minor) >= VERSION_NEEDED => Ok(()),
        _ => Err(BusError::TooOld {
            found: version.to_owned(),
            needed: VERSION_NEEDED_TEXT,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_before_2_10_are_refused_with_words() {
        for version in [
            "2.10.0",
            "2.15.1",
            "v2.10.27",
            "2.11.0-beta.1",
            "3.0.0",
            "10.1.0",
        ] {
            check_version(version).unwrap();
        }
        for version in ["2.9.25", "2.1.9", "1.4.0", "", "x", "2"] {
            let words = check_version(version).unwrap_err().to_string();
            assert!(words.contains("needs 2.10 or newer"), "{words}");
        }
    }

    #[test]
    fn a_password_is_not_shown() {
        for (text, shown) in [
            ("nats://ada:s3cret@host:port", "nats://host:port"),
            ("ada:s3c@ret@host", "host"),
            ("nats://host:port", "nats://host:port"),
            ("", ""),
        ] {
            assert_eq!(without_credentials(text), shown);
        }
    }
}
