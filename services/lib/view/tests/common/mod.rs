//! A node, and what is known of an arena, as plain data.
#![allow(dead_code, reason = "each test takes what it needs")]

use std::collections::BTreeMap;

use arena_proto::{
    Control, Entity, NodeStatus, Pause, ProbeVerdict, ProcessState, ServiceDetail, ServiceStatus,
    Summary, Timestamp,
};
use arena_view::Liveness;
use arena_view::status::{COMPONENTS, Found};

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_unix_millis(second * 1000)
}

pub(crate) fn service(name: &str, state: ProcessState) -> ServiceStatus {
    let has_process = matches!(state, ProcessState::Running | ProcessState::Starting);
    ServiceStatus {
        name: name.parse().expect("a name"),
        state,
        probe: ProbeVerdict::Passing,
        pid: has_process.then_some(4711),
        generation: 1,
        restarts: 0,
        port: Some(8000),
        proxy_port: None,
        depends_on: Vec::new(),
        since: at(1),
        exit_code: None,
        message: String::new(),
        detail: ServiceDetail::default(),
    }
}

pub(crate) fn node(name: &str, services: Vec<ServiceStatus>) -> NodeStatus {
    NodeStatus {
        node: name.parse().expect("a name"),
        boot_id: 1,
        pid: 4000,
        state: ProcessState::Running,
        chaos: true,
        services,
        at: at(1),
        quarantined: false,
        restart_owner: None,
        fence: 0,
    }
}

pub(crate) fn pause(entity: &str, until: Option<Timestamp>) -> Pause {
    Pause {
        entity: entity.parse().expect("a name"),
        by: "ann@host".to_owned(),
        reason: "looking into it".to_owned(),
        at: at(1),
        until,
    }
}

/// An arena in which all is well, at the 100th second.
pub(crate) fn well(nodes: Vec<NodeStatus>) -> Found {
    let answers = |name: &str| (name.to_owned(), Liveness::Answers);
    Found {
        nodes: nodes
            .into_iter()
            .map(|node| (node, Liveness::Answers))
            .collect(),
        components: COMPONENTS.into_iter().map(answers).collect(),
        observed: BTreeMap::new(),
        control: Control::default(),
        control_lost: None,
        observers: Vec::new(),
        summary: Ok(Summary::default()),
        incidents: Ok(Vec::new()),
        faults: Ok(Vec::new()),
        up_died: false,
        now: at(100),
    }
}

pub(crate) fn entity(text: &str) -> Entity {
    text.parse().expect("a name")
}
