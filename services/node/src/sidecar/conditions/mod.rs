//! What faults do to the requests of a leg: conditions, each of one fault, one file an effect. Several on one leg add up, and the
//! end of a fault takes exactly its own away.
//!
//! A request meets them in the order of [`Condition`], as on its way through a network to a service: walls, holds, cuts,
//! pipes, replies in the service's place, and last a storm, which takes the request over. Those that a request is held by let
//! go of it when their fault is over.
//!
//! Invariant: a leg without conditions does nothing to a request and keeps nothing of it.

mod cut;
mod hold;
mod pipe;
mod reply;
mod storm;
mod wall;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arena_proto::FaultId;
use hyper::StatusCode;
use tokio_util::sync::CancellationToken;

use arena_node_core::Chance;
pub(crate) use cut::Cut;
pub(crate) use hold::Hold;
pub(crate) use pipe::{Pipe, Piped};
pub(crate) use reply::Reply;
pub(crate) use storm::{Passed, Storm, StormSettings};
pub(crate) use wall::Wall;

/// What one fault does to the requests of a leg.
#[derive(Debug)]
pub(crate) enum Condition {
    Wall(Wall),
    Hold(Hold),
    Cut(Cut),
    Pipe(Pipe),
    Reply(Reply),
    Storm(Storm),
}

impl Condition {
    /// Its place in the order in which a request meets conditions.
    const fn rank(&self) -> u8 {
        match self {
            Self::Wall(_) => 0,
            Self::Hold(_) => 1,
            Self::Cut(_) => 2,
            Self::Pipe(_) => 3,
            Self::Reply(_) => 4,
            Self::Storm(_) => 5,
        }
    }
}

/// Why a request is not passed on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Stopped {
    /// Its connection is to be closed without an answer.
    Cut,
    /// It is answered with this.
    Answered(StatusCode, String),
}

/// A condition, as long as its fault lasts.
#[derive(Debug)]
pub(crate) struct Placed {
    fault: FaultId,
    condition: Condition,
    /// It goes when the leg is set up anew.
    ends_with_leg: bool,
    /// Cancelled when its fault is over.
    over: CancellationToken,
}

impl Placed {
    fn is_over(&self) -> bool {
        self.over.is_cancelled()
    }

    /// Holds a request, until the fault is over at the latest.
    async fn hold(&self, duration: Duration) {
        tokio::select! {
            () = tokio::time::sleep(duration) => {}
            () = self.over.cancelled() => {}
        }
    }
}

/// The conditions of one leg.
#[derive(Debug)]
pub(crate) struct Conditions {
    /// In the order in which a request meets them; at most as many as a node has faults.
    placed: Mutex<Arc<[Arc<Placed>]>>,
    chance: Arc<Chance>,
}

impl Conditions {
    /// None yet. Legs of different seeds draw different lots.
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            placed: Mutex::new(Arc::new([])),
            chance: Arc::new(Chance::new(seed)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Arc<[Arc<Placed>]>> {
        self.placed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on, until [`Conditions::remove`], or [`Conditions::reset`] if it `ends_with_leg`. `make` is given what is
    /// cancelled then.
    pub(crate) fn place(
        &self,
        fault: &FaultId,
        ends_with_leg: bool,
        make: impl FnOnce(&CancellationToken) -> Condition,
    ) {
        let over = CancellationToken::new();
        let placed = Arc::new(Placed {
            fault: fault.clone(),
            condition: make(&over),
            ends_with_leg,
            over,
        });
        let mut all = self.lock();
        let mut sorted: Vec<Arc<Placed>> = all.iter().cloned().chain([placed]).collect();
        sorted.sort_by_cached_key(|placed| (placed.condition.rank(), placed.fault.clone()));
        *all = sorted.into();
    }

    /// Takes away what this fault placed, and lets go of what it held.
    pub(crate) fn remove(&self, fault: &FaultId) {
        self.end(|placed| placed.fault == *fault);
    }

    /// The leg is set up anew: what lives in it is gone.
    pub(crate) fn reset(&self) {
        self.end(|placed| placed.ends_with_leg);
    }

    fn end(&self, ends: impl Fn(&Placed) -> bool) {
        let mut all = self.lock();
        let (ended, kept): (Vec<_>, Vec<_>) = all.iter().cloned().partition(|placed| ends(placed));
        *all = kept.into();
        drop(all);
        for placed in ended {
            placed.over.cancel();
        }
    }

    /// The read-back: something of this fault is in effect.
    pub(crate) fn has(&self, fault: &FaultId) -> bool {
        self.lock().iter().any(|placed| placed.fault == *fault)
    }

    /// What a request that comes now will meet.
    pub(crate) fn passage(&self) -> Passage {
        Passage {
            placed: Arc::clone(&self.lock()),
            chance: Arc::clone(&self.chance),
        }
    }
}

impl Drop for Conditions {
    fn drop(&mut self) {
        self.end(|_| true);
    }
}

/// The way of one request through the conditions that there were when it came.
#[derive(Debug)]
pub(crate) struct Passage {
    placed: Arc<[Arc<Placed>]>,
    chance: Arc<Chance>,
}

impl Passage {
    /// Nothing will happen to the request.
    pub(crate) fn is_clear(&self) -> bool {
        self.placed.is_empty()
    }

    /// Those whose fault is not over yet.
    fn lasting(&self) -> impl Iterator<Item = &Arc<Placed>> {
        self.placed.iter().filter(|placed| !placed.is_over())
    }

    /// The way to or from somebody who is on another node, or not: walls between nodes hold it.
    pub(crate) async fn reach(&self, elsewhere: bool) {
        for placed in self.lasting() {
            if matches!(&placed.condition, Condition::Wall(wall) if wall.stands_between(elsewhere))
            {
                placed.over.cancelled().await;
            }
        }
    }

    /// Before the request is passed on; its head has so many bytes.
    pub(crate) async fn before(&self, head_bytes: usize) -> Result<(), Stopped> {
        for placed in self.lasting() {
            match &placed.condition {
                Condition::Wall(wall) if wall.stands_before_all() => placed.over.cancelled().await,
                Condition::Hold(hold) => {
                    if let Some(duration) = hold.of(&self.chance) {
                        placed.hold(duration).await;
                    }
                }
                Condition::Cut(cut) if cut.takes(&self.chance) => return Err(Stopped::Cut),
                Condition::Pipe(pipe) => pipe.pass(head_bytes, &placed.over).await,
                Condition::Reply(reply) if reply.takes(&self.chance) => return Err(reply.words()),
                Condition::Wall(_)
                | Condition::Cut(_)
                | Condition::Reply(_)
                | Condition::Storm(_) => {}
            }
        }
        Ok(())
    }

    /// Before the answer is passed back; its head has so many bytes.
    pub(crate) async fn after(&self, head_bytes: usize) {
        for placed in self.lasting() {
            if let Condition::Pipe(pipe) = &placed.condition {
                pipe.pass(head_bytes, &placed.over).await;
            }
        }
    }

    /// A body, of the request or the answer, as it passes.
    pub(crate) fn pipe<B>(&self, body: B) -> Piped<B> {
        let pipes = self
            .lasting()
            .filter(|placed| matches!(placed.condition, Condition::Pipe(_)));
        Piped::new(body, pipes.cloned().collect())
    }

    /// Who takes the request over, if somebody does.
    pub(crate) fn storm(&self) -> Option<&Storm> {
        self.lasting().find_map(|placed| match &placed.condition {
            Condition::Storm(storm) => Some(storm),
            _ => None,
        })
    }
}
