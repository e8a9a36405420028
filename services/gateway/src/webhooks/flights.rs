//! The requests that are under way, each for a letter.
//!
//! Invariant: each that was started comes to an end that is told with its letter, whatever happens to it.

use std::collections::HashMap;

use arena_gateway_core::webhook::outbox::Place;
use arena_gateway_core::webhook::retry::Answer;
use tokio::task::{Id, JoinSet};

#[derive(Debug, Default)]
pub(super) struct Flights {
    tasks: JoinSet<Answer>,
    places: HashMap<Id, Place>,
}

impl Flights {
    /// Begins one, on a thread of its own.
    pub(super) fn start(&mut self, place: Place, post: impl FnOnce() -> Answer + Send + 'static) {
        let task = self.tasks.spawn_blocking(post);
        self.places.insert(task.id(), place);
    }

    /// The next that ends; `None` while there is none. Who panicked did not deliver, and may when tried again.
    pub(super) async fn next(&mut self) -> Option<(Place, Answer)> {
        let (id, answer) = match self.tasks.join_next_with_id().await? {
            Ok(ended) => ended,
            Err(error) => {
                tracing::error!("a webhook's request ended by itself: {error}");
                let why = "the request ended by itself; the log says why".to_owned();
                (error.id(), Answer::Again { why, after: None })
            }
        };
        self.places.remove(&id).map(|place| (place, answer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_that_panics_is_a_failed_try_of_its_letter() {
        let mut flights = Flights::default();
        assert!(flights.next().await.is_none());
        flights.start(Place::Plans(7), || panic!("on purpose"));
        let (place, answer) = flights.next().await.unwrap();
        assert_eq!(place, Place::Plans(7));
        assert!(matches!(answer, Answer::Again { .. }), "{answer:?}");
        flights.start(Place::Plans(7), || Answer::Delivered);
        let delivered = Some((Place::Plans(7), Answer::Delivered));
        assert_eq!(flights.next().await, delivered);
        assert!(flights.next().await.is_none());
    }
}
