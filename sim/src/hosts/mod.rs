//! The programs of an arena, each with its core: what the live shells do, on the virtual clock.

pub(crate) mod detector;
pub(crate) mod healer;
pub(crate) mod injector;
pub(crate) mod node;
pub(crate) mod recorder;
pub(crate) mod remediator;
pub(crate) mod seen;
pub(crate) mod watcher;
