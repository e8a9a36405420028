//! `policy.toml`: what the detector takes for a symptom, read and checked once.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use arena_config::{Diagnostic, closest};
use arena_expression::{NODE_METRICS, SERVICE_METRICS};
use arena_proto::{Alert, ServiceClass, Severity};
use serde::Deserialize;
use toml::Spanned;

use crate::NODE_SILENT;
use crate::alerts::ALERT_FIRING;
use crate::board::{Board, Correlation};
use crate::expression::{Expression, compile};
use crate::lift::NODE_DEGRADED;
use crate::rules::{NEIGHBOUR, NEIGHBOUR_BATCH, NODE, Rule};
use crate::signal::Timing;
use crate::state::{PROBE_FAILED, PROCESS_EXITED};
use crate::stillness::TELEMETRY_FROZEN;
use crate::symptom::Symptom;

/// Each rule is evaluated for each service each second; more than this is a mistake.
const RULES_MAX: usize = 64;
/// Nothing is detected after an hour that was not a symptom before.
const DURATION_MAX: Duration = Duration::from_hours(1);
/// A limit below half a tick would call every node silent.
const SILENCE_MIN: Duration = Duration::from_millis(500);
/// The label of an alert that names a symptom.
const SYMPTOM_LABEL: &str = "arena_symptom";
/// When `idle` is given without `idle_for`: longer than the pause that a restart or a drained caller makes.
const IDLE_FOR_DEFAULT: Duration = Duration::from_secs(5);

/// The detector's judgement.
#[derive(Debug)]
pub struct Policy {
    pub(crate) silence_limit: Duration,
    pub(crate) settle: Duration,
    pub(crate) correlation: Correlation,
    pub(crate) rules: Vec<Rule>,
    pub(crate) node_silent: Arc<Symptom>,
    pub(crate) node_degraded: Arc<Symptom>,
    pub(crate) telemetry_frozen: Arc<Symptom>,
    pub(crate) process_exited: Arc<Symptom>,
    pub(crate) probe_failed: Arc<Symptom>,
    pub(crate) alert_firing: Arc<Symptom>,
}

/// What a rule is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum AppliesTo {
    Service,
    Node,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PolicyFile {
    silence_limit: Spanned<String>,
    settle: Spanned<String>,
    #[serde(default)]
    own_metrics: Vec<Spanned<String>>,
    correlation: CorrelationFile,
    #[serde(default)]
    rule: Vec<Spanned<RuleFile>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CorrelationFile {
    hold: Spanned<String>,
    grace: Spanned<String>,
    node_window: Spanned<String>,
    node_services: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleFile {
    symptom: Spanned<String>,
    severity: Spanned<String>,
    applies_to: AppliesTo,
    class: Option<Spanned<String>>,
    raise: Spanned<String>,
    clear: Spanned<String>,
    r#for: Spanned<String>,
    clear_for: Spanned<String>,
    idle: Option<Spanned<String>>,
    idle_for: Option<Spanned<String>>,
    #[serde(default)]
    felt_by_callers: bool,
    #[serde(default)]
    lifts: bool,
}

impl Policy {
    /// The policy that is built in.
    pub const DEFAULT_TOML: &'static str = include_str!("../../policy.toml");

    /// Reads and checks a policy; `file` is its name in the error, which is the first mistake with its place.
    pub fn parse(file: &str, text: &str) -> Result<Self, Diagnostic> {
        let source = Source { file, text };
        let parsed: PolicyFile = arena_config::parse(file, text)?;
        let own_metrics = source.own_metrics(&parsed.own_metrics)?;
        let silence_limit = source.duration(&parsed.silence_limit, SILENCE_MIN)?;
        let mut rules: Vec<Rule> = Vec::new();
        for rule in &parsed.rule {
            if rules.len() == RULES_MAX {
                let what = format!("more than {RULES_MAX} rules");
                return Err(source.at(rule.span(), what, "remove those that nobody acts on"));
            }
            let rule = source.rule(rule.get_ref(), &own_metrics, silence_limit, &rules)?;
            rules.push(rule);
        }
        Ok(Self {
            silence_limit,
            settle: source.duration(&parsed.settle, Duration::ZERO)?,
            correlation: source.correlation(&parsed.correlation)?,
            rules,
            node_silent: Symptom::new(NODE_SILENT, Severity::Critical, false),
            node_degraded: Symptom::new(NODE_DEGRADED, Severity::Error, false),
            telemetry_frozen: Symptom::new(TELEMETRY_FROZEN, Severity::Warning, false),
            process_exited: Symptom::new(PROCESS_EXITED, Severity::Critical, false),
            alert_firing: alert_firing(Severity::Error),
            probe_failed: Symptom::new(PROBE_FAILED, Severity::Error, true),
        })
    }

    /// How many rules it has.
    #[must_use]
    pub fn rule_count(&self) -> usize {
        self.rules.len()
    }

    /// The symptom of that name, where it is one of this policy's.
    pub(crate) fn symptom(&self, name: &str) -> Option<&Arc<Symptom>> {
        let built_in = [
            &self.node_silent,
            &self.node_degraded,
            &self.telemetry_frozen,
            &self.process_exited,
            &self.probe_failed,
            &self.alert_firing,
        ];
        built_in
            .into_iter()
            .chain(self.rules.iter().map(|rule| &rule.symptom))
            .find(|symptom| symptom.name == name)
    }

    /// What an alert shows: the symptom that its label `arena_symptom` names, where that is one that can be measured of an entity,
    /// else [`ALERT_FIRING`], as severe as the label `severity` says.
    pub(crate) fn symptom_of_alert(&self, alert: &Alert) -> Arc<Symptom> {
        let named = alert.labels.get(SYMPTOM_LABEL);
        let own = [NODE_SILENT, NODE_DEGRADED, TELEMETRY_FROZEN];
        let named = named.filter(|name| !own.contains(&name.as_str()));
        if let Some(symptom) = named.and_then(|name| self.symptom(name)) {
            return Arc::clone(symptom);
        }
        match alert.labels.get("severity").map(String::as_str) {
            Some("critical" | "page") => alert_firing(Severity::Critical),
            Some("warning") => alert_firing(Severity::Warning),
            Some("info" | "none") => alert_firing(Severity::Info),
            _ => Arc::clone(&self.alert_firing),
        }
    }

    pub(crate) fn board(&self) -> Board {
        Board::new(self.correlation, Arc::clone(&self.node_degraded))
    }
}

/// An alert may well be felt by callers of what is ill: nobody knows what its rule measures.
fn alert_firing(severity: Severity) -> Arc<Symptom> {
    Arc::new(Symptom {
        name: ALERT_FIRING.to_owned(),
        severity,
        felt_by_callers: true,
        by_neighbour: false,
        lifts: false,
    })
}

/// The file's text, for diagnostics.
struct Source<'a> {
    file: &'a str,
    text: &'a str,
}

impl Source<'_> {
    fn at(
        &self,
        range: Range<usize>,
        what: impl Into<String>,
        mend: impl Into<String>,
    ) -> Diagnostic {
        Diagnostic::at(self.file, self.text, range, what, mend)
    }

    fn duration(&self, text: &Spanned<String>, min: Duration) -> Result<Duration, Diagnostic> {
        let mend = "write the duration as text with its unit, as in \"1s\"";
        let duration = arena_config::duration::parse(text.get_ref())
            .map_err(|what| self.at(text.span(), what, mend))?;
        if (min..=DURATION_MAX).contains(&duration) {
            return Ok(duration);
        }
        Err(self.at(
            text.span(),
            format!("{} is out of range", text.get_ref()),
            format!("give a duration from {min:?} to {DURATION_MAX:?}"),
        ))
    }

    fn correlation(&self, file: &CorrelationFile) -> Result<Correlation, Diagnostic> {
        Ok(Correlation {
            hold: self.duration(&file.hold, Duration::ZERO)?,
            grace: self.duration(&file.grace, Duration::ZERO)?,
            node_window: self.duration(&file.node_window, Duration::ZERO)?,
            node_services: file.node_services,
        })
    }

    fn own_metrics<'b>(&self, names: &'b [Spanned<String>]) -> Result<Vec<&'b str>, Diagnostic> {
        for name in names {
            if !is_snake_case(name.get_ref()) {
                return Err(self.at(
                    name.span(),
                    format!("{:?} is not the name of a metric", name.get_ref()),
                    "use 1 to 64 of a-z, 0-9 and '_', beginning with a letter, unit last: queue_depth_count",
                ));
            }
        }
        Ok(names.iter().map(|name| name.get_ref().as_str()).collect())
    }

    fn rule(
        &self,
        rule: &RuleFile,
        own_metrics: &[&str],
        gap_max: Duration,
        earlier: &[Rule],
    ) -> Result<Rule, Diagnostic> {
        let known = known_metrics(rule.applies_to, own_metrics);
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        let name = self.symptom_name(&rule.symptom, earlier)?;
        let idle_for = match (&rule.idle, &rule.idle_for) {
            (_, None) => IDLE_FOR_DEFAULT,
            (Some(_), Some(idle_for)) => self.duration(idle_for, Duration::ZERO)?,
            (None, Some(idle_for)) => {
                let what = "idle_for without idle";
                return Err(self.at(idle_for.span(), what, "add `idle = …`, or remove this line"));
            }
        };
        let idle = rule.idle.as_ref();
        let raise = self.expression(&rule.raise, &known)?;
        Ok(Rule {
            symptom: Arc::new(Symptom {
                name,
                severity: self.severity(&rule.severity)?,
                felt_by_callers: rule.felt_by_callers,
                lifts: rule.lifts,
                by_neighbour: raise.names().iter().any(|name| name.starts_with(NEIGHBOUR)),
            }),
            applies_to: rule.applies_to,
            class: self.class(rule)?,
            raise,
            clear: self.expression(&rule.clear, &known)?,
            idle: idle.map(|idle| self.expression(idle, &known)).transpose()?,
            timing: Timing {
                raise_for: self.duration(&rule.r#for, Duration::ZERO)?,
                clear_for: self.duration(&rule.clear_for, Duration::ZERO)?,
                idle_for,
                gap_max,
            },
        })
    }

    fn class(&self, rule: &RuleFile) -> Result<Option<ServiceClass>, Diagnostic> {
        let Some(class) = &rule.class else {
            return Ok(None);
        };
        let wrong = |what: String, mend| Err(self.at(class.span(), what, mend));
        match (rule.applies_to, class.get_ref().as_str()) {
            (AppliesTo::Service, "service") => Ok(Some(ServiceClass::Service)),
            (AppliesTo::Service, "batch") => Ok(Some(ServiceClass::Batch)),
            (AppliesTo::Node, _) => wrong("a node has no class".to_owned(), "remove this line"),
            (AppliesTo::Service, word) => wrong(
                format!("{word:?} is no class"),
                "use \"service\" or \"batch\", or leave it out for both",
            ),
        }
    }

    fn symptom_name(&self, name: &Spanned<String>, earlier: &[Rule]) -> Result<String, Diagnostic> {
        let text = name.get_ref();
        let what = if !is_snake_case(text) {
            format!("{text:?} is not the name of a symptom")
        } else if [
            NODE_SILENT,
            NODE_DEGRADED,
            TELEMETRY_FROZEN,
            PROCESS_EXITED,
            PROBE_FAILED,
            ALERT_FIRING,
        ]
        .contains(&text.as_str())
        {
            format!("{text} is what the detector itself raises")
        } else if earlier.iter().any(|rule| rule.symptom.name == *text) {
            format!("{text} has a rule already")
        } else {
            return Ok(text.clone());
        };
        let mend = "give each rule a name of its own, in 1 to 64 of a-z, 0-9 and '_'";
        Err(self.at(name.span(), what, mend))
    }

    fn severity(&self, word: &Spanned<String>) -> Result<Severity, Diagnostic> {
        let known = Severity::ALL.iter().map(|severity| severity.as_str());
        word.get_ref().parse().map_err(|_| {
            let upper = word.get_ref().to_uppercase();
            let mend = match closest(&upper, known.clone()) {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => format!(
                    "use one of {}",
                    known.clone().collect::<Vec<_>>().join(", ")
                ),
            };
            let what = format!("{:?} is no severity", word.get_ref());
            self.at(word.span(), what, mend)
        })
    }

    fn expression(
        &self,
        source: &Spanned<String>,
        known: &[&str],
    ) -> Result<Expression, Diagnostic> {
        compile(source.get_ref(), known).map_err(|mistake| {
            let whole = source.span();
            // With escapes in it the text is not the source byte by byte: then the whole string is the place.
            let inside = self
                .text
                .get(whole.clone())
                .and_then(|t| t.find(source.get_ref()));
            let range = inside.map_or(whole.clone(), |offset| {
                let start = whole.start + offset;
                start + mistake.range.start..start + mistake.range.end
            });
            self.at(range, mistake.what, mistake.mend)
        })
    }
}

/// What a rule may name: of a service its own metrics, its node's and its neighbour's.
fn known_metrics(applies_to: AppliesTo, own_metrics: &[&str]) -> Vec<String> {
    let node = NODE_METRICS.iter();
    if applies_to == AppliesTo::Node {
        return node.map(|metric| (*metric).to_owned()).collect();
    }
    let own = || SERVICE_METRICS.iter().chain(own_metrics);
    let mut known: Vec<String> = own().map(|metric| (*metric).to_owned()).collect();
    known.extend(node.map(|metric| format!("{NODE}{metric}")));
    known.extend(own().map(|metric| format!("{NEIGHBOUR}{metric}")));
    known.push(NEIGHBOUR_BATCH.to_owned());
    known
}

fn is_snake_case(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    /// The built-in policy with one text replaced by another.
    fn check(good: &str, bad: &str, expected: &Expect) {
        assert!(Policy::DEFAULT_TOML.contains(good), "{good}");
        let text = Policy::DEFAULT_TOML.replacen(good, bad, 1);
        let mistake = Policy::parse("policy.toml", &text).unwrap_err();
        expected.assert_eq(&mistake.to_string());
    }

    #[test]
    fn the_built_in_policy_loads() {
        let policy = Policy::parse("policy.toml", Policy::DEFAULT_TOML).unwrap();
        assert_eq!(policy.rule_count(), 9);
        assert_eq!(policy.silence_limit, Duration::from_millis(3500));
    }

    #[test]
    fn own_metrics_may_be_named() {
        let text = Policy::DEFAULT_TOML
            .replace("own_metrics = []", "own_metrics = [\"queue_depth_count\"]")
            .replace("cpu_percent > 80.0", "queue_depth_count > 80.0");
        Policy::parse("policy.toml", &text).unwrap();
    }

    #[test]
    fn an_unknown_metric() {
        check(
            "cpu_percent > 80.0",
            "cpu_percnt > 80.0",
            &expect![[r#"
                policy.toml:31:10: unknown metric `cpu_percnt`
                   |
                31 | raise = "cpu_percnt > 80.0"
                   |          ^^^^^^^^^^
                  mend: did you mean `cpu_percent`; a service's own metric goes into `own_metrics` at the top of the file"#]],
        );
    }

    #[test]
    fn a_broken_expression() {
        check(
            "cpu_percent > 80.0",
            "cpu_percent > ",
            &expect![[r#"
                policy.toml:31:24: not an expression: mismatched input the end
                   |
                31 | raise = "cpu_percent > "
                   |                        ^
                  mend: write a comparison, as in `cpu_percent > 80.0`; `&&` and `||` join several"#]],
        );
    }

    #[test]
    fn an_unknown_field() {
        check(
            "clear_for = \"1s\"",
            "clear_fro = \"1s\"",
            &expect![[r#"
                policy.toml:34:1: unknown field `clear_fro`, expected one of `symptom`, `severity`, `applies_to`, `class`, `raise`, `clear`, `for`, `clear_for`, `idle`, `idle_for`, `felt_by_callers`, `lifts`
                   |
                34 | clear_fro = "1s"
                   | ^^^^^^^^^
                  mend: did you mean `clear_for`? Otherwise remove it"#]],
        );
    }

    #[test]
    fn a_bad_duration() {
        check(
            "for = \"1s\"",
            "for = \"fast\"",
            &expect![[r#"
                policy.toml:33:7: "fast" is not a duration: write a number and a unit, as in "200ms", "1s" or "5m"
                   |
                33 | for = "fast"
                   |       ^^^^^^
                  mend: write the duration as text with its unit, as in "1s""#]],
        );
        check(
            "silence_limit = \"3500ms\"",
            "silence_limit = \"1ms\"",
            &expect![[r#"
                policy.toml:5:17: 1ms is out of range
                  |
                5 | silence_limit = "1ms"
                  |                 ^^^^^
                  mend: give a duration from 500ms to 3600s"#]],
        );
    }

    #[test]
    fn a_bad_severity() {
        check(
            "\"WARNING\"",
            "\"WARNNIG\"",
            &expect![[r#"
                policy.toml:27:12: "WARNNIG" is no severity
                   |
                27 | severity = "WARNNIG"
                   |            ^^^^^^^^^
                  mend: did you mean "WARNING"?"#]],
        );
    }

    #[test]
    fn a_name_used_twice_or_taken() {
        check(
            "\"latency_high\"",
            "\"cpu_high\"",
            &expect![[r#"
                policy.toml:50:11: cpu_high has a rule already
                   |
                50 | symptom = "cpu_high"
                   |           ^^^^^^^^^^
                  mend: give each rule a name of its own, in 1 to 64 of a-z, 0-9 and '_'"#]],
        );
        check(
            "\"latency_high\"",
            "\"process_exited\"",
            &expect![[r#"
                policy.toml:50:11: process_exited is what the detector itself raises
                   |
                50 | symptom = "process_exited"
                   |           ^^^^^^^^^^^^^^^^
                  mend: give each rule a name of its own, in 1 to 64 of a-z, 0-9 and '_'"#]],
        );
        check(
            "\"latency_high\"",
            "\"Latency\"",
            &expect![[r#"
                policy.toml:50:11: "Latency" is not the name of a symptom
                   |
                50 | symptom = "Latency"
                   |           ^^^^^^^^^
                  mend: give each rule a name of its own, in 1 to 64 of a-z, 0-9 and '_'"#]],
        );
    }

    #[test]
    fn a_bad_own_metric() {
        check(
            "own_metrics = []",
            "own_metrics = [\"Queue\"]",
            &expect![[r#"
                policy.toml:9:16: "Queue" is not the name of a metric
                  |
                9 | own_metrics = ["Queue"]
                  |                ^^^^^^^
                  mend: use 1 to 64 of a-z, 0-9 and '_', beginning with a letter, unit last: queue_depth_count"#]],
        );
    }

    #[test]
    fn idle_for_without_idle() {
        check(
            "idle = \"request_rate_hz == 0.0\"\n",
            "",
            &expect![[r#"
                policy.toml:58:12: idle_for without idle
                   |
                58 | idle_for = "5s"
                   |            ^^^^
                  mend: add `idle = …`, or remove this line"#]],
        );
    }

    #[test]
    fn a_bad_class() {
        check(
            "class = \"service\"",
            "class = \"bach\"",
            &expect![[r#"
            policy.toml:30:9: "bach" is no class
               |
            30 | class = "bach"
               |         ^^^^^^
              mend: use "service" or "batch", or leave it out for both"#]],
        );
    }

    #[test]
    fn an_unknown_metric_of_the_neighbour() {
        check(
            "neighbour_cpu_percent > 80.0",
            "neighbour_cpu_prcent > 80.0",
            &expect![[r#"
                policy.toml:44:70: unknown metric `neighbour_cpu_prcent`
                   |
                44 | raise = "cpu_wait_percent > 5.0 && cpu_wait_percent > cpu_percent && neighbour_cpu_prcent > 80.0"
                   |                                                                      ^^^^^^^^^^^^^^^^^^^^
                  mend: did you mean `neighbour_cpu_percent`; a service's own metric goes into `own_metrics` at the top of the file"#]],
        );
    }
}
