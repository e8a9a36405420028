//! What the healer's actions become: orders and claims, or why not, in the words of the guard.
//!
//! Absent on purpose: what a node makes of an order; it has the last word, and its outcome tells it.

use arena_proto::{
    ActionKind, Entity, IncidentId, ProcessState, Resolution, ServiceDetail, Timestamp,
    check_action,
};
use serde_json::Value;

use super::shape;
use crate::observe::{IncidentSeen, Observation, ServiceSeen};
use crate::policy::{Claim, Deed, Order};
use crate::stepped::places::Places;
use crate::stepped::protocol::{ClaimWord, ClaimWords, FelixAction, OrderWords};
use crate::stepped::vectors::numbered;

/// May this action be asked of a service as it looks? The guard that every window asks before it offers one.
pub(super) fn check(action: ActionKind, service: &ServiceSeen) -> Result<(), String> {
    let state: ProcessState = service
        .state
        .parse()
        .map_err(|_| format!("nothing is known of {} yet", service.entity))?;
    let percent = service.throttled_percent;
    let holder = service.port_holder.clone();
    let detail = ServiceDetail {
        drained: service.drained,
        throttled: percent.map(|percent| (Timestamp::EPOCH, percent)),
        port_holder: holder.map(|line| (0, line)),
        standby: service.standby,
        can_roll_back: service.can_roll_back,
        can_clean_disk: service.can_clean_disk,
        ..ServiceDetail::default()
    };
    check_action(action, &service.entity, state, &detail).map_err(|refusal| refusal.to_string())
}

/// What an action becomes; else why not. A number may be several deeds: a person is called for each incident of a place.
pub(crate) fn read(
    action: &Value,
    places: &Places,
    seen: &Observation,
) -> Result<Vec<Deed>, String> {
    match parse(action)? {
        FelixAction::Number(number) => by_number(number, places, seen),
        FelixAction::Order(order) => Ok(vec![Deed::Order(by_words(order, seen)?)]),
        FelixAction::Claim(claim) => Ok(vec![claimed(&claim, seen)?]),
    }
}

fn parse(action: &Value) -> Result<FelixAction, String> {
    let wrong = |error: serde_json::Error| error.to_string();
    if let Some(number) = action.as_u64() {
        return Ok(FelixAction::Number(number));
    }
    if action.get("order").is_some() {
        let order = serde_json::from_value(action.clone()).map_err(wrong)?;
        return Ok(FelixAction::Order(order));
    }
    if action.get("claim").is_some() {
        let claim = serde_json::from_value(action.clone()).map_err(wrong)?;
        return Ok(FelixAction::Claim(claim));
    }
    Err(r#"an action of felix is a number, {"order": ...} or {"claim": ...}"#.to_owned())
}

fn by_number(number: u64, places: &Places, seen: &Observation) -> Result<Vec<Deed>, String> {
    if number == 0 {
        return Ok(Vec::new());
    }
    let most = shape(places).actions - 1;
    let found = numbered(number, places).and_then(|(kind, row)| Some((kind, places.entity(row)?)));
    let Some((kind, target)) = found.filter(|(kind, _)| *kind <= ActionKind::ALL.len()) else {
        return Err(format!("there is no action {number}: use 0 to {most}"));
    };
    let Some(action) = ActionKind::ALL.get(kind) else {
        return escalate(&target, seen);
    };
    let blames = |one: &&IncidentSeen| one.root_cause == target.to_string();
    let incident = seen.incidents.iter().find(blames);
    let order = Order {
        incident: incident.and_then(|one| one.id.parse().ok()),
        ..Order::new(*action, target)
    };
    guard(&order, seen)?;
    Ok(vec![Deed::Order(order)])
}

/// A person is called for each incident of a place.
fn escalate(target: &Entity, seen: &Observation) -> Result<Vec<Deed>, String> {
    let target = target.to_string();
    let at_place = seen.incidents.iter().filter(|one| one.entity == target);
    let deeds: Vec<Deed> = at_place.filter_map(|one| escalated(&one.id)).collect();
    if deeds.is_empty() {
        return Err(format!("no incident of {target} is open"));
    }
    Ok(deeds)
}

fn escalated(incident: &str) -> Option<Deed> {
    Some(Deed::Claim {
        incident: incident.parse().ok()?,
        claim: Claim::Escalate,
    })
}

fn by_words(words: OrderWords, seen: &Observation) -> Result<Order, String> {
    let target: Entity = words
        .target
        .parse()
        .map_err(|error: arena_proto::NameError| error.to_string())?;
    let incident = words.incident.map(|id| id.parse::<IncidentId>());
    let order = Order {
        target,
        action: words.order,
        params: words.params,
        incident: incident.transpose().map_err(|error| error.to_string())?,
    };
    guard(&order, seen)?;
    Ok(order)
}

/// It can be asked for, by what is seen.
fn guard(order: &Order, seen: &Observation) -> Result<(), String> {
    let target = order.target.to_string();
    let node = seen
        .nodes
        .iter()
        .find(|node| node.node == order.target.node.as_str());
    let Some(node) = node else {
        return Err(format!("there is no {target}: no such node has reported"));
    };
    let verb = order.action.verb();
    match (order.action.is_for_nodes(), &order.target.service) {
        (true, None) => match (order.action == ActionKind::Quarantine, node.quarantined) {
            (true, true) => Err(format!("{target} is quarantined already")),
            (false, false) => Err(format!("{target} is not quarantined")),
            _ => Ok(()),
        },
        (true, Some(_)) => Err(format!(
            "{verb} is for a node, not for a service: name {}",
            node.node
        )),
        (false, None) => Err(format!(
            "{verb} is for a service, not for a node: name {target}/SERVICE"
        )),
        (false, Some(_)) => {
            let service = node
                .services
                .iter()
                .find(|service| service.entity == target);
            let service = service.ok_or_else(|| format!("there is no {target}"))?;
            check(order.action, service)
        }
    }
}

fn claimed(words: &ClaimWords, seen: &Observation) -> Result<Deed, String> {
    let open = seen.incidents.iter().find(|one| one.id == words.incident);
    let Some(incident) = open else {
        let shown: String = words.incident.chars().take(80).collect();
        return Err(format!("no incident {shown:?} is open"));
    };
    let id: IncidentId = incident
        .id
        .parse()
        .map_err(|error: arena_proto::NameError| error.to_string())?;
    Ok(Deed::Claim {
        incident: id,
        claim: match words.claim {
            ClaimWord::Escalate => Claim::Escalate,
            ClaimWord::Resolve => {
                Claim::Resolve(words.resolution.unwrap_or(Resolution::Remediated))
            }
        },
    })
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use expect_test::expect;
    use serde_json::json;

    use super::super::tests::{places, seen};
    use super::super::vectors;
    use super::*;

    /// An action's number.
    fn number(kind: &str, place: &str) -> u64 {
        let places = places();
        let kind = shape(&places)
            .kinds
            .iter()
            .position(|one| one == kind)
            .expect("a kind");
        let row = places.row(place).expect("a place");
        u64::try_from(1 + kind * places.len() + row).expect("a number")
    }

    fn told(action: &Value) -> String {
        match read(action, &places(), &seen()) {
            Ok(deeds) => format!("{deeds:?}"),
            Err(why) => format!("refused: {why}"),
        }
    }

    #[test]
    fn an_action_becomes_a_deed_or_is_refused_in_the_guards_words() {
        expect!["[]"].assert_eq(&told(&json!(0)));
        expect![[r#"[Order(Order { target: Entity { node: NodeName("node-1"), service: Some(ServiceName("orders")) }, action: Start, params: {}, incident: Some(IncidentId("inc-1")) })]"#]].assert_eq(&told(&json!(number("START", "node-1/orders"))));
        expect!["refused: start is for stopped services; node-1/edge is running"]
            .assert_eq(&told(&json!(number("START", "node-1/edge"))));
        expect!["refused: there is no node-3/orders: no such node has reported"]
            .assert_eq(&told(&json!(number("RESTART", "node-3/orders"))));
        expect![[r#"[Order(Order { target: Entity { node: NodeName("node-1"), service: None }, action: Quarantine, params: {}, incident: None })]"#]].assert_eq(&told(&json!(number("QUARANTINE", "node-1"))));
        expect!["refused: restart is for a service, not for a node: name node-1/SERVICE"]
            .assert_eq(&told(&json!(number("RESTART", "node-1"))));
        expect![[r#"[Claim { incident: IncidentId("inc-1"), claim: Escalate }]"#]]
            .assert_eq(&told(&json!(number("ESCALATE", "node-1/edge"))));
        expect!["refused: no incident of node-1/orders is open"]
            .assert_eq(&told(&json!(number("ESCALATE", "node-1/orders"))));
        expect!["refused: there is no action 1000000: use 0 to 315"]
            .assert_eq(&told(&json!(1_000_000)));
        expect![[r#"refused: an action of felix is a number, {"order": ...} or {"claim": ...}"#]]
            .assert_eq(&told(&json!(-1)));
        expect![[r#"[Order(Order { target: Entity { node: NodeName("node-1"), service: Some(ServiceName("edge")) }, action: Restart, params: {"a": "b"}, incident: None })]"#]].assert_eq(&told(
            &json!({"order": "restart", "target": "node-1/edge", "params": {"a": "b"}}),
        ));
        expect![[r#"refused: "DANCE" is none of START, STOP, KILL, RESTART, RECOVER, DRAIN, UNDRAIN, THROTTLE, UNTHROTTLE, ROLLBACK, CLEAN_DISK, FREE_PORT, QUARANTINE, UNQUARANTINE"#]].assert_eq(&told(&json!({"order": "DANCE", "target": "node-1/edge"})));
        expect![[r#"refused: node "no where" is not a name: use 1 to 63 of a-z, 0-9 and '-', beginning with a letter or a digit"#]].assert_eq(&told(&json!({"order": "RESTART", "target": "no where"})));
        expect![[r#"refused: incident id "in c" is not an id: use 1 to 128 of A-Z, a-z, 0-9, '-', '_' and '.'"#]].assert_eq(&told(
            &json!({"order": "RESTART", "target": "node-1/edge", "incident": "in c"}),
        ));
        expect![[r#"[Claim { incident: IncidentId("inc-1"), claim: Resolve(Remediated) }]"#]]
            .assert_eq(&told(&json!({"claim": "RESOLVE", "incident": "inc-1"})));
        expect![[r#"refused: no incident "inc-2" is open"#]]
            .assert_eq(&told(&json!({"claim": "RESOLVE", "incident": "inc-2"})));
        expect!["refused: unknown variant `FORGE`, expected `RESOLVE` or `ESCALATE`"]
            .assert_eq(&told(&json!({"claim": "FORGE", "incident": "inc-1"})));
        expect![[r#"refused: an action of felix is a number, {"order": ...} or {"claim": ...}"#]]
            .assert_eq(&told(&json!("RESTART")));
    }

    #[test]
    fn the_mask_allows_what_is_taken() {
        let places = places();
        let vectors = vectors(&places, &seen());
        let bits = STANDARD.decode(&vectors.action_mask).expect("base64");
        let mut allowed = 0;
        for number in 0..shape(&places).actions {
            let is_allowed = bits[number / 8] & (0x80 >> (number % 8)) != 0;
            let taken = read(&json!(number), &places, &seen());
            assert_eq!(is_allowed, taken.is_ok(), "{number}: {taken:?}");
            allowed += usize::from(is_allowed);
        }
        assert!(allowed > 5, "only {allowed}: this shows nothing");
    }
}
