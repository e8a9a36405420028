//! The style of the project, held by a test: what a lint cannot see. Each check names the file and the line.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Non-test lines that a file may have; a longer one wants to be two.
const FILE_LINES_MAX: usize = 400;

/// Files that are longer, and how long they may be. It only ever shrinks: a file that has become shorter by more than a
/// few lines must have its number lowered.
const LONGER: [(&str, usize); 0] = [];

/// What a core may depend on: no runtime, no clock, no network, no other core. `http` is types, `ring` digests, `libm` arithmetic that is the same everywhere.
const CORE_DEPENDENCIES: [&str; 22] = [
    "arena-config",
    "arena-expression",
    "arena-faults",
    "arena-proto",
    "arena-scenario",
    "arena-view",
    "base64",
    "cel",
    "http",
    "httpdate",
    "humantime",
    "libm",
    "prometheus-client",
    "rand",
    "rand_chacha",
    "ring",
    "schemars",
    "serde",
    "serde_json",
    "thiserror",
    "toml",
    "utoipa",
];

struct File {
    path: String,
    text: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(3)
        .expect("three folders deep")
        .to_owned()
}

/// The files that git knows or would add, so that build output does not count.
fn files(endings: &[&str]) -> Vec<File> {
    let listed = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .expect("git lists the files");
    assert!(
        listed.status.success(),
        "git ls-files failed: is this a checkout?"
    );
    let files: Vec<File> = String::from_utf8(listed.stdout)
        .expect("names are UTF-8")
        .lines()
        .filter(|path| endings.iter().any(|ending| path.ends_with(ending)))
        .filter_map(|path| {
            // Listed and gone: removed and not yet committed.
            let text = std::fs::read_to_string(root().join(path)).ok()?;
            Some(File {
                path: path.to_owned(),
                text,
            })
        })
        .collect();
    assert!(!files.is_empty(), "found no file that ends in {endings:?}");
    files
}

fn rust_sources() -> Vec<File> {
    files(&[".rs"])
}

fn is_test(path: &str) -> bool {
    path.contains("/tests/") || path.contains("/benches/") || path.ends_with("/tests.rs")
}

fn non_test_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .take_while(|(_, line)| *line != "#[cfg(test)]")
        .map(|(i, l)| (i + 1, l))
}

fn check(what: &str, faults: &[String]) {
    let mut report = String::new();
    for fault in faults {
        let _ = writeln!(report, "  {fault}");
    }
    assert!(faults.is_empty(), "{what}:\n{report}");
}

#[test]
fn every_file_says_what_it_is_for() {
    let faults: Vec<_> = rust_sources()
        .iter()
        .filter(|file| !file.text.starts_with("//!"))
        .map(|file| file.path.clone())
        .collect();
    check("files that do not begin with `//!`", &faults);
}

#[test]
fn no_file_is_too_long() {
    let mut faults = Vec::new();
    for file in rust_sources().iter().filter(|file| !is_test(&file.path)) {
        let lines = non_test_lines(&file.text).count();
        let allowed = LONGER
            .iter()
            .find(|(path, _)| *path == file.path)
            .map(|(_, lines)| *lines);
        match allowed {
            None if lines > FILE_LINES_MAX => {
                faults.push(format!(
                    "{}: {lines} lines, at most {FILE_LINES_MAX}",
                    file.path
                ));
            }
            Some(allowed) if lines > allowed => {
                faults.push(format!(
                    "{}: {lines} lines, its exception says {allowed}",
                    file.path
                ));
            }
            Some(allowed) if lines + 20 < allowed || lines <= FILE_LINES_MAX => {
                faults.push(format!(
                    "{}: only {lines} lines: lower or drop its exception",
                    file.path
                ));
            }
            _ => {}
        }
    }
    check("files that are too long", &faults);
}

#[test]
fn nothing_is_left_for_later() {
    let words = ["TODO", "FIXME", "XXX", "HACK"].map(|word| format!("{word}:"));
    let mut faults = Vec::new();
    for file in files(&[".rs", ".toml", ".proto", ".py", ".sh", "justfile"]) {
        // This file has to name the words.
        for (number, line) in file
            .text
            .lines()
            .enumerate()
            .filter(|_| !file.path.ends_with("tidy.rs"))
        {
            if words
                .iter()
                .any(|word| line.contains(word.as_str()) || line.ends_with(&word[..word.len() - 1]))
            {
                faults.push(format!("{}:{}: {}", file.path, number + 1, line.trim()));
            }
        }
    }
    check("notes to oneself", &faults);
}

/// Names in the `[dependencies]` table of a manifest.
fn dependencies(manifest: &str) -> BTreeSet<String> {
    let parsed: toml::Table = manifest.parse().expect("a manifest is TOML");
    parsed
        .get("dependencies")
        .and_then(toml::Value::as_table)
        .map(|table| table.keys().cloned().collect())
        .unwrap_or_default()
}

fn manifests() -> Vec<File> {
    files(&["Cargo.toml"])
        .into_iter()
        .filter(|file| file.path != "Cargo.toml")
        .collect()
}

/// The cores, and what they share.
fn is_pure(path: &str) -> bool {
    [
        "/core/",
        "injector/catalogue/",
        "injector/scenario/",
        "services/lib/view/",
        "sim/referee/",
    ]
    .iter()
    .any(|folder| path.contains(folder))
        && !path.contains("/tests/")
        && !path.contains("/benches/")
}

/// What must give the same for the same seed: the cores, and the world that joins them.
fn is_deterministic(path: &str) -> bool {
    is_pure(path) || path.starts_with("sim/src/")
}

#[test]
fn cores_are_pure() {
    let cores: Vec<File> = manifests()
        .into_iter()
        .filter(|file| is_pure(&file.path))
        .collect();
    assert!(cores.len() >= 8, "the cores have moved: mend this test");
    let mut faults = Vec::new();
    for file in cores {
        for dependency in dependencies(&file.text) {
            if !CORE_DEPENDENCIES.contains(&dependency.as_str()) {
                faults.push(format!("{} lists {dependency}", file.path));
            }
            // What finds and heals must not know what was done.
            let heals = ["detector", "remediator"].map(|name| file.path.starts_with(name));
            let tells =
                ["arena-faults", "arena-scenario", "arena-view"].contains(&dependency.as_str());
            if heals.contains(&true) && tells {
                faults.push(format!("{} must not know of {dependency}", file.path));
            }
        }
    }
    let banned = [
        "std::fs",
        "std::net",
        "std::env",
        "std::process",
        "std::thread",
        "SystemTime",
        "Instant::",
    ];
    for file in rust_sources()
        .iter()
        .filter(|file| is_deterministic(&file.path))
    {
        for (number, line) in non_test_lines(&file.text) {
            if let Some(word) = banned.iter().find(|word| line.contains(*word)) {
                faults.push(format!("{}:{number}: {word}", file.path));
            }
        }
    }
    check("cores that reach the world", &faults);
}

#[test]
fn each_thing_has_one_home() {
    let homes = [
        ("async-nats", "services/lib/bus/"),
        ("sea-orm", "services/recorder/"),
        ("opentelemetry_sdk", "services/lib/chassis/"),
        ("sysinfo", "services/node/"),
    ];
    let mut faults = Vec::new();
    for file in manifests() {
        let listed = dependencies(&file.text);
        for (dependency, home) in homes {
            if listed.contains(dependency) && !file.path.starts_with(home) {
                faults.push(format!(
                    "{} lists {dependency}, which is for {home}",
                    file.path
                ));
            }
        }
    }
    check("dependencies away from home", &faults);
}

#[test]
fn only_the_bus_names_a_subject() {
    let families = [
        "telemetry",
        "incident",
        "plan",
        "command",
        "outcome",
        "fault",
        "fault_status",
        "score",
        "api",
    ];
    let literals: Vec<String> = families
        .iter()
        .map(|family| format!("\"arena.{family}."))
        .collect();
    let mut faults = Vec::new();
    for file in rust_sources() {
        if file.path.starts_with("services/lib/bus/") || is_test(&file.path) {
            continue;
        }
        for (number, line) in non_test_lines(&file.text) {
            if literals
                .iter()
                .any(|literal| line.contains(literal.as_str()))
            {
                faults.push(format!("{}:{number}: {}", file.path, line.trim()));
            }
        }
    }
    check("subjects named outside the bus", &faults);
}

#[test]
fn the_healers_do_not_know_faults() {
    let mut faults = Vec::new();
    for file in rust_sources() {
        let healer = file.path.starts_with("detector/") || file.path.starts_with("remediator/");
        for (number, line) in non_test_lines(&file.text).filter(|_| healer && !is_test(&file.path))
        {
            let code = line.split("//").next().unwrap_or_default();
            if ["FaultRequest", "FaultStatus", "FaultState", "FaultId"]
                .iter()
                .any(|w| code.contains(w))
            {
                faults.push(format!("{}:{number}: {}", file.path, line.trim()));
            }
        }
    }
    check("ground truth in the detector or the remediator", &faults);
}

#[test]
fn every_crate_takes_the_workspace_lints() {
    let faults: Vec<_> = manifests()
        .into_iter()
        .filter(|file| !file.text.contains("[lints]\nworkspace = true"))
        .map(|file| file.path)
        .collect();
    check("crates without `[lints] workspace = true`", &faults);
}

/// What deny.toml bans, checked also where cargo-deny is not installed.
#[test]
fn no_second_crypto_library_comes_in() {
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).expect("Cargo.lock is committed");
    let banned = [
        "aws-lc-rs",
        "aws-lc-sys",
        "openssl",
        "openssl-sys",
        "native-tls",
    ];
    let faults: Vec<_> = banned
        .iter()
        .filter(|name| lock.contains(&format!("name = \"{name}\"\n")))
        .map(|name| (*name).to_owned())
        .collect();
    check(
        "banned crates in Cargo.lock: see `cargo tree -i NAME`",
        &faults,
    );
}

#[test]
fn links_in_the_docs_lead_somewhere() {
    let mut faults = Vec::new();
    for file in files(&[".md"]) {
        let folder = root()
            .join(&file.path)
            .parent()
            .expect("a file has a folder")
            .to_owned();
        for (number, line) in file.text.lines().enumerate() {
            for link in line
                .split("](")
                .skip(1)
                .filter_map(|rest| rest.split(')').next())
            {
                let target = link.split('#').next().unwrap_or_default();
                let local =
                    !target.is_empty() && !target.contains("://") && !target.starts_with("mailto:");
                if local && !folder.join(target).exists() {
                    faults.push(format!("{}:{}: {link}", file.path, number + 1));
                }
            }
        }
    }
    check("links that lead nowhere", &faults);
}
