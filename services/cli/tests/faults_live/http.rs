//! A plain HTTP client: a TCP connection, a request, an answer. Nothing of Arena's is in it, so that what it sees is what
//! any client sees.

use std::time::Duration;

use arena_chassis::Clock;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// How long a user waits: beyond every delay that the rows ask for, so that only what is held for good reaches it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(3);

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The status and the body.
    Said(u16, String),
    /// The connection was refused, or closed without an answer.
    Cut,
    /// Nothing within [`PATIENCE`].
    Silence,
}

/// An answer and how long it took.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) answer: Answer,
    pub(crate) took: Duration,
}

impl Asked {
    pub(crate) fn is_good(&self) -> bool {
        matches!(&self.answer, Answer::Said(200, _))
    }
}

/// Sends `request` (`GET /path`, or `POST /path {body}`) to that port on loopback.
pub(crate) async fn ask(port: u16, request: &str) -> Asked {
    let began = Clock::new().now();
    let answer = tokio::time::timeout(PATIENCE, exchange(port, request)).await;
    Asked {
        answer: answer.unwrap_or(Answer::Silence),
        took: Clock::new().now().saturating_since(began),
    }
}

async fn exchange(port: u16, request: &str) -> Answer {
    let mut words = request.splitn(3, ' ');
    let (method, path) = (words.next().unwrap_or(""), words.next().unwrap_or("/"));
    let body = words.next().unwrap_or("");
    let text = format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    let Ok(mut connection) = TcpStream::connect(("127.0.0.1", port)).await else {
        return Answer::Cut;
    };
    let mut answer = Vec::new();
    if connection.write_all(text.as_bytes()).await.is_err()
        || connection.read_to_end(&mut answer).await.is_err()
    {
        return Answer::Cut;
    }
    let answer = String::from_utf8_lossy(&answer);
    let status = answer.split(' ').nth(1).and_then(|word| word.parse().ok());
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    match status {
        Some(status) => Answer::Said(status, body.to_owned()),
        None => Answer::Cut,
    }
}
