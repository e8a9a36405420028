//! Nothing of a fault is left after the death of anybody in mid-fault: `kill -9` of the injector, of the agents (which
//! their supervisor starts again), of the services, of nats-server.

use arena_faults::{Carrier, FaultName};
use futures::future::join_all;

use crate::course;
use crate::machine;
use crate::rows::Row;
use crate::world::World;

/// Whose death ends it, and by what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Party {
    /// The lease is renewed no more.
    Injector,
    /// Its successor reverts by the undo journal; helpers end by themselves.
    Agents,
    /// What lives in the process is gone with it; the rest ends by its time to live.
    Service,
    /// Nobody can renew anything; when it is back within the lease the fault goes on, until its time to live.
    Bus,
}

pub(crate) const PARTIES: [Party; 4] = [Party::Injector, Party::Agents, Party::Service, Party::Bus];

/// One fault of each carrier.
pub(crate) const SAMPLE: [FaultName; 9] = [
    FaultName::CpuSpike,
    FaultName::Crash,
    FaultName::CrashLoop,
    FaultName::BadConfig,
    FaultName::PortSquat,
    FaultName::NetworkDelay,
    FaultName::NetworkPartition,
    FaultName::DiskFull,
    FaultName::TelemetryFreeze,
];

impl Party {
    /// So long lives a fault that the death of this party does not end by itself.
    pub(crate) fn ttl(self, row: &Row) -> &'static str {
        let ends_with_process =
            matches!(row.fault.fault().carrier, Carrier::Process | Carrier::Leg);
        match self {
            Self::Bus => "25s",
            Self::Service if !ends_with_process => "25s",
            _ => course::LONG,
        }
    }

    pub(crate) fn kill(self, world: &World, rows: &[&Row]) {
        let pids = match self {
            Self::Injector => world.arena.processes_of("arena-injector"),
            Self::Bus => world.arena.processes_of("nats-server"),
            // Helpers run the same program; they are not the agent.
            Self::Agents => world.agents(),
            Self::Service => rows.iter().filter_map(|row| leader(world, row)).collect(),
        };
        assert!(
            !pids.is_empty() || self == Self::Service,
            "no {self:?} to kill"
        );
        for pid in pids {
            let killed = std::process::Command::new("kill")
                .args(["-KILL", &pid.to_string()])
                .status();
            assert!(killed.is_ok(), "kill");
        }
    }
}

fn leader(world: &World, row: &Row) -> Option<u32> {
    let (node, service) = row.place();
    let group = machine::group_of(&world.folder, node, service?);
    Some(group.first()?.pid)
}

/// All these faults at once, then the death; what went wrong.
pub(crate) async fn round(world: &World, party: Party, rows: &[&Row]) -> Vec<String> {
    let told = |row: &Row, why: String| {
        format!("{} on {}, death of {party:?}: {why}", row.fault, row.target)
    };
    let hurt = rows
        .iter()
        .map(|row| course::hurt(world, row, party.ttl(row)));
    let hurt = join_all(hurt).await;
    if !rows.is_empty() {
        party.kill(world, rows);
    }
    let over = rows.iter().zip(hurt).map(async |(row, hurt)| {
        let over = match hurt {
            Ok(id) => course::over(world, row, &id).await,
            Err(why) => Err(why),
        };
        over.err().map(|why| told(row, why))
    });
    join_all(over).await.into_iter().flatten().collect()
}
