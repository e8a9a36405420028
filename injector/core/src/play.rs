//! The machine's part in a villain's play: who may start, what it sees, and that its choices go through the same checks as anybody's.

use arena_proto::{Timestamp, VillainOperation, VillainRequest, VillainStatus};

use crate::checked::Checked;
use crate::injector::Injector;
use crate::io::Output;
use crate::villain::{Choice, Villain, check};

impl Injector {
    /// A villain is choosing, or its faults are being reverted: what is public must be heard.
    #[must_use]
    pub fn has_villain(&self) -> bool {
        self.villain.as_ref().is_some_and(Villain::is_there)
    }

    pub(crate) fn on_villain(
        &mut self,
        now: Timestamp,
        request: &VillainRequest,
        outputs: &mut Vec<Output>,
    ) -> VillainStatus {
        let done = match request.op {
            VillainOperation::Status => Ok(()),
            VillainOperation::Start => self.start_villain(now, request, outputs),
            VillainOperation::Stop => self.stop_villain(now, "it was asked to", outputs),
        };
        VillainStatus {
            error: done.err(),
            ..self.villain_status(now)
        }
    }

    fn start_villain(
        &mut self,
        now: Timestamp,
        request: &VillainRequest,
        outputs: &mut Vec<Output>,
    ) -> Result<(), String> {
        self.may_begin()?;
        if let Some(villain) = self.villain.as_ref().filter(|villain| villain.is_there()) {
            return Err(format!(
                "a villain is there already: {}, since {}; end it with `arena villain stop`",
                villain.name(),
                villain.status().started_at.unwrap_or_default()
            ));
        }
        let start = check(request, self.nonce)?;
        self.nonce = self.nonce.wrapping_add(1);
        if !self.public.nodes().values().any(|node| node.chaos) {
            return Err(if self.public.nodes().is_empty() {
                "no node has reported yet".to_owned()
            } else {
                "faults are off: start the arena with --chaos".to_owned()
            });
        }
        let villain = Villain::new(now, start);
        outputs.push(Output::Note(format!("villain: {} begins", villain.name())));
        self.villain = Some(villain);
        Ok(())
    }

    pub(crate) fn stop_villain(
        &mut self,
        now: Timestamp,
        because: &str,
        outputs: &mut Vec<Output>,
    ) -> Result<(), String> {
        let Some(villain) = self.villain.as_mut().filter(|villain| villain.is_there()) else {
            return Err("no villain is running".to_owned());
        };
        villain.stop(because.to_owned());
        self.revert_villains(now, outputs);
        Ok(())
    }

    fn villain_status(&mut self, now: Timestamp) -> VillainStatus {
        let started_at = *self.started_at.get_or_insert(now);
        self.villain.as_ref().map_or_else(
            || VillainStatus {
                state: "STOPPED".to_owned(),
                stopped_because: Some(format!(
                    "there was none since the injector started at {started_at}"
                )),
                ..VillainStatus::default()
            },
            Villain::status,
        )
    }

    /// Lets the villain choose, and asks for what it chose.
    pub(crate) fn run_villain(&mut self, now: Timestamp, outputs: &mut Vec<Output>) {
        let Some(mut villain) = self.villain.take() else {
            return;
        };
        let was_told = villain.because().is_some();
        let faults: Vec<_> = self.live.all().collect();
        for choice in villain.choose(now, &self.public, &faults) {
            match self.begin(now, checked(&choice), outputs) {
                Ok(id) => villain.began(now, id, choice),
                Err(refusal) => {
                    let Choice { fault, target, .. } = &choice;
                    let line = format!("villain: no {} on {target}: {}", fault.name, refusal.why());
                    outputs.push(Output::Note(line));
                    villain.refused(&choice, &refusal);
                }
            }
        }
        if let (false, Some(because)) = (was_told, villain.because()) {
            let line = format!("villain: {} stops: {because}", villain.name());
            outputs.push(Output::Note(line));
        }
        self.villain = Some(villain);
        self.revert_villains(now, outputs);
    }

    fn revert_villains(&mut self, now: Timestamp, outputs: &mut Vec<Output>) {
        let ids = self.villain.as_ref().map(Villain::to_revert);
        for id in ids.into_iter().flatten() {
            // Asked once: a node that did not hear it ends the fault by its lease, as it is renewed no more.
            if !self.live.is_reverting(&id) {
                self.revert(now, &id, outputs);
            }
        }
    }
}

fn checked(choice: &Choice) -> Checked {
    Checked {
        fault: choice.fault,
        target: choice.target.clone(),
        ttl: choice.ttl,
        params: choice.params.clone(),
    }
}
