//! Real processes of the shop, and requests to them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use arena_testkit::{TempDir, temp_dir, wait_for};

/// Longer than any answer takes; only a hung process reaches it.
const ANSWER_WAIT: Duration = Duration::from_secs(30);

/// One process. Ends with the value.
pub(crate) struct Service {
    child: Child,
    pub(crate) port: u16,
    pub(crate) folder: TempDir,
}

/// An HTTP answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Service {
    /// Starts a role on a free port and waits until it listens.
    pub(crate) fn start(role: &str, upstreams: &[(&str, u16)], more: &[&str]) -> Self {
        let folder = temp_dir();
        let mut command = Command::new(env!("CARGO_BIN_EXE_arena-workload"));
        command
            .args([role, "--port", "0"])
            .args(more)
            .env("ARENA_CONTROL_SOCKET", folder.path().join("control.sock"))
            .env("ARENA_STATE_DIR", folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        for (name, port) in upstreams {
            let name = format!("ARENA_UPSTREAM_{}", name.to_uppercase());
            command.env(name, format!("http://127.0.0.1:{port}"));
        }
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let port = lines
            .find_map(|line| {
                let line = line.unwrap();
                line.strip_prefix("listening on 127.0.0.1:")
                    .map(|port| port.parse().unwrap())
            })
            .expect("it listens");
        // Somebody reads what it says, so that it never blocks on it.
        std::thread::spawn(move || lines.for_each(drop));
        Self {
            child,
            port,
            folder,
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A request to its port.
    pub(crate) fn ask(&self, method: &str, path: &str, body: &str) -> Answer {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(ANSWER_WAIT)).unwrap();
        exchange(stream, method, path, body)
    }

    /// The status of the answer to a GET, if it comes in time.
    pub(crate) fn ask_for(&self, path: &str, patience: Duration) -> Option<u16> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(patience)).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let mut head = [0; 12];
        stream.read_exact(&mut head).ok()?;
        std::str::from_utf8(&head[9..]).unwrap().parse().ok()
    }

    /// A request to its control socket.
    pub(crate) fn control(&self, method: &str, path: &str, body: &str) -> Answer {
        let stream = UnixStream::connect(self.folder.path().join("control.sock")).unwrap();
        stream.set_read_timeout(Some(ANSWER_WAIT)).unwrap();
        exchange(stream, method, path, body)
    }

    /// One sample of its own, `None` when it has none now.
    pub(crate) fn metric(&self, name: &str) -> Option<f64> {
        let answer = self.control("GET", "/metrics", "");
        assert_eq!(answer.status, 200);
        let metrics: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
        metrics
            .get(name)
            .map(|value| value.as_f64().expect("a number"))
    }

    /// The faults in effect, each with its id, as it lists them.
    pub(crate) fn faults(&self) -> Vec<(String, String)> {
        let listed = self.listed();
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let faults = listed["faults"].as_array().unwrap().iter();
        faults
            .map(|fault| (text(&fault["id"]), text(&fault["fault"])))
            .collect()
    }

    /// The faults that it can make in itself.
    pub(crate) fn makes(&self) -> Vec<String> {
        serde_json::from_value(self.listed()["makes"].clone()).unwrap()
    }

    fn listed(&self) -> serde_json::Value {
        let answer = self.control("GET", "/faults", "");
        assert_eq!(answer.status, 200);
        serde_json::from_str(&answer.body).unwrap()
    }

    /// The ledger's file.
    pub(crate) fn entries(&self) -> String {
        std::fs::read_to_string(ledger_file(self.folder.path())).unwrap()
    }

    /// CPU time so far, in clock ticks, as the kernel counts it.
    pub(crate) fn cpu_ticks(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap();
        let fields: Vec<&str> = stat
            .rsplit(')')
            .next()
            .unwrap()
            .split_whitespace()
            .collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    }

    /// Its resident memory, as the kernel counts it.
    pub(crate) fn memory_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.unwrap()
            .trim()
            .trim_end_matches(" kB")
            .parse()
            .unwrap()
    }

    /// How many files it has open.
    pub(crate) fn open_files(&self) -> usize {
        let files = std::fs::read_dir(format!("/proc/{}/fd", self.pid()));
        files.unwrap().count()
    }

    /// It cannot have more files open from now on.
    pub(crate) fn limit_open_files(&self, most: u64) {
        let pid = rustix::process::Pid::from_child(&self.child);
        let limit = rustix::process::Rlimit {
            current: Some(most),
            maximum: Some(most),
        };
        rustix::process::prlimit(Some(pid), rustix::process::Resource::Nofile, limit).unwrap();
    }

    /// Its threads by name.
    pub(crate) fn threads(&self) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(format!("/proc/{}/task", self.pid()))
            .unwrap()
            // A thread may end while it is looked at.
            .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok())
            .map(|name| name.trim().to_owned())
            .collect();
        names.sort();
        names
    }

    /// Sends SIGTERM, and gives the exit code.
    pub(crate) async fn terminate(mut self) -> Option<i32> {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        let status = wait_for("the exit", async || self.child.try_wait().unwrap()).await;
        status.code()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn ledger_file(folder: &Path) -> PathBuf {
    let mut files = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    files
        .find(|path| path.extension().is_some_and(|extension| extension == "log"))
        .expect("a ledger file")
}

fn exchange(mut stream: impl Read + Write, method: &str, path: &str, body: &str) -> Answer {
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").expect("an answer");
    Answer {
        status: head.split(' ').nth(1).unwrap().parse().unwrap(),
        body: body.to_owned(),
    }
}
