//! Numbers in messages: readings and the like.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;

use crate::wire::DecodeError;

/// A finite number. Equality and order are those of its bits, so that what holds it can be compared.
#[derive(Debug, Clone, Copy, Default, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Number(f64);

impl Number {
    /// `None` for what is no finite number.
    #[must_use]
    pub fn new(value: f64) -> Option<Self> {
        value.is_finite().then_some(Self(value))
    }

    /// As a float.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }

    pub(crate) fn from_wire(value: f64, field: &'static str) -> Result<Self, DecodeError> {
        Self::new(value).ok_or(DecodeError::OutOfRange {
            field,
            range: "a finite number",
        })
    }
}

impl From<u32> for Number {
    fn from(value: u32) -> Self {
        Self(value.into())
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Number {}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Numbers by name.
pub type Numbers = BTreeMap<String, Number>;

pub(crate) fn numbers_to_wire(numbers: &Numbers) -> BTreeMap<String, f64> {
    let pairs = numbers.iter();
    pairs
        .map(|(name, number)| (name.clone(), number.get()))
        .collect()
}

pub(crate) fn numbers_from_wire(
    wire: BTreeMap<String, f64>,
    field: &'static str,
) -> Result<Numbers, DecodeError> {
    let pairs = wire.into_iter();
    pairs
        .map(|(name, value)| Ok((name, Number::from_wire(value, field)?)))
        .collect()
}
