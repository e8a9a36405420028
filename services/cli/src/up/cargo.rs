//! `cargo run -- up`: Cargo built only the `arena` binary, and an arena needs all of them.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

use crate::exit::{Exit, Failure};

/// How Cargo is to be called to build the rest.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Build {
    cargo: OsString,
    manifest_dir: OsString,
    target_dir: PathBuf,
    target: Option<String>,
    profile: String,
}

impl Build {
    /// `None` unless this was started by `cargo run`.
    pub(crate) fn needed() -> Option<Self> {
        let executable = env::current_exe().ok()?;
        Self::from(
            env::var_os("CARGO")?,
            env::var_os("CARGO_MANIFEST_DIR")?,
            &executable,
        )
    }

    /// The program lies in `<target dir>/[<target>/]<profile>/`, and Cargo marks its target folders with a `CACHEDIR.TAG`.
    fn from(cargo: OsString, manifest_dir: OsString, executable: &Path) -> Option<Self> {
        let folder = executable.parent()?;
        let above = folder.parent()?;
        let (target_dir, target) = if above.join("CACHEDIR.TAG").is_file() {
            (above, None)
        } else {
            let target_dir = above.parent()?;
            target_dir.join("CACHEDIR.TAG").is_file().then_some(())?;
            (target_dir, Some(above.file_name()?.to_str()?.to_owned()))
        };
        let profile = match folder.file_name()?.to_str()? {
            "debug" => "dev",
            profile => profile,
        };
        Some(Self {
            cargo,
            manifest_dir,
            target_dir: target_dir.to_owned(),
            target,
            profile: profile.to_owned(),
        })
    }

    /// Builds; Cargo itself tells on stderr what it does.
    pub(crate) fn run(&self) -> Result<(), Failure> {
        let mut command = Command::new(&self.cargo);
        command
            .args([
                "build",
                "--workspace",
                // The program that runs now is built, and must not be replaced while it runs.
                "--exclude",
                env!("CARGO_PKG_NAME"),
                "--bins",
                "--profile",
                &self.profile,
                "--target-dir",
            ])
            .arg(&self.target_dir)
            .current_dir(&self.manifest_dir);
        if let Some(target) = &self.target {
            command.args(["--target", target]);
        }
        // What `cargo run` tells its program would make Cargo believe that the build scripts' surroundings have changed.
        for (name, _) in env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
                command.env_remove(&name);
            }
        }
        let status = command.status().context("cannot run cargo")?;
        if status.success() {
            return Ok(());
        }
        Err(Exit::Failed.because("cargo could not build the arena: see above"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build(executable: &Path) -> Option<(PathBuf, Option<String>, String)> {
        let build = Build::from("cargo".into(), "/workspace".into(), executable)?;
        Some((build.target_dir, build.target, build.profile))
    }

    #[test]
    fn the_profile_and_the_target_are_those_of_the_running_program() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().to_owned();
        std::fs::write(target.join("CACHEDIR.TAG"), "").unwrap();
        assert_eq!(
            build(&target.join("debug/arena")),
            Some((target.clone(), None, "dev".to_owned()))
        );
        assert_eq!(
            build(&target.join("x86_64-unknown-linux-musl/release/arena")),
            Some((
                target,
                Some("x86_64-unknown-linux-musl".to_owned()),
                "release".to_owned()
            ))
        );
        assert_eq!(build(Path::new("/usr/bin/arena")), None);
    }
}
