//! `arena inject` and `arena revert`: faults asked for through the injector, and what the node says about them.

use arena_faults::check_ttl;
use arena_proto::{FaultState, FaultStatus};

use crate::args::{InjectArgs, RevertArgs, parameters};
use crate::client;
use crate::exit::{Exit, Failure};
use crate::screen;

/// Injects a fault, and says when it is active. Its id goes to stdout.
pub(crate) async fn run(args: InjectArgs) -> Result<(), Failure> {
    check_ttl(args.ttl).map_err(|error| Exit::Usage.because(format!("--{error}")))?;
    let parameters = parameters(args.parameters)?;
    let operator = client::operator(&args.nats).await?;
    let mut statuses = operator.fault_statuses().await?;
    let asked = operator.inject(&args.fault, &args.target, args.ttl, parameters);
    let id = asked.await?;
    let status = operator.fault_taken(&mut statuses, &id).await?;
    screen::print(&format!("{id}\n"))?;
    eprintln!("{} on {} is {}", status.fault, args.target, status.state);
    if args.wait && !status.state.is_final() {
        say_end(&operator.fault_over(&mut statuses, &id, args.ttl).await?)?;
    }
    Ok(())
}

/// Reverts one fault or all of them, and waits until they are gone.
pub(crate) async fn revert(args: RevertArgs) -> Result<(), Failure> {
    let operator = client::operator(&args.nats).await?;
    let mut statuses = operator.fault_statuses().await?;
    // They end in any order.
    let mut left = operator.revert(&args.id).await?;
    match (left.as_slice(), args.id.as_str()) {
        ([], "all") => eprintln!("no fault is active"),
        ([], id) => eprintln!("{id} is over already"),
        _ => {}
    }
    while !left.is_empty() {
        let status = operator.next_end(&mut statuses, &left).await?;
        left.retain(|id| id != status.id.as_str());
        screen::print(&format!("{}\n", status.id))?;
        say_end(&status)?;
    }
    Ok(())
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
