//! What runs in an arena, with which arguments, in which order, and which ports it needs. Pure: settings in, plan out.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use arena_config::arena::{Arena, NodeSpec};
use serde::{Deserialize, Serialize};

use super::data_dir::DataDir;

/// In the environment of every process of an arena, also of the services that its nodes start: the arena's data folder.
/// By it even what lost all its parents is found again.
pub(crate) const MEMBER_VARIABLE: &str = "ARENA_MEMBER_OF";

/// Where the trace viewer shows its pages.
pub(crate) const VIEWER_PORT: u16 = 16686;

/// Where the trace viewer receives OTLP over HTTP.
pub(crate) const OTLP_PORT: u16 = 4318;

/// Where the gateway listens.
pub(crate) const GATEWAY_PORT: u16 = 4280;

/// The programs that an arena is made of, beside nats-server.
pub(crate) const PROGRAMS: [&str; 8] = [
    "arena-recorder",
    "arena-detector",
    "arena-remediator",
    "arena-injector",
    "arena-gateway",
    "arena-traces",
    "arena-node",
    "arena-workload",
];

/// Those that an arena does without.
pub(crate) const COMFORTS: [&str; 2] = ["arena-gateway", "arena-traces"];

/// A component drains for at most 8 s after SIGTERM and then ends by itself; this is a little more.
const COMPONENT_GRACE: Duration = Duration::from_secs(10);

/// The kinds of components in the order of their start; they are stopped in the reverse order, so that each can finish what
/// it does with those that it needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Stage {
    /// nats-server: everything else needs it.
    Nats,
    /// The trace viewer.
    Viewer,
    /// The gateway: it shows how the others start and stop.
    Gateway,
    /// The recorder.
    Recorder,
    /// The detector.
    Detector,
    /// The remediator.
    Remediator,
    /// The injector.
    Injector,
    /// The nodes, which stop their services and revert their faults.
    Node,
}

/// One process to keep running.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Component {
    /// What people call it; a node's name is the node's.
    pub name: String,
    /// Its place in the order.
    pub stage: Stage,
    /// Program and arguments.
    pub argv: Vec<String>,
    /// Added to the environment.
    pub env: BTreeMap<String, String>,
    /// From SIGTERM to SIGKILL.
    pub grace: Duration,
}

/// What the plan is made from.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Where everything is kept.
    pub data: DataDir,
    /// The folder of Arena's own programs.
    pub programs: PathBuf,
    /// The nats-server to start and the port for it; `None` when somebody else's is used.
    pub nats: Option<(PathBuf, u16)>,
    /// What everybody connects to.
    pub nats_url: String,
    /// Where the recorder writes.
    pub database: String,
    /// The nodes and their services.
    pub arena: Arena,
    /// Accept faults.
    pub chaos: bool,
    /// The viewer to start, and to send the traces to; `None` when there is to be none.
    pub viewer: Option<Viewer>,
    /// The port of the gateway to start; `None` when there is to be none.
    pub gateway_port: Option<u16>,
    /// Judgement, where the built-in one is not wanted.
    pub files: Files,
}

/// Where the trace viewer listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Viewer {
    /// Its pages.
    pub ui_port: u16,
    /// OTLP over HTTP.
    pub otlp_port: u16,
}

impl Viewer {
    /// Its pages, for a browser on this machine.
    pub(crate) fn url(self) -> String {
        format!("http://127.0.0.1:{}", self.ui_port)
    }
}

/// The files with judgement in them; the built-in ones when `None`.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Files {
    /// The detector's rules [default: built in; ./policy.toml is not read unless named]
    #[arg(long, env = "ARENA_POLICY", value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// The remediator's playbooks [default: built in; ./playbooks.toml is not read unless named]
    #[arg(long, env = "ARENA_PLAYBOOKS", value_name = "FILE")]
    pub playbooks: Option<PathBuf>,
    /// Faults to inject by time [default: none]
    #[arg(long, value_name = "FILE")]
    pub schedule: Option<PathBuf>,
    /// Whom to tell about incidents [default: nobody]
    #[arg(long, env = "ARENA_WEBHOOKS", value_name = "FILE")]
    pub webhooks: Option<PathBuf>,
}

impl Files {
    /// Each component that reads a file, and its arguments for it.
    pub(crate) fn arguments(&self) -> [(&'static str, Vec<String>); 4] {
        let option = |flag: &str, file: &Option<PathBuf>| {
            file.iter()
                .flat_map(|file| [flag.to_owned(), text(file)])
                .collect()
        };
        [
            ("arena-detector", option("--policy", &self.policy)),
            ("arena-remediator", option("--playbooks", &self.playbooks)),
            ("arena-injector", option("--schedule", &self.schedule)),
            ("arena-gateway", option("--webhooks", &self.webhooks)),
        ]
    }
}

/// Everything to run, in the order of the start.
pub(crate) fn components(settings: &Settings) -> Vec<Component> {
    let mut plan = Vec::new();
    if let Some((program, port)) = &settings.nats {
        plan.push(nats(settings, program, *port));
    }
    let ours = |name: &str, stage, arguments: Vec<String>| Component {
        name: name.to_owned(),
        stage,
        argv: [text(&settings.programs.join(format!("arena-{name}")))]
            .into_iter()
            .chain(arguments)
            .collect(),
        env: environment(settings),
        grace: COMPONENT_GRACE,
    };
    if let Some(viewer) = settings.viewer {
        let ports = [
            ("--ui-port", viewer.ui_port),
            ("--otlp-port", viewer.otlp_port),
        ];
        let arguments = ports
            .into_iter()
            .flat_map(|(flag, port)| [flag.to_owned(), port.to_string()]);
        plan.push(ours("traces", Stage::Viewer, arguments.collect()));
    }
    let [
        (_, policy),
        (_, playbooks),
        (_, schedule),
        (_, mut webhooks),
    ] = settings.files.arguments();
    if let Some(port) = settings.gateway_port {
        webhooks.extend(gateway_arguments(settings, port));
        plan.push(ours("gateway", Stage::Gateway, webhooks));
    }
    let mut recorder = ours("recorder", Stage::Recorder, Vec::new());
    // Not an argument: the URL may hold a password, and everybody on the machine may read arguments.
    recorder
        .env
        .insert("DATABASE_URL".to_owned(), settings.database.clone());
    plan.push(recorder);
    plan.push(ours("detector", Stage::Detector, policy));
    plan.push(ours("remediator", Stage::Remediator, playbooks));
    plan.push(ours("injector", Stage::Injector, schedule));
    for node in &settings.arena.nodes {
        plan.push(Component {
            name: node.name.to_string(),
            grace: COMPONENT_GRACE + longest_stop(node),
            ..ours("node", Stage::Node, node_arguments(settings, node))
        });
    }
    plan
}

fn nats(settings: &Settings, program: &Path, port: u16) -> Component {
    let argv = [
        text(program),
        "-c".to_owned(),
        text(&settings.data.nats_conf()),
        "-a".to_owned(),
        "127.0.0.1".to_owned(),
        "-p".to_owned(),
        port.to_string(),
        "-sd".to_owned(),
        text(&settings.data.jetstream()),
    ];
    Component {
        name: "nats".to_owned(),
        stage: Stage::Nats,
        argv: argv.into(),
        env: environment(settings),
        grace: COMPONENT_GRACE,
    }
}

fn gateway_arguments(settings: &Settings, port: u16) -> Vec<String> {
    let viewer = settings
        .viewer
        .map(|viewer| ["--viewer-url".to_owned(), viewer.url()]);
    let rest = [
        "--listen".to_owned(),
        format!("127.0.0.1:{port}"),
        "--runs-dir".to_owned(),
        text(&settings.data.runs()),
    ];
    viewer.into_iter().flatten().chain(rest).collect()
}

fn node_arguments(settings: &Settings, node: &NodeSpec) -> Vec<String> {
    let mut arguments = vec![
        "--node".to_owned(),
        node.name.to_string(),
        "--config".to_owned(),
        text(&settings.data.config()),
        "--state-dir".to_owned(),
        text(&settings.data.node_state(node.name.as_str())),
    ];
    if settings.chaos {
        arguments.push("--chaos".to_owned());
    }
    arguments
}

fn longest_stop(node: &NodeSpec) -> Duration {
    node.services
        .iter()
        .map(|service| service.stop_grace)
        .max()
        .unwrap_or_default()
}

fn environment(settings: &Settings) -> BTreeMap<String, String> {
    let mut environment = BTreeMap::from([
        (MEMBER_VARIABLE.to_owned(), text(settings.data.root())),
        ("NATS_URL".to_owned(), settings.nats_url.clone()),
    ]);
    if let Some(viewer) = settings.viewer {
        let endpoint = format!("http://127.0.0.1:{}", viewer.otlp_port);
        environment.insert("OTEL_EXPORTER_OTLP_ENDPOINT".to_owned(), endpoint);
    }
    environment
}

/// Every port that must be free before the start, and for what. Viewer's and gateway's are not among them: neither is needed.
pub(crate) fn ports(settings: &Settings) -> Vec<(u16, String)> {
    let nats = settings
        .nats
        .iter()
        .map(|(_, port)| (*port, "nats-server".to_owned()));
    let services = settings.arena.nodes.iter().flat_map(|node| {
        node.services
            .iter()
            .filter_map(|service| Some((service.port?, format!("{}/{}", node.name, service.name))))
    });
    nats.chain(services).collect()
}

/// Groups by stage, the last started first; within a group the order does not matter.
pub(crate) fn stop_order<T>(members: Vec<(Stage, T)>) -> Vec<Vec<T>> {
    let mut stages: BTreeMap<Stage, Vec<T>> = BTreeMap::new();
    for (stage, member) in members {
        stages.entry(stage).or_default().push(member);
    }
    stages.into_values().rev().collect()
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::up::data_dir::DataDirArgs;

    fn settings(folder: &Path) -> Settings {
        Settings {
            data: DataDirArgs {
                data_dir: Some(folder.to_owned()),
            }
            .open()
            .unwrap(),
            programs: PathBuf::from("/programs"),
            nats: Some((PathBuf::from("/bin/nats-server"), 4333)),
            nats_url: "nats://127.0.0.1:4333".to_owned(),
            database: "sqlite://x".to_owned(),
            arena: Arena::parse("built-in", Arena::default_toml()).unwrap(),
            chaos: false,
            viewer: None,
            gateway_port: None,
            files: Files::default(),
        }
    }

    fn names(plan: &[Component]) -> Vec<&str> {
        plan.iter()
            .map(|component| component.name.as_str())
            .collect()
    }

    #[test]
    fn all_is_planned_in_the_order_of_the_start() {
        let folder = tempfile::tempdir().unwrap();
        let plan = components(&settings(folder.path()));
        let expected = [
            "nats",
            "recorder",
            "detector",
            "remediator",
            "injector",
            "node-1",
            "node-2",
            "node-3",
        ];
        assert_eq!(names(&plan), expected);
        assert!(plan.is_sorted_by_key(|component| component.stage));
        assert!(
            plan.iter()
                .all(|component| component.env.contains_key(MEMBER_VARIABLE))
        );
    }

    #[test]
    fn somebody_elses_server_is_not_planned_and_its_port_need_not_be_free() {
        let folder = tempfile::tempdir().unwrap();
        let ours = settings(folder.path());
        let theirs = Settings {
            nats: None,
            ..ours.clone()
        };
        assert!(!names(&components(&theirs)).contains(&"nats"));
        assert_eq!(ports(&theirs).len() + 1, ports(&ours).len());
    }

    #[test]
    fn faults_files_and_traces_are_only_there_when_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let plain = settings(folder.path());
        let full = Settings {
            chaos: true,
            viewer: Some(Viewer {
                ui_port: VIEWER_PORT,
                otlp_port: OTLP_PORT,
            }),
            gateway_port: Some(GATEWAY_PORT),
            files: Files {
                policy: Some("p.toml".into()),
                webhooks: Some("w.toml".into()),
                ..Files::default()
            },
            ..plain.clone()
        };
        let words = |settings: &Settings| {
            let all = components(settings);
            let argv: Vec<String> = all.iter().flat_map(|c| c.argv.clone()).collect();
            let env: Vec<String> = all.iter().flat_map(|c| c.env.keys().cloned()).collect();
            [argv, env].concat()
        };
        for word in [
            "--chaos",
            "p.toml",
            "w.toml",
            "/programs/arena-traces",
            "/programs/arena-gateway",
            "http://127.0.0.1:16686",
            "OTEL_EXPORTER_OTLP_ENDPOINT",
        ] {
            assert!(words(&full).iter().any(|found| found == word), "{word}");
            assert!(!words(&plain).iter().any(|found| found == word), "{word}");
        }
    }

    #[test]
    fn the_stop_goes_backwards_and_equals_go_together() {
        let members = vec![
            (Stage::Nats, "nats"),
            (Stage::Node, "node-1"),
            (Stage::Recorder, "recorder"),
            (Stage::Node, "node-2"),
        ];
        let order = stop_order(members);
        assert_eq!(
            order,
            [vec!["node-1", "node-2"], vec!["recorder"], vec!["nats"]]
        );
    }

    #[test]
    fn a_node_has_the_time_that_its_slowest_service_needs() {
        let folder = tempfile::tempdir().unwrap();
        let slow = "[[node]]\nname = \"n\"\n[[node.service]]\nname = \"s\"\ncommand = [\"x\"]\nstop_grace = \"30s\"";
        let arena = Arena::parse("arena.toml", slow).unwrap();
        let plan = components(&Settings {
            arena,
            ..settings(folder.path())
        });
        assert_eq!(
            plan.last().unwrap().grace,
            COMPONENT_GRACE + Duration::from_secs(30)
        );
    }
}
