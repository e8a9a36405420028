//! What a command line is in this world: a role of the shop, its users, its batch job, or a program of which nothing is known but that it
//! takes requests.
//!
//! Invariant: what the workload's own command line refuses ends here in the same way, so that a bad definition is as bad as it is live.

use std::time::Duration;

use super::physics::PLACES;

/// What a service does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Passes a cart to `orders`.
    Edge,
    /// Has an order charged and reserved at once.
    Orders,
    /// Enters its part into the ledger.
    Payments,
    /// Enters its part into the ledger.
    Inventory,
    /// Writes to a disk.
    Ledger,
    /// Is the users.
    Traffic,
    /// Burns CPU, if it is told to.
    Batch,
    /// Any other command line: answers what it is asked.
    Plain,
}

/// A user's patience (services/workload/src/traffic.rs).
pub(super) const PATIENCE: Duration = Duration::from_secs(3);

impl Role {
    const NAMED: [(&'static str, Self); 7] = [
        ("edge", Self::Edge),
        ("orders", Self::Orders),
        ("payments", Self::Payments),
        ("inventory", Self::Inventory),
        ("ledger", Self::Ledger),
        ("traffic", Self::Traffic),
        ("batch", Self::Batch),
    ];

    /// What it calls for each request, all at once (services/workload/src/shop.rs).
    pub(super) const fn calls(self) -> &'static [&'static str] {
        match self {
            Self::Traffic => &["edge"],
            Self::Edge => &["orders"],
            Self::Orders => &["payments", "inventory"],
            Self::Payments | Self::Inventory => &["ledger"],
            Self::Ledger | Self::Batch | Self::Plain => &[],
        }
    }

    /// How long it waits for what it calls: each hop a little less than the one before it (services/workload/src/shop.rs).
    pub(super) const fn patience(self) -> Duration {
        match self {
            Self::Edge => Duration::from_millis(2500),
            Self::Orders => Duration::from_secs(2),
            Self::Payments | Self::Inventory => Duration::from_millis(1500),
            Self::Traffic | Self::Ledger | Self::Batch | Self::Plain => PATIENCE,
        }
    }

    /// It answers on a control socket, as every role of the workload does.
    pub(super) const fn has_control_socket(self) -> bool {
        !matches!(self, Self::Plain)
    }
}

/// A command line, read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Program {
    pub(super) role: Role,
    /// Of the users: checkouts a second; `None`: what the scenario says.
    pub(super) rate_hz: Option<u32>,
    /// Of the batch job: threads that burn.
    pub(super) burn: u32,
    /// Requests that it serves at once.
    pub(super) places: u32,
    /// It ends at once with this code: its command line is none.
    pub(super) fails: Option<i32>,
}

/// Of the workload's command line: a flag and the numbers that it may have; a text where there is none.
const FLAGS: [(&str, Option<(u32, u32)>); 8] = [
    ("--port", Some((0, 65_535))),
    ("--data", None),
    ("--max-in-flight", Some((1, 1024))),
    ("--rate", Some((0, 1000))),
    ("--seed", None),
    ("--burn", Some((0, 16))),
    ("--control-socket", None),
    ("--node", None),
];

/// What clap ends a program with that it cannot read.
const USAGE: i32 = 2;

impl Program {
    /// Of `command`, of which `known` is what `arena.toml` says: of a program that is none of the shop nothing else tells a bad one.
    pub(super) fn read(command: &[String], known: &[String]) -> Self {
        let workload = command
            .first()
            .is_some_and(|program| program.rsplit('/').next() == Some("arena-workload"));
        let named = |word: &String| Role::NAMED.iter().find(|(name, _)| *name == word.as_str());
        let role = command.get(1).and_then(named).filter(|_| workload);
        let mut program = Self {
            role: role.map_or(Role::Plain, |(_, role)| *role),
            rate_hz: None,
            burn: 0,
            places: PLACES,
            fails: None,
        };
        program.fails = match role {
            Some(_) => program.read_flags(&command[2..]).err(),
            // Most programs end at once with an argument that they do not know.
            None => (command != known).then_some(USAGE),
        };
        program
    }

    fn read_flags(&mut self, words: &[String]) -> Result<(), i32> {
        let mut words = words.iter().map(String::as_str);
        while let Some(word) = words.next() {
            let (flag, value) = match word.split_once('=') {
                Some((flag, value)) => (flag, Some(value)),
                None => (word, None),
            };
            let known = FLAGS.iter().find(|(name, _)| *name == flag);
            let (_, range) = known.ok_or(USAGE)?;
            let value = value.or_else(|| words.next()).ok_or(USAGE)?;
            // `{port}` is filled in by whoever starts it.
            let Some((least, most)) = range.filter(|_| value != "{port}") else {
                continue;
            };
            let number = value.parse().ok();
            let number = number.filter(|number| (least..=most).contains(number));
            let number = number.ok_or(USAGE)?;
            match flag {
                "--rate" => self.rate_hz = Some(number),
                "--burn" => self.burn = number,
                "--max-in-flight" => self.places = number,
                _ => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Program {
        let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        Program::read(&words(line), &words("python3 -m http.server"))
    }

    #[test]
    fn the_workloads_command_line_is_read_as_the_workload_reads_it() {
        let program = read("/opt/arena-workload traffic --rate 50 --seed=7 --port {port}");
        assert_eq!(
            (program.role, program.rate_hz, program.fails),
            (Role::Traffic, Some(50), None)
        );
        assert_eq!(read("arena-workload edge --max-in-flight=1").places, 1);
        assert_eq!(read("arena-workload batch --burn 3").burn, 3);
        for bad in [
            "--arena-bad-config",
            "--max-in-flight=0",
            "--rate 1001",
            "--port",
        ] {
            assert_eq!(
                read(&format!("arena-workload edge {bad}")).fails,
                Some(2),
                "{bad}"
            );
        }
    }

    #[test]
    fn any_other_command_line_is_plain_and_bad_when_it_is_another_than_arena_toml_has() {
        assert_eq!(
            (
                read("python3 -m http.server").role,
                read("python3 -m http.server").fails
            ),
            (Role::Plain, None)
        );
        assert_eq!(
            read("python3 -m http.server --arena-bad-config").fails,
            Some(2)
        );
    }
}
