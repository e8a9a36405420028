//! The referee: what happened in a run, live or simulated, in; its score, with the reason of each number, out.
//!
//! Absent on purpose: the run itself, clocks, files. Invariant: a policy's own word counts for nothing.
