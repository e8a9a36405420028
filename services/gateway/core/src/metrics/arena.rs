//! What is known of the arena: nodes, services, readings, and what people decided; incidents, faults and commands are in `lives`.

use std::collections::BTreeMap;
use std::fmt::Error;

use arena_proto::{LeverPosition, ObserverState, ServiceName, Timestamp};
use arena_view::status::{NodeReport, SILENT, ServiceReport};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use super::Tally;
use super::labels::Labels;
use super::page::{Page, flag, number};
use super::readings::{self, Reading};
use crate::view::{SamplesReport, State};

/// Services that are told of, in the order of their names: with some two dozen series each this is what a small Prometheus takes from
/// one target. How many are left out is told.
pub const SERVICES_MAX: usize = 1000;

/// What the page is written from, all of one moment.
#[derive(Debug)]
pub struct Known {
    /// Everything that is shown live.
    pub state: State,
    /// The readings of the last seconds; the last one of each series is told.
    pub readings: SamplesReport,
    /// What was counted.
    pub tally: Tally,
}

impl Collector for Known {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        let mut page = Page(encoder);
        let connected = self.state.bus.connected;
        page.gauge(
            (
                "arena_bus_connected",
                "",
                "The gateway hears the bus; while it is 0, nothing of the arena is known",
            ),
            Some(flag(connected)),
        )?;
        if connected {
            self.decided(&mut page)?;
            self.nodes(&mut page)?;
            self.services(&mut page)?;
            self.readings(&mut page)?;
        }
        if connected && self.state.bus.caught_up {
            self.open(&mut page)?;
        }
        self.counted(&mut page)
    }
}

impl Known {
    fn nodes_told(&self) -> impl Iterator<Item = &NodeReport> {
        self.state.status.nodes.iter()
    }

    /// Those that answer: of the others nobody knows anything.
    fn heard(&self) -> impl Iterator<Item = &NodeReport> {
        self.nodes_told().filter(|node| node.state != SILENT)
    }

    fn services_heard(&self) -> impl Iterator<Item = (&NodeReport, &ServiceReport)> {
        let of = |node| services_of(node).map(move |service| (node, service));
        self.heard().flat_map(of).take(SERVICES_MAX)
    }

    fn decided(&self, page: &mut Page<'_>) -> Result<(), Error> {
        let arena = &self.state.status.arena;
        let up = arena.components.iter().map(|component| {
            let labels = vec![("component", component.name.clone())];
            (labels, flag(component.state != SILENT))
        });
        page.gauges(("arena_component_up", "", "The component answers"), up)?;
        page.gauge(
            (
                "arena_lever_stopped",
                "",
                "The safety lever is stopped; absent while nobody can say",
            ),
            arena
                .lever
                .map(|lever| flag(lever == LeverPosition::Stopped)),
        )?;
        let modes = arena.modes.iter().map(|(risk, mode)| {
            let labels = vec![("risk", risk.clone()), ("mode", mode.to_string())];
            (labels, 1.0)
        });
        page.gauges(
            (
                "arena_mode",
                "",
                "The mode of each risk class: the one that is 1",
            ),
            modes,
        )?;
        page.gauge(
            (
                "arena_observer_storm",
                "",
                "The detector does not believe what it hears",
            ),
            arena
                .observer
                .state
                .map(|state| flag(state == ObserverState::Storm)),
        )?;
        let known = arena.mode.is_some();
        let pauses = known.then(|| number(arena.pauses.len()));
        page.gauge(
            ("arena_pauses", "", "Services and nodes that are left alone"),
            pauses,
        )?;
        let degraded = Some(number(arena.degraded.len()));
        page.gauge(
            (
                "arena_degraded",
                "",
                "What is not well, as `arena status` counts it",
            ),
            degraded,
        )
    }

    fn nodes(&self, page: &mut Page<'_>) -> Result<(), Error> {
        let of = |node: &NodeReport| vec![("node", node.name.clone())];
        let up = self
            .nodes_told()
            .map(|node| (of(node), flag(node.state != SILENT)));
        page.gauges(("arena_node_up", "", "The node's agent is heard"), up)?;
        let quarantined = self.heard().map(|node| (of(node), flag(node.quarantined)));
        let about = ("arena_node_quarantined", "", "All its services are drained");
        page.gauges(about, quarantined)?;
        let faults = self.heard().map(|node| (of(node), flag(node.chaos)));
        page.gauges(
            (
                "arena_node_accepts_faults",
                "",
                "Faults can be injected there",
            ),
            faults,
        )
    }

    fn services(&self, page: &mut Page<'_>) -> Result<(), Error> {
        let each = |value: fn(&ServiceReport) -> Option<f64>| {
            let services = self.services_heard();
            services.filter_map(move |(node, service)| Some((of(node, service), value(service)?)))
        };
        let up = each(|service| Some(flag(is_up(service))));
        page.gauges(
            (
                "arena_service_up",
                "",
                "It runs, and its probe does not fail",
            ),
            up,
        )?;
        let state = self.services_heard().map(|(node, service)| {
            let mut labels = of(node, service);
            labels.push(("state", service.state.clone()));
            (labels, 1.0)
        });
        page.gauges(
            (
                "arena_service_state",
                "",
                "Its process: the state that is 1",
            ),
            state,
        )?;
        let probe = each(|service| match service.probe.as_str() {
            "PASSING" => Some(1.0),
            "FAILING" => Some(0.0),
            _ => None,
        });
        let about = (
            "arena_service_probe_passing",
            "",
            "Its probe passes; absent where there is none",
        );
        page.gauges(about, probe)?;
        let drained = each(|service| Some(flag(service.drained)));
        page.gauges(
            ("arena_service_drained", "", "It is sent no new requests"),
            drained,
        )?;
        let paused = each(|service| Some(flag(service.paused)));
        page.gauges(
            ("arena_service_paused", "", "Only a person acts on it"),
            paused,
        )?;
        let restarts = self.services_heard();
        let restarts = restarts.map(|(node, service)| (of(node, service), service.restarts.into()));
        page.counters(
            ("arena_service_restarts", "", "Starts after the first one"),
            restarts,
        )?;
        let all = self.heard().flat_map(services_of).count();
        let left_out = Some(number(all.saturating_sub(SERVICES_MAX)));
        page.gauge(
            (
                "arena_services_left_out",
                "",
                "Services beyond the first 1000",
            ),
            left_out,
        )
    }

    fn readings(&self, page: &mut Page<'_>) -> Result<(), Error> {
        let mut last: BTreeMap<(&str, Option<&str>, &str), f64> = BTreeMap::new();
        for series in &self.readings.series {
            let service = series.entity.service.as_ref().map(ServiceName::as_str);
            if let Some(value) = series.values.iter().rev().flatten().next() {
                let key = (series.entity.node.as_str(), service, series.metric.as_str());
                last.insert(key, f64::from(*value));
            }
        }
        for reading in readings::NODE {
            let values = self.heard().filter_map(|node| {
                let value = last.get(&(node.name.as_str(), None, reading.metric))?;
                Some((vec![("node", node.name.clone())], value * reading.scale))
            });
            page.gauges(about(reading), values)?;
        }
        for reading in readings::SERVICE {
            let values = self.services_heard().filter_map(|(node, service)| {
                let key = (
                    node.name.as_str(),
                    Some(service.name.as_str()),
                    reading.metric,
                );
                Some((of(node, service), last.get(&key)? * reading.scale))
            });
            page.gauges(about(reading), values)?;
        }
        Ok(())
    }
}

/// From when on readings are current: a node tells once a second, and is silent after three.
#[must_use]
pub fn readings_since(now: Timestamp) -> Timestamp {
    now - crate::fleet::NODE_SILENT
}

fn about(reading: &Reading) -> (&'static str, &'static str, &'static str) {
    (reading.name, reading.unit, reading.help)
}

fn services_of(node: &NodeReport) -> impl Iterator<Item = &ServiceReport> {
    let is_known = |service: &&ServiceReport| service.state != SILENT;
    node.services.iter().filter(is_known)
}

fn of(node: &NodeReport, service: &ServiceReport) -> Labels {
    vec![
        ("node", node.name.clone()),
        ("service", service.name.clone()),
    ]
}

fn is_up(service: &ServiceReport) -> bool {
    service.state == "RUNNING" && service.probe != "FAILING"
}
