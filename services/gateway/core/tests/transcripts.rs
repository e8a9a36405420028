//! Stories, as a page hears them.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod world;

use std::fmt::Write as _;

use arena_gateway_core::view::State;
use arena_gateway_core::{Event, History, Input, Limits, Live, SamplesQuery};
use arena_proto::{Control, ObserverState, ProcessState};
use expect_test::{Expect, expect};
use world::{
    apply, approval, fault, incident, ms, node, observer, outcome, plan, status, telemetry,
};

/// What was told, a line an event, with what is to be seen of it.
fn line(event: &Event) -> String {
    let data = serde_json::to_value(event).unwrap();
    let of = |pointer: &str| match data.pointer(pointer) {
        Some(serde_json::Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => "-".to_owned(),
    };
    let what = match event {
        Event::Bus(_) => format!(
            "connected {}, caught up {}",
            of("/connected"),
            of("/caught_up")
        ),
        Event::Node(_) => format!(
            "{} {} since {}, orders {} calls {} and {}",
            of("/name"),
            of("/state"),
            of("/unknown_since"),
            of("/services/0/state"),
            of("/services/0/depends_on"),
            of("/services/0/observed"),
        ),
        Event::NodeGone(_) => of("/name"),
        Event::Arena(_) => of("/degraded"),
        Event::Incident(_) => format!(
            "{} {} {} ended {}: {}",
            of("/id"),
            of("/state"),
            of("/resolution"),
            of("/ended_at"),
            of("/reason"),
        ),
        Event::Fault(_) | Event::Command(_) => format!("{} {}", of("/id"), of("/state")),
        Event::Questions(questions) => {
            let plans: Vec<&str> = questions.iter().map(|one| one.plan.as_str()).collect();
            format!("{plans:?}")
        }
        Event::Samples(_) => of("/nodes"),
    };
    format!("{} {what}", event.name())
}

fn tell(live: &mut Live, story: impl IntoIterator<Item = (i64, Input)>) -> String {
    let mut told = String::new();
    for (at, input) in story {
        for event in live.step(ms(at), input) {
            writeln!(told, "{at:<5} {}", line(&event)).unwrap();
        }
    }
    told
}

fn check(story: impl IntoIterator<Item = (i64, Input)>, expected: &Expect) {
    expected.assert_eq(&tell(&mut Live::new(ms(0)), story));
}

fn caught_up() -> Live {
    let mut live = Live::new(ms(0));
    for history in History::ALL {
        live.step(ms(0), Input::CaughtUp(history));
    }
    live
}

#[test]
fn a_node_comes_falls_silent_and_is_heard_again() {
    let n1 = || Input::Status(status("n1", ProcessState::Running));
    check(
        [
            (0, Input::Connected),
            (10, Input::Decided(Control::default(), None)),
            (20, n1()),
            (100, telemetry("n1", 10.0, &[])),
            (600, telemetry("n1", f32::NAN, &["payments"])),
            (1500, telemetry("n1", 20.0, &["payments"])),
            (4499, Input::Tick),
            (4500, Input::Tick),
            (5000, telemetry("n1", 30.0, &["payments"])),
            (5100, Input::StatusRemoved(node("n1"))),
        ],
        &expect![[r#"
            0     bus connected true, caught up false
            0     arena ["what people decided is not known yet","no node is known","the detector does not answer","the remediator does not answer","the injector does not answer","the recorder does not answer","the gateway does not answer","open incidents are unknown: the recorder has not been asked yet"]
            10    arena ["no node is known","the detector does not answer","the remediator does not answer","the injector does not answer","the recorder does not answer","the gateway does not answer","open incidents are unknown: the recorder has not been asked yet"]
            20    node n1 NO_DATA since 1970-01-01T00:00:00.000Z, orders NO_DATA calls ["ledger"] and []
            20    arena ["the detector does not answer","the remediator does not answer","the injector does not answer","the recorder does not answer","the gateway does not answer","n1 is NO_DATA","open incidents are unknown: the recorder has not been asked yet"]
            100   node n1 RUNNING since null, orders RUNNING calls ["ledger"] and []
            100   arena ["the detector does not answer","the remediator does not answer","the injector does not answer","the recorder does not answer","the gateway does not answer","open incidents are unknown: the recorder has not been asked yet"]
            600   node n1 RUNNING since null, orders RUNNING calls ["ledger"] and ["payments"]
            600   samples {"n1":{"":{"cpu_percent":10.0},"orders":{"cpu_percent":5.0}}}
            1500  samples {"n1":{"":{"cpu_percent":20.0},"orders":{"cpu_percent":10.0}}}
            4500  node n1 NO_DATA since 1970-01-01T00:00:01.500Z, orders NO_DATA calls ["ledger"] and ["payments"]
            4500  arena ["the detector does not answer","the remediator does not answer","the injector does not answer","the recorder does not answer","the gateway does not answer","n1 is NO_DATA","open incidents are unknown: the recorder has not been asked yet"]
            5000  node n1 RUNNING since null, orders RUNNING calls ["ledger"] and ["payments"]
            5000  arena ["the detector does not answer","the remediator does not answer","the injector does not answer","the recorder does not answer","the gateway does not answer","open incidents are unknown: the recorder has not been asked yet"]
            5000  samples {"n1":{"":{"cpu_percent":30.0},"orders":{"cpu_percent":15.0}}}
            5100  node_gone n1
            5100  arena ["no node is known","the detector does not answer","the remediator does not answer","the injector does not answer","the recorder does not answer","the gateway does not answer","open incidents are unknown: the recorder has not been asked yet"]
        "#]],
    );
}

#[test]
fn while_the_bus_is_away_nothing_is_known_and_only_what_is_fresh_is_known_after() {
    let n1 = || Input::Status(status("n1", ProcessState::Running));
    let everybody = || ["detector", "remediator", "injector", "recorder", "gateway"];
    let answered = || Input::Answered(everybody().map(str::to_owned).into());
    check(
        [
            (0, Input::Connected),
            (10, n1()),
            (20, answered()),
            (100, telemetry("n1", 10.0, &[])),
            (900, Input::Away),
            (950, telemetry("n1", 10.0, &[])),
            (2000, Input::Connected),
            (2010, n1()),
            (2020, answered()),
            (2100, telemetry("n1", 10.0, &[])),
        ],
        &expect![[r#"
            0     bus connected true, caught up false
            0     arena ["what people decided is not known yet","no node is known","the detector does not answer","the remediator does not answer","the injector does not answer","the recorder does not answer","the gateway does not answer","open incidents are unknown: the recorder has not been asked yet"]
            10    node n1 NO_DATA since 1970-01-01T00:00:00.000Z, orders NO_DATA calls ["ledger"] and []
            10    arena ["what people decided is not known yet","the detector does not answer","the remediator does not answer","the injector does not answer","the recorder does not answer","the gateway does not answer","n1 is NO_DATA","open incidents are unknown: the recorder has not been asked yet"]
            20    arena ["what people decided is not known yet","n1 is NO_DATA","open incidents are unknown: the recorder has not been asked yet"]
            100   node n1 RUNNING since null, orders RUNNING calls ["ledger"] and []
            100   arena ["what people decided is not known yet","open incidents are unknown: the recorder has not been asked yet"]
            900   bus connected false, caught up false
            900   node n1 NO_DATA since 1970-01-01T00:00:00.900Z, orders NO_DATA calls ["ledger"] and []
            900   arena ["the bus is away: nobody can say what people decided","the detector does not answer","the remediator does not answer","the injector does not answer","the recorder does not answer","the gateway does not answer","n1 is NO_DATA","open incidents are unknown: the bus is away"]
            900   samples {"n1":{"":{"cpu_percent":10.0},"orders":{"cpu_percent":5.0}}}
            2000  bus connected true, caught up false
            2000  arena ["what people decided is not known yet","the detector does not answer","the remediator does not answer","the injector does not answer","the recorder does not answer","the gateway does not answer","n1 is NO_DATA","open incidents are unknown: the recorder has not been asked yet"]
            2000  samples {"n1":{"":{"cpu_percent":10.0},"orders":{"cpu_percent":5.0}}}
            2020  arena ["what people decided is not known yet","n1 is NO_DATA","open incidents are unknown: the recorder has not been asked yet"]
            2100  node n1 RUNNING since null, orders RUNNING calls ["ledger"] and []
            2100  arena ["what people decided is not known yet","open incidents are unknown: the recorder has not been asked yet"]
        "#]],
    );
}

/// A server that was silent and kept its connections does not tell its readers anew: the shell asks, and what it was told is older than
/// what came meanwhile.
#[test]
fn what_detectors_said_is_known_again_when_the_bus_is_asked_for_it() {
    let mut live = Live::new(ms(0));
    let mut state = |at, input| {
        live.step(ms(at), input);
        live.status().arena.observer.state
    };
    let said = |at, state| Input::Observer(observer(state, ms(at)));
    let (storm, clear) = (ObserverState::Storm, ObserverState::Clear);
    assert_eq!(state(0, Input::Connected), None);
    assert_eq!(state(1, said(1, storm)), Some(storm));
    assert_eq!(state(2, Input::Away), None);
    assert_eq!(state(3, Input::Connected), None);
    assert_eq!(state(4, said(1, storm)), Some(storm));
    assert_eq!(state(5, said(5, clear)), Some(clear));
    assert_eq!(state(6, said(1, storm)), Some(clear));
}

/// A bus that comes back with an empty store says nothing of the nodes that it forgot.
#[test]
fn nodes_that_the_bus_forgot_are_gone_and_those_that_came_meanwhile_stay() {
    let put = |name: &str| Input::Status(status(name, ProcessState::Running));
    let mut live = Live::new(ms(0));
    let story = [
        Input::Connected,
        put("n1"),
        put("n2"),
        Input::Away,
        Input::Connected,
        put("n3"),
    ];
    for input in story {
        live.step(ms(0), input);
    }
    let names = |live: &Live| -> Vec<String> {
        let nodes = live.status().nodes;
        nodes.into_iter().map(|node| node.name).collect()
    };
    assert_eq!(names(&live), ["n1", "n2", "n3"]);
    // Asked for before n3 was there.
    let told = tell(&mut live, [(1, Input::Nodes([node("n2")].into()))]);
    assert!(told.contains("node_gone n1"), "{told}");
    assert_eq!(names(&live), ["n2", "n3"]);
}

#[test]
fn an_incident_is_told_from_its_opening_to_its_end() {
    let told = tell(
        &mut caught_up(),
        [
            (1000, Input::Incident(incident(1, 1))),
            (1010, Input::Plan(plan(1, 1))),
            (1020, Input::Approval(approval(1))),
            (1030, Input::Plan(plan(1, 2))),
            (1040, Input::Outcome(outcome(1, 0))),
            (1050, Input::Outcome(outcome(1, 2))),
            (1060, Input::Outcome(outcome(1, 1))),
            (1070, Input::Plan(plan(1, 4))),
            (1080, Input::Plan(plan(1, 3))),
            (1090, Input::Incident(incident(1, 3))),
        ],
    );
    expect![[r#"
        1000  incident inc-0001 OPEN null ended null: reason 1
        1010  incident inc-0001 AWAITING_APPROVAL null ended null: decision 1
        1010  questions ["inc-0001.1"]
        1020  questions []
        1030  incident inc-0001 ACTING null ended null: decision 2
        1030  command cmd-inc-0001.2 REQUESTED
        1040  command cmd-inc-0001.2 ACCEPTED
        1050  command cmd-inc-0001.2 SUCCEEDED
        1070  incident inc-0001 RESOLVED REMEDIATED ended 1970-01-01T00:00:01.004Z: decision 4
        1090  incident inc-0001 RESOLVED REMEDIATED ended 1970-01-01T00:00:01.004Z: decision 4
    "#]]
    .assert_eq(&told);
}

#[test]
fn the_past_is_told_once_all_of_it_is_read() {
    let read = |history| (100, Input::CaughtUp(history));
    check(
        [
            (100, Input::Plan(plan(1, 1))),
            (100, Input::Incident(incident(1, 1))),
            (100, Input::Incident(incident(3, 1))),
            (100, Input::Fault(fault(1, 1))),
            read(History::Incidents),
            read(History::Plans),
            read(History::Faults),
            read(History::Outcomes),
            (4000, Input::Tick),
        ],
        &expect![[r#"
            100   incident inc-0001 AWAITING_APPROVAL null ended null: decision 1
            100   incident inc-0003 OPEN null ended null: reason 1
            100   fault flt-0001 ACTIVE
            100   questions ["inc-0001.1"]
            100   bus connected false, caught up true
            4000  questions []
        "#]],
    );
}

#[test]
fn lists_are_cut_and_a_page_cuts_as_the_gateway_does() {
    let mut live = caught_up();
    let mut page: State = live.state();
    // Neither the newest nor the oldest comes last; every other one is resolved, and every fourth escalated.
    let numbers = (0..1300).map(|index| index * 7 % 1300);
    for number in numbers {
        let story = [
            Input::Incident(incident(number, 1)),
            Input::Plan(plan(number, 2)),
            Input::Plan(plan(number, 4)),
            Input::Fault(fault(number, number % 4)),
            Input::Outcome(outcome(number, number % 3)),
        ];
        for input in story {
            for event in live.step(ms(5000), input) {
                apply(&mut page, event);
            }
            assert_eq!(page.incidents.len(), live.state().incidents.len());
        }
    }
    assert_eq!(page, live.state());
    // One that is open for a moment takes the place of another, so that one place may be free.
    let is_full = |limits: Limits, count| {
        (limits.open + limits.over - 1..=limits.open + limits.over).contains(&count)
    };
    assert!(is_full(Limits::INCIDENTS, page.incidents.len()));
    assert!(is_full(Limits::FAULTS, page.faults.len()));
    assert!(is_full(Limits::COMMANDS, page.commands.len()));
    assert_eq!(page.incidents[0].id, "inc-1299");
}

/// Two nodes that tell once a second, early or late: each has a reading in each place.
#[test]
fn readings_of_jittery_nodes_leave_no_hole() {
    let mut live = caught_up();
    live.step(ms(0), Input::Connected);
    let mut at = 0;
    for second in 0..30_i64 {
        let jitter = (second * 37 % 11 - 5) * 40;
        for (name, phase) in [("n1", 300), ("n2", 310 + jitter)] {
            at = at.max(second * 1000 + phase);
            while live.next_wakeup() < ms(at) {
                let wakeup = live.next_wakeup();
                live.step(wakeup, Input::Tick);
            }
            let value = f32::from(i16::try_from(second).unwrap());
            live.step(ms(at), telemetry(name, value, &[]));
        }
    }
    let report = live.samples(&SamplesQuery {
        metric: Some("cpu_percent".to_owned()),
        ..SamplesQuery::default()
    });
    // The first places were gathered before both had told for the first time.
    for series in &report.series {
        let holes = series.values.iter().skip(2).filter(|value| value.is_none());
        assert_eq!(holes.count(), 0, "{series:?}");
    }
    assert!((28..=31).contains(&report.at.len()), "{}", report.at.len());
    let since = SamplesQuery {
        entity: Some(world::entity("n1/orders")),
        since: Some(report.at[report.at.len() - 3]),
        ..SamplesQuery::default()
    };
    let report = live.samples(&since);
    assert_eq!((report.at.len(), report.series.len()), (2, 1));
    assert_eq!(report.series[0].values.len(), 2);
}

#[test]
fn series_beyond_the_limit_are_left_out_and_counted() {
    let mut live = Live::new(ms(0));
    live.step(ms(0), Input::Connected);
    for index in 0..5001 {
        live.step(ms(1), telemetry(&format!("n{index}"), 1.0, &[]));
    }
    let events = live.step(ms(2000), Input::Tick);
    let Some(Event::Samples(samples)) = events.last() else {
        panic!("{events:?}");
    };
    assert_eq!((samples.nodes.len(), samples.series_left_out), (5000, 2));
    assert_eq!(live.samples(&SamplesQuery::default()).series_left_out, 2);
}
