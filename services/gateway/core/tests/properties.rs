//! What holds for every history, whatever the bus does to it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod world;

use std::collections::BTreeMap;

use arena_gateway_core::view::State;
use arena_gateway_core::{History, Input, Live, Recorded};
use arena_proto::{
    Control, LeverPosition, Observer, ObserverState, Pause, ProcessState, Summary, Timestamp,
};
use proptest::prelude::*;
use proptest::sample::select;
use world::{apply, approval, fault, incident, ms, node, outcome, plan, status, telemetry};

const NODES: [&str; 3] = ["n1", "n2", "n3"];

/// What the streams keep: read in any order between them, and more than once.
fn kept() -> impl Strategy<Value = Input> {
    let incidents = 0..5_u32;
    prop_oneof![
        (incidents.clone(), 1..4_u32)
            .prop_map(|(n, revision)| Input::Incident(incident(n, revision))),
        (incidents.clone(), 1..5_u32).prop_map(|(n, revision)| Input::Plan(plan(n, revision))),
        (incidents.clone(), 0..3_u32).prop_map(|(n, step)| Input::Outcome(outcome(n, step))),
        (incidents.clone(), 0..4_u32).prop_map(|(n, step)| Input::Fault(fault(n, step))),
        incidents.prop_map(|n| Input::Approval(approval(n))),
    ]
}

fn control(lever: LeverPosition, pause_until: i64) -> Input {
    let pause = Pause {
        entity: world::entity("n1"),
        by: "ada".to_owned(),
        reason: String::new(),
        at: ms(0),
        until: Some(ms(pause_until)),
    };
    let control = Control {
        lever,
        pauses: vec![pause],
        ..Control::default()
    };
    Input::Decided(control, None)
}

fn recorded(open: u64) -> Input {
    Input::Recorded(Ok(Recorded {
        summary: Summary {
            incidents_open: open,
            ..Summary::default()
        },
        incidents: Vec::new(),
        faults: Vec::new(),
    }))
}

fn observer(state: ObserverState) -> Input {
    Input::Observer(Observer {
        detector: "one".to_owned(),
        state,
        reason: "silence".to_owned(),
        since: ms(0),
        silent: 1,
        known: 3,
        at: ms(0),
    })
}

fn any_input() -> impl Strategy<Value = Input> {
    let nodes = || select(NODES.to_vec());
    let states = select(ProcessState::ALL.to_vec());
    let observed = select(vec![vec![], vec!["payments"]]);
    let names = select(vec!["detector", "recorder", "gateway"]);
    prop_oneof![
        1 => Just(Input::Connected),
        1 => Just(Input::Away),
        3 => (nodes(), states).prop_map(|(name, state)| Input::Status(status(name, state))),
        1 => nodes().prop_map(|name| Input::StatusRemoved(node(name))),
        1 => nodes().prop_map(|name| Input::Nodes([node(name)].into())),
        6 => (nodes(), observed).prop_map(|(name, seen)| telemetry(name, 1.0, &seen)),
        2 => names.prop_map(|name| Input::Answered([name.to_owned()].into())),
        1 => select(ObserverState::ALL.to_vec()).prop_map(observer),
        2 => (select(LeverPosition::ALL.to_vec()), 0..20_000_i64).prop_map(|(lever, end)| control(lever, end)),
        1 => Just(Input::Decided(Control::default(), Some("lost"))),
        1 => (0..2_u64).prop_map(recorded),
        1 => Just(Input::Recorded(Err("the recorder is not running".to_owned()))),
        1 => select(History::ALL.to_vec()).prop_map(Input::CaughtUp),
        8 => kept(),
        2 => Just(Input::Tick),
    ]
}

fn lists(live: &Live) -> State {
    let mut state = live.state();
    // When it connected is not what is compared.
    state.status.nodes.clear();
    state
}

fn caught_up(now: Timestamp) -> Live {
    let mut live = Live::new(now);
    for history in History::ALL {
        live.step(now, Input::CaughtUp(history));
    }
    live
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// The promise to pages: a snapshot and the events after it are as good as a later snapshot, wherever a page joins.
    #[test]
    fn who_applies_events_has_what_a_later_snapshot_says(
        story in prop::collection::vec((any_input(), 0..1500_i64), 1..120),
        joins in 0..120_usize,
        knows_the_past: bool,
    ) {
        let mut now = ms(0);
        let mut live = if knows_the_past { caught_up(now) } else { Live::new(now) };
        let mut page = None;
        for (index, (input, pause)) in story.into_iter().enumerate() {
            if index == joins {
                page = Some(live.state());
            }
            now = ms(now.unix_millis() + pause);
            for event in live.step(now, input) {
                if let Some(page) = &mut page {
                    apply(page, event);
                }
            }
            if let Some(page) = &page {
                prop_assert_eq!(page, &live.state());
            }
            let expired = |end: &Timestamp| *end <= now;
            let mut ends = live.questions().iter().filter_map(|asked| asked.expires_at.as_ref());
            prop_assert!(!ends.any(expired), "an expired question is asked");
        }
    }

    #[test]
    fn neither_order_nor_repetition_of_what_streams_keep_counts(
        (story, shuffled) in prop::collection::vec(kept(), 1..60).prop_flat_map(|story| {
            let twice: Vec<Input> = story.iter().chain(&story).cloned().collect();
            (Just(story), Just(twice).prop_shuffle())
        }),
        catches_up in 0..120_usize,
    ) {
        let now = ms(0);
        let mut first = caught_up(now);
        for input in story {
            first.step(now, input);
        }
        let mut second = Live::new(now);
        for (index, input) in shuffled.into_iter().enumerate() {
            if index == catches_up {
                for history in History::ALL {
                    second.step(now, Input::CaughtUp(history));
                }
            }
            second.step(now, input);
        }
        for history in History::ALL {
            second.step(now, Input::CaughtUp(history));
        }
        prop_assert_eq!(lists(&first), lists(&second));
    }

    /// What nobody can vouch for is never shown as well.
    #[test]
    fn a_node_that_is_not_heard_is_unknown(story in prop::collection::vec((any_input(), 0..1500_i64), 1..120)) {
        let mut now = ms(0);
        let mut live = Live::new(now);
        let mut heard: BTreeMap<String, Timestamp> = BTreeMap::new();
        let mut connected = false;
        for (input, pause) in story {
            now = ms(now.unix_millis() + pause);
            match &input {
                Input::Connected => connected = true,
                Input::Away => {
                    connected = false;
                    heard.clear();
                }
                Input::StatusRemoved(node) => {
                    heard.remove(node.as_str());
                }
                Input::Telemetry(telemetry, _) if connected => {
                    heard.insert(telemetry.node.to_string(), now);
                }
                _ => {}
            }
            let before = live.status().nodes;
            live.step(now, input);
            // Who left and comes back has to be heard again.
            let after = live.status().nodes;
            let is_there = |name: &String| after.iter().any(|node| node.name == *name);
            let gone = before.into_iter().filter(|node| !is_there(&node.name));
            for node in gone {
                heard.remove(&node.name);
            }
            for node in live.status().nodes {
                let last = heard.get(&node.name);
                let is_heard = last.is_some_and(|at| now.saturating_since(*at).as_secs() < 3);
                prop_assert_eq!(node.state != "NO_DATA", is_heard, "{} at {}", node.name, now);
                prop_assert_eq!(node.unknown_since.is_none(), is_heard);
                let green = node.services.iter().filter(|service| service.state != "NO_DATA");
                prop_assert!(is_heard || green.count() == 0);
                let offered = node.services.iter().flat_map(|service| &service.actions);
                prop_assert!(is_heard || !offered.clone().any(|action| action.allowed));
            }
        }
    }

    /// It never asks to be woken for what it has done: a shell that ticks when it is asked to does not spin.
    #[test]
    fn a_tick_at_the_time_it_asked_for_moves_on(story in prop::collection::vec((any_input(), 0..1500_i64), 1..60)) {
        let mut now = ms(0);
        let mut live = caught_up(now);
        for (input, pause) in story {
            now = ms(now.unix_millis() + pause);
            live.step(now, input);
            now = now.max(live.next_wakeup());
            live.step(now, Input::Tick);
            prop_assert!(live.next_wakeup() > now);
        }
    }
}
