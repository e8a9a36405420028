//! The file of webhooks: TOML, with errors that say what, where and how to mend it. docs/webhooks.md describes it.
//!
//! Secrets are not in it: it names the variable or the file that holds one. Addresses are, and somebody may write a secret by mistake:
//! no error quotes the file, it only says the place.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::PathBuf;

use arena_config::Diagnostic;
use arena_proto::{NodeName, Severity};
use serde::Deserialize;
use serde::de::IgnoredAny;
use toml::Spanned;

use super::event::Happened;
use super::{Form, pagerduty};

/// Each has two readers on the server and some threads: more receivers belong behind one that fans out.
pub const WEBHOOKS_MAX: usize = 16;

/// One receiver of events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Its name; what waits for it is kept under this name.
    pub name: String,
    /// How events are written for it.
    pub form: Form,
    /// Where it is.
    pub url: Source,
    /// The signing secret of `cloudevents`, the routing key of `pagerduty`.
    pub secret: Option<Source>,
    /// What it is told.
    pub events: BTreeSet<Happened>,
    /// Incidents below are not told.
    pub severity_min: Option<Severity>,
}

/// Where a text is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// In the file itself.
    Here(String),
    /// In this variable of the environment.
    Env(String),
    /// In this file.
    File(PathBuf),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    #[serde(default)]
    webhook: Vec<RawWebhook>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawWebhook {
    name: Spanned<String>,
    form: Spanned<Form>,
    url: Option<Spanned<String>>,
    url_env: Option<Spanned<String>>,
    url_file: Option<Spanned<PathBuf>>,
    secret_env: Option<Spanned<String>>,
    secret_file: Option<Spanned<PathBuf>>,
    /// There is no such thing, and the error says so.
    secret: Option<IgnoredAny>,
    events: Option<Spanned<BTreeSet<Happened>>>,
    severity_min: Option<Severity>,
}

/// Reads the file.
pub fn parse(file: &str, text: &str) -> Result<Vec<Webhook>, Diagnostic> {
    let raw: RawFile = arena_config::parse(file, text).map_err(Diagnostic::without_quotes)?;
    let reader = Reader { file, text };
    let mut names = BTreeSet::new();
    let mut webhooks = Vec::new();
    for raw in raw.webhook {
        if webhooks.len() == WEBHOOKS_MAX {
            let what = format!("more than {WEBHOOKS_MAX} webhooks");
            let mend = "tell one receiver that passes events on";
            return Err(reader.at(raw.name.span(), what, mend));
        }
        if !names.insert(raw.name.get_ref().clone()) {
            let what = format!("{:?} is already the name of a webhook", raw.name.get_ref());
            return Err(reader.at(raw.name.span(), what, "give it another name"));
        }
        webhooks.push(reader.webhook(raw)?);
    }
    Ok(webhooks)
}

struct Reader<'a> {
    file: &'a str,
    text: &'a str,
}

impl Reader<'_> {
    fn at(&self, range: Range<usize>, what: impl Into<String>, mend: &str) -> Diagnostic {
        Diagnostic::at(self.file, self.text, range, what, mend).without_excerpt()
    }

    fn webhook(&self, raw: RawWebhook) -> Result<Webhook, Diagnostic> {
        let (name, place) = (raw.name.get_ref(), raw.name.span());
        // As node names are: safe in the name of a reader on the server, and as a label.
        if NodeName::new(name.as_str()).is_err() {
            let what = "this cannot be a webhook's name";
            let mend = "use 1 to 63 of a-z, 0-9 and '-', beginning with a letter or a digit";
            return Err(self.at(place, what, mend));
        }
        if raw.secret.is_some() {
            let mend = "take it out, and write `secret_env = \"NAME\"`: the variable that holds it";
            return Err(self.at(place, "a secret does not belong into this file", mend));
        }
        let form = *raw.form.get_ref();
        if let Some(events) = &raw.events
            && events.get_ref().is_empty()
        {
            let mend = "name some, or leave it out: then it is told all";
            return Err(self.at(events.span(), "a webhook that is told nothing", mend));
        }
        let url = raw.url.as_ref().map(|url| self.url(url)).transpose()?;
        let url = [
            url,
            raw.url_env
                .map(|name| self.env("url_env", name))
                .transpose()?,
            raw.url_file.map(|path| Source::File(path.into_inner())),
        ];
        let secret = [
            raw.secret_env
                .map(|name| self.env("secret_env", name))
                .transpose()?,
            raw.secret_file.map(|path| Source::File(path.into_inner())),
        ];
        let url = self.one(&place, "url, url_env and url_file", url)?;
        let secret = self.one(&place, "secret_env and secret_file", secret)?;
        let fallback = (form == Form::PagerDuty).then(|| Source::Here(pagerduty::URL.to_owned()));
        let Some(url) = url.or(fallback) else {
            let mend = "add `url = \"https://…\"`, or url_env or url_file, which name where it is";
            return Err(self.at(place, "a webhook without an address", mend));
        };
        match (form, &secret) {
            (Form::CloudEvents, None) => {
                let mend = "add `secret_env = \"NAME\"`: the variable that holds whsec_…";
                Err(self.at(
                    place,
                    "cloudevents are signed, and there is no secret",
                    mend,
                ))
            }
            (Form::PagerDuty, None) => {
                let mend = "add `secret_env = \"NAME\"`: the variable that holds the routing key";
                Err(self.at(place, "pagerduty wants a routing key", mend))
            }
            (Form::Slack, Some(_)) => {
                let mend =
                    "remove secret_env or secret_file; keep the address itself secret with url_env";
                Err(self.at(place, "messages for slack are not signed", mend))
            }
            _ => Ok(Webhook {
                name: name.clone(),
                form,
                url,
                secret,
                events: raw
                    .events
                    .map_or_else(|| Happened::ALL.into(), Spanned::into_inner),
                severity_min: raw.severity_min,
            }),
        }
    }

    fn one<const N: usize>(
        &self,
        place: &Range<usize>,
        names: &str,
        sources: [Option<Source>; N],
    ) -> Result<Option<Source>, Diagnostic> {
        let mut given = sources.into_iter().flatten();
        let first = given.next();
        if given.next().is_some() {
            let what = format!("more than one of {names}");
            return Err(self.at(place.clone(), what, "keep one of them"));
        }
        Ok(first)
    }

    /// A secret that was written in its place is none, and is not told.
    fn env(&self, field: &str, name: Spanned<String>) -> Result<Source, Diagnostic> {
        let (place, name) = (name.span(), name.into_inner());
        let is_first = |c: char| c.is_ascii_uppercase() || c == '_';
        let is_more = |c: char| is_first(c) || c.is_ascii_digit();
        if name.starts_with(is_first) && name.chars().all(is_more) {
            return Ok(Source::Env(name));
        }
        let what = format!("{field} is not the name of a variable");
        let mend =
            "write the name of the variable that holds it, of A-Z, 0-9 and '_'; not what it holds";
        Err(self.at(place, what, mend))
    }

    fn url(&self, url: &Spanned<String>) -> Result<Source, Diagnostic> {
        match address(url.get_ref()) {
            Ok(_) => Ok(Source::Here(url.get_ref().clone())),
            Err(what) => Err(self.at(
                url.span(),
                what,
                "write http://host/path or https://host/path",
            )),
        }
    }
}

/// The host, and the port if one is given, of a receiver's address. The error says what is wrong and never the address, which may be
/// a secret.
pub fn address(url: &str) -> Result<String, String> {
    let uri: http::Uri = url
        .parse()
        .map_err(|_| "the address is not one".to_owned())?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err("the address is neither http nor https".to_owned());
    }
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    if authority.contains('@') {
        return Err("the address holds a user and a password".to_owned());
    }
    match uri.host() {
        None | Some("") => Err("the address names no host".to_owned()),
        Some(_) => Ok(authority.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    #[expect(clippy::needless_pass_by_value, reason = "as expect! gives it")]
    fn refuses(text: &str, expected: Expect) {
        let error = parse("webhooks.toml", text).unwrap_err();
        expected.assert_eq(&error.to_string());
    }

    #[test]
    fn the_example_is_understood() {
        let text = include_str!("../../../../../docs/webhooks.toml");
        let webhooks = parse("docs/webhooks.toml", text).unwrap();
        let forms: Vec<Form> = webhooks.iter().map(|webhook| webhook.form).collect();
        assert_eq!(forms, [Form::CloudEvents, Form::Slack, Form::PagerDuty]);
        assert_eq!(webhooks[0].events, Happened::ALL.into());
        assert_eq!(webhooks[1].severity_min, Some(Severity::Error));
        assert_eq!(webhooks[2].url, Source::Here(pagerduty::URL.to_owned()));
        assert!(!webhooks[2].events.contains(&Happened::Opened));
    }

    #[test]
    fn nothing_is_a_file_too() {
        assert_eq!(parse("webhooks.toml", "").unwrap(), []);
    }

    #[test]
    fn mistakes_are_told_with_their_place() {
        refuses(
            "[[webhook]]\nname = \"a\"\nform = \"cloudevents\"\nurl = \"http://h/\"\nsecret = \"whsec_x\"\n",
            expect![[r#"
                webhooks.toml:2:8: a secret does not belong into this file
                  mend: take it out, and write `secret_env = "NAME"`: the variable that holds it"#]],
        );
        refuses(
            "[[webhook]]\nname = \"a\"\nform = \"cloudevent\"\n",
            expect![[r#"
                webhooks.toml:3:8: unknown variant, expected one of `cloudevents`, `slack`, `pagerduty`
                  mend: did you mean `cloudevents`? Otherwise remove it"#]],
        );
        refuses(
            "[[webhook]]\nname = \"a\"\nform = \"cloudevents\"\nurl = \"http://h/\"\n",
            expect![[r#"
                webhooks.toml:2:8: cloudevents are signed, and there is no secret
                  mend: add `secret_env = "NAME"`: the variable that holds whsec_…"#]],
        );
        refuses(
            "[[webhook]]\nname = \"a\"\nform = \"slack\"\nurl = \"ftp://h/\"\n",
            expect![[r#"
                webhooks.toml:4:7: the address is neither http nor https
                  mend: write http://host/path or https://host/path"#]],
        );
        refuses(
            "[[webhook]]\nname = \"a\"\nform = \"slack\"\nurl = \"http://h/\"\nurl_env = \"X\"\n",
            expect![[r#"
                webhooks.toml:2:8: more than one of url, url_env and url_file
                  mend: keep one of them"#]],
        );
        refuses(
            "[[webhook]]\nname = \"A b\"\nform = \"slack\"\nurl = \"http://h/\"\n",
            expect![[r#"
                webhooks.toml:2:8: this cannot be a webhook's name
                  mend: use 1 to 63 of a-z, 0-9 and '-', beginning with a letter or a digit"#]],
        );
        refuses(
            "[[webhook]]\nname = \"a\"\nform = \"slack\"\nurl = \"http://h/\"\nevents = [\"open\"]\n",
            expect![[r#"
                webhooks.toml:5:11: unknown variant, expected one of `opened`, `escalated`, `resolved`, `closed`
                  mend: remove it, or use one of opened, escalated, resolved, closed"#]],
        );
    }

    /// An address may be a secret; and whatever is written in a wrong place, or wrongly, may be one.
    #[test]
    fn no_error_shows_what_the_file_says() {
        const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let head = "[[webhook]]\nname = \"a\"\nform = \"slack\"\n";
        let table = format!("webhook = [{{ name = \"A\", form = \"slack\", url = \"{SECRET}\" }}]");
        let texts = [
            format!("{head}url = \"{SECRET}\"\n"),
            format!("{head}url = \"ftp://h/{SECRET}\"\n"),
            format!("{head}url = \"{SECRET}\n"),
            format!("{head}url = {SECRET}\n"),
            format!("{head}{SECRET}\n"),
            format!("{head}{SECRET} = 1\n"),
            format!("{head}\"{SECRET}, expected it\" = 1\n"),
            format!("{head}secrt = \"{SECRET}\"\n"),
            format!("{head}secret = \"{SECRET}\"\n"),
            format!("{head}secret_env = \"{SECRET}\"\n"),
            format!("{head}url_env = \"{SECRET}\"\n"),
            format!("{head}url = \"h\"\nurl = \"{SECRET}\"\n"),
            format!("{head}severity_min = \"{SECRET}\"\n"),
            format!("{head}events = \"{SECRET}\"\n"),
            format!("[[webhook]]\nname = \"{SECRET}\"\nform = \"slack\"\n"),
            format!("[[webhook]]\nname = \"a\"\nform = \"{SECRET}\"\n"),
            format!("webhook = \"{SECRET}\"\n"),
            table,
        ];
        for text in texts {
            let error = parse("webhooks.toml", &text).unwrap_err();
            let told = error.to_string();
            assert!(!told.contains(&SECRET[6..]), "{told}");
            assert!(told.starts_with("webhooks.toml:"), "{told}");
        }
    }

    #[test]
    fn a_variable_is_named_not_written_out() {
        let of = |name: &str| {
            let text =
                format!("[[webhook]]\nname = \"a\"\nform = \"slack\"\nurl_env = \"{name}\"\n");
            parse("webhooks.toml", &text).map(|webhooks| webhooks[0].url.clone())
        };
        for name in ["URL", "_A1"] {
            assert_eq!(of(name).unwrap(), Source::Env(name.to_owned()));
        }
        for name in ["", "1A", "a", "A-B", "https://h/", "A=B"] {
            assert!(of(name).is_err(), "{name}");
        }
    }

    #[test]
    fn an_address_tells_its_host_only() {
        assert_eq!(
            address("https://hooks.slack.com/services/T0/B0/secret").unwrap(),
            "hooks.slack.com"
        );
        assert_eq!(address("http://127.0.0.1:9000").unwrap(), "127.0.0.1:9000");
        for url in [
            "http://ann:pw@h/",
            "/path",
            "file:///x",
            "http://",
            "h:80",
            "ht tp://x",
        ] {
            let error = address(url).unwrap_err();
            assert!(!error.contains(url), "{error}");
        }
    }
}
