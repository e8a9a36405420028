//! The machine, by sysinfo.

use std::time::Duration;

use sysinfo::{DiskRefreshKind, Disks, MemoryRefreshKind, Networks, System};

/// Disks fill slowly, and asking a network mount may take a while: every so many samples.
const DISK_EVERY: u32 = 10;

/// One reading of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct HostReading {
    cpu_percent: f32,
    memory_used_percent: f64,
    disk_used_percent: f64,
    load1: f64,
    receive_bytes_hz: f64,
    transmit_bytes_hz: f64,
}

impl HostReading {
    #[expect(clippy::cast_possible_truncation, reason = "samples travel as f32")]
    pub(super) fn values(&self) -> [f32; 6] {
        [
            self.cpu_percent,
            self.memory_used_percent as f32,
            self.disk_used_percent as f32,
            self.load1 as f32,
            self.receive_bytes_hz as f32,
            self.transmit_bytes_hz as f32,
        ]
    }
}

/// Measures the machine.
#[derive(Debug)]
pub(super) struct Host {
    system: System,
    networks: Networks,
    disks: Disks,
    disk_used_percent: f64,
    samples: u32,
}

impl Host {
    pub(super) fn new() -> Result<Self, sysinfo::Error> {
        let mut system = System::new()?;
        // The first reading is the one that the next is compared with.
        system.refresh_cpu_usage();
        Ok(Self {
            system,
            networks: Networks::new_with_refreshed_list()?,
            disks: Disks::new_with_refreshed_list_specifics(
                DiskRefreshKind::nothing().with_storage(),
            )?,
            disk_used_percent: 0.0,
            samples: 0,
        })
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "bytes of a second, far below 2^52"
    )]
    pub(super) fn measure(&mut self, elapsed: Duration) -> HostReading {
        self.system.refresh_cpu_usage();
        self.system
            .refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
        self.networks.refresh(false);
        if self.samples.is_multiple_of(DISK_EVERY) {
            self.disks
                .refresh_specifics(false, DiskRefreshKind::nothing().with_storage());
            self.disk_used_percent = self.fullest_disk();
        }
        self.samples = self.samples.wrapping_add(1);
        let seconds = elapsed.as_secs_f64().max(0.001);
        let received: u64 = self
            .networks
            .values()
            .map(sysinfo::NetworkData::received)
            .sum();
        let sent: u64 = self
            .networks
            .values()
            .map(sysinfo::NetworkData::transmitted)
            .sum();
        HostReading {
            cpu_percent: self.system.global_cpu_usage(),
            memory_used_percent: percent(self.system.used_memory(), self.system.total_memory()),
            disk_used_percent: self.disk_used_percent,
            load1: System::load_average().map_or(f64::NAN, |load| load.one),
            receive_bytes_hz: received as f64 / seconds,
            transmit_bytes_hz: sent as f64 / seconds,
        }
    }

    fn fullest_disk(&self) -> f64 {
        self.disks
            .iter()
            .map(|disk| {
                let used = disk.total_space().saturating_sub(disk.available_space());
                percent(used, disk.total_space())
            })
            .fold(0.0, f64::max)
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a share needs no more than 52 bits"
)]
fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64 * 100.0
    }
}
