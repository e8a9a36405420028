//! What is done to a run from its steady state on: the villain begins, and parts of the arena die and come back.

use arena_proto::{VillainOperation, VillainPolicy, VillainRequest};

use super::Sim;
use crate::ground::Event;
use crate::hosts::remediator::RemediatorHost;
use crate::setup::{Mortal, SetupError, Villain};

impl Sim {
    /// The steady state was found: the villain begins, and what is to die has its time.
    pub(super) fn begin(&mut self) -> Result<(), SetupError> {
        for (index, death) in self.deaths.iter().enumerate() {
            let at = self.ground.now + death.after;
            self.ground.queue.push(at, Event::Dies(index));
        }
        let scenario = &self.watcher.scenario;
        let request = match &self.villain {
            Villain::Outside | Villain::Blind => return Ok(()),
            Villain::Scenario => VillainRequest {
                policy: Some(VillainPolicy::Scripted),
                scenario_name: scenario.name.clone(),
                scenario: Some(scenario.to_toml()),
                ..VillainRequest::default()
            },
            Villain::Random(request) => self.seeded(request, VillainPolicy::Random),
            Villain::Adaptive(request) => self.seeded(request, VillainPolicy::Adaptive),
        };
        let request = VillainRequest {
            op: VillainOperation::Start,
            ..request
        };
        let status = self.villain(request);
        status
            .error
            .map_or(Ok(()), |error| Err(SetupError::Villain(error)))
    }

    fn seeded(&self, request: &VillainRequest, policy: VillainPolicy) -> VillainRequest {
        VillainRequest {
            policy: Some(policy),
            seed: request.seed.or(Some(self.ground.seed)),
            ..request.clone()
        }
    }

    pub(super) fn dies(&mut self, index: usize) {
        let ground = &mut self.ground;
        let death = &self.deaths[index];
        match &death.who {
            Mortal::Detector => self.detector.die(ground),
            Mortal::Remediator => {
                if let Some(remediator) = &mut self.remediator {
                    remediator.die(ground);
                }
            }
            Mortal::Agent(name) => {
                if let Some(node) = self.nodes.iter_mut().find(|node| node.name == *name) {
                    node.die(ground);
                }
            }
        }
        ground
            .queue
            .push(ground.now + death.lasts, Event::Returns(index));
    }

    pub(super) fn returns(&mut self, index: usize) -> Result<(), SetupError> {
        let ground = &mut self.ground;
        match &self.deaths[index].who {
            Mortal::Detector => self.detector.start(ground)?,
            Mortal::Remediator => {
                if self.remediator.is_some() {
                    RemediatorHost::start(ground);
                }
            }
            Mortal::Agent(name) => {
                if let Some(node) = self.nodes.iter_mut().find(|node| node.name == *name) {
                    node.boot(ground);
                }
            }
        }
        Ok(())
    }
}
