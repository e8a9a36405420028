//! The roles of the bus: one user each in `nats.conf`.

/// Who connects. A role's name is its user name and its password: they keep programs apart on the loopback
/// interface, they are nobody's secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// A node agent.
    Node,
    /// The detector.
    Detector,
    /// The remediator.
    Remediator,
    /// The injector.
    Injector,
    /// The recorder.
    Recorder,
    /// The gateway.
    Gateway,
    /// A person: connects without credentials, and may do everything.
    Operator,
}

impl Role {
    /// Every role.
    pub const ALL: &[Self] = &[
        Self::Node,
        Self::Detector,
        Self::Remediator,
        Self::Injector,
        Self::Recorder,
        Self::Gateway,
        Self::Operator,
    ];

    /// Its name, as in `nats.conf`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Node => "node",
            Self::Detector => "detector",
            Self::Remediator => "remediator",
            Self::Injector => "injector",
            Self::Recorder => "recorder",
            Self::Gateway => "gateway",
            Self::Operator => "operator",
        }
    }

    /// User name and password; `None` connects without.
    pub(crate) const fn credentials(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Operator => None,
            role => Some((role.as_str(), role.as_str())),
        }
    }

    /// Where replies to this role arrive. No role may listen to another's, so that nobody reads what was delivered to
    /// somebody else.
    pub(crate) fn inbox_prefix(self) -> String {
        match self {
            Self::Operator => "_INBOX".to_owned(),
            role => format!("_INBOX_{}", role.as_str()),
        }
    }
}
