//! One episode: a run of the simulator that waits for its agents after each step.

use std::time::Duration;

use arena_proto::{InjectRequest, NodeStatus, RevertRequest};
use arena_scenario::Layout;
use serde_json::Value;

use super::became::became;
use super::felix;
use super::options::{Chosen, FelixPlayer, VillainPlayer};
use super::places::Places;
use super::protocol::{
    ActionResult, Actions, Begun, Each, Final, Info, Mistake, Observations, Seen, Stepped,
};
use super::reward;
use super::villain::{Asked, Player};
use crate::observe::Observation;
use crate::{SetupError, Sim};

/// Actions of one agent in one step. The shop has fourteen services; who does more at once hits everything.
pub const ACTIONS_MAX: usize = 32;
/// How often the beginning looks for the steady state: as often as the run itself does.
const LOOK: Duration = Duration::from_millis(250);

/// See the module.
#[derive(Debug)]
pub(crate) struct Episode {
    chosen: Chosen,
    places: Places,
    sim: Sim,
    villain: Player,
    /// What the healer last saw: its actions are about that.
    seen: Observation,
    /// How far the rewards have been given.
    paid: reward::Paid,
    is_over: bool,
}

impl Episode {
    /// Runs to the steady state.
    pub(crate) fn begin(chosen: &Chosen) -> Result<(Self, Begun), Mistake> {
        let scenario = &chosen.scenario;
        let mut sim = Sim::new(chosen.setup()?).map_err(|error| broken(&error))?;
        while !sim.is_playing() && !sim.is_over() {
            sim.run_until(sim.now() + LOOK)
                .map_err(|error| broken(&error))?;
        }
        if !sim.is_playing() {
            return Err(Mistake::new(
                format!(
                    "{} found no steady state with the seed {}",
                    scenario.name, chosen.seed
                ),
                "seed",
                "use another seed, or a longer steady_state.within in the scenario",
            ));
        }
        let episode = Self {
            places: Places::of(&Layout::of(&scenario.topology, scenario.seed)),
            villain: Player::new(chosen.purse.clone()),
            seen: sim.observation(),
            paid: reward::Paid::new(sim.facts()),
            is_over: false,
            chosen: chosen.clone(),
            sim,
        };
        let begun = Begun {
            seed: chosen.seed,
            scenario: scenario.name.clone(),
            at_ms: episode.sim.now_ms(),
            observations: episode.observations(),
        };
        Ok((episode, begun))
    }

    /// Does what the agents do, and lets a step pass.
    pub(crate) fn step(&mut self, actions: &Actions) -> Result<Stepped, Mistake> {
        if self.is_over {
            return Err(Mistake::new("the episode is over", "type", "reset"));
        }
        self.check_agents(actions)?;
        let villain = each(&actions.villain, |action| self.hurt(action));
        let felix = each(&actions.felix, |action| self.heal(action));
        let end = self.sim.now() + self.chosen.step;
        self.sim.run_until(end).map_err(|error| broken(&error))?;
        self.seen = self.sim.observation();
        self.villain.hear(&self.sim.facts().faults);
        let elapsed = self.sim.now_ms().saturating_sub(self.sim.facts().play_ms);
        let truncated = elapsed >= self.chosen.length_ms();
        let terminated = !truncated && (self.sim.is_over() || self.is_spent());
        self.is_over = truncated || terminated;
        let reward = self.paid.step(self.sim.facts());
        let mut stepped = Stepped {
            at_ms: self.sim.now_ms(),
            observations: self.observations(),
            rewards: self.of_each(reward, -reward),
            terminations: self.of_each(terminated, terminated),
            truncations: self.of_each(truncated, truncated),
            infos: self.of_each(Info::of(felix), Info::of(villain)),
        };
        if self.is_over {
            self.tell_end(&mut stepped)?;
        }
        Ok(stepped)
    }

    /// Who is played by somebody else takes no actions.
    fn check_agents(&self, actions: &Actions) -> Result<(), Mistake> {
        let plays = [
            (
                "felix",
                actions.felix.is_empty(),
                self.chosen.felix == FelixPlayer::Agent,
            ),
            (
                "villain",
                actions.villain.is_empty(),
                self.chosen.villain == VillainPlayer::Agent,
            ),
        ];
        match plays
            .iter()
            .find(|(_, quiet, is_agent)| !quiet && !is_agent)
        {
            None => Ok(()),
            Some((name, _, _)) => Err(Mistake::new(
                format!("{name} is not played from here"),
                format!("actions.{name}"),
                format!(r#"reset with "{name}":"agent" in the options"#),
            )),
        }
    }

    fn hurt(&mut self, action: &Value) -> Result<String, String> {
        match self.villain.read(action, &self.places)? {
            Asked::Nothing => Ok(String::new()),
            Asked::Inject(request) => self.inject(&request),
            Asked::Revert(own) => own
                .into_iter()
                .try_fold(String::new(), |_, one| self.revert(one)),
        }
    }

    fn inject(&mut self, request: &InjectRequest) -> Result<String, String> {
        let reply = self.sim.inject(request.clone());
        if let Some(error) = reply.error {
            return Err(error);
        }
        let id = reply.ids.into_iter().next().unwrap_or_default();
        self.villain.began(&id, request);
        Ok(id)
    }

    fn revert(&mut self, request: RevertRequest) -> Result<String, String> {
        let reply = self.sim.revert(request);
        reply.error.map_or(Ok(reply.ids.join(" ")), Err)
    }

    fn heal(&mut self, action: &Value) -> Result<String, String> {
        let deeds = felix::read(action, &self.places, &self.seen)?;
        for deed in deeds {
            self.sim.order(deed)?;
        }
        Ok(String::new())
    }

    /// The villain is done, its faults are over, and no incident is open. The scenario's own end is the run's, and nobody never is done.
    fn is_spent(&self) -> bool {
        let is_done = match self.chosen.villain {
            VillainPlayer::Agent => self.villain.is_spent(),
            VillainPlayer::Random | VillainPlayer::Adaptive => self.sim.is_villain_done(),
            VillainPlayer::Scenario | VillainPlayer::Nobody => false,
        };
        is_done && self.seen.incidents.is_empty()
    }

    fn observations(&self) -> Observations {
        let form = self.chosen.form;
        let mut observations = Observations::default();
        if self.chosen.felix == FelixPlayer::Agent {
            observations.felix = Some(Seen {
                full: form.is_full().then(|| self.seen.clone()),
                vectors: form
                    .is_vectors()
                    .then(|| felix::vectors(&self.places, &self.seen)),
            });
        }
        if self.chosen.villain == VillainPlayer::Agent {
            let seen = self.villain.look(&self.seen, &self.sim.facts().faults);
            let vectors = form.is_vectors().then(|| {
                let nodes: Vec<&NodeStatus> = self.sim.statuses().collect();
                self.villain.vectors(&self.places, &seen, &nodes)
            });
            observations.villain = Some(Seen {
                full: form.is_full().then_some(seen),
                vectors,
            });
        }
        observations
    }

    /// The run is over: its score, and now the truth.
    fn tell_end(&mut self, stepped: &mut Stepped) -> Result<(), Mistake> {
        let facts = self.sim.facts();
        let (scenario, facts) = if self.chosen.villain == VillainPlayer::Scenario {
            (self.chosen.scenario.clone(), facts.clone())
        } else {
            became(&self.chosen.scenario, facts)
        };
        let score = arena_referee::score(&scenario, &facts);
        let score = score.map_err(|mistake| broken(&SetupError::from(mistake)))?;
        let end = Final {
            faults: facts.faults,
            sha256: self.sim.log().sha256,
            score,
        };
        if let Some(reward) = &mut stepped.rewards.felix {
            *reward += end.score.composite;
        }
        if let Some(reward) = &mut stepped.rewards.villain {
            *reward -= end.score.composite;
        }
        let infos = [&mut stepped.infos.felix, &mut stepped.infos.villain];
        for info in infos.into_iter().flatten() {
            info.end = Some(end.clone());
        }
        Ok(())
    }

    fn of_each<T>(&self, felix: T, villain: T) -> Each<T> {
        Each {
            felix: (self.chosen.felix == FelixPlayer::Agent).then_some(felix),
            villain: (self.chosen.villain == VillainPlayer::Agent).then_some(villain),
        }
    }
}

/// What became of each action; those beyond [`ACTIONS_MAX`] are refused.
fn each(
    actions: &[Value],
    mut act: impl FnMut(&Value) -> Result<String, String>,
) -> Vec<ActionResult> {
    let one = |(index, action): (usize, &Value)| {
        if index >= ACTIONS_MAX {
            let why = format!("{ACTIONS_MAX} actions a step are the most");
            return ActionResult::refused(why);
        }
        match act(action) {
            Ok(id) => ActionResult::accepted(id),
            Err(why) => ActionResult::refused(why),
        }
    };
    actions.iter().enumerate().map(one).collect()
}

fn broken(error: &SetupError) -> Mistake {
    Mistake::new(
        error.to_string(),
        "options",
        "`arena scenarios check FILE` tells what a scenario may say",
    )
}
