//! The two text formats: OpenMetrics, and the older one of Prometheus for readers that do not know it.

use std::fmt::Write as _;

/// How the page is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// <https://prometheus.io/docs/specs/om/open_metrics_spec/>
    OpenMetrics,
    /// <https://prometheus.io/docs/instrumenting/exposition_formats/>
    Prometheus,
}

impl Format {
    /// What the body is.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// What an `Accept` header asks for: OpenMetrics, unless it likes `text/plain` better, or knows only that.
#[must_use]
pub fn negotiate(accept: &str) -> Format {
    let (mut open, mut plain) = (0.0, 0.0);
    for range in accept.split(',') {
        let mut parts = range.split(';').map(str::trim);
        let kind = parts.next().unwrap_or_default().to_ascii_lowercase();
        let quality = parts
            .find_map(|part| part.strip_prefix("q="))
            .map_or(1.0, |quality| quality.parse().unwrap_or(0.0));
        match kind.as_str() {
            "application/openmetrics-text" | "application/*" | "*/*" => {
                open = f64::max(open, quality);
            }
            "text/plain" | "text/*" => plain = f64::max(plain, quality),
            _ => {}
        }
    }
    if plain > open {
        Format::Prometheus
    } else {
        Format::OpenMetrics
    }
}

/// The same page in the older format: a counter's name has its `_total` everywhere, an info is a gauge, and there are neither units nor
/// an end.
pub(super) fn to_prometheus(open_metrics: &str) -> String {
    let mut text = String::with_capacity(open_metrics.len());
    let mut help = "";
    for line in open_metrics.lines() {
        if line.starts_with("# UNIT ") || line == "# EOF" {
            continue;
        }
        if let Some(of) = line.strip_prefix("# HELP ") {
            // Its name depends on the type, which comes next.
            help = of;
            continue;
        }
        let Some((name, kind)) = line
            .strip_prefix("# TYPE ")
            .and_then(|of| of.split_once(' '))
        else {
            text.push_str(line);
            text.push('\n');
            continue;
        };
        let (suffix, kind) = match kind {
            "counter" => ("_total", "counter"),
            "info" => ("_info", "gauge"),
            kind => ("", kind),
        };
        let about = help.split_once(' ').map_or("", |(_, about)| about);
        // Writing to a String cannot fail.
        let _ = writeln!(text, "# HELP {name}{suffix} {about}");
        let _ = writeln!(text, "# TYPE {name}{suffix} {kind}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_metrics_unless_plain_text_is_liked_better() {
        let prometheus = "application/openmetrics-text;version=1.0.0;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        for accept in [
            "",
            "*/*",
            "application/openmetrics-text",
            prometheus,
            "text/html",
        ] {
            assert_eq!(negotiate(accept), Format::OpenMetrics, "{accept}");
        }
        for accept in [
            "text/plain",
            "text/plain;version=0.0.4",
            "Text/Plain, */*;q=0.1",
        ] {
            assert_eq!(negotiate(accept), Format::Prometheus, "{accept}");
        }
    }
}
