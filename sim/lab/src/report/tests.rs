//! The page as a whole: what it has, and what must not be in it.

use std::sync::atomic::AtomicBool;

use crate::bench::Report;
use crate::job::Measure;
use crate::report::html;
use crate::work::fixtures::{matrix, play};
use crate::work::{Orders, run_all};

fn page(scenarios: &[&str], policies: &[&str], noise: &[u32]) -> String {
    let matrix = matrix(scenarios, policies, noise);
    let (jobs, skipped) = matrix.jobs();
    let orders = Orders {
        threads: 2,
        stop: &AtomicBool::new(false),
        done: &|_| {},
    };
    let done = run_all(&jobs, &orders, |job| Ok(play(job))).expect("threads");
    html(&Report::of(&matrix, &jobs, skipped, done)).expect("drawn")
}

#[test]
fn it_has_each_plot_and_its_numbers() {
    let page = page(&["dies-crash", "hang-edge"], &["rules", "none"], &[0, 20]);
    // Two distributions, the sweep, and two courses of two policies.
    assert_eq!(page.matches("<svg").count(), 3 + 4);
    assert_eq!(
        page.matches("<figure>").count(),
        page.matches("<summary>The numbers").count()
    );
    assert!(page.contains("dies-crash, seed 1, none: not met"));
    assert!(page.contains("--share:100"));
    if let Ok(path) = std::env::var("ARENA_REPORT") {
        std::fs::write(path, page).expect("written");
    }
}

#[test]
fn the_score_comes_first_and_intervals_lie_beneath_their_means() {
    let page = page(&["dies-crash", "hang-edge"], &["rules", "none"], &[0, 20]);
    let head = |first: &str| {
        format!("<th scope=\"col\">{first}</th><th scope=\"col\">score</th><th scope=\"col\">met %")
    };
    assert!(page.contains(&head("policy")) && page.contains(&head("policies")));
    let row = "<tr><th scope=\"row\">none<small>noise 20 %, 6 runs</small></th><td>";
    assert!(page.contains(row), "whose row, and of how many runs");
    assert!(page.contains("<td>0.0<small>[0.0, "), "its interval");
    for measure in Measure::ALL {
        let told = format!("<dt>{}</dt><dd>{}</dd>", measure.title(), measure.about());
        assert!(page.contains(&told), "{told}");
    }
}

#[test]
fn it_fetches_nothing_runs_nothing_and_is_escaped() {
    let page = page(&["dies-crash"], &["rules"], &[0]);
    for never in [
        "<script", "http:", "https:", "src=", "@import", "url(", "<of>",
    ] {
        let page = page.replace("http://www.w3.org/2000/svg", "");
        assert!(!page.contains(never), "{never}");
    }
    assert!(page.contains("&lt;of&gt; dies-crash"));
}

#[test]
fn every_colour_is_one_of_the_style() {
    let page = page(&["dies-crash"], &["rules", "none"], &[0, 20]);
    let style = page.split("</style>").next().expect("a style");
    let body = &page[style.len()..];
    assert!(!body.contains("=\"#0"), "a stand-in is left");
    for used in body.split("var(--").skip(1) {
        let name = used.split(')').next().expect("closed");
        assert!(style.contains(&format!("--{name}:")), "{name}");
    }
}

#[test]
fn nothing_played_is_a_page_as_well() {
    let matrix = matrix(&["dies-crash"], &["rules"], &[0]);
    let (jobs, skipped) = matrix.jobs();
    let page = html(&Report::of(&matrix, &jobs, skipped, Vec::new())).expect("drawn");
    assert!(page.contains("Interrupted"));
}
