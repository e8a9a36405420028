//! One readable line a message, for `arena watch` and `arena decode`.

use std::fmt::Write;

use arena_proto::{
    Command, Control, DecodeError, FaultOperation, FaultRequest, FaultStatus, IncidentEvent,
    NodeStatus, Outcome, Plan, Schema, Telemetry, Timestamp,
};

use crate::consume::decode;
use crate::subject::{self, Family};

/// Longer lines than this are cut: it is for a terminal.
const LINE_MAX: usize = 4000;

/// One readable line about a message. With its schema, telemetry's values have names. Never fails: what cannot be read
/// is described as what it is.
#[must_use]
pub fn describe(subject: &str, body: &[u8], schema: Option<&Schema>) -> String {
    let line = match subject::parse(subject).map(|address| address.family) {
        Some(family) => typed(family, subject, body, schema)
            .unwrap_or_else(|error| format!("not a {family} message: {error}")),
        None => text(body),
    };
    match line.char_indices().nth(LINE_MAX) {
        Some((end, _)) => format!("{} …", &line[..end]),
        None => line,
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
        Family::Status => status(&read(subject, body)?),
        Family::Schema => {
            let schema: Schema = read(subject, body)?;
            let (columns, services) = (schema.columns.len(), schema.services.len());
            format!(
                "schema of {}: {columns} columns, {services} services",
                schema.node
            )
        }
        Family::Control => {
            let control: Control = read(subject, body)?;
            format!(
                "mode {}, lever {}, by {}",
                control.mode, control.lever, control.by
            )
        }
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
    for (service, sample) in schema.services.iter().zip(&telemetry.services) {
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
    if let (Some(action), Some(target)) = (plan.action, &plan.target) {
        let _ = write!(line, " {action} {target}");
    }
    let _ = write!(line, ", incident {}: {}", plan.incident_state, plan.reason);
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
            "{} APPLY {fault} {}/{service} for {} s",
            request.id,
            request.node,
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

fn status(status: &NodeStatus) -> String {
    let mut line = format!("{} {}", status.node, status.state);
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
