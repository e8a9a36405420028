//! A share with its 95 % confidence interval.

use serde::Serialize;

use super::count;
use super::student::Z_975;

/// So many of so many.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Share {
    /// Of how many.
    pub n: usize,
    /// Scenarios that they are of.
    pub scenarios: usize,
    /// How many.
    pub count: usize,
    /// The same in percent.
    pub percent: f64,
    /// Wilson's 95 % interval, in percent.
    pub low: f64,
    /// Its other end.
    pub high: f64,
}

impl Share {
    /// Of yes and no by scenario; `None` without any.
    ///
    /// Wilson, *Probable inference* (1927), with the effective number of runs instead of their number where there are several scenarios
    /// (Korn and Graubard 1998; Dean and Pagano 2015): yes and no of one scenario are no independent draws.
    pub(crate) fn of(by_scenario: &[Vec<bool>]) -> Option<Self> {
        let groups: Vec<(f64, f64)> = by_scenario
            .iter()
            .filter(|group| !group.is_empty())
            .map(|group| (count(group.len()), count(yes(group))))
            .collect();
        let n: usize = by_scenario.iter().map(Vec::len).sum();
        if n == 0 {
            return None;
        }
        let all = by_scenario.iter().map(|group| yes(group)).sum();
        let share = count(all) / count(n);
        let (low, high) = wilson(share, effective(&groups, share));
        Some(Self {
            n,
            scenarios: groups.len(),
            count: all,
            percent: share * 100.0,
            low: low * 100.0,
            high: high * 100.0,
        })
    }
}

fn yes(group: &[bool]) -> usize {
    group.iter().filter(|yes| **yes).count()
}

/// How many independent draws tell as much as these. `groups`: runs, and how many of them were a yes, by scenario.
fn effective(groups: &[(f64, f64)], share: f64) -> f64 {
    let n: f64 = groups.iter().map(|(n, _)| n).sum();
    let clusters = count(groups.len());
    if groups.len() < 2 {
        return n;
    }
    let independent = share * (1.0 - share) / n;
    if independent <= 0.0 {
        // All alike: nothing tells how far seeds of one scenario differ, so each scenario counts once.
        return clusters;
    }
    let residuals = groups.iter().map(|(n, yes)| yes - n * share);
    let squares: f64 = residuals.map(|residual| residual * residual).sum();
    let clustered = squares / (n * n) * clusters / (clusters - 1.0);
    // Never better than independent runs, never worse than one run a scenario.
    (n * independent / clustered.max(independent)).clamp(clusters, n)
}

/// The interval of a share of `n` independent draws, 0 to 1.
fn wilson(share: f64, n: f64) -> (f64, f64) {
    let z2 = Z_975 * Z_975;
    let middle = (share + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let spread = share * (1.0 - share) / n + z2 / (4.0 * n * n);
    let half = Z_975 * spread.sqrt() / (1.0 + z2 / n);
    ((middle - half).max(0.0), (middle + half).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(of: &[(usize, usize)]) -> Share {
        let group = |(count, n): &(usize, usize)| (0..*n).map(|index| index < *count).collect();
        let groups: Vec<Vec<bool>> = of.iter().map(group).collect();
        Share::of(&groups).expect("runs")
    }

    #[track_caller]
    fn is(share: Share, percent: f64, low: f64, high: f64) {
        let close = |left: f64, right: f64| (left - right).abs() < 0.05;
        let all = close(share.percent, percent) && close(share.low, low) && close(share.high, high);
        assert!(all, "{share:?}");
    }

    #[test]
    fn one_scenario_is_wilsons() {
        // Newcombe 1998, table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29.
        is(share(&[(81, 263)]), 30.8, 25.5, 36.6);
        is(share(&[(15, 148)]), 10.1, 6.2, 16.0);
        is(share(&[(0, 20)]), 0.0, 0.0, 16.1);
        is(share(&[(1, 29)]), 3.4, 0.6, 17.2);
    }

    #[test]
    fn seeds_of_one_scenario_that_agree_count_once() {
        // Ten scenarios that always or never heal, 20 seeds each: as 5 of 10.
        let clustered = share(&[[(20, 20); 5], [(0, 20); 5]].concat());
        let ten = share(&[(5, 10)]);
        assert!(
            (clustered.low - ten.low).abs() < 1.0,
            "{clustered:?} {ten:?}"
        );
        // Ten scenarios that all heal: as 10 of 10, however many seeds.
        assert!((share(&[(20, 20); 10]).low - share(&[(10, 10)]).low).abs() < 1e-9);
    }

    #[test]
    fn scenarios_that_do_not_differ_count_with_all_their_runs() {
        assert!((share(&[(10, 20); 4]).low - share(&[(40, 80)]).low).abs() < 1e-9);
        assert_eq!(Share::of(&[vec![]]), None);
    }
}
