//! A status as scripts read it, and what of it is told as not well.

mod common;

use arena_proto::{
    FaultRecord, IncidentRecord, LeverPosition, ProbeVerdict, ProcessState, Summary,
};
use arena_view::Liveness;
use arena_view::status::{Found, report};
use common::{at, node, pause, service, well};
use expect_test::expect;

fn degraded(found: &Found) -> String {
    report(found).arena.degraded.join("\n")
}

fn fault(id: &str, state: &str, end: i64) -> FaultRecord {
    FaultRecord {
        id: id.to_owned(),
        fault: "hang".to_owned(),
        target: "node-1/orders".to_owned(),
        state: state.to_owned(),
        reason: None,
        message: String::new(),
        active_at: Some(at(1).to_string()),
        expires_at: Some(at(end).to_string()),
        reverted_at: None,
        params: [].into(),
    }
}

/// An arena with something of everything.
fn in_use() -> Found {
    let mut orders = service("orders", ProcessState::Running);
    orders.depends_on = vec!["ledger".parse().expect("a name")];
    orders.detail.throttled = Some((at(130), 50));
    let mut found = well(vec![node("node-1", vec![orders])]);
    found.control.pauses = vec![pause("node-1/orders", None), pause("node-1", Some(at(99)))];
    found.incidents = Ok(["OPEN", "RESOLVED"]
        .map(|state| IncidentRecord {
            id: format!("inc-{state}"),
            entity: "node-1/orders".to_owned(),
            symptom: "cpu_high".to_owned(),
            state: state.to_owned(),
            ..IncidentRecord::default()
        })
        .into());
    found.faults = Ok(vec![fault("f-1", "ACTIVE", 120)]);
    found
}

#[test]
#[expect(clippy::too_many_lines, reason = "it is one value")]
fn a_status_as_scripts_read_it() {
    let mut report = report(&in_use());
    // They have a test of their own.
    report.nodes[0].actions.truncate(1);
    report.nodes[0].services[0].actions.truncate(1);
    let json = serde_json::to_string_pretty(&report).unwrap();
    expect![[r#"
        {
          "nodes": [
            {
              "name": "node-1",
              "state": "RUNNING",
              "unknown_since": null,
              "agent": true,
              "chaos": true,
              "quarantined": false,
              "restart_owner": null,
              "services": [
                {
                  "name": "orders",
                  "state": "RUNNING",
                  "unknown_since": null,
                  "probe": "PASSING",
                  "pid": 4711,
                  "port": 8000,
                  "restarts": 0,
                  "message": "",
                  "class": null,
                  "drained": false,
                  "throttled": {
                    "percent": 50,
                    "until": "1970-01-01T00:02:10.000Z"
                  },
                  "standby": false,
                  "paused": true,
                  "depends_on": [
                    "ledger"
                  ],
                  "observed": [],
                  "since": "1970-01-01T00:00:01.000Z",
                  "actions": [
                    {
                      "action": "start",
                      "allowed": false,
                      "reason": "start is for stopped services; orders is running"
                    }
                  ]
                }
              ],
              "actions": [
                {
                  "action": "quarantine",
                  "allowed": true,
                  "reason": null
                }
              ]
            }
          ],
          "incidents_open": 0,
          "faults_active": 0,
          "mode": "AUTO",
          "lever": "RELEASED",
          "modes": {
            "high": "APPROVE",
            "low": "AUTO",
            "medium": "AUTO"
          },
          "pauses": [
            {
              "entity": "node-1/orders",
              "by": "ann@host",
              "reason": "looking into it",
              "at": "1970-01-01T00:00:01.000Z",
              "until": null
            }
          ],
          "observer": {
            "state": null,
            "reason": ""
          },
          "incidents": [
            {
              "id": "inc-OPEN",
              "entity": "node-1/orders",
              "symptom": "cpu_high",
              "state": "OPEN"
            }
          ],
          "faults": [
            {
              "id": "f-1",
              "fault": "hang",
              "target": "node-1/orders",
              "state": "ACTIVE",
              "expires_at": "1970-01-01T00:02:00.000Z",
              "overdue": false
            }
          ],
          "components": [
            {
              "name": "detector",
              "state": "RUNNING",
              "unknown_since": null
            },
            {
              "name": "remediator",
              "state": "RUNNING",
              "unknown_since": null
            },
            {
              "name": "injector",
              "state": "RUNNING",
              "unknown_since": null
            },
            {
              "name": "recorder",
              "state": "RUNNING",
              "unknown_since": null
            }
          ],
          "degraded": []
        }"#]]
    .assert_eq(&json);
}

#[test]
fn all_is_well_where_nothing_is_not() {
    let mut standby = service("spare", ProcessState::Stopped);
    standby.detail.standby = true;
    let running = service("orders", ProcessState::Running);
    let found = well(vec![node("node-1", vec![running, standby])]);
    assert_eq!(degraded(&found), "");
}

#[test]
fn what_is_not_well_is_told_in_words() {
    let mut failing = service("orders", ProcessState::Running);
    failing.probe = ProbeVerdict::Failing;
    let dead = service("ledger", ProcessState::Exited);
    let mut found = well(vec![
        node("node-1", vec![failing, dead]),
        node("node-2", vec![]),
    ]);
    found.nodes[1].1 = Liveness::Silent {
        since: Some(at(90)),
    };
    found.components.remove("injector");
    found.control.lever = LeverPosition::Stopped;
    found.up_died = true;
    found.summary = Err("recorder is not running".to_owned());
    expect![[r#"
        `arena up` died; `arena up` or `arena down` cleans this up
        the lever is STOPPED
        the injector does not answer
        node-1/orders fails its probe
        node-1/ledger is EXITED
        node-2 is NO_DATA
        open incidents are unknown: recorder is not running"#]]
    .assert_eq(&degraded(&found));
    assert_eq!(report(&found).nodes[1].unknown_since, Some(at(90)));
}

#[test]
fn who_does_not_answer_cannot_vouch_for_its_services() {
    let mut found = well(vec![node(
        "node-1",
        vec![service("orders", ProcessState::Running)],
    )]);
    found.nodes[0].1 = Liveness::Silent { since: None };
    let report = report(&found);
    let orders = &report.nodes[0].services[0];
    assert_eq!(
        (orders.state.as_str(), orders.probe.as_str()),
        ("NO_DATA", "UNKNOWN")
    );
    assert!(orders.actions.iter().all(|action| !action.allowed));
    assert_eq!(orders.unknown_since, None, "one call cannot tell");
}

#[test]
fn a_lost_control_value_is_never_told_as_released() {
    let mut found = well(vec![node("node-1", Vec::new())]);
    found.control_lost = Some("the control value was removed");
    let report = report(&found).arena;
    assert_eq!((report.lever, report.mode), (None, None));
    assert!(report.modes.is_empty());
    assert_eq!(report.degraded, ["the control value was removed"]);
}

#[test]
fn a_fault_is_over_at_its_end_where_its_node_answers_and_overdue_where_it_does_not() {
    let mut found = well(vec![node("node-1", Vec::new()), node("node-2", Vec::new())]);
    // As the recorder counts.
    found.summary = Ok(Summary {
        faults_active: 1,
        ..Summary::default()
    });
    found.faults = Ok(vec![
        fault("lives", "ACTIVE", 101),
        fault("due", "ACTIVE", 100),
        fault("over", "REVERTED", 50),
        fault("never taken", "REQUESTED", 50),
    ]);
    let told = |found: &Found| {
        let faults = report(found).arena.faults.unwrap();
        let told = faults.into_iter().map(|fault| (fault.id, fault.overdue));
        told.collect::<Vec<_>>()
    };
    assert_eq!(told(&found), [("lives".to_owned(), false)]);
    found.nodes[1].1 = Liveness::Silent { since: None };
    assert_eq!(told(&found), [("lives".to_owned(), false)], "another node");
    found.nodes[0].1 = Liveness::Silent { since: None };
    let frozen = [("lives".to_owned(), false), ("due".to_owned(), true)];
    assert_eq!(told(&found), frozen);
    assert_eq!(report(&found).arena.faults_active, Some(2));
}
