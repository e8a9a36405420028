//! The whole page, and docs/metrics.md, which is written from it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Duration;

use arena_proto::{
    ActionKind, CommandState, Entity, FaultState, IncidentState, LeverPosition, Mode, NodeName,
    ObserverState, Resolution, ServiceName, Severity, Timestamp,
};
use arena_view::status::{
    ArenaReport, ComponentReport, NodeReport, ObserverReport, ServiceReport, StatusReport,
};
use expect_test::{expect, expect_file};

use super::*;
use crate::Event;
use crate::view::{
    BusView, CommandView, FaultView, IncidentView, SamplesReport, SeriesView, State,
};

fn at(millis: i64) -> Timestamp {
    Timestamp::from_unix_millis(1_700_000_000_000 + millis)
}

fn entity(node: &str, service: Option<&str>) -> Entity {
    Entity {
        node: NodeName::new(node).unwrap(),
        service: service.map(|name| ServiceName::new(name).unwrap()),
    }
}

fn service(name: &str, state: &str, probe: &str) -> ServiceReport {
    ServiceReport {
        name: name.to_owned(),
        state: state.to_owned(),
        unknown_since: None,
        probe: probe.to_owned(),
        pid: None,
        port: None,
        restarts: 2,
        message: "port 18101 is held by pid 812".to_owned(),
        class: None,
        drained: false,
        throttled: None,
        standby: false,
        paused: false,
        depends_on: Vec::new(),
        observed: Vec::new(),
        since: at(0),
        actions: Vec::new(),
    }
}

fn node(name: &str, state: &str, services: Vec<ServiceReport>) -> NodeReport {
    NodeReport {
        name: name.to_owned(),
        state: state.to_owned(),
        unknown_since: None,
        agent: true,
        chaos: true,
        quarantined: false,
        restart_owner: None,
        services,
        actions: Vec::new(),
    }
}

fn status() -> StatusReport {
    let component = |name: &str, state: &str| ComponentReport {
        name: name.to_owned(),
        state: state.to_owned(),
        unknown_since: None,
    };
    StatusReport {
        nodes: vec![
            node(
                "node-1",
                "RUNNING",
                vec![
                    service("orders", "RUNNING", "PASSING"),
                    service("payments", "FATAL", "NONE"),
                ],
            ),
            node(
                "node-2",
                "NO_DATA",
                vec![service("orders", "NO_DATA", "UNKNOWN")],
            ),
        ],
        arena: ArenaReport {
            incidents_open: Some(1),
            faults_active: Some(1),
            mode: Some(Mode::Auto),
            lever: Some(LeverPosition::Released),
            modes: BTreeMap::from([
                ("high".to_owned(), Mode::Approve),
                ("low".to_owned(), Mode::Auto),
            ]),
            pauses: Vec::new(),
            observer: ObserverReport {
                state: Some(ObserverState::Clear),
                reason: String::new(),
            },
            incidents: None,
            faults: None,
            components: vec![
                component("detector", "RUNNING"),
                component("recorder", "NO_DATA"),
            ],
            degraded: vec!["node-2 is NO_DATA".to_owned()],
        },
    }
}

fn incident(id: &str, state: IncidentState) -> IncidentView {
    let is_over = state.is_final();
    IncidentView {
        id: id.to_owned(),
        entity: entity("node-1", Some("orders")),
        symptom: "cpu_high".to_owned(),
        severity: Severity::Error,
        state,
        resolution: (state == IncidentState::Resolved).then_some(Resolution::Remediated),
        root_cause: None,
        reason: "cpu_percent 97 > 80 for 2 s".to_owned(),
        first_abnormal_at: at(1_000),
        opened_at: at(3_000),
        ended_at: is_over.then(|| at(10_500)),
        decision: None,
        trace_id: "0af7651916cd43dd8448eb211c80319c".to_owned(),
    }
}

fn fault() -> FaultView {
    FaultView {
        id: "flt-1".to_owned(),
        fault: "cpu-spike".to_owned(),
        target: entity("node-1", Some("orders")),
        state: FaultState::Active,
        reason: None,
        message: String::new(),
        at: at(0),
        active_at: None,
        expires_at: None,
        reverted_at: None,
        params: BTreeMap::new(),
    }
}

fn command(id: &str, state: CommandState) -> CommandView {
    CommandView {
        id: id.to_owned(),
        action: ActionKind::Restart,
        target: entity("node-1", Some("orders")),
        state,
        reason: None,
        message: String::new(),
        incident_id: None,
        at: at(5_000),
    }
}

/// A reading of each metric of both nodes and two services; those of who is silent are old.
fn readings() -> SamplesReport {
    let of = |entity: Entity, readings: &'static [readings::Reading]| {
        readings.iter().map(move |reading| SeriesView {
            entity: entity.clone(),
            metric: reading.metric.to_owned(),
            values: vec![Some(7.0), Some(50.0), None],
        })
    };
    let series = of(entity("node-1", None), readings::NODE)
        .chain(of(entity("node-1", Some("orders")), readings::SERVICE))
        .chain(of(entity("node-2", None), readings::NODE))
        .chain(of(entity("node-2", Some("orders")), readings::SERVICE));
    SamplesReport {
        at: vec![at(8_000), at(9_000), at(10_000)],
        series: series.collect(),
        series_left_out: 0,
    }
}

fn known() -> Known {
    let mut tally = Tally::new(at(0));
    let incidents = [
        incident("inc-1", IncidentState::Acting),
        incident("inc-1", IncidentState::Resolved),
        incident("inc-1", IncidentState::Resolved),
        incident("inc-2", IncidentState::Escalated),
    ];
    for incident in incidents {
        tally.hear(&Event::Incident(Box::new(incident)));
    }
    for command in [
        command("cmd-1", CommandState::Running),
        command("cmd-1", CommandState::Succeeded),
    ] {
        tally.hear(&Event::Command(Box::new(command)));
    }
    Known {
        state: State {
            bus: BusView {
                connected: true,
                since: at(0),
                caught_up: true,
            },
            status: status(),
            incidents: vec![
                incident("inc-2", IncidentState::Escalated),
                incident("inc-1", IncidentState::Resolved),
            ],
            faults: vec![fault()],
            commands: Vec::new(),
            questions: Vec::new(),
        },
        readings: readings(),
        tally,
    }
}

fn standing() -> Standing {
    Standing {
        version: "1.2.3".to_owned(),
        started_at: at(0),
        ring: 17,
        series_left_out: 0,
        refused: vec![("incident", 1)],
        receivers: vec![Receiver {
            name: "pager".to_owned(),
            delivered: 3,
            failed: 2,
            lost: 1,
            waiting: Some(4),
        }],
    }
}

fn counters() -> Counters {
    let counters = Counters::default();
    let took = Duration::from_millis(2);
    counters.answered(Some("/api/v1/nodes/{node}"), "GET", 200, took);
    counters.stream_opened();
    counters.sent();
    counters.telemetry_lost(9);
    counters
}

fn whole(format: Format) -> String {
    page(known(), standing(), &counters(), format)
}

#[test]
fn the_whole_page() {
    expect_file!["page.txt"].assert_eq(&whole(Format::OpenMetrics));
}

#[test]
fn in_the_older_format_counters_have_their_whole_name() {
    let text = whole(Format::Prometheus);
    let about = |name: &str| -> String {
        let lines = text.lines().filter(|line| line.contains(name));
        lines.collect::<Vec<_>>().join("\n")
    };
    expect![[r##"
        # HELP arena_incidents_ended_total Incidents that are over, by how they ended
        # TYPE arena_incidents_ended_total counter
        arena_incidents_ended_total{symptom="cpu_high",resolution="REMEDIATED"} 1"##]]
    .assert_eq(&about("arena_incidents_ended"));
    expect![[r##"
        # HELP arena_gateway_build_info The gateway's version
        # TYPE arena_gateway_build_info gauge
        arena_gateway_build_info{version="1.2.3"} 1"##]]
    .assert_eq(&about("arena_gateway_build"));
    assert!(!text.contains("# UNIT") && !text.contains("# EOF"));
}

/// Values of `metric`, wherever it has one.
fn values(text: &str, metric: &str) -> Vec<String> {
    let is_it = |line: &&str| {
        line.strip_prefix(metric)
            .is_some_and(|rest| rest.starts_with(['{', ' ']))
    };
    text.lines().filter(is_it).map(str::to_owned).collect()
}

#[test]
fn a_silent_node_is_down_and_has_nothing_else() {
    let text = whole(Format::OpenMetrics);
    let of_silent: Vec<&str> = text
        .lines()
        .filter(|line| line.contains("node-2"))
        .collect();
    assert_eq!(of_silent, ["arena_node_up{node=\"node-2\"} 0.0"]);
}

#[test]
fn while_the_bus_is_away_nothing_of_the_arena_is_told() {
    let mut known = known();
    known.state.bus.connected = false;
    let text = page(known, standing(), &counters(), Format::OpenMetrics);
    assert_eq!(
        values(&text, "arena_bus_connected"),
        ["arena_bus_connected 0.0"]
    );
    for unknown in [
        "node-1",
        "detector",
        "arena_lever_stopped",
        "arena_incidents_open{",
    ] {
        assert!(!text.contains(unknown), "{unknown}");
    }
    assert_eq!(
        values(&text, "arena_incidents_opened_total").len(),
        1,
        "what was counted stays"
    );
}

#[test]
fn an_arena_of_any_size_and_any_names_makes_a_page_of_a_bounded_one() {
    let mut known = known();
    let many = |n: usize| service(&format!("s-{n:05}"), "RUNNING", "PASSING");
    known.state.status.nodes[0].services = (0..SERVICES_MAX + 5).map(many).collect();
    for n in 0..1000 {
        let incident = IncidentView {
            symptom: format!("alert-{n}"),
            ..incident(&format!("inc-x{n}"), IncidentState::Open)
        };
        known
            .tally
            .hear(&Event::Incident(Box::new(incident.clone())));
        known.state.incidents.push(incident);
    }
    let text = page(known, standing(), &counters(), Format::OpenMetrics);
    assert_eq!(values(&text, "arena_service_up").len(), SERVICES_MAX);
    assert_eq!(
        values(&text, "arena_services_left_out"),
        ["arena_services_left_out 5.0"]
    );
    assert_eq!(values(&text, "arena_incidents_open").len(), NAMES_MAX + 1);
    assert_eq!(
        values(&text, "arena_incidents_opened_total").len(),
        NAMES_MAX + 1
    );
}

#[test]
fn no_id_and_no_free_text_is_on_the_page() {
    let text = whole(Format::OpenMetrics);
    for told in [
        "inc-1",
        "flt-1",
        "cmd-1",
        "held by pid",
        "cpu_percent 97",
        "0af76519",
    ] {
        assert!(!text.contains(told), "{told}");
    }
}

/// docs/metrics.md: what is between its marks is this table.
#[test]
fn the_page_of_the_manual_lists_every_metric() {
    const MARK: &str = "<!-- written by a test of arena-gateway-core -->\n";
    let manual = include_str!("../../../../../docs/metrics.md");
    let (before, rest) = manual.split_once(MARK).unwrap();
    let (_, after) = rest.split_once(MARK).unwrap();
    let written = format!(
        "{before}{MARK}{}{MARK}{after}",
        table(&whole(Format::OpenMetrics))
    );
    expect_file!["../../../../../docs/metrics.md"].assert_eq(&written);
}

fn table(text: &str) -> String {
    let mut table = String::from("\n| metric | type | labels | what |\n|---|---|---|---|\n");
    let mut help = "";
    for line in text.lines() {
        if let Some(of) = line.strip_prefix("# HELP ") {
            help = of.split_once(' ').unwrap().1.trim_end_matches('.');
        } else if let Some((name, kind)) = line
            .strip_prefix("# TYPE ")
            .and_then(|of| of.split_once(' '))
        {
            let suffix = match kind {
                "counter" => "_total",
                "info" => "_info",
                _ => "",
            };
            let labels = labels_of(text, name).into_iter();
            let labels: Vec<String> = labels.map(|label| format!("`{label}`")).collect();
            let labels = labels.join(", ");
            writeln!(table, "| `{name}{suffix}` | {kind} | {labels} | {help} |").unwrap();
        }
    }
    table.push('\n');
    table
}

fn labels_of<'a>(text: &'a str, name: &str) -> BTreeSet<&'a str> {
    let samples = text.lines().filter(|line| line.starts_with(name));
    let labels = samples.filter_map(|line| line.split_once('{')?.1.rsplit_once('}'));
    let pairs = labels.flat_map(|(labels, _)| labels.split(','));
    let names = pairs.filter_map(|pair| Some(pair.split_once('=')?.0));
    names.filter(|name| *name != "le").collect()
}
