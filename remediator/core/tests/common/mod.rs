//! What the tests tell the remediator, in short.

#![allow(dead_code, reason = "each test uses some of it")]

use std::time::Duration;

use arena_proto::{
    ActionKind, Command, CommandId, CommandState, Entity, IncidentEvent, IncidentEventKind,
    IncidentId, NodeStatus, Outcome, ProbeVerdict, ProcessState, RejectionReason, ServiceStatus,
    Severity, SignalReport, Timestamp,
};

/// Milliseconds after the test's beginning.
pub(crate) fn at(ms: u64) -> Timestamp {
    Timestamp::from_unix_millis(1_800_000_000_000) + Duration::from_millis(ms)
}

pub(crate) fn entity(text: &str) -> Entity {
    text.parse().unwrap()
}

pub(crate) fn event(
    kind: IncidentEventKind,
    id: &str,
    revision: u32,
    target: &str,
    symptom: &str,
    (opened_at, now): (Timestamp, Timestamp),
) -> IncidentEvent {
    IncidentEvent {
        context: arena_proto::IncidentContext::default(),
        kind,
        id: IncidentId::new(id).unwrap(),
        revision,
        entity: entity(target),
        symptom: symptom.to_owned(),
        severity: Severity::Error,
        signals: Vec::new(),
        root_cause: entity(target),
        reason: "as the detector says".to_owned(),
        first_abnormal_at: opened_at,
        opened_at,
        at: now,
        pid: None,
        generation: 0,
    }
}

pub(crate) fn signal(entity: &Entity, symptom: &str, state: &str, now: Timestamp) -> SignalReport {
    SignalReport {
        readings: Vec::new(),
        inhibited_by: None,
        entity: entity.clone(),
        symptom: symptom.to_owned(),
        state: state.parse().unwrap(),
        since: now,
        evidence: String::new(),
    }
}

pub(crate) fn status(
    target: &str,
    state: ProcessState,
    probe: ProbeVerdict,
    (pid, generation): (Option<u32>, u32),
    now: Timestamp,
) -> NodeStatus {
    let target = entity(target);
    NodeStatus {
        quarantined: false,
        restart_owner: None,
        fence: 0,
        node: target.node,
        boot_id: 1,
        pid: 1,
        state: ProcessState::Running,
        chaos: true,
        services: vec![ServiceStatus {
            detail: arena_proto::ServiceDetail::default(),
            name: target.service.unwrap(),
            state,
            probe,
            pid,
            generation,
            restarts: 0,
            port: None,
            proxy_port: None,
            depends_on: Vec::new(),
            since: now,
            exit_code: None,
            message: String::new(),
        }],
        at: now,
    }
}

pub(crate) fn outcome(
    command: &Command,
    state: CommandState,
    reason: Option<RejectionReason>,
    now: Timestamp,
) -> Outcome {
    Outcome {
        command_id: command.id.clone(),
        node: command.node.clone(),
        service: command.service.clone(),
        action: command.action,
        state,
        reason,
        message: String::new(),
        incident_id: command.incident_id.clone(),
        at: now,
        pid_before: command.preconditions.pid,
        pid_after: None,
    }
}

/// What a person did by hand.
pub(crate) fn persons(target: &str, action: ActionKind, now: Timestamp) -> Outcome {
    let target = entity(target);
    Outcome {
        command_id: CommandId::new("cmd-s1").unwrap(),
        node: target.node,
        service: Some(target.service.unwrap()),
        action,
        state: CommandState::Succeeded,
        reason: None,
        message: String::new(),
        incident_id: None,
        at: now,
        pid_before: None,
        pid_after: None,
    }
}
