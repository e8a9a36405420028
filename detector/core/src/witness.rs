//! What telemetry and alerts say of the same symptom, on its way to the board.

use std::sync::Arc;

use arena_proto::{Alert, NodeName, Timestamp};

use crate::alerts::{Pair, Told};
use crate::symptom::Symptom;
use crate::track::Change;
use crate::{Detector, Output};

impl Detector {
    /// Signals of telemetry changed their state.
    pub(crate) fn report(&mut self, now: Timestamp, changes: Vec<Change>) {
        for change in changes {
            let Change {
                entity,
                symptom,
                view,
                process,
            } = change;
            let pair = Pair {
                entity,
                symptom: symptom.name.clone(),
            };
            let told = self
                .alerts
                .measured(&pair, &symptom, &view)
                .unwrap_or(Told {
                    entity: pair.entity,
                    symptom,
                    view,
                });
            self.board
                .report(now, &told.entity, &told.symptom, told.view, process);
        }
    }

    /// Takes an alert. One that begins anew ends what it was before, and that is told first.
    pub(crate) fn alert(&mut self, now: Timestamp, alert: &Alert) -> Vec<Output> {
        let mut outputs = Vec::new();
        if self.alerts.begins_anew(alert)
            && let Some((pair, symptom)) = self
                .alerts
                .end(&alert.fingerprint, alert.starts_at.min(now))
            && self.alerts.has_started()
        {
            self.tell_alerts(now, &pair, &symptom);
            self.judge(now, &mut outputs);
        }
        let Some(entity) = alert.entity.clone() else {
            self.forget_alert(now, &alert.fingerprint);
            return outputs;
        };
        let symptom = self.policy.symptom_of_alert(alert);
        let pair = Pair {
            entity,
            symptom: symptom.name.clone(),
        };
        let is_first = !self.alerts.raises(&pair);
        let taken = self
            .alerts
            .take(now, alert, pair.clone(), Arc::clone(&symptom));
        if taken && self.alerts.has_started() {
            if is_first && let Some(view) = self.board.view(&pair.entity, &pair.symptom) {
                self.alerts.measured(&pair, &symptom, &view);
            }
            self.tell_alerts(now, &pair, &symptom);
        }
        outputs
    }

    pub(crate) fn forget_alert(&mut self, now: Timestamp, fingerprint: &str) {
        if let Some((pair, symptom)) = self.alerts.forget(fingerprint)
            && self.alerts.has_started()
        {
            self.tell_alerts(now, &pair, &symptom);
        }
    }

    pub(crate) fn forget_alerts_of(&mut self, now: Timestamp, node: &NodeName) {
        for fingerprint in self.alerts.of_node(node) {
            self.forget_alert(now, &fingerprint);
        }
    }

    /// What stands is known, and what was open: what an alert has raised goes on, where it is still the same alert.
    pub(crate) fn start_alerts(&mut self, now: Timestamp) -> Vec<Output> {
        for (pair, symptom, since) in self.alerts.start() {
            let began = self.alerts.began(&pair);
            if began.is_none_or(|began| began > since) {
                let told = self.alerts.ended(now, pair, symptom);
                self.report_told(now, told);
            }
        }
        let mut outputs = Vec::new();
        self.judge(now, &mut outputs);
        for (pair, symptom) in self.alerts.raised() {
            self.tell_alerts(now, &pair, &symptom);
        }
        outputs
    }

    /// Time makes alerts stale, and forgotten.
    pub(crate) fn age_alerts(&mut self, now: Timestamp) {
        let due = self.alerts.next_wakeup().is_some_and(|due| due <= now);
        if !due || !self.alerts.has_started() {
            return;
        }
        let (stale, forgotten) = self.alerts.age(now);
        for fingerprint in forgotten {
            self.forget_alert(now, &fingerprint);
        }
        for (pair, symptom) in stale {
            self.tell_alerts(now, &pair, &symptom);
        }
    }

    fn tell_alerts(&mut self, now: Timestamp, pair: &Pair, symptom: &Arc<Symptom>) {
        let told = self.alerts.tell(now, pair, symptom);
        self.report_told(now, told);
    }

    fn report_told(&mut self, now: Timestamp, told: Told) {
        let process = self.fleet.process(&told.entity);
        self.board
            .report(now, &told.entity, &told.symptom, told.view, process);
    }
}
