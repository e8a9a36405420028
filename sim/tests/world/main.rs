//! The physics of the simulated world, seen from outside: what each fault does to it, what follows from what, and what never happens.

mod faults;
mod host;
mod laws;
