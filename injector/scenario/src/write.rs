//! Writes a scenario as a file: canonical, so that the same scenario is the same bytes, and complete, so that it means the same when a
//! default has changed. [`Scenario::parse`] reads it back.

use std::fmt::Write as _;
use std::time::Duration;

use arena_faults::Kind;
use serde::Serialize;
use toml::Value;

use crate::model::{Check, Injection, Quality, Scenario, Selector, Topology, When};

impl Scenario {
    /// As a file.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let mut file = File::default();
        file.text("name", &self.name);
        file.text("summary", &self.summary);
        file.word("difficulty", self.difficulty);
        file.line("seed", self.seed);
        file.duration("limit", self.limit);
        if let Topology::Generated {
            nodes,
            replicas,
            batch,
        } = &self.topology
        {
            file.table("[topology]");
            file.line("nodes", nodes);
            file.line("replicas", replicas);
            file.line("batch", batch);
        }
        file.table("[load]");
        file.line("rate", self.load.rate);
        file.word("shape", self.load.shape);
        file.table("[steady_state]");
        file.checks(&self.steady_state.checks);
        file.duration("hold", self.steady_state.hold);
        file.duration("within", self.steady_state.within);
        for injection in &self.injections {
            file.injection(injection);
        }
        if self.telemetry != Quality::default() {
            file.table("[telemetry]");
            file.line("loss", self.telemetry.loss_percent);
            file.line("duplicate", self.telemetry.duplicate_percent);
            file.duration("delay", self.telemetry.delay);
        }
        file.table("[healed]");
        file.checks(&self.healed.checks);
        file.duration("hold", self.healed.hold);
        file.duration("within", self.healed.within);
        file.table("[truth]");
        file.word("expect", self.truth.expect);
        let roots = self
            .truth
            .roots
            .iter()
            .map(|root| quoted(&root.to_string()));
        file.line("roots", list(roots));
        let cures = self.truth.cures.iter().map(|cure| quoted(&cure.verb()));
        file.line("cures", list(cures));
        file.0
    }
}

/// The file as far as it is written. Writing to a text cannot fail.
#[derive(Default)]
struct File(String);

impl File {
    fn table(&mut self, head: &str) {
        let _ = writeln!(self.0, "\n{head}");
    }

    fn line(&mut self, key: &str, value: impl std::fmt::Display) {
        let _ = writeln!(self.0, "{key} = {value}");
    }

    fn text(&mut self, key: &str, value: &str) {
        self.line(key, quoted(value));
    }

    fn duration(&mut self, key: &str, value: Duration) {
        self.line(key, quoted(&humantime::format_duration(value).to_string()));
    }

    /// One of the words of an enum, as it is read.
    fn word(&mut self, key: &str, value: impl Serialize) {
        if let Ok(value) = Value::try_from(value) {
            self.line(key, value);
        }
    }

    fn checks(&mut self, checks: &[Check]) {
        let lines = checks
            .iter()
            .map(|check| format!("    {},\n", quoted(&check.0)));
        let lines = lines.collect::<Vec<_>>().concat();
        self.line("checks", format!("[\n{lines}]"));
    }

    fn injection(&mut self, injection: &Injection) {
        self.table("[[fault]]");
        match &injection.when {
            When::At(at) => self.duration("at", *at),
            When::If(condition, after) => {
                self.text("if", &condition.0);
                self.duration("after", *after);
            }
        }
        self.text("fault", injection.fault.name.as_str());
        self.line("target", target(&injection.target));
        self.duration("for", injection.ttl);
        let params = params(injection);
        if !params.is_empty() {
            self.line("params", format!("{{ {} }}", params.join(", ")));
        }
    }
}

fn target(target: &Selector) -> String {
    match target {
        Selector::Entity(entity) => quoted(&entity.to_string()),
        Selector::Role {
            service,
            count: None,
        } => quoted(&format!("*/{service}")),
        Selector::Role {
            service,
            count: Some(count),
        } => format!("{{ role = \"{service}\", count = {count} }}"),
        Selector::Percent { service, percent } => {
            format!("{{ role = \"{service}\", percent = {percent} }}")
        }
        Selector::AnyService(count) => format!("{{ services = {count} }}"),
        Selector::Nodes(None) => quoted("*"),
        Selector::Nodes(Some(count)) => format!("{{ nodes = {count} }}"),
    }
}

/// All that have a value; a text that is empty means that there is none.
fn params(injection: &Injection) -> Vec<String> {
    let texts = injection.params.to_text();
    let value = |name: &str, kind: Kind| {
        let text = texts.get(name).filter(|text| !text.is_empty())?;
        Some(match kind {
            Kind::Count { .. } => format!("{name} = {text}"),
            _ => format!("{name} = {}", quoted(text)),
        })
    };
    injection
        .fault
        .params
        .iter()
        .filter_map(|param| value(param.name, param.kind))
        .collect()
}

fn quoted(text: &str) -> String {
    Value::String(text.to_owned()).to_string()
}

fn list(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(", "))
}
