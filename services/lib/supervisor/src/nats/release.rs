//! The official release, from the NATS project's own page.
//!
//! Its checksums are pinned here, not read from the release's `SHA256SUMS`: that file comes from where the archive comes
//! from, and so says nothing about it.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use flate2::read::GzDecoder;

use super::{FetchError, PROGRAM, install};

/// The newest release of which the NATS project publishes the archives' checksums in a second place: its image recipe
/// (`nats-io/nats-docker`, `2.15.x/alpine3.22/Dockerfile`), from where `sha256_of` has them.
const VERSION: &str = "2.15.0";

/// A machine without a way out should know so soon; the wheel is tried next.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The archive has about 7 MB: enough for a slow line, and an end for one that hangs.
const DOWNLOAD_TIMEOUT: Duration = Duration::from_secs(90);

/// Several times what the archive and the program have; nobody fills the memory through us.
const SIZE_MAX: u64 = 128 * 1024 * 1024;

/// The name of this machine in the release's file names, and the checksum of its archive.
fn archive_for(architecture: &str) -> Option<(&'static str, &'static str)> {
    match architecture {
        "x86_64" => Some((
            "amd64",
            "5d2c51caca950333aba84911df7d377f826f3a59ec36061c6539105084f65c92",
        )),
        "aarch64" => Some((
            "arm64",
            "cdc208f5a3f42963a52b6ab06ef65626bb870315dc936e26ba571780c6351112",
        )),
        _ => None,
    }
}

/// Fetches the release's program into `folder`.
pub(super) fn fetch(folder: &Path, note: fn(&str)) -> Result<PathBuf, FetchError> {
    let (name, sha256) = archive_for(std::env::consts::ARCH)
        .ok_or_else(|| FetchError::Platform(std::env::consts::ARCH.to_owned()))?;
    let url = format!(
        "https://github.com/nats-io/nats-server/releases/download/v{VERSION}/nats-server-v{VERSION}-linux-{name}.tar.gz"
    );
    note(&format!("fetching nats-server {VERSION}: {url}"));
    let archive = download(&url)?;
    install::verify(&url, &archive, sha256)?;
    Ok(install::put(folder, PROGRAM, &unpack(&archive)?)?)
}

fn download(url: &str) -> Result<Vec<u8>, FetchError> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_connect(Some(CONNECT_TIMEOUT))
        .timeout_global(Some(DOWNLOAD_TIMEOUT))
        .build()
        .into();
    let answer = agent.get(url).call().and_then(|mut response| {
        response
            .body_mut()
            .with_config()
            .limit(SIZE_MAX)
            .read_to_vec()
    });
    answer.map_err(|error| FetchError::Download {
        url: url.to_owned(),
        reason: error.to_string(),
    })
}

/// The server's program out of the release's archive.
fn unpack(archive: &[u8]) -> Result<Vec<u8>, FetchError> {
    let broken = |error: std::io::Error| FetchError::Archive(error.to_string());
    let mut archive = tar::Archive::new(GzDecoder::new(archive));
    for entry in archive.entries().map_err(broken)? {
        let entry = entry.map_err(broken)?;
        let is_program = entry
            .path()
            .map_err(broken)?
            .file_name()
            .is_some_and(|name| name == PROGRAM);
        if is_program && entry.header().entry_type().is_file() {
            let mut program = Vec::new();
            entry
                .take(SIZE_MAX)
                .read_to_end(&mut program)
                .map_err(broken)?;
            return Ok(program);
        }
    }
    Err(FetchError::Archive("it holds no nats-server".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
        let gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        let mut builder = tar::Builder::new(gzip);
        for (name, content) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(u64::try_from(content.len()).unwrap());
            header.set_mode(0o755);
            builder.append_data(&mut header, name, *content).unwrap();
        }
        builder.into_inner().unwrap().finish().unwrap()
    }

    #[test]
    fn the_program_is_found_in_the_archives_folder() {
        let whole = archive(&[
            ("nats-server-v2/README.md", b"words"),
            ("nats-server-v2/nats-server", b"program"),
        ]);
        assert_eq!(unpack(&whole).unwrap(), b"program");
    }

    #[test]
    fn an_archive_without_it_or_a_broken_one_is_refused() {
        let without = archive(&[("nats-server-v2/README.md", b"words")]);
        assert!(matches!(unpack(&without), Err(FetchError::Archive(_))));
        assert!(matches!(unpack(b"rubbish"), Err(FetchError::Archive(_))));
    }
}
