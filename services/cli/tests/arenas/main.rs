//! Whole arenas on real processes, started and read by the `arena` binary as a person would.
//!
//! One program for all of them, so that one test waits while another does: cargo runs test programs one after the other.

mod cures;
mod decisions;
mod frozen_agent;
mod heals_safely;
mod leaks;
mod lifecycle;
mod loop_closes;
mod people;
mod rubbish;
mod scenarios;
mod sick_services;
mod villain;

use arena_testkit::Turns;

/// A test that starts an arena waits for its turn before.
static TURNS: Turns = Turns::new();
