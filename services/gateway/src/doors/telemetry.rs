//! Posted telemetry, on its way to the bus: one task, which hears of every node's status and takes one post after the other, so that
//! what is said of a node is said in order.

use std::time::Duration;

use arena_bus::{Bus, BusError, Change, Values};
use arena_chassis::{CancellationToken, Clock};
use arena_gateway_core::inbound::{Inbound, Post, Refused, Said, parse};
use arena_proto::NodeStatus;
use tokio::sync::{mpsc, oneshot};

use super::{away, is_away, not_said};
use crate::http::problem::{Kind, Problem};

/// Posts that wait: every node once. Who comes when it is full waits too, and is cut off in time like every slow request.
const POSTS_MAX: usize = arena_gateway_core::inbound::NODES_MAX;
/// Between two attempts to read KV `status` at the start, while NATS is away.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Where telemetry is posted.
#[derive(Debug, Clone)]
pub struct TelemetryDoor {
    bus: Bus,
    clock: Clock,
    posts: mpsc::Sender<Posted>,
}

#[derive(Debug)]
struct Posted {
    post: Post,
    answer: oneshot::Sender<Result<(), Problem>>,
}

impl TelemetryDoor {
    pub(super) fn start(bus: Bus, clock: Clock, shutdown: CancellationToken) -> Self {
        let (posts, waiting) = mpsc::channel(POSTS_MAX);
        let task = Task {
            bus: bus.clone(),
            clock,
            inbound: Inbound::new(boot_id(clock)),
        };
        tokio::spawn(async move {
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = task.run(waiting) => {}
            }
        });
        Self { bus, clock, posts }
    }

    /// Takes a post; it is on the bus when this returns.
    pub async fn take(&self, body: &[u8]) -> Result<(), Problem> {
        let post =
            parse(self.clock.now(), body).map_err(|what| Problem::new(Kind::BadRequest, what))?;
        if is_away(&self.bus) {
            return Err(away());
        }
        let (answer, answered) = oneshot::channel();
        let ended = || Problem::new(Kind::Unknown, "the gateway is stopping");
        let posted = Posted { post, answer };
        self.posts.send(posted).await.map_err(|_| ended())?;
        answered.await.map_err(|_| ended())?
    }
}

/// Another one at each start.
fn boot_id(clock: Clock) -> u64 {
    clock.now().unix_nanos().unsigned_abs()
}

struct Task {
    bus: Bus,
    clock: Clock,
    inbound: Inbound,
}

impl Task {
    async fn run(mut self, mut posts: mpsc::Receiver<Posted>) {
        // Whose name is whose is known before the first post is taken.
        let mut statuses = loop {
            match self.look_up().await {
                Ok(statuses) => break statuses,
                Err(error) => tracing::debug!("KV status is not read yet: {error}"),
            }
            tokio::time::sleep(RETRY_AFTER).await;
        };
        loop {
            tokio::select! {
                biased;
                change = statuses.next_change() => match change {
                    Some(Change::Put(status)) => self.inbound.status(status),
                    Some(Change::Removed(node)) => self.inbound.status_removed(&node),
                    None => return,
                },
                posted = posts.recv() => match posted {
                    Some(Posted { post, answer }) => {
                        // Who does not wait any more is not told.
                        let _ = answer.send(self.take(&post).await);
                    }
                    None => return,
                },
            }
        }
    }

    async fn look_up(&mut self) -> Result<Values<NodeStatus>, BusError> {
        let watch = self.bus.watch_statuses().await?;
        for status in self.bus.statuses().await? {
            self.inbound.status(status);
        }
        Ok(watch)
    }

    async fn take(&mut self, post: &Post) -> Result<(), Problem> {
        let said = self.inbound.post(self.clock.now(), post).map_err(problem)?;
        self.say(said).await.map_err(|error| {
            self.inbound.failed(&post.node);
            not_said(&error)
        })
    }

    /// The schema comes before what names it, and the status before anybody hears of the node.
    async fn say(&self, said: Said) -> Result<(), BusError> {
        if let Some(schema) = &said.schema {
            self.bus.put_schema(schema).await?;
        }
        if let Some(status) = &said.status {
            self.bus.put_status(status).await?;
        }
        if let Some(telemetry) = &said.telemetry {
            self.bus.publish_telemetry(telemetry).await?;
        }
        Ok(())
    }
}

fn problem(refused: Refused) -> Problem {
    match refused {
        Refused::Bad(what) => Problem::new(Kind::BadRequest, what),
        Refused::Owned(what) => Problem::new(Kind::Refused, what),
        Refused::TooMany(what) => Problem::new(Kind::TooMany, what),
    }
}
