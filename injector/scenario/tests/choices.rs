//! What faults are made in, and everything that is done in a scenario: by its seed, and the same each time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use arena_faults::{Fault, FaultName};
use arena_proto::Entity;
use arena_scenario::{Layout, Origin, Planned, Scenario, Selector, Topology, View, When};
use expect_test::{Expect, expect};
use proptest::prelude::*;

fn view() -> View {
    let topology = Topology::Generated {
        nodes: 6,
        replicas: 4,
        batch: true,
    };
    View(Layout::of(&topology, 1).nodes.into_iter().collect())
}

fn names(entities: &[Entity]) -> Vec<String> {
    entities.iter().map(ToString::to_string).collect()
}

fn orders(count: Option<u32>) -> Selector {
    Selector::Role {
        service: "orders".parse().expect("a name"),
        count,
    }
}

fn resolve(selector: &Selector, fault: FaultName, seed: u64) -> Vec<String> {
    names(&selector.resolve(fault.fault(), &view(), seed, 0))
}

#[test]
fn each_way_to_choose() {
    let percent = |percent| Selector::Percent {
        service: "orders".parse().expect("a name"),
        percent,
    };
    let count = |selector: &Selector| resolve(selector, FaultName::CpuSpike, 3).len();
    assert_eq!(count(&orders(None)), 4);
    assert_eq!(count(&orders(Some(3))), 3);
    assert_eq!(count(&orders(Some(9))), 4, "there are no more");
    assert_eq!(
        (
            count(&percent(1)),
            count(&percent(60)),
            count(&percent(100))
        ),
        (1, 2, 4)
    );
    assert_eq!(count(&Selector::AnyService(7)), 7);
    assert_eq!(count(&Selector::Nodes(Some(2))), 2);
    assert_eq!(count(&Selector::Nodes(None)), 6);
    let named = Selector::Entity("node-9/nothing".parse().expect("an entity"));
    assert_eq!(
        resolve(&named, FaultName::Crash, 3),
        ["node-9/nothing"],
        "who names one gets it"
    );
}

/// Written down: whoever changes these changes what the same scenario does.
#[test]
fn a_choice_never_changes() {
    let two = Selector::AnyService(2);
    expect![[r#"["node-2/ledger", "node-6/edge"]"#]]
        .assert_eq(&format!("{:?}", resolve(&two, FaultName::Hang, 5)));
    expect![[r#"["node-5/orders"]"#]].assert_eq(&format!(
        "{:?}",
        resolve(&orders(Some(1)), FaultName::Hang, 5)
    ));
    let fault = FaultName::Hang.fault();
    let by_index: BTreeSet<_> = (0..20)
        .map(|index| orders(Some(1)).resolve(fault, &view(), 5, index))
        .collect();
    assert_eq!(by_index.len(), 4, "each injection chooses for itself");
}

#[test]
fn only_what_can_have_the_fault_is_chosen() {
    let all = Selector::AnyService(99);
    let of_role = |role: &str, names: &[String]| names.iter().all(|name| name.ends_with(role));
    assert!(of_role("/ledger", &resolve(&all, FaultName::DiskFull, 1)));
    let down = resolve(&all, FaultName::DependencyDown, 1);
    assert!(!down.is_empty() && !down.iter().any(|name| name.ends_with("/ledger")));
    let any = resolve(&all, FaultName::Crash, 1);
    assert_eq!(any.len(), 20, "neither users nor batch jobs: {any:?}");
}

#[test]
fn what_is_down_is_not_chosen() {
    let mut view = view();
    let fault = FaultName::Crash.fault();
    let chosen = orders(Some(1)).resolve(fault, &view, 8, 0);
    for services in view.0.values_mut() {
        services.retain(|service| service.as_str() != "orders");
    }
    assert_eq!(chosen.len(), 1);
    assert_eq!(orders(Some(1)).resolve(fault, &view, 8, 0), []);
    assert_eq!(orders(None).resolve(fault, &View::default(), 8, 0), []);
}

proptest! {
    /// The same seed, place and view give the same choice; each chosen one is there, and none is chosen twice.
    #[test]
    fn a_choice_is_stable_and_sound(seed: u64, index in 0_u32..50, count in 1_u32..30, which in 0..4) {
        let selector = match which {
            0 => orders(Some(count)),
            1 => Selector::AnyService(count),
            2 => Selector::Nodes(Some(count)),
            _ => Selector::Percent { service: "orders".parse().expect("a name"), percent: count },
        };
        let fault: &Fault = FaultName::Hang.fault();
        let chosen = selector.resolve(fault, &view(), seed, index);
        let again: BTreeMap<_, _> = view().0.into_iter().rev().collect();
        prop_assert_eq!(&chosen, &selector.resolve(fault, &View(again), seed, index));
        let set: BTreeSet<_> = chosen.iter().collect();
        prop_assert_eq!(set.len(), chosen.len());
        let view = view();
        for entity in &chosen {
            let services = view.0.get(&entity.node);
            prop_assert!(services.is_some_and(|all| entity.service.as_ref().is_none_or(|one| all.contains(one))));
        }
    }
}

fn plan(more: &str) -> Vec<Planned> {
    let text = format!(
        "name = \"plan\"\nsummary = \"x\"\ndifficulty = \"easy\"\nseed = 4\nlimit = \"60s\"\n{more}\n[truth]\nexpect = \"heal\"\n"
    );
    let scenario = Scenario::parse("plan.toml", &text).unwrap_or_else(|error| panic!("{error}"));
    scenario.all_injections()
}

fn check(more: &str, expected: &Expect) {
    let fault = "\n[[fault]]\nat = \"2s\"\nfault = \"crash\"\ntarget = { role = \"orders\", count = 1 }\n\
                 [[fault]]\nif = \"incidents_open > 0\"\nfault = \"hang\"\ntarget = \"node-1/payments\"\n";
    let lines: Vec<String> = plan(&format!("{fault}{more}"))
        .iter()
        .map(|planned| {
            let injection = &planned.injection;
            format!(
                "{} {:?} {:?} {} {:?} for {:?} {:?}",
                planned.index,
                planned.origin,
                injection.when,
                injection.fault.name,
                injection.target,
                injection.ttl,
                injection.params.to_text()
            )
        })
        .collect();
    expected.assert_eq(&lines.join("\n"));
}

#[test]
fn everything_to_do_is_in_one_list() {
    check(
        "",
        &expect![[r#"
        0 File At(2s) crash Role { service: ServiceName("orders"), count: Some(1) } for 60s {}
        1 File If(Check("incidents_open > 0"), 0ns) hang Entity(Entity { node: NodeName("node-1"), service: Some(ServiceName("payments")) }) for 60s {}"#]],
    );
    check(
        "[load]\nshape = \"wave\"\n",
        &expect![[r#"
        0 File At(2s) crash Role { service: ServiceName("orders"), count: Some(1) } for 60s {}
        2 Load At(22s) load-surge Entity(Entity { node: NodeName("node-1"), service: Some(ServiceName("traffic")) }) for 20s {"factor": "2"}
        1 File If(Check("incidents_open > 0"), 0ns) hang Entity(Entity { node: NodeName("node-1"), service: Some(ServiceName("payments")) }) for 60s {}"#]],
    );
    check(
        "[load]\nshape = \"spike\"\n",
        &expect![[r#"
        0 File At(2s) crash Role { service: ServiceName("orders"), count: Some(1) } for 60s {}
        2 Load At(32.035s) load-surge Entity(Entity { node: NodeName("node-1"), service: Some(ServiceName("traffic")) }) for 5s {"factor": "5"}
        1 File If(Check("incidents_open > 0"), 0ns) hang Entity(Entity { node: NodeName("node-1"), service: Some(ServiceName("payments")) }) for 60s {}"#]],
    );
    check(
        "[telemetry]\nloss = 5\nduplicate = 10\ndelay = \"300ms\"\n",
        &expect![[r#"
            2 Telemetry At(0ns) telemetry-loss Nodes(None) for 62s {"share": "5"}
            3 Telemetry At(0ns) telemetry-duplicate Nodes(None) for 62s {"share": "10"}
            4 Telemetry At(0ns) telemetry-delay Nodes(None) for 62s {"delay": "300ms"}
            0 File At(2s) crash Role { service: ServiceName("orders"), count: Some(1) } for 60s {}
            1 File If(Check("incidents_open > 0"), 0ns) hang Entity(Entity { node: NodeName("node-1"), service: Some(ServiceName("payments")) }) for 60s {}"#]],
    );
}

#[test]
fn a_spike_is_over_before_the_run_is() {
    for seed in 0..100 {
        let text = format!(
            "name = \"x\"\nsummary = \"x\"\ndifficulty = \"easy\"\nseed = {seed}\nlimit = \"60s\"\n[load]\nshape = \"spike\"\n[truth]\nexpect = \"no-action\"\n"
        );
        let scenario = Scenario::parse("x.toml", &text).expect("valid");
        let planned = scenario.all_injections();
        let [spike] = planned.as_slice() else {
            panic!("{planned:?}")
        };
        assert_eq!(spike.origin, Origin::Load);
        let When::At(at) = spike.injection.when else {
            panic!("{spike:?}")
        };
        assert!(
            at + spike.injection.ttl <= Duration::from_secs(45),
            "{at:?}"
        );
    }
}
