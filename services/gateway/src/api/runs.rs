//! The records of `arena run`, as they lie in a folder.
//!
//! Invariants: nothing outside the folder is read (an id is a file's name, and a link is no file); a file that is no record is named and
//! left out; the count and the size of what is read have a limit.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path as FilePath, PathBuf};
use std::time::SystemTime;

use arena_proto::Timestamp;
use arena_scenario::judge::Policy;
use arena_scenario::record::{Ending, FORMAT, Head, Record};
use axum::extract::State;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::extract::{Json, Path};
use crate::http::problem::{Kind, Problem};
use crate::state::Gateway;

/// Of more files the newest are listed: weeks of certifying every curated scenario.
const RUNS_MAX: usize = 200;
/// Files that are looked at; a folder with more is none of ours.
const FILES_MAX: usize = 10_000;
/// A record of an hour's run is a tenth of it.
const RECORD_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// A scenario's name and a time are far shorter.
const ID_BYTES_MAX: usize = 200;

/// Its paths.
#[must_use]
pub fn router() -> OpenApiRouter<Gateway> {
    OpenApiRouter::new()
        .routes(routes!(runs))
        .routes(routes!(run))
}

/// The runs that were recorded, newest first.
#[derive(Debug, Default, Serialize, ToSchema)]
struct Listed {
    /// They.
    runs: Vec<RunLine>,
    /// Files that are no record, and why.
    skipped: Vec<SkippedFile>,
    /// Files that were not looked into, because there are more than are listed.
    left_out: usize,
}

/// A run in short. In the API's description the line of a record's story is called `RunLine`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ListedRun)]
struct RunLine {
    /// The file's name, without `.json`.
    id: String,
    /// In a word.
    ending: Ending,
    /// Why, in a line; empty when it met its goal.
    why: String,
    /// Which scenario.
    scenario: Head,
    /// Played in an arena that was there before.
    attached: bool,
    /// When it began.
    began_at: Timestamp,
    /// Who was to heal.
    policy: Policy,
    /// From the first fault until users were well for good.
    heal_ms: Option<u64>,
    /// From the first fault until an incident was opened.
    detect_ms: Option<u64>,
}

/// A file that is no record.
#[derive(Debug, Serialize, ToSchema)]
struct SkippedFile {
    /// Its name.
    file: String,
    /// Why it is left out.
    why: String,
}

/// Of a record what its line needs: the rest is long, and is not read into anything.
#[derive(Deserialize)]
struct Short {
    format: u32,
    ending: Ending,
    why: String,
    scenario: Head,
    attached: bool,
    began_at: Timestamp,
    verdict: Option<ShortVerdict>,
    facts: ShortFacts,
}

#[derive(Deserialize)]
struct ShortVerdict {
    heal_ms: Option<u64>,
    detect_ms: Option<u64>,
}

#[derive(Deserialize)]
struct ShortFacts {
    policy: Policy,
}

/// The runs that were recorded, newest first: at most 200.
#[utoipa::path(get, path = "/api/v1/runs", responses((status = 200, body = Listed)))]
async fn runs(State(gateway): State<Gateway>) -> Result<Json<Listed>, Problem> {
    let Some(folder) = gateway.runs_dir else {
        return Ok(Json(Listed::default()));
    };
    let listed = in_turn(move || list(&folder)).await;
    listed.map(Json).map_err(|error| unreadable(&error))
}

/// A run in a path.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct RunPath {
    /// Its id.
    #[param(max_length = 200, pattern = "^[A-Za-z0-9_-][A-Za-z0-9._-]*$")]
    id: String,
}

/// One record, whole: docs/runs.md tells every field.
#[utoipa::path(get, path = "/api/v1/runs/{id}", params(RunPath), responses((status = 200, body = Record)))]
async fn run(
    State(gateway): State<Gateway>,
    Path(path): Path<RunPath>,
) -> Result<Json<Record>, Problem> {
    let id = path.id;
    let none = || Problem::new(Kind::NotFound, format!("there is no run {id}"));
    let folder = gateway.runs_dir.filter(|_| is_id(&id)).ok_or_else(none)?;
    let file = folder.join(format!("{id}.json"));
    let found = in_turn(move || read::<Record>(&file)).await;
    let no_record = |why: String| {
        let what = format!("{id} is no record of a run: {why}");
        Problem::new(Kind::NotFound, what)
    };
    match found {
        Ok(record) if record.format == FORMAT => Ok(Json(record)),
        Ok(record) => Err(no_record(other_format(record.format))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(none()),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            Err(no_record(error.to_string()))
        }
        Err(error) => Err(unreadable(&error)),
    }
}

/// One reads after the other: a record may be large, and anybody may ask.
async fn in_turn<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    static TURN: Mutex<()> = Mutex::const_new(());
    let turn = TURN.lock().await;
    let done = tokio::task::spawn_blocking(move || {
        // Until it is done, also when nobody waits for it any more.
        let _turn = turn;
        work()
    });
    done.await.map_err(io::Error::other).flatten()
}

fn other_format(format: u32) -> String {
    format!("its format is {format}, and not {FORMAT}")
}

fn unreadable(error: &io::Error) -> Problem {
    let what = format!("the records of runs cannot be read: {error}");
    Problem::new(Kind::Unknown, what)
}

/// A name that leads nowhere else: no separator, and no dot at its beginning.
fn is_id(text: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    (1..=ID_BYTES_MAX).contains(&text.len())
        && !text.starts_with('.')
        && text.chars().all(is_letter)
}

/// A folder that is not there has no runs: the first run makes it.
fn list(folder: &FilePath) -> io::Result<Listed> {
    let mut files = match files(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Listed::default()),
        files => files?,
    };
    files.sort_by(|left, right| right.cmp(left));
    let mut listed = Listed {
        left_out: files.len().saturating_sub(RUNS_MAX),
        ..Listed::default()
    };
    for (_, path) in files.into_iter().take(RUNS_MAX) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        match line(&name, &path) {
            Ok(line) => listed.runs.push(line),
            Err(why) => listed.skipped.push(SkippedFile {
                file: name.into_owned(),
                why,
            }),
        }
    }
    listed
        .runs
        .sort_by_key(|run| std::cmp::Reverse(run.began_at));
    Ok(listed)
}

/// The JSON files of a folder, each with the time of its last change.
fn files(folder: &FilePath) -> io::Result<Vec<(SystemTime, PathBuf)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)?.take(FILES_MAX) {
        let path = entry?.path();
        let is_json = path
            .extension()
            .is_some_and(|extension| extension == "json");
        // One that went away meanwhile is none.
        if let Ok(about) = path.symlink_metadata()
            && is_json
            && about.is_file()
        {
            files.push((about.modified()?, path));
        }
    }
    Ok(files)
}

fn line(name: &str, path: &FilePath) -> Result<RunLine, String> {
    let id = name.strip_suffix(".json").unwrap_or(name);
    if !is_id(id) {
        return Err("its name is none that a run gives".to_owned());
    }
    let record: Short = read(path).map_err(|error| error.to_string())?;
    if record.format != FORMAT {
        return Err(other_format(record.format));
    }
    let verdict = record.verdict.as_ref();
    Ok(RunLine {
        id: id.to_owned(),
        ending: record.ending,
        why: record.why,
        scenario: record.scenario,
        attached: record.attached,
        began_at: record.began_at,
        policy: record.facts.policy,
        heal_ms: verdict.and_then(|verdict| verdict.heal_ms),
        detect_ms: verdict.and_then(|verdict| verdict.detect_ms),
    })
}

fn read<T: DeserializeOwned>(path: &FilePath) -> io::Result<T> {
    if !path.symlink_metadata()?.is_file() {
        return Err(io::ErrorKind::NotFound.into());
    }
    let mut text = Vec::new();
    let read = fs::File::open(path)?
        .take(RECORD_BYTES_MAX + 1)
        .read_to_end(&mut text)?;
    if u64::try_from(read).unwrap_or(u64::MAX) > RECORD_BYTES_MAX {
        let what = format!("it is larger than {RECORD_BYTES_MAX} bytes");
        return Err(io::Error::new(io::ErrorKind::InvalidData, what));
    }
    serde_json::from_slice(&text).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_leads_to_no_other_folder() {
        assert!(is_id("dies-crash-1795252175137"));
        for bad in [
            "", ".", "..", "../x", "a/b", "a\\b", ".hidden", "a b", "a\0",
        ] {
            assert!(!is_id(bad), "{bad:?}");
        }
    }

    #[test]
    fn what_is_no_record_is_named_and_left_out() {
        let folder = arena_testkit::temp_dir();
        let missing = list(&folder.path().join("runs")).unwrap();
        assert!(missing.runs.is_empty() && missing.skipped.is_empty());
        fs::write(folder.path().join("broken-1.json"), "{").unwrap();
        fs::write(folder.path().join("other-1.json.new"), "{").unwrap();
        fs::write(folder.path().join("a b.json"), "{}").unwrap();
        std::os::unix::fs::symlink("/etc/passwd", folder.path().join("link.json")).unwrap();
        let listed = list(folder.path()).unwrap();
        let mut names: Vec<_> = listed.skipped.iter().map(|it| it.file.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, ["a b.json", "broken-1.json"]);
        assert!(listed.runs.is_empty());
        let link = read::<Record>(&folder.path().join("link.json")).unwrap_err();
        assert_eq!(link.kind(), io::ErrorKind::NotFound);
    }
}
