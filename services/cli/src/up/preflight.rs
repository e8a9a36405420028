//! Everything that can be known before anything is started: that each file is right, each program there and each port free.
//! What is wrong is refused here, in words, while there is nothing to clean up yet.

use std::fs;
use std::io::Read as _;
use std::net::{TcpStream, ToSocketAddrs as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use arena_config::arena::Arena;
use arena_supervisor::{nats, ports, program};

use super::address::{Address, DEFAULT_PORT};
use super::cargo::Build;
use super::data_dir::{DataDir, DataDirArgs};
use super::plan::{self, COMFORTS, PROGRAMS, Settings};
use super::{UpArgs, say, windows};
use crate::exit::{Exit, Failure};

/// Enough for a server in the same country; `arena up` should not look dead meanwhile.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// The folder, in one of several places, for what was fetched.
const TOOLS: &str = ".tools";

/// Checks everything and settles what is to be run.
pub(crate) fn check(args: &UpArgs, data: &DataDir) -> Result<Settings, Failure> {
    let arena = read_config(args.config.as_deref(), data)?;
    if let Some(build) = Build::needed().filter(|_| !args.no_build) {
        build.run()?;
    }
    let programs = programs()?;
    check_files(&programs, args)?;
    let database = database(args, data);
    check_database(&programs, &database)?;
    let (nats, nats_url) = settle_nats(args, data)?;
    let settings = Settings {
        data: data.clone(),
        programs,
        nats,
        nats_url,
        database,
        arena,
        chaos: args.chaos,
        viewer: windows::viewer(args)?,
        gateway_port: windows::gateway(args)?,
        files: args.files.clone(),
    };
    check_ports(&plan::ports(&settings))?;
    Ok(settings)
}

/// Where a nats-server of Arena's own may be, the place for a fetched one first: beside the sources, or where data is kept
/// by default, so that an arena in a temporary folder does not fetch it again and again.
pub(crate) fn nats_folders(data: Option<&DataDir>) -> Vec<PathBuf> {
    let default = DataDirArgs { data_dir: None }.path().ok();
    workspace()
        .into_iter()
        .chain(default)
        .chain(data.map(|data| data.root().to_owned()))
        .map(|folder| folder.join(TOOLS))
        .collect()
}

/// The folder of the sources that this program was built from, when it still lies in their target folder.
fn workspace() -> Option<PathBuf> {
    let executable = std::env::current_exe().ok()?;
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let is_workspace =
        |folder: &&Path| folder.join("Cargo.lock").is_file() && folder.join("nats.conf").is_file();
    let above = |path: &Path| path.ancestors().find(is_workspace).map(Path::to_owned);
    manifest
        .as_deref()
        .and_then(above)
        .or_else(|| above(&executable))
}

fn read_config(config: Option<&Path>, data: &DataDir) -> Result<Arena, Failure> {
    let local = Path::new("arena.toml");
    let (name, text) = match config.or_else(|| local.is_file().then_some(local)) {
        None => (
            "the built-in shop".to_owned(),
            Arena::default_toml().to_owned(),
        ),
        Some(path) => {
            let name = path.display().to_string();
            let text = fs::read_to_string(path).map_err(|error| {
                Exit::Usage.because(format!(
                    "cannot read {name}: {error}\n  mend: name a file with --config"
                ))
            })?;
            (name, text)
        }
    };
    let arena = Arena::parse(&name, &text).map_err(|diagnostic| Exit::Usage.because(diagnostic))?;
    let names: Vec<&str> = arena.nodes.iter().map(|node| node.name.as_str()).collect();
    say(&format!("the arena is {name}: {}", names.join(", ")));
    let copy = data.config();
    fs::write(&copy, text).with_context(|| format!("cannot write {}", copy.display()))?;
    Ok(arena)
}

fn programs() -> Result<PathBuf, Failure> {
    let missing: Vec<&str> = PROGRAMS
        .into_iter()
        .filter(|name| program::sibling(name).is_none())
        .collect();
    let executable = std::env::current_exe()?;
    let folder = executable.parent().context("this program lies nowhere")?;
    if missing.iter().any(|name| !COMFORTS.contains(name)) {
        return Err(Exit::Failed.because(format!(
            "{} missing in {}\n  mend: `cargo build --workspace --bins`, or run `cargo run -- up`",
            missing.join(", "),
            folder.display(),
        )));
    }
    Ok(folder.to_owned())
}

/// Each component knows best what its own file may say.
fn check_files(programs: &Path, args: &UpArgs) -> Result<(), Failure> {
    let checks: Vec<_> = args
        .files
        .arguments()
        .into_iter()
        .filter(|(_, arguments)| !arguments.is_empty())
        .map(|(name, arguments)| {
            Command::new(programs.join(name))
                .arg("--check")
                .args(arguments)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .status()
                .with_context(|| format!("cannot run {name} --check"))
        })
        .collect::<Result<_, _>>()?;
    if checks.iter().all(std::process::ExitStatus::success) {
        return Ok(());
    }
    Err(Exit::Usage.because("nothing was started: mend the file first"))
}

type Nats = (Option<(PathBuf, u16)>, String);

/// A server that was named and listens is used; otherwise ours is started, if it may be.
fn settle_nats(args: &UpArgs, data: &DataDir) -> Result<Nats, Failure> {
    let port = match &args.nats_url {
        None => DEFAULT_PORT,
        Some(url) => {
            let address = Address::parse(url).map_err(|what| Exit::Usage.because(what))?;
            if nats_listens(&address) {
                say(&format!(
                    "using the NATS server at {}:{}",
                    address.host, address.port
                ));
                return Ok((None, url.clone()));
            }
            if !address.is_loopback() {
                return Err(Exit::NotRunning.because(format!(
                    "no NATS server answers at {}:{}\n  mend: start it, or leave --nats-url (NATS_URL) away for one of Arena's own",
                    address.host, address.port
                )));
            }
            address.port
        }
    };
    let found = nats::find_or_fetch(&nats::FetchOptions {
        folders: nats_folders(Some(data)),
        fetch: true,
        note: say,
    })?;
    say(&format!("nats-server {} ({})", found.version, found.how));
    let url = args
        .nats_url
        .clone()
        .unwrap_or_else(|| format!("nats://127.0.0.1:{port}"));
    Ok((Some((found.path, port)), url))
}

/// Whether a NATS server listens there: it speaks first, and begins with `INFO`. Something else that listens is in the way,
/// which the look at the ports will tell.
fn nats_listens(address: &Address) -> bool {
    let greets = |socket| {
        let mut stream = TcpStream::connect_timeout(&socket, CONNECT_TIMEOUT)?;
        stream.set_read_timeout(Some(CONNECT_TIMEOUT))?;
        let mut greeting = [0; 5];
        stream.read_exact(&mut greeting)?;
        Ok::<_, std::io::Error>(greeting == *b"INFO ")
    };
    (address.host.as_str(), address.port)
        .to_socket_addrs()
        .into_iter()
        .flatten()
        .any(|socket| greets(socket).unwrap_or(false))
}

fn database(args: &UpArgs, data: &DataDir) -> String {
    args.database
        .clone()
        .unwrap_or_else(|| format!("sqlite:{}", data.database().display()))
}

/// The recorder knows best whether it can use its database: asked before anything is started, with the same words.
fn check_database(programs: &Path, database: &str) -> Result<(), Failure> {
    let status = Command::new(programs.join("arena-recorder"))
        .arg("--check-database")
        .env("DATABASE_URL", database)
        .env("RUST_LOG", "error")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .context("cannot run arena-recorder --check-database")?;
    if status.success() {
        return Ok(());
    }
    let exit = if status.code() == Some(2) {
        Exit::Usage
    } else {
        Exit::Failed
    };
    Err(exit.because("nothing was started: mend the database, or leave --database (DATABASE_URL) away for SQLite"))
}

fn check_ports(needed: &[(u16, String)]) -> Result<(), Failure> {
    let taken: Vec<String> = needed
        .iter()
        .filter_map(|(port, what)| {
            let holder = ports::taken_by(*port)?;
            Some(format!("port {port} for {what} is held by {holder}"))
        })
        .collect();
    if taken.is_empty() {
        return Ok(());
    }
    let nats_mend = if needed.iter().any(|(port, what)| {
        what == "nats-server"
            && taken
                .iter()
                .any(|line| line.starts_with(&format!("port {port} ")))
    }) {
        "; or give nats-server another place, as in --nats-url nats://127.0.0.1:4333"
    } else {
        ""
    };
    Err(Exit::Failed.because(format!(
        "nothing was started:\n  {}\n  mend: end that process, or choose other ports in an arena.toml of your own{nats_mend}",
        taken.join("\n  "),
    )))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn each_taken_port_is_named_with_its_holder() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let needed = [(port, "nats-server".to_owned())];
        let words = check_ports(&needed).unwrap_err().error.to_string();
        let own = format!(
            "port {port} for nats-server is held by pid {}",
            std::process::id()
        );
        assert!(
            words.contains(&own) && words.contains("--nats-url"),
            "{words}"
        );
        drop(listener);
        // A child that another test starts has the listener, too, from its fork until its exec.
        let free = (0..500).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(10));
            check_ports(&needed).is_ok()
        });
        assert!(free);
    }
}
