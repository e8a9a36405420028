//! Who hears of it: event streams, and a plain subscriber.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use arena_bus::Bus;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

/// What the ids of published incidents begin with; their number follows.
pub(crate) const PREFIX: &str = "inc-bench-";
/// What has not come by then has been missed.
const PATIENCE: Duration = Duration::from_secs(20);

/// When each incident was published.
#[derive(Debug)]
pub(crate) struct Publications {
    began: Instant,
    /// In microseconds since then; 0: not yet.
    at: Vec<AtomicU64>,
}

impl Publications {
    #[expect(
        clippy::disallowed_methods,
        reason = "a benchmark measures this machine's time"
    )]
    pub(crate) fn new(count: usize) -> Self {
        Self {
            began: Instant::now(),
            at: (0..count).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.at.len()
    }

    pub(crate) fn now_us(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// This one is published now.
    pub(crate) fn begin(&self, number: usize) {
        self.at[number].store(self.now_us(), Ordering::Release);
    }

    /// How long ago the incident that a text names was published; `None` when it names none.
    fn since(&self, text: &[u8]) -> Option<f64> {
        let text = std::str::from_utf8(text).ok()?;
        let (_, rest) = text.split_once(PREFIX)?;
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        let at = self.at.get(digits.parse::<usize>().ok()?)?;
        let micros = self.now_us().saturating_sub(at.load(Ordering::Acquire));
        Some(Duration::from_micros(micros).as_secs_f64() * 1e3)
    }
}

/// What a stream read.
#[derive(Debug, Default)]
pub(crate) struct Read {
    pub(crate) events: u64,
    /// Numbers that did not follow on the one before.
    pub(crate) gaps: u64,
    pub(crate) latencies_ms: Vec<f64>,
}

/// Asks for the events.
pub(crate) async fn open(port: u16) -> anyhow::Result<TcpStream> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let request = format!("GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    Ok(stream)
}

/// Reads until every incident came, or nothing more comes. Chunks begin with lines that are no part of an event; an event is not split.
pub(crate) async fn read(
    stream: TcpStream,
    publications: Arc<Publications>,
) -> anyhow::Result<Read> {
    let mut stream = BufReader::new(stream);
    let mut read = Read::default();
    let mut last: Option<u64> = None;
    let mut is_incident = false;
    let mut line = Vec::new();
    while read.latencies_ms.len() < publications.count() {
        line.clear();
        let next = tokio::time::timeout(PATIENCE, stream.read_until(b'\n', &mut line)).await;
        match next {
            Err(_) => break,
            Ok(Ok(0)) => bail!("the stream ended"),
            Ok(count) => count?,
        };
        if let Some(id) = line.strip_prefix(b"id: ") {
            let id = std::str::from_utf8(id)?.trim_end();
            let (_, seq) = id.rsplit_once('-').context("an id without a number")?;
            let seq: u64 = seq.parse()?;
            read.events += 1;
            read.gaps += u64::from(last.is_some_and(|last| seq != last + 1));
            last = Some(seq);
        } else if let Some(name) = line.strip_prefix(b"event: ") {
            is_incident = name.trim_ascii_end() == b"incident";
        } else if is_incident && line.starts_with(b"data: ") {
            read.latencies_ms.extend(publications.since(&line));
        }
    }
    Ok(read)
}

/// The same messages, heard as any client of the bus does.
pub(crate) async fn subscribe(
    bus: Bus,
    publications: Arc<Publications>,
) -> anyhow::Result<Vec<f64>> {
    let mut messages = bus.watch_subject("arena.incident.>").await?;
    let mut latencies_ms = Vec::new();
    while latencies_ms.len() < publications.count() {
        match tokio::time::timeout(PATIENCE, messages.next()).await {
            Ok(Some(message)) => latencies_ms.extend(publications.since(&message.body)),
            _ => break,
        }
    }
    Ok(latencies_ms)
}
