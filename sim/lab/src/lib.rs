//! Experiments: many simulated runs at once, and what they say together.
//!
//! Absent on purpose: files and terminals (the command line's), and any judgement of a single run (the referee's). Invariant: results do not
//! depend on the number of threads.
