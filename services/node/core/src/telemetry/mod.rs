//! Faults of what a node tells of itself. They live between the agent's sampler and the bus, in a [`Filter`] that every message passes on its
//! way out. Each fault has a file of its own.
//!
//! Absent on purpose: clocks and the bus; whoever has the filter hands in the time, and publishes what comes out. Fault statuses, outcomes and
//! evidence never pass here. Nothing of it outlives the agent: a successor finds nothing to undo.

mod bias;
mod delay;
mod duplicate;
mod filter;
mod forge;
mod freeze;
mod loss;
mod reorder;
mod selection;
mod silence;
mod skew;

use arena_faults::FaultName;
use arena_proto::FaultReason;

pub use filter::Filter;

use crate::Effect;
use bias::Bias;
use delay::Delay;
use duplicate::Duplicate;
use filter::Stage;
use forge::Forge;
use freeze::Freeze;
use loss::Loss;
use reorder::Reorder;
use selection::Selection;
use silence::Silence;
use skew::Skew;

/// What a fault does to messages.
fn stage(effect: &Effect, filter: &Filter) -> Result<Box<dyn Stage>, (FaultReason, String)> {
    let params = &effect.params;
    let selection = || {
        Selection::check(params, filter.schema())
            .map_err(|message| (FaultReason::BadParameter, message))
    };
    Ok(match effect.name {
        FaultName::TelemetryLoss => Box::new(Loss::new(params)),
        FaultName::TelemetryDelay => Box::new(Delay::new(params)),
        FaultName::TelemetryDuplicate => Box::new(Duplicate::new(params)),
        FaultName::TelemetryReorder => Box::new(Reorder::new(params)),
        FaultName::TelemetryFreeze => Box::new(Freeze::new(filter.latest())),
        FaultName::TelemetrySkew => Box::new(Skew::new(params)),
        FaultName::TelemetryBias => Box::new(Bias::new(params, selection()?)),
        FaultName::TelemetryForge => Box::new(Forge::new(params, selection()?)),
        FaultName::NodeSilent => Box::new(Silence),
        name => {
            let message = format!("{name} is no fault of telemetry");
            return Err((FaultReason::Unsupported, message));
        }
    })
}

#[cfg(test)]
mod tests;
