//! The story of a run, told again: at once, line by line, or at a pace.

use std::io::{BufRead as _, IsTerminal as _};
use std::time::Duration;

use arena_scenario::record::{Line, Record};

use super::StoryArgs;
use crate::exit::{Exit, Failure};
use crate::screen;

/// Tells it on stdout, and how it ended.
pub(super) async fn tell(record: &Record, args: &StoryArgs) -> Result<(), Failure> {
    if args.step && !std::io::stdin().is_terminal() {
        return Err(Exit::Usage.because(
            "--step waits for Enter, and nobody is at a terminal\n  mend: leave it out, or use --speed",
        ));
    }
    let millis = |at: Duration| u64::try_from(at.as_millis()).unwrap_or(u64::MAX);
    let from = args.from.map_or(0, millis);
    let until = args.until.map_or(u64::MAX, millis);
    let mut last_ms = None;
    let told = record.timeline.iter();
    for line in told.filter(|line| (from..=until).contains(&line.at_ms)) {
        if let Some(speed) = args.speed {
            pause(line.at_ms - last_ms.unwrap_or(line.at_ms), speed).await;
        }
        last_ms = Some(line.at_ms);
        screen::print(&written(line))?;
        if args.step {
            std::io::stdin().lock().read_line(&mut String::new())?;
        }
    }
    let why = if record.why.is_empty() {
        String::new()
    } else {
        format!(": {}", record.why)
    };
    screen::print(&format!("it ended as {}{why}\n", ending(record)))?;
    Ok(())
}

async fn pause(ms: u64, speed: f64) {
    tokio::time::sleep(Duration::from_millis(ms).div_f64(speed)).await;
}

fn written(line: &Line) -> String {
    let entity = if line.entity.is_empty() {
        String::new()
    } else {
        format!("{}: ", line.entity)
    };
    format!(
        "{:>7} ms  {:<9} {entity}{}\n",
        line.at_ms, line.kind, line.what
    )
}

/// The word of the file.
fn ending(record: &Record) -> String {
    serde_json::to_value(record.ending)
        .ok()
        .and_then(|value| value.as_str().map(str::to_owned))
        .unwrap_or_default()
}
