//! Scenarios by policies: how often each met its goal. A table whose cells have colours, so that it reads with and without them.

use std::fmt::Write as _;

use super::{Page, escape};
use crate::bench::{Report, ScenarioRow};

pub(super) fn map(page: &mut Page, report: &Report) {
    page.section(
        "Scenarios by policies",
        "How many percent of a scenario's runs met its goal, at the least noise that was played. The hardest first.",
    );
    let Some(noise) = report.noise.iter().min() else {
        return;
    };
    let rows: Vec<&ScenarioRow> = report
        .scenarios
        .iter()
        .filter(|row| row.row.noise == *noise)
        .collect();
    let mut policies: Vec<&str> = Vec::new();
    let mut scenarios: Vec<&str> = Vec::new();
    for row in &rows {
        if !policies.contains(&row.row.policy.as_str()) {
            policies.push(&row.row.policy);
        }
        if scenarios.last() != Some(&row.scenario.as_str()) {
            scenarios.push(&row.scenario);
        }
    }
    let percent = |scenario: &str, policy: &str| {
        let found = rows
            .iter()
            .find(|row| row.scenario == scenario && row.row.policy == policy);
        found.and_then(|row| row.row.met).map(|share| share.percent)
    };
    let ease = |scenario: &str| -> f64 {
        let all = policies
            .iter()
            .filter_map(|policy| percent(scenario, policy));
        all.sum()
    };
    // A stable sort: those that are alike stay by name.
    scenarios.sort_by(|left, right| ease(left).total_cmp(&ease(right)));
    page.raw(
        "<div class=\"wide\" tabindex=\"0\"><table class=\"heat\">\n<thead><tr><th scope=\"col\">scenario</th>",
    );
    for policy in &policies {
        let _ = write!(page.text, "<th scope=\"col\">{}</th>", escape(policy));
    }
    page.raw("</tr></thead>\n<tbody>\n");
    for scenario in scenarios {
        let _ = write!(page.text, "<tr><th scope=\"row\">{}</th>", escape(scenario));
        for policy in &policies {
            let _ = match percent(scenario, policy) {
                Some(percent) => write!(
                    page.text,
                    "<td style=\"--share:{percent:.0}\">{percent:.0}</td>"
                ),
                None => write!(page.text, "<td class=\"none\">-</td>"),
            };
        }
        page.raw("</tr>\n");
    }
    page.raw("</tbody>\n</table></div>\n");
}
