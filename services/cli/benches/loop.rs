//! How long the loop takes: fault to incident and fault to healed, per fault, on a real arena of this machine.
//!
//! `just bench-loop [REPEATS]`. It measures from the node's own time of effect (fault ACTIVE) to the detector's time of
//! opening and to the remediator's verdict; all clocks are this machine's. Absolute times are the machine's as much as
//! the arena's: quote the medians beside another run of the same machine.

#[path = "common/machine.rs"]
mod machine;

use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use arena_bus::{Bus, Consume, Deliveries, From, NatsArgs, Role};
use arena_config::arena::Arena as Config;
use arena_proto::{
    Decision, Entity, FaultState, FaultStatus, IncidentEvent, IncidentEventKind, InjectReply,
    InjectRequest, Plan, Resolution, Timestamp,
};
use arena_testkit::{Arena, ArenaBuilder};

const REPEATS_DEFAULT: usize = 20;
/// A ladder that is climbed to its end takes half of this.
const HEAL_LIMIT: Duration = Duration::from_mins(1);

/// Name, parameters, and the replicas that take turns.
type Fault = (
    &'static str,
    &'static [(&'static str, &'static str)],
    &'static [&'static str],
);

const FAULTS: [Fault; 5] = [
    ("crash", &[], &["node-1/edge", "node-2/edge"]),
    ("hang", &[], &["node-2/inventory", "node-3/inventory"]),
    ("cpu-spike", &[], &["node-1/orders", "node-2/orders"]),
    (
        "network-delay",
        &[("latency", "800ms")],
        &["node-1/payments"],
    ),
    (
        "storage-latency",
        &[("latency", "400ms")],
        &["node-2/ledger"],
    ),
];

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    // Cargo hands on `--bench`.
    let given = std::env::args()
        .skip(1)
        .find(|argument| !argument.starts_with('-'));
    let repeats = match given {
        None => REPEATS_DEFAULT,
        Some(text) => text
            .parse()
            .with_context(|| format!("{text:?} is not a number of repeats"))?,
    };
    println!("{}", machine::describe());
    println!("command: cargo bench -p arena-cli --bench loop -- {repeats}\n");
    let arena = ArenaBuilder::new(env!("CARGO_BIN_EXE_arena"), Config::default_toml())
        .env("OTEL_SDK_DISABLED", "true")
        .arg("--chaos")
        .start();
    let bus = Bus::connect_once(
        &NatsArgs {
            nats_url: arena.nats_url.clone(),
        },
        Role::Operator,
        "bench",
    )
    .await?;
    println!(
        "{:<16} {:>3}  {:>29}  {:>29}",
        "", "n", "fault to incident, ms", "fault to healed, ms"
    );
    println!(
        "{:<16} {:>3}  {:>9} {:>9} {:>9}  {:>9} {:>9} {:>9}",
        "fault", "", "min", "median", "max", "min", "median", "max"
    );
    let mut times: [(Vec<f64>, Vec<f64>); FAULTS.len()] = Default::default();
    // Fault after fault, and replica after replica: each is to be a first of its kind. One that is back within the cooldown
    // (5 s) would be a recurrence, which goes on at the next rung, and one that is back every few seconds is flapping.
    for round in 0..repeats {
        for ((fault, parameters, replicas), times) in FAULTS.iter().zip(&mut times) {
            calm(&arena).await?;
            let target = replicas[round % replicas.len()];
            let (incident_ms, healed_ms) = once(&bus, fault, &target.parse()?, parameters).await?;
            times.0.push(incident_ms);
            times.1.push(healed_ms);
        }
    }
    for ((fault, ..), (detected, healed)) in FAULTS.iter().zip(times) {
        println!(
            "{fault:<16} {repeats:>3}  {}  {}",
            spread(detected),
            spread(healed)
        );
    }
    Ok(())
}

/// Injects once; milliseconds to the incident and to the verdict.
async fn once(
    bus: &Bus,
    fault: &str,
    target: &Entity,
    parameters: &[(&str, &str)],
) -> anyhow::Result<(f64, f64)> {
    let of_entity = || Consume::ephemeral().from(From::New).entity(target.clone());
    let mut faults: Deliveries<FaultStatus> = bus
        .consume(
            Consume::ephemeral()
                .from(From::New)
                .node(target.node.clone()),
        )
        .await?;
    let mut incidents: Deliveries<IncidentEvent> = bus.consume(of_entity()).await?;
    let mut plans: Deliveries<Plan> = bus.consume(of_entity()).await?;
    let request = InjectRequest {
        fault: fault.to_owned(),
        target: target.to_string(),
        ttl_ms: 50_000,
        params: parameters
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect(),
    };
    let reply: InjectReply = bus.request("injector", "inject", &request).await?;
    ensure!(reply.error.is_none(), "{:?}", reply.error);
    let story = async {
        let active_at = loop {
            let status = faults.next().await.context("the bus went away")?.message;
            match status.state {
                FaultState::Active => break status.active_at.unwrap_or(status.at),
                FaultState::Rejected => bail!("{fault} was refused: {}", status.message),
                _ => {}
            }
        };
        let opened = loop {
            let event = incidents.next().await.context("the bus went away")?.message;
            if event.kind == IncidentEventKind::Opened {
                break event;
            }
        };
        loop {
            let plan = plans.next().await.context("the bus went away")?.message;
            ensure!(
                plan.decision != Decision::Escalate,
                "{fault}: {}",
                plan.reason
            );
            if plan.incident_id == opened.id && plan.decision == Decision::Resolve {
                ensure!(
                    plan.resolution == Some(Resolution::Remediated),
                    "{fault}: {}",
                    plan.reason
                );
                return Ok((
                    since(active_at, opened.opened_at),
                    since(active_at, plan.at),
                ));
            }
        }
    };
    tokio::time::timeout(HEAL_LIMIT, story)
        .await
        .with_context(|| format!("{fault} was not healed"))?
}

fn since(start: Timestamp, end: Timestamp) -> f64 {
    end.saturating_since(start).as_secs_f64() * 1_000.0
}

/// Nothing open, nothing active, everything healthy, twice in a row a tick apart: what the last repeat did to the
/// samples is over.
async fn calm(arena: &Arena) -> anyhow::Result<()> {
    let mut calm_looks = 0;
    for _ in 0..120 {
        let status = arena.json(&["status", "--json"]);
        let calm = status["faults_active"] == 0
            && status["degraded"].as_array().is_some_and(Vec::is_empty);
        calm_looks = if calm { calm_looks + 1 } else { 0 };
        if calm_looks == 3 {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    bail!(
        "the arena does not come to rest: {}",
        arena.json(&["status", "--json"])
    )
}

fn spread(mut values: Vec<f64>) -> String {
    values.sort_by(f64::total_cmp);
    let (min, max) = (values[0], values[values.len() - 1]);
    let middle = values.len() / 2;
    let median = if values.len() % 2 == 1 {
        values[middle]
    } else {
        f64::midpoint(values[middle - 1], values[middle])
    };
    format!("{min:>9.1} {median:>9.1} {max:>9.1}")
}
