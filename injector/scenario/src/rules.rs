//! What only the whole scenario tells: that it can be played, that doing nothing does not win it, and that its truth fits its faults.

use std::collections::BTreeMap;
use std::time::Duration;

use arena_config::Diagnostic;
use arena_faults::Carrier;
use arena_faults::limits::PER_NODE_MAX;
use arena_proto::{ActionKind, Entity, ServiceName};

use crate::layout::Layout;
use crate::model::{Expect, Injection, Scenario, Selector, When};
use crate::plan::{Origin, Planned};
use crate::raw::{RawInjection, RawScenario};
use crate::select::share;
use crate::source::Source;

/// What the catalogue says of the faults, each action once, in the order of the faults.
pub(crate) fn usual_cures(injections: &[Injection]) -> Vec<ActionKind> {
    let mut cures = Vec::new();
    for cure in injections
        .iter()
        .flat_map(|injection| injection.fault.cures)
    {
        if !cures.contains(cure) {
            cures.push(*cure);
        }
    }
    cures
}

impl Injection {
    /// Who only waits has not healed it by then.
    fn outlives(&self, healed_by: Duration) -> bool {
        match self.fault.carrier {
            // What is dead stays dead.
            Carrier::Nothing | Carrier::Starts => true,
            // Bad telemetry hurts nobody.
            Carrier::Agent => false,
            _ => self.at().unwrap_or_default() + self.ttl >= healed_by,
        }
    }

    /// What is done the moment that it is made does not last.
    fn lasts(&self) -> Duration {
        match self.fault.carrier {
            Carrier::Nothing => Duration::from_millis(1),
            _ => self.ttl,
        }
    }

    /// When it is made, as far as the file tells.
    const fn at(&self) -> Option<Duration> {
        match self.when {
            When::At(at) => Some(at),
            When::If(..) => None,
        }
    }
}

impl Scenario {
    /// When the first fault is made; zero without one.
    #[must_use]
    pub fn first_fault(&self) -> Duration {
        self.injections
            .iter()
            .filter_map(Injection::at)
            .min()
            .unwrap_or_default()
    }
}

impl Source<'_> {
    pub(crate) fn check_whole(
        &self,
        raw: &RawScenario,
        scenario: &Scenario,
        layout: &Layout,
    ) -> Result<(), Diagnostic> {
        if let Some(first) = raw.fault.first()
            && scenario
                .injections
                .iter()
                .all(|injection| injection.at().is_none())
        {
            let mend = "give one of them a time (`at`): the run is counted from the first fault on";
            return Err(self.wrong(&first.fault, "every fault waits for a condition", mend));
        }
        self.check_truth(raw, scenario)?;
        self.check_twins(raw, scenario)?;
        self.check_shares(raw, scenario, layout)
    }

    fn check_truth(&self, raw: &RawScenario, scenario: &Scenario) -> Result<(), Diagnostic> {
        let truth = raw.truth.get_ref();
        let cures = truth.cures.as_ref().and_then(|cures| cures.first());
        let (faults, cures_named) = (
            !scenario.injections.is_empty(),
            !scenario.truth.cures.is_empty(),
        );
        match scenario.truth.expect {
            Expect::Heal | Expect::Escalate if !faults => Err(self.wrong(
                &truth.expect,
                "there is no fault",
                "add a [[fault]], or expect no-action",
            )),
            Expect::Heal if !cures_named => {
                let mend = "name the cures, or expect escalate or no-action";
                Err(self.wrong(&truth.expect, "nothing is known to cure these faults", mend))
            }
            Expect::NoAction | Expect::Escalate if cures_named => {
                let place = cures.unwrap_or(&raw.name);
                Err(self.wrong(
                    place,
                    "cures, and nothing is to be healed",
                    "leave `cures` out, or expect heal",
                ))
            }
            Expect::Heal => {
                self.check_roots(raw, scenario)?;
                self.check_doing_nothing(raw, scenario)
            }
            Expect::NoAction | Expect::Escalate => Ok(()),
        }
    }

    /// Without named roots all that is hit is to blame; a node whose telemetry lies is not.
    fn check_roots(&self, raw: &RawScenario, scenario: &Scenario) -> Result<(), Diagnostic> {
        let faults = raw.fault.iter().zip(&scenario.injections);
        let lie = faults
            .into_iter()
            .find(|(_, injection)| injection.fault.carrier == Carrier::Agent);
        match lie {
            Some((lie, _)) if scenario.truth.roots.is_empty() => {
                let what = "what is only told wrongly of is not to blame, and would count so";
                Err(self.wrong(
                    &lie.target,
                    what,
                    "name those that are to blame: `roots` of [truth]",
                ))
            }
            _ => Ok(()),
        }
    }

    /// A scenario that heals by itself in time proves nothing.
    fn check_doing_nothing(
        &self,
        raw: &RawScenario,
        scenario: &Scenario,
    ) -> Result<(), Diagnostic> {
        let needed = scenario.healed.within.saturating_add(scenario.healed.hold);
        let healed_by = scenario.first_fault() + needed;
        if scenario
            .injections
            .iter()
            .any(|injection| injection.outlives(healed_by))
        {
            return Ok(());
        }
        let what = "every fault is over by the time by which it has to be healed, so doing nothing heals it";
        let needed = humantime::format_duration(needed);
        let mend = format!(
            "give one of them {needed} or more (`within` and `hold` of [healed]), or expect no-action"
        );
        match raw.fault.iter().find_map(|fault| fault.r#for.as_ref()) {
            Some(place) => Err(self.wrong(place, what, &mend)),
            None => Err(self.wrong(&raw.truth.get_ref().expect, what, &mend)),
        }
    }

    /// A node refuses a fault that is in effect already; the load's shape and the telemetry's quality are faults, too.
    fn check_twins(&self, raw: &RawScenario, scenario: &Scenario) -> Result<(), Diagnostic> {
        let planned = scenario.all_injections();
        for ((index, raw), injection) in (0..).zip(&raw.fault).zip(&scenario.injections) {
            let is_twin = |other: &&Planned| {
                other.index != index
                    && other.injection.fault == injection.fault
                    && overlap(&other.injection, injection)
                    && meet(&other.injection.target, &injection.target)
            };
            let Some(twin) = planned.iter().find(is_twin) else {
                continue;
            };
            let (whose, mend) = match twin.origin {
                Origin::File => ("another [[fault]]", "choose another time or target"),
                Origin::Load => ("the `shape` of [load]", "leave one of the two out"),
                Origin::Telemetry => ("[telemetry]", "leave one of the two out"),
            };
            let what = format!(
                "{} is made there at that time by {whose}",
                injection.fault.name
            );
            return Err(self.wrong(&raw.target, &what, mend));
        }
        Ok(())
    }

    /// The injector refuses faults in more than half of a service's replicas, and nodes more than so many at once.
    fn check_shares(
        &self,
        raw: &RawScenario,
        scenario: &Scenario,
        layout: &Layout,
    ) -> Result<(), Diagnostic> {
        for (raw, injection) in raw.fault.iter().zip(&scenario.injections) {
            let together = scenario
                .injections
                .iter()
                .filter(|other| overlap(injection, other));
            let mut named: BTreeMap<&ServiceName, Vec<&Entity>> = BTreeMap::new();
            let mut of_node = 0;
            for other in together {
                if let Selector::Entity(entity) = &other.target {
                    if let Some(service) = &entity.service {
                        let entities = named.entry(service).or_default();
                        if !entities.contains(&entity) {
                            entities.push(entity);
                        }
                    }
                    of_node += usize::from(
                        matches!(&injection.target, Selector::Entity(this) if this.node == entity.node),
                    );
                }
            }
            if of_node > PER_NODE_MAX {
                let what = format!("{of_node} faults on one node at once");
                return Err(self.wrong(
                    &raw.target,
                    &what,
                    &format!("at most {PER_NODE_MAX} are allowed: choose other nodes or times"),
                ));
            }
            self.check_replicas(raw, injection, &named, layout)?;
        }
        Ok(())
    }

    fn check_replicas(
        &self,
        raw: &RawInjection,
        injection: &Injection,
        named: &BTreeMap<&ServiceName, Vec<&Entity>>,
        layout: &Layout,
    ) -> Result<(), Diagnostic> {
        let Some(service) = injection.target.service() else {
            return Ok(());
        };
        let replicas = layout.replicas(service).count();
        let hit = match &injection.target {
            Selector::Role { count, .. } => {
                count.map_or(replicas, |count| usize::try_from(count).unwrap_or(replicas))
            }
            Selector::Percent { percent, .. } => share(replicas, *percent),
            _ => named.get(service).map_or(0, Vec::len),
        };
        let most = replicas.div_ceil(2);
        if hit > most {
            let what =
                format!("{hit} of {replicas} replicas of {service} would have faults at once");
            let mend = format!("at most half of them may, rounded up: {most}");
            return Err(self.wrong(&raw.target, &what, &mend));
        }
        Ok(())
    }
}

/// Both are in effect at some moment that the file tells of.
fn overlap(left: &Injection, right: &Injection) -> bool {
    let (Some(left_at), Some(right_at)) = (left.at(), right.at()) else {
        return std::ptr::eq(left, right);
    };
    left_at < right_at + right.lasts() && right_at < left_at + left.lasts()
}

/// They hit the same, whatever chance does.
fn meet(left: &Selector, right: &Selector) -> bool {
    match (left, right) {
        (Selector::Entity(left), Selector::Entity(right)) => left == right,
        (Selector::Nodes(None), other) | (other, Selector::Nodes(None)) => match other {
            Selector::Entity(entity) => entity.service.is_none(),
            other => matches!(other, Selector::Nodes(_)),
        },
        _ => false,
    }
}
