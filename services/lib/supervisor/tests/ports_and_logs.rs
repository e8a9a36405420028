//! Real sockets and real writers.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::time::Duration;

use arena_supervisor::{Spawn, logs, ports, spawn, stop};

fn listener(address: &str) -> Option<(TcpListener, u16)> {
    let listener = TcpListener::bind(address).ok()?;
    let port = listener.local_addr().ok()?.port();
    Some((listener, port))
}

/// A child that another test starts has the listener, too, from its fork until its exec.
fn soon(what: &str, is_so: impl Fn() -> bool) {
    for _ in 0..500 {
        if is_so() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("not within 5 s: {what}");
}

#[test]
fn the_holder_of_a_port_is_named_on_whatever_address_it_listens() {
    for address in ["127.0.0.1:0", "0.0.0.0:0", "[::]:0", "[::1]:0"] {
        // A machine without IPv6 has nothing to find there.
        let Some((listener, port)) = listener(address) else {
            continue;
        };
        let holder = ports::holder(port).unwrap_or_else(|| panic!("nobody holds {address}"));
        assert_eq!(holder.pid, Some(std::process::id()), "{address}");
        assert!(
            holder.command_line.contains("ports_and_logs"),
            "{}",
            holder.command_line
        );
        // [::1] alone is not in the way of a server on 127.0.0.1.
        assert_eq!(ports::is_free(port), address == "[::1]:0", "{address}");
        drop(listener);
        soon(address, || {
            ports::is_free(port) && ports::taken_by(port).is_none() && ports::holder(port).is_none()
        });
    }
}

#[test]
fn what_is_left_of_ended_connections_holds_no_port() {
    let (listener, port) = listener("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let (server, _) = listener.accept().unwrap();
    drop(listener);
    // The side that closes first keeps the port in TIME_WAIT.
    drop(server);
    drop(client);
    soon("the port is free", || ports::is_free(port));
}

#[tokio::test]
async fn another_process_that_listens_is_named_with_its_command_line() {
    let Some(python) = arena_supervisor::program::find("python3") else {
        eprintln!("SKIPPED: python3 is not installed");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let script = "import socket,time\ns=socket.create_server(('127.0.0.1',0))\n\
                  open('port','w').write(f'{s.getsockname()[1]}\\n')\ntime.sleep(1000)";
    let process = spawn(&Spawn {
        argv: vec![
            python.display().to_string(),
            "-c".to_owned(),
            script.to_owned(),
        ],
        env: BTreeMap::new(),
        working_dir: Some(folder.path().to_owned()),
        log: folder.path().join("log"),
    })
    .unwrap();
    let port = loop {
        let text = std::fs::read_to_string(folder.path().join("port")).unwrap_or_default();
        if let Some(port) = text.strip_suffix('\n') {
            break port.parse().unwrap();
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    let holder = ports::taken_by(port).unwrap();
    assert_eq!(holder.pid, Some(process.pid));
    assert!(
        holder.command_line.contains("import socket"),
        "{}",
        holder.command_line
    );
    stop(&process, Duration::from_secs(20)).await;
    assert!(ports::is_free(port));
}

fn lines(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn a_log_within_its_limit_or_not_there_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    assert!(!logs::rotate_if_larger(&path, 10, 2).unwrap());
    std::fs::write(&path, "0123456789").unwrap();
    assert!(!logs::rotate_if_larger(&path, 10, 2).unwrap());
    assert!(!logs::numbered(&path, 1).exists());
}

#[test]
fn so_many_old_logs_are_kept_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    for number in 1..=4 {
        std::fs::write(&path, format!("log {number}\n")).unwrap();
        assert!(logs::rotate_if_larger(&path, 1, 2).unwrap());
    }
    assert_eq!(std::fs::read(&path).unwrap(), b"");
    assert_eq!(lines(&logs::numbered(&path, 1)), ["log 4"]);
    assert_eq!(lines(&logs::numbered(&path, 2)), ["log 3"]);
    assert!(!logs::numbered(&path, 3).exists());
    std::fs::write(&path, "more").unwrap();
    assert!(logs::rotate_if_larger(&path, 1, 0).unwrap());
    assert_eq!(lines(&logs::numbered(&path, 1)), ["log 4"]);
}

/// The writer goes on while the log is rotated under it: what is in the old and the new log together is a sequence without
/// repeats, and what it writes after a rotation is all there.
#[tokio::test]
async fn a_log_is_rotated_under_its_writer() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let script = "n=0; while [ ! -e enough ]; do echo $n; n=$((n+1)); done; echo last $n";
    let process = spawn(&Spawn {
        argv: ["sh", "-c", script].map(str::to_owned).into(),
        env: BTreeMap::new(),
        working_dir: Some(folder.path().to_owned()),
        log: path.clone(),
    })
    .unwrap();
    let mut rotations = 0;
    while rotations < 5 {
        if logs::rotate_if_larger(&path, 20_000, 9).unwrap() {
            rotations += 1;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    std::fs::File::create(folder.path().join("enough"))
        .unwrap()
        .flush()
        .unwrap();
    assert_eq!(process.exited().await.code, Some(0));

    let mut numbers = Vec::new();
    for old in (1..=rotations).rev() {
        numbers.extend(whole_numbers(&lines(&logs::numbered(&path, old))));
    }
    let current = lines(&path);
    numbers.extend(whole_numbers(&current));
    assert!(numbers.len() > 1000, "{} lines", numbers.len());
    assert!(
        numbers.is_sorted_by(|left, right| left < right),
        "a line came twice or out of order"
    );
    assert!(
        current.last().unwrap().starts_with("last "),
        "{:?}",
        current.last()
    );
    assert!(
        !current.iter().any(|line| line.contains('\0')),
        "the writer kept its old offset"
    );
}

/// The first and the last line of a piece may be cut by the rotation.
fn whole_numbers(lines: &[String]) -> Vec<u64> {
    let inner = lines
        .get(1..lines.len().saturating_sub(1))
        .unwrap_or_default();
    inner.iter().filter_map(|line| line.parse().ok()).collect()
}
