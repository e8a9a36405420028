//! KV `control` as the commands of people read and change it.
//!
//! One rule for a value that is lost (somebody wrote rubbish, or removed it): nodes keep what they last heard, so nobody
//! can say where the lever is; it is never told as released, and every change writes a good value, with a stopped lever
//! unless the change releases it.

use arena_bus::{Bus, Decided};
use arena_proto::{Control, LeverPosition};

use crate::exit::Failure;

/// Why nobody can say what people decided; `None` when it can be read.
pub(crate) const fn lost(decided: &Decided) -> Option<&'static str> {
    match decided {
        Decided::Known(_) => None,
        Decided::Unreadable => {
            Some("the control value cannot be read: nodes keep what they last heard")
        }
        Decided::Removed => Some("the control value was removed: nodes keep what they last heard"),
    }
}

/// What a person does about a lost value, as a second line.
pub(crate) const MEND: &str = "\n  mend: `arena lever resume` or `arena lever stop` writes it anew";

/// Changes it, and says when that replaced a lost value.
pub(crate) async fn change(
    bus: &Bus,
    change: impl Fn(&mut Control) -> Result<(), Failure>,
) -> Result<Control, Failure> {
    let before = bus.decided().await?;
    let control = bus.change_control(change).await?;
    if let Some(lost) = lost(&before) {
        eprintln!("{lost}; it is written anew, without earlier modes and pauses");
        if control.lever == LeverPosition::Stopped {
            eprintln!("the lever is STOPPED, until: arena lever resume");
        }
    }
    Ok(control)
}
