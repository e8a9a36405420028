//! `arena.toml` as it is written, before it is checked. What is checked later keeps its place in the file.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use arena_proto::ServiceClass;
use serde::Deserialize;
use toml::Spanned;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawArena {
    pub(crate) node: Spanned<Vec<RawNode>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawNode {
    pub(crate) name: Spanned<String>,
    #[serde(default)]
    pub(crate) service: Vec<RawService>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawService {
    pub(crate) name: Spanned<String>,
    pub(crate) command: Spanned<Vec<String>>,
    pub(crate) port: Option<Spanned<u16>>,
    #[serde(default)]
    pub(crate) depends_on: Vec<Spanned<String>>,
    #[serde(default)]
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) working_dir: Option<Spanned<PathBuf>>,
    pub(crate) health: Option<Spanned<RawHealth>>,
    pub(crate) stop_grace: Option<Spanned<Text>>,
    pub(crate) class: Option<Class>,
    #[serde(default)]
    pub(crate) standby: bool,
    #[serde(default = "nothing")]
    pub(crate) clean: Spanned<Vec<Spanned<String>>>,
}

fn nothing() -> Spanned<Vec<Spanned<String>>> {
    Spanned::new(0..0, Vec::new())
}

/// [`ServiceClass`] as people write it in a file.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Class {
    Service,
    Batch,
}

impl Class {
    pub(crate) const fn into_word(self) -> ServiceClass {
        match self {
            Self::Service => ServiceClass::Service,
            Self::Batch => ServiceClass::Batch,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawHealth {
    pub(crate) http: Option<Spanned<String>>,
    #[serde(default)]
    pub(crate) tcp: bool,
    pub(crate) command: Option<Vec<String>>,
    pub(crate) interval: Option<Spanned<Text>>,
    pub(crate) timeout: Option<Spanned<Text>>,
    pub(crate) failures: Option<Spanned<u32>>,
}

/// A duration that keeps its place.
#[derive(Deserialize)]
#[serde(transparent)]
pub(crate) struct Text(#[serde(with = "crate::duration")] pub(crate) Duration);
