//! Facts: what a step's `when` and `verify` are judged by, under one name each.
//!
//! The readings come with the incident (`IncidentEvent.context`) and are of the entity that is hurt; everything else is
//! of the service that would be acted on, from its node's status and the incidents that are open. What is not known is
//! left out, and never guessed: a condition that touches it has no answer.

use std::collections::BTreeMap;

use arena_expression::{Evaluator, Fact, Kind, NODE_METRICS, SERVICE_METRICS, Scope};
use arena_proto::{Entity, NodeStatus, Number, Numbers, ProcessState, ServiceClass, ServiceStatus};

use crate::Remediator;
use crate::case::Case;
use crate::playbook::Condition;

/// What is known besides the readings.
const FACTS: [(&str, Kind); 23] = [
    ("state", Kind::Text),
    ("probe", Kind::Text),
    ("class", Kind::Text),
    ("exit_code", Kind::Number),
    ("restarts", Kind::Number),
    ("attempt", Kind::Number),
    ("replicas", Kind::Number),
    ("replicas_up", Kind::Number),
    ("replicas_hurt", Kind::Number),
    ("standby_available", Kind::Truth),
    ("can_roll_back", Kind::Truth),
    ("can_clean_disk", Kind::Truth),
    ("port_held", Kind::Truth),
    ("drained", Kind::Truth),
    ("throttled", Kind::Truth),
    ("dependency_hurt", Kind::Truth),
    ("calls_fail", Kind::Truth),
    ("calls_slow", Kind::Truth),
    ("neighbour_batch", Kind::Truth),
    ("neighbour_throttled", Kind::Truth),
    ("node_services_hurt", Kind::Number),
    ("node_quarantined", Kind::Truth),
    ("node_replaceable", Kind::Truth),
];

/// More of its calls to others fail than that, in percent: what raises `error_rate_high`, so that they may be all of its own errors.
const CALLS_FAIL_PERCENT: f64 = 10.0;
/// More of its time than this share is that of its calls to others: what it does itself is the smaller part.
const CALLS_SLOW_SHARE: f64 = 0.5;

/// The names that conditions may use.
pub(crate) struct Names(Vec<(String, Kind)>);

impl Names {
    /// `own` are the metrics that services answer themselves.
    pub(crate) fn with<'a>(own: impl Iterator<Item = &'a str> + Clone) -> Self {
        let service = SERVICE_METRICS.iter().copied().chain(own);
        let readings = service
            .clone()
            .chain(NODE_METRICS.iter().copied())
            .map(str::to_owned)
            .chain(NODE_METRICS.iter().map(|name| format!("node_{name}")))
            .chain(service.map(|name| format!("neighbour_{name}")))
            .map(|name| (name, Kind::Number));
        let facts = FACTS.iter().map(|(name, kind)| ((*name).to_owned(), *kind));
        Self(facts.chain(readings).collect())
    }

    /// Lends them as a scope.
    pub(crate) fn scoped<T>(&self, body: impl FnOnce(&Scope<'_>) -> T) -> T {
        let known: Vec<(&str, Kind)> = self.0.iter().map(|(name, kind)| (&**name, *kind)).collect();
        body(&Scope {
            known: &known,
            noun: "fact",
            example: "replicas_up > 0",
            unknown_mend: "a service's own metric goes into `own_facts` at the top of the file",
        })
    }
}

/// What is known of an incident at one moment.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    by_name: BTreeMap<String, Fact>,
    /// What a person wants to know about a fact: which dependency, whose process.
    notes: BTreeMap<&'static str, String>,
}

/// Whether a condition holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It does, by these facts.
    Holds(String),
    /// It does not, by these facts.
    Fails(String),
    /// Nobody can tell without these.
    Unknown(String),
}

impl Facts {
    fn put(&mut self, name: &str, fact: impl Into<Fact>) {
        self.by_name.insert(name.to_owned(), fact.into());
    }

    fn reading(&self, name: &str) -> Option<f64> {
        match self.by_name.get(name)? {
            Fact::Number(number) => Some(*number),
            Fact::Truth(_) | Fact::Text(_) => None,
        }
    }

    /// Whether its calls to others explain what it shows; no, where it does not tell of them.
    fn put_calls(&mut self) {
        let failed = self.reading("upstream_error_percent");
        let took = self.reading("upstream_latency_p95_ms");
        let takes = self.reading("latency_p95_ms");
        let slow = took
            .zip(takes)
            .is_some_and(|(took, takes)| took > takes * CALLS_SLOW_SHARE);
        self.put(
            "calls_fail",
            failed.is_some_and(|percent| percent > CALLS_FAIL_PERCENT),
        );
        self.put("calls_slow", slow);
        if let Some(percent) = failed {
            self.notes
                .insert("calls_fail", format!("{percent:.0} % of them"));
        }
        if let Some(took) = took {
            self.notes.insert("calls_slow", format!("{took:.0} ms"));
        }
    }

    /// A truth is 1 or 0, a text is no number.
    pub(crate) fn numbers(&self, condition: &Condition) -> Numbers {
        let names = condition.0.names().iter();
        names
            .filter_map(|name| {
                let number = match self.by_name.get(name)? {
                    Fact::Number(number) => Number::new(*number)?,
                    Fact::Truth(truth) => Number::from(u32::from(*truth)),
                    Fact::Text(_) => return None,
                };
                Some((name.clone(), number))
            })
            .collect()
    }

    /// Judges a condition.
    pub(crate) fn judge(&self, evaluator: &Evaluator, condition: &Condition) -> Answer {
        let names = condition.0.names();
        let values: Vec<Option<Fact>> = names
            .iter()
            .map(|name| self.by_name.get(name).cloned())
            .collect();
        match evaluator.holds(&condition.0, &values) {
            Some(true) => Answer::Holds(self.readings(names)),
            Some(false) => Answer::Fails(self.readings(names)),
            None => {
                let missing = names
                    .iter()
                    .filter(|name| !self.by_name.contains_key(*name));
                let missing: Vec<&str> = missing.map(String::as_str).collect();
                Answer::Unknown(missing.join(", "))
            }
        }
    }

    fn readings(&self, names: &[String]) -> String {
        let words: Vec<String> = names
            .iter()
            .filter_map(|name| {
                let fact = self.by_name.get(name)?;
                Some(match self.notes.get(name.as_str()) {
                    Some(note) => format!("{name} = {fact} ({note})"),
                    None => format!("{name} = {fact}"),
                })
            })
            .collect();
        words.join(", ")
    }
}

fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

impl Remediator {
    /// What is known of an incident now.
    pub(crate) fn facts(&self, case: &Case) -> Facts {
        let mut facts = Facts::default();
        for (name, number) in &case.event.context.facts {
            facts.put(name, number.get());
        }
        facts.put("attempt", f64::from(case.attempts));
        facts.put_calls();
        let own = case.target().unwrap_or_else(|| case.event.entity.clone());
        if let Some((_, service)) = self.service(&own) {
            self.facts_of_service(&own, service, &mut facts);
            facts.put(
                "replicas_hurt",
                count(self.replicas_hurt(&own, &case.symptom)),
            );
        }
        self.facts_of_neighbour(case, &mut facts);
        if let Some(node) = self.statuses.get(&own.node) {
            self.facts_of_node(case, node, &mut facts);
        }
        facts
    }

    fn facts_of_service(&self, own: &Entity, service: &ServiceStatus, facts: &mut Facts) {
        let detail = &service.detail;
        facts.put("state", Fact::Text(service.state.to_string()));
        facts.put("probe", Fact::Text(service.probe.to_string()));
        if let Some(class) = detail.class {
            facts.put("class", Fact::Text(class.to_string()));
        }
        if let Some(code) = service.exit_code {
            facts.put("exit_code", f64::from(code));
        }
        facts.put("restarts", f64::from(service.restarts));
        facts.put("can_roll_back", detail.can_roll_back);
        facts.put("can_clean_disk", detail.can_clean_disk);
        facts.put("drained", detail.drained);
        facts.put("throttled", detail.throttled.is_some());
        facts.put("port_held", detail.port_holder.is_some());
        if let Some((pid, line)) = &detail.port_holder {
            facts
                .notes
                .insert("port_held", format!("by pid {pid}, {line}"));
        }
        facts.put("replicas", count(1 + self.others(own).count()));
        facts.put("replicas_up", count(self.replicas_up(own)));
        let standby = self.standby_for(own);
        facts.put("standby_available", standby.is_some());
        if let Some(standby) = standby {
            facts.notes.insert("standby_available", standby.to_string());
        }
        let hurt = self.book.unresolved().find(|other| {
            let callee = other.event.entity.service.as_ref();
            other.cleared_since.is_none()
                && callee.is_some_and(|callee| service.depends_on.contains(callee))
        });
        facts.put("dependency_hurt", hurt.is_some());
        if let Some(hurt) = hurt {
            let note = format!("{} of {}", hurt.symptom, hurt.event.entity);
            facts.notes.insert("dependency_hurt", note);
        }
    }

    fn facts_of_neighbour(&self, case: &Case, facts: &mut Facts) {
        let Some(neighbour) = &case.event.context.neighbour else {
            facts.put("neighbour_batch", false);
            facts.put("neighbour_throttled", false);
            return;
        };
        let Some((_, service)) = self.service(neighbour) else {
            return;
        };
        let detail = &service.detail;
        facts.put("neighbour_throttled", detail.throttled.is_some());
        if let Some(class) = detail.class {
            facts.put("neighbour_batch", class == ServiceClass::Batch);
        }
        facts.notes.insert("neighbour_batch", neighbour.to_string());
    }

    fn facts_of_node(&self, case: &Case, node: &NodeStatus, facts: &mut Facts) {
        facts.put("node_quarantined", node.quarantined);
        if case.target().is_none() {
            let can_clean = |service: &ServiceStatus| service.detail.can_clean_disk;
            facts.put("can_clean_disk", node.services.iter().any(can_clean));
        }
        let is_open_here = |service: &&ServiceStatus| {
            let entity = Entity::service(node.node.clone(), service.name.clone());
            entity == case.event.entity || self.is_hurt(&entity)
        };
        let hurt = node.services.iter().filter(is_open_here).count();
        facts.put("node_services_hurt", count(hurt));
        let mut meant_to_run = node
            .services
            .iter()
            .filter(|service| !(service.detail.standby && service.state == ProcessState::Stopped));
        let irreplaceable = meant_to_run.find(|service| {
            self.replicas_up(&Entity::service(node.node.clone(), service.name.clone())) == 0
        });
        facts.put("node_replaceable", irreplaceable.is_none());
        if let Some(service) = irreplaceable {
            let why_not = format!("nobody else runs {}", service.name);
            facts.notes.insert("node_replaceable", why_not);
        }
    }

    fn is_hurt(&self, entity: &Entity) -> bool {
        self.book
            .unresolved()
            .any(|other| other.cleared_since.is_none() && other.event.entity == *entity)
    }

    /// The same service on other nodes, by node. Where no agent is, none is there that could take over.
    fn others(&self, own: &Entity) -> impl Iterator<Item = (Entity, &ServiceStatus)> {
        self.statuses
            .values()
            .filter(|node| node.node != own.node && node.has_agent())
            .filter_map(|node| {
                let mut services = node.services.iter();
                let service =
                    services.find(|service| Some(&service.name) == own.service.as_ref())?;
                let entity = Entity::service(node.node.clone(), service.name.clone());
                Some((entity, service))
            })
    }

    fn is_good_node(&self, entity: &Entity) -> bool {
        let node = self.statuses.get(&entity.node);
        node.is_some_and(|node| node.state == ProcessState::Running && !node.quarantined)
            && !self.is_hurt(&Entity::node(entity.node.clone()))
    }

    /// How many other replicas of a service take requests.
    pub(crate) fn replicas_up(&self, own: &Entity) -> usize {
        self.others(own)
            .filter(|(entity, service)| {
                service.is_healthy()
                    && !service.detail.drained
                    && self.is_good_node(entity)
                    && !self.is_hurt(entity)
            })
            .count()
    }

    /// How many other replicas of a service show this symptom, too.
    fn replicas_hurt(&self, own: &Entity, symptom: &str) -> usize {
        let shows_it = |entity: &Entity| {
            self.book.unresolved().any(|other| {
                other.cleared_since.is_none()
                    && other.event.entity == *entity
                    && other.symptom == symptom
            })
        };
        let others = self.others(own);
        others.filter(|(entity, _)| shows_it(entity)).count()
    }

    /// The replica of a service to start on another node: a standby before one that somebody stopped, then by node.
    pub(crate) fn standby_for(&self, own: &Entity) -> Option<Entity> {
        self.others(own)
            .filter(|(entity, service)| {
                service.state == ProcessState::Stopped && self.is_good_node(entity)
            })
            .min_by_key(|(entity, service)| (!service.detail.standby, entity.node.clone()))
            .map(|(entity, _)| entity)
    }
}
