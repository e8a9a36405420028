//! `cpu-spike`, `memory-leak`, `fd-leak`, `thread-leak`: a service takes more and more of something. One that knows how to does
//! it itself; beside any other a helper is put into its process group, so that what it takes is the service's and a restart ends
//! it.

use arena_faults::FaultName;
use arena_faults::limits::MEMORY_FLOOR_MIB;
use arena_node_core::Effect;
use arena_proto::FaultReason;
use rustix::process::{Resource, getrlimit};

use super::{Faults, Refusal, helpers, in_service};
use crate::helper::{FILES_SPARE, Kind, available_mib};

pub(super) async fn apply(faults: &Faults, effect: &Effect) -> Result<(), Refusal> {
    let kind = kind(effect);
    if let Kind::Memory { ceiling, .. } = kind {
        check_memory(ceiling, available_mib())?;
    }
    if in_service::is_made(faults, effect).await? {
        return Ok(());
    }
    if let Kind::Files { ceiling, .. } = kind {
        check_files(ceiling, getrlimit(Resource::Nofile).maximum)?;
    }
    helpers::start_in_service(faults, effect, kind).map_err(helpers::no_helper)
}

pub(super) async fn revert(faults: &Faults, effect: &Effect) -> Result<(), String> {
    let in_service = in_service::revert(faults, effect).await;
    // Whatever became of the one, the other is ended.
    helpers::end(faults, effect, kind(effect)).await?;
    in_service
}

fn kind(effect: &Effect) -> Kind {
    let count = |name| effect.params.count(name);
    match effect.name {
        FaultName::MemoryLeak => Kind::Memory {
            rate: count("rate"),
            ceiling: count("ceiling"),
        },
        FaultName::FdLeak => Kind::Files {
            rate: count("rate"),
            ceiling: count("ceiling"),
        },
        FaultName::ThreadLeak => Kind::Threads {
            rate: count("rate"),
            ceiling: count("ceiling"),
        },
        _ => Kind::Burn {
            cores: count("cores"),
        },
    }
}

fn check_memory(ceiling: u64, available: Option<u64>) -> Result<(), Refusal> {
    let available = available.ok_or_else(|| {
        let message = "nobody can tell how much memory is available here".to_owned();
        (FaultReason::Unsupported, message)
    })?;
    if available.saturating_sub(ceiling) >= MEMORY_FLOOR_MIB {
        return Ok(());
    }
    let message = format!(
        "it may take {ceiling} MiB, and of the {available} MiB that are available {MEMORY_FLOOR_MIB} MiB have to stay so"
    );
    Err((FaultReason::Limit, message))
}

fn check_files(ceiling: u64, maximum: Option<u64>) -> Result<(), Refusal> {
    match maximum.filter(|maximum| *maximum < ceiling + FILES_SPARE) {
        None => Ok(()),
        Some(maximum) => {
            let message = format!(
                "a process may have {maximum} files open here (`ulimit -Hn`), and it would have up to {}",
                ceiling + FILES_SPARE
            );
            Err((FaultReason::Unsupported, message))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_leave_too_little_memory_or_is_not_allowed_is_refused_with_the_numbers() {
        assert_eq!(check_memory(256, Some(768)), Ok(()));
        let (reason, message) = check_memory(256, Some(767)).expect_err("too little");
        assert_eq!(reason, FaultReason::Limit);
        assert!(
            message.contains("256 MiB")
                && message.contains("767 MiB")
                && message.contains("512 MiB"),
            "{message}"
        );
        assert_eq!(check_files(512, None), Ok(()));
        assert_eq!(check_files(512, Some(576)), Ok(()));
        let (reason, message) = check_files(512, Some(575)).expect_err("too many");
        assert_eq!(reason, FaultReason::Unsupported);
        assert!(message.contains("575"), "{message}");
    }
}
