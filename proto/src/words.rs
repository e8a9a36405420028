//! The project's words (docs/ARCHITECTURE.md) as enums, and their passage to and from the wire.
//!
//! A word on the wire that is `UNSPECIFIED` or unknown never becomes a value here: it is a [`DecodeError`].

use std::fmt;

use crate::generated as wire;
use crate::wire::DecodeError;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident is $wire:ty { $($(#[$vdoc:meta])* $variant:ident = $word:tt),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        pub enum $name {
            $(#[doc = concat!("`", $word, "`.")] $(#[$vdoc])* #[serde(rename = $word)] #[cfg_attr(feature = "openapi", schema(rename = $word))] $variant),+
        }

        impl $name {
            /// Every word, in the order of the wire.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The word as it is written everywhere.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            pub(crate) fn to_wire(self) -> i32 {
                match self { $(Self::$variant => <$wire>::$variant as i32),+ }
            }

            /// `None` when the field was left out.
            pub(crate) fn from_wire_or_none(value: i32, field: &'static str) -> Result<Option<Self>, DecodeError> {
                match <$wire>::try_from(value) {
                    Ok(<$wire>::Unspecified) => Ok(None),
                    $(Ok(<$wire>::$variant) => Ok(Some(Self::$variant)),)+
                    Err(_) => Err(DecodeError::UnknownWord { field, value, known: &[$($word),+] }),
                }
            }

            #[allow(dead_code, reason = "some words are optional wherever they occur")]
            pub(crate) fn from_wire(value: i32, field: &'static str) -> Result<Self, DecodeError> {
                Self::from_wire_or_none(value, field)?
                    .ok_or(DecodeError::MissingWord { field, known: &[$($word),+] })
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            /// Reads the word, as `FromStr` does.
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }

        impl std::str::FromStr for $name {
            type Err = DecodeError;

            /// Reads the word, in any case, with `-` for `_`.
            fn from_str(text: &str) -> Result<Self, DecodeError> {
                let wanted = text.replace('-', "_");
                Self::ALL
                    .iter()
                    .copied()
                    .find(|word| word.as_str().eq_ignore_ascii_case(&wanted))
                    .ok_or_else(|| DecodeError::UnknownText { text: text.to_owned(), known: &[$($word),+] })
            }
        }
    };
}

words! {
    /// How bad it is, from least to most.
    Severity is wire::severity::Level { Info = "INFO", Warning = "WARNING", Error = "ERROR", Critical = "CRITICAL" }
}
words! {
    /// What Alertmanager says of an alert.
    AlertState is wire::alert::State { Firing = "FIRING", Resolved = "RESOLVED" }
}
words! {
    /// A service's process, as supervisord names its states.
    ProcessState is wire::process::State {
        /// Not running, and not meant to.
        Stopped = "STOPPED",
        /// Started, and not yet healthy.
        Starting = "STARTING",
        Running = "RUNNING",
        /// Waits before it is started again.
        Backoff = "BACKOFF",
        Stopping = "STOPPING",
        /// Ended without being asked to.
        Exited = "EXITED",
        /// Given up: it will not be started again without being asked to.
        Fatal = "FATAL",
    }
}
words! {
    /// What the application-level probe last said.
    ProbeVerdict is wire::probe::Verdict {
        /// Not probed since the process started.
        Unknown = "UNKNOWN",
        Passing = "PASSING",
        Failing = "FAILING",
        /// The service declares no probe.
        None = "NONE",
    }
}
words! {
    /// One symptom of one entity.
    SignalState is wire::signal::State {
        Inactive = "INACTIVE",
        Pending = "PENDING",
        Firing = "FIRING",
        Recovering = "RECOVERING",
        Resolved = "RESOLVED",
        /// No reading: never taken for healthy.
        NoData = "NO_DATA",
    }
}
words! {
    /// What can be asked of a service.
    ActionKind is wire::action::Kind {
        Start = "START",
        Stop = "STOP",
        Kill = "KILL",
        Restart = "RESTART",
        Recover = "RECOVER",
        /// No new requests, as long as another replica can take them.
        Drain = "DRAIN",
        Undrain = "UNDRAIN",
        /// A share of the CPU only, for a time.
        Throttle = "THROTTLE",
        Unthrottle = "UNTHROTTLE",
        /// The last version of its definition that was healthy.
        Rollback = "ROLLBACK",
        CleanDisk = "CLEAN_DISK",
        /// End the foreign process that holds its port.
        FreePort = "FREE_PORT",
        /// Drain every service of a node.
        Quarantine = "QUARANTINE",
        Unquarantine = "UNQUARANTINE",
    }
}
words! {
    /// How much an action can hurt when it is wrong, from least to most.
    RiskClass is wire::risk::Class { Low = "LOW", Medium = "MEDIUM", High = "HIGH" }
}
words! {
    /// What kind of service it is.
    ServiceClass is wire::service_class::Kind {
        Service = "SERVICE",
        /// May use all the CPU that nobody else wants, and gives way.
        Batch = "BATCH",
    }
}
words! {
    /// What an action did to the incident that it was for.
    Effect is wire::effect::Kind {
        Cured = "CURED",
        Useless = "USELESS",
        /// Another symptom came of it.
        Harmful = "HARMFUL",
        /// Nobody can tell.
        Unknown = "UNKNOWN",
    }
}
words! {
    /// Who starts again what died.
    RestartOwner is wire::restart_owner::Kind { Node = "NODE", Remediator = "REMEDIATOR" }
}
words! {
    /// What a person decided about a plan.
    Verdict is wire::approval::Verdict { Approved = "APPROVED", Denied = "DENIED" }
}
words! {
    /// Can a detector believe what it hears?
    ObserverState is wire::observer::State { Clear = "CLEAR", Storm = "STORM" }
}
words! {
    /// What an incident event says.
    IncidentEventKind is wire::incident_event::Kind { Opened = "OPENED", Updated = "UPDATED", Cleared = "CLEARED" }
}
words! {
    /// The life of an incident.
    IncidentState is wire::incident::State {
        Open = "OPEN",
        Planning = "PLANNING",
        AwaitingApproval = "AWAITING_APPROVAL",
        Acting = "ACTING",
        Verifying = "VERIFYING",
        Resolved = "RESOLVED",
        Escalated = "ESCALATED",
        Closed = "CLOSED",
    }
}
words! {
    /// How an incident ended.
    Resolution is wire::resolution::Kind {
        /// An action of ours cured it, and the detector saw it cleared.
        Remediated = "REMEDIATED",
        SelfRecovered = "SELF_RECOVERED",
        Manual = "MANUAL",
        FalseAlarm = "FALSE_ALARM",
        Merged = "MERGED",
        Expired = "EXPIRED",
    }
}
words! {
    /// What the remediator decided.
    Decision is wire::plan::Decision {
        Act = "ACT",
        Refuse = "REFUSE",
        Wait = "WAIT",
        Verify = "VERIFY",
        Resolve = "RESOLVE",
        Escalate = "ESCALATE",
    }
}
words! {
    /// The life of a command.
    CommandState is wire::command_state::State {
        Requested = "REQUESTED",
        Accepted = "ACCEPTED",
        Rejected = "REJECTED",
        Running = "RUNNING",
        Succeeded = "SUCCEEDED",
        Failed = "FAILED",
        TimedOut = "TIMED_OUT",
        Canceled = "CANCELED",
        /// Nobody knows: never taken for success.
        Unknown = "UNKNOWN",
    }
}
words! {
    /// Why a command was rejected.
    RejectionReason is wire::rejection::Reason {
        Expired = "EXPIRED",
        TargetChanged = "TARGET_CHANGED",
        UnknownTarget = "UNKNOWN_TARGET",
        NotAllowed = "NOT_ALLOWED",
        Unsupported = "UNSUPPORTED",
        Busy = "BUSY",
        /// Issued under a lease that a later remediator has taken over.
        Fenced = "FENCED",
        LeverStopped = "LEVER_STOPPED",
    }
}
words! {
    /// The life of a fault.
    FaultState is wire::fault_state::State {
        Requested = "REQUESTED",
        Rejected = "REJECTED",
        /// In the undo journal, not yet in effect.
        Armed = "ARMED",
        Active = "ACTIVE",
        Reverting = "REVERTING",
        /// Undone, and read back.
        Reverted = "REVERTED",
        RevertFailed = "REVERT_FAILED",
    }
}
words! {
    /// Why a fault was rejected, or why it ended.
    FaultReason is wire::fault_reason::Code {
        ChaosOff = "CHAOS_OFF",
        UnknownFault = "UNKNOWN_FAULT",
        UnknownTarget = "UNKNOWN_TARGET",
        BadParameter = "BAD_PARAMETER",
        Unsupported = "UNSUPPORTED",
        Limit = "LIMIT",
        NotAllowed = "NOT_ALLOWED",
        TtlExpired = "TTL_EXPIRED",
        LeaseExpired = "LEASE_EXPIRED",
        RevertRequested = "REVERT_REQUESTED",
        TargetReplaced = "TARGET_REPLACED",
        TargetRecovered = "TARGET_RECOVERED",
        AgentRestarted = "AGENT_RESTARTED",
        /// An action other than those cured it.
        Cured = "CURED",
        /// It has happened as often as it should.
        Spent = "SPENT",
    }
}
words! {
    /// Who may act.
    Mode is wire::control::Mode {
        /// Plan, never act.
        Observe = "OBSERVE",
        /// A person decides.
        Approve = "APPROVE",
        Auto = "AUTO",
    }
}
words! {
    /// The safety lever.
    LeverPosition is wire::lever::Position { Released = "RELEASED", Stopped = "STOPPED" }
}

impl ActionKind {
    /// As people write it: `restart`, `clean-disk`.
    #[must_use]
    pub fn verb(self) -> String {
        self.as_str().to_lowercase().replace('_', "-")
    }

    /// Asked of a node as a whole, and not of a service.
    #[must_use]
    pub const fn is_for_nodes(self) -> bool {
        matches!(self, Self::Quarantine | Self::Unquarantine)
    }

    /// How much it can hurt where nobody says otherwise: LOW takes nothing from anybody, MEDIUM interrupts one service, HIGH destroys
    /// something or concerns more than one service.
    #[must_use]
    pub const fn risk(self) -> RiskClass {
        match self {
            Self::Recover
            | Self::Undrain
            | Self::Unthrottle
            | Self::Unquarantine
            | Self::Throttle => RiskClass::Low,
            Self::CleanDisk | Self::FreePort | Self::Quarantine => RiskClass::High,
            Self::Start
            | Self::Stop
            | Self::Kill
            | Self::Restart
            | Self::Drain
            | Self::Rollback => RiskClass::Medium,
        }
    }

    /// How dear it is where nobody says otherwise: about the seconds for which somebody is served worse.
    #[must_use]
    pub const fn cost(self) -> u32 {
        match self {
            Self::Recover | Self::Undrain | Self::Unthrottle | Self::Unquarantine => 1,
            Self::Throttle | Self::Drain => 2,
            Self::Start => 3,
            Self::Restart | Self::Kill | Self::CleanDisk => 5,
            Self::Rollback | Self::FreePort => 10,
            Self::Stop => 20,
            Self::Quarantine => 60,
        }
    }
}

impl CommandState {
    /// No further outcome follows.
    #[must_use]
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Requested | Self::Accepted | Self::Running)
    }
}

impl FaultState {
    /// The fault is over, or never was.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Rejected | Self::Reverted | Self::RevertFailed)
    }

    /// How far along a fault's life it is. Those that end it come last: a fault that was armed and could not take effect is
    /// rejected. A rejection is the least of them: it may also answer a repeated request for a fault that is over.
    #[must_use]
    pub const fn progress(self) -> u8 {
        match self {
            Self::Requested => 0,
            Self::Armed => 1,
            Self::Active => 2,
            Self::Reverting => 3,
            Self::Rejected => 4,
            Self::RevertFailed => 5,
            Self::Reverted => 6,
        }
    }
}

impl IncidentState {
    /// Nothing more will be done about it by the remediator.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Resolved | Self::Escalated | Self::Closed)
    }
}
