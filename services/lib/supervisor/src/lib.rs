//! What it takes to look after real processes on one Linux machine: start them in groups of their own, learn of their
//! end at once, stop them without leaving anyone behind, keep their logs within bounds, say who holds a port, and
//! find or fetch the nats-server that everything rests on.
//!
//! Deliberately absent: policy. When to restart, what to probe and in which order to stop is for the callers.
//!
//! Invariants:
//! - Nothing is signalled by its pid alone: a pid comes back for other processes, so every process is held by a pidfd and
//!   known by pid and start time together.
//! - Everything that this crate starts leads a process group of its own.

pub mod logs;
pub mod nats;
pub mod ports;
pub mod process;
pub mod program;
mod table;

pub use process::{Exit, Process, Signal, Spawn, SpawnError, spawn, stop};
pub use table::{Identity, identity_of, with_environment};
