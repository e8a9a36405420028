//! The villain's side: its budget, what it sees as numbers, and what its actions become.

mod seen;

use std::collections::BTreeMap;

use arena_faults::{CATALOGUE, Fault};
use arena_injector_core::villain::Budget;
use arena_proto::{
    Entity, FaultState, InjectRequest, NodeStatus, ProbeVerdict, ProcessState, RevertRequest,
};
use arena_scenario::judge::FaultFact;
use serde_json::Value;

use super::places::Places;
use super::protocol::{InjectWords, RevertWords, VillainAction};
use super::vectors::{Mask, Rows, Shape, Vectors, count, flag, numbered, reading, seconds};
use crate::observe::Observation;

pub use seen::{BlameSeen, EntitySeen, FaultSeen, LiveSeen, UsersSeen, VillainSeen};

/// How long a fault lives, when nobody says: as `arena inject` has it.
const TTL_DEFAULT_MS: u64 = 30_000;

const STATE: [&str; 9] = [
    "present",
    "is_node",
    "drained",
    "standby",
    "restarts",
    "incidents_open",
    "incidents_blaming",
    "own_faults",
    "faults",
];
const GLOBALS: [&str; 6] = [
    "at_s",
    "user_error_percent",
    "user_latency_p95_ms",
    "user_request_rate_hz",
    "room",
    "faults_left",
];
const STATES_AT: usize = STATE.len();
const PROBES_AT: usize = STATES_AT + ProcessState::ALL.len();
const COLUMNS: usize = PROBES_AT + ProbeVerdict::ALL.len();

/// What it does, checked against its budget; the injector's own checks come on top.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Nothing.
    Nothing,
    /// A fault.
    Inject(InjectRequest),
    /// The end of faults of its own.
    Revert(Vec<RevertRequest>),
}

/// The villain, as far as it is not whoever steps: its budget, and what it asked for so far.
#[derive(Debug)]
pub(crate) struct Player {
    budget: Budget,
    own: Vec<FaultSeen>,
}

impl Player {
    pub(crate) const fn new(budget: Budget) -> Self {
        Self {
            budget,
            own: Vec::new(),
        }
    }

    /// The injector took a fault.
    pub(crate) fn began(&mut self, id: &str, request: &InjectRequest) {
        self.own.push(FaultSeen {
            id: id.to_owned(),
            fault: request.fault.clone(),
            target: request.target.clone(),
            state: FaultState::Requested.to_string(),
            ttl_ms: request.ttl_ms,
            message: String::new(),
        });
    }

    /// What the nodes said of faults.
    pub(crate) fn hear(&mut self, faults: &[FaultFact]) {
        for own in &mut self.own {
            if let Some(told) = faults.iter().find(|told| told.id == own.id) {
                own.state = told.state.to_string();
                own.message.clone_from(&told.message);
            }
        }
    }

    fn live(&self) -> impl Iterator<Item = &FaultSeen> {
        let is_live = |own: &&FaultSeen| {
            let state = own.state.parse::<FaultState>();
            state.is_ok_and(|state| !state.is_final())
        };
        self.own.iter().filter(is_live)
    }

    /// A fault that was refused costs nothing.
    fn left(&self) -> usize {
        let rejected = FaultState::Rejected.as_str();
        let made = self.own.iter().filter(|own| own.state != rejected);
        self.budget.faults.saturating_sub(made.count())
    }

    fn room(&self) -> usize {
        let at_once = self.budget.at_once.saturating_sub(self.live().count());
        at_once.min(self.left())
    }

    /// Everything it may make is made and over.
    pub(crate) fn is_spent(&self) -> bool {
        self.left() == 0 && self.live().next().is_none()
    }

    /// What it sees now.
    pub(crate) fn look(&self, public: &Observation, faults: &[FaultFact]) -> VillainSeen {
        VillainSeen {
            room: self.room(),
            faults_left: self.left(),
            ..VillainSeen::new(public, faults, &self.own)
        }
    }

    /// The same as numbers, with the faults that could be made as far as the nodes tell.
    pub(crate) fn vectors(
        &self,
        places: &Places,
        seen: &VillainSeen,
        nodes: &[&NodeStatus],
    ) -> Vectors {
        let mut rows = Rows::new(places, COLUMNS);
        for entity in &seen.entities {
            put_entity(&mut rows, places, entity);
        }
        let mut mark = |entity: &str, column: usize| {
            if let Some(row) = places.row(entity) {
                rows.add(row, column, 1.0);
            }
        };
        for incident in &seen.incidents {
            mark(&incident.entity, 5);
            mark(&incident.root_cause, 6);
        }
        for own in self.live() {
            mark(&own.target, 7);
        }
        for fault in &seen.faults {
            mark(&fault.target, 8);
        }
        let globals = [
            seconds(seen.at_ms),
            reading(seen.users.error_percent),
            reading(seen.users.latency_p95_ms),
            reading(seen.users.rate_hz),
            count(seen.room),
            count(seen.faults_left),
        ];
        Vectors::new(&rows, &globals, &self.mask(places, nodes))
    }

    fn mask(&self, places: &Places, nodes: &[&NodeStatus]) -> Mask {
        let mut mask = Mask::new(places, CATALOGUE.len());
        if self.room() == 0 {
            return mask;
        }
        for (kind, name) in CATALOGUE.iter().enumerate() {
            if !self.budget.allowed.contains(name) {
                continue;
            }
            for node in nodes {
                let services = node.services.iter().map(|service| Some(&service.name));
                for service in std::iter::once(None).chain(services) {
                    let target = Entity {
                        node: node.node.clone(),
                        service: service.cloned(),
                    };
                    if name.fault().check_target(node, service).is_ok()
                        && let Some(row) = places.row(&target.to_string())
                    {
                        mask.allow(kind, row);
                    }
                }
            }
        }
        mask
    }

    /// What an action asks for; else why not, in the words of its budget.
    pub(crate) fn read(&self, action: &Value, places: &Places) -> Result<Asked, String> {
        let words = match parse(action)? {
            VillainAction::Number(0) => return Ok(Asked::Nothing),
            VillainAction::Number(number) => by_number(number, places)?,
            VillainAction::Inject(words) => words,
            VillainAction::Revert(words) => return self.revert(&words.revert),
        };
        let fault = Fault::named(&words.inject).map_err(|error| error.to_string())?;
        if !self.budget.allowed.contains(&fault.name) {
            return Err(format!(
                "{} is not among the faults of this villain",
                fault.name
            ));
        }
        if self.left() == 0 {
            let all = self.budget.faults;
            return Err(format!("the budget of {all} faults is used up"));
        }
        if self.room() == 0 {
            let most = self.budget.at_once;
            return Err(format!(
                "{most} of its faults are live, and no more may be at once"
            ));
        }
        Ok(Asked::Inject(InjectRequest {
            fault: words.inject,
            target: words.target,
            ttl_ms: words.ttl_ms.unwrap_or(TTL_DEFAULT_MS),
            params: words.params,
        }))
    }

    /// Its own faults alone: those of a scenario or of a person are not its to end.
    fn revert(&self, which: &str) -> Result<Asked, String> {
        let own = self.live().filter(|own| which == "all" || own.id == which);
        let own: Vec<RevertRequest> = own
            .map(|own| RevertRequest { id: own.id.clone() })
            .collect();
        if own.is_empty() && which != "all" {
            let shown: String = which.chars().take(80).collect();
            return Err(format!("no fault {shown:?} of this villain is live"));
        }
        Ok(Asked::Revert(own))
    }
}

/// The shape of its vectors.
pub(crate) fn shape(places: &Places) -> Shape {
    let own = STATE.iter().map(|name| (*name).to_owned());
    let states = ProcessState::ALL
        .iter()
        .map(|word| format!("state_{}", word.as_str().to_lowercase()));
    let probes = ProbeVerdict::ALL
        .iter()
        .map(|word| format!("probe_{}", word.as_str().to_lowercase()));
    let columns = own.chain(states).chain(probes).collect();
    let kinds = CATALOGUE.iter().map(ToString::to_string).collect();
    Shape::new(places, columns, &GLOBALS, kinds)
}

fn put_entity(rows: &mut Rows, places: &Places, entity: &EntitySeen) {
    let Some(row) = places.row(&entity.entity) else {
        return;
    };
    rows.set(row, 0, 1.0);
    rows.set(row, 1, flag(!entity.entity.contains('/')));
    rows.set(row, 2, flag(entity.drained));
    rows.set(row, 3, flag(entity.standby));
    rows.set(row, 4, reading(Some(f64::from(entity.restarts))));
    rows.set_word(row, STATES_AT, ProcessState::ALL, entity.state.parse().ok());
    rows.set_word(row, PROBES_AT, ProbeVerdict::ALL, entity.probe.parse().ok());
}

fn parse(action: &Value) -> Result<VillainAction, String> {
    let wrong = |error: serde_json::Error| error.to_string();
    if let Some(number) = action.as_u64() {
        return Ok(VillainAction::Number(number));
    }
    if action.get("inject").is_some() {
        let words: InjectWords = serde_json::from_value(action.clone()).map_err(wrong)?;
        return Ok(VillainAction::Inject(words));
    }
    if action.get("revert").is_some() {
        let words: RevertWords = serde_json::from_value(action.clone()).map_err(wrong)?;
        return Ok(VillainAction::Revert(words));
    }
    Err(r#"an action of the villain is a number, {"inject": ...} or {"revert": ...}"#.to_owned())
}

fn by_number(number: u64, places: &Places) -> Result<InjectWords, String> {
    let found = numbered(number, places)
        .and_then(|(kind, row)| Some((CATALOGUE.get(kind)?, places.entity(row)?)));
    let Some((fault, target)) = found else {
        let most = shape(places).actions - 1;
        return Err(format!("there is no action {number}: use 0 to {most}"));
    };
    Ok(InjectWords {
        inject: fault.to_string(),
        target: target.to_string(),
        ttl_ms: None,
        params: BTreeMap::new(),
    })
}
