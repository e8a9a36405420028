//! The machine as plain data: inputs in, outputs out.

#![expect(clippy::expect_used, reason = "a helper of a test fails the test")]
#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]

use std::collections::BTreeMap;
use std::time::Duration;

use arena_injector_core::{
    FAULTS_MAX, Injector, Input, LEASE, Output, RENEW_EVERY, Schedule, Ticket,
};
use arena_proto::{
    Control, FaultId, FaultOperation, FaultRequest, FaultState, FaultStatus, InjectReply,
    InjectRequest, LeverPosition, NodeStatus, ProbeVerdict, ProcessState, RevertRequest,
    ServiceStatus, Timestamp,
};
use expect_test::{Expect, expect};
use proptest::prelude::*;

const START: Timestamp = Timestamp::from_unix_millis(1_000_000);

fn at(millis: u64) -> Timestamp {
    START + Duration::from_millis(millis)
}

fn node(name: &str, services: &[&str], chaos: bool) -> NodeStatus {
    let service = |name: &&str| ServiceStatus {
        detail: arena_proto::ServiceDetail::default(),
        name: name.parse().unwrap(),
        state: ProcessState::Running,
        probe: ProbeVerdict::Passing,
        pid: Some(7),
        generation: 1,
        restarts: 0,
        port: None,
        proxy_port: None,
        depends_on: vec![],
        since: START,
        exit_code: None,
        message: String::new(),
    };
    NodeStatus {
        quarantined: false,
        restart_owner: None,
        fence: 0,
        node: name.parse().unwrap(),
        boot_id: 1,
        pid: 6,
        state: ProcessState::Running,
        chaos,
        services: services.iter().map(service).collect(),
        at: START,
    }
}

fn shop(schedule: &str) -> Injector {
    let schedule = Schedule::parse("test.toml", schedule).expect("a schedule");
    let mut injector = Injector::new(schedule, 1);
    for status in [
        node("node-1", &["edge", "orders"], true),
        node("node-2", &["ledger"], true),
    ] {
        let outputs = injector.step(START, Input::Node(status));
        assert!(schedule_lines(&outputs));
    }
    injector
}

/// Nothing but the schedule's own start may follow from a status.
fn schedule_lines(outputs: &[Output]) -> bool {
    outputs
        .iter()
        .all(|output| matches!(output, Output::Note(note) if note.contains("schedule")))
}

fn request(fault: &str, target: &str, ttl_ms: u64) -> InjectRequest {
    InjectRequest {
        fault: fault.to_owned(),
        target: target.to_owned(),
        ttl_ms,
        params: BTreeMap::new(),
    }
}

fn inject(injector: &mut Injector, now: Timestamp, request: InjectRequest) -> Vec<Output> {
    injector.step(now, Input::Inject(Ticket(1), request))
}

fn published(outputs: &[Output]) -> Vec<FaultRequest> {
    let publish = |output: &Output| match output {
        Output::Publish(request) => Some(request.clone()),
        _ => None,
    };
    outputs.iter().filter_map(publish).collect()
}

fn reply(outputs: &[Output]) -> InjectReply {
    let reply = outputs.iter().find_map(|output| match output {
        Output::Reply(Ticket(1), reply) => Some(reply.clone()),
        _ => None,
    });
    reply.expect("a reply")
}

fn begun(injector: &mut Injector, now: Timestamp, ttl_ms: u64) -> FaultId {
    let outputs = inject(injector, now, request("cpu-spike", "node-1/orders", ttl_ms));
    let reply = reply(&outputs);
    assert_eq!(reply.error, None);
    reply.ids[0].parse().unwrap()
}

fn status(id: &FaultId, state: FaultState) -> FaultStatus {
    FaultStatus {
        id: id.clone(),
        fault: "cpu-spike".to_owned(),
        node: "node-1".parse().unwrap(),
        service: Some("orders".parse().unwrap()),
        state,
        reason: None,
        message: String::new(),
        at: START,
        active_at: None,
        expires_at: Some(at(30_000)),
        reverted_at: None,
        params: BTreeMap::new(),
    }
}

/// One line for each output.
fn tell(outputs: &[Output]) -> String {
    let line = |output: &Output| match output {
        Output::Publish(request) => {
            let operation = match &request.operation {
                FaultOperation::Apply {
                    fault,
                    service,
                    ttl,
                    lease,
                    params,
                } => format!(
                    "APPLY {fault} {} ttl {ttl:?} lease {lease:?} {params:?}",
                    service
                        .as_ref()
                        .map_or("the node", arena_proto::ServiceName::as_str)
                ),
                FaultOperation::Renew => "RENEW".to_owned(),
                FaultOperation::Revert => "REVERT".to_owned(),
            };
            format!("publish to {}: {} {operation}\n", request.node, request.id)
        }
        Output::Reply(_, reply) => format!("reply {:?} {:?}\n", reply.ids, reply.error),
        Output::Note(note) => format!("note {note}\n"),
        Output::Warning(warning) => format!("warning {warning}\n"),
        Output::VillainReply(_, status) => format!("villain {}\n", status.state),
    };
    outputs.iter().map(line).collect()
}

fn check(outputs: &[Output], expected: &Expect) {
    expected.assert_eq(&tell(outputs));
}

/// Ticks at each wakeup until `end`. What was published, and when.
fn run_until(injector: &mut Injector, end: Timestamp) -> Vec<(Timestamp, FaultRequest)> {
    let mut all = Vec::new();
    while let Some(now) = injector.next_wakeup().filter(|now| *now <= end) {
        let outputs = injector.step(now, Input::Tick);
        all.extend(
            published(&outputs)
                .into_iter()
                .map(|request| (now, request)),
        );
        assert!(
            injector.next_wakeup().is_none_or(|next| next > now),
            "a wakeup that is served is over"
        );
    }
    all
}

#[test]
fn a_fault_is_published_before_its_request_is_answered() {
    let mut injector = shop("");
    let request = request("network-delay", "node-1/orders", 30_000);
    check(
        &inject(&mut injector, START, request),
        &expect![[r#"
            note flt-affea7d520f0: network-delay on node-1/orders for 30s
            publish to node-1: flt-affea7d520f0 APPLY network-delay orders ttl 30s lease Some(5s) {"direction": "in", "jitter": "0ms", "latency": "400ms", "to": ""}
            reply ["flt-affea7d520f0"] None
        "#]],
    );
}

#[test]
fn a_request_that_cannot_be_is_answered_with_the_mend() {
    let mut injector = shop("");
    injector.step(START, Input::Node(node("node-3", &["edge"], false)));
    let cases = [
        request("cpu-spik", "node-1/orders", 30_000),
        request("cpu-spike", "node-1/order", 30_000),
        request("cpu-spike", "node-9/orders", 30_000),
        request("cpu-spike", "node-1", 30_000),
        request("cpu-spike", "a/b/c", 30_000),
        request("cpu-spike", "node-3/edge", 30_000),
        request("cpu-spike", "node-1/orders", 0),
        request("cpu-spike", "node-1/orders", 600_001),
    ];
    let mut told = String::new();
    for request in cases {
        let outputs = inject(&mut injector, START, request);
        assert!(published(&outputs).is_empty());
        told += &reply(&outputs).error.expect("an error");
        told += "\n";
    }
    expect![[r#"
        there is no fault "cpu-spik" (did you mean "cpu-spike"?); there are cpu-spike, noisy-neighbour, memory-leak, fd-leak, thread-leak, crash, crash-loop, hang, deadlock, slow-start, error-burst, gray, bad-config, port-squat, network-delay, network-loss, network-bandwidth, network-partition, dependency-down, storage-latency, storage-error, disk-full, retry-storm, load-surge, telemetry-loss, telemetry-delay, telemetry-duplicate, telemetry-reorder, telemetry-freeze, telemetry-skew, telemetry-bias, telemetry-forge, node-silent
        there is no node-1/order (did you mean node-1/orders?); there are node-1/edge, node-1/orders, node-2/ledger, node-3/edge
        there is no node-9/orders (did you mean node-1/orders?); there are node-1/edge, node-1/orders, node-2/ledger, node-3/edge
        node-1 is a node, and cpu-spike is made in a service: name node-1/SERVICE
        target "a/b/c" is neither NODE nor NODE/SERVICE
        faults are off: start the arena with --chaos
        for is 0s: allowed 1s to 10m
        for is 10m 1ms: allowed 1s to 10m
    "#]].assert_eq(&told);
    assert!(!injector.has_live_faults());
}

#[test]
fn it_is_renewed_three_times_a_lease_until_its_end() {
    let mut injector = shop("");
    begun(&mut injector, START, 8000);
    let renewals = run_until(&mut injector, at(60_000));
    let times: Vec<u128> = renewals
        .iter()
        .map(|(at, request)| {
            assert_eq!(request.operation, FaultOperation::Renew);
            at.saturating_since(START).as_millis()
        })
        .collect();
    assert_eq!(times, [1666, 3332, 4998, 6664]);
    assert!(
        !injector.has_live_faults(),
        "its node never said a word: forgotten"
    );
}

#[test]
fn what_a_node_ends_is_renewed_no_more() {
    for state in [
        FaultState::Rejected,
        FaultState::Reverted,
        FaultState::RevertFailed,
    ] {
        let mut injector = shop("");
        let id = begun(&mut injector, START, 30_000);
        injector.step(at(100), Input::Status(status(&id, FaultState::Active)));
        injector.step(at(200), Input::Status(status(&id, state)));
        assert_eq!(injector.next_wakeup(), None, "{state}");
        assert!(!injector.has_live_faults());
    }
}

#[test]
fn revert_ends_one_or_all_and_others_too() {
    let mut injector = shop("");
    let own = begun(&mut injector, START, 30_000);
    let by_hand: FaultId = "flt-s12".parse().unwrap();
    injector.step(START, Input::Status(status(&by_hand, FaultState::Active)));
    let revert = |injector: &mut Injector, id: &str| {
        let request = RevertRequest { id: id.to_owned() };
        injector.step(at(10), Input::Revert(Ticket(1), request))
    };
    let unknown = revert(&mut injector, "flt-unknown");
    check(
        &unknown,
        &expect![[r#"
        reply [] Some("there is no fault flt-unknown; live are flt-a8030b4e9183, flt-s12")
    "#]],
    );
    check(
        &revert(&mut injector, "all"),
        &expect![[r#"
        note flt-a8030b4e9183: revert
        publish to node-1: flt-a8030b4e9183 REVERT
        note flt-s12: revert
        publish to node-1: flt-s12 REVERT
        reply ["flt-a8030b4e9183", "flt-s12"] None
    "#]],
    );
    assert!(
        run_until(&mut injector, at(20_000)).is_empty(),
        "not renewed while it is reverted"
    );
    for id in [&own, &by_hand] {
        injector.step(at(20_001), Input::Status(status(id, FaultState::Reverted)));
    }
    check(
        &revert(&mut injector, own.as_str()),
        &expect![[r#"
        reply [] None
    "#]],
    );
    check(
        &revert(&mut injector, "all"),
        &expect![[r#"
        reply [] None
    "#]],
    );
}

#[test]
fn a_ceiling_on_faults_at_once() {
    let mut injector = shop("");
    let ids: Vec<FaultId> = (0..FAULTS_MAX)
        .map(|_| begun(&mut injector, START, 30_000))
        .collect();
    let one_more = request("hang", "node-2/ledger", 30_000);
    let refused = inject(&mut injector, START, one_more.clone());
    assert!(
        reply(&refused)
            .error
            .expect("an error")
            .contains("16 faults are live")
    );
    injector.step(START, Input::Status(status(&ids[0], FaultState::Reverted)));
    assert_eq!(reply(&inject(&mut injector, START, one_more)).error, None);
}

#[test]
fn stop_reverts_ours_and_begins_nothing_new() {
    let mut injector =
        shop("[[fault]]\nat = '5s'\nfault = 'hang'\ntarget = 'node-1/edge'\nfor = '5s'\n");
    let id = begun(&mut injector, START, 30_000);
    check(
        &injector.step(at(1), Input::Stop),
        &expect![[r#"
        note flt-a8030b4e9183: revert
        publish to node-1: flt-a8030b4e9183 REVERT
    "#]],
    );
    assert!(injector.has_live_faults());
    let late = inject(&mut injector, at(2), request("hang", "node-1/edge", 5000));
    check(
        &late,
        &expect![[r#"
        reply [] Some("the injector is stopping")
    "#]],
    );
    injector.step(at(3), Input::Status(status(&id, FaultState::Reverted)));
    assert!(!injector.has_live_faults());
    assert_eq!(injector.next_wakeup(), None, "nor does the schedule");
}

fn lever(lever: LeverPosition) -> Input {
    Input::Control(Control {
        lever,
        lever_set: Some(("ann".to_owned(), Timestamp::EPOCH)),
        ..Control::default()
    })
}

#[test]
fn the_lever_ends_ours_and_lets_none_begin_until_it_is_released() {
    let mut injector = shop("");
    let id = begun(&mut injector, START, 30_000);
    check(
        &injector.step(at(1), lever(LeverPosition::Released)),
        &expect![""],
    );
    check(
        &injector.step(at(2), lever(LeverPosition::Stopped)),
        &expect![[r#"
            warning the safety lever is stopped by ann: every fault ends, and none begins
            note flt-a8030b4e9183: revert
            publish to node-1: flt-a8030b4e9183 REVERT
        "#]],
    );
    // Told again, as after a reconnection: asked again, in case the node did not hear it.
    check(
        &injector.step(at(3), lever(LeverPosition::Stopped)),
        &expect![[r#"
            note flt-a8030b4e9183: revert
            publish to node-1: flt-a8030b4e9183 REVERT
        "#]],
    );
    let late = inject(&mut injector, at(4), request("hang", "node-1/edge", 5000));
    check(
        &late,
        &expect![[r#"
        reply [] Some("the safety lever is stopped by ann: no faults until `arena lever resume`")
    "#]],
    );
    assert!(
        run_until(&mut injector, at(20_000)).is_empty(),
        "nothing is renewed"
    );
    injector.step(at(20_001), Input::Status(status(&id, FaultState::Reverted)));
    check(
        &injector.step(at(20_002), lever(LeverPosition::Released)),
        &expect![[r#"
            note the safety lever is released
        "#]],
    );
    assert!(
        run_until(&mut injector, at(60_000)).is_empty(),
        "what was ended stays ended"
    );
    begun(&mut injector, at(60_001), 5000);
}

#[test]
fn the_schedule_passes_over_what_is_due_while_the_lever_is_stopped() {
    let text = "[[fault]]\nat = '1s'\nfault = 'hang'\ntarget = 'node-1/orders'\nfor = '1s'\nrepeat = '10s'\n";
    let mut injector = shop(text);
    injector.step(START, lever(LeverPosition::Stopped));
    check(
        &injector.step(at(1000), Input::Tick),
        &expect![[r#"
        warning schedule: no hang on node-1/orders: the safety lever is stopped by ann: no faults until `arena lever resume`
    "#]],
    );
    injector.step(at(5000), lever(LeverPosition::Released));
    let next = run_until(&mut injector, at(11_000));
    assert_eq!(next.first().map(|(now, _)| *now), Some(at(11_000)));
}

#[test]
fn what_did_not_reach_the_bus_is_not_renewed() {
    let mut injector = shop("");
    let id = begun(&mut injector, START, 30_000);
    let apply = FaultOperation::Apply {
        fault: "hang".to_owned(),
        service: Some("orders".parse().unwrap()),
        ttl: Duration::from_secs(30),
        lease: Some(LEASE),
        params: BTreeMap::new(),
    };
    injector.unpublished(at(0), &about(&id, apply));
    assert_eq!(injector.next_wakeup(), None);
}

fn about(id: &FaultId, operation: FaultOperation) -> FaultRequest {
    FaultRequest {
        id: id.clone(),
        node: "node-1".parse().unwrap(),
        at: START,
        operation,
    }
}

#[test]
fn a_fault_is_live_though_its_renewal_or_its_revert_did_not_reach_the_bus() {
    let mut injector = shop("");
    let id = begun(&mut injector, START, 30_000);
    injector.unpublished(at(1700), &about(&id, FaultOperation::Renew));
    assert!(injector.has_live_faults());
    let outputs = injector.step(at(4000), Input::Tick);
    let renews = |output: &Output| matches!(output, Output::Publish(request) if request.operation == FaultOperation::Renew);
    assert!(outputs.iter().any(renews), "{outputs:?}");

    let all = RevertRequest {
        id: "all".to_owned(),
    };
    injector.step(at(4100), Input::Revert(Ticket(1), all.clone()));
    injector.unpublished(at(4100), &about(&id, FaultOperation::Revert));
    let outputs = injector.step(at(4200), Input::Revert(Ticket(2), all));
    let reverts = |output: &Output| matches!(output, Output::Publish(request) if request.operation == FaultOperation::Revert);
    assert!(outputs.iter().any(reverts), "{outputs:?}");
}

#[test]
fn the_schedule_begins_when_its_targets_run_and_repeats() {
    let text = r#"
        [[fault]]
        at = "10s"
        fault = "cpu-spike"
        target = "node-1/orders"
        for = "2s"
        repeat = "20s"

        [[fault]]
        at = "15s"
        fault = "storage-latency"
        target = "node-2/ledger"
        for = "2s"
        params = { latency = "1s" }
    "#;
    let mut injector = Injector::new(Schedule::parse("test.toml", text).expect("valid"), 1);
    injector.step(START, Input::Node(node("node-1", &["orders"], true)));
    assert_eq!(injector.next_wakeup(), None, "node-2 is not there yet");
    check(
        &injector.step(at(1000), Input::Node(node("node-2", &["ledger"], true))),
        &expect![[r#"
            note the schedule begins
        "#]],
    );
    let applied: Vec<(u128, String)> = run_until(&mut injector, at(60_000))
        .into_iter()
        .filter_map(|(now, request)| match request.operation {
            FaultOperation::Apply { fault, .. } => {
                Some((now.saturating_since(at(1000)).as_millis(), fault))
            }
            _ => None,
        })
        .collect();
    let expected = [
        (10_000, "cpu-spike"),
        (15_000, "storage-latency"),
        (30_000, "cpu-spike"),
        (50_000, "cpu-spike"),
    ];
    assert_eq!(applied, expected.map(|(at, fault)| (at, fault.to_owned())));
}

#[test]
fn starts_that_were_slept_through_are_not_made_up_for() {
    let text = "[[fault]]\nat = '1s'\nfault = 'hang'\ntarget = 'node-1/orders'\nfor = '1s'\nrepeat = '10s'\n";
    let mut injector = shop(text);
    let outputs = injector.step(at(35_000), Input::Tick);
    assert_eq!(published(&outputs).len(), 1);
    assert_eq!(
        run_until(&mut injector, at(41_000))
            .last()
            .map(|(now, _)| *now),
        Some(at(41_000))
    );
}

#[test]
fn ids_differ_within_a_run_and_between_runs() {
    let first = begun(&mut shop(""), START, 30_000);
    assert_eq!(
        first,
        begun(&mut shop(""), START, 30_000),
        "the same inputs"
    );
    let mut injector = shop("");
    let again = [
        begun(&mut injector, START, 30_000),
        begun(&mut injector, START, 30_000),
    ];
    assert_ne!(again[0], again[1]);
}

proptest! {
    /// A shell that is up to a second late with each tick keeps every fault alive: no gap reaches the lease, and nothing
    /// follows the end.
    #[test]
    fn every_fault_is_renewed_until_its_end_and_never_after(
        faults in prop::collection::vec((0_u64..20_000, 1_000_u64..60_000), 1..8),
        lateness in prop::collection::vec(0_u64..1_000, 1..50),
        reverted_after in prop::option::of(0_u64..60_000),
    ) {
        let mut injector = shop("");
        let mut faults = faults;
        faults.sort_unstable();
        let mut lateness = lateness.into_iter().cycle();
        // Of each fault: its end, and when it was kept alive.
        let mut kept: BTreeMap<FaultId, (Timestamp, Vec<Timestamp>)> = BTreeMap::new();
        let first_reverted_at = reverted_after.map(|after| at(faults[0].0 + after));
        let mut starts = faults.into_iter().peekable();
        let mut first: Option<FaultId> = None;
        let mut to_revert = first_reverted_at;
        loop {
            let next_start = starts.peek().map(|(start, _)| at(*start));
            let next_tick = injector.next_wakeup().map(|wakeup| {
                wakeup + Duration::from_millis(lateness.next().unwrap_or(0))
            });
            let next_revert = to_revert.filter(|_| first.is_some());
            let Some(now) = [next_start, next_tick, next_revert].into_iter().flatten().min() else {
                break;
            };
            let outputs = if next_start == Some(now) {
                let (_, ttl) = starts.next().expect("peeked");
                let outputs = inject(&mut injector, now, request("cpu-spike", "node-1/orders", ttl));
                let id: FaultId = reply(&outputs).ids[0].parse().unwrap();
                first.get_or_insert_with(|| id.clone());
                kept.insert(id, (now + Duration::from_millis(ttl), vec![]));
                outputs
            } else if next_revert == Some(now) {
                to_revert = None;
                let id = first.clone().expect("a first fault");
                let revert = RevertRequest { id: id.to_string() };
                let outputs = injector.step(now, Input::Revert(Ticket(1), revert));
                let end = &mut kept.get_mut(&id).expect("begun").0;
                *end = (*end).min(now);
                outputs
            } else {
                injector.step(now, Input::Tick)
            };
            for request in published(&outputs) {
                if request.operation != FaultOperation::Revert {
                    kept.get_mut(&request.id).expect("begun").1.push(now);
                }
            }
        }
        for (id, (end, times)) in kept {
            for pair in times.windows(2) {
                prop_assert!(pair[1].saturating_since(pair[0]) < LEASE, "{id}: {times:?}");
            }
            let last = *times.last().expect("applied");
            prop_assert!(last <= end, "{id}: {times:?} after {end}");
            prop_assert!(end.saturating_since(last) < LEASE, "{id}: {times:?} ends {end}");
        }
        prop_assert!(!injector.has_live_faults());
    }
}

#[test]
fn three_renewals_fit_a_lease() {
    assert!(RENEW_EVERY * 3 < LEASE);
}
