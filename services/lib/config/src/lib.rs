//! Files that people write: TOML, with errors that say what is wrong, where, and how to mend it.
//!
//! [`parse`] reads any TOML type and turns every error into a [`Diagnostic`]; what TOML cannot check (a name used
//! twice, a dependency that is not there) is checked by the owner of the type with [`Diagnostic::at`]. [`arena`] is
//! `arena.toml`. Absent on purpose: reading files. Callers hand in the text, so that a core may use this crate.

pub mod arena;
mod diagnostic;
pub mod duration;
mod raw;
mod reader;

pub use diagnostic::{Diagnostic, closest, parse};
