//! Where scenarios come from: files, folders of files, and the curated ones by name.

use std::fs;
use std::path::Path;

use arena_scenario::Scenario;

use crate::exit::{Exit, Failure};

/// One scenario, not yet read.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    /// The file as the person named it, or the name of a curated one.
    pub name: String,
    /// TOML.
    pub text: String,
}

impl Source {
    /// Reads and checks it.
    pub(crate) fn read(&self) -> Result<Scenario, Failure> {
        Scenario::parse(&self.name, &self.text).map_err(|mistake| Exit::Usage.because(mistake))
    }
}

/// Finds what a person named; a folder stands for the scenarios in it, by name.
pub(crate) fn find(names: &[String]) -> Result<Vec<Source>, Failure> {
    let mut found = Vec::new();
    for name in names {
        let path = Path::new(name);
        if path.is_dir() {
            found.extend(of_folder(path)?);
        } else if path.is_file() {
            found.push(of_file(path)?);
        } else {
            found.push(curated(name)?);
        }
    }
    Ok(found)
}

/// All curated ones.
pub(crate) fn all_curated() -> Vec<Source> {
    let known = arena_scenario::curated().iter();
    known
        .map(|(name, text)| Source {
            name: (*name).to_owned(),
            text: (*text).to_owned(),
        })
        .collect()
}

fn of_folder(folder: &Path) -> Result<Vec<Source>, Failure> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "toml")
        {
            paths.push(path);
        }
    }
    paths.sort();
    if paths.is_empty() {
        let what = format!(
            "no scenario (*.toml) is in {}\n  mend: `arena scenarios generate --seed 1 --count 5 --out FOLDER` makes some",
            folder.display()
        );
        return Err(Exit::NotRunning.because(what));
    }
    paths.iter().map(|path| of_file(path)).collect()
}

fn of_file(path: &Path) -> Result<Source, Failure> {
    let text = fs::read_to_string(path)
        .map_err(|error| Exit::Usage.because(format!("cannot read {}: {error}", path.display())))?;
    Ok(Source {
        name: path.display().to_string(),
        text,
    })
}

/// The curated one of that name.
pub(crate) fn curated(name: &str) -> Result<Source, Failure> {
    let known = arena_scenario::curated();
    if let Some((name, text)) = known.iter().find(|(known, _)| *known == name) {
        return Ok(Source {
            name: (*name).to_owned(),
            text: (*text).to_owned(),
        });
    }
    let nearest = arena_config::closest(name, known.iter().map(|(name, _)| *name));
    let mend = nearest.map_or_else(
        || "`arena scenarios list` shows the curated ones".to_owned(),
        |nearest| format!("did you mean {nearest}?"),
    );
    Err(Exit::NotRunning.because(format!(
        "there is no file and no curated scenario {name}\n  mend: {mend}"
    )))
}
