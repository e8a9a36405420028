//! `arena logs`: what components and services wrote, each line with the name of who wrote it.
//!
//! The logs are shown one after the other: their lines carry no common time by which they could be merged, since a service is
//! any command line. With `-f` they come as they are written.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, IsTerminal as _, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use owo_colors::{AnsiColors, OwoColorize as _};
use tokio::time::sleep;

use crate::exit::{Exit, Failure};
use crate::up::data_dir::{DataDir, DataDirArgs};

/// A person sees no difference to at once, and twenty idle files cost nothing at this pace.
const FOLLOW_POLL: Duration = Duration::from_millis(150);

/// The end of a log that its last lines are looked for in.
const TAIL_BYTES_MAX: u64 = 1024 * 1024;

/// Colours that are readable on light and on dark.
const PALETTE: [AnsiColors; 6] = [
    AnsiColors::Cyan,
    AnsiColors::Green,
    AnsiColors::Yellow,
    AnsiColors::Magenta,
    AnsiColors::Blue,
    AnsiColors::Red,
];

/// `arena logs`.
#[derive(Debug, Args)]
#[command(before_help = "\
Examples:
  arena logs -f                   everything, as it is written
  arena logs detector orders      one component, and orders on every node
  arena logs node-1/orders -n 500")]
pub(crate) struct LogsArgs {
    /// NODE/SERVICE, SERVICE (on every node), or a component such as detector or node-1
    #[arg(value_name = "SERVICE")]
    pub names: Vec<String>,
    /// Keep showing what is written
    #[arg(short, long)]
    pub follow: bool,
    /// So many lines of each log to begin with
    #[arg(short = 'n', long, value_name = "COUNT", default_value_t = 100)]
    pub lines: usize,
    #[command(flatten)]
    pub data: DataDirArgs,
}

/// Runs it.
pub(crate) async fn run(args: LogsArgs) -> Result<(), Failure> {
    let path = args.data.path()?;
    if !path.is_dir() {
        return Err(
            Exit::NotRunning.because(format!("no arena was ever started in {}", path.display()))
        );
    }
    let data = args.data.open()?;
    let known = find_logs(&data)?;
    let unknown = args
        .names
        .iter()
        .find(|name| !known.keys().any(|log| matches(log, name)));
    if let Some(unknown) = unknown {
        let list: Vec<&str> = known.keys().map(String::as_str).collect();
        return Err(Exit::NotRunning.because(format!(
            "{unknown} has no log here; there are: {}",
            list.join(", ")
        )));
    }
    let mut shown = Shown::new(io::stdout().is_terminal() && no_color_is_unset());
    for (name, path) in wanted(known, &args.names) {
        shown.open(&name, &path, args.lines)?;
    }
    if !args.follow {
        return Ok(());
    }
    loop {
        sleep(FOLLOW_POLL).await;
        for (name, path) in wanted(find_logs(&data)?, &args.names) {
            shown.follow(&name, &path)?;
        }
    }
}

fn no_color_is_unset() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

fn wanted(known: BTreeMap<String, PathBuf>, names: &[String]) -> BTreeMap<String, PathBuf> {
    let is_wanted = |log: &str| names.is_empty() || names.iter().any(|name| matches(log, name));
    known
        .into_iter()
        .filter(|(log, _)| is_wanted(log))
        .collect()
}

/// Whether a person who says `name` means this log.
fn matches(log: &str, name: &str) -> bool {
    log == name
        || log
            .split_once('/')
            .is_some_and(|(_, service)| service == name)
}

/// Every log by its name: components by theirs, services as NODE/SERVICE.
fn find_logs(data: &DataDir) -> io::Result<BTreeMap<String, PathBuf>> {
    let mut logs: BTreeMap<String, PathBuf> = logs_in(&data.logs())?.into_iter().collect();
    for node in names_in(&data.nodes())? {
        let folder = data.node_logs(&node);
        logs.extend(
            logs_in(&folder)?
                .into_iter()
                .map(|(service, path)| (format!("{node}/{service}"), path)),
        );
    }
    Ok(logs)
}

fn logs_in(folder: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let name = |file: String| Some((file.strip_suffix(".log")?.to_owned(), folder.join(&file)));
    Ok(names_in(folder)?.into_iter().filter_map(name).collect())
}

/// A folder that is not there is as good as empty.
fn names_in(folder: &Path) -> io::Result<Vec<String>> {
    match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        entries => entries?
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect(),
    }
}

/// What was shown so far.
struct Shown {
    colour: bool,
    width: usize,
    positions: BTreeMap<PathBuf, Position>,
}

/// How far a log was read, and the part of a line that has no end yet.
struct Position {
    offset: u64,
    begun: Vec<u8>,
    colour: AnsiColors,
}

impl Shown {
    fn new(colour: bool) -> Self {
        Self {
            colour,
            width: 0,
            positions: BTreeMap::new(),
        }
    }

    /// Shows the last lines of a log.
    fn open(&mut self, name: &str, path: &Path, lines: usize) -> io::Result<()> {
        let length = fs::metadata(path)?.len();
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES_MAX)))?;
        let mut content = Vec::new();
        file.take(TAIL_BYTES_MAX).read_to_end(&mut content)?;
        let tail = last_lines(&content, lines).to_vec();
        self.enter(path, length);
        self.show(name, path, &tail)
    }

    /// Shows what was written since. A log that became shorter was rotated and is read from its begin; one that was not there
    /// before too.
    fn follow(&mut self, name: &str, path: &Path) -> io::Result<()> {
        let length = match fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            metadata => metadata?.len(),
        };
        let offset = self.enter(path, 0);
        let was_rotated = length < offset;
        let from = if was_rotated { 0 } else { offset };
        if length == from {
            return Ok(());
        }
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(from))?;
        let mut content = Vec::new();
        let read = file.take(length - from).read_to_end(&mut content)?;
        if let Some(position) = self.positions.get_mut(path) {
            position.offset = from + u64::try_from(read).unwrap_or(0);
            if was_rotated {
                position.begun.clear();
            }
        }
        self.show(name, path, &content)
    }

    /// The position in a log; a new one starts at `offset`.
    fn enter(&mut self, path: &Path, offset: u64) -> u64 {
        let colour = PALETTE[self.positions.len() % PALETTE.len()];
        self.positions
            .entry(path.to_owned())
            .or_insert(Position {
                offset,
                begun: Vec::new(),
                colour,
            })
            .offset
    }

    /// Shows whole lines, and keeps a line that is not ended for the next time.
    fn show(&mut self, name: &str, path: &Path, content: &[u8]) -> io::Result<()> {
        self.width = self.width.max(name.len());
        let Some(position) = self.positions.get_mut(path) else {
            return Ok(());
        };
        position.begun.extend_from_slice(content);
        let whole = position
            .begun
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |end| end + 1);
        let rest = position.begun.split_off(whole);
        let lines = std::mem::replace(&mut position.begun, rest);
        let prefix = format!("{name:width$} |", width = self.width);
        let prefix = if self.colour {
            prefix.color(position.colour).to_string()
        } else {
            prefix
        };
        let mut stdout = io::stdout().lock();
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            write!(stdout, "{prefix} ")?;
            stdout.write_all(line)?;
        }
        stdout.flush()
    }
}

/// The last `count` lines; an unended one at the end counts too.
fn last_lines(content: &[u8], count: usize) -> &[u8] {
    let body = content.strip_suffix(b"\n").unwrap_or(content);
    let mut ends = body
        .iter()
        .enumerate()
        .rev()
        .filter(|(_, byte)| **byte == b'\n');
    match count.checked_sub(1) {
        None => &[],
        Some(skipped) => ends
            .nth(skipped)
            .map_or(content, |(end, _)| &content[end + 1..]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_whole() {
        assert_eq!(last_lines(b"a\nb\nc\n", 2), b"b\nc\n");
        assert_eq!(last_lines(b"a\nb\nc", 2), b"b\nc");
        assert_eq!(last_lines(b"a\nb\n", 5), b"a\nb\n");
        assert_eq!(last_lines(b"a\nb\n", 0), b"");
        assert_eq!(last_lines(b"", 3), b"");
    }

    #[test]
    fn a_name_means_a_component_or_a_service_everywhere() {
        assert!(matches("node-1/orders", "orders") && matches("node-1/orders", "node-1/orders"));
        assert!(matches("detector", "detector"));
        assert!(!matches("node-1/orders", "node-1") && !matches("node-1/orders", "order"));
    }

    #[test]
    fn following_goes_on_after_a_rotation_and_sees_a_new_log() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.log");
        let mut shown = Shown::new(false);
        let offset = |shown: &Shown| shown.positions[&folder.path().join("x.log")].offset;
        shown.follow("x", &path).unwrap();
        fs::write(&path, "a long first line\nbegun").unwrap();
        shown.follow("x", &path).unwrap();
        assert_eq!(shown.positions[&path].begun, b"begun");
        fs::write(&path, "new\n").unwrap();
        shown.follow("x", &path).unwrap();
        assert_eq!(offset(&shown), 4);
        assert!(shown.positions[&path].begun.is_empty());
    }
}
