//! docs/faults.md, written from the catalogue.

use std::fmt::Write as _;

use crate::CATALOGUE;
use crate::fault::{Family, Fault, Scope};
use crate::limits::{TTL_MAX, TTL_MIN};

const INTRODUCTION: &str = "# Faults

<!-- Written from injector/catalogue by `UPDATE_EXPECT=1 cargo test -p arena-faults`; do not edit. -->

What `arena inject FAULT TARGET [--for 30s] [PARAM=VALUE...]` can ask for. A target is `node/service`, or `node` for
faults of a whole node. Faults are refused unless the arena
was started with `--chaos`.

Every fault is real, and is owned by the target's node: it is written to the node's undo journal before it is made, it ends by itself
after its time to live, and the node reads back that it is gone. The injector renews each of its faults (a lease of 5 s); when the
injector dies, they end within 5 s. A restarted injector adopts none of them. When it is stopped, it reverts its own first.

The safety lever ends them all: on `arena lever stop` each node reverts every fault at once, also those made by hand, and refuses new
ones; the injector renews none, asks for the end of its own besides, and refuses new ones with the reason. So it stays, also after a
restart of either, until `arena lever resume`; what was ended does not come back, and a schedule goes on with what is due from then on.

";

const SCHEDULES: &str = "
## Schedules

`arena-injector --schedule FILE` injects by the clock; `--check` reads the file, says what is wrong with it, and exits. The clock starts
when every target is running.

```toml
[[fault]]
at = \"10s\"                   # after the start
fault = \"network-delay\"
target = \"node-2/orders\"
for = \"20s\"
params = { latency = \"800ms\", jitter = \"200ms\" }
repeat = \"2m\"                # again that long after each start; left out: once
```
";

/// The reference page, as Markdown.
#[must_use]
pub fn reference() -> String {
    let mut page = INTRODUCTION.to_owned();
    let write = |duration| humantime::format_duration(duration).to_string();
    let (min, max) = (write(TTL_MIN), write(TTL_MAX));
    push(
        &mut page,
        &format!("The time to live (`--for`) is {min} to {max}; 30s when it is not given."),
    );
    push(&mut page, "");
    push(
        &mut page,
        "| fault | what it does | should cause | ended by |\n|---|---|---|---|",
    );
    for fault in faults() {
        let Fault { name, summary, .. } = fault;
        let row = format!(
            "| [`{name}`](#{name}) | {summary} | {} | {} |",
            symptoms(fault),
            cures(fault)
        );
        push(&mut page, &row);
    }
    for fault in faults() {
        section(&mut page, fault);
    }
    page.push_str(SCHEDULES);
    page
}

fn faults() -> impl Iterator<Item = &'static Fault> {
    CATALOGUE.iter().map(|name| name.fault())
}

fn section(page: &mut String, fault: &Fault) {
    push(page, &format!("\n## {}\n", fault.name));
    push(page, &format!("{} {}\n", fault.summary, fault.description));
    let scope = match fault.scope {
        Scope::Service => "a service",
        Scope::Node => "a node",
        Scope::Either => "a service or a node",
    };
    let needs: Vec<&str> = fault.needs.iter().map(|need| need.words()).collect();
    let needs = match needs.as_slice() {
        [] => String::new(),
        needs => format!(" that has {}", needs.join(" and ")),
    };
    push(
        page,
        &format!(
            "Its target is {scope}{needs}. Runbook: [{name}](runbook/{name}.md).\n",
            name = fault.name
        ),
    );
    if fault.params.is_empty() {
        push(page, "It has no parameters.");
        return;
    }
    push(
        page,
        "| parameter | what | allowed | default |\n|---|---|---|---|",
    );
    for param in fault.params {
        let limit = param
            .at_most
            .map_or_else(String::new, |other| format!(", at most the `{other}`"));
        let row = format!(
            "| `{}` | {} | {}{limit} | {} |",
            param.name,
            param.what,
            param.range(),
            match param.default_text() {
                text if text.is_empty() => "none".to_owned(),
                text => format!("`{text}`"),
            }
        );
        push(page, &row);
    }
}

fn symptoms(fault: &Fault) -> String {
    let quoted: Vec<String> = fault
        .symptoms
        .iter()
        .map(|name| format!("`{name}`"))
        .collect();
    match fault.family {
        _ if !quoted.is_empty() => {}
        Family::Telemetry => return "nothing: the node is well".to_owned(),
        _ => return "nothing that the detector has a name for".to_owned(),
    }
    quoted.join(", ")
}

fn cures(fault: &Fault) -> String {
    let words: Vec<String> = fault
        .cures
        .iter()
        .map(|action| action.as_str().to_lowercase())
        .collect();
    if words.is_empty() {
        return "no action: its time to live".to_owned();
    }
    words.join(", ")
}

fn push(page: &mut String, line: &str) {
    // Writing to a String does not fail.
    let _ = writeln!(page, "{line}");
}

#[cfg(test)]
mod tests {
    use expect_test::expect_file;

    #[test]
    fn docs_faults_md_is_the_catalogue() {
        // Mend with UPDATE_EXPECT=1 cargo test -p arena-faults
        expect_file!["../../../docs/faults.md"].assert_eq(&super::reference());
    }
}
