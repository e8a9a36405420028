//! What is under way elsewhere: on this service, on its dependency chain, on its node, and in all.

use arena_proto::{Entity, Number};

use super::{Rail, Refusal, numbers};
use crate::book::Book;
use crate::case::{Case, Stage};
use crate::graph::Graph;

/// How many commands may be in flight at once: a policy that is wrong hurts at most so many services before the first
/// verdict on it. About as many as a small node has.
pub(super) const FLIGHTS_MAX: u32 = 4;

/// At most one command in flight on a service.
pub(super) fn in_flight(book: &Book, target: &Entity) -> Result<(), Refusal> {
    let Some(other) = book.flight_on(target) else {
        return Ok(());
    };
    let id = &other.event.id;
    let sentence =
        format!("a command for {id} is in flight on {target}, and one at a time is the limit");
    Err(about(Rail::InFlight, other, sentence))
}

/// The same symptom of the same service is verified for another incident: its verdict comes first.
pub(super) fn verifying(book: &Book, target: &Entity, symptom: &str) -> Result<(), Refusal> {
    let Some(other) = book.verified_on(target, symptom) else {
        return Ok(());
    };
    let sentence = format!(
        "{symptom} of {target} is being verified for {}",
        other.event.id
    );
    Err(about(Rail::Verifying, other, sentence))
}

/// No action while one is in flight, or not yet verified, on what the target calls or what calls it: two at once could
/// not be told apart by their effects, and the one on the caller would most likely be for nothing.
pub(super) fn chain(book: &Book, graph: Graph<'_>, target: &Entity) -> Result<(), Refusal> {
    for other in book.unresolved() {
        let (flight, what) = match &other.stage {
            Stage::Acting(flight) => (flight, "in flight"),
            // Also while it is seen whether the symptom stays clear: it may be back.
            Stage::Verifying { flight, .. } => (flight, "being verified"),
            _ => continue,
        };
        if let Some((caller, callee)) = graph.chain(target, &flight.target) {
            let sentence = format!(
                "an action on {} is {what} for {}, and {caller} calls {callee}: one at a time on a dependency chain \
                 is the limit",
                flight.target, other.event.id
            );
            return Err(about(Rail::Chain, other, sentence));
        }
    }
    Ok(())
}

/// At most one command in flight on a node: its agent and its disk do one thing at a time well.
pub(super) fn node(book: &Book, target: &Entity) -> Result<(), Refusal> {
    let on_node = book.unresolved().find(|other| match &other.stage {
        Stage::Acting(flight) => flight.target.node == target.node,
        _ => false,
    });
    let Some(other) = on_node else {
        return Ok(());
    };
    let sentence = format!(
        "a command for {} is in flight on {}, and one at a time is the limit of a node",
        other.event.id, target.node
    );
    Err(about(Rail::Node, other, sentence))
}

/// At most [`FLIGHTS_MAX`] in all.
pub(super) fn flights(book: &Book) -> Result<(), Refusal> {
    let flights = u32::try_from(book.flights()).unwrap_or(u32::MAX);
    if flights < FLIGHTS_MAX {
        return Ok(());
    }
    let sentence = format!("{flights} commands are in flight, and {FLIGHTS_MAX} is the limit");
    Err(Refusal {
        numbers: numbers([
            ("flights", Number::from(flights)),
            ("flights_max", Number::from(FLIGHTS_MAX)),
        ]),
        ..Refusal::new(Rail::Flights, sentence)
    })
}

fn about(rail: Rail, other: &Case, sentence: String) -> Refusal {
    Refusal {
        about: other.event.id.to_string(),
        numbers: numbers([("at_once_max", Number::from(1))]),
        ..Refusal::new(rail, sentence)
    }
}
