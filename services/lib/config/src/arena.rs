//! `arena.toml`: the nodes of an arena and the services that they run.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use arena_proto::{NodeName, ServiceClass, ServiceName};

use crate::Diagnostic;
use crate::raw::RawArena;
use crate::reader::Reader;

/// A whole arena, checked: names are unique where they must be, dependencies exist, no port is asked for twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arena {
    /// The nodes, in the order of the file.
    pub nodes: Vec<NodeSpec>,
}

/// One node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeSpec {
    /// Its name; one node a name.
    pub name: NodeName,
    /// What it runs, in the order of the file.
    pub services: Vec<ServiceSpec>,
}

/// One service on one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceSpec {
    /// Its name; one service a name on a node. Services of that name on other nodes are its replicas.
    pub name: ServiceName,
    /// Program and arguments; `{port}` stands for the port. A program without `/` is looked for beside Arena's own,
    /// then in PATH.
    pub command: Vec<String>,
    /// The port that it listens on, on loopback.
    pub port: Option<u16>,
    /// Services, on any node, that it calls.
    pub depends_on: Vec<ServiceName>,
    /// Added to its environment.
    pub env: BTreeMap<String, String>,
    /// Where it runs; the node's state folder when absent.
    pub working_dir: Option<PathBuf>,
    /// How to ask whether it works; absent: a process that lives is taken for healthy.
    pub health: Option<HealthSpec>,
    /// From SIGTERM to SIGKILL.
    pub stop_grace: Duration,
    /// SERVICE, or BATCH: one that may use any CPU, and gives way.
    pub class: ServiceClass,
    /// Not started until somebody asks.
    pub standby: bool,
    /// What may be deleted when the disk is full: patterns below the working folder; `*` and `?` stand for any
    /// characters of one name. At most [`CLEAN_MAX`].
    pub clean: Vec<String>,
}

/// What of a service can be rolled back: how it is started, and how it is asked whether it works.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Definition {
    /// As [`ServiceSpec::command`].
    pub command: Vec<String>,
    /// As [`ServiceSpec::env`].
    pub env: BTreeMap<String, String>,
    /// As [`ServiceSpec::working_dir`].
    pub working_dir: Option<PathBuf>,
    /// As [`ServiceSpec::health`].
    pub health: Option<HealthSpec>,
}

impl ServiceSpec {
    /// What of it can be rolled back.
    #[must_use]
    pub fn definition(&self) -> Definition {
        Definition {
            command: self.command.clone(),
            env: self.env.clone(),
            working_dir: self.working_dir.clone(),
            health: self.health.clone(),
        }
    }
}

/// How to ask a service whether it works.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct HealthSpec {
    /// What to ask.
    pub probe: Probe,
    /// From the start of one probe to the start of the next.
    pub interval: Duration,
    /// A probe that has no answer by then has failed.
    pub timeout: Duration,
    /// So many in a row make it FAILING.
    pub failures: u32,
}

/// What to ask.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Probe {
    /// `GET` this path on the service's port; 2xx and 3xx pass.
    Http {
        /// Begins with `/`.
        path: String,
    },
    /// Connect to the service's port. Weaker: a stopped process still accepts.
    Tcp,
    /// Run this command line; exit code 0 passes.
    Command(Vec<String>),
}

/// A node has at most this many services: the telemetry of one tick stays one small message.
pub const SERVICES_MAX: usize = 256;
/// Patterns in `clean`: more is a program of its own.
pub const CLEAN_MAX: usize = 16;
/// The longest `stop_grace`; more would outlast everybody who waits for a stop.
pub const STOP_GRACE_MAX: Duration = Duration::from_mins(1);

impl Arena {
    /// The built-in arena, as a file to copy.
    #[must_use]
    pub const fn default_toml() -> &'static str {
        include_str!("default-arena.toml")
    }

    /// Reads and checks an `arena.toml`.
    pub fn parse(file: &str, text: &str) -> Result<Self, Diagnostic> {
        let raw: RawArena = crate::parse(file, text)?;
        let reader = Reader { file, text };
        reader.check(&raw)?;
        let nodes = raw
            .node
            .into_inner()
            .into_iter()
            .map(|node| reader.node(node));
        Ok(Self {
            nodes: nodes.collect::<Result<_, _>>()?,
        })
    }

    /// The node of that name.
    #[must_use]
    pub fn node(&self, name: &NodeName) -> Option<&NodeSpec> {
        self.nodes.iter().find(|node| node.name == *name)
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(text: &str, expected: &Expect) {
        expected.assert_eq(&Arena::parse("arena.toml", text).unwrap_err().to_string());
    }

    #[test]
    fn the_built_in_arena_is_three_nodes_with_each_role_twice() {
        let arena = Arena::parse("built-in", Arena::default_toml()).unwrap();
        let names = |node: &NodeSpec| {
            node.services
                .iter()
                .map(|s| s.name.to_string())
                .collect::<Vec<_>>()
                .join(" ")
        };
        let shape: Vec<_> = arena
            .nodes
            .iter()
            .map(|n| format!("{}: {}", n.name, names(n)))
            .collect();
        expect![[r#"
            node-1: edge orders payments traffic
            node-2: edge orders inventory ledger
            node-3: payments inventory ledger"#]]
        .assert_eq(&shape.join("\n"));
    }

    #[test]
    fn one_node_with_one_command_is_a_complete_arena() {
        let text = "[[node]]\nname = \"n\"\n[[node.service]]\nname = \"s\"\ncommand = [\"sleep\", \"9\"]\n";
        let arena = Arena::parse("arena.toml", text).unwrap();
        assert_eq!(arena.nodes[0].services[0].command, ["sleep", "9"]);
        assert_eq!(
            arena.nodes[0].services[0].stop_grace,
            Duration::from_secs(2)
        );
    }

    #[test]
    fn a_batch_a_standby_and_what_may_be_deleted_are_read() {
        let text = "[[node]]\nname = \"n\"\n[[node.service]]\nname = \"s\"\ncommand = [\"a\"]\n\
                    class = \"batch\"\nstandby = true\nclean = [\"cache/*.tmp\", \"core.?\"]\n";
        let arena = Arena::parse("arena.toml", text).unwrap();
        let service = &arena.nodes[0].services[0];
        assert_eq!(
            (service.class, service.standby),
            (ServiceClass::Batch, true)
        );
        assert_eq!(service.clean, ["cache/*.tmp", "core.?"]);
    }

    #[test]
    fn services_may_depend_on_each_other_in_a_circle() {
        let service = |name: &str, other: &str| {
            format!(
                "[[node.service]]\nname = \"{name}\"\ncommand = [\"a\"]\ndepends_on = [\"{other}\"]\n"
            )
        };
        let text = format!(
            "[[node]]\nname = \"n\"\n{}{}",
            service("a", "b"),
            service("b", "a")
        );
        assert!(Arena::parse("arena.toml", &text).is_ok());
    }

    #[test]
    fn a_dependency_that_is_not_there_is_pointed_at() {
        check(
            "[[node]]\nname = \"n\"\n[[node.service]]\nname = \"orders\"\ncommand = [\"a\"]\ndepends_on = [\"paymets\"]\n[[node.service]]\nname = \"payments\"\ncommand = [\"a\"]\n",
            &expect![[r#"
                arena.toml:6:15: service "orders" depends on "paymets", which no node has
                  |
                6 | depends_on = ["paymets"]
                  |               ^^^^^^^^^
                  mend: write "payments", or add a [[node.service]] named "paymets""#]],
        );
    }

    #[test]
    fn a_port_asked_for_twice_names_the_first_line() {
        check(
            "[[node]]\nname = \"n\"\n[[node.service]]\nname = \"a\"\ncommand = [\"a\"]\nport = 81\n[[node.service]]\nname = \"b\"\ncommand = [\"a\"]\nport = 81\n",
            &expect![[r#"
                arena.toml:10:8: port 81 is taken by the service in line 6
                   |
                10 | port = 81
                   |        ^^
                  mend: all nodes share this machine: give each service a port of its own"#]],
        );
    }

    #[test]
    fn a_name_twice_an_empty_command_and_a_bad_probe_are_refused() {
        let service = "[[node]]\nname = \"n\"\n[[node.service]]\nname = \"a\"\n";
        for (text, what) in [
            (
                format!("{service}command = [\"a\"]\n").repeat(2),
                "7:8: \"n\" is already",
            ),
            (
                "[[node]]\nname = \"n\"\n".to_owned(),
                "2:8: node \"n\" has no service",
            ),
            (
                "[[node]]\nname = \"No!\"\n[[node.service]]\nname = \"a\"\ncommand = [\"a\"]\n"
                    .to_owned(),
                "2:8: node \"No!\" is not a name",
            ),
            ("node = []\n".to_owned(), "1:8: no node"),
            (
                format!("{service}command = []\n"),
                "5:11: the command is empty",
            ),
            (
                format!("{service}command = [\"{{port}}\"]\n"),
                "5:11: {port} is used",
            ),
            (
                format!("{service}command = [\"a\"]\nhealth = {{ tcp = true }}\n"),
                "6:10: this probe needs",
            ),
            (
                format!("{service}command = [\"a\"]\nport = 99999\n"),
                "6:8: invalid value: integer `99999`, expected a whole number from 0 to 65535",
            ),
            (
                format!("{service}command = [\"a\"]\nport = 0\n"),
                "6:8: port 0 is no port",
            ),
            (
                format!("{service}command = [\"a\"]\nport = 8\nhealth = {{ http = \"x\" }}\n"),
                "7:19: the path",
            ),
            (
                format!("{service}command = [\"a\"]\nstop_grace = \"2h\"\n"),
                "6:14: stop_grace is too long",
            ),
            (
                format!(
                    "{service}command = [\"a\"]\nport = 8\nhealth = {{ tcp = true, interval = \"1ms\" }}\n"
                ),
                "7:35: interval is below 50ms",
            ),
        ] {
            begins(&text, what);
        }
    }

    fn begins(text: &str, what: &str) {
        let error = Arena::parse("arena.toml", text).unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("arena.toml:{what}")),
            "{text}\n{error}"
        );
    }

    #[test]
    fn a_bad_folder_class_or_pattern_is_refused() {
        let service = "[[node]]\nname = \"n\"\n[[node.service]]\nname = \"a\"\n";
        for (text, what) in [
            (
                format!("{service}command = [\"a\"]\ndepends_on = [\"a\"]\n"),
                "6:15: service \"a\" depends on itself",
            ),
            (
                format!("{service}command = [\"a\"]\nworking_dir = \"\"\n"),
                "6:15: working_dir is no folder's path",
            ),
            (
                format!("{service}command = [\"a\"]\nclass = \"bach\"\n"),
                "6:9: unknown variant `bach`, expected `service` or `batch`",
            ),
            (
                format!("{service}command = [\"a\"]\nclean = [\"/tmp/x\"]\n"),
                "6:10: \"/tmp/x\" is not relative",
            ),
            (
                format!("{service}command = [\"a\"]\nclean = [\"a\", \"b/../../x\"]\n"),
                "6:15: \"b/../../x\" leaves the working folder",
            ),
            (
                format!("{service}command = [\"a\"]\nclean = [\"[a-z]\"]\n"),
                "6:10: \"[a-z]\" has a character that means nothing here",
            ),
            (
                format!(
                    "{service}command = [\"a\"]\nclean = [{}]\n",
                    "\"x\", ".repeat(17)
                ),
                "6:9: 17 patterns are too many",
            ),
        ] {
            begins(&text, what);
        }
    }
}
