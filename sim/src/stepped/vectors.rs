//! Observations as numbers of a fixed shape, for who learns: a row of columns for each place, some numbers for the whole arena, and which
//! numbered actions make sense.
//!
//! Numbers travel as base64 of their bytes: as JSON they would be most of the time that a step takes. Invariant: [`UNKNOWN`] is what has no
//! reading; every reading is zero or more, so nothing else is negative.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use schemars::JsonSchema;
use serde::Serialize;

use super::places::Places;

/// What has no reading.
pub const UNKNOWN: f32 = -1.0;

/// The shape of an agent's vectors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Shape {
    /// What each column of a row is.
    pub columns: Vec<String>,
    /// What each number for the whole arena is.
    pub globals: Vec<String>,
    /// What each block of numbered actions does: action `1 + kind * places + place`; 0 does nothing.
    pub kinds: Vec<String>,
    /// How many numbered actions there are, 0 among them.
    pub actions: usize,
}

impl Shape {
    pub(crate) fn new(
        places: &Places,
        columns: Vec<String>,
        globals: &[&str],
        kinds: Vec<String>,
    ) -> Self {
        Self {
            columns,
            globals: globals.iter().map(|name| (*name).to_owned()).collect(),
            actions: 1 + kinds.len() * places.len(),
            kinds,
        }
    }
}

/// The kind and the place of a numbered action; `None` for 0, which does nothing, and for what is none.
pub(crate) fn numbered(number: u64, places: &Places) -> Option<(usize, usize)> {
    let number = usize::try_from(number).ok()?.checked_sub(1)?;
    Some((number.checked_div(places.len())?, number % places.len()))
}

/// An observation as numbers.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Vectors {
    /// Base64 of 32 bit floats, little endian, row by row: as many as places times columns.
    pub rows: String,
    /// Base64 of 32 bit floats, little endian.
    pub globals: String,
    /// Base64 of bits, the first action in the highest bit of the first byte: the numbered actions that nothing is known against.
    pub action_mask: String,
}

impl Vectors {
    pub(crate) fn new(rows: &Rows, globals: &[f32], mask: &Mask) -> Self {
        Self {
            rows: floats(&rows.values),
            globals: floats(globals),
            action_mask: STANDARD.encode(&mask.bits),
        }
    }
}

fn floats(values: &[f32]) -> String {
    let bytes: Vec<u8> = values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect();
    STANDARD.encode(bytes)
}

/// The rows while they are filled. What is not set is zero: not there, not so, none.
#[derive(Debug)]
pub(crate) struct Rows {
    values: Vec<f32>,
    columns: usize,
}

impl Rows {
    pub(crate) fn new(places: &Places, columns: usize) -> Self {
        Self {
            values: vec![0.0; places.len() * columns],
            columns,
        }
    }

    pub(crate) fn set(&mut self, row: usize, column: usize, value: f32) {
        if column < self.columns
            && let Some(place) = self.values.get_mut(row * self.columns + column)
        {
            *place = value;
        }
    }

    pub(crate) fn get(&self, row: usize, column: usize) -> f32 {
        let place = self.values.get(row * self.columns + column);
        place.copied().unwrap_or_default()
    }

    /// One column a word: 1 in the one that it is.
    pub(crate) fn set_word<T: PartialEq>(
        &mut self,
        row: usize,
        first: usize,
        all: &[T],
        is: Option<T>,
    ) {
        if let Some(index) = is.and_then(|is| all.iter().position(|word| *word == is)) {
            self.set(row, first + index, 1.0);
        }
    }

    pub(crate) fn add(&mut self, row: usize, column: usize, value: f32) {
        self.set(row, column, self.get(row, column) + value);
    }
}

/// Which numbered actions nothing is known against.
#[derive(Debug)]
pub(crate) struct Mask {
    bits: Vec<u8>,
    places: usize,
}

impl Mask {
    /// Nothing but to do nothing.
    pub(crate) fn new(places: &Places, kinds: usize) -> Self {
        let mut mask = Self {
            bits: vec![0; (1 + kinds * places.len()).div_ceil(8)],
            places: places.len(),
        };
        mask.allow_bit(0);
        mask
    }

    pub(crate) fn allow(&mut self, kind: usize, row: usize) {
        self.allow_bit(1 + kind * self.places + row);
    }

    fn allow_bit(&mut self, bit: usize) {
        if let Some(byte) = self.bits.get_mut(bit / 8) {
            *byte |= 0x80 >> (bit % 8);
        }
    }
}

/// A reading as a column has it.
#[expect(
    clippy::cast_possible_truncation,
    reason = "telemetry has no more digits than this"
)]
pub(crate) fn reading(value: Option<f64>) -> f32 {
    value
        .filter(|value| value.is_finite())
        .map_or(UNKNOWN, |value| (value as f32).max(0.0))
}

/// Milliseconds as seconds.
#[expect(
    clippy::cast_precision_loss,
    reason = "a run is minutes, not centuries"
)]
pub(crate) fn seconds(millis: u64) -> f32 {
    millis as f32 / 1000.0
}

/// A count of things.
pub(crate) fn count(number: usize) -> f32 {
    u16::try_from(number).map_or(f32::from(u16::MAX), f32::from)
}

/// 1 for what is so.
pub(crate) fn flag(is: bool) -> f32 {
    f32::from(u8::from(is))
}

#[cfg(test)]
mod tests {
    use arena_scenario::{Layout, Topology};

    use super::*;

    fn places() -> Places {
        Places::of(&Layout::of(&Topology::Shop, 0))
    }

    #[test]
    fn a_number_is_a_kind_at_a_place() {
        let places = places();
        assert_eq!(numbered(0, &places), None);
        assert_eq!(numbered(1, &places), Some((0, 0)));
        let last = u64::try_from(places.len()).expect("a count");
        assert_eq!(numbered(last, &places), Some((0, places.len() - 1)));
        assert_eq!(numbered(last + 1, &places), Some((1, 0)));
        assert!(numbered(u64::MAX, &places).is_some_and(|(kind, _)| kind > 1000));
    }

    #[test]
    fn bits_and_bytes_are_as_documented() {
        let places = places();
        let mut rows = Rows::new(&places, 2);
        rows.set(0, 1, 1.5);
        rows.set(places.len(), 0, 9.0);
        rows.set(0, 2, 9.0);
        let mut mask = Mask::new(&places, 1);
        mask.allow(0, 6);
        let vectors = Vectors::new(&rows, &[UNKNOWN], &mask);
        let bytes = STANDARD.decode(&vectors.rows).expect("base64");
        assert_eq!(bytes.len(), places.len() * 2 * 4);
        assert_eq!(bytes[4..8], 1.5_f32.to_le_bytes());
        assert!(
            bytes[8..].iter().all(|byte| *byte == 0),
            "nothing beside it"
        );
        assert_eq!(
            STANDARD.decode(&vectors.globals).expect("base64"),
            UNKNOWN.to_le_bytes()
        );
        let bits = STANDARD.decode(&vectors.action_mask).expect("base64");
        assert_eq!(bits[0], 0b1000_0001);
    }

    #[test]
    fn what_is_no_reading_is_unknown() {
        assert_eq!(reading(None).to_bits(), UNKNOWN.to_bits());
        assert_eq!(reading(Some(f64::NAN)).to_bits(), UNKNOWN.to_bits());
        assert_eq!(reading(Some(-3.0)).to_bits(), 0.0_f32.to_bits());
        assert_eq!(reading(Some(2.5)).to_bits(), 2.5_f32.to_bits());
    }
}
