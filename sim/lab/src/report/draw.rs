//! What every plot is drawn with: `plotters` as SVG, and colours that the page's style gives, so that one plot is right in light and dark.

use plotters::prelude::*;

/// Width of a plot, in its own units: a phone scrolls it sideways rather than shrink its words away.
pub(super) const WIDTH: u32 = 720;
/// Height of a plot, in its own units.
pub(super) const HEIGHT: u32 = 320;
/// Of the words in a plot, in its own units.
pub(super) const FONT: i32 = 16;

/// Stand-ins, each unlike any other colour of the page: [`finish`] puts the style's in their place.
pub(super) const INK: RGBColor = RGBColor(1, 2, 0);
/// The lines behind.
pub(super) const GRID: RGBColor = RGBColor(1, 2, 1);
/// What is hurt.
pub(super) const FAULT: RGBColor = RGBColor(1, 2, 2);
/// What was found.
pub(super) const INCIDENT: RGBColor = RGBColor(1, 2, 3);
/// What was done.
pub(super) const ACTION: RGBColor = RGBColor(1, 2, 4);
/// What is well.
pub(super) const HEALED: RGBColor = RGBColor(1, 2, 5);
/// Of the policies, in their order; the ninth begins again.
const SERIES: [RGBColor; 8] = [
    RGBColor(1, 3, 0),
    RGBColor(1, 3, 1),
    RGBColor(1, 3, 2),
    RGBColor(1, 3, 3),
    RGBColor(1, 3, 4),
    RGBColor(1, 3, 5),
    RGBColor(1, 3, 6),
    RGBColor(1, 3, 7),
];
const NAMED: [(RGBColor, &str); 6] = [
    (INK, "ink"),
    (GRID, "grid"),
    (FAULT, "fault"),
    (INCIDENT, "incident"),
    (ACTION, "action"),
    (HEALED, "healed"),
];

/// A plot could not be drawn.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot draw a plot of the report: {0}")]
pub struct DrawError(String);

impl DrawError {
    pub(super) fn of(error: &impl std::fmt::Display) -> Self {
        Self(error.to_string())
    }
}

/// Of the policy of this number.
pub(super) const fn series(index: usize) -> RGBColor {
    SERIES[index % SERIES.len()]
}

/// The words of a plot.
pub(super) fn words() -> TextStyle<'static> {
    ("sans-serif", FONT).into_font().color(&INK)
}

/// The SVG with the style's colours; as wide as the page lets it be.
pub(super) fn finish(svg: &str) -> String {
    let mut text = svg.to_owned();
    for (color, name) in NAMED {
        text = text.replace(&written(color), &format!("var(--{name})"));
    }
    for (index, color) in SERIES.iter().enumerate() {
        text = text.replace(&written(*color), &format!("var(--series-{index})"));
    }
    // The page says what the plot is; its single words are noise to a screen reader.
    text.replacen("<svg ", "<svg aria-hidden=\"true\" ", 1)
}

/// As the SVG has it.
fn written(color: RGBColor) -> String {
    format!("#{:02X}{:02X}{:02X}", color.0, color.1, color.2)
}
