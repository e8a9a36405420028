//! `playbooks.toml`: which ladder of actions answers which symptom.
//!
//! A mistake is refused with its file, line, column and mend. Symptoms are not checked against a list: rules of
//! `policy.toml` name new ones.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arena_config::{Diagnostic, closest};
use arena_proto::{ActionKind, Command};
use serde::Deserialize;
use toml::Spanned;

/// The ladders, by symptom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Playbooks {
    by_symptom: BTreeMap<String, Arc<Playbook>>,
}

/// What is done about one symptom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Playbook {
    /// The symptom that it answers; also its name.
    pub symptom: String,
    /// How long the symptom must stay cleared before the incident is resolved.
    pub stable_for: Duration,
    /// A new incident of the same symptom on the same service within this time after an action goes on at the next
    /// step. Zero: every incident begins at the first.
    pub cooldown: Duration,
    /// What a person is told when no step is left; may be empty where there are steps.
    pub escalate: String,
    /// The ladder; empty when a person is called at once.
    pub steps: Vec<Step>,
}

/// One rung of a ladder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What the node is asked for.
    pub action: ActionKind,
    /// How long the node may take for it.
    pub deadline: Duration,
    /// How long the symptom may take to clear after the action.
    pub verify_within: Duration,
    /// How long other incidents of the service are left alone after the action.
    pub settle: Duration,
}

impl Playbook {
    /// The step at a rung, from 1.
    #[must_use]
    pub fn step(&self, rung: u32) -> Option<&Step> {
        self.steps.get(usize::try_from(rung.checked_sub(1)?).ok()?)
    }
}

/// Why the defaults: see the head of `playbooks.toml`, which documents them for people.
const STABLE_FOR_DEFAULT: Duration = Duration::from_secs(1);
const COOLDOWN_DEFAULT: Duration = Duration::from_secs(5);
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
    playbook: Vec<Spanned<RawPlaybook>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPlaybook {
    symptom: Spanned<String>,
    stable_for: Option<Spanned<RawDuration>>,
    cooldown: Option<Spanned<RawDuration>>,
    escalate: Option<String>,
    #[serde(default)]
    step: Vec<RawStep>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawStep {
    action: Spanned<String>,
    deadline: Option<Spanned<RawDuration>>,
    verify_within: Option<Spanned<RawDuration>>,
    settle: Option<Spanned<RawDuration>>,
}

#[derive(Deserialize)]
#[serde(transparent)]
struct RawDuration(#[serde(with = "arena_config::duration")] Duration);

impl Playbooks {
    /// Reads and checks a file's text; `file` is its name as the person knows it.
    pub fn parse(file: &str, text: &str) -> Result<Self, Diagnostic> {
        let raw: RawFile = arena_config::parse(file, text)?;
        let reader = Reader { file, text };
        let mut by_symptom = BTreeMap::new();
        for playbook in raw.playbook {
            let symptom = playbook.get_ref().symptom.clone();
            let playbook = reader.playbook(playbook)?;
            if by_symptom.contains_key(symptom.get_ref()) {
                return Err(reader.at(
                    &symptom,
                    format!("symptom {:?} has two playbooks", symptom.get_ref()),
                    "keep one of the two, or put the steps of both into one",
                ));
            }
            by_symptom.insert(symptom.into_inner(), Arc::new(playbook));
        }
        if by_symptom.is_empty() {
            return Err(Diagnostic::at(
                file,
                text,
                0..0,
                "there is no playbook in this file",
                "add a [[playbook]] with a symptom and a [[playbook.step]]",
            ));
        }
        Ok(Self { by_symptom })
    }

    /// The playbooks that the remediator has when it is given no file.
    pub fn built_in() -> Result<Self, Diagnostic> {
        Self::parse(
            "playbooks.toml (built in)",
            include_str!("../../playbooks.toml"),
        )
    }

    /// The playbook for a symptom.
    #[must_use]
    pub fn get(&self, symptom: &str) -> Option<&Arc<Playbook>> {
        self.by_symptom.get(symptom)
    }
}

struct Reader<'a> {
    file: &'a str,
    text: &'a str,
}

impl Reader<'_> {
    fn at<T>(&self, place: &Spanned<T>, what: String, mend: impl Into<String>) -> Diagnostic {
        Diagnostic::at(self.file, self.text, place.span(), what, mend)
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
            stable_for: self.wait(raw.stable_for, STABLE_FOR_DEFAULT, WAIT_MAX)?,
            cooldown: self.wait(raw.cooldown, COOLDOWN_DEFAULT, WAIT_MAX)?,
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
        Ok(Step {
            action: self.action(&raw.action)?,
            deadline,
            verify_within: self.wait(raw.verify_within, VERIFY_WITHIN_DEFAULT, WAIT_MAX)?,
            settle: self.wait(raw.settle, SETTLE_DEFAULT, WAIT_MAX)?,
        })
    }

    fn action(&self, raw: &Spanned<String>) -> Result<ActionKind, Diagnostic> {
        let known: Vec<String> = ActionKind::ALL
            .iter()
            .map(|action| action.as_str().to_lowercase())
            .collect();
        raw.get_ref().parse().map_err(|_| {
            let mend = match closest(raw.get_ref(), known.iter().map(String::as_str)) {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => "write one of these".to_owned(),
            };
            let what = format!(
                "{:?} is no action: the actions are {}",
                raw.get_ref(),
                known.join(", ")
            );
            self.at(raw, what, mend)
        })
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
            .by_symptom
            .values()
            .map(|playbook| {
                let steps = playbook.steps.iter().map(|step| step.action.as_str());
                let steps: Vec<&str> = steps.collect();
                format!("{}: {}", playbook.symptom, steps.join(", "))
            })
            .collect();
        expect![[r#"
            cpu_high: RESTART, RESTART
            error_rate_high: RECOVER, RESTART
            latency_high: RECOVER, RESTART
            node_silent: 
            probe_failed: RESTART, RESTART
            process_exited: START, START
            storage_latency_high: RESTART, RESTART"#]]
        .assert_eq(&ladders.join("\n"));
    }

    #[test]
    fn an_unknown_action_is_told_with_the_known_ones() {
        refused(
            "[[playbook]]\nsymptom = \"cpu_high\"\n[[playbook.step]]\naction = \"restrat\"\n",
            &expect![[r#"
                playbooks.toml:4:10: "restrat" is no action: the actions are start, stop, kill, restart, recover
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
            "[[playbook]]\nsymptom = \"a\"\n[[playbook.step]]\naction = \"start\"\nverify = \"1s\"\n",
            &expect![[r#"
                playbooks.toml:5:1: unknown field `verify`, expected one of `action`, `deadline`, `verify_within`, `settle`
                  |
                5 | verify = "1s"
                  | ^^^^^^
                  mend: remove it, or use one of action, deadline, verify_within, settle"#]],
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
}
