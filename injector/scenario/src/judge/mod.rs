//! The judge: what happened in a run, and what is true about its scenario, in; a verdict with its reasons out.
//!
//! Absent on purpose: the run itself. The judge believes no policy's word: healed is what users felt, a cure is what the node says was
//! done to what is to blame, and what the fault's own end healed counts for nobody.

mod case;
mod certify;
mod criteria;
mod facts;
mod hold;
mod taken_out;
mod verdict;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use arena_expression::Mistake;
use arena_proto::Entity;

pub use case::{Case, covers};
pub use certify::certify;
pub use facts::{
    ActionFact, BlameFact, Facts, FaultFact, HurtFact, IncidentFact, Part, Policy, RoleFact,
    Sample, StateFact, TruthFact,
};
pub use hold::{CHECK_NAMES, CHECK_SCOPE, Conditions, Held, Hold};
pub use verdict::{Criterion, Verdict};

use crate::model::{Expect, Scenario};

/// Judges a run. Fails when a check of the scenario does not compile, which a scenario that was read from a file cannot.
pub fn judge(scenario: &Scenario, facts: &Facts) -> Result<Verdict, Mistake> {
    let case = Case::new(scenario, facts)?;
    let healed = case.healed();
    let mut criteria = vec![case.injected()];
    match scenario.truth.expect {
        Expect::Heal => {
            criteria.push(case.heal_criterion(&healed));
            criteria.extend(case.causes());
            criteria.push(case.cured());
            criteria.push(case.wrong_target());
            criteria.push(case.needless());
            criteria.push(case.settled().required(false));
        }
        Expect::NoAction => {
            criteria.push(case.quiet());
            criteria.push(case.settled());
        }
        Expect::Escalate => {
            criteria.push(case.detected());
            criteria.push(case.escalated());
            criteria.push(case.harmless());
        }
    }
    let first = case.first_fault_ms();
    let mut verdict = Verdict::of(criteria);
    verdict.heal_ms = healed.ok().map(|held| held.since_ms.saturating_sub(first));
    verdict.detect_ms = case.detect_ms();
    Ok(verdict)
}

/// The entities to blame: those that the scenario names, else those that its injections hit.
#[must_use]
pub fn roots(scenario: &Scenario, faults: &[FaultFact]) -> BTreeSet<Entity> {
    if !scenario.truth.roots.is_empty() {
        return scenario.truth.roots.iter().cloned().collect();
    }
    let injected = faults.iter().filter(|fault| fault.part == Part::Injection);
    injected.map(|fault| fault.target.clone()).collect()
}

/// Users are well at this moment, and have been for as long as they must be.
pub fn settled(scenario: &Scenario, facts: &Facts) -> Result<bool, Mistake> {
    Ok(Case::new(scenario, facts)?.settled().passed)
}

/// When a run is healed, as it can be said while it still runs: the same words as the judge's.
pub fn healed(scenario: &Scenario, facts: &Facts) -> Result<bool, Mistake> {
    Ok(Case::new(scenario, facts)?.healed().is_ok())
}
