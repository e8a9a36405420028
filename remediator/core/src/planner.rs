//! Which rung is taken, on whom, and what is believed to be wrong: the choice, and its reasons in words. Whether it may
//! be done now is the rails' question (`rails`), and doing it `ladder`'s.
//!
//! Of the rungs from where the incident stands, the first that applies is taken: the order of the file decides, and what
//! a rung costs is only shown. A rung applies when its `when` holds and its target is there; one that was passed over is
//! not come back to within the incident, so that a ladder ends.

use arena_proto::{ActionKind, Entity, Number, Numbers, Plan, Timestamp, check_agent};

use crate::Remediator;
use crate::case::Case;
use crate::facts::{Answer, Facts};
use crate::playbook::{Step, StepAction, Target};
use crate::words::{say, verb};

/// What is to be done next, and what that rests on.
#[derive(Debug, Clone)]
pub(crate) struct Move {
    /// The rung that says so, from 1.
    pub(crate) rung: u32,
    pub(crate) step: Step,
    pub(crate) deed: Deed,
    pub(crate) basis: Basis,
}

/// What a choice rests on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Basis {
    /// The step as the playbook writes it.
    pub(crate) step: String,
    /// What is believed to be wrong; empty when the playbook does not say.
    pub(crate) cause: String,
    /// The same with the facts that it rests on. May be empty.
    pub(crate) belief: String,
    /// "; passed over: ...", or empty.
    pub(crate) passed_over: String,
    /// The numbers among the facts.
    pub(crate) numbers: Numbers,
}

impl Basis {
    /// How it follows what would be done: ", because ...", or empty.
    pub(crate) fn because(&self) -> String {
        let purpose = if self.is_failover() {
            ", to fail over"
        } else {
            ""
        };
        match &*self.belief {
            "" => purpose.to_owned(),
            belief => format!("{purpose}, because {belief}"),
        }
    }

    /// How it stands alone, after what led to it.
    pub(crate) fn sentence(&self) -> String {
        match (&*self.belief, self.is_failover()) {
            ("", true) => "it fails over".to_owned(),
            (belief, true) => format!("{belief}, so it fails over"),
            (belief, false) => belief.to_owned(),
        }
    }

    fn is_failover(&self) -> bool {
        self.step == StepAction::Failover.to_string()
    }

    /// Writes it down in a plan.
    pub(crate) fn describe(&self, plan: &mut Plan) {
        plan.basis.step.clone_from(&self.step);
        plan.basis.cause.clone_from(&self.cause);
        plan.basis.numbers.extend(self.numbers.clone());
    }
}

/// What a rung comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Deed {
    /// A command. A failover is two of them, each a deed of its own.
    Act(ActionKind, Entity),
    /// Nothing, and it is seen whether that helps.
    Wait,
    /// A person is called.
    Escalate,
}

impl Remediator {
    /// The first rung; but the one after the last that was tried when the symptom is back within the cooldown.
    pub(crate) fn choose_rung(&self, now: Timestamp, case: &mut Case) {
        case.rung = 1;
        let cooldown = case.playbook.as_ref().map(|playbook| playbook.cooldown);
        let target = case.target().unwrap_or_else(|| case.event.entity.clone());
        let last = self
            .rails
            .last_on(&target)
            .filter(|last| last.symptom == case.symptom);
        if let (Some(last), Some(cooldown)) = (last, cooldown)
            && now.saturating_since(last.ended_at) < cooldown
        {
            case.rung = last.rung + 1;
            case.because = format!(
                "{} of {target} is back {} after {} (rung {}) for {}, within the cooldown of {}",
                case.symptom,
                say(now.saturating_since(last.ended_at)),
                verb(last.action),
                last.rung,
                last.incident,
                say(cooldown)
            );
        }
    }

    /// The first rung from where the incident stands that applies; or which were passed over, and why.
    pub(crate) fn next_move(&self, case: &Case) -> Result<Move, String> {
        let facts = self.facts(case);
        let mut passed = Vec::new();
        let mut numbers = Numbers::new();
        for rung in case.rung.max(1)..=case.rungs() {
            let Some(step) = case.playbook.as_ref().and_then(|book| book.step(rung)) else {
                break;
            };
            if let Some(when) = &step.when {
                numbers.extend(facts.numbers(when));
            }
            // The second half of a takeover: what it is for was decided with the first.
            let is_half_done = case.took_over.is_some() && rung == case.rung;
            let applies = if is_half_done {
                Ok(String::new())
            } else {
                self.applies(&facts, step)
            };
            let chosen = applies.and_then(|by| Ok((self.undenied(case, step)?, by)));
            match chosen {
                Ok((deed, by)) => {
                    numbers.insert("cost".to_owned(), Number::from(step.cost));
                    let basis = Basis {
                        step: step.action.to_string(),
                        cause: step.cause.clone(),
                        belief: believed(step, &by),
                        passed_over: passed_over(&passed),
                        numbers,
                    };
                    return Ok(Move {
                        rung,
                        step: step.clone(),
                        deed,
                        basis,
                    });
                }
                Err(why_not) => passed.push(format!("{} ({why_not})", step.action)),
            }
        }
        Err(passed_over(&passed).trim_start_matches("; ").to_owned())
    }

    /// What a rung comes to, where somebody is there to do it, and nobody denied just that.
    fn undenied(&self, case: &Case, step: &Step) -> Result<Deed, String> {
        let deed = self.deed(case, step)?;
        if let Deed::Act(action, target) = &deed {
            if let Some(node) = self.statuses.get(&target.node) {
                check_agent(node).map_err(|refusal| refusal.sentence)?;
            }
            if case.denied.contains(&(*action, target.clone())) {
                return Err("denied".to_owned());
            }
        }
        Ok(deed)
    }

    /// By which facts a rung applies; or why it does not.
    fn applies(&self, facts: &Facts, step: &Step) -> Result<String, String> {
        let Some(when) = &step.when else {
            return Ok(String::new());
        };
        match facts.judge(&self.evaluator, when) {
            Answer::Holds(by) => Ok(by),
            Answer::Fails(by) => Err(by),
            Answer::Unknown(names) => Err(format!("unknown: {names}")),
        }
    }

    /// What a rung comes to now; or why it comes to nothing.
    pub(crate) fn deed(&self, case: &Case, step: &Step) -> Result<Deed, String> {
        match step.action {
            StepAction::Wait => Ok(Deed::Wait),
            StepAction::Escalate => Ok(Deed::Escalate),
            StepAction::Command(action) => {
                if action == ActionKind::CleanDisk && case.target().is_none() {
                    return self
                        .disposable(case)
                        .map(|target| Deed::Act(action, target));
                }
                let target = target(case, step.target)?;
                if target.service.is_some() == action.is_for_nodes() {
                    return Err(format!("{target} is not what {} is for", step.action));
                }
                Ok(Deed::Act(action, target))
            }
            StepAction::Failover => self.failover(case),
        }
    }

    /// A replica on another node takes over: it is started where none runs, and then the hurt one is drained.
    fn failover(&self, case: &Case) -> Result<Deed, String> {
        let hurt = target(case, Target::Own)?;
        if case.took_over.is_some() || self.replicas_up(&hurt) > 0 {
            return Ok(Deed::Act(ActionKind::Drain, hurt));
        }
        let standby = self.standby_for(&hurt);
        standby
            .map(|standby| Deed::Act(ActionKind::Start, standby))
            .ok_or_else(|| format!("no other replica of {hurt} runs, and none can be started"))
    }

    /// The service of a node to clean up after: each in its turn, by name.
    fn disposable(&self, case: &Case) -> Result<Entity, String> {
        let node = &case.event.entity.node;
        let services = self
            .statuses
            .get(node)
            .map_or(&[][..], |status| &status.services);
        let mut can: Vec<_> = services
            .iter()
            .filter(|service| service.detail.can_clean_disk)
            .map(|service| service.name.clone())
            .collect();
        can.sort();
        let turn = usize::try_from(case.attempts).unwrap_or(usize::MAX);
        can.into_iter()
            .nth(turn)
            .map(|service| Entity::service(node.clone(), service))
            .ok_or_else(|| format!("no other service of {node} names anything as disposable"))
    }

    /// Why an incident whose symptom is cleared is not healed yet: what its rung's `verify` says.
    pub(crate) fn unproven(&self, case: &Case) -> Option<String> {
        let verify = case.step()?.verify?;
        match self.facts(case).judge(&self.evaluator, &verify) {
            Answer::Holds(_) => None,
            Answer::Fails(by) => Some(format!("`{}` does not hold: {by}", verify.source())),
            Answer::Unknown(names) => Some(format!(
                "`{}` has no answer: unknown: {names}",
                verify.source()
            )),
        }
    }

    /// Whether what a rung of waiting waits for is over: its `when` holds no more.
    pub(crate) fn waited_enough(&self, case: &Case, step: &Step) -> bool {
        step.when.as_ref().is_some_and(|when| {
            let answer = self.facts(case).judge(&self.evaluator, when);
            matches!(answer, Answer::Fails(_))
        })
    }
}

/// Whom a rung is for.
fn target(case: &Case, target: Target) -> Result<Entity, String> {
    let event = &case.event;
    match target {
        Target::Own => case
            .target()
            .ok_or_else(|| format!("{} is a node", event.entity)),
        Target::Neighbour => (event.context.neighbour.clone())
            .ok_or_else(|| format!("{} has no busy neighbour", event.entity)),
        Target::Root => Ok(event.root_cause.clone()),
        Target::Node => Ok(Entity::node(event.entity.node.clone())),
    }
}

fn believed(step: &Step, by: &str) -> String {
    match (step.cause.as_str(), by) {
        (cause, "") => cause.to_owned(),
        ("", by) => by.to_owned(),
        (cause, by) => format!("{cause} ({by})"),
    }
}

fn passed_over(passed: &[String]) -> String {
    if passed.is_empty() {
        return String::new();
    }
    format!("; passed over: {}", passed.join(", "))
}
