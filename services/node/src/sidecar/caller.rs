//! Who calls: outbound legs say so in a header, inbound legs read it and take it away, so that services never see it. By it a
//! partition of a node tells what is from elsewhere.
//!
//! It is a label among legs and no proof: whoever calls an inbound leg directly can write one. Without one a request is
//! from elsewhere.

use arena_proto::{NodeName, ServiceName};
use hyper::header::{HeaderMap, HeaderName, HeaderValue};

/// `node/service`.
const CALLER: HeaderName = HeaderName::from_static("arena-caller");

/// What an outbound leg writes.
#[derive(Debug, Clone)]
pub(crate) struct Caller(HeaderValue);

impl Caller {
    pub(crate) fn new(node: &NodeName, service: &ServiceName) -> Self {
        let text = format!("{node}/{service}");
        // Names are of letters, digits, `-`, `_` and `.`.
        Self(HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static("?")))
    }

    /// Replaces what the service itself may have written.
    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        headers.insert(CALLER, self.0.clone());
    }
}

/// Takes it off; true when it is of a service of this node.
pub(crate) fn take_is_of(headers: &mut HeaderMap, own: &NodeName) -> bool {
    let caller = headers.remove(CALLER);
    let caller = caller.as_ref().and_then(|caller| caller.to_str().ok());
    caller
        .and_then(|caller| caller.split_once('/'))
        .is_some_and(|(node, _)| node == own.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_leg_of_the_own_node_wrote_is_of_the_own_node() {
        let node = |name: &str| name.parse::<NodeName>().expect("a name");
        let mut headers = HeaderMap::new();
        assert!(!take_is_of(&mut headers, &node("node-1")), "an outsider");
        let service = "orders".parse().expect("a name");
        for (from, is_own) in [("node-1", true), ("node-2", false), ("node-11", false)] {
            headers.append(CALLER, HeaderValue::from_static("node-1/forged"));
            Caller::new(&node(from), &service).write(&mut headers);
            assert_eq!(take_is_of(&mut headers, &node("node-1")), is_own, "{from}");
            assert!(headers.is_empty(), "no service sees it");
        }
    }
}
