//! Who decides here, when, and asking before something is done that cannot be taken back.

use std::io::{BufRead as _, IsTerminal as _};
use std::time::Duration;

use arena_chassis::Clock;
use arena_proto::Timestamp;

use crate::exit::{Exit, Failure};

/// The person at this terminal, as others can find them: user@host.
pub(crate) fn who() -> String {
    let user = ["USER", "LOGNAME"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|user| !user.is_empty()))
        .unwrap_or_else(|| format!("uid-{}", rustix::process::getuid().as_raw()));
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match host.trim() {
        "" => user,
        host => format!("{user}@{host}"),
    }
}

/// The time.
pub(crate) fn now() -> Timestamp {
    Clock::new().now()
}

/// Goes on when the person says yes, on the command line or when asked. Where nobody can be asked, silence is no yes.
pub(crate) fn confirm(what: &str, yes: bool) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() {
        return Err(Exit::Usage.because(format!(
            "not done: {what} needs a yes, and there is no terminal to ask at\n  mend: add --yes"
        )));
    }
    eprint!("{what}? [y/N] ");
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    match answer.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(Exit::Failed.because("not done")),
    }
}

/// When something was, for a person: the time and how long ago.
pub(crate) fn ago(at: Timestamp, now: Timestamp) -> String {
    format!("{at} ({} ago)", rough(now.saturating_since(at)))
}

/// Until when something is, for a person.
pub(crate) fn until(at: Timestamp, now: Timestamp) -> String {
    if at <= now {
        return format!("{at} (over)");
    }
    format!("{at} (in {})", rough(at.saturating_since(now)))
}

/// To the second: nobody reads more of "3 minutes ago".
fn rough(duration: Duration) -> String {
    humantime::format_duration(Duration::from_secs(duration.as_secs())).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_told_with_its_distance() {
        let now = Timestamp::from_unix_millis(100_900);
        assert_eq!(
            ago(Timestamp::from_unix_millis(10_000), now),
            "1970-01-01T00:00:10.000Z (1m 30s ago)"
        );
        assert_eq!(
            until(Timestamp::from_unix_millis(103_000), now),
            "1970-01-01T00:01:43.000Z (in 2s)"
        );
        assert_eq!(until(now, now), "1970-01-01T00:01:40.900Z (over)");
    }
}
