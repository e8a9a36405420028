//! The report of a benchmark as one HTML page: nothing is fetched, no script runs, and each plot has its numbers in a table beside it.
//!
//! Absent on purpose: what is not in the [`Report`] (but for the courses of its runs, which the JSON leaves out). Invariant: the same report gives
//! the same page.

mod courses;
mod draw;
mod heat;
mod plots;
mod tables;

use std::fmt::Write as _;

use crate::bench::{Machine, Report};
pub use draw::DrawError;

const STYLE: &str = include_str!("style.css");

/// The page.
pub fn html(report: &Report) -> Result<String, DrawError> {
    let title = format!("Arena: {}", report.suite);
    let mut page = Page::default();
    page.raw(&format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n",
        escape(&title)
    ));
    page.raw(&format!("<h1>{}</h1>\n", escape(&title)));
    head(&mut page, report);
    tables::policies(&mut page, report);
    tables::pairs(&mut page, report);
    plots::times(&mut page, report)?;
    plots::noise(&mut page, report)?;
    heat::map(&mut page, report);
    courses::lines(&mut page, report)?;
    tables::not_played(&mut page, report);
    if let Some(machine) = &report.machine {
        foot(&mut page, machine);
    }
    page.raw("</main>\n</body>\n</html>\n");
    Ok(page.text)
}

/// The page as far as it is written. Writing to a text cannot fail.
#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    /// As it is.
    fn raw(&mut self, html: &str) {
        self.text.push_str(html);
    }

    /// A heading, and what there is to know about it.
    fn section(&mut self, heading: &str, about: &str) {
        let (heading, about) = (escape(heading), escape(about));
        let _ = writeln!(self.text, "<h2>{heading}</h2>\n<p>{about}</p>");
    }

    /// A plot, with its numbers for who does not see it.
    fn figure(&mut self, svg: &str, caption: &str, numbers: &Table) {
        let caption = escape(caption);
        let _ = writeln!(
            self.text,
            "<figure>\n<figcaption>{caption}</figcaption>\n<div class=\"plot\" tabindex=\"0\" role=\"img\" aria-label=\"{caption}\">{svg}</div>"
        );
        self.raw("<details>\n<summary>The numbers</summary>\n");
        self.table(numbers);
        self.raw("</details>\n</figure>\n");
    }

    fn table(&mut self, table: &Table) {
        let class = if table.is_words {
            " class=\"words\""
        } else {
            ""
        };
        let _ = write!(
            self.text,
            "<div class=\"wide\" tabindex=\"0\"><table{class}>\n<thead><tr>"
        );
        for head in &table.head {
            // A heading may wrap, but not within a word.
            let head = escape(head).replace('-', "\u{2011}");
            let _ = write!(self.text, "<th scope=\"col\">{head}</th>");
        }
        self.raw("</tr></thead>\n<tbody>\n");
        for row in &table.rows {
            self.raw("<tr>");
            for (index, cell) in row.iter().enumerate() {
                let mut text = escape(&cell.text);
                if let Some(beneath) = &cell.beneath {
                    let _ = write!(text, "<small>{}</small>", escape(beneath));
                }
                let _ = match index {
                    0 => write!(self.text, "<th scope=\"row\">{text}</th>"),
                    _ => write!(self.text, "<td>{text}</td>"),
                };
            }
            self.raw("</tr>\n");
        }
        self.raw("</tbody>\n</table></div>\n");
    }
}

struct Table {
    /// Its cells are words, which wrap, and not numbers.
    is_words: bool,
    head: Vec<String>,
    rows: Vec<Vec<Cell>>,
}

/// Of a table.
struct Cell {
    text: String,
    /// A second line, in small: what is to be known about the first.
    beneath: Option<String>,
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self {
            text,
            beneath: None,
        }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl Table {
    /// Of numbers.
    fn new(head: &[&str]) -> Self {
        Self {
            is_words: false,
            head: head.iter().copied().map(str::to_owned).collect(),
            rows: Vec::new(),
        }
    }

    fn of_words(head: &[&str]) -> Self {
        Self {
            is_words: true,
            ..Self::new(head)
        }
    }
}

/// As text in a page, and in an attribute of it.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// What was played, and what was not.
fn head(page: &mut Page, report: &Report) {
    let policies: Vec<&str> = report
        .policies
        .iter()
        .map(|row| row.policy.as_str())
        .collect();
    let mut policies: Vec<&str> = policies;
    policies.dedup();
    let noise: Vec<String> = report
        .noise
        .iter()
        .map(|level| format!("{level}\u{a0}%"))
        .collect();
    let text = format!(
        "{} runs of {} planned ones ({} left out, {} broken): each scenario with {} seeds and each policy, telemetry noise {}, network {}.",
        report.runs.len(),
        report.planned,
        report.left_out,
        report.broken.len(),
        report.seeds.len(),
        noise.join(", "),
        report.network
    );
    page.raw(&format!("<p>{}</p>\n", escape(&text)));
    if !report.complete {
        page.raw("<p class=\"warn\"><strong>Interrupted:</strong> these are the runs that were made until then.</p>\n");
    }
}

fn foot(page: &mut Page, machine: &Machine) {
    page.section("Where and how fast", "");
    let mut table = Table::of_words(&["what", "value"]);
    let load = |load: Option<f64>| load.map_or_else(|| "?".to_owned(), |load| format!("{load:.2}"));
    let memory = machine
        .memory_mib
        .map_or_else(|| "?".to_owned(), |mib| format!("{mib} MiB"));
    let rows = [
        ("command", machine.command.clone()),
        ("version", machine.version.clone()),
        ("at", machine.at.clone()),
        (
            "machine",
            format!("{} CPUs, {memory}, Linux {}", machine.cpus, machine.kernel),
        ),
        (
            "load average",
            format!(
                "{} before, {} after",
                load(machine.load1_before),
                load(machine.load1_after)
            ),
        ),
        ("threads", machine.threads.to_string()),
        ("took", format!("{:.1} s", machine.wall_seconds)),
        (
            "speed",
            format!(
                "{:.0} virtual seconds in all, {:.0} a second",
                machine.virtual_seconds, machine.virtual_seconds_per_second
            ),
        ),
    ];
    table.rows = rows
        .map(|(what, value)| vec![what.into(), value.into()])
        .into();
    page.table(&table);
}

#[cfg(test)]
mod tests;
