//! The deterministic arena: the cores of node, detector, remediator and injector, joined on a virtual clock by a bus in process, over nodes
//! and services whose physics make cause and effect real.
//!
//! Absent on purpose: real clocks, real chance, files, threads. Invariant: the same build, scenario and seed give the same event log, byte
//! by byte.

pub mod bus;
pub mod chance;
pub mod log;
pub mod net;
pub mod observe;
pub mod policy;
pub mod queue;
pub mod stepped;
pub mod world;

mod ground;
mod hosts;
mod play;
mod setup;
mod sim;
mod wire;

pub use play::{Played, play};
pub use setup::{Death, Healer, Mortal, Setup, SetupError, Villain};
pub use sim::Sim;
