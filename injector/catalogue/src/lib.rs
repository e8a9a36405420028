//! Every fault that there is, as data: what it does, to what, with which parameters and ranges, what it should cause and what truly
//! cures it. The one place that knows; the injector, the nodes, the workload and the scenarios read it here.
//!
//! Absent on purpose: making faults (the node's and the workload's), choosing them (the injector's).

mod error;
mod fault;
mod faults;
pub mod limits;
mod name;
mod param;
mod reference;
mod target;
mod told;
mod written;

pub use error::CatalogueError;
pub use fault::{Carrier, Family, Fault, Need, Scope, check_ttl};
pub use faults::CATALOGUE;
pub use name::FaultName;
pub use param::{Kind, Param, Params};
pub use reference::reference;
pub use target::TargetError;
pub use told::told;
