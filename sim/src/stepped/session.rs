//! A conversation: a line in, a line out, whatever the line is.

use serde::Deserialize as _;

use super::episode::Episode;
use super::options::{FelixPlayer, Options, VillainPlayer};
use super::places::Places;
use super::protocol::{Actions, Description, Mistake, Reply, Request, SCHEMA};
use super::{felix, villain};
use arena_scenario::Layout;

/// The longest line that is read, in bytes: far above any step and any scenario (its longest allowed file is some 100 KiB).
pub const LINE_BYTES_MAX: usize = 1024 * 1024;

/// One conversation.
#[derive(Debug)]
pub struct Session {
    defaults: Options,
    episode: Option<Episode>,
    is_closed: bool,
}

impl Session {
    /// `defaults`: for what a request's options leave out.
    #[must_use]
    pub const fn new(defaults: Options) -> Self {
        Self {
            defaults,
            episode: None,
            is_closed: false,
        }
    }

    /// What is said before anything is asked.
    #[must_use]
    pub fn hello() -> Reply {
        Reply::Hello {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            schema: SCHEMA,
        }
    }

    /// Nothing more is to be asked.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// Answers a line, without its newline. What is wrong with it changes nothing.
    pub fn answer(&mut self, line: &[u8]) -> Reply {
        let request = match read(line) {
            Ok(request) => request,
            Err(mistake) => return Reply::Error(mistake),
        };
        let answer = match request {
            Request::Describe { options } => self.describe(options),
            Request::Reset { seed, options } => self.reset(seed, options),
            Request::Step { actions } => self.step(&actions),
            Request::Close => {
                self.is_closed = true;
                Ok(Reply::Closed)
            }
        };
        answer.unwrap_or_else(Reply::Error)
    }

    fn describe(&self, options: Options) -> Result<Reply, Mistake> {
        let chosen = options.or(&self.defaults).check(None)?;
        let places = Places::of(&Layout::of(&chosen.scenario.topology, chosen.scenario.seed));
        let mut agents = Vec::new();
        if chosen.villain == VillainPlayer::Agent {
            agents.push("villain".to_owned());
        }
        if chosen.felix == FelixPlayer::Agent {
            agents.push("felix".to_owned());
        }
        let step_ms = chosen.step_ms();
        Ok(Reply::Description(Box::new(Description {
            scenario: chosen.scenario.name.clone(),
            agents,
            step_ms,
            steps_max: chosen.length_ms().div_ceil(step_ms),
            places: places.names().collect(),
            felix: felix::shape(&places),
            villain: villain::shape(&places),
        })))
    }

    fn reset(&mut self, seed: Option<u64>, options: Options) -> Result<Reply, Mistake> {
        let chosen = options.or(&self.defaults).check(seed)?;
        let (episode, begun) = Episode::begin(&chosen)?;
        self.episode = Some(episode);
        Ok(Reply::Reset(Box::new(begun)))
    }

    fn step(&mut self, actions: &Actions) -> Result<Reply, Mistake> {
        let Some(episode) = &mut self.episode else {
            return Err(Mistake::new("no episode has begun", "type", "reset first"));
        };
        Ok(Reply::Step(Box::new(episode.step(actions)?)))
    }
}

fn read(line: &[u8]) -> Result<Request, Mistake> {
    if line.len() > LINE_BYTES_MAX {
        return Err(too_long());
    }
    let mend =
        r#"write one JSON object a line, as {"type":"reset","seed":1}; docs/gym.md tells them"#;
    if line.trim_ascii().is_empty() {
        return Err(Mistake::new("an empty line", "the line", mend));
    }
    let wrong = |error: &serde_json::Error| {
        let place = match error.column() {
            0 => "the line".to_owned(),
            column => format!("column {column}"),
        };
        Mistake::new(cut(&error.to_string()), place, mend)
    };
    // First as any JSON: what is said of a wrong field is clearer than that nothing fits.
    let value: serde_json::Value = serde_json::from_slice(line).map_err(|error| wrong(&error))?;
    Request::deserialize(value).map_err(|error| wrong(&error))
}

/// The answer to a line of more than [`LINE_BYTES_MAX`], which nobody kept.
#[must_use]
pub fn too_long() -> Mistake {
    Mistake::new(
        format!("a line of more than {LINE_BYTES_MAX} bytes"),
        "the line",
        "write a shorter one",
    )
}

/// What somebody wrote may be long; enough to recognize it is told back.
fn cut(text: &str) -> String {
    text.chars().take(300).collect()
}
