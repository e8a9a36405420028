//! Layouts and the arenas that are made of them: valid, spread, the same for the same seed.

use std::collections::BTreeSet;

use arena_config::arena::Arena;
use arena_scenario::{
    BATCH, Layout, LayoutError, Load, LoadShape, PORTS_MAX, ROLES, TRAFFIC, Topology,
};
use expect_test::expect;

const LOAD: Load = Load {
    rate: 33,
    shape: LoadShape::Steady,
};

fn arena(topology: &Topology, seed: u64, base_port: u16) -> Arena {
    let text = topology
        .arena_toml(seed, &LOAD, base_port)
        .expect("a good port");
    Arena::parse("arena.toml", &text).unwrap_or_else(|error| panic!("{error}"))
}

fn ports(arena: &Arena) -> Vec<u16> {
    let services = arena.nodes.iter().flat_map(|node| &node.services);
    services.filter_map(|service| service.port).collect()
}

fn told(layout: &Layout) -> String {
    let line = |(node, services): &(arena_proto::NodeName, Vec<arena_proto::ServiceName>)| {
        let services: Vec<&str> = services
            .iter()
            .map(arena_proto::ServiceName::as_str)
            .collect();
        format!("{node}: {}", services.join(" "))
    };
    layout.nodes.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_shop_is_the_built_in_one_elsewhere() {
    let built_in = Arena::parse("built-in", Arena::default_toml()).expect("valid");
    let mut ours = arena(&Topology::Shop, 4, 20_000);
    assert!(
        ports(&ours)
            .iter()
            .all(|port| (20_000..20_000 + PORTS_MAX).contains(port))
    );
    let traffic = |arena: &Arena| {
        let mut services = arena.nodes.iter().flat_map(|node| node.services.clone());
        services
            .find(|service| service.name.as_str() == TRAFFIC)
            .expect("users")
            .command
    };
    let mut command = traffic(&built_in);
    command.extend(["--rate", "33", "--seed", "4"].map(str::to_owned));
    assert_eq!(traffic(&ours), command);
    // But for the ports and the users, it is the same.
    let originals = built_in.nodes.iter().flat_map(|node| &node.services);
    for (service, original) in ours
        .nodes
        .iter_mut()
        .flat_map(|node| &mut node.services)
        .zip(originals)
    {
        service.port = original.port;
        if service.name.as_str() == TRAFFIC {
            service.command.clone_from(&original.command);
        }
    }
    assert_eq!(ours, built_in);
}

#[test]
fn generated_arenas_are_valid_whatever_their_size() {
    for (nodes, replicas) in [
        (1, 1),
        (3, 1),
        (3, 2),
        (5, 1),
        (5, 5),
        (9, 3),
        (32, 7),
        (32, 32),
    ] {
        for seed in 0..4 {
            let topology = Topology::Generated {
                nodes,
                replicas,
                batch: seed % 2 == 0,
            };
            let layout = Layout::of(&topology, seed);
            assert_eq!(layout, Layout::of(&topology, seed));
            for role in ROLES {
                let role = role.parse().expect("a name");
                let count = u32::try_from(layout.replicas(&role).count()).expect("few");
                assert_eq!(count, replicas, "{role} of {topology:?}");
            }
            let services: Vec<_> = layout.services().collect();
            assert_eq!(
                services.iter().collect::<BTreeSet<_>>().len(),
                services.len(),
                "no role twice on a node"
            );
            assert!(
                layout
                    .nodes
                    .iter()
                    .all(|(_, services)| !services.is_empty())
            );
            let arena = arena(&topology, seed, 30_000);
            let ports = ports(&arena);
            assert!(
                ports
                    .iter()
                    .all(|port| (30_000..30_000 + PORTS_MAX).contains(port)),
                "{topology:?}"
            );
            let all: usize = arena.nodes.iter().map(|node| node.services.len()).sum();
            assert_eq!(all, services.len());
        }
    }
}

#[test]
fn a_layout_never_changes() {
    let topology = Topology::Generated {
        nodes: 5,
        replicas: 2,
        batch: true,
    };
    expect![[r#"
        node-1: batch inventory ledger
        node-2: orders payments traffic
        node-3: orders ledger
        node-4: edge payments
        node-5: edge inventory"#]]
    .assert_eq(&told(&Layout::of(&topology, 1)));
    assert_ne!(Layout::of(&topology, 1), Layout::of(&topology, 2));
    let batch = Layout::of(&topology, 1)
        .replicas(&BATCH.parse().expect("a name"))
        .count();
    assert_eq!(batch, 1);
}

#[test]
fn ports_that_do_not_fit_are_refused() {
    for base in [80, 65_500] {
        let error = Topology::Shop
            .arena_toml(1, &LOAD, base)
            .expect_err("no room");
        assert_eq!(error, LayoutError::Port { base });
    }
}

#[test]
fn a_simulated_arena_has_any_size_its_load_grows_with_it_and_all_is_spread_evenly() {
    let load = Load {
        rate: 20,
        shape: LoadShape::Steady,
    };
    for (nodes, replicas) in [(3, 2), (32, 5), (100, 40), (10_000, 4_000)] {
        let topology = Topology::Generated {
            nodes,
            replicas,
            batch: true,
        };
        let layout = Layout::of(&topology, 7);
        let arena = layout.arena(&load, 7).expect("an arena");
        let counts: Vec<usize> = arena.nodes.iter().map(|node| node.services.len()).collect();
        let (least, most) = (
            counts.iter().min().expect("one"),
            counts.iter().max().expect("one"),
        );
        assert!(most - least <= 2, "{nodes}: {least} to {most}");
        let of = |name: &str| {
            let services = arena.nodes.iter().flat_map(|node| &node.services);
            services
                .filter(|service| service.name.as_str() == name)
                .count()
        };
        assert_eq!(of("ledger"), usize::try_from(replicas).expect("small"));
        assert_eq!(
            of(TRAFFIC),
            usize::try_from(nodes.div_ceil(32)).expect("small")
        );
        let twice = arena.nodes.iter().any(|node| {
            let mut names: Vec<_> = node.services.iter().map(|service| &service.name).collect();
            names.sort();
            names.windows(2).any(|pair| pair[0] == pair[1])
        });
        assert!(!twice, "{nodes}: a role is on a node once");
    }
}

#[test]
fn a_simulated_arena_is_the_live_one_but_for_its_ports() {
    let load = Load {
        rate: 50,
        shape: LoadShape::Steady,
    };
    for topology in [
        Topology::Shop,
        Topology::Generated {
            nodes: 6,
            replicas: 3,
            batch: true,
        },
    ] {
        let text = topology.arena_toml(7, &load, 18_100).expect("a text");
        let live = arena_config::arena::Arena::parse("live", &text).expect("an arena");
        let simulated = Layout::of(&topology, 7).arena(&load, 7).expect("an arena");
        let bare = |arena: &arena_config::arena::Arena| {
            let mut arena = arena.clone();
            for service in arena.nodes.iter_mut().flat_map(|node| &mut node.services) {
                service.port = service.port.map(|_| 1);
            }
            arena
        };
        assert_eq!(bare(&live), bare(&simulated));
    }
}
