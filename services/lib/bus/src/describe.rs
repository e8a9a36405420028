//! One readable line a message, for `arena watch` and `arena decode`.

use std::fmt::Write;

use arena_proto::{
    Alert, Approval, Command, Control, DecodeError, Evidence, FaultOperation, FaultRequest,
    FaultStatus, IncidentEvent, Lease, NodeStatus, Observer, Outcome, Plan, Schema, Telemetry,
    Timestamp,
};

use crate::consume::decode;
use crate::subject::{self, Family};

/// Longer lines than this are cut: it is for a terminal.
const LINE_MAX: usize = 4000;

/// One readable line about a message. With its schema, telemetry's values have names. Never fails: what cannot be read
/// is described as what it is.
#[must_use]
pub fn describe(subject: &str, body: &[u8], schema: Option<&Schema>) -> String {
    try_describe(subject, body, schema).unwrap_or_else(|not_readable| not_readable)
}

/// The same; the line about what cannot be read on a subject of ours is the error.
pub fn try_describe(subject: &str, body: &[u8], schema: Option<&Schema>) -> Result<String, String> {
    let line = match subject::parse(subject).map(|address| address.family) {
        // No value is empty; a removal is.
        Some(family) if family.is_bucket() && body.is_empty() => {
            let key = subject.rsplit('.').next().unwrap_or_default();
            format!("{key} is removed from KV {family}")
        }
        Some(family) => typed(family, subject, body, schema)
            .map_err(|error| cut(&format!("not a {family} message: {error}")))?,
        None => match subject::canary_role(subject) {
            Some(role) => format!("canary of the {role}, {}", text(body)),
            None => text(body),
        },
    };
    Ok(cut(&line))
}

fn cut(line: &str) -> String {
    match line.char_indices().nth(LINE_MAX) {
        Some((end, _)) => format!("{} …", &line[..end]),
        None => line.to_owned(),
    }
}

fn typed(
    family: Family,
    subject: &str,
    body: &[u8],
    schema: Option<&Schema>,
) -> Result<String, DecodeError> {
    Ok(match family {
        Family::Telemetry => telemetry(&read(subject, body)?, schema),
        Family::Incident => incident(&read(subject, body)?),
        Family::Plan => plan(&read(subject, body)?),
        Family::Command => command(&read(subject, body)?),
        Family::Outcome => outcome(&read(subject, body)?),
        Family::Fault => fault(&read(subject, body)?),
        Family::FaultStatus => fault_status(&read(subject, body)?),
        Family::Evidence => evidence(&read(subject, body)?),
        Family::Approval => approval(&read(subject, body)?),
        Family::Observer => observer(&read(subject, body)?),
        Family::Lease => lease(&read(subject, body)?),
        Family::Alert => alert(&read(subject, body)?),
        Family::Status => status(&read(subject, body)?),
        Family::Schema => {
            let schema: Schema = read(subject, body)?;
            let (columns, services) = (schema.columns.len(), schema.services.len());
            format!(
                "schema of {}: {columns} columns, {services} services",
                schema.node
            )
        }
        Family::Control => control(&read(subject, body)?),
    })
}

/// What a message leaves out follows from its place in the stream, which is not known here.
fn read<M: arena_proto::Message>(subject: &str, body: &[u8]) -> Result<M, DecodeError> {
    decode(subject, body, Some(0), Timestamp::EPOCH)
}

fn text(body: &[u8]) -> String {
    match std::str::from_utf8(body) {
        Ok(text) if !text.chars().any(|c| c.is_control() && !c.is_whitespace()) => {
            text.replace(['\n', '\r'], " ")
        }
        _ => format!("{} bytes that are no text", body.len()),
    }
}

fn telemetry(telemetry: &Telemetry, schema: Option<&Schema>) -> String {
    let mut line = format!("{} {} #{}", telemetry.time, telemetry.node, telemetry.seq);
    let Some(schema) = schema.filter(|schema| schema.id() == telemetry.schema_id) else {
        let (values, services) = (telemetry.values.len(), telemetry.services.len());
        let _ = write!(
            line,
            " {values} values, {services} services, schema {:016x}",
            telemetry.schema_id.0
        );
        return line;
    };
    for (service, sample) in schema.services.iter().zip(telemetry.services.iter()) {
        let _ = write!(line, "  {} {} {}", service.name, sample.state, sample.probe);
    }
    for (column, value) in schema.columns.iter().zip(&telemetry.values) {
        if !value.is_nan() {
            let _ = write!(
                line,
                "  {}:{}={}",
                schema.entity(column),
                column.metric,
                number(*value)
            );
        }
    }
    line
}

/// With as many decimals as a person wants, and none that say nothing: 0.099999994 is 0.1.
fn number(value: f32) -> String {
    if value != 0.0 && value.abs() < 0.001 {
        return format!("{value:.2e}");
    }
    let text = format!("{value:.3}");
    let short = text.trim_end_matches('0').trim_end_matches('.');
    if short == "-0" {
        "0".to_owned()
    } else {
        short.to_owned()
    }
}

fn incident(event: &IncidentEvent) -> String {
    format!(
        "{} {} {} {} {}: {}",
        event.id, event.kind, event.severity, event.entity, event.symptom, event.reason
    )
}

fn plan(plan: &Plan) -> String {
    let mut line = format!("{} {}", plan.incident_id, plan.decision);
    let basis = &plan.basis;
    if !basis.rail.is_empty() {
        let _ = write!(line, " [{}]", basis.rail);
    }
    if let (Some(action), Some(target)) = (plan.action, &plan.target) {
        let _ = write!(line, " {action} {target}");
    }
    if let Some(risk) = basis.risk {
        let _ = write!(line, " ({risk} risk)");
    }
    if !basis.cause.is_empty() {
        let _ = write!(line, ", cause {}", basis.cause);
    }
    let _ = write!(line, ", incident {}: {}", plan.incident_state, plan.reason);
    if let Some(until) = basis.expires_at {
        let _ = write!(line, "; asked until {until}");
    }
    if let Some((command, effect)) = &basis.judged {
        let _ = write!(line, "; {command} was {effect}");
    }
    line
}

fn command(command: &Command) -> String {
    format!(
        "{} {} {} by {}: {}",
        command.id,
        command.action,
        command.target(),
        command.issuer,
        command.reason
    )
}

fn outcome(outcome: &Outcome) -> String {
    let mut line = format!(
        "{} {} {} {}",
        outcome.command_id,
        outcome.action,
        outcome.target(),
        outcome.state
    );
    if let Some(reason) = outcome.reason {
        let _ = write!(line, " ({reason})");
    }
    if !outcome.message.is_empty() {
        let _ = write!(line, ": {}", outcome.message);
    }
    line
}

fn fault(request: &FaultRequest) -> String {
    match &request.operation {
        FaultOperation::Apply {
            fault,
            service,
            ttl,
            ..
        } => format!(
            "{} APPLY {fault} {} for {} s",
            request.id,
            service.as_ref().map_or_else(
                || request.node.to_string(),
                |service| format!("{}/{service}", request.node)
            ),
            ttl.as_secs_f64()
        ),
        FaultOperation::Renew => format!("{} RENEW on {}", request.id, request.node),
        FaultOperation::Revert => format!("{} REVERT on {}", request.id, request.node),
    }
}

fn fault_status(status: &FaultStatus) -> String {
    let mut line = format!("{} {} {}", status.id, status.fault, status.node);
    if let Some(service) = &status.service {
        let _ = write!(line, "/{service}");
    }
    let _ = write!(line, " {}", status.state);
    if let Some(reason) = status.reason {
        let _ = write!(line, " ({reason})");
    }
    if !status.message.is_empty() {
        let _ = write!(line, ": {}", status.message);
    }
    line
}

fn evidence(evidence: &Evidence) -> String {
    let (readings, lines) = (evidence.readings.len(), evidence.log.len());
    let mut line = format!(
        "{} {} before {}: {readings} readings, {lines} log lines, {} processes",
        evidence.incident_id,
        evidence.entity,
        evidence.command_id,
        evidence.processes.len()
    );
    if !evidence.message.is_empty() {
        let _ = write!(line, "; {}", evidence.message);
    }
    line
}

fn control(control: &Control) -> String {
    let mut line = format!("mode {}", control.mode);
    for (risk, mode) in &control.modes {
        let _ = write!(line, ", {risk} risk {mode}");
    }
    let _ = write!(line, ", lever {}", control.lever);
    if let Some((by, _)) = &control.lever_set {
        let _ = write!(line, " by {by}");
    }
    for pause in &control.pauses {
        let _ = write!(line, ", {} paused by {}", pause.entity, pause.by);
        if let Some(until) = pause.until {
            let _ = write!(line, " until {until}");
        }
    }
    let _ = write!(line, ", last changed by {}", control.by);
    line
}

fn approval(approval: &Approval) -> String {
    let mut line = format!(
        "{} {} by {}",
        approval.plan_id, approval.verdict, approval.by
    );
    if !approval.reason.is_empty() {
        let _ = write!(line, ": {}", approval.reason);
    }
    line
}

fn observer(observer: &Observer) -> String {
    format!(
        "detector {} {}, {} of {} nodes silent: {}",
        observer.detector, observer.state, observer.silent, observer.known, observer.reason
    )
}

fn lease(lease: &Lease) -> String {
    format!(
        "lease {} held by {}, fence {}, since {}",
        lease.name, lease.holder, lease.fence, lease.acquired_at
    )
}

fn alert(alert: &Alert) -> String {
    let mut line = format!("alert {} {} {}", alert.fingerprint, alert.name, alert.state);
    match &alert.entity {
        Some(entity) => {
            let _ = write!(line, " of {entity}");
        }
        None => line.push_str(" of nobody"),
    }
    let _ = write!(line, " since {}: {}", alert.starts_at, alert.message);
    line
}

fn status(status: &NodeStatus) -> String {
    let mut line = format!("{} {}", status.node, status.state);
    if !status.has_agent() {
        line.push_str(", told of over HTTP, no agent");
    }
    if status.quarantined {
        line.push_str(", quarantined");
    }
    if let Some(owner) = status.restart_owner {
        let _ = write!(line, ", restarts by {owner}");
    }
    for service in &status.services {
        let _ = write!(
            line,
            "  {} {} {}",
            service.name, service.state, service.probe
        );
    }
    line
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn numbers_are_short() {
        let numbers = [
            0.0,
            -0.0,
            0.099_999_994,
            8.0,
            7.769_423_5,
            389_859.47,
            12_345_678.0,
            0.000_12,
            -1.5,
        ];
        let words: Vec<String> = numbers.into_iter().map(number).collect();
        let expected = "0 0 0.1 8 7.769 389859.469 12345678 1.20e-4 -1.5";
        assert_eq!(words.join(" "), expected);
        assert_eq!(number(f32::INFINITY), "inf");
    }
}
