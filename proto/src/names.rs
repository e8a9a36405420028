//! Names and ids. A name is at most 63 of `a-z 0-9 -`, begins with a letter or a digit, and so is safe as a NATS
//! token, a KV key, a file name and a label.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;

/// A name or id that cannot be one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Not 1 to 63 of `a-z 0-9 -`, beginning with a letter or a digit.
    #[error(
        "{what} {text:?} is not a name: use 1 to 63 of a-z, 0-9 and '-', beginning with a letter or a digit"
    )]
    Name {
        /// Which name: "node" or "service".
        what: &'static str,
        /// What was given, cut to 80 characters.
        text: String,
    },
    /// Not 1 to 128 of `A-Z a-z 0-9 - _ .`.
    #[error("{what} id {text:?} is not an id: use 1 to 128 of A-Z, a-z, 0-9, '-', '_' and '.'")]
    Id {
        /// Which id.
        what: &'static str,
        /// What was given, cut to 80 characters.
        text: String,
    },
    /// Neither `node` nor `node/service`.
    #[error("target {text:?} is neither NODE nor NODE/SERVICE")]
    Entity {
        /// What was given, cut to 80 characters.
        text: String,
    },
}

fn cut(text: &str) -> String {
    text.chars().take(80).collect()
}

macro_rules! text_newtype {
    ($(#[$doc:meta])* $name:ident, $what:literal, $valid:ident, $error:ident, $pattern:literal) => {
        // A clone shares the text, and is found equal to it without reading it.
        $(#[$doc])*
        #[derive(Debug, Clone, Eq, PartialOrd, Ord)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        #[cfg_attr(feature = "openapi", schema(pattern = $pattern, value_type = String))]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks and takes a text.
            pub fn new(text: impl AsRef<str>) -> Result<Self, NameError> {
                let text = text.as_ref();
                if $valid(text) {
                    Ok(Self(text.into()))
                } else {
                    Err(NameError::$error { what: $what, text: cut(text) })
                }
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                Arc::ptr_eq(&self.0, &other.0) || self.0 == other.0
            }
        }

        impl Hash for $name {
            fn hash<H: Hasher>(&self, state: &mut H) {
                self.0.hash(state);
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::new(text)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::new(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
            }
        }
    };
}

fn is_name(text: &str) -> bool {
    text.len() <= 63
        && text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && text
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

fn is_id(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

text_newtype!(
    /// The name of a node.
    NodeName, "node", is_name, Name, "^[a-z0-9][a-z0-9-]{0,62}$"
);
text_newtype!(
    /// The name of a service; replicas on several nodes share it.
    ServiceName, "service", is_name, Name, "^[a-z0-9][a-z0-9-]{0,62}$"
);
text_newtype!(
    /// One incident.
    IncidentId, "incident", is_id, Id, "^[A-Za-z0-9._-]{1,128}$"
);
text_newtype!(
    /// One decision: `<incident id>.<revision>`.
    PlanId, "plan", is_id, Id, "^[A-Za-z0-9._-]{1,128}$"
);
text_newtype!(
    /// One command.
    CommandId, "command", is_id, Id, "^[A-Za-z0-9._-]{1,128}$"
);
text_newtype!(
    /// One fault.
    FaultId, "fault", is_id, Id, "^[A-Za-z0-9._-]{1,128}$"
);

/// What an incident, a command or a fault is about: a node, or a service on a node. Written `node` or `node/service`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Entity {
    /// The node.
    pub node: NodeName,
    /// The service, or `None` for the node itself.
    pub service: Option<ServiceName>,
}

impl Entity {
    /// The node itself.
    #[must_use]
    pub const fn node(node: NodeName) -> Self {
        Self {
            node,
            service: None,
        }
    }

    /// A service on a node.
    #[must_use]
    pub const fn service(node: NodeName, service: ServiceName) -> Self {
        Self {
            node,
            service: Some(service),
        }
    }
}

impl fmt::Display for Entity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.service {
            None => f.pad(self.node.as_str()),
            Some(service) => f.pad(&format!("{}/{service}", self.node)),
        }
    }
}

impl FromStr for Entity {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        match text.split_once('/') {
            None => Ok(Self::node(NodeName::new(text)?)),
            Some((node, service)) if !service.contains('/') => Ok(Self::service(
                NodeName::new(node)?,
                ServiceName::new(service)?,
            )),
            Some(_) => Err(NameError::Entity { text: cut(text) }),
        }
    }
}

impl serde::Serialize for Entity {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Entity {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

impl IncidentId {
    /// The id of the incident that opened with this symptom at this time: the same cause gives the same id, so that a
    /// detector that repeats itself after a restart opens nothing twice.
    #[must_use]
    pub fn derive(entity: &Entity, symptom: &str, opened_at: crate::Timestamp) -> Self {
        let text = format!("{entity} {symptom} {}", opened_at.unix_nanos());
        let hash = crate::trace::fnv1a_64(text.as_bytes()) >> 16;
        Self(format!("inc-{hash:012x}").into())
    }
}

impl PlanId {
    /// `<incident id>.<revision>`.
    #[must_use]
    pub fn derive(incident: &IncidentId, revision: u32) -> Self {
        Self(format!("{incident}.{revision}").into())
    }
}

impl CommandId {
    /// The command of one rung and attempt of an incident: issuing it again is the same command.
    #[must_use]
    pub fn derive(incident: &IncidentId, revision: u32) -> Self {
        Self(format!("cmd-{incident}.{revision}").into())
    }

    /// A command that came without an id, by its place in the stream.
    #[must_use]
    pub fn from_sequence(sequence: u64) -> Self {
        Self(format!("cmd-s{sequence}").into())
    }
}

impl FaultId {
    /// The fault of one request. `nonce` is not used twice by one asker, and differs from one asker to the next.
    #[must_use]
    pub fn derive(fault: &str, target: &Entity, at: crate::Timestamp, nonce: u64) -> Self {
        let text = format!("{fault} {target} {} {nonce}", at.unix_nanos());
        let hash = crate::trace::fnv1a_64(text.as_bytes()) >> 16;
        Self(format!("flt-{hash:012x}").into())
    }

    /// A fault that came without an id, by its place in the stream.
    #[must_use]
    pub fn from_sequence(sequence: u64) -> Self {
        Self(format!("flt-s{sequence}").into())
    }
}
