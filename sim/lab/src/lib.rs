//! Experiments: many simulated runs at once, and what they say together.
//!
//! Absent on purpose: files and terminals (the command line's), clocks, and any judgement of a single run (the referee's). Invariant: results
//! do not depend on the number of threads, nor on which run is done first.

mod arena;
mod bench;
mod course;
mod job;
mod noise;
mod report;
mod shrink;
mod stats;
mod tournament;
mod work;

pub use arena::{NO_STEADY_STATE, play, play_guarded};
pub use bench::{Broken, FORMAT, Machine, Pair, Report, Row, ScenarioRow, Skipped};
pub use course::{Course, Lane, Span};
pub use job::{Job, Matrix, Measure, Outcome, Trial};
pub use noise::{NOISE_PERCENT_MAX, with_noise};
pub use report::{DrawError, html};
pub use shrink::{BROKEN, Failure, Reduction, Shrunk, Try, reductions, shrink};
pub use stats::{Estimate, Share, TOLD_MIN};
pub use tournament::{
    Bout, BoutResult, Cell, LENGTH_MAX, Round, Standings, Tournament, VILLAINS, Versus, play_bout,
};
pub use work::{Done, Orders, run_all};
