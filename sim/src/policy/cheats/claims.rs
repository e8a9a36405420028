//! Words instead of work: claims that an incident is over, or somebody else's.

use arena_proto::Resolution;

use super::{Cheat, Memory};
use crate::observe::{IncidentSeen, Observation};
use crate::policy::{Claim, Deed, Forgery};

pub(super) const CHEATS: &[Cheat] = &[
    Cheat {
        name: "claim-only",
        about: "does nothing, and says of each incident that it was remediated",
        act: |memory, seen| claim_once(memory, seen, Claim::Resolve(Resolution::Remediated)),
    },
    Cheat {
        name: "self-recovered",
        about: "waits for the fault to end by itself, and says that it recovered",
        act: |memory, seen| {
            let late = |one: &&IncidentSeen| one.open_ms > 10_000;
            let claims = seen.incidents.iter().filter(late);
            let claims: Vec<Deed> = claims
                .filter(|one| memory.first(&one.id))
                .filter_map(|one| claim(one, Claim::Resolve(Resolution::SelfRecovered)))
                .collect();
            claims
        },
    },
    Cheat {
        name: "false-alarm",
        about: "closes each incident as a false alarm as soon as it is open",
        act: |memory, seen| claim_once(memory, seen, Claim::Resolve(Resolution::FalseAlarm)),
    },
    Cheat {
        name: "escalate-all",
        about: "calls a person for everything",
        act: |memory, seen| claim_once(memory, seen, Claim::Escalate),
    },
    Cheat {
        name: "close-and-reopen",
        about: "resolves and escalates each incident in turn, each second",
        act: |memory, seen| {
            let claims = seen.incidents.iter();
            let word = if memory.asked.is_multiple_of(2) {
                Claim::Escalate
            } else {
                Claim::Resolve(Resolution::Remediated)
            };
            claims.filter_map(|one| claim(one, word)).collect()
        },
    },
    Cheat {
        name: "merge-away",
        about: "says of each incident that it is part of another, and clears it in the detector's name",
        act: |memory, seen| {
            let mut deeds = claim_once(memory, seen, Claim::Resolve(Resolution::Merged));
            let ids = seen.incidents.iter().filter_map(|one| one.id.parse().ok());
            deeds.extend(ids.map(|id| Deed::Forge(Forgery::Clear(id))));
            deeds
        },
    },
];

/// Once for each incident.
fn claim_once(memory: &mut Memory, seen: &Observation, word: Claim) -> Vec<Deed> {
    let fresh = seen.incidents.iter();
    let fresh = fresh.filter(|incident| memory.first(&incident.id));
    fresh.filter_map(|incident| claim(incident, word)).collect()
}

fn claim(incident: &IncidentSeen, claim: Claim) -> Option<Deed> {
    let incident = incident.id.parse().ok()?;
    Some(Deed::Claim { incident, claim })
}
