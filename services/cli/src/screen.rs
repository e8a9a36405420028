//! What a person reads: tables, and colour where a terminal wants it (never under `NO_COLOR`). State is told by the
//! word; colour only repeats it.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use owo_colors::{OwoColorize as _, Stream};

/// A line of talk on stderr. Who does not listen any more (`2>&1 | head`) ends nothing by that.
macro_rules! talk {
    ($($words:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr(), $($words)*);
    }};
}
pub(crate) use talk;

/// How a cell is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// As it is.
    Plain,
    /// Well.
    Good,
    /// Worth a look.
    Warn,
    /// Not well.
    Bad,
    /// Of lesser interest.
    Faint,
}

/// A text and how it is meant.
#[derive(Debug, Clone)]
pub(crate) struct Cell(pub String, pub Tone);

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self(text.to_owned(), Tone::Plain)
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self(text, Tone::Plain)
    }
}

/// Colours a text for stdout.
pub(crate) fn paint(text: &str, tone: Tone) -> String {
    let stream = Stream::Stdout;
    match tone {
        Tone::Plain => text.to_owned(),
        Tone::Good => text
            .if_supports_color(stream, |t| t.green().to_string())
            .to_string(),
        Tone::Warn => text
            .if_supports_color(stream, |t| t.yellow().to_string())
            .to_string(),
        Tone::Bad => text
            .if_supports_color(stream, |t| t.red().to_string())
            .to_string(),
        Tone::Faint => text
            .if_supports_color(stream, |t| t.dimmed().to_string())
            .to_string(),
    }
}

/// The tone of a process, incident, command or fault state.
pub(crate) fn tone_of(word: &str) -> Tone {
    match word {
        "RUNNING" | "PASSING" | "RESOLVED" | "REMEDIATED" | "SELF_RECOVERED" | "SUCCEEDED"
        | "REVERTED" | "RELEASED" => Tone::Good,
        "STARTING" | "STOPPING" | "BACKOFF" | "OPEN" | "PLANNING" | "ACTING" | "VERIFYING"
        | "AWAITING_APPROVAL" | "ACTIVE" | "ARMED" | "REVERTING" => Tone::Warn,
        "EXITED" | "FATAL" | "FAILING" | "ESCALATED" | "FAILED" | "REJECTED" | "TIMED_OUT"
        | "NO_DATA" | "REVERT_FAILED" | "UNKNOWN" => Tone::Bad,
        _ => Tone::Plain,
    }
}

/// A cell with a state word in its tone.
pub(crate) fn state(word: &str) -> Cell {
    Cell(word.to_owned(), tone_of(word))
}

/// Lays out rows under a head; the columns are as wide as they need to be.
pub(crate) fn table(head: &[&str], rows: &[Vec<Cell>]) -> String {
    let width = |column: usize| {
        let cells = rows
            .iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.0.chars().count());
        cells
            .chain([head[column].chars().count()])
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let mut text = String::new();
    let mut line = |cells: Vec<(String, usize, Tone)>| {
        let mut row = String::new();
        for (content, width, tone) in cells {
            let padding = " ".repeat(width.saturating_sub(content.chars().count()) + 2);
            row.push_str(&paint(&content, tone));
            row.push_str(&padding);
        }
        let _ = writeln!(text, "{}", row.trim_end());
    };
    line(
        head.iter()
            .zip(&widths)
            .map(|(h, w)| ((*h).to_owned(), *w, Tone::Faint))
            .collect(),
    );
    for row in rows {
        line(
            row.iter()
                .zip(&widths)
                .map(|(cell, w)| (cell.0.clone(), *w, cell.1))
                .collect(),
        );
    }
    text
}

/// Writes to stdout; the error of a closed pipe is for the caller to pass on.
pub(crate) fn print(text: &str) -> io::Result<()> {
    print_bytes(text.as_bytes())
}

/// The same for what need not be text.
pub(crate) fn print_bytes(bytes: &[u8]) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes)?;
    stdout.flush()
}

/// Writes a value as JSON with a line break.
pub(crate) fn print_json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    let mut text = serde_json::to_string_pretty(value)?;
    text.push('\n');
    Ok(print(&text)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_is_as_wide_as_its_widest_cell() {
        let rows = vec![
            vec!["a".into(), "b".into()],
            vec!["long".into(), state("RUNNING")],
        ];
        assert_eq!(
            table(&["x", "y"], &rows),
            "x     y\na     b\nlong  RUNNING\n"
        );
    }
}
