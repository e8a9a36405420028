//! What is wrong with a file, where, and how to mend it.

use std::fmt;
use std::ops::Range;

use serde::de::DeserializeOwned;

/// One mistake in a file, told so that a person can mend it.
///
/// ```text
/// arena.toml:7:14: service "orders" depends on "paymets", which no node has
///   |
/// 7 | depends_on = ["paymets"]
///   |               ^^^^^^^^^
///   mend: write "payments", or add a [[node.service]] with that name
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The file, as the person named it.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// What is wrong.
    pub what: String,
    /// How to mend it.
    pub mend: String,
    /// Boxed, for a small error. `None` where the file may hold secrets.
    excerpt: Option<Box<Excerpt>>,
}

/// The line of the mistake, or what of a long one is around it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Excerpt {
    line: String,
    /// Characters of `line` before the mistake, and covered by it.
    before: usize,
    width: usize,
}

/// A longer line is cut: it fits a wide terminal.
const EXCERPT_CHARS_MAX: usize = 120;
/// What is kept of a long line before the mistake: enough to see what it belongs to.
const EXCERPT_BEFORE_CHARS: usize = 40;
/// A message that quotes a longer value is cut: a whole file on one line is no message.
const MESSAGE_CHARS_MAX: usize = 400;

impl Diagnostic {
    /// A mistake at a byte range of the file's text.
    #[must_use]
    pub fn at(
        file: &str,
        text: &str,
        range: Range<usize>,
        what: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        let start = floor_char(text, range.start);
        let end = floor_char(text, range.end.max(start));
        let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
        let before = text[line_start..start].chars().count();
        let width = text[start..end.min(line_end)].chars().count().max(1);
        Self {
            file: file.to_owned(),
            line: text[..start].matches('\n').count() + 1,
            column: before + 1,
            what: cut(&what.into(), MESSAGE_CHARS_MAX),
            mend: cut(&mend.into(), MESSAGE_CHARS_MAX),
            excerpt: Some(Box::new(Excerpt::new(
                &text[line_start..line_end],
                before,
                width,
            ))),
        }
    }

    /// The same, without anything that the file says: for a file that may hold secrets. The place and the mend stay.
    #[must_use]
    pub fn without_quotes(self) -> Self {
        let before_quote = |what: &str| {
            let end = what.find(['`', '"', '\'']).unwrap_or(what.len());
            what[..end].trim_end().to_owned()
        };
        // What is expected is the reader's own words; only what was found is quoted.
        let what = match self.what.rsplit_once(", expected ") {
            Some((found, expected)) => format!("{}, expected {expected}", before_quote(found)),
            None => before_quote(&self.what),
        };
        Self {
            what,
            ..self.without_excerpt()
        }
    }

    /// The same, without the line that it is about.
    #[must_use]
    pub fn without_excerpt(self) -> Self {
        Self {
            excerpt: None,
            ..self
        }
    }
}

impl Excerpt {
    fn new(line: &str, before: usize, width: usize) -> Self {
        let line = line.trim_end_matches('\r');
        let long = line.chars().nth(EXCERPT_CHARS_MAX).is_some();
        let skipped = if long {
            before.saturating_sub(EXCERPT_BEFORE_CHARS)
        } else {
            0
        };
        let mark = if skipped > 0 { "…" } else { "" };
        let kept: String = line.chars().skip(skipped).collect();
        let line = format!("{mark}{}", cut(&kept, EXCERPT_CHARS_MAX));
        let before = before - skipped + mark.chars().count();
        let width = width
            .min(line.chars().count().saturating_sub(before))
            .max(1);
        Self {
            line,
            before,
            width,
        }
    }
}

/// At most so many characters; one that is cut ends in "…".
fn cut(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn floor_char(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            file,
            line,
            column,
            what,
            mend,
            excerpt,
        } = self;
        writeln!(f, "{file}:{line}:{column}: {what}")?;
        if let Some(excerpt) = excerpt {
            let gutter = " ".repeat(line.to_string().len());
            let source = &excerpt.line;
            // Tabs are kept, so that the caret stands under its place whatever a tab is worth.
            let indent: String = source
                .chars()
                .take(excerpt.before)
                .map(|c| if c == '\t' { '\t' } else { ' ' })
                .collect();
            writeln!(
                f,
                "{gutter} |\n{line} | {source}\n{gutter} | {indent}{}",
                "^".repeat(excerpt.width)
            )?;
        }
        write!(f, "  mend: {mend}")
    }
}

impl std::error::Error for Diagnostic {}

/// Reads TOML. The error is the first mistake, with its place.
pub fn parse<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, Diagnostic> {
    toml::from_str(text).map_err(|error| {
        let range = error.span().unwrap_or(0..0);
        let message = plain(&error.message().lines().collect::<Vec<_>>().join("; "));
        let mend = mend_for(&message);
        Diagnostic::at(file, text, range, message, mend)
    })
}

/// The TOML reader's message, with the types in words instead of Rust's.
fn plain(message: &str) -> String {
    match message.rsplit_once(", expected ") {
        Some((found, expected)) if message.starts_with("invalid ") => {
            format!("{found}, expected {}", in_words(expected))
        }
        _ => message.to_owned(),
    }
}

/// A type as a person would write a value of it.
fn in_words(expected: &str) -> &str {
    match expected {
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" | "u64" | "usize" => "a whole number, 0 or more",
        "i32" | "i64" => "a whole number",
        "f32" | "f64" => "a number",
        "bool" | "a boolean" => "true or false",
        "string" | "a string" | "path string" => "text in quotes",
        "a sequence" => "a list in [ ]",
        "a map" => "a table",
        "string or table" | "unit" => "a word in quotes",
        other if other.starts_with("struct ") => "a table",
        other => other,
    }
}

/// What to do about the TOML reader's own messages.
fn mend_for(message: &str) -> String {
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    if message.starts_with("unknown field") || message.starts_with("unknown variant") {
        let (unknown, known) = quoted
            .split_first()
            .map_or(("", &[][..]), |(first, rest)| (*first, rest));
        return match closest(unknown, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`? Otherwise remove it"),
            None => format!("remove it, or use one of {}", known.join(", ")),
        };
    }
    if message.starts_with("missing field") {
        return format!(
            "add `{} = …` to this table",
            quoted.first().unwrap_or(&"it")
        );
    }
    if message.starts_with("invalid type") || message.starts_with("invalid value") {
        return match message.rsplit_once(", expected ") {
            Some((_, expected)) => format!("write {expected}"),
            None => "write what this field is for".to_owned(),
        };
    }
    if message.contains("not a duration") {
        return "write the duration as text with its unit".to_owned();
    }
    if message.contains("duplicate key") {
        return "keep one of the two".to_owned();
    }
    "correct this line; https://toml.io shows how TOML is written".to_owned()
}

/// The known word that somebody who wrote `word` most likely meant: at most two letters off, or a third of it.
#[must_use]
pub fn closest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (word.chars().count() / 3).clamp(1, 2);
    known
        .into_iter()
        .map(|candidate| (edit_distance(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Levenshtein distance, by rows.
fn edit_distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, l) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, r) in right.iter().enumerate() {
            let substituted = diagonal + usize::from(l != *r);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its parsing is tested")]
    struct Sample {
        name: String,
        #[serde(with = "crate::duration")]
        interval: std::time::Duration,
    }

    fn check(text: &str, expected: &Expect) {
        expected.assert_eq(
            &parse::<Sample>("sample.toml", text)
                .unwrap_err()
                .to_string(),
        );
    }

    #[test]
    fn an_unknown_field_names_its_neighbour() {
        check(
            "name = \"a\"\nintervall = \"1s\"\n",
            &expect![[r#"
                sample.toml:2:1: unknown field `intervall`, expected `name` or `interval`
                  |
                2 | intervall = "1s"
                  | ^^^^^^^^^
                  mend: did you mean `interval`? Otherwise remove it"#]],
        );
    }

    #[test]
    fn a_missing_field_is_named() {
        check(
            "name = \"a\"\n",
            &expect![[r#"
                sample.toml:1:1: missing field `interval`
                  |
                1 | name = "a"
                  | ^
                  mend: add `interval = …` to this table"#]],
        );
    }

    #[test]
    fn a_bad_duration_says_how_one_is_written() {
        check(
            "name = \"ä\"\ninterval = \"fast\"\n",
            &expect![[r#"
                sample.toml:2:12: "fast" is not a duration: write a number and a unit, as in "200ms", "1s" or "5m"
                  |
                2 | interval = "fast"
                  |            ^^^^^^
                  mend: write the duration as text with its unit"#]],
        );
    }

    #[test]
    fn broken_toml_has_its_place() {
        check(
            "name = \"a\ninterval = \"1s\"\n",
            &expect![[r#"
                sample.toml:1:10: invalid basic string, expected `"`
                  |
                1 | name = "a
                  |          ^
                  mend: correct this line; https://toml.io shows how TOML is written"#]],
        );
    }

    #[test]
    fn a_wrong_type_is_told_in_words() {
        check(
            "name = 5\ninterval = \"1s\"\n",
            &expect![[r#"
            sample.toml:1:8: invalid type: integer `5`, expected text in quotes
              |
            1 | name = 5
              |        ^
              mend: write text in quotes"#]],
        );
    }

    #[test]
    fn of_a_long_line_only_what_is_around_the_mistake_is_shown() {
        let long = format!(
            "interval = \"1s\"\nname = [{}7]\n",
            "\"x\", ".repeat(100_000)
        );
        let at = long.len() - 3;
        let told = Diagnostic::at("f", &long, at..at + 1, "w".repeat(9_000), "m").to_string();
        assert!(told.chars().count() < 1_000, "{told}");
        let lines: Vec<&str> = told.lines().collect();
        let caret = lines[3].chars().position(|c| c == '^').unwrap();
        assert_eq!(lines[2].chars().nth(caret), Some('7'), "{told}");
    }

    #[test]
    fn any_range_of_any_text_is_a_place() {
        for text in ["", "ä", "a\nb", "\n\n"] {
            for start in 0..4 {
                let diagnostic = Diagnostic::at("f", text, start..start + 3, "w", "m");
                assert!(diagnostic.line >= 1 && diagnostic.column >= 1);
                assert!(!diagnostic.to_string().is_empty());
            }
        }
    }
}
