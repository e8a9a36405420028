//! Whether an arena is well: every component answers on the bus, and every node says of each of its services that it is
//! healthy. What is not is told in words.

use std::time::Duration;

use arena_bus::{Bus, ServicePing};
use arena_chassis::Clock;
use arena_proto::{NodeStatus, ProcessState, ServiceName, Timestamp};
use arena_view::status::{COMPONENTS, GATEWAY};

use super::data_dir::DataDir;
use super::record::Record;
use super::{say, summary};

/// How long the components have to answer: on loopback they do within a few milliseconds, and the start should not wait
/// for longer than it must.
const PING_WAIT: Duration = Duration::from_millis(100);

/// Between two looks while waiting.
const PAUSE: Duration = Duration::from_millis(25);

/// After this long without health it is told what is wrong; nothing is stopped for it.
const HEALTH_PATIENCE: Duration = Duration::from_secs(30);

/// Tells when all is well, or after a while what is not.
pub(crate) async fn announce(
    bus: Bus,
    record: Record,
    data: DataDir,
    since: Timestamp,
    clock: Clock,
) {
    let mut problems = Vec::new();
    if tokio::time::timeout(HEALTH_PATIENCE, wait(&bus, &record, &mut problems))
        .await
        .is_err()
    {
        say(&format!(
            "not healthy after {HEALTH_PATIENCE:?}:\n  {}",
            problems.join("\n  ")
        ));
        wait(&bus, &record, &mut problems).await;
    }
    say(&format!(
        "healthy after {:.1} s",
        clock.now().saturating_since(since).as_secs_f64()
    ));
    summary(&record, &data);
}

/// Waits until nothing is wrong. Each look's findings are left in `problems`, for who stops waiting.
pub(crate) async fn wait(bus: &Bus, record: &Record, problems: &mut Vec<String>) {
    loop {
        *problems = look(bus, record).await;
        if problems.is_empty() {
            return;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// What is wrong now.
pub(crate) async fn look(bus: &Bus, record: &Record) -> Vec<String> {
    let answers = async {
        let (statuses, pings) = futures::join!(bus.statuses(), bus.ping_services(PING_WAIT));
        Ok::<_, arena_bus::BusError>((statuses?, pings?))
    };
    match answers.await {
        Ok((statuses, pings)) => judge(record, &pings, &statuses),
        Err(error) => vec![format!("the bus does not answer: {error}")],
    }
}

/// What is wrong, by what the bus knows.
fn judge(record: &Record, pings: &[ServicePing], statuses: &[NodeStatus]) -> Vec<String> {
    let answers = |name: &str, node: Option<&str>| {
        pings.iter().any(|ping| {
            ping.name == name
                && node.is_none_or(|node| ping.metadata.get("node").is_some_and(|of| of == node))
        })
    };
    let gateway = record.gateway.as_ref().map(|_| GATEWAY);
    let mut problems: Vec<String> = COMPONENTS
        .into_iter()
        .chain(gateway)
        .filter(|name| !answers(name, None))
        .map(|name| format!("{name} does not answer yet"))
        .collect();
    for (node, services) in &record.nodes {
        // A status of an earlier agent stays in its bucket: only one by the present process tells how things are.
        let pid = record.node_pid(node);
        let status = statuses
            .iter()
            .find(|status| status.node == *node && Some(status.pid) == pid);
        match status {
            Some(status) if answers("node", Some(node.as_str())) => {
                problems.extend(
                    services
                        .iter()
                        .filter_map(|service| unwell(status, service)),
                );
            }
            _ => problems.push(format!("{node} does not answer yet")),
        }
    }
    problems
}

fn unwell(node: &NodeStatus, name: &ServiceName) -> Option<String> {
    let Some(service) = node.services.iter().find(|service| service.name == *name) else {
        return Some(format!("{}/{name} is not known to its node", node.node));
    };
    // A standby that nobody asked to start is as it should be.
    let waits = service.detail.standby && service.state == ProcessState::Stopped;
    if service.is_healthy() || waits {
        return None;
    }
    let state = service.state.as_str();
    let probe = service.probe.as_str();
    let message = if service.message.is_empty() { "" } else { ": " };
    Some(format!(
        "{}/{name} is {state}, its probe {probe}{message}{}",
        node.node, service.message
    ))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use arena_proto::{NodeName, ProbeVerdict, ServiceStatus};
    use arena_supervisor::Identity;

    use super::*;
    use crate::up::plan::Stage;
    use crate::up::record::Member;

    fn record() -> Record {
        let identity = Identity {
            pid: 7,
            start_time: 1,
        };
        let node = NodeName::new("node-1").unwrap();
        Record {
            boot_id: String::new(),
            up: identity,
            started: true,
            nats_url: String::new(),
            database: String::new(),
            viewer: None,
            gateway: None,
            chaos: false,
            nodes: BTreeMap::from([(node, vec![ServiceName::new("orders").unwrap()])]),
            members: vec![Member {
                name: "node-1".to_owned(),
                stage: Stage::Node,
                identity,
            }],
        }
    }

    fn pings() -> Vec<ServicePing> {
        let ping = |name: &str, metadata: &[(&str, &str)]| ServicePing {
            name: name.to_owned(),
            id: name.to_owned(),
            metadata: metadata
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect(),
        };
        let node = ping("node", &[("node", "node-1")]);
        COMPONENTS
            .iter()
            .map(|name| ping(name, &[]))
            .chain([node])
            .collect()
    }

    fn status(pid: u32, probe: ProbeVerdict) -> NodeStatus {
        let service = ServiceStatus {
            detail: arena_proto::ServiceDetail::default(),
            name: ServiceName::new("orders").unwrap(),
            state: ProcessState::Running,
            probe,
            pid: Some(8),
            generation: 1,
            restarts: 0,
            port: None,
            proxy_port: None,
            depends_on: Vec::new(),
            since: Timestamp::EPOCH,
            exit_code: None,
            message: String::new(),
        };
        NodeStatus {
            quarantined: false,
            restart_owner: None,
            fence: 0,
            node: NodeName::new("node-1").unwrap(),
            boot_id: 1,
            pid,
            state: ProcessState::Running,
            chaos: false,
            services: vec![service],
            at: Timestamp::EPOCH,
        }
    }

    #[test]
    fn nothing_is_wrong_when_all_answer_and_all_probes_pass() {
        assert!(judge(&record(), &pings(), &[status(7, ProbeVerdict::Passing)]).is_empty());
    }

    #[test]
    fn a_silent_component_and_a_failing_probe_are_named() {
        let problems = judge(
            &record(),
            &pings()[1..],
            &[status(7, ProbeVerdict::Failing)],
        );
        assert_eq!(
            problems,
            [
                "detector does not answer yet",
                "node-1/orders is RUNNING, its probe FAILING"
            ]
        );
    }

    #[test]
    fn the_status_that_an_earlier_agent_left_says_nothing() {
        let problems = judge(&record(), &pings(), &[status(6, ProbeVerdict::Passing)]);
        assert_eq!(problems, ["node-1 does not answer yet"]);
    }

    #[test]
    fn a_standby_that_nobody_asked_to_start_is_well_and_any_other_stopped_service_is_not() {
        let mut node = status(7, ProbeVerdict::Unknown);
        node.services[0].state = ProcessState::Stopped;
        assert_eq!(
            judge(&record(), &pings(), &[node.clone()]),
            ["node-1/orders is STOPPED, its probe UNKNOWN"]
        );
        node.services[0].detail.standby = true;
        assert!(judge(&record(), &pings(), &[node]).is_empty());
    }
}
