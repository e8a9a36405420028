//! The file that everything in it is told by its place in, and the values that every part of it reads alike.

use std::time::Duration;

use arena_config::Diagnostic;
use arena_expression::Expression;
use arena_proto::{Entity, ServiceName};
use toml::Spanned;

use crate::judge::CHECK_SCOPE;
use crate::layout::Layout;
use crate::model::Check;

/// Conditions in one list; more is a program.
const CHECKS_MAX: usize = 20;

pub(crate) struct Source<'a> {
    pub(crate) file: &'a str,
    pub(crate) text: &'a str,
}

impl Source<'_> {
    /// A mistake at a value.
    pub(crate) fn wrong<T>(
        &self,
        raw: &Spanned<T>,
        what: &(impl ToString + ?Sized),
        mend: &str,
    ) -> Diagnostic {
        Diagnostic::at(self.file, self.text, raw.span(), what.to_string(), mend)
    }

    /// A duration of whole milliseconds, as nothing finer is kept on the way.
    pub(crate) fn duration(&self, raw: &Spanned<String>) -> Result<Duration, Diagnostic> {
        let mend = "write the duration as text with its unit";
        let duration = arena_config::duration::parse(raw.get_ref())
            .map_err(|what| self.wrong(raw, &what, mend))?;
        if duration.subsec_nanos() % 1_000_000 != 0 {
            return Err(self.wrong(raw, "finer than a millisecond", "write whole milliseconds"));
        }
        Ok(duration)
    }

    pub(crate) fn duration_or(
        &self,
        raw: Option<&Spanned<String>>,
        default: Duration,
    ) -> Result<Duration, Diagnostic> {
        raw.map_or(Ok(default), |raw| self.duration(raw))
    }

    /// A number within its range.
    pub(crate) fn number(
        &self,
        raw: &Spanned<u32>,
        least: u32,
        most: u32,
        what: &str,
    ) -> Result<u32, Diagnostic> {
        let number = *raw.get_ref();
        if (least..=most).contains(&number) {
            return Ok(number);
        }
        let what = format!("{number} {what}");
        Err(self.wrong(raw, &what, &format!("write {least} to {most}")))
    }

    /// Conditions, at least one; these when none are written.
    pub(crate) fn checks(
        &self,
        raw: Option<&Spanned<Vec<Spanned<String>>>>,
        default: &[Check],
    ) -> Result<Vec<Check>, Diagnostic> {
        let Some(raw) = raw else {
            return Ok(default.to_vec());
        };
        let count = raw.get_ref().len();
        if !(1..=CHECKS_MAX).contains(&count) {
            let what = format!("{count} conditions");
            let mend = format!("write 1 to {CHECKS_MAX}, or leave `checks` out for the usual ones");
            return Err(self.wrong(raw, &what, &mend));
        }
        raw.get_ref().iter().map(|raw| self.check(raw)).collect()
    }

    pub(crate) fn check(&self, raw: &Spanned<String>) -> Result<Check, Diagnostic> {
        let source = raw.get_ref();
        match Expression::compile(source, &CHECK_SCOPE) {
            Ok(_) => Ok(Check(source.clone())),
            Err(mistake) => {
                let range = self.within(raw, &mistake.range);
                Err(Diagnostic::at(
                    self.file,
                    self.text,
                    range,
                    mistake.what,
                    mistake.mend,
                ))
            }
        }
    }

    /// The place in the file of a place in a text: exact where the text is written as it is, else the text as a whole.
    fn within(
        &self,
        raw: &Spanned<String>,
        range: &std::ops::Range<usize>,
    ) -> std::ops::Range<usize> {
        let span = raw.span();
        let written = self.text.get(span.clone()).unwrap_or_default();
        match written.find(raw.get_ref().as_str()) {
            Some(offset) => span.start + offset + range.start..span.start + offset + range.end,
            None => span,
        }
    }

    /// A node or a service that the arena has.
    pub(crate) fn entity(
        &self,
        raw: &Spanned<String>,
        layout: &Layout,
    ) -> Result<Entity, Diagnostic> {
        let mend = "write NODE/SERVICE, as in \"node-1/orders\", or NODE";
        let entity: Entity = raw
            .get_ref()
            .parse()
            .map_err(|error| self.wrong(raw, &error, mend))?;
        if layout.contains(&entity) {
            return Ok(entity);
        }
        let known: Vec<String> = match &entity.service {
            Some(_) => layout.services().map(|entity| entity.to_string()).collect(),
            None => layout
                .nodes
                .iter()
                .map(|(node, _)| node.to_string())
                .collect(),
        };
        let what = format!("the scenario's arena has no {entity}");
        Err(self.unknown(raw, &what, &known))
    }

    /// A service that is on some node of the arena.
    pub(crate) fn service(
        &self,
        raw: &Spanned<String>,
        name: &str,
        layout: &Layout,
    ) -> Result<ServiceName, Diagnostic> {
        let mend = "write the name of a service, as in \"orders\"";
        let service: ServiceName = name
            .parse()
            .map_err(|error| self.wrong(raw, &error, mend))?;
        if layout.replicas(&service).next().is_some() {
            return Ok(service);
        }
        let mut known: Vec<String> = layout
            .nodes
            .iter()
            .flat_map(|(_, services)| services)
            .map(ToString::to_string)
            .collect();
        known.sort();
        known.dedup();
        let what = format!("the scenario's arena has no service {service}");
        Err(self.unknown(raw, &what, &known))
    }

    pub(crate) fn unknown<T>(&self, raw: &Spanned<T>, what: &str, known: &[String]) -> Diagnostic {
        self.wrong(raw, what, &format!("write one of {}", known.join(", ")))
    }
}
