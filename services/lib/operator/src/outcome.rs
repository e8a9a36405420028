//! What became of a command.

use std::collections::BTreeMap;
use std::time::Duration;

use arena_bus::{Consume, Deliveries, From};
use arena_proto::{Command, Outcome, Timestamp};

use crate::act::EXPIRY;
use crate::{Kind, Operator, OperatorError};

/// How long after the deadline the outcome may still be under way.
const SLACK: Duration = Duration::from_secs(2);

/// What a person can do where nobody knows whether it was done.
pub const UNKNOWN_MEND: &str = "nobody knows whether it was done\n  mend: `arena status` shows how things are; doing the same once \
     more is safe for everything but kill";

impl Operator {
    /// Listens to outcomes from now on. Before the command is published.
    pub async fn outcomes(&self) -> Result<Deliveries<Outcome>, OperatorError> {
        let new = Consume::ephemeral().from(From::New);
        Ok(self.bus.consume(new).await?)
    }

    /// The final outcome of a command: what it says may be that it was refused or failed. [`Kind::Timeout`] when the node
    /// says nothing until the command's deadline has passed.
    pub async fn outcome(
        &self,
        outcomes: &mut Deliveries<Outcome>,
        command: &Command,
    ) -> Result<Outcome, OperatorError> {
        let search = async {
            while let Some(delivery) = outcomes.next().await {
                let outcome = delivery.message;
                if outcome.command_id == command.id && outcome.state.is_final() {
                    return Some(outcome);
                }
            }
            None
        };
        match tokio::time::timeout(EXPIRY + command.deadline + SLACK, search).await {
            Ok(Some(outcome)) => Ok(outcome),
            Ok(None) => {
                Err(Kind::NotRunning.because(format!("the bus went away: UNKNOWN, {UNKNOWN_MEND}")))
            }
            Err(_) => Err(Kind::Timeout.because(format!(
                "the node said nothing about {}: UNKNOWN, {UNKNOWN_MEND}",
                command.id
            ))),
        }
    }

    /// What nodes have begun and not ended: that is finished, as half an action is worse than a whole one. None lasts for
    /// longer than the longest deadline.
    pub async fn in_flight(&self, now: Timestamp) -> Result<Vec<Outcome>, OperatorError> {
        let since = now - Command::DEADLINE_MAX;
        let consume = Consume::ephemeral().from(From::Since(since));
        let mut outcomes = self.bus.consume::<Outcome>(consume).await?;
        let mut last = BTreeMap::new();
        while let Some(delivery) = outcomes.next_stored().await {
            let outcome = delivery.message;
            last.insert(outcome.command_id.clone(), outcome);
        }
        last.retain(|_, outcome| !outcome.state.is_final());
        Ok(last.into_values().collect())
    }
}
