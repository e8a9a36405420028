//! The detector: what the live one's shell (`detector/src/intake.rs`) does around its core.
//!
//! Absent on purpose: alerts, which come from outside of an arena. Invariant: one that starts again knows what the stream and the buckets
//! say, and nothing else.

use std::sync::Arc;

use arena_detector_core::{Detector, Input, Output, Policy};
use arena_proto::{NodeStatus, Observer, ProcessState, Schema, Telemetry, Timestamp};

use crate::ground::{Alarm, Ground, Host};
use crate::setup::SetupError;
use crate::wire::{Delivery, Message, Party};

/// The key of a detector that hears all telemetry.
const NAME: &str = "all";

/// See the module.
#[derive(Debug)]
pub(crate) struct DetectorHost {
    /// `None` while it is dead.
    core: Option<Detector>,
    alarm: Alarm,
    /// What was heard since the alarm was last set.
    stirred: bool,
    /// Without its short ways.
    thorough: bool,
}

impl DetectorHost {
    pub(crate) fn new(thorough: bool) -> Self {
        Self {
            core: None,
            alarm: Alarm::default(),
            stirred: false,
            thorough,
        }
    }

    /// Starts: what was open is taken up from the last event of each entity.
    pub(crate) fn start(&mut self, ground: &mut Ground) -> Result<(), SetupError> {
        let policy = Policy::parse("policy.toml", Policy::DEFAULT_TOML);
        let policy = policy.map_err(|mistake| SetupError::Policy(mistake.to_string()))?;
        let core = if self.thorough {
            Detector::thorough(policy)
        } else {
            Detector::new(policy)
        };
        self.core = Some(core);
        ground.bus.connect(ground.now, Party::Detector);
        for event in ground.bus.last_incidents() {
            self.step(ground, Input::Restore(Box::new(event)));
        }
        self.step(ground, Input::Started);
        for status in ground.bus.statuses() {
            self.step(ground, about(&status));
        }
        self.arm(ground);
        Ok(())
    }

    /// Is killed.
    pub(crate) fn die(&mut self, ground: &mut Ground) {
        self.core = None;
        self.alarm.set(ground, Host::Detector, None);
        ground.bus.disconnect(ground.now, Party::Detector);
    }

    pub(crate) fn deliver(&mut self, ground: &mut Ground, delivery: Delivery) {
        let input = match delivery.message {
            Message::Telemetry(telemetry, schema) => {
                return self.hear(ground, &telemetry, &schema);
            }
            Message::Canary(number) => Input::CanaryHeard(number),
            Message::Status(status) => about(&status),
            Message::Connected(connected) => Input::Connected(connected),
            _ => return,
        };
        self.step(ground, input);
    }

    pub(crate) fn wake(&mut self, ground: &mut Ground) {
        self.alarm.rung();
        self.step(ground, Input::Tick);
    }

    fn hear(&mut self, ground: &mut Ground, telemetry: &Telemetry, schema: &Arc<Schema>) {
        let Some(core) = &mut self.core else {
            return;
        };
        self.stirred = true;
        let now = ground.bus.clock(Party::Detector, ground.now);
        let outputs = core.hear(now, telemetry, schema);
        Self::say(ground, now, outputs);
    }

    fn step(&mut self, ground: &mut Ground, input: Input) {
        let Some(core) = &mut self.core else {
            return;
        };
        self.stirred = true;
        let now = ground.bus.clock(Party::Detector, ground.now);
        let outputs = core.step(now, input);
        Self::say(ground, now, outputs);
    }

    fn say(ground: &mut Ground, now: Timestamp, outputs: Vec<Output>) {
        for output in outputs {
            let message = match output {
                Output::Publish(event) => Message::Incident(Arc::new(*event)),
                Output::SendCanary(number) => Message::Canary(number),
                Output::Observer(hearing) => Message::Observer(Arc::new(Observer {
                    detector: NAME.to_owned(),
                    state: hearing.state,
                    reason: hearing.reason,
                    since: hearing.since,
                    silent: hearing.silent,
                    known: hearing.known,
                    at: now,
                })),
            };
            ground.publish(Party::Detector, message);
        }
    }

    /// Once all that happens at one time was heard: when it wants to be woken is found once, not after each message.
    pub(crate) fn arm(&mut self, ground: &mut Ground) {
        if std::mem::take(&mut self.stirred) {
            let at = self.core.as_ref().and_then(Detector::next_wakeup);
            self.alarm.set(ground, Host::Detector, at);
        }
    }
}

fn about(status: &NodeStatus) -> Input {
    let node = status.node.clone();
    if status.state == ProcessState::Stopping {
        Input::NodeLeaving {
            node,
            boot_id: status.boot_id,
        }
    } else {
        Input::NodeKnown(node)
    }
}
