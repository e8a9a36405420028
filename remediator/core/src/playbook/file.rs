//! Reads and checks `playbooks.toml`.
//!
//! A mistake is refused with its file, line, column and mend: what loads cannot fail for its form later. Symptoms are
//! not checked against a list: rules of `policy.toml` name new ones.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arena_config::{Diagnostic, closest};
use arena_expression::Expression;
use arena_proto::{ActionKind, Command, RiskClass};
use serde::Deserialize;
use toml::Spanned;

use super::{Condition, EntityClass, Playbook, Playbooks, Step, StepAction, Target};
use crate::facts::Names;

/// Why the defaults: see the head of `playbooks.toml`, which documents them for people.
const STABLE_FOR_DEFAULT: Duration = Duration::from_secs(1);
const COOLDOWN_DEFAULT: Duration = Duration::from_secs(5);
const APPROVE_WITHIN_DEFAULT: Duration = Duration::from_mins(2);
const VERIFY_WITHIN_DEFAULT: Duration = Duration::from_secs(6);
const SETTLE_DEFAULT: Duration = Duration::from_secs(1);
/// No wait of a playbook is longer: an incident that nobody decides about for that long is a person's.
const WAIT_MAX: Duration = Duration::from_mins(10);
/// The longest ladder: with more steps an incident could last for hours before a person hears of it.
const STEPS_MAX: usize = 8;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    #[serde(default)]
    own_facts: Vec<Spanned<String>>,
    #[serde(default)]
    playbook: Vec<Spanned<RawPlaybook>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPlaybook {
    symptom: Spanned<String>,
    class: Option<Spanned<String>>,
    stable_for: Option<Spanned<RawDuration>>,
    cooldown: Option<Spanned<RawDuration>>,
    approve_within: Option<Spanned<RawDuration>>,
    escalate: Option<String>,
    #[serde(default)]
    step: Vec<RawStep>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawStep {
    action: Spanned<String>,
    target: Option<Spanned<String>>,
    when: Option<Spanned<String>>,
    verify: Option<Spanned<String>>,
    #[serde(default)]
    cause: String,
    risk: Option<Spanned<String>>,
    cost: Option<u32>,
    deadline: Option<Spanned<RawDuration>>,
    verify_within: Option<Spanned<RawDuration>>,
    settle: Option<Spanned<RawDuration>>,
    #[serde(default)]
    params: BTreeMap<Spanned<String>, Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(transparent)]
struct RawDuration(#[serde(with = "arena_config::duration")] Duration);

impl Playbooks {
    /// Reads and checks a file's text; `file` is its name as the person knows it.
    pub fn parse(file: &str, text: &str) -> Result<Self, Diagnostic> {
        let raw: RawFile = arena_config::parse(file, text)?;
        let reader = Reader {
            file,
            text,
            names: Names::with(raw.own_facts.iter().map(|name| name.get_ref().as_str())),
        };
        reader.own_facts(&raw.own_facts)?;
        let mut ladders = BTreeMap::new();
        for playbook in raw.playbook {
            let symptom = playbook.get_ref().symptom.clone();
            let playbook = reader.playbook(playbook)?;
            let key = (playbook.symptom.clone(), playbook.class);
            if ladders.contains_key(&key) {
                let class = playbook.class.map_or_else(String::new, |class| {
                    format!(" for class {:?}", class.as_str())
                });
                return Err(reader.at(
                    &symptom,
                    format!("symptom {:?} has two playbooks{class}", symptom.get_ref()),
                    "keep one of the two, or put the steps of both into one",
                ));
            }
            ladders.insert(key, Arc::new(playbook));
        }
        if ladders.is_empty() {
            return Err(Diagnostic::at(
                file,
                text,
                0..0,
                "there is no playbook in this file",
                "add a [[playbook]] with a symptom and a [[playbook.step]]",
            ));
        }
        Ok(Self { ladders })
    }

    /// The playbooks that the remediator has when it is given no file.
    pub fn built_in() -> Result<Self, Diagnostic> {
        Self::parse(
            "playbooks.toml (built in)",
            include_str!("../../../playbooks.toml"),
        )
    }
}

struct Reader<'a> {
    file: &'a str,
    text: &'a str,
    names: Names,
}

impl Reader<'_> {
    fn at<T>(&self, place: &Spanned<T>, what: String, mend: impl Into<String>) -> Diagnostic {
        Diagnostic::at(self.file, self.text, place.span(), what, mend)
    }

    fn own_facts(&self, own_facts: &[Spanned<String>]) -> Result<(), Diagnostic> {
        let is_good = |name: &str| {
            name.starts_with(|c: char| c.is_ascii_lowercase())
                && name.len() <= 64
                && name
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        };
        match own_facts.iter().find(|name| !is_good(name.get_ref())) {
            None => Ok(()),
            Some(name) => Err(self.at(
                name,
                format!("{:?} is not the name of a metric", name.get_ref()),
                "use 1 to 64 of a-z, 0-9 and '_', beginning with a letter, as policy.toml does in `own_metrics`",
            )),
        }
    }

    fn playbook(&self, raw: Spanned<RawPlaybook>) -> Result<Playbook, Diagnostic> {
        let place = Spanned::new(raw.span(), ());
        let raw = raw.into_inner();
        let symptom = raw.symptom.get_ref().clone();
        if symptom.is_empty() {
            return Err(self.at(
                &raw.symptom,
                "the symptom is empty".to_owned(),
                "name the symptom that this playbook answers, as in \"cpu_high\"",
            ));
        }
        let escalate = raw.escalate.unwrap_or_default();
        if raw.step.is_empty() && escalate.is_empty() {
            return Err(self.at(
                &raw.symptom,
                format!("the ladder for {symptom:?} is empty"),
                "add a [[playbook.step]] with an action, or `escalate = \"why nothing can be done\"`",
            ));
        }
        if raw.step.len() > STEPS_MAX {
            return Err(self.at(
                &place,
                format!("{} steps are more than {STEPS_MAX}", raw.step.len()),
                "leave out the steps that help least",
            ));
        }
        Ok(Playbook {
            class: raw
                .class
                .map(|class| self.class(&class))
                .transpose()?
                .flatten(),
            stable_for: self.wait(raw.stable_for, STABLE_FOR_DEFAULT, WAIT_MAX)?,
            cooldown: self.wait(raw.cooldown, COOLDOWN_DEFAULT, WAIT_MAX)?,
            approve_within: self.wait(raw.approve_within, APPROVE_WITHIN_DEFAULT, WAIT_MAX)?,
            escalate,
            steps: raw
                .step
                .into_iter()
                .map(|step| self.step(step))
                .collect::<Result<_, _>>()?,
            symptom,
        })
    }

    fn step(&self, raw: RawStep) -> Result<Step, Diagnostic> {
        let deadline = self.wait(
            raw.deadline,
            Command::DEADLINE_DEFAULT,
            Command::DEADLINE_MAX,
        )?;
        if deadline.is_zero() {
            return Err(self.at(
                &raw.action,
                "the deadline of this step is zero".to_owned(),
                "give it the time that the action needs, as in \"10s\"",
            ));
        }
        let action = self.action(&raw.action)?;
        let condition = |source: Option<Spanned<String>>| {
            source.map(|source| self.condition(&source)).transpose()
        };
        Ok(Step {
            action,
            target: self.target(action, raw.target)?,
            when: condition(raw.when)?,
            verify: condition(raw.verify)?,
            cause: raw.cause,
            risk: match raw.risk {
                Some(word) => self.risk(&word)?,
                None => action.risk(),
            },
            cost: raw.cost.unwrap_or(action.cost()),
            deadline,
            verify_within: self.wait(raw.verify_within, VERIFY_WITHIN_DEFAULT, WAIT_MAX)?,
            settle: self.wait(raw.settle, SETTLE_DEFAULT, WAIT_MAX)?,
            params: self.params(action, raw.params)?,
        })
    }

    /// One of a few words, told with all of them when it is none.
    fn word<T>(
        &self,
        raw: &Spanned<String>,
        (noun, plural): (&str, &str),
        known: &[(String, T)],
    ) -> Result<T, Diagnostic>
    where
        T: Copy,
    {
        let text = raw.get_ref().to_lowercase();
        if let Some((_, value)) = known.iter().find(|(name, _)| *name == text) {
            return Ok(*value);
        }
        let names = known.iter().map(|(name, _)| name.as_str());
        let mend = match closest(&text, names.clone()) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => "write one of these".to_owned(),
        };
        let names: Vec<&str> = names.collect();
        let what = format!(
            "{:?} is no {noun}: the {plural} are {}",
            raw.get_ref(),
            names.join(", ")
        );
        Err(self.at(raw, what, mend))
    }

    fn action(&self, raw: &Spanned<String>) -> Result<StepAction, Diagnostic> {
        let known: Vec<_> = StepAction::all()
            .map(|action| (action.to_string(), action))
            .collect();
        self.word(raw, ("action", "actions"), &known)
    }

    fn class(&self, raw: &Spanned<String>) -> Result<Option<EntityClass>, Diagnostic> {
        let mut known: Vec<_> = EntityClass::ALL
            .map(|class| (class.as_str().to_owned(), Some(class)))
            .to_vec();
        known.push(("any".to_owned(), None));
        self.word(raw, ("class", "classes"), &known)
    }

    fn risk(&self, raw: &Spanned<String>) -> Result<RiskClass, Diagnostic> {
        let known: Vec<_> = RiskClass::ALL
            .iter()
            .map(|risk| (risk.as_str().to_lowercase(), *risk))
            .collect();
        self.word(raw, ("risk", "risks"), &known)
    }

    /// What is for a node goes to a node, and what is for a service to a service.
    fn target(
        &self,
        action: StepAction,
        raw: Option<Spanned<String>>,
    ) -> Result<Target, Diagnostic> {
        let for_node = matches!(action, StepAction::Command(kind) if kind.is_for_nodes());
        let Some(raw) = raw else {
            return Ok(if for_node { Target::Node } else { Target::Own });
        };
        let known = Target::ALL.map(|target| (target.as_str().to_owned(), target));
        let target = self.word(&raw, ("target", "targets"), &known)?;
        let (fits, mend) = match action {
            StepAction::Command(_) if for_node => (
                target == Target::Node,
                "write `target = \"node\"`, or leave it out",
            ),
            StepAction::Command(_) => (
                target != Target::Node,
                "name a service: \"self\", \"neighbour\" or \"root\"",
            ),
            _ => (target == Target::Own, "leave the target out"),
        };
        if fits {
            return Ok(target);
        }
        let what = format!("{action} is not for the target {:?}", target.as_str());
        Err(self.at(&raw, what, mend))
    }

    fn condition(&self, source: &Spanned<String>) -> Result<Condition, Diagnostic> {
        let compiled = self
            .names
            .scoped(|scope| Expression::compile(source.get_ref(), scope));
        compiled
            .map(|expression| Condition(Arc::new(expression)))
            .map_err(|mistake| {
                let whole = source.span();
                // With escapes in it the text is not the source byte by byte: then the whole string is the place.
                let inside = self
                    .text
                    .get(whole.clone())
                    .and_then(|text| text.find(source.get_ref()));
                let range = inside.map_or(whole.clone(), |offset| {
                    let start = whole.start + offset;
                    start + mistake.range.start..start + mistake.range.end
                });
                Diagnostic::at(self.file, self.text, range, mistake.what, mistake.mend)
            })
    }

    /// Only a throttle takes any: `percent` of one CPU, and `for` how long.
    fn params(
        &self,
        action: StepAction,
        raw: BTreeMap<Spanned<String>, Spanned<String>>,
    ) -> Result<BTreeMap<String, String>, Diagnostic> {
        for (name, value) in &raw {
            let mend = match (action, name.get_ref().as_str()) {
                (StepAction::Command(ActionKind::Throttle), "percent") => {
                    let percent = value.get_ref().parse::<u32>();
                    if percent.is_ok_and(|percent| (1..=100).contains(&percent)) {
                        continue;
                    }
                    "give a whole number from 1 to 100, as in \"50\""
                }
                (StepAction::Command(ActionKind::Throttle), "for") => {
                    let time = arena_config::duration::parse(value.get_ref());
                    if time.is_ok_and(|time| !time.is_zero() && time <= WAIT_MAX) {
                        continue;
                    }
                    "give a duration of at most 10 minutes, as in \"1m\""
                }
                (StepAction::Command(ActionKind::Throttle), _) => "it takes `percent` and `for`",
                _ => "only throttle takes params: leave this out",
            };
            let what = format!(
                "{action} does not take {} = {:?}",
                name.get_ref(),
                value.get_ref()
            );
            return Err(self.at(value, what, mend));
        }
        let pairs = raw.into_iter();
        Ok(pairs
            .map(|(name, value)| (name.into_inner(), value.into_inner()))
            .collect())
    }

    fn wait(
        &self,
        raw: Option<Spanned<RawDuration>>,
        default: Duration,
        max: Duration,
    ) -> Result<Duration, Diagnostic> {
        let Some(raw) = raw else { return Ok(default) };
        if raw.get_ref().0 > max {
            return Err(self.at(
                &raw,
                format!("this is longer than {} s", max.as_secs()),
                "write a shorter duration",
            ));
        }
        Ok(raw.into_inner().0)
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn refused(text: &str, expected: &Expect) {
        let error = Playbooks::parse("playbooks.toml", text).unwrap_err();
        expected.assert_eq(&error.to_string());
    }

    #[test]
    fn the_built_in_playbooks_answer_every_symptom_of_the_contract() {
        let playbooks = Playbooks::built_in().unwrap();
        let ladders: Vec<String> = playbooks
            .ladders
            .values()
            .map(|playbook| {
                let steps = playbook.steps.iter().map(|step| step.action.to_string());
                let steps: Vec<String> = steps.collect();
                format!("{}: {}", playbook.name(), steps.join(", "))
            })
            .collect();
        expect![[r#"
            alert_firing: wait, recover, restart
            cpu_high: restart, restart
            cpu_starved: throttle, wait
            disk_low: clean-disk, clean-disk
            error_rate_high: wait, recover, wait, wait, restart, failover
            latency_high: wait, recover, wait, wait, restart, failover
            memory_high: restart
            node_degraded.node: quarantine
            node_silent: wait
            open_files_high: restart
            probe_failed: restart, restart
            process_exited: start, free-port, start, rollback, start
            storage_latency_high: restart, restart, failover
            telemetry_frozen: 
            threads_high: restart"#]]
        .assert_eq(&ladders.join("\n"));
    }

    #[test]
    fn an_unknown_action_is_told_with_the_known_ones() {
        refused(
            "[[playbook]]\nsymptom = \"cpu_high\"\n[[playbook.step]]\naction = \"restrat\"\n",
            &expect![[r#"
                playbooks.toml:4:10: "restrat" is no action: the actions are start, stop, kill, restart, recover, drain, undrain, throttle, unthrottle, rollback, clean-disk, free-port, quarantine, unquarantine, failover, wait, escalate
                  |
                4 | action = "restrat"
                  |          ^^^^^^^^^
                  mend: did you mean "restart"?"#]],
        );
    }

    #[test]
    fn a_symptom_has_one_playbook() {
        refused(
            "[[playbook]]\nsymptom = \"a\"\nescalate = \"x\"\n[[playbook]]\nsymptom = \"a\"\nescalate = \"y\"\n",
            &expect![[r#"
                playbooks.toml:5:11: symptom "a" has two playbooks
                  |
                5 | symptom = "a"
                  |           ^^^
                  mend: keep one of the two, or put the steps of both into one"#]],
        );
    }

    #[test]
    fn an_empty_ladder_says_why_it_is_empty() {
        refused(
            "[[playbook]]\nsymptom = \"cpu_high\"\n",
            &expect![[r#"
            playbooks.toml:2:11: the ladder for "cpu_high" is empty
              |
            2 | symptom = "cpu_high"
              |           ^^^^^^^^^^
              mend: add a [[playbook.step]] with an action, or `escalate = "why nothing can be done"`"#]],
        );
    }

    #[test]
    fn an_unknown_field_has_its_place() {
        refused(
            "[[playbook]]\nsymptom = \"a\"\n[[playbook.step]]\naction = \"start\"\nverifies = \"1s\"\n",
            &expect![[r#"
                playbooks.toml:5:1: unknown field `verifies`, expected one of `action`, `target`, `when`, `verify`, `cause`, `risk`, `cost`, `deadline`, `verify_within`, `settle`, `params`
                  |
                5 | verifies = "1s"
                  | ^^^^^^^^
                  mend: remove it, or use one of action, target, when, verify, cause, risk, cost, deadline, verify_within, settle, params"#]],
        );
    }

    #[test]
    fn a_deadline_has_a_limit() {
        refused(
            "[[playbook]]\nsymptom = \"a\"\n[[playbook.step]]\naction = \"start\"\ndeadline = \"5m\"\n",
            &expect![[r#"
                playbooks.toml:5:12: this is longer than 60 s
                  |
                5 | deadline = "5m"
                  |            ^^^^
                  mend: write a shorter duration"#]],
        );
    }

    #[test]
    fn a_file_without_a_playbook_is_refused() {
        refused(
            "",
            &expect![[r#"
            playbooks.toml:1:1: there is no playbook in this file
              |
            1 | 
              | ^
              mend: add a [[playbook]] with a symptom and a [[playbook.step]]"#]],
        );
    }

    fn step_refused(step: &str, expected: &Expect) {
        let text = format!("[[playbook]]\nsymptom = \"a\"\n[[playbook.step]]\n{step}\n");
        let error = Playbooks::parse("playbooks.toml", &text).unwrap_err();
        expected.assert_eq(&error.to_string());
    }

    #[test]
    fn a_condition_is_checked_when_it_is_read() {
        step_refused(
            "action = \"drain\"\nwhen = \"replica_up > 0\"",
            &expect![[r#"
                playbooks.toml:5:9: unknown fact `replica_up`
                  |
                5 | when = "replica_up > 0"
                  |         ^^^^^^^^^^
                  mend: did you mean `replicas_up`; a service's own metric goes into `own_facts` at the top of the file"#]],
        );
        step_refused(
            "action = \"drain\"\nverify = \"state > 1\"",
            &expect![[r#"
                playbooks.toml:5:17: this operator does not fit what is on its sides
                  |
                5 | verify = "state > 1"
                  |                 ^
                  mend: compare numbers with numbers, and join conditions with `&&` and `||`"#]],
        );
        step_refused(
            "action = \"drain\"\nwhen = \"replicas_up\"",
            &expect![[r#"
                playbooks.toml:5:9: this is a number, not a condition
                  |
                5 | when = "replicas_up"
                  |         ^^^^^^^^^^^
                  mend: compare it, as in `replicas_up > 0`"#]],
        );
    }

    #[test]
    fn a_step_fits_its_target_and_its_params() {
        step_refused(
            "action = \"drain\"\ntarget = \"node\"",
            &expect![[r#"
            playbooks.toml:5:10: drain is not for the target "node"
              |
            5 | target = "node"
              |          ^^^^^^
              mend: name a service: "self", "neighbour" or "root""#]],
        );
        step_refused(
            "action = \"quarantine\"\ntarget = \"self\"",
            &expect![[r#"
                playbooks.toml:5:10: quarantine is not for the target "self"
                  |
                5 | target = "self"
                  |          ^^^^^^
                  mend: write `target = "node"`, or leave it out"#]],
        );
        step_refused(
            "action = \"wait\"\ntarget = \"root\"",
            &expect![[r#"
            playbooks.toml:5:10: wait is not for the target "root"
              |
            5 | target = "root"
              |          ^^^^^^
              mend: leave the target out"#]],
        );
        step_refused(
            "action = \"restart\"\nrisk = \"hgh\"",
            &expect![[r#"
            playbooks.toml:5:8: "hgh" is no risk: the risks are low, medium, high
              |
            5 | risk = "hgh"
              |        ^^^^^
              mend: did you mean "high"?"#]],
        );
        step_refused(
            "action = \"restart\"\nparams = { percent = \"50\" }",
            &expect![[r#"
                playbooks.toml:5:22: restart does not take percent = "50"
                  |
                5 | params = { percent = "50" }
                  |                      ^^^^
                  mend: only throttle takes params: leave this out"#]],
        );
        step_refused(
            "action = \"throttle\"\nparams = { percent = \"500\" }",
            &expect![[r#"
                playbooks.toml:5:22: throttle does not take percent = "500"
                  |
                5 | params = { percent = "500" }
                  |                      ^^^^^
                  mend: give a whole number from 1 to 100, as in "50""#]],
        );
    }
}
