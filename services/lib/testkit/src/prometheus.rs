//! A real Prometheus with a real Alertmanager, as Debian has them, on loopback ports of their own: fast, so that a test sees in seconds
//! what otherwise takes minutes.
//!
//! Where they are not installed [`try_start`] says so, loudly, and gives `None`; with `ARENA_REQUIRE_TOOLS` set, as in CI, that is a
//! failure.
//!
//! [`try_start`]: Prometheus::try_start

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::{free_port, temp_dir};

/// The programs, as Debian's packages `prometheus` and `prometheus-alertmanager` call them.
const PROGRAMS: [&str; 2] = ["prometheus", "prometheus-alertmanager"];

/// Both, running. They end with the value; when the test panics it shows what they said.
#[derive(Debug)]
pub struct Prometheus {
    /// Where Prometheus answers.
    pub port: u16,
    folder: TempDir,
    children: Vec<Child>,
}

impl Prometheus {
    /// Starts both; `None` where they are not installed. `scrape`: `scrape_configs` of Prometheus, in YAML. `rules`: its `groups`.
    /// `webhook`: where Alertmanager posts.
    ///
    /// # Panics
    /// When they are there and do not start; and when they are not, and `ARENA_REQUIRE_TOOLS` is set.
    #[must_use]
    pub fn try_start(scrape: &str, rules: &str, webhook: &str) -> Option<Self> {
        if !are_there() {
            return None;
        }
        let (port, alertmanager) = (free_port(), free_port());
        let mut both = Self {
            port,
            folder: temp_dir(),
            children: Vec::new(),
        };
        both.write("rules.yml", rules);
        both.write("alertmanager.yml", &alertmanager_yml(webhook));
        both.write("prometheus.yml", &prometheus_yml(scrape, alertmanager));
        both.start(
            PROGRAMS[1],
            &[
                "--config.file=alertmanager.yml",
                "--storage.path=alerts",
                // It listens on all addresses for its peers otherwise.
                "--cluster.listen-address=",
                &format!("--web.listen-address=127.0.0.1:{alertmanager}"),
            ],
        );
        both.start(
            PROGRAMS[0],
            &[
                "--config.file=prometheus.yml",
                "--storage.tsdb.path=series",
                &format!("--web.listen-address=127.0.0.1:{port}"),
            ],
        );
        Some(both)
    }

    fn logs(&self) -> String {
        let read =
            |name: &&str| std::fs::read_to_string(self.folder.path().join(format!("{name}.log")));
        PROGRAMS.iter().filter_map(|name| read(name).ok()).collect()
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).expect("a file");
    }

    fn start(&mut self, program: &str, arguments: &[&str]) {
        let log = File::create(self.folder.path().join(format!("{program}.log"))).expect("a log");
        let child = Command::new(program)
            .args(arguments)
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("the program starts");
        self.children.push(child);
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.logs());
        }
        for child in &mut self.children {
            // It may have ended already, which is what is wanted.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn are_there() -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let has = |program: &str| {
        std::env::split_paths(&path).any(|folder| Path::new(&folder).join(program).is_file())
    };
    if PROGRAMS.iter().all(|program| has(program)) {
        return true;
    }
    assert!(
        std::env::var_os("ARENA_REQUIRE_TOOLS").is_none(),
        "{PROGRAMS:?} are not on PATH"
    );
    // Not `eprintln!`: the test runner would keep that to itself.
    let _ = std::io::stderr().write_all(
        b"\n*** NOT TESTED WITH PROMETHEUS: prometheus and prometheus-alertmanager are not on PATH.\n\
          *** Install them (Debian: apt-get install prometheus prometheus-alertmanager) and run the tests again.\n\n",
    );
    false
}

fn alertmanager_yml(webhook: &str) -> String {
    format!(
        "route:\n  receiver: arena\n  group_by: ['...']\n  group_wait: 0s\n  group_interval: 1s\n  repeat_interval: 1h\n\
         receivers:\n- name: arena\n  webhook_configs:\n  - url: {webhook}\n"
    )
}

fn prometheus_yml(scrape: &str, alertmanager: u16) -> String {
    format!(
        "global:\n  scrape_interval: 1s\n  scrape_timeout: 1s\n  evaluation_interval: 1s\nrule_files: [rules.yml]\n\
         alerting:\n  alertmanagers:\n  - static_configs:\n    - targets: ['127.0.0.1:{alertmanager}']\n{scrape}"
    )
}
