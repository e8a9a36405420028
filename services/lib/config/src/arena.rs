//! `arena.toml`: the nodes of an arena and the services that they run.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use arena_proto::{NodeName, ServiceClass, ServiceName};
use toml::Spanned;

use crate::Diagnostic;
use crate::raw::{Class, RawArena, RawHealth, RawNode, RawService, Text};

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
/// Probing faster than this measures the prober.
const INTERVAL_MIN: Duration = Duration::from_millis(50);
const INTERVAL_DEFAULT: Duration = Duration::from_secs(1);
const TIMEOUT_DEFAULT: Duration = Duration::from_millis(500);
const FAILURES_DEFAULT: u32 = 3;
const STOP_GRACE_DEFAULT: Duration = Duration::from_secs(2);
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
        if raw.node.get_ref().is_empty() {
            return Err(reader.at(raw.node.span(), "no node", "add a [[node]] with a name"));
        }
        reader.check_names_and_ports(raw.node.get_ref())?;
        reader.check_dependencies(raw.node.get_ref())?;
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

struct Reader<'a> {
    file: &'a str,
    text: &'a str,
}

impl Reader<'_> {
    fn at(
        &self,
        range: Range<usize>,
        what: impl Into<String>,
        mend: impl Into<String>,
    ) -> Diagnostic {
        Diagnostic::at(self.file, self.text, range, what, mend)
    }

    fn line_of(&self, range: &Range<usize>) -> usize {
        self.text[..range.start.min(self.text.len())]
            .matches('\n')
            .count()
            + 1
    }

    fn check_names_and_ports(&self, nodes: &[RawNode]) -> Result<(), Diagnostic> {
        let mut node_lines = BTreeMap::new();
        let mut port_lines = BTreeMap::new();
        for node in nodes {
            self.once("node", &node.name, &mut node_lines)?;
            let mut service_lines = BTreeMap::new();
            for service in &node.service {
                self.once("service of this node", &service.name, &mut service_lines)?;
                let Some(port) = &service.port else { continue };
                if *port.get_ref() == 0 {
                    let mend = "give it a port of its own, 1 to 65535";
                    return Err(self.at(port.span(), "port 0 is no port", mend));
                }
                if let Some(line) = port_lines.insert(*port.get_ref(), self.line_of(&port.span())) {
                    let what = format!(
                        "port {} is taken by the service in line {line}",
                        port.get_ref()
                    );
                    let mend = "all nodes share this machine: give each service a port of its own";
                    return Err(self.at(port.span(), what, mend));
                }
            }
            if node.service.len() > SERVICES_MAX {
                let what = format!(
                    "{} services are more than the {SERVICES_MAX} of a node",
                    node.service.len()
                );
                return Err(self.at(node.name.span(), what, "spread them over more nodes"));
            }
        }
        Ok(())
    }

    fn once(
        &self,
        what: &str,
        name: &Spanned<String>,
        lines: &mut BTreeMap<String, usize>,
    ) -> Result<(), Diagnostic> {
        match lines.insert(name.get_ref().clone(), self.line_of(&name.span())) {
            None => Ok(()),
            Some(line) => Err(self.at(
                name.span(),
                format!(
                    "{:?} is already the name of the {what} in line {line}",
                    name.get_ref()
                ),
                "give it another name, or remove one of the two",
            )),
        }
    }

    fn check_dependencies(&self, nodes: &[RawNode]) -> Result<(), Diagnostic> {
        let known: Vec<&str> = nodes
            .iter()
            .flat_map(|node| &node.service)
            .map(|s| s.name.get_ref().as_str())
            .collect();
        for service in nodes.iter().flat_map(|node| &node.service) {
            for dependency in &service.depends_on {
                let wanted = dependency.get_ref().as_str();
                if wanted == service.name.get_ref() {
                    let what = format!("service {wanted:?} depends on itself");
                    return Err(self.at(dependency.span(), what, "remove it from depends_on"));
                }
                if !known.contains(&wanted) {
                    let name = service.name.get_ref();
                    let what = format!("service {name:?} depends on {wanted:?}, which no node has");
                    let mend = match crate::closest(wanted, known.iter().copied()) {
                        Some(near) => {
                            format!("write {near:?}, or add a [[node.service]] named {wanted:?}")
                        }
                        None => {
                            format!("add a [[node.service]] named {wanted:?}, or remove it here")
                        }
                    };
                    return Err(self.at(dependency.span(), what, mend));
                }
            }
        }
        Ok(())
    }

    fn name<T: std::str::FromStr<Err = arena_proto::NameError>>(
        &self,
        name: &Spanned<String>,
    ) -> Result<T, Diagnostic> {
        name.get_ref()
            .parse()
            .map_err(|error: arena_proto::NameError| {
                self.at(
                    name.span(),
                    error.to_string(),
                    "use a name such as \"node-1\" or \"orders\"",
                )
            })
    }

    fn node(&self, raw: RawNode) -> Result<NodeSpec, Diagnostic> {
        let name = self.name(&raw.name)?;
        let services = raw.service.into_iter().map(|service| self.service(service));
        Ok(NodeSpec {
            name,
            services: services.collect::<Result<_, _>>()?,
        })
    }

    fn service(&self, raw: RawService) -> Result<ServiceSpec, Diagnostic> {
        let command_place = raw.command.span();
        let command = raw.command.into_inner();
        if command.first().is_none_or(String::is_empty) {
            let mend = "write command = [\"program\", \"argument\", …]";
            return Err(self.at(command_place, "the command is empty", mend));
        }
        let port = raw.port.map(Spanned::into_inner);
        if port.is_none() && command.iter().any(|argument| argument.contains("{port}")) {
            let mend = "add `port = …` to the service, or take {port} out";
            return Err(self.at(
                command_place,
                "{port} is used, and the service has no port",
                mend,
            ));
        }
        let stop_grace = match &raw.stop_grace {
            None => STOP_GRACE_DEFAULT,
            Some(grace) if grace.get_ref().0 <= STOP_GRACE_MAX => grace.get_ref().0,
            Some(grace) => {
                let mend = "give it at most 60s";
                return Err(self.at(grace.span(), "stop_grace is too long", mend));
            }
        };
        Ok(ServiceSpec {
            name: self.name(&raw.name)?,
            command,
            port,
            depends_on: raw
                .depends_on
                .iter()
                .map(|dependency| self.name(dependency))
                .collect::<Result<_, _>>()?,
            env: raw.env,
            working_dir: raw.working_dir,
            health: raw
                .health
                .map(|health| self.health(health, port))
                .transpose()?,
            stop_grace,
            class: raw.class.map_or(ServiceClass::Service, Class::into_word),
            standby: raw.standby,
            clean: self.clean(raw.clean)?,
        })
    }

    fn clean(&self, raw: Spanned<Vec<Spanned<String>>>) -> Result<Vec<String>, Diagnostic> {
        if raw.get_ref().len() > CLEAN_MAX {
            let what = format!("{} patterns are too many", raw.get_ref().len());
            let mend = format!("use at most {CLEAN_MAX}: one with * stands for many files");
            return Err(self.at(raw.span(), what, mend));
        }
        raw.into_inner()
            .into_iter()
            .map(|pattern| match check_pattern(pattern.get_ref()) {
                Ok(()) => Ok(pattern.into_inner()),
                Err(what) => {
                    let what = format!("{:?} {what}", pattern.get_ref());
                    let mend = "write a path below the working folder, as in \"cache/*.tmp\"";
                    Err(self.at(pattern.span(), what, mend))
                }
            })
            .collect()
    }

    fn health(&self, raw: Spanned<RawHealth>, port: Option<u16>) -> Result<HealthSpec, Diagnostic> {
        let place = raw.span();
        let raw = raw.into_inner();
        let needs_port = raw.http.is_some() || raw.tcp;
        let probe = match (raw.http, raw.tcp, raw.command) {
            (Some(path), false, None) if path.get_ref().starts_with('/') => Probe::Http {
                path: path.into_inner(),
            },
            (Some(path), false, None) => {
                let mend = "begin it with \"/\", as in http = \"/healthz\"";
                return Err(self.at(path.span(), "the path is not one", mend));
            }
            (None, true, None) => Probe::Tcp,
            (None, false, Some(command)) if !command.is_empty() => Probe::Command(command),
            _ => {
                let what = "a health probe is exactly one of http, tcp and command";
                let mend =
                    "write http = \"/healthz\", or tcp = true, or command = [\"program\", …]";
                return Err(self.at(place, what, mend));
            }
        };
        if needs_port && port.is_none() {
            let mend = "add `port = …` to the service, or probe it by command = […]";
            return Err(self.at(
                place,
                "this probe needs a port, and the service has none",
                mend,
            ));
        }
        let interval = self.at_least(raw.interval.as_ref(), "interval", INTERVAL_DEFAULT)?;
        let timeout = self.at_least(raw.timeout.as_ref(), "timeout", TIMEOUT_DEFAULT)?;
        let failures = match raw.failures {
            None => FAILURES_DEFAULT,
            Some(failures) if (1..=100).contains(failures.get_ref()) => *failures.get_ref(),
            Some(failures) => {
                return Err(self.at(failures.span(), "failures is out of range", "use 1 to 100"));
            }
        };
        Ok(HealthSpec {
            probe,
            interval,
            timeout,
            failures,
        })
    }

    fn at_least(
        &self,
        value: Option<&Spanned<Text>>,
        name: &str,
        default: Duration,
    ) -> Result<Duration, Diagnostic> {
        match value {
            None => Ok(default),
            Some(value) if value.get_ref().0 >= INTERVAL_MIN => Ok(value.get_ref().0),
            Some(value) => {
                let what = format!("{name} is below 50ms, which measures the prober");
                Err(self.at(value.span(), what, "use 50ms or more"))
            }
        }
    }
}

/// A pattern of `clean` must not be able to leave the working folder, nor mean the folder as a whole.
fn check_pattern(pattern: &str) -> Result<(), &'static str> {
    if pattern.starts_with('/') {
        return Err("is not relative to the working folder");
    }
    if pattern.contains(['[', ']', '{', '}', '\\']) || pattern.chars().any(char::is_control) {
        return Err("has a character that means nothing here: only * and ? stand for others");
    }
    for part in pattern.split('/') {
        match part {
            ".." => return Err("leaves the working folder"),
            "" | "." => return Err("has an empty part"),
            "**" => return Err("goes into every folder, which * does not"),
            _ => {}
        }
    }
    Ok(())
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
        assert_eq!(arena.nodes[0].services[0].stop_grace, STOP_GRACE_DEFAULT);
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
                "[[node]]\nname = \"n\"\n[[node]]\nname = \"n\"\n".to_owned(),
                "4:8: \"n\" is already",
            ),
            (
                "[[node]]\nname = \"No!\"\n".to_owned(),
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
                "6:8: invalid value",
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
            let error = Arena::parse("arena.toml", &text).unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("arena.toml:{what}")),
                "{text}\n{error}"
            );
        }
    }
}
