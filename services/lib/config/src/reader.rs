//! From `arena.toml` as it is written to what it means: every check, each with its place and mend.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use arena_proto::ServiceClass;
use toml::Spanned;

use crate::Diagnostic;
use crate::arena::{
    CLEAN_MAX, HealthSpec, NodeSpec, Probe, SERVICES_MAX, STOP_GRACE_MAX, ServiceSpec,
};
use crate::raw::{Class, RawArena, RawHealth, RawNode, RawService, Text};

/// Probing faster than this measures the prober.
const INTERVAL_MIN: Duration = Duration::from_millis(50);
const INTERVAL_DEFAULT: Duration = Duration::from_secs(1);
const TIMEOUT_DEFAULT: Duration = Duration::from_millis(500);
const FAILURES_DEFAULT: u32 = 3;
const STOP_GRACE_DEFAULT: Duration = Duration::from_secs(2);

/// The file that everything in it is told by its place in.
pub(crate) struct Reader<'a> {
    pub(crate) file: &'a str,
    pub(crate) text: &'a str,
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

    /// What concerns more than one service: names, ports, dependencies.
    pub(crate) fn check(&self, raw: &RawArena) -> Result<(), Diagnostic> {
        let nodes = raw.node.get_ref();
        if nodes.is_empty() {
            let mend = "add a [[node]] with a name";
            return Err(self.at(raw.node.span(), "no node", mend));
        }
        if let Some(node) = nodes.iter().find(|node| node.service.is_empty()) {
            let what = format!("node {:?} has no service", node.name.get_ref());
            let mend =
                "add a [[node.service]] with a name and a command below it, or remove the node";
            return Err(self.at(node.name.span(), what, mend));
        }
        self.check_names_and_ports(nodes)?;
        self.check_dependencies(nodes)
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

    pub(crate) fn node(&self, raw: RawNode) -> Result<NodeSpec, Diagnostic> {
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
        let working_dir = raw.working_dir.map(|path| self.working_dir(path));
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
            working_dir: working_dir.transpose()?,
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

    fn working_dir(&self, path: Spanned<PathBuf>) -> Result<PathBuf, Diagnostic> {
        let text = path.get_ref().to_string_lossy();
        if text.trim().is_empty() || text.contains('\0') {
            let mend =
                "write a folder that exists, or leave working_dir out: then it gets one of its own";
            return Err(self.at(path.span(), "working_dir is no folder's path", mend));
        }
        Ok(path.into_inner())
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
