//! What users lost, and what of that actions may have cost them.
//!
//! One user asks once a second: a user-second is one request that should have been served well. What users would have lost had nobody acted
//! cannot be known of a run that happened. So every loss in the time of an action at the wrong place counts against that action, in doubt
//! also what the fault did meanwhile; and the capacity that it took counts though users may not have needed it.

use arena_proto::Entity;
use arena_scenario::Scenario;
use arena_scenario::judge::{Case, Facts, Sample, covers};

use crate::orders::{Orders, window};

/// Where a check does not hold but nearly nobody failed, users wait too long: at least the twentieth that a p95 leaves out.
const SLOW_SHARE: f64 = 0.05;
/// Samples are at most half a second apart; where nobody looked for longer, so much counts.
const STEP_MAX_MS: u64 = 5000;

/// User-seconds.
#[derive(Debug, Default)]
pub(crate) struct Cost {
    pub(crate) lost: f64,
    pub(crate) lost_why: String,
    pub(crate) collateral: f64,
    pub(crate) collateral_why: String,
    /// Requests a second in the steady state.
    pub(crate) users: f64,
}

/// `facts` and `case` are of what users felt, as well as that is known.
pub(crate) fn cost(
    scenario: &Scenario,
    facts: &Facts,
    case: &Case<'_>,
    orders: &Orders<'_>,
) -> Cost {
    let users = facts
        .steady_rate_hz
        .unwrap_or_else(|| f64::from(scenario.load.rate));
    let windows: Vec<(u64, u64)> = orders
        .misplaced
        .iter()
        .map(|action| window(action, facts))
        .collect();
    let taken = taken(facts, orders);
    let (mut lost, mut in_windows, mut capacity) = (0.0, 0.0, 0.0);
    let from = facts.play_ms;
    let steps = facts
        .samples
        .windows(2)
        .filter(|pair| pair[0].at_ms >= from);
    for pair in steps {
        let at_ms = pair[0].at_ms;
        let for_s = crate::seconds(pair[1].at_ms.saturating_sub(at_ms).min(STEP_MAX_MS));
        let here = users * hurt_share(facts.steady_rate_hz, &pair[0], !case.checks_hold(&pair[0]));
        lost += here * for_s;
        let is_in = |(begin, end): &(u64, u64)| (*begin..=*end).contains(&at_ms);
        let felt = if windows.iter().any(is_in) { here } else { 0.0 };
        let gone: f64 = taken
            .iter()
            .filter(|one| one.from_ms <= at_ms && at_ms < one.to_ms)
            .map(|one| users / one.replicas)
            .sum();
        // Nobody can lose more users than there are.
        let gone = gone.min(users - felt);
        in_windows += felt * for_s;
        capacity += gone * for_s;
    }
    Cost {
        lost,
        lost_why: format!("users lost {lost:.1} of {users:.1} a second"),
        collateral: in_windows + capacity,
        collateral_why: format!(
            "{in_windows:.1} lost while {} actions at the wrong place had effect, {capacity:.1} of capacity taken",
            windows.len()
        ),
        users,
    }
}

/// The share of the users that are not served well at this moment, 0 to 1: who gets an error, who does not come through as in the steady
/// state, and a twentieth where it is too slow. All of them when nobody knows.
#[must_use]
pub fn hurt_share(steady_rate_hz: Option<f64>, sample: &Sample, is_slow: bool) -> f64 {
    let Some(error) = sample.user_error_percent else {
        return 1.0;
    };
    let missing = steady_rate_hz.map_or(0.0, |steady| {
        let rate = sample.user_request_rate_hz.unwrap_or(0.0);
        if steady > 0.0 && rate < steady {
            1.0 - rate / steady
        } else {
            0.0
        }
    });
    let failed = error / 100.0;
    let slow = if is_slow { SLOW_SHARE } else { 0.0 };
    (failed + missing).max(slow).clamp(0.0, 1.0)
}

/// A service that an action at the wrong place took out for a time.
struct Taken {
    from_ms: u64,
    to_ms: u64,
    replicas: f64,
}

fn taken(facts: &Facts, orders: &Orders<'_>) -> Vec<Taken> {
    let mut taken = Vec::new();
    for (index, state) in facts.states.iter().enumerate() {
        let by = |target: &Entity, issued_ms: u64| {
            covers(target, &state.entity) && issued_ms <= state.at_ms
        };
        let mut acted = orders.misplaced.iter();
        if state.is_well() || !acted.any(|one| by(&one.target, one.issued_ms)) {
            continue;
        }
        let later = facts.states[index + 1..].iter();
        let mut later = later.filter(|next| next.entity == state.entity);
        let service = state.entity.service.as_ref();
        let replicas = service.and_then(|service| facts.replicas(service));
        taken.push(Taken {
            from_ms: state.at_ms,
            to_ms: later.next().map_or(u64::MAX, |next| next.at_ms),
            replicas: f64::from(replicas.unwrap_or(1).max(1)),
        });
    }
    taken
}
