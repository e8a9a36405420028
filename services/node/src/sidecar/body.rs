//! The body of a request on its way to the service: streamed, but for what was read ahead of one that is held.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::Request;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::http::request::Parts;

use super::conditions::{Passage, Piped};
use super::upstream::UpstreamError;

/// So much of a body is read ahead: what a form or a document has. 256 requests of it are 16 MiB.
const READ_AHEAD_BYTES_MAX: usize = 64 * 1024;

/// The body of a request as it is passed on.
pub(crate) type RequestBody = Piped<Outgoing>;

/// See the module.
#[derive(Debug)]
pub(crate) struct Outgoing {
    read: Bytes,
    rest: Option<Incoming>,
}

impl Outgoing {
    /// The request as its way through a leg begins: read ahead if it may be held.
    pub(crate) async fn of(
        request: Request<Incoming>,
        passage: &Passage,
    ) -> Result<Request<Self>, UpstreamError> {
        let (head, body) = request.into_parts();
        let body = if passage.is_clear() {
            Self {
                read: Bytes::new(),
                rest: Some(body),
            }
        } else {
            Self::read_ahead(body)
                .await
                .map_err(UpstreamError::Caller)?
        };
        Ok(Request::from_parts(head, body))
    }

    /// Reads up to [`READ_AHEAD_BYTES_MAX`] first. Only of a caller whose request was read to its end does hyper notice that it
    /// has gone away, so without this a request that is held would outlive it.
    async fn read_ahead(mut body: Incoming) -> Result<Self, hyper::Error> {
        let mut read = BytesMut::new();
        while !body.is_end_stream() {
            if read.len() >= READ_AHEAD_BYTES_MAX {
                return Ok(Self {
                    read: read.freeze(),
                    rest: Some(body),
                });
            }
            let Some(frame) = body.frame().await else {
                break;
            };
            // Trailers are of this hop only.
            if let Ok(data) = frame?.into_data() {
                read.extend_from_slice(&data);
            }
        }
        Ok(Self {
            read: read.freeze(),
            rest: None,
        })
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        if !self.read.is_empty() {
            let read = std::mem::take(&mut self.read);
            return Poll::Ready(Some(Ok(Frame::data(read))));
        }
        match self.rest.as_mut() {
            Some(rest) => Pin::new(rest).poll_frame(context),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.read.is_empty() && self.rest.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let read = u64::try_from(self.read.len()).unwrap_or(u64::MAX);
        let rest = self.rest.as_ref();
        let rest = rest.map_or_else(|| SizeHint::with_exact(0), Body::size_hint);
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower().saturating_add(read));
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper.saturating_add(read));
        }
        hint
    }
}

/// A request that can be sent more than once.
#[derive(Debug, Clone)]
pub(crate) struct KeptRequest {
    head: Parts,
    body: Bytes,
}

impl KeptRequest {
    /// `None`: it was not read to its end.
    pub(crate) fn of(request: Request<Outgoing>) -> Option<Self> {
        let (head, body) = request.into_parts();
        body.rest.is_none().then_some(Self {
            head,
            body: body.read,
        })
    }

    pub(crate) fn into_request(self) -> Request<RequestBody> {
        let body = Outgoing {
            read: self.body,
            rest: None,
        };
        Request::from_parts(self.head, Piped::open(body))
    }
}
