//! A run's story on stderr, a line for each thing that happens.

use owo_colors::{OwoColorize as _, Stream};

use crate::screen::talk;
use arena_scenario::record::Line;

/// Tells what is new of a story.
#[derive(Debug, Default)]
pub(super) struct Teller {
    told: usize,
    /// Before each line, where several runs are told at once.
    prefix: String,
}

impl Teller {
    /// With the name of the run before each line.
    pub(super) fn with_name(name: &str) -> Self {
        Self {
            told: 0,
            prefix: format!("{name:<28} "),
        }
    }

    /// Tells the events that were not told yet.
    pub(super) fn tell(&mut self, events: &[Line]) {
        for event in events.iter().skip(self.told) {
            let entity = if event.entity.is_empty() {
                String::new()
            } else {
                format!("{}: ", event.entity)
            };
            let kind = format!("{:<9}", event.kind);
            let kind = kind.if_supports_color(Stream::Stderr, |text| text.bold());
            talk!(
                "{}{:>7} ms  {kind} {entity}{}",
                self.prefix,
                event.at_ms,
                event.what
            );
        }
        self.told = events.len();
    }
}
