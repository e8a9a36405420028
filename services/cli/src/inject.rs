//! `arena inject` and `arena revert`: faults asked for through the injector, and what the node says about them.

use std::collections::BTreeMap;
use std::time::Duration;

use arena_bus::{Bus, Consume, Deliveries, From};
use arena_faults::{Fault, Scope, check_ttl};
use arena_proto::{Entity, FaultState, FaultStatus, InjectReply, InjectRequest, RevertRequest};

use crate::args::{InjectArgs, RevertArgs, parameters};
use crate::client;
use crate::exit::{Exit, Failure};
use crate::screen;

/// The node answers within milliseconds; a stopped agent never does.
const ANSWER_WAIT: Duration = Duration::from_secs(5);
/// A revert may have to wait for a process to be gone and to be read back.
const REVERT_WAIT: Duration = Duration::from_secs(10);

/// Injects a fault, and says when it is active. Its id goes to stdout.
pub(crate) async fn run(args: InjectArgs) -> Result<(), Failure> {
    check_ttl(args.ttl).map_err(|error| Exit::Usage.because(format!("--{error}")))?;
    let parameters = parameters(args.parameters)?;
    let bus = client::connect(&args.nats).await?;
    client::known(&bus, &args.target).await?;
    check_scope(&args.fault, &args.target)?;
    let mut statuses = bus
        .consume::<FaultStatus>(Consume::ephemeral().from(From::New))
        .await?;
    let id = request(
        &bus,
        &args.fault,
        &args.target.to_string(),
        args.ttl,
        parameters,
    )
    .await?;
    let active = await_status(&mut statuses, &id, ANSWER_WAIT, |status| {
        status.state == FaultState::Active || status.state.is_final()
    });
    let status = active.await?;
    if status.state == FaultState::Rejected {
        return Err(refused(&status));
    }
    screen::print(&format!("{id}\n"))?;
    eprintln!("{} on {} is {}", status.fault, args.target, status.state);
    if args.wait && !status.state.is_final() {
        let limit = args.ttl + REVERT_WAIT;
        let status =
            await_status(&mut statuses, &id, limit, |status| status.state.is_final()).await?;
        say_end(&status)?;
    }
    Ok(())
}

/// A fault of a service needs a service, one of a node a node. What is no fault at all, the injector tells.
fn check_scope(fault: &str, target: &Entity) -> Result<(), Failure> {
    let Ok(fault) = Fault::named(fault) else {
        return Ok(());
    };
    let name = fault.name;
    match (fault.scope, &target.service) {
        (Scope::Service, None) => Err(Exit::Usage.because(format!(
            "{target} is a node, and {name} is made in a service\n  mend: write {target}/SERVICE"
        ))),
        (Scope::Node, Some(_)) => Err(Exit::Usage.because(format!(
            "{target} is a service, and {name} is made in a node\n  mend: write {}",
            target.node
        ))),
        _ => Ok(()),
    }
}

/// Asks the injector for a fault; the id of it.
pub(crate) async fn request(
    bus: &Bus,
    fault: &str,
    target: &str,
    ttl: Duration,
    params: BTreeMap<String, String>,
) -> Result<String, Failure> {
    let request = InjectRequest {
        fault: fault.to_owned(),
        target: target.to_owned(),
        ttl_ms: u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX),
        params,
    };
    let reply: InjectReply = bus
        .request("injector", "inject", &request)
        .await
        .map_err(client::not_running)?;
    match (reply.error, reply.ids.into_iter().next()) {
        (None, Some(id)) => Ok(id),
        (error, _) => {
            let why = error.unwrap_or_else(|| "the injector gave no reason".to_owned());
            Err(Exit::Failed.because(format!("not injected: {why}")))
        }
    }
}

/// Asks the injector to undo a fault; one that is over already is no error. The faults that will end by it.
pub(crate) async fn request_revert(bus: &Bus, id: &str) -> Result<InjectReply, Failure> {
    let request = RevertRequest { id: id.to_owned() };
    bus.request("injector", "revert", &request)
        .await
        .map_err(client::not_running)
}

/// Reverts one fault or all of them, and waits until they are gone.
pub(crate) async fn revert(args: RevertArgs) -> Result<(), Failure> {
    if args.id.is_empty() {
        return Err(Exit::Usage.because("no fault is named\n  mend: give its id, or `all`"));
    }
    let bus = client::connect(&args.nats).await?;
    let mut statuses = bus
        .consume::<FaultStatus>(Consume::ephemeral().from(From::New))
        .await?;
    let reply = request_revert(&bus, &args.id).await?;
    if let Some(error) = reply.error {
        return Err(Exit::NotRunning.because(error));
    }
    match (reply.ids.as_slice(), args.id.as_str()) {
        ([], "all") => eprintln!("no fault is active"),
        ([], id) => eprintln!("{id} is over already"),
        _ => {}
    }
    // They end in any order.
    let mut left = reply.ids;
    while !left.is_empty() {
        let status = await_end(&mut statuses, &left).await?;
        left.retain(|id| id != status.id.as_str());
        screen::print(&format!("{}\n", status.id))?;
        say_end(&status)?;
    }
    Ok(())
}

/// The end of whichever of these comes next.
async fn await_end(
    statuses: &mut Deliveries<FaultStatus>,
    ids: &[String],
) -> Result<FaultStatus, Failure> {
    let wanted = |status: &FaultStatus| {
        status.state.is_final() && ids.iter().any(|id| id == status.id.as_str())
    };
    let search = async {
        while let Some(delivery) = statuses.next().await {
            if wanted(&delivery.message) {
                return Some(delivery.message);
            }
        }
        None
    };
    match tokio::time::timeout(REVERT_WAIT, search).await {
        Ok(Some(status)) => Ok(status),
        Ok(None) => Err(Exit::NotRunning.because("the bus went away")),
        Err(_) => Err(Exit::Timeout.because(format!(
            "no end was told of {}\n  mend: `arena status` shows whether the agent of its node runs; what it holds ends by its time to live",
            ids.join(", ")
        ))),
    }
}

fn say_end(status: &FaultStatus) -> Result<(), Failure> {
    if status.state == FaultState::RevertFailed {
        let what = format!("{} could not be reverted: {}", status.fault, status.message);
        return Err(Exit::Failed.because(what));
    }
    if status.state == FaultState::Rejected {
        let what = format!("{} was not reverted: {}", status.id, status.message);
        return Err(Exit::Failed.because(what));
    }
    let reason = status.reason.map_or("", arena_proto::FaultReason::as_str);
    eprintln!(
        "{} is {} ({reason}) {}",
        status.fault, status.state, status.message
    );
    Ok(())
}

fn refused(status: &FaultStatus) -> Failure {
    let reason = status.reason.map_or("", arena_proto::FaultReason::as_str);
    Exit::Failed.because(format!(
        "the node refused it ({reason}): {}",
        status.message
    ))
}

async fn await_status(
    statuses: &mut Deliveries<FaultStatus>,
    id: &str,
    limit: Duration,
    wanted: impl Fn(&FaultStatus) -> bool,
) -> Result<FaultStatus, Failure> {
    let search = async {
        while let Some(delivery) = statuses.next().await {
            if delivery.message.id.as_str() == id && wanted(&delivery.message) {
                return Some(delivery.message);
            }
        }
        None
    };
    match tokio::time::timeout(limit, search).await {
        Ok(Some(status)) => Ok(status),
        Ok(None) => Err(Exit::NotRunning.because("the bus went away")),
        Err(_) => Err(Exit::Timeout.because(format!(
            "the node said nothing about {id} within {}\n  mend: `arena status` shows whether its agent runs",
            humantime::format_duration(limit)
        ))),
    }
}
