//! Connecting as the operator.

use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use arena_bus::{Bus, BusError, NatsArgs, Role};
use arena_operator::Operator;

use crate::exit::{Exit, Failure};
use crate::people;
use crate::up::address::Address;

/// A server on this machine takes a connection at once, or it never will.
const LISTEN_WAIT: Duration = Duration::from_millis(300);

/// The person at this terminal, connected; or fails with [`Exit::NotRunning`].
pub(crate) async fn operator(nats: &NatsArgs) -> Result<Operator, Failure> {
    Ok(person(connect(nats).await?))
}

/// The person at this terminal, on a connection that there is.
pub(crate) fn person(bus: Bus) -> Operator {
    Operator::new(bus, people::who(), "cli")
}

/// Connects, or fails with [`Exit::NotRunning`].
pub(crate) async fn connect(nats: &NatsArgs) -> Result<Bus, Failure> {
    Bus::connect_once(nats, Role::Operator, "arena")
        .await
        .map_err(|error| match error {
            BusError::NoServer { url, .. } if listens(&nats.nats_url) => {
                Exit::Timeout.because(format!(
                    "something listens at {url} and does not answer as a NATS server: it hangs, is stopped, or is something else\n  mend: `arena doctor` says who holds the port"
                ))
            }
            error @ BusError::NoServer { .. } => {
                Exit::NotRunning.because(format!("no arena is running: {error}"))
            }
            error => error.into(),
        })
}

/// Whether somebody has that port: a stopped process still takes connections.
fn listens(url: &str) -> bool {
    Address::parse(url).is_ok_and(|address| {
        (address.host.as_str(), address.port)
            .to_socket_addrs()
            .into_iter()
            .flatten()
            .any(|socket| TcpStream::connect_timeout(&socket, LISTEN_WAIT).is_ok())
    })
}
