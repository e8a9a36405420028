//! What a node does beyond starting and stopping: how, not whether; that is the core's.

pub(crate) mod clean_disk;
pub(crate) mod evidence;
pub(crate) mod free_port;
pub(crate) mod throttle;
