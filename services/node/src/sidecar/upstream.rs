//! Connections to a service or another leg, kept open between requests.
//!
//! Invariant: a connection is in use by one request at most; one that a request was dropped on is closed, not kept.

use std::sync::{Arc, Mutex, PoisonError};

use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::AbortHandle;

use super::body::RequestBody;

/// Connections kept for later, for each address: what a burst leaves behind, and no more.
const IDLE_MAX: usize = 32;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UpstreamError {
    /// Nobody listens; the request has gone nowhere.
    #[error("cannot connect to port {port}: {cause}")]
    Connect {
        /// Which.
        port: u16,
        /// What the operating system says.
        cause: std::io::Error,
    },
    /// The lease was used after its end.
    #[error("the connection was given back")]
    GivenBack,
    /// The caller broke off while its request was read.
    #[error("the request broke off: {0}")]
    Caller(hyper::Error),
    /// The request may have been seen.
    #[error("{0}")]
    Broken(#[from] hyper::Error),
}

impl UpstreamError {
    /// The caller broke off while it sent the request: no fault of the service.
    pub(crate) fn is_callers(&self) -> bool {
        match self {
            Self::Caller(_) => true,
            Self::Broken(error) => error.is_user(),
            Self::Connect { .. } | Self::GivenBack => false,
        }
    }
}

/// An open connection. Dropping it closes it.
#[derive(Debug)]
struct Connection {
    sender: SendRequest<RequestBody>,
    driver: AbortHandle,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// The connections to one port. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Upstream {
    port: u16,
    idle: Arc<Mutex<Vec<Connection>>>,
}

/// Holds the connection while the answer's body is read; [`Lease::give_back`] keeps it for later.
#[derive(Debug)]
pub(crate) struct Lease {
    upstream: Upstream,
    connection: Option<Connection>,
}

impl Lease {
    /// The answer has been read to its end.
    pub(crate) fn give_back(&mut self) {
        let Some(connection) = self
            .connection
            .take()
            .filter(|open| !open.sender.is_closed())
        else {
            return;
        };
        let mut idle = self
            .upstream
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE_MAX {
            idle.push(connection);
        }
    }
}

impl Upstream {
    pub(crate) fn new(port: u16) -> Self {
        Self {
            port,
            idle: Arc::default(),
        }
    }

    /// Closes what is kept.
    pub(crate) fn close_idle(&self) {
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    async fn connect(&self) -> Result<Connection, UpstreamError> {
        let connected = TcpStream::connect(("127.0.0.1", self.port)).await;
        let stream = connected
            .and_then(|stream| stream.set_nodelay(true).map(|()| stream))
            .map_err(|cause| UpstreamError::Connect {
                port: self.port,
                cause,
            })?;
        let (sender, driver) = handshake(TokioIo::new(stream)).await?;
        let driver = tokio::spawn(async move {
            // Its errors reach the request.
            let _ = driver.await;
        });
        Ok(Connection {
            sender,
            driver: driver.abort_handle(),
        })
    }

    fn kept(&self) -> Option<Connection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(connection) = idle.pop() {
            if connection.sender.is_ready() {
                return Some(connection);
            }
        }
        None
    }

    /// A connection, before there is a request to lose.
    pub(crate) async fn lease(&self) -> Result<Lease, UpstreamError> {
        let connection = match self.kept() {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        Ok(Lease {
            upstream: self.clone(),
            connection: Some(connection),
        })
    }
}

impl Lease {
    /// Sends a request. A kept connection that turns out to be closed is replaced, as long as the request has not been
    /// sent.
    pub(crate) async fn send(
        &mut self,
        request: Request<RequestBody>,
    ) -> Result<Response<Incoming>, UpstreamError> {
        let Some(connection) = self.connection.as_mut() else {
            return Err(UpstreamError::GivenBack);
        };
        let first = connection.sender.try_send_request(request).await;
        let mut error = match first {
            Ok(response) => return Ok(response),
            Err(error) => error,
        };
        let Some(request) = error.take_message() else {
            return Err(error.into_error().into());
        };
        let connection = self.connection.insert(self.upstream.connect().await?);
        let second = connection.sender.try_send_request(request).await;
        second.map_err(|error| error.into_error().into())
    }
}
