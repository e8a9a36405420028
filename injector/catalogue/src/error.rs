//! Why a fault cannot be asked for.

/// A fault that cannot be asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CatalogueError {
    /// No such fault.
    #[error("there is no fault {name:?}{}; there are {known}", did_you_mean(*nearest))]
    UnknownFault {
        /// What was asked for, cut.
        name: String,
        /// The fault that was most likely meant.
        nearest: Option<&'static str>,
        /// Every fault.
        known: String,
    },
    /// No such parameter.
    #[error("{fault} has no parameter {name:?}{}; it has {known}", did_you_mean(*nearest))]
    UnknownParam {
        /// The fault.
        fault: &'static str,
        /// What was given, cut.
        name: String,
        /// The parameter that was most likely meant.
        nearest: Option<&'static str>,
        /// Every parameter of the fault.
        known: String,
    },
    /// Not a value of the parameter's kind, or out of its range.
    #[error("{name} is {value}: allowed {range}")]
    NotAllowed {
        /// The parameter, or `for` for the time to live.
        name: &'static str,
        /// What was given, cut.
        value: String,
        /// What is allowed.
        range: String,
    },
}

fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |nearest| {
        format!(" (did you mean {nearest:?}?)")
    })
}

impl CatalogueError {
    /// It is the fault's name that is wrong, not a parameter.
    #[must_use]
    pub const fn is_unknown_fault(&self) -> bool {
        matches!(self, Self::UnknownFault { .. })
    }
}
