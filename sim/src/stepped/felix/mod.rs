//! The healer's side: what it sees as numbers, and what its actions become.
//!
//! Absent on purpose: faults and the truth. Everything here is made of an [`Observation`], which has none.

mod orders;

use arena_proto::{ActionKind, ProbeVerdict, ProcessState, Severity};

use super::places::Places;
use super::vectors::{Mask, Rows, Shape, UNKNOWN, Vectors, count, flag, reading, seconds};
use crate::observe::{IncidentSeen, NodeSeen, Observation, ServiceSeen};

pub(super) use orders::read;

/// What a row begins with: name and number of each column. What is of nodes alone is zero for services, and the other way round.
const STATE: [&str; 12] = [
    "present",
    "is_node",
    "quarantined",
    "drained",
    "throttled_percent",
    "standby",
    "restarts",
    "since_s",
    "can_roll_back",
    "can_clean_disk",
    "port_held",
    "telemetry_age_s",
];
const PRESENT: usize = 0;
const IS_NODE: usize = 1;
const QUARANTINED: usize = 2;
const DRAINED: usize = 3;
const THROTTLED: usize = 4;
const STANDBY: usize = 5;
const RESTARTS: usize = 6;
const SINCE: usize = 7;
const CAN_ROLL_BACK: usize = 8;
const CAN_CLEAN_DISK: usize = 9;
const PORT_HELD: usize = 10;
const TELEMETRY_AGE: usize = 11;
/// Then the symptoms of open incidents at this place, and how many blame it.
const INCIDENT: [&str; 4] = [
    "incidents_open",
    "incidents_blaming",
    "incident_age_s",
    "incident_severity",
];
/// Each is 1 while an open incident at this place has it.
const SYMPTOMS: [&str; 15] = [
    "process_exited",
    "probe_failed",
    "cpu_high",
    "cpu_starved",
    "memory_high",
    "open_files_high",
    "threads_high",
    "latency_high",
    "error_rate_high",
    "storage_latency_high",
    "disk_low",
    "node_silent",
    "telemetry_frozen",
    "node_degraded",
    "alert_firing",
];
/// Then the last readings; ARCHITECTURE, "Metrics and symptoms".
const METRICS: [&str; 21] = [
    "cpu_percent",
    "cpu_wait_percent",
    "memory_bytes",
    "memory_used_percent",
    "disk_used_percent",
    "load1",
    "network_receive_bytes_hz",
    "network_transmit_bytes_hz",
    "open_files",
    "threads",
    "request_rate_hz",
    "error_percent",
    "latency_p50_ms",
    "latency_p95_ms",
    "storage_latency_p95_ms",
    "storage_used_percent",
    "upstream_error_percent",
    "upstream_latency_p95_ms",
    "user_request_rate_hz",
    "user_error_percent",
    "user_latency_p95_ms",
];
const GLOBALS: [&str; 4] = ["at_s", "may_act", "observer_storm", "incidents_open"];
/// The last kind of numbered actions: a person is called for the incidents at that place.
const ESCALATE: &str = "ESCALATE";

/// The numbers of the columns, in the order of [`columns`].
const STATES_AT: usize = STATE.len();
const PROBES_AT: usize = STATES_AT + ProcessState::ALL.len();
const INCIDENT_AT: usize = PROBES_AT + ProbeVerdict::ALL.len();
const SYMPTOMS_AT: usize = INCIDENT_AT + INCIDENT.len();
const METRICS_AT: usize = SYMPTOMS_AT + SYMPTOMS.len();
const COLUMNS: usize = METRICS_AT + METRICS.len();
const OPEN: usize = INCIDENT_AT;
const BLAMING: usize = INCIDENT_AT + 1;
const AGE: usize = INCIDENT_AT + 2;
const SEVERITY: usize = INCIDENT_AT + 3;

fn columns() -> Vec<String> {
    let own =
        |names: &[&str]| -> Vec<String> { names.iter().map(|name| (*name).to_owned()).collect() };
    let words = |kind: &str, words: Vec<&str>| -> Vec<String> {
        let lower = words.iter().map(|word| word.to_lowercase());
        lower.map(|word| format!("{kind}_{word}")).collect()
    };
    [
        own(&STATE),
        words(
            "state",
            ProcessState::ALL.iter().map(|word| word.as_str()).collect(),
        ),
        words(
            "probe",
            ProbeVerdict::ALL.iter().map(|word| word.as_str()).collect(),
        ),
        own(&INCIDENT),
        words("symptom", SYMPTOMS.to_vec()),
        own(&METRICS),
    ]
    .concat()
}

/// The shape of its vectors.
pub(crate) fn shape(places: &Places) -> Shape {
    let actions = ActionKind::ALL.iter().map(|action| action.as_str());
    let kinds = actions.chain([ESCALATE]).map(ToOwned::to_owned).collect();
    Shape::new(places, columns(), &GLOBALS, kinds)
}

/// What it sees, as numbers.
pub(crate) fn vectors(places: &Places, seen: &Observation) -> Vectors {
    let mut rows = Rows::new(places, COLUMNS);
    let mut mask = Mask::new(places, ActionKind::ALL.len() + 1);
    for node in &seen.nodes {
        put_node(&mut rows, &mut mask, places, node);
    }
    for incident in &seen.incidents {
        put_incident(&mut rows, &mut mask, places, incident);
    }
    let globals = [
        seconds(seen.at_ms),
        flag(seen.mode == "AUTO" && seen.lever == "RELEASED"),
        flag(seen.observer == "STORM"),
        count(seen.incidents.len()),
    ];
    Vectors::new(&rows, &globals, &mask)
}

fn put_node(rows: &mut Rows, mask: &mut Mask, places: &Places, node: &NodeSeen) {
    if let Some(row) = places.row(&node.node) {
        rows.set(row, PRESENT, 1.0);
        rows.set(row, IS_NODE, 1.0);
        rows.set(row, QUARANTINED, flag(node.quarantined));
        rows.set(
            row,
            TELEMETRY_AGE,
            node.telemetry_age_ms.map_or(UNKNOWN, seconds),
        );
        rows.set_word(row, STATES_AT, ProcessState::ALL, node.state.parse().ok());
        put_metrics(rows, row, |metric| node.metrics.get(metric).copied());
        let fits = if node.quarantined {
            ActionKind::Unquarantine
        } else {
            ActionKind::Quarantine
        };
        allow(mask, fits, row);
    }
    for service in &node.services {
        if let Some(row) = places.row(&service.entity) {
            put_service(rows, row, service);
            for action in ActionKind::ALL {
                if orders::check(*action, service).is_ok() {
                    allow(mask, *action, row);
                }
            }
        }
    }
}

fn allow(mask: &mut Mask, action: ActionKind, row: usize) {
    if let Some(kind) = ActionKind::ALL.iter().position(|known| *known == action) {
        mask.allow(kind, row);
    }
}

fn put_service(rows: &mut Rows, row: usize, service: &ServiceSeen) {
    rows.set(row, PRESENT, 1.0);
    rows.set(row, DRAINED, flag(service.drained));
    let throttled = service.throttled_percent.map(f64::from);
    rows.set(
        row,
        THROTTLED,
        throttled.map_or(0.0, |percent| reading(Some(percent))),
    );
    rows.set(row, STANDBY, flag(service.standby));
    rows.set(row, RESTARTS, reading(Some(f64::from(service.restarts))));
    rows.set(row, SINCE, seconds(service.since_ms));
    rows.set(row, CAN_ROLL_BACK, flag(service.can_roll_back));
    rows.set(row, CAN_CLEAN_DISK, flag(service.can_clean_disk));
    rows.set(row, PORT_HELD, flag(service.port_holder.is_some()));
    rows.set_word(
        row,
        STATES_AT,
        ProcessState::ALL,
        service.state.parse().ok(),
    );
    rows.set_word(
        row,
        PROBES_AT,
        ProbeVerdict::ALL,
        service.probe.parse().ok(),
    );
    put_metrics(rows, row, |metric| service.metrics.get(metric).copied());
}

fn put_metrics(rows: &mut Rows, row: usize, get: impl Fn(&str) -> Option<f64>) {
    for (index, metric) in METRICS.iter().enumerate() {
        rows.set(row, METRICS_AT + index, reading(get(metric)));
    }
}

fn put_incident(rows: &mut Rows, mask: &mut Mask, places: &Places, incident: &IncidentSeen) {
    if let Some(row) = places.row(&incident.root_cause) {
        rows.add(row, BLAMING, 1.0);
    }
    let Some(row) = places.row(&incident.entity) else {
        return;
    };
    rows.add(row, OPEN, 1.0);
    let age = seconds(incident.open_ms).max(rows.get(row, AGE));
    rows.set(row, AGE, age);
    let severity = incident.severity.parse::<Severity>().ok();
    let rank = severity.and_then(|severity| Severity::ALL.iter().position(|one| *one == severity));
    let worst = count(rank.map_or(0, |rank| rank + 1)).max(rows.get(row, SEVERITY));
    rows.set(row, SEVERITY, worst);
    if let Some(index) = SYMPTOMS.iter().position(|known| *known == incident.symptom) {
        rows.set(row, SYMPTOMS_AT + index, 1.0);
    }
    mask.allow(ActionKind::ALL.len(), row);
}

#[cfg(test)]
mod tests {
    use arena_scenario::{Layout, Topology};
    use expect_test::expect;

    use super::*;

    pub(super) fn places() -> Places {
        Places::of(&Layout::of(&Topology::Shop, 0))
    }

    fn service(entity: &str, state: &str) -> ServiceSeen {
        ServiceSeen {
            entity: entity.to_owned(),
            state: state.to_owned(),
            probe: "PASSING".to_owned(),
            metrics: [("cpu_percent".to_owned(), 12.5)].into(),
            ..ServiceSeen::default()
        }
    }

    pub(super) fn seen() -> Observation {
        Observation {
            at_ms: 1500,
            mode: "AUTO".to_owned(),
            lever: "RELEASED".to_owned(),
            nodes: vec![NodeSeen {
                node: "node-1".to_owned(),
                state: "RUNNING".to_owned(),
                telemetry_age_ms: Some(250),
                services: vec![
                    service("node-1/edge", "RUNNING"),
                    service("node-1/orders", "EXITED"),
                ],
                ..NodeSeen::default()
            }],
            incidents: vec![IncidentSeen {
                id: "inc-1".to_owned(),
                entity: "node-1/edge".to_owned(),
                root_cause: "node-1/orders".to_owned(),
                symptom: "latency_high".to_owned(),
                severity: "WARNING".to_owned(),
                open_ms: 3000,
                ..IncidentSeen::default()
            }],
            ..Observation::default()
        }
    }

    #[test]
    fn names_and_numbers_of_the_columns_are_the_same() {
        let columns = columns();
        assert_eq!(columns.len(), COLUMNS);
        for (index, name) in [
            (PRESENT, "present"),
            (THROTTLED, "throttled_percent"),
            (SINCE, "since_s"),
            (TELEMETRY_AGE, "telemetry_age_s"),
            (STATES_AT, "state_stopped"),
            (PROBES_AT, "probe_unknown"),
            (OPEN, "incidents_open"),
            (SEVERITY, "incident_severity"),
            (SYMPTOMS_AT, "symptom_process_exited"),
            (METRICS_AT, "cpu_percent"),
        ] {
            assert_eq!(columns[index], name);
        }
    }

    #[test]
    fn rows_have_what_was_seen() {
        let places = places();
        let mut rows = Rows::new(&places, COLUMNS);
        let mut mask = Mask::new(&places, ActionKind::ALL.len() + 1);
        let seen = seen();
        put_node(&mut rows, &mut mask, &places, &seen.nodes[0]);
        put_incident(&mut rows, &mut mask, &places, &seen.incidents[0]);
        let mut told = Vec::new();
        for (row, name) in places.names().enumerate() {
            let columns = columns();
            let set: Vec<String> = (0..COLUMNS)
                .filter(|column| {
                    rows.get(row, *column) != 0.0
                        && rows.get(row, *column).to_bits() != UNKNOWN.to_bits()
                })
                .map(|column| format!("{} {}", columns[column], rows.get(row, column)))
                .collect();
            if !set.is_empty() {
                told.push(format!("{name}: {}", set.join(", ")));
            }
        }
        expect![[r#"
            node-1: present 1, is_node 1, telemetry_age_s 0.25, state_running 1
            node-1/edge: present 1, state_running 1, probe_passing 1, incidents_open 1, incident_age_s 3, incident_severity 2, symptom_latency_high 1, cpu_percent 12.5
            node-1/orders: present 1, state_exited 1, probe_passing 1, incidents_blaming 1, cpu_percent 12.5"#]].assert_eq(&told.join("\n"));
    }
}
