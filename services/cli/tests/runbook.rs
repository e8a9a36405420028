//! Every fault has a page in docs/runbook, each page has its four sections, and the commands on it are commands.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use arena_faults::CATALOGUE;
use arena_proto::ActionKind;

const SECTIONS: [&str; 4] = [
    "## Symptoms",
    "## What Felix does",
    "## By hand",
    "## Verify",
];

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/runbook")
}

fn page(name: &str) -> String {
    let path = folder().join(format!("{name}.md"));
    std::fs::read_to_string(&path).unwrap_or_else(|_| panic!("{name} has no runbook page"))
}

#[test]
fn every_fault_has_a_page_with_all_four_sections() {
    let index = page("README");
    for name in CATALOGUE {
        let page = page(name.as_str());
        for section in SECTIONS {
            let body = page.split(&format!("\n{section}\n")).nth(1);
            let body = body.unwrap_or_else(|| panic!("{name}: no {section:?}"));
            let body = body.split("\n## ").next().unwrap_or("").trim();
            assert!(!body.is_empty(), "{name}: {section:?} is empty");
        }
        assert!(
            index.contains(&format!("({name}.md)")),
            "the index lacks {name}"
        );
    }
}

#[test]
fn no_page_is_of_a_fault_that_there_is_not() {
    for entry in std::fs::read_dir(folder()).expect("the runbook") {
        let file = entry
            .expect("a file")
            .file_name()
            .into_string()
            .expect("UTF-8");
        let name = file.trim_end_matches(".md");
        let known = CATALOGUE.iter().any(|fault| fault.as_str() == name);
        assert!(known || name == "README", "{file}");
    }
}

/// Each with the options that it is given; an action is one that nodes know.
#[test]
fn the_commands_of_the_pages_are_commands() {
    let mut help: BTreeMap<String, String> = BTreeMap::new();
    for name in CATALOGUE {
        let page = page(name.as_str());
        let commands = commands(&page);
        assert!(!commands.is_empty(), "{name} names no command");
        for line in commands {
            let mut words = line.split_whitespace().skip(1);
            let command = words.next().unwrap_or_else(|| panic!("{name}: {line}"));
            let told = help
                .entry(command.to_owned())
                .or_insert_with(|| help_of(command));
            assert!(!told.is_empty(), "{name}: there is no `arena {command}`");
            let rest: Vec<&str> = words.collect();
            for option in rest.iter().filter(|word| word.starts_with("--")) {
                assert!(told.contains(option), "{name}: {line}: no {option}");
            }
            if command == "do" {
                let action = rest.first().unwrap_or(&"").replace('-', "_").to_uppercase();
                let known = ActionKind::ALL.iter().any(|kind| kind.as_str() == action);
                assert!(known, "{name}: {line}: no such action");
            }
        }
    }
}

/// The lines of its code blocks that run `arena`.
fn commands(page: &str) -> Vec<&str> {
    let blocks = page.split("```sh\n").skip(1);
    let lines = blocks.flat_map(|block| block.split("```").next().unwrap_or("").lines());
    lines.filter(|line| line.starts_with("arena ")).collect()
}

/// Empty when there is no such command.
fn help_of(command: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_arena"))
        .args([command, "--help"])
        .output()
        .expect("arena runs");
    if output.status.success() {
        String::from_utf8_lossy(&output.stdout).into_owned()
    } else {
        String::new()
    }
}
