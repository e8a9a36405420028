//! Faults asked for through the injector, and what the node says about them; the villain.

use std::collections::BTreeMap;
use std::time::Duration;

use arena_bus::{Consume, Deliveries, From};
use arena_faults::check_ttl;
use arena_proto::{
    Entity, FaultReason, FaultState, FaultStatus, InjectReply, InjectRequest, RevertRequest,
    VillainRequest, VillainStatus,
};
use arena_view::faults::check_scope;

use crate::{Kind, Operator, OperatorError};

/// The node answers within milliseconds; a stopped agent never does.
const ANSWER_WAIT: Duration = Duration::from_secs(5);
/// A revert may have to wait for a process to be gone and to be read back.
const REVERT_WAIT: Duration = Duration::from_secs(10);

impl Operator {
    /// Asks the injector for a fault; the id of it. Whether the node takes it is told later: [`Operator::fault_taken`].
    pub async fn inject(
        &self,
        fault: &str,
        target: &Entity,
        ttl: Duration,
        params: BTreeMap<String, String>,
    ) -> Result<String, OperatorError> {
        check_ttl(ttl).map_err(|error| Kind::Usage.because(error))?;
        self.known(target).await?;
        check_scope(fault, target).map_err(|why| Kind::Usage.because(why))?;
        let request = InjectRequest {
            fault: fault.to_owned(),
            target: target.to_string(),
            ttl_ms: u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX),
            params,
        };
        let reply: InjectReply = self.bus.request("injector", "inject", &request).await?;
        match (reply.error, reply.ids.into_iter().next()) {
            (None, Some(id)) => Ok(id),
            (error, _) => {
                let why = error.unwrap_or_else(|| "the injector gave no reason".to_owned());
                Err(Kind::Refused.because(format!("not injected: {why}")))
            }
        }
    }

    /// Asks the injector to undo a fault, or `all`; one that is over already is no error. The ids of those that will end
    /// by it.
    pub async fn revert(&self, id: &str) -> Result<Vec<String>, OperatorError> {
        if id.is_empty() {
            return Err(Kind::Usage.because("no fault is named\n  mend: give its id, or `all`"));
        }
        let request = RevertRequest { id: id.to_owned() };
        let reply: InjectReply = self.bus.request("injector", "revert", &request).await?;
        match reply.error {
            None => Ok(reply.ids),
            Some(error) => Err(Kind::NotFound.because(error)),
        }
    }

    /// The same, where nothing but its end is wanted: that there is no such fault is as good.
    pub async fn see_reverted(&self, id: &str) -> Result<(), OperatorError> {
        match self.revert(id).await {
            Err(error) if error.kind != Kind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Listens to what nodes say about faults from now on. Before one is asked for.
    pub async fn fault_statuses(&self) -> Result<Deliveries<FaultStatus>, OperatorError> {
        let new = Consume::ephemeral().from(From::New);
        Ok(self.bus.consume(new).await?)
    }

    /// That the fault is active, or over again already; [`Kind::Refused`] when the node does not make it.
    pub async fn fault_taken(
        &self,
        statuses: &mut Deliveries<FaultStatus>,
        id: &str,
    ) -> Result<FaultStatus, OperatorError> {
        let taken = |status: &FaultStatus| {
            status.id.as_str() == id
                && (status.state == FaultState::Active || status.state.is_final())
        };
        let status = find(statuses, ANSWER_WAIT, taken, || silence(id, ANSWER_WAIT)).await?;
        if status.state == FaultState::Rejected {
            let reason = status.reason.map_or("", FaultReason::as_str);
            return Err(Kind::Refused.because(format!(
                "the node refused it ({reason}): {}",
                status.message
            )));
        }
        Ok(status)
    }

    /// The end of a fault that lives so long.
    pub async fn fault_over(
        &self,
        statuses: &mut Deliveries<FaultStatus>,
        id: &str,
        ttl: Duration,
    ) -> Result<FaultStatus, OperatorError> {
        let limit = ttl + REVERT_WAIT;
        let over = |status: &FaultStatus| status.id.as_str() == id && status.state.is_final();
        find(statuses, limit, over, || silence(id, limit)).await
    }

    /// The end of whichever of these faults, which were reverted, comes next.
    pub async fn next_end(
        &self,
        statuses: &mut Deliveries<FaultStatus>,
        ids: &[String],
    ) -> Result<FaultStatus, OperatorError> {
        let over = |status: &FaultStatus| {
            status.state.is_final() && ids.iter().any(|id| id == status.id.as_str())
        };
        find(statuses, REVERT_WAIT, over, || {
            format!(
                "no end was told of {}\n  mend: `arena status` shows whether the agent of its node runs; what it holds ends by its time to live",
                ids.join(", ")
            )
        })
        .await
    }

    /// Asks the injector about its villain, or to start or stop one; [`Kind::Refused`] with what it has against that.
    pub async fn villain(&self, request: &VillainRequest) -> Result<VillainStatus, OperatorError> {
        let status: VillainStatus = self.bus.request("injector", "villain", request).await?;
        match status.error {
            None => Ok(status),
            Some(error) => Err(Kind::Refused.because(error)),
        }
    }
}

fn silence(id: &str, limit: Duration) -> String {
    format!(
        "the node said nothing about {id} within {}\n  mend: `arena status` shows whether its agent runs",
        humantime::format_duration(limit)
    )
}

/// The next status that is wanted; [`Kind::Timeout`] when none comes in time.
async fn find(
    statuses: &mut Deliveries<FaultStatus>,
    limit: Duration,
    wanted: impl Fn(&FaultStatus) -> bool,
    silence: impl Fn() -> String,
) -> Result<FaultStatus, OperatorError> {
    let search = async {
        while let Some(delivery) = statuses.next().await {
            if wanted(&delivery.message) {
                return Some(delivery.message);
            }
        }
        None
    };
    match tokio::time::timeout(limit, search).await {
        Ok(found) => found.ok_or_else(OperatorError::bus_gone),
        Err(_) => Err(Kind::Timeout.because(silence())),
    }
}
