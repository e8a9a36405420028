//! The symptoms that a service's state shows: `process_exited` and `probe_failed`.
//!
//! Both are raised and cleared at once: the kernel said that the process ended, and the node already counted the
//! failed probes. A service is well again only when it runs and its probe passes (or it declares none).

use std::time::Duration;

use arena_proto::{ProbeVerdict, ProcessState, ServiceSample};

use crate::signal::{Reading, Timing};

pub(crate) const PROCESS_EXITED: &str = "process_exited";
pub(crate) const PROBE_FAILED: &str = "probe_failed";

/// A service that somebody stopped, and that stays so for this long, has no symptom any more: nothing is left to heal.
/// Longer than the stop in the middle of a restart.
pub(crate) const STOPPED_FOR: Duration = Duration::from_secs(10);

pub(crate) fn timing(gap_max: Duration) -> Timing {
    Timing {
        raise_for: Duration::ZERO,
        clear_for: Duration::ZERO,
        idle_for: STOPPED_FOR,
        gap_max,
    }
}

/// Its process ended without being asked to, and is not well again.
pub(crate) fn process_exited(sample: &ServiceSample) -> Reading {
    match sample.state {
        ProcessState::Exited | ProcessState::Fatal | ProcessState::Backoff => Reading::Abnormal,
        ProcessState::Running if is_well(sample) => Reading::Healthy,
        ProcessState::Stopped => Reading::Idle,
        // A start is neither good nor bad before the probe has spoken.
        ProcessState::Running | ProcessState::Starting | ProcessState::Stopping => Reading::Between,
    }
}

/// It runs, and its probe fails.
pub(crate) fn probe_failed(sample: &ServiceSample) -> Reading {
    match (sample.state, sample.probe) {
        (ProcessState::Running, ProbeVerdict::Failing) => Reading::Abnormal,
        (ProcessState::Running, _) if is_well(sample) => Reading::Healthy,
        (ProcessState::Stopped, _) => Reading::Idle,
        _ => Reading::Between,
    }
}

fn is_well(sample: &ServiceSample) -> bool {
    matches!(sample.probe, ProbeVerdict::Passing | ProbeVerdict::None)
}

/// The readings in words.
pub(crate) fn evidence(sample: &ServiceSample) -> String {
    let exit = match sample.exit_code {
        Some(code) if code > 128 => format!(", ended by signal {}", code - 128),
        Some(code) => format!(", exit code {code}"),
        None => String::new(),
    };
    match sample.state {
        ProcessState::Exited | ProcessState::Fatal | ProcessState::Backoff => {
            format!("process {}{exit}", sample.state)
        }
        state => format!("process {state}, probe {}", sample.probe),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write as _;

    use arena_proto::Timestamp;
    use expect_test::expect;

    #[test]
    fn every_state_and_verdict() {
        let mut table = String::new();
        for state in ProcessState::ALL {
            for probe in ProbeVerdict::ALL {
                let sample = ServiceSample {
                    state: *state,
                    probe: *probe,
                    pid: None,
                    generation: 1,
                    restarts: 0,
                    since: Timestamp::EPOCH,
                    exit_code: None,
                };
                let (exited, failed) = (process_exited(&sample), probe_failed(&sample));
                let _ = writeln!(table, "{state:8} {probe:7} {exited:?} {failed:?}");
            }
        }
        expect![[r#"
            STOPPED  UNKNOWN Idle Idle
            STOPPED  PASSING Idle Idle
            STOPPED  FAILING Idle Idle
            STOPPED  NONE    Idle Idle
            STARTING UNKNOWN Between Between
            STARTING PASSING Between Between
            STARTING FAILING Between Between
            STARTING NONE    Between Between
            RUNNING  UNKNOWN Between Between
            RUNNING  PASSING Healthy Healthy
            RUNNING  FAILING Between Abnormal
            RUNNING  NONE    Healthy Healthy
            BACKOFF  UNKNOWN Abnormal Between
            BACKOFF  PASSING Abnormal Between
            BACKOFF  FAILING Abnormal Between
            BACKOFF  NONE    Abnormal Between
            STOPPING UNKNOWN Between Between
            STOPPING PASSING Between Between
            STOPPING FAILING Between Between
            STOPPING NONE    Between Between
            EXITED   UNKNOWN Abnormal Between
            EXITED   PASSING Abnormal Between
            EXITED   FAILING Abnormal Between
            EXITED   NONE    Abnormal Between
            FATAL    UNKNOWN Abnormal Between
            FATAL    PASSING Abnormal Between
            FATAL    FAILING Abnormal Between
            FATAL    NONE    Abnormal Between
        "#]]
        .assert_eq(&table);
    }
}
