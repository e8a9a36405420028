//! A narrow pipe: heads and bodies, of requests and answers, share one [`Line`].

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use arena_chassis::Clock;
use arena_node_core::leg::Line;
use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio_util::sync::CancellationToken;

use super::{Condition, Placed};

/// Timers are no finer than this; what is due sooner passes now, and what follows it waits for the longer.
const TICK: Duration = Duration::from_millis(1);
/// A body passes in pieces of a fiftieth of a second's worth, so that several bodies at once pass side by side.
const PIECES_PER_SECOND: u64 = 50;
/// But in none smaller than a few lines of text.
const PIECE_BYTES_MIN: u64 = 256;
/// And in none bigger than what a socket takes at once.
const PIECE_BYTES_MAX: u64 = 16 * 1024;

/// See the module.
#[derive(Debug)]
pub(crate) struct Pipe {
    clock: Clock,
    line: Mutex<Line>,
    piece_bytes: usize,
}

impl Pipe {
    pub(crate) fn new(bytes_per_second: u64, clock: Clock) -> Self {
        let piece = (bytes_per_second / PIECES_PER_SECOND).clamp(PIECE_BYTES_MIN, PIECE_BYTES_MAX);
        Self {
            clock,
            line: Mutex::new(Line::new(bytes_per_second)),
            piece_bytes: usize::try_from(piece).unwrap_or(usize::MAX),
        }
    }

    /// Returns when so many bytes have passed, or the pipe is narrow no more. What the line does not take waits for the latter.
    pub(super) async fn pass(&self, bytes: usize, over: &CancellationToken) {
        let now = self.clock.now();
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let through = self
            .line
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .send(now, bytes);
        match through {
            Some(through) if through.saturating_since(now) < TICK => {}
            Some(through) => {
                tokio::select! {
                    () = self.clock.sleep_until(through) => {}
                    () = over.cancelled() => {}
                }
            }
            None => over.cancelled().await,
        }
    }
}

/// A body on its way through pipes, if there are any.
pub(crate) struct Piped<B> {
    body: B,
    pipes: Arc<[Arc<Placed>]>,
    /// Pieces of a frame that was read, in order.
    pieces: VecDeque<Bytes>,
    /// Done when the first of them has passed.
    passing: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl<B> std::fmt::Debug for Piped<B> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Piped")
            .field("pipes", &self.pipes)
            .field("pieces", &self.pieces.len())
            .finish_non_exhaustive()
    }
}

impl<B> Piped<B> {
    pub(super) fn new(body: B, pipes: Arc<[Arc<Placed>]>) -> Self {
        Self {
            body,
            pipes,
            pieces: VecDeque::new(),
            passing: None,
        }
    }

    /// Through none.
    pub(crate) fn open(body: B) -> Self {
        Self::new(body, Arc::new([]))
    }

    fn cut_up(&mut self, mut data: Bytes) {
        let pipes = self
            .pipes
            .iter()
            .filter_map(|placed| match &placed.condition {
                Condition::Pipe(pipe) => Some(pipe.piece_bytes),
                _ => None,
            });
        let piece = pipes.min().unwrap_or(usize::MAX);
        while data.len() > piece {
            self.pieces.push_back(data.split_to(piece));
        }
        self.pieces.push_back(data);
    }
}

async fn pass_all(pipes: Arc<[Arc<Placed>]>, bytes: usize) {
    for placed in pipes.iter().filter(|placed| !placed.is_over()) {
        if let Condition::Pipe(pipe) = &placed.condition {
            pipe.pass(bytes, &placed.over).await;
        }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Piped<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        loop {
            if let Some(passing) = self.passing.as_mut() {
                ready!(passing.as_mut().poll(context));
                self.passing = None;
                if let Some(piece) = self.pieces.pop_front() {
                    return Poll::Ready(Some(Ok(Frame::data(piece))));
                }
            }
            if let Some(piece) = self.pieces.front() {
                let bytes = piece.len();
                self.passing = Some(Box::pin(pass_all(Arc::clone(&self.pipes), bytes)));
                continue;
            }
            match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) if !self.pipes.is_empty() => match frame.into_data() {
                    Ok(data) => self.cut_up(data),
                    Err(other) => return Poll::Ready(Some(Ok(other))),
                },
                polled => return Poll::Ready(polled),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let waiting: usize = self.pieces.iter().map(Bytes::len).sum();
        let waiting = u64::try_from(waiting).unwrap_or(u64::MAX);
        let rest = self.body.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower().saturating_add(waiting));
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper.saturating_add(waiting));
        }
        hint
    }
}
