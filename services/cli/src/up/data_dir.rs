//! Where an arena keeps what it has: one folder, in which every file has one place.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;

/// Which arena of this machine is meant.
#[derive(Debug, Clone, Args)]
pub(crate) struct DataDirArgs {
    /// Where the arena keeps its data and logs [default: `$XDG_STATE_HOME/arena`, `~/.local/state/arena`]
    #[arg(long, env = "ARENA_DATA_DIR", value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
}

impl DataDirArgs {
    /// The folder, made when it is not there yet.
    pub(crate) fn open(&self) -> anyhow::Result<DataDir> {
        let path = self.path()?;
        fs::create_dir_all(&path)
            .and_then(|()| fs::canonicalize(&path))
            .map(DataDir)
            .with_context(|| {
                format!(
                    "cannot use the data folder {}; name another with --data-dir",
                    path.display()
                )
            })
    }

    /// The folder, whether or not it is there.
    pub(crate) fn path(&self) -> anyhow::Result<PathBuf> {
        if let Some(path) = &self.data_dir {
            return Ok(path.clone());
        }
        // As the XDG Base Directory Specification has it: unset, empty and relative are the same as not there.
        let from = |name: &str| {
            std::env::var_os(name)
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
        };
        from("XDG_STATE_HOME")
            .or_else(|| from("HOME").map(|home| home.join(".local/state")))
            .map(|state| state.join("arena"))
            .context("neither XDG_STATE_HOME nor HOME is set: name a data folder with --data-dir")
    }
}

/// The folder of one arena: absolute, without symbolic links, so that it names the arena.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DataDir(PathBuf);

impl DataDir {
    /// The folder itself.
    pub(crate) fn root(&self) -> &Path {
        &self.0
    }

    /// Held for as long as an `arena up` runs here.
    pub(crate) fn lock(&self) -> PathBuf {
        self.0.join("arena.lock")
    }

    /// Who runs here.
    pub(crate) fn record(&self) -> PathBuf {
        self.0.join("arena.json")
    }

    /// The arena as it was read, for the nodes to read: what is edited while they run counts from the next start.
    pub(crate) fn config(&self) -> PathBuf {
        self.0.join("arena.toml")
    }

    /// What nats-server runs with.
    pub(crate) fn nats_conf(&self) -> PathBuf {
        self.0.join("nats.conf")
    }

    /// The streams.
    pub(crate) fn jetstream(&self) -> PathBuf {
        self.0.join("jetstream")
    }

    /// The embedded database.
    pub(crate) fn database(&self) -> PathBuf {
        self.0.join("arena.db")
    }

    /// The records of `arena run`.
    pub(crate) fn runs(&self) -> PathBuf {
        self.0.join("runs")
    }

    /// The logs of the components.
    pub(crate) fn logs(&self) -> PathBuf {
        self.0.join("logs")
    }

    /// The log of one component, and with the name `arena` of `arena up -d` itself.
    pub(crate) fn component_log(&self, name: &str) -> PathBuf {
        self.logs().join(format!("{name}.log"))
    }

    /// What the nodes keep.
    pub(crate) fn nodes(&self) -> PathBuf {
        self.0.join("nodes")
    }

    /// What one node keeps.
    pub(crate) fn node_state(&self, node: &str) -> PathBuf {
        self.nodes().join(node)
    }

    /// The logs of the services of one node.
    pub(crate) fn node_logs(&self, node: &str) -> PathBuf {
        self.node_state(node).join("logs")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_folder_has_one_name_whatever_way_leads_to_it() {
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(folder.path(), folder.path().join("link")).unwrap();
        let open = |path: PathBuf| {
            DataDirArgs {
                data_dir: Some(path),
            }
            .open()
            .unwrap()
        };
        let direct = open(folder.path().to_owned());
        assert_eq!(open(folder.path().join("link")), direct);
        assert_eq!(open(folder.path().join(".")), direct);
    }
}
