//! `FREE_PORT`: ends the foreign process that holds a service's port.
//!
//! Invariants: nothing of Arena's own and nothing of a service is ended, and nobody whom this agent descends from; a process
//! is signalled by a handle that cannot come to mean another one.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::Path;
use std::time::Duration;

use arena_proto::NodeName;
use arena_supervisor::ports::{self, Holder};
use arena_supervisor::{Process, Signal, identity_of};
use procfs::process::Process as Entry;

use crate::helper;

/// From SIGTERM to SIGKILL: a server that drains its requests needs a second or two, and somebody waits for this port.
const GRACE: Duration = Duration::from_secs(2);
/// How long SIGKILL may take; see `stop` of the supervisor.
const KILL_WAIT: Duration = Duration::from_secs(1);
/// Processes that may share the port, one after the other: a server and its workers.
const HOLDERS_MAX: usize = 8;

/// Who was ended, or why the port is still held. `leaders` lead the process groups of this node's services.
pub(crate) async fn free(
    port: u16,
    node: &NodeName,
    leaders: &BTreeSet<u32>,
) -> Result<String, String> {
    let mut ended = Vec::new();
    for _ in 0..HOLDERS_MAX {
        let looked = tokio::task::spawn_blocking(move || ports::taken_by(port)).await;
        let Some(holder) = looked.map_err(|error| error.to_string())? else {
            return Ok(if ended.is_empty() {
                format!("port {port} was free already")
            } else {
                format!("port {port} is free: ended {}", ended.join(", "))
            });
        };
        end(port, &holder, node, leaders).await?;
        ended.push(holder.to_string());
    }
    Err(format!(
        "port {port} is still held, after {} ended: {}",
        ended.len(),
        ended.join(", ")
    ))
}

async fn end(
    port: u16,
    holder: &Holder,
    node: &NodeName,
    leaders: &BTreeSet<u32>,
) -> Result<(), String> {
    let pid = holder
        .pid
        .ok_or_else(|| format!("port {port} is held by {holder}"))?;
    // The handle comes first: what is judged is what is ended.
    let process = identity_of(pid).and_then(|known| Process::adopt(known.pid, known.start_time));
    let Some(process) = process else {
        // It ended by itself.
        return Ok(());
    };
    if let Some(why) = protected(pid, node, leaders) {
        return Err(format!("port {port} is held by {holder}, {why}: not ended"));
    }
    if !process.signal(Signal::TERM) && process.is_alive() {
        return Err(format!(
            "port {port} is held by {holder}, which this agent may not end: it is another user's"
        ));
    }
    if tokio::time::timeout(GRACE, process.exited()).await.is_err() {
        process.signal(Signal::KILL);
        let gone = tokio::time::timeout(KILL_WAIT, process.exited()).await;
        gone.map_err(|_| format!("{holder} is still there after SIGKILL"))?;
    }
    Ok(())
}

/// Why this process is none to end; `None`: it is a stranger's.
fn protected(pid: u32, node: &NodeName, leaders: &BTreeSet<u32>) -> Option<String> {
    if lineage().contains(&pid) {
        return Some("whom this agent descends from".to_owned());
    }
    let entry = Entry::new(i32::try_from(pid).ok()?).ok()?;
    let group = entry.stat().ok().map(|stat| stat.pgrp);
    if group
        .and_then(|group| u32::try_from(group).ok())
        .is_some_and(|group| leaders.contains(&group))
    {
        return Some("a service of this node".to_owned());
    }
    if entry.exe().is_ok_and(|path| is_arenas(&path)) && !is_helper(&entry) {
        return Some("a part of Arena".to_owned());
    }
    // What an agent starts knows its node. Of this node's own, whoever is in no service's group is a leftover.
    let environment = entry.environ().ok()?;
    let other = environment.get(OsStr::new("ARENA_NODE"))?;
    let other = other.to_string_lossy();
    (other != node.as_str()).then(|| format!("a service of {other}"))
}

fn is_arenas(program: &Path) -> bool {
    let name = program
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    // The workload is a service like any other, and known by its environment.
    name != "arena-workload"
        && (name == "arena" || name.starts_with("arena-") || name.starts_with("nats-server"))
}

/// What a fault put there is in the way like any stranger; whose it is, its environment says.
fn is_helper(entry: &Entry) -> bool {
    let said = entry.environ().unwrap_or_default();
    said.contains_key(OsStr::new(helper::ROLE))
}

/// This process, its parent, and so on.
fn lineage() -> BTreeSet<u32> {
    let mut pids = BTreeSet::new();
    let mut next = i32::try_from(std::process::id()).ok();
    while let Some(pid) = next.filter(|pid| *pid > 0) {
        if !u32::try_from(pid).is_ok_and(|pid| pids.insert(pid)) {
            break;
        }
        let stat = Entry::new(pid).and_then(|entry| entry.stat());
        next = stat.ok().map(|stat| stat.ppid);
    }
    pids
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nobody_whom_the_agent_descends_from_is_ended() {
        let held = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = held.local_addr().expect("an address").port();
        let node = "node-1".parse().expect("a name");
        let why = free(port, &node, &BTreeSet::new())
            .await
            .expect_err("this process holds it");
        assert!(why.contains("descends from"), "{why}");
        drop(held);
        // A child that another test starts has the listener, too, from its fork until its exec.
        arena_testkit::wait_for("the port to be free", async || {
            let told = free(port, &node, &BTreeSet::new()).await;
            told.is_ok_and(|words| words.contains("free already"))
                .then_some(())
        })
        .await;
    }

    /// A squatter of its own process group, once it listens.
    async fn squatter(port: u16, environment: &[(&str, &str)]) -> Process {
        let folder = arena_testkit::temp_dir();
        let line = format!("exec python3 -m http.server {port} --bind 127.0.0.1");
        let process = arena_supervisor::spawn(&arena_supervisor::Spawn {
            argv: vec!["sh".to_owned(), "-c".to_owned(), line],
            env: environment
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            working_dir: None,
            log: folder.path().join("squatter.log"),
        })
        .expect("a shell");
        arena_testkit::wait_for("the squatter", async || {
            (!ports::is_free(port)).then_some(())
        })
        .await;
        process
    }

    #[tokio::test]
    async fn a_squatter_is_ended_and_named_and_a_service_is_not() {
        let port = arena_testkit::free_port();
        let node = "node-1".parse().expect("a name");
        let process = squatter(port, &[]).await;
        let why = free(port, &node, &BTreeSet::from([process.pid])).await;
        assert!(why.is_err_and(|why| why.contains("a service of this node")));
        assert!(process.is_alive());
        let told = free(port, &node, &BTreeSet::new()).await.expect("ended");
        let named = format!("ended pid {} (", process.pid);
        assert!(told.contains(&named), "{told}");
        let line = format!("-m http.server {port}");
        assert!(told.contains(&line), "{told}");
        assert!(!process.is_alive() && ports::is_free(port));

        let process = squatter(port, &[("ARENA_NODE", "node-2")]).await;
        let why = free(port, &node, &BTreeSet::new()).await;
        assert!(why.is_err_and(|why| why.contains("a service of node-2")));
        arena_supervisor::stop(&process, Duration::ZERO).await;
    }

    #[test]
    fn arenas_own_programs_are_known() {
        for (path, own) in [
            ("/opt/arena", true),
            ("/opt/arena-node", true),
            ("/x/nats-server", true),
            ("/opt/arena-workload", false),
            ("/usr/bin/python3.12", false),
        ] {
            assert_eq!(is_arenas(Path::new(path)), own, "{path}");
        }
    }
}
