//! What a receiver's answer means, and when it is asked again.

use std::time::{Duration, UNIX_EPOCH};

use arena_proto::{Timestamp, fnv1a};

/// After the first failure: a receiver that is restarted is back within seconds.
const FIRST: Duration = Duration::from_secs(1);
/// Between any two tries: who is back after hours is told within a minute.
const LONGEST: Duration = Duration::from_mins(1);
/// What a receiver may ask for with `Retry-After`: what asks for more would be told after it was given up.
const RETRY_AFTER_MAX: Duration = Duration::from_hours(1);

/// What became of one try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The receiver has it.
    Delivered,
    /// Not now; `after` is the least that it asks to wait.
    Again {
        /// In words.
        why: String,
        /// What `Retry-After` says.
        after: Option<Duration>,
    },
    /// It does not want this one, and would not want it later.
    Refused {
        /// In words.
        why: String,
        /// It wants nothing at all any more (410): another try is no use.
        is_final: bool,
    },
}

/// What an HTTP status means. A redirect is a refusal: following one could take a signed body elsewhere.
#[must_use]
pub fn judge(status: u16, retry_after: Option<&str>, now: Timestamp) -> Answer {
    match status {
        200..=299 => Answer::Delivered,
        408 | 425 | 429 | 500..=599 => Answer::Again {
            why: format!("it answers {status}"),
            after: retry_after.and_then(|text| waits(text, now)),
        },
        300..=399 => Answer::Refused {
            why: format!("it answers {status}: redirects are not followed, write where it is"),
            is_final: false,
        },
        410 => Answer::Refused {
            why: "it answers 410: it wants no events any more".to_owned(),
            is_final: true,
        },
        _ => Answer::Refused {
            why: format!("it answers {status}"),
            is_final: false,
        },
    }
}

/// Reads `Retry-After` (RFC 9110, 10.2.3): seconds, or a date.
fn waits(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    let wait = if let Ok(seconds) = text.parse::<u64>() {
        Duration::from_secs(seconds)
    } else {
        let at = httpdate::parse_http_date(text).ok()?;
        let at = at.duration_since(UNIX_EPOCH).ok()?;
        let millis = i64::try_from(at.as_millis()).ok()?;
        Timestamp::from_unix_millis(millis).saturating_since(now)
    };
    Some(wait.min(RETRY_AFTER_MAX))
}

/// How long is waited after the try number `tries` (from 1) of an event failed: twice as long each time, and up to a quarter
/// less, by the event's id, so that receivers that come back are not asked for everything in one moment.
#[must_use]
pub fn backoff(id: &str, tries: u32) -> Duration {
    let doublings = tries.saturating_sub(1).min(16);
    let full = FIRST.saturating_mul(1 << doublings).min(LONGEST);
    let spread = fnv1a(id.bytes().chain(tries.to_le_bytes())) % 256;
    let less = full / 1024 * u32::try_from(spread).unwrap_or(0);
    full.saturating_sub(less)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        // Sun, 06 Nov 1994 08:49:37 GMT, the date of RFC 9110's examples.
        Timestamp::from_unix_millis(784_111_777_000)
    }

    fn after(status: u16, retry_after: &str) -> Option<Duration> {
        match judge(status, Some(retry_after), now()) {
            Answer::Again { after, .. } => after,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_status_means_one_thing() {
        let refused = |status| matches!(judge(status, None, now()), Answer::Refused { .. });
        let again = |status| matches!(judge(status, None, now()), Answer::Again { .. });
        assert_eq!(judge(202, None, now()), Answer::Delivered);
        assert!(
            [400, 401, 404, 410, 413, 422, 301, 308]
                .map(refused)
                .iter()
                .all(|r| *r)
        );
        assert!(
            [408, 425, 429, 500, 502, 503, 504]
                .map(again)
                .iter()
                .all(|a| *a)
        );
        assert!(matches!(
            judge(410, None, now()),
            Answer::Refused { is_final: true, .. }
        ));
    }

    #[test]
    fn what_the_receiver_asks_for_is_honoured_within_reason() {
        assert_eq!(after(429, "120"), Some(Duration::from_mins(2)));
        assert_eq!(
            after(503, "Sun, 06 Nov 1994 08:50:07 GMT"),
            Some(Duration::from_secs(30))
        );
        assert_eq!(
            after(503, "Sun, 06 Nov 1994 08:49:00 GMT"),
            Some(Duration::ZERO)
        );
        assert_eq!(after(503, "99999999"), Some(RETRY_AFTER_MAX));
        assert_eq!(after(503, "soon"), None);
    }

    #[test]
    fn waits_double_to_a_minute_and_differ_between_events() {
        let waits: Vec<f64> = (1..9)
            .map(|tries| backoff("inc-1.e1", tries).as_secs_f64())
            .collect();
        for (wait, full) in waits
            .iter()
            .zip([1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0])
        {
            assert!(*wait <= full && *wait >= full * 0.75, "{wait} of {full}");
        }
        assert_ne!(backoff("inc-1.e1", 3), backoff("inc-2.e1", 3));
        assert_eq!(backoff("inc-1.e1", 3), backoff("inc-1.e1", 3));
        assert!(backoff("x", u32::MAX) <= LONGEST);
    }
}
