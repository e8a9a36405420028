//! How a KV `control` that is lost is told.

use arena_operator::Changed;
use arena_proto::{Control, LeverPosition};
use arena_view::action::LOST_MEND;

/// Why nobody can say what people decided, with what a person does about it.
pub(crate) fn told(lost: &str) -> String {
    format!("{lost}\n  mend: {LOST_MEND}")
}

/// Says when a change replaced a lost value, and gives what holds now.
pub(crate) fn tell(changed: Changed) -> Control {
    if let Some(lost) = changed.lost {
        eprintln!("{lost}; it is written anew, without earlier modes and pauses");
        if changed.control.lever == LeverPosition::Stopped {
            eprintln!("the lever is STOPPED, until: arena lever resume");
        }
    }
    changed.control
}
