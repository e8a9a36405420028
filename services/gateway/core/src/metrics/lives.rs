//! What is known of the arena's incidents, faults and commands: what is open, and what was counted.

use std::collections::BTreeMap;
use std::fmt::Error;

use arena_proto::{IncidentState, Resolution};

use super::Known;
use super::labels::{Labels, Names};
use super::page::{Page, number};
use super::tally::Way;
use crate::Line as _;

impl Known {
    /// What is open now. A name that was seen before and has none open now is told with 0.
    pub(super) fn open(&self, page: &mut Page<'_>) -> Result<(), Error> {
        let mut tally = self.tally.clone();
        let open = self.state.incidents.iter().filter(|one| !one.is_over());
        let open: Vec<(String, bool)> = open
            .map(|one| {
                let needs_a_person = one.state == IncidentState::Escalated;
                (tally.symptoms.bound(&one.symptom), needs_a_person)
            })
            .collect();
        let faults = self.state.faults.iter().filter(|one| !one.is_over());
        let faults: Vec<String> = faults.map(|one| tally.faults.bound(&one.fault)).collect();
        let escalated = open.iter().filter(|(_, needs_a_person)| *needs_a_person);
        page.gauges(
            (
                "arena_incidents_open",
                "",
                "Incidents that are not over, escalated ones too",
            ),
            counts(
                "symptom",
                &tally.symptoms,
                open.iter().map(|(name, _)| name),
            ),
        )?;
        page.gauges(
            (
                "arena_incidents_needing_a_person",
                "",
                "Incidents that are escalated and not over",
            ),
            counts("symptom", &tally.symptoms, escalated.map(|(name, _)| name)),
        )?;
        page.gauges(
            (
                "arena_faults_active",
                "",
                "Faults that are requested or in effect",
            ),
            counts("fault", &tally.faults, faults.iter()),
        )?;
        let waiting = Some(number(self.state.questions.len()));
        page.gauge(
            (
                "arena_questions_waiting",
                "",
                "Plans that wait for a person",
            ),
            waiting,
        )
    }

    pub(super) fn counted(&self, page: &mut Page<'_>) -> Result<(), Error> {
        let count = |ways: fn(Way) -> Option<Option<&'static str>>| {
            let incidents = self.tally.incidents.iter();
            incidents.filter_map(move |((symptom, way), count)| {
                let mut labels: Labels = vec![("symptom", symptom.clone())];
                let resolution = ways(*way)?;
                labels.extend(resolution.map(|word| ("resolution", word.to_owned())));
                Some((labels, *count))
            })
        };
        let opened = count(|way| (way == Way::Opened).then_some(None));
        page.counters(
            (
                "arena_incidents_opened",
                "",
                "Incidents opened since the gateway started",
            ),
            opened,
        )?;
        let escalated = count(|way| (way == Way::Escalated).then_some(None));
        page.counters(
            (
                "arena_incidents_escalated",
                "",
                "Incidents that needed a person",
            ),
            escalated,
        )?;
        let ended = count(|way| match way {
            Way::Ended(resolution) => Some(Some(resolution.map_or("NONE", Resolution::as_str))),
            _ => None,
        });
        page.counters(
            (
                "arena_incidents_ended",
                "",
                "Incidents that are over, by how they ended",
            ),
            ended,
        )?;
        let about = (
            "arena_incident_detect",
            "seconds",
            "From the first abnormal sample to the incident",
        );
        page.histogram(about, &self.tally.detect)?;
        let about = (
            "arena_incident_heal",
            "seconds",
            "From the incident to its end",
        );
        page.histogram(about, &self.tally.heal)?;
        let commands = self.tally.commands.iter().map(|((action, state), count)| {
            let labels = vec![
                ("action", (*action).to_owned()),
                ("state", (*state).to_owned()),
            ];
            (labels, *count)
        });
        page.counters(
            (
                "arena_commands",
                "",
                "Commands that came to an end, by action and end",
            ),
            commands,
        )
    }
}

/// How often each name comes; 0 for one that does not come now.
fn counts<'a>(
    label: &'static str,
    names: &Names,
    came: impl Iterator<Item = &'a String>,
) -> impl Iterator<Item = (Labels, f64)> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for name in names.iter() {
        counts.entry(name.clone()).or_default();
    }
    for name in came {
        *counts.entry(name.clone()).or_default() += 1;
    }
    let counts = counts.into_iter();
    counts.map(move |(name, count)| (vec![(label, name)], number(count)))
}
