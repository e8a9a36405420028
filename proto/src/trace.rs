//! The trace of an incident. Its ids follow from the incident's id, so that every component, and one that restarted
//! in between, names the same trace without asking anybody.
//!
//! The tree: `incident` (root, first abnormal sample to the end) over `detect`, `plan`, `act` and `verify`.

use std::fmt;

use crate::IncidentId;

/// FNV-1a, 64 bits (<http://www.isthe.com/chongo/tech/comp/fnv/>): stable across builds and machines.
pub fn fnv1a(bytes: impl IntoIterator<Item = u8>) -> u64 {
    let bytes = bytes.into_iter();
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// [`fnv1a`], spread over all bits.
pub(crate) fn fnv1a_64(bytes: &[u8]) -> u64 {
    let hash = fnv1a(bytes.iter().copied());
    // Short inputs that differ at the end only leave the top bits alike; a finalizer (MurmurHash3's) spreads them.
    let hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

/// A W3C trace id: 16 bytes, not all zero. Written as 32 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TraceId(pub u128);

/// A W3C span (parent) id: 8 bytes, not all zero. Written as 16 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpanId(pub u64);

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl serde::Serialize for TraceId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl SpanId {
    /// The span that `name` names in the incident: the same wherever it is asked.
    #[must_use]
    pub fn derive(incident: &IncidentId, name: &str) -> Self {
        Self(fnv1a_64(format!("{incident} span {name}").as_bytes()).max(1))
    }

    /// The root span of the incident's trace.
    #[must_use]
    pub fn root(incident: &IncidentId) -> Self {
        Self::derive(incident, "incident")
    }
}

impl TraceId {
    /// The trace of an incident.
    #[must_use]
    pub fn of(incident: &IncidentId) -> Self {
        let high = fnv1a_64(format!("{incident} trace high").as_bytes());
        let low = fnv1a_64(format!("{incident} trace low").as_bytes());
        Self((u128::from(high) << 64 | u128::from(low)).max(1))
    }
}

/// What travels in the `traceparent` header: the trace, and the span that the receiver's spans are children of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceContext {
    /// The trace.
    pub trace_id: TraceId,
    /// The sender's span.
    pub span_id: SpanId,
}

impl TraceContext {
    /// The root of an incident's trace.
    #[must_use]
    pub fn root(incident: &IncidentId) -> Self {
        Self {
            trace_id: TraceId::of(incident),
            span_id: SpanId::root(incident),
        }
    }

    /// The span that `name` names in the incident's trace.
    #[must_use]
    pub fn of(incident: &IncidentId, name: &str) -> Self {
        Self {
            trace_id: TraceId::of(incident),
            span_id: SpanId::derive(incident, name),
        }
    }

    /// As a W3C `traceparent` header, sampled.
    #[must_use]
    pub fn traceparent(&self) -> String {
        format!("00-{}-{}-01", self.trace_id, self.span_id)
    }

    /// Reads a W3C `traceparent` header; `None` when it is not one.
    #[must_use]
    pub fn parse(traceparent: &str) -> Option<Self> {
        let mut parts = traceparent.trim().split('-');
        let (version, trace, span, flags) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let hex = |text: &str, length: usize| {
            text.len() == length && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        };
        let known =
            hex(version, 2) && version != "ff" && (version != "00" || parts.next().is_none());
        if !(known && hex(trace, 32) && hex(span, 16) && hex(flags, 2)) {
            return None;
        }
        let trace_id = u128::from_str_radix(trace, 16).ok().filter(|id| *id != 0)?;
        let span_id = u64::from_str_radix(span, 16).ok().filter(|id| *id != 0)?;
        Some(Self {
            trace_id: TraceId(trace_id),
            span_id: SpanId(span_id),
        })
    }
}
