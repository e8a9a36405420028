//! From bytes to validated messages and back.
//!
//! A body that begins with `{` is ProtoJSON, anything else protobuf (no message of ours can begin with that byte: it
//! would be field 15 as a group).

use crate::names::NameError;
use crate::{NodeName, ServiceName, Timestamp};

/// Why a body is not a message.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum DecodeError {
    /// Not the protobuf message that the subject calls for.
    #[error("not a protobuf {message}: {cause}")]
    Protobuf {
        /// The message's name.
        message: &'static str,
        /// What prost says.
        cause: String,
    },
    /// Not the ProtoJSON message that the subject calls for.
    #[error("not a {message} in JSON: {cause}")]
    Json {
        /// The message's name.
        message: &'static str,
        /// What the JSON reader says, with line and column.
        cause: String,
    },
    /// A field that must be there is not.
    #[error("{field} is missing")]
    Missing {
        /// The field.
        field: &'static str,
    },
    /// A word that must be there is not.
    #[error("{field} is missing: it is one of {}", known.join(", "))]
    MissingWord {
        /// The field.
        field: &'static str,
        /// The words that it can be.
        known: &'static [&'static str],
    },
    /// A number that is no word of this field.
    #[error("{field} is {value}, which is none of {}", known.join(", "))]
    UnknownWord {
        /// The field.
        field: &'static str,
        /// What it is.
        value: i32,
        /// The words that it can be.
        known: &'static [&'static str],
    },
    /// A text that is no word.
    #[error("{text:?} is none of {}", known.join(", "))]
    UnknownText {
        /// What it is.
        text: String,
        /// The words that it can be.
        known: &'static [&'static str],
    },
    /// A number or time outside what makes sense.
    #[error("{field} is out of range: it must be {range}")]
    OutOfRange {
        /// The field.
        field: &'static str,
        /// What it must be.
        range: &'static str,
    },
    /// A name that is none.
    #[error("{field}: {cause}")]
    Name {
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        #[source]
        cause: NameError,
    },
    /// The body speaks for another node or service than the subject.
    #[error("the body is about {body:?}, the subject about {subject:?}")]
    WrongSubject {
        /// What the subject says.
        subject: String,
        /// What the body says.
        body: String,
    },
    /// Larger than any message of ours.
    #[error("{bytes} bytes are more than the {limit} that a message may have")]
    TooLarge {
        /// How large it is.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
}

/// What the bus knows about a message besides its body; it fills what a person leaves out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// The node that the subject (or KV key) names.
    pub node: NodeName,
    /// The service that the subject names, where it names one.
    pub service: Option<ServiceName>,
    /// The place in the stream, where there is one.
    pub sequence: Option<u64>,
    /// When the server stored it, or when it was received.
    pub published_at: Timestamp,
}

/// A message of the contract.
pub trait Message: Sized {
    /// The message's name in the `.proto` files.
    const NAME: &'static str;
    /// The `Content-Type` that [`Message::encode`] gives.
    const CONTENT_TYPE: &'static str = "application/json";

    /// The body to publish.
    fn encode(&self) -> Vec<u8>;

    /// Reads and checks a body.
    fn decode(body: &[u8], received: &Received) -> Result<Self, DecodeError>;
}

/// Bodies larger than this are not read: the largest honest one, telemetry of a node with thousands of services, is
/// well below.
pub(crate) const BODY_BYTES_MAX: usize = 512 * 1024;

/// Reads a generated type from either encoding.
pub(crate) fn read<W>(body: &[u8], message: &'static str) -> Result<W, DecodeError>
where
    W: prost::Message + Default + serde::de::DeserializeOwned,
{
    if body.len() > BODY_BYTES_MAX {
        return Err(DecodeError::TooLarge {
            bytes: body.len(),
            limit: BODY_BYTES_MAX,
        });
    }
    if body.first() == Some(&b'{') {
        return serde_json::from_slice(body).map_err(|error| DecodeError::Json {
            message,
            cause: error.to_string(),
        });
    }
    W::decode(body).map_err(|error| DecodeError::Protobuf {
        message,
        cause: error.to_string(),
    })
}

/// Writes a generated type as ProtoJSON.
pub(crate) fn write_json<W: serde::Serialize>(wire: &W) -> Vec<u8> {
    // Only a map with keys that are no text can fail here, and no message has one.
    serde_json::to_vec(wire).unwrap_or_default()
}

/// Checks that the body, where it names a node, names the subject's.
pub(crate) fn same_node(body: &str, received: &Received) -> Result<NodeName, DecodeError> {
    if body.is_empty() || body == received.node.as_str() {
        return Ok(received.node.clone());
    }
    Err(DecodeError::WrongSubject {
        subject: received.node.to_string(),
        body: body.chars().take(80).collect(),
    })
}

/// Checks that the body, where the subject names a service, names the same one. Empty means the node itself.
pub(crate) fn same_service(
    body: &str,
    received: &Received,
) -> Result<Option<ServiceName>, DecodeError> {
    let subject = received.service.as_ref().map_or("", ServiceName::as_str);
    if body == subject {
        return Ok(received.service.clone());
    }
    Err(DecodeError::WrongSubject {
        subject: subject.to_owned(),
        body: body.chars().take(80).collect(),
    })
}

/// Reads an optional service name that no subject vouches for.
pub(crate) fn service_or_none(
    text: &str,
    field: &'static str,
) -> Result<Option<ServiceName>, DecodeError> {
    if text.is_empty() {
        return Ok(None);
    }
    ServiceName::new(text)
        .map(Some)
        .map_err(|cause| DecodeError::Name { field, cause })
}

/// Reads a mandatory name or id.
pub(crate) fn parse<T: std::str::FromStr<Err = NameError>>(
    text: &str,
    field: &'static str,
) -> Result<T, DecodeError> {
    if text.is_empty() {
        return Err(DecodeError::Missing { field });
    }
    text.parse()
        .map_err(|cause| DecodeError::Name { field, cause })
}

/// As text; empty for nothing.
pub(crate) fn text_of<T: ToString>(value: Option<&T>) -> String {
    value.map_or_else(String::new, ToString::to_string)
}

/// Reads an optional id: empty is none.
pub(crate) fn parse_or_none<T: std::str::FromStr<Err = NameError>>(
    text: &str,
    field: &'static str,
) -> Result<Option<T>, DecodeError> {
    if text.is_empty() {
        Ok(None)
    } else {
        parse(text, field).map(Some)
    }
}

/// Writes a body in the other of the two encodings, whichever it came in; `None` when it is no message of that name.
/// For tests and tools: nothing that it says has been checked.
#[must_use]
pub fn transcode(message: &str, body: &[u8]) -> Option<Vec<u8>> {
    use crate::generated as wire;
    match message {
        "arena.v1.IncidentEvent" => other::<wire::IncidentEvent>(body),
        "arena.v1.Plan" => other::<wire::Plan>(body),
        "arena.v1.Command" => other::<wire::Command>(body),
        "arena.v1.Outcome" => other::<wire::Outcome>(body),
        "arena.v1.FaultRequest" => other::<wire::FaultRequest>(body),
        "arena.v1.FaultStatus" => other::<wire::FaultStatus>(body),
        "arena.v1.NodeStatus" => other::<wire::NodeStatus>(body),
        "arena.v1.Schema" => other::<wire::Schema>(body),
        "arena.v1.Telemetry" => other::<wire::Telemetry>(body),
        "arena.v1.Control" => other::<wire::Control>(body),
        "arena.v1.Evidence" => other::<wire::Evidence>(body),
        "arena.v1.Approval" => other::<wire::Approval>(body),
        "arena.v1.Observer" => other::<wire::Observer>(body),
        "arena.v1.Lease" => other::<wire::Lease>(body),
        "arena.v1.Alert" => other::<wire::Alert>(body),
        _ => None,
    }
}

fn other<W>(body: &[u8]) -> Option<Vec<u8>>
where
    W: prost::Message + Default + serde::Serialize + serde::de::DeserializeOwned,
{
    let message: W = read(body, "").ok()?;
    Some(if body.first() == Some(&b'{') {
        message.encode_to_vec()
    } else {
        write_json(&message)
    })
}
