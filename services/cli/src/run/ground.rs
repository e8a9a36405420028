//! The arena that a scenario is played in: one of its own, or the one that runs.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::Path;
use std::sync::atomic::{AtomicU16, Ordering};

use arena_bus::{Bus, NatsArgs};
use arena_config::arena::Arena;
use arena_proto::{Control, LeverPosition, Mode, NodeName, RiskClass, ServiceName};
use arena_scenario::judge::Policy;
use arena_scenario::{Layout, PORTS_MAX, Scenario};

use crate::exit::{Exit, Failure};
use crate::own_arena::OwnArena;
use crate::{client, control, people};

/// Below the ports of outgoing connections (32768 and up on Linux), and above those of most servers.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// Where a scenario is played.
pub(super) struct Ground {
    /// `None`: somebody else's.
    own: Option<OwnArena>,
    nats: NatsArgs,
    /// What people had decided there before.
    before: Option<Control>,
}

impl Ground {
    /// A place for an arena of its own; nothing runs yet.
    pub(super) fn own(scenario: &Scenario) -> Result<Self, Failure> {
        let (config, nats_port) = config(scenario)?;
        let nats_url = format!("nats://127.0.0.1:{nats_port}");
        let own = OwnArena::prepare("arena-run-", nats_url.clone())?;
        std::fs::write(own.data_dir().join("scenario.toml"), config)?;
        Ok(Self {
            own: Some(own),
            nats: NatsArgs { nats_url },
            before: None,
        })
    }

    /// The arena that runs.
    pub(super) const fn attached(nats: NatsArgs) -> Self {
        Self {
            own: None,
            nats,
            before: None,
        }
    }

    /// Starts it, or sees to it that the one that runs will do, and settles who decides.
    pub(super) async fn start(
        &mut self,
        scenario: &Scenario,
        policy: Policy,
    ) -> Result<Bus, Failure> {
        if let Some(own) = &mut self.own {
            let config = own.data_dir().join("scenario.toml");
            let config = config.to_string_lossy().into_owned();
            let arguments = ["--no-viewer", "--no-gateway", "--config", &config];
            own.up(&arguments, true).await?;
        }
        let bus = client::connect(&self.nats).await?;
        if self.own.is_none() {
            check_fits(&bus, scenario, policy).await?;
        }
        self.set_mode(&bus, policy).await?;
        Ok(bus)
    }

    /// In an arena of its own the remediator decides about everything: nobody is there to be asked. In somebody else's it decides as
    /// it is set. Where another is to heal, it only observes.
    async fn set_mode(&mut self, bus: &Bus, policy: Policy) -> Result<(), Failure> {
        let mode = match (policy, &self.own) {
            (Policy::Felix, None) => return Ok(()),
            (Policy::Felix, Some(_)) => Mode::Auto,
            (Policy::None | Policy::Reference, _) => Mode::Observe,
        };
        let (operator, now) = (client::person(bus.clone()), people::now());
        let changed = operator.change_control(|control| {
            control.mode = mode;
            control.modes = RiskClass::ALL.iter().map(|risk| (*risk, mode)).collect();
            operator.sign(control, now);
            Ok(())
        });
        let changed = changed.await?;
        self.before = Some(changed.before.clone());
        control::tell(changed);
        Ok(())
    }

    /// Gives somebody else's arena back as it was decided.
    pub(super) async fn give_back(&self) -> Result<(), Failure> {
        let Some(before) = self.before.clone().filter(|_| self.own.is_none()) else {
            return Ok(());
        };
        let operator = client::operator(&self.nats).await?;
        let changed = operator.change_control(|control| {
            control.mode = before.mode;
            control.modes.clone_from(&before.modes);
            Ok(())
        });
        control::tell(changed.await?);
        Ok(())
    }

    /// The data folder of an arena of its own.
    pub(super) fn data_dir(&self) -> Option<&Path> {
        self.own.as_ref().map(OwnArena::data_dir)
    }

    /// Stops an arena of its own; its folder stays until this is dropped.
    pub(super) async fn stop(&mut self) -> Result<(), Failure> {
        match &mut self.own {
            Some(own) => own.stop().await,
            None => Ok(()),
        }
    }
}

/// The `arena.toml` of a scenario on ports that are free, and one for its NATS server.
fn config(scenario: &Scenario) -> Result<(String, u16), Failure> {
    static GIVEN: AtomicU16 = AtomicU16::new(0);
    let blocks = (PORTS.end - PORTS.start) / (PORTS_MAX + 1);
    // Runs at once, of one process and of several, begin at different places.
    let start = u16::try_from(std::process::id() % u32::from(blocks)).unwrap_or(0);
    for _ in 0..blocks {
        let block = (start + GIVEN.fetch_add(1, Ordering::Relaxed)) % blocks;
        let nats_port = PORTS.start + block * (PORTS_MAX + 1);
        let text = scenario
            .topology
            .arena_toml(scenario.seed, &scenario.load, nats_port + 1)
            .map_err(|error| Exit::Failed.because(error))?;
        let arena =
            Arena::parse("arena.toml", &text).map_err(|mistake| Exit::Failed.because(mistake))?;
        let services = arena.nodes.iter().flat_map(|node| &node.services);
        let mut ports = services
            .filter_map(|service| service.port)
            .chain([nats_port]);
        if ports.all(|port| TcpListener::bind(("127.0.0.1", port)).is_ok()) {
            return Ok((text, nats_port));
        }
    }
    Err(Exit::Failed.because(format!("no block of free loopback ports in {PORTS:?}")))
}

type Places = BTreeMap<NodeName, Vec<ServiceName>>;

/// A scenario is about its own topology: elsewhere its truth is none.
async fn check_fits(bus: &Bus, scenario: &Scenario, policy: Policy) -> Result<(), Failure> {
    let nodes = bus.statuses().await?;
    let sorted = |mut services: Vec<ServiceName>| {
        services.sort();
        services
    };
    let running: Places = nodes
        .iter()
        .map(|node| {
            let names = node.services.iter().map(|service| service.name.clone());
            (node.node.clone(), sorted(names.collect()))
        })
        .collect();
    let layout = Layout::of(&scenario.topology, scenario.seed);
    let wanted: Places = layout
        .nodes
        .into_iter()
        .map(|(node, services)| (node, sorted(services)))
        .collect();
    if running != wanted {
        return Err(Exit::Failed.because(format!(
            "the arena that runs is not the one of {}: it has {}, and the scenario wants {}\n  mend: leave --attach out, and it gets an arena of its own",
            scenario.name,
            places(&running),
            places(&wanted)
        )));
    }
    if let Some(node) = nodes.iter().find(|node| !node.chaos) {
        return Err(Exit::Failed.because(format!(
            "{} refuses faults\n  mend: `arena down`, then `arena up --chaos`; or leave --attach out",
            node.node
        )));
    }
    let control = bus.decided().await?.control();
    let heals = [RiskClass::Low, RiskClass::Medium]
        .iter()
        .all(|risk| control.mode_for(*risk) == Mode::Auto);
    if policy == Policy::Felix && !heals {
        return Err(Exit::Failed.because(
            "the remediator does not act by itself there, and is to be judged\n  mend: arena mode auto; or --policy none",
        ));
    }
    if control.lever == LeverPosition::Stopped {
        return Err(Exit::Failed
            .because("the lever is STOPPED: faults are refused\n  mend: arena lever resume"));
    }
    Ok(())
}

fn places(places: &Places) -> String {
    let one = |(node, services): (&NodeName, &Vec<ServiceName>)| {
        let names: Vec<&str> = services.iter().map(ServiceName::as_str).collect();
        format!("{node} ({})", names.join(" "))
    };
    places.iter().map(one).collect::<Vec<_>>().join(", ")
}
