//! Which TCP ports are free, and who holds one that is not.
//!
//! Deliberately absent: UDP, and taking a port by force (the caller's decision).

use std::fmt;
use std::net::{Ipv4Addr, TcpListener};

use procfs::net::{TcpNetEntry, TcpState};

use crate::table;

/// Who holds a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// `None` when it belongs to another user or another container, which only root may see.
    pub pid: Option<u32>,
    /// Its command line; empty when `pid` is `None`.
    pub command_line: String,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pid {
            Some(pid) => write!(f, "pid {pid} ({})", self.command_line),
            None => f.write_str("a process of another user (root can see it: `ss -ltnp`)"),
        }
    }
}

/// Whether a server can listen on this port of 127.0.0.1 now; somebody listening on 0.0.0.0 or, for both families, on
/// [::] is in the way too.
#[must_use]
pub fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// Who holds this port on any address of this machine, IPv4 or IPv6: who listens on it, else who has a connection from
/// it. `None` when nobody does.
#[must_use]
pub fn holder(port: u16) -> Option<Holder> {
    let inode = socket_inode(port)?;
    let pid = pid_with_socket(inode);
    Some(Holder {
        pid,
        command_line: pid.and_then(table::command_line).unwrap_or_default(),
    })
}

/// The holder of the port, when it cannot be listened on; in one call, so that the two answers belong together.
#[must_use]
pub fn taken_by(port: u16) -> Option<Holder> {
    if is_free(port) {
        return None;
    }
    Some(holder(port).unwrap_or(Holder {
        pid: None,
        command_line: String::new(),
    }))
}

fn socket_inode(port: u16) -> Option<u64> {
    let tables = [procfs::net::tcp(), procfs::net::tcp6()];
    let sockets: Vec<TcpNetEntry> = tables
        .into_iter()
        .flatten()
        .flatten()
        .filter(|socket| socket.local_address.port() == port)
        // A connection in TIME_WAIT belongs to nobody any more.
        .filter(|socket| socket.inode != 0)
        .collect();
    sockets
        .iter()
        .find(|socket| socket.state == TcpState::Listen)
        .or(sockets.first())
        .map(|socket| socket.inode)
}

fn pid_with_socket(inode: u64) -> Option<u32> {
    let wanted = format!("socket:[{inode}]");
    table::pids().find(|pid| {
        std::fs::read_dir(format!("/proc/{pid}/fd"))
            .into_iter()
            .flatten()
            .flatten()
            .any(|descriptor| {
                std::fs::read_link(descriptor.path())
                    .is_ok_and(|target| target.as_os_str() == wanted.as_str())
            })
    })
}
