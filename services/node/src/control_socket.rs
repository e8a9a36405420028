//! The Unix socket where a service may answer its agent: samples of its own, recover, faults
//! (docs/ARCHITECTURE.md, "A service and its agent").

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use arena_node_core::Effect;
use arena_proto::FaultId;
use bytes::Bytes;
use hyper::StatusCode;

use crate::http::Connection;

/// A service that does not answer within this time does not know about control sockets, or is stuck.
const TIMEOUT: Duration = Duration::from_secs(1);

/// What came of a question.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SocketError {
    /// There is no socket, nobody listens, or what is asked is not known there: the service does not take part.
    #[error("the service does not do this on a control socket")]
    Absent,
    /// It says no, in its own words.
    #[error("the service refuses: {0}")]
    Refused(String),
    /// It should have answered otherwise, or at all.
    #[error("the service's control socket: {0}")]
    Failed(String),
}

/// A service's control socket.
#[derive(Debug, Clone)]
pub(crate) struct ControlSocket {
    path: PathBuf,
}

#[derive(serde::Deserialize)]
struct Faults {
    faults: Vec<FaultInEffect>,
    /// Which it can make; a service that knows none of them does not say.
    #[serde(default)]
    makes: Vec<String>,
}

#[derive(serde::Deserialize)]
struct FaultInEffect {
    id: String,
}

impl ControlSocket {
    pub(crate) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
        }
    }

    async fn ask(
        &self,
        method: &str,
        path: &str,
        body: Bytes,
    ) -> Result<(StatusCode, Bytes), SocketError> {
        let exchange = async {
            let mut connection = Connection::unix(&self.path)
                .await
                .map_err(|error| match error.kind() {
                    ErrorKind::NotFound | ErrorKind::ConnectionRefused => SocketError::Absent,
                    // Somebody may be there, and nobody asked it.
                    _ => SocketError::Failed(error.to_string()),
                })?;
            connection
                .ask(method, path, body)
                .await
                .map_err(|error| SocketError::Failed(format!("{error:#}")))
        };
        tokio::time::timeout(TIMEOUT, exchange)
            .await
            .unwrap_or_else(|_| Err(SocketError::Failed("no answer within 1 s".to_owned())))
    }

    /// Asks and takes any 2xx for a yes.
    async fn must(&self, method: &str, path: &str, body: Bytes) -> Result<Bytes, SocketError> {
        let (status, answer) = self.ask(method, path, body).await?;
        if status.is_success() {
            return Ok(answer);
        }
        let words: String = String::from_utf8_lossy(&answer).chars().take(200).collect();
        Err(match status {
            StatusCode::UNPROCESSABLE_ENTITY => SocketError::Refused(words),
            StatusCode::NOT_FOUND
            | StatusCode::METHOD_NOT_ALLOWED
            | StatusCode::NOT_IMPLEMENTED => SocketError::Absent,
            _ => SocketError::Failed(format!("{method} {path} gave {status} {words}")),
        })
    }

    pub(crate) async fn recover(&self) -> Result<(), SocketError> {
        self.must("POST", "/recover", Bytes::new()).await.map(drop)
    }

    pub(crate) async fn apply(&self, effect: &Effect) -> Result<(), SocketError> {
        let params = effect.params.to_text();
        let body = serde_json::json!({
            "fault": effect.name.as_str(),
            "params": params,
            "ttl_ms": u64::try_from(effect.ttl.as_millis()).unwrap_or(u64::MAX),
        });
        let path = format!("/faults/{}", effect.fault);
        self.must("PUT", &path, Bytes::from(body.to_string()))
            .await
            .map(drop)
    }

    /// Undoes a fault and reads back that it is not in effect any more.
    pub(crate) async fn revert(&self, fault: &FaultId) -> Result<(), SocketError> {
        self.must("DELETE", &format!("/faults/{fault}"), Bytes::new())
            .await?;
        let faults = self.faults().await?;
        if faults.faults.iter().any(|left| left.id == fault.as_str()) {
            return Err(SocketError::Failed(format!("{fault} is still in effect")));
        }
        Ok(())
    }

    /// The names of the faults that the service makes in itself.
    pub(crate) async fn makes(&self) -> Result<Vec<String>, SocketError> {
        self.faults().await.map(|faults| faults.makes)
    }

    async fn faults(&self) -> Result<Faults, SocketError> {
        let answer = self.must("GET", "/faults", Bytes::new()).await?;
        serde_json::from_slice(&answer)
            .map_err(|error| SocketError::Failed(format!("GET /faults: {error}")))
    }
}
