//! A scenario: an arena, its load, what is normal in it, which faults are made in it and when, what counts as healed, and the truth
//! about it. Plain data that was checked as a whole; the live runner, the injector's scripted villain and the simulator read it.
//!
//! Absent on purpose: clocks, chance (a seed is in the scenario), files, the bus.

pub mod judge;
pub mod record;
pub mod score;
pub mod watch;

mod chance;
mod curated;
mod generate;
mod layout;
mod model;
mod plan;
mod raw;
mod read;
mod read_fault;
mod roles;
mod rules;
mod schema;
mod seed;
mod select;
mod source;
mod write;

pub use curated::curated;
pub use generate::{GENERATED_MAX, generate};
pub use layout::{BATCH, Layout, LayoutError, NODES_MAX, PORTS_MAX, ROLES, TRAFFIC, dependencies};
pub use model::{
    Check, Difficulty, Expect, Healed, Injection, Load, LoadShape, Quality, Scenario, Selector,
    SteadyState, Topology, Truth, When,
};
pub use plan::{Origin, Planned};
pub use roles::check_takes;
pub use schema::schema;
pub use select::View;
