//! What goes into the core and what comes out of it.

use std::time::Duration;

use arena_config::arena::Definition;
use arena_faults::{FaultName, Params};
use arena_proto::{
    Command, CommandId, Control, FaultId, FaultReason, FaultRequest, FaultStatus, IncidentId,
    Outcome, ServiceName,
};

use crate::{JournalEntry, Saved};

/// A process, told from a later one with the same pid by its start time.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
pub struct ProcessRef {
    /// The leader of the process group.
    pub pid: u32,
    /// In clock ticks since the machine's boot, as `/proc/PID/stat` has it.
    pub start_time: u64,
}

/// What the agent found when it started.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Boot {
    /// What its predecessor saved.
    pub saved: Saved,
    /// Which of the saved processes are alive.
    pub found: Vec<Found>,
    /// Faults that were in the undo journal.
    pub journal: Vec<JournalEntry>,
}

/// A process of a predecessor that is still alive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Of which service.
    pub service: ServiceName,
    /// The process.
    pub process: ProcessRef,
}

/// A renewal of the lease `remediator`: somebody is there who restarts what died.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heard {
    /// The fencing token of who holds it.
    pub fence: u64,
}

/// A process that is not this node's and holds a service's port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortHolder {
    /// Its id.
    pub pid: u32,
    /// Its command line.
    pub command_line: String,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// The agent started. First of all, once.
    Boot(Boot),
    /// [`Output::Spawn`] gave a process.
    Spawned {
        /// Of which service.
        service: ServiceName,
        /// As the output said.
        generation: u32,
        /// What was started.
        process: ProcessRef,
    },
    /// [`Output::Spawn`] gave none.
    SpawnFailed {
        /// Of which service.
        service: ServiceName,
        /// As the output said.
        generation: u32,
        /// Why, for a person.
        message: String,
        /// Who holds its port, when that is why, and when it is known.
        holder: Option<PortHolder>,
    },
    /// A process ended.
    Exited {
        /// Of which service.
        service: ServiceName,
        /// Of which start.
        generation: u32,
        /// Exit code, or 128 + signal; `None` when nobody could tell (an adopted process).
        code: Option<i32>,
    },
    /// Who holds the port of a service that is down; told when it changes.
    PortHeld {
        /// Of which service.
        service: ServiceName,
        /// Of which start the process is gone.
        generation: u32,
        /// `None`: the port is free again, or nobody can tell.
        holder: Option<PortHolder>,
    },
    /// A probe answered or failed.
    Probed {
        /// Of which service.
        service: ServiceName,
        /// Of which start.
        generation: u32,
        /// `Err` says what was wrong.
        result: Result<(), String>,
    },
    /// Somebody asks for an action.
    Command(Command),
    /// [`Output::Recover`] is done.
    Recovered {
        /// For which command.
        command: CommandId,
        /// What was reset, or why it was not.
        result: Result<String, String>,
    },
    /// [`Output::Throttle`] is done.
    Throttled {
        /// Which service.
        service: ServiceName,
        /// How it is held, where that is not just what was asked for; `Err` is why it is not in effect; nothing of it is
        /// left then.
        result: Result<String, String>,
    },
    /// [`Output::FreePort`] is done.
    PortFreed {
        /// For which command.
        command: CommandId,
        /// Who was ended, or why the port is still held.
        result: Result<String, String>,
    },
    /// [`Output::CleanDisk`] is done.
    DiskCleaned {
        /// For which command.
        command: CommandId,
        /// What was deleted, or why nothing was.
        result: Result<String, String>,
    },
    /// What people decided for the whole arena: when the agent first hears it, and on every change.
    Control(Control),
    /// The remediator is there.
    Remediator(Heard),
    /// Somebody asks for a fault, renews or reverts one.
    Fault(FaultRequest),
    /// [`Output::WriteJournal`] is on the disk, or could not be written.
    Journaled {
        /// Which fault.
        fault: FaultId,
        /// `Err` says why not.
        result: Result<(), String>,
    },
    /// [`Output::Apply`] is done.
    Applied {
        /// Which fault.
        fault: FaultId,
        /// `Err` is why it is not in effect.
        result: Result<(), (FaultReason, String)>,
    },
    /// [`Output::Revert`] is done and read back.
    Reverted {
        /// Which fault.
        fault: FaultId,
        /// `Err` says what is still in effect, or why nobody could tell.
        result: Result<(), String>,
    },
    /// What a fault lived in is gone, and nobody reverted it: a helper was ended, its files were deleted.
    FaultGone {
        /// Which fault.
        fault: FaultId,
        /// What happened to it, for a person.
        message: String,
    },
    /// What a service that came up says that it can do to itself. Told only when faults are accepted.
    MakesFaults {
        /// Which service.
        service: ServiceName,
        /// Of which start.
        generation: u32,
        /// The names of the faults.
        faults: Vec<String>,
    },
    /// The bus came or went. Before the first of these it is away.
    Connected(bool),
    /// Stop everything and end.
    Shutdown,
    /// Time passed.
    Tick,
}

/// How often to probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// While the service starts: as soon as it answers it is up.
    Eager,
    /// As configured.
    Steady,
}

/// A fault to apply or revert, with all that it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect {
    /// Which fault.
    pub fault: FaultId,
    /// What it does.
    pub name: FaultName,
    /// Its parameters.
    pub params: Params,
    /// To which service; `None`: to the node.
    pub service: Option<ServiceName>,
    /// The service's process that was running when it was asked for.
    pub process: Option<ProcessRef>,
    /// What is left of its time to live.
    pub ttl: Duration,
}

/// What to do, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Start a process; answered by [`Input::Spawned`] or [`Input::SpawnFailed`].
    Spawn {
        /// Of which service.
        service: ServiceName,
        /// Which start this is.
        generation: u32,
        /// How: what `arena.toml` says, or what was rolled back to.
        definition: Definition,
    },
    /// Watch a predecessor's process for its end.
    Adopt {
        /// Of which service.
        service: ServiceName,
        /// Which start it was.
        generation: u32,
        /// The process.
        process: ProcessRef,
    },
    /// End the process group: SIGTERM (and SIGCONT), after the grace SIGKILL. [`Input::Exited`] tells of the end.
    Stop {
        /// Of which service.
        service: ServiceName,
        /// The process.
        process: ProcessRef,
        /// Time between the two; zero kills at once.
        grace: Duration,
    },
    /// Hold a process group that was just started (SIGSTOP), until [`Output::Release`] or the revert of the fault that wants it.
    Hold {
        /// The process.
        process: ProcessRef,
    },
    /// Let a process group go on (SIGCONT) that was held.
    Release {
        /// The process.
        process: ProcessRef,
    },
    /// End what is left of a process group whose leader is gone.
    Sweep {
        /// The leader that was.
        process: ProcessRef,
    },
    /// Probe from now on, at this pace; also changes the pace.
    Probe {
        /// Which service.
        service: ServiceName,
        /// Goes with each [`Input::Probed`].
        generation: u32,
        /// How often.
        pace: Pace,
        /// What was started, and so what to ask.
        definition: Definition,
    },
    /// Probe no more.
    StopProbing {
        /// Which service.
        service: ServiceName,
    },
    /// Ask the service to reset itself; answered by [`Input::Recovered`].
    Recover {
        /// Which service.
        service: ServiceName,
        /// For which command.
        command: CommandId,
    },
    /// Gather evidence before what follows here, and publish it; never for longer than 300 ms.
    Capture {
        /// Of which service; `None`: of the node.
        service: Option<ServiceName>,
        /// Before which command.
        command: CommandId,
        /// For which incident.
        incident: IncidentId,
    },
    /// Give a process group this share of one CPU, until [`Output::Unthrottle`] or its end; replaces the share that it had.
    /// Answered by [`Input::Throttled`].
    Throttle {
        /// Which service.
        service: ServiceName,
        /// Its process.
        process: ProcessRef,
        /// Of one CPU, 5 to 100.
        percent: u32,
    },
    /// Give it all CPUs again; also of one that a dead agent throttled.
    Unthrottle {
        /// Which service.
        service: ServiceName,
    },
    /// End the foreign process that holds the service's port; answered by [`Input::PortFreed`] within a bounded time.
    FreePort {
        /// Which service.
        service: ServiceName,
        /// For which command.
        command: CommandId,
    },
    /// Delete what the service's definition names as disposable; answered by [`Input::DiskCleaned`] within a bounded time.
    CleanDisk {
        /// Which service.
        service: ServiceName,
        /// For which command.
        command: CommandId,
    },
    /// Close every connection of the sidecar's inbound leg.
    ResetLeg {
        /// Of which service.
        service: ServiceName,
    },
    /// Publish.
    Outcome(Outcome),
    /// Publish.
    FaultStatus(FaultStatus),
    /// Write to the undo journal and sync it; answered by [`Input::Journaled`].
    WriteJournal(JournalEntry),
    /// Take out of the undo journal.
    EraseJournal(FaultId),
    /// Make a fault; answered by [`Input::Applied`] within a bounded time.
    Apply(Effect),
    /// Undo a fault and read back that it is gone; answered by [`Input::Reverted`] within a bounded time.
    Revert(Effect),
    /// What the node's status says has changed: publish telemetry at once and write KV `status`.
    Changed,
    /// [`crate::Node::saved`] has changed: write it.
    Save,
    /// After [`Input::Shutdown`]: nothing of this node is left.
    Finished,
}
