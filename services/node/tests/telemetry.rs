//! Faults of what the node tells of itself, measured on the bus by somebody who only listens: each has its effect, and is gone
//! after its revert and after the death of the agent.

#[allow(
    dead_code,
    reason = "this module is part of several tests, which use parts of it"
)]
mod common;

use std::sync::Arc;
use std::time::Duration;

use arena_bus::{Partitions, TelemetryStream};
use arena_chassis::Clock;
use arena_proto::{
    ActionKind, CommandState, FaultReason, FaultState, ProcessState, Schema, Telemetry,
};
use common::Arena;

/// Whoever listens to the node.
struct Listener(TelemetryStream);

/// One message as it came.
struct Heard {
    telemetry: Telemetry,
    schema: Arc<Schema>,
    /// How old it was, by its own time; negative when that is still to come.
    age_ms: i64,
}

impl Listener {
    async fn to(arena: &Arena) -> Self {
        let telemetry = arena.bus.telemetry(Partitions::all()).await;
        Self(telemetry.expect("telemetry"))
    }

    async fn next(&mut self) -> Heard {
        let (telemetry, schema) = self.0.next().await.expect("telemetry");
        Heard {
            age_ms: Clock::new().now().unix_millis() - telemetry.time.unix_millis(),
            telemetry,
            schema,
        }
    }

    /// The next message with values that is as wanted.
    async fn until(&mut self, wanted: impl Fn(&Heard) -> bool) -> Heard {
        loop {
            let heard = self.next().await;
            if !heard.telemetry.values.is_empty() && wanted(&heard) {
                return heard;
            }
        }
    }

    /// From now on every message comes once, and after the one before it.
    async fn in_order(&mut self) {
        let now = Clock::new().now();
        let mut last = loop {
            let telemetry = self.next().await.telemetry;
            if telemetry.time >= now {
                break telemetry.seq;
            }
        };
        for _ in 0..2 {
            let seq = self.next().await.telemetry.seq;
            assert_eq!(seq, last + 1, "not the one after #{last}");
            last = seq;
        }
    }
}

impl Heard {
    /// NaN: no reading. Of the node when `service` is empty.
    fn value(&self, service: &str, metric: &str) -> f32 {
        let mut columns = self.schema.columns.iter().zip(&self.telemetry.values);
        let found = columns.find(|(column, _)| {
            let of = column.service.as_ref().map_or("", |name| name.as_str());
            of == service && column.metric == metric
        });
        *found.expect("a column").1
    }

    fn bits(&self) -> Vec<u32> {
        let values = self.telemetry.values.iter();
        values.map(|value| value.to_bits()).collect()
    }
}

/// Begins a fault, and waits until it is there.
async fn begin(arena: &mut Arena, fault: &str, params: &[(&str, &str)]) {
    arena.apply_to_node(fault, fault, params).await;
    arena.fault_status(fault, FaultState::Active).await;
}

async fn end(arena: &mut Arena, fault: &str) {
    arena.revert(fault).await;
    let status = arena.fault_status(fault, FaultState::Reverted).await;
    assert_eq!(status.reason, Some(FaultReason::RevertRequested));
}

#[tokio::test]
async fn messages_are_lost_doubled_and_mixed_up_until_the_revert() {
    let mut arena = Arena::start().await;
    arena.healthy("web").await;
    let mut listener = Listener::to(&arena).await;
    listener.in_order().await;

    begin(&mut arena, "telemetry-loss", &[("share", "60")]).await;
    let mut last = listener.next().await.telemetry.seq;
    loop {
        let seq = listener.next().await.telemetry.seq;
        if seq > last + 1 {
            break;
        }
        last = seq;
    }
    end(&mut arena, "telemetry-loss").await;
    listener.in_order().await;

    begin(&mut arena, "telemetry-duplicate", &[("share", "100")]).await;
    let mut before = listener.next().await.telemetry;
    loop {
        let next = listener.next().await.telemetry;
        if next.seq == before.seq {
            assert_eq!(next.time, before.time);
            break;
        }
        before = next;
    }
    end(&mut arena, "telemetry-duplicate").await;
    listener.in_order().await;

    begin(&mut arena, "telemetry-reorder", &[("window", "3")]).await;
    let mut newest = 0;
    loop {
        let seq = listener.next().await.telemetry.seq;
        if seq < newest {
            break;
        }
        newest = seq;
    }
    end(&mut arena, "telemetry-reorder").await;
    listener.in_order().await;
    arena.stop().await;
}

#[tokio::test]
async fn messages_are_late_and_what_waits_at_the_revert_comes_at_once() {
    let mut arena = Arena::start().await;
    arena.healthy("web").await;
    let mut listener = Listener::to(&arena).await;
    listener.until(|heard| heard.age_ms < 3000).await;
    begin(&mut arena, "telemetry-delay", &[("delay", "3s")]).await;
    let late = listener.until(|heard| heard.age_ms >= 3000).await;
    let after = listener.next().await;
    assert!(after.age_ms >= 3000, "{} ms", after.age_ms);
    assert_eq!(after.telemetry.seq, late.telemetry.seq + 1);
    end(&mut arena, "telemetry-delay").await;
    // None is missing, and the last of them are younger than any that waited to its end.
    let mut last = after.telemetry.seq;
    loop {
        let heard = listener.next().await;
        assert_eq!(heard.telemetry.seq, last + 1);
        last = heard.telemetry.seq;
        if heard.age_ms < 1000 {
            break;
        }
    }
    arena.stop().await;
}

#[tokio::test]
async fn times_and_values_are_wrong_until_the_revert() {
    const MINUTE_MS: i64 = 60_000;
    let mut arena = Arena::start().await;
    arena.healthy("web").await;
    arena.healthy("quiet").await;
    let mut listener = Listener::to(&arena).await;
    let memory = |heard: &Heard| heard.value("quiet", "memory_bytes");
    let before = listener.until(|heard| memory(heard) > 0.0).await;
    let truth = memory(&before);
    // Nobody asks.
    assert!(before.value("web", "latency_p95_ms").is_nan());

    let skew = [("offset", "10m"), ("direction", "behind")];
    begin(&mut arena, "telemetry-skew", &skew).await;
    listener.until(|heard| heard.age_ms > 9 * MINUTE_MS).await;
    // Several at once: each is seen, and each revert takes its own away.
    let bias = [("metric", "memory_bytes"), ("factor", "1000")];
    begin(&mut arena, "telemetry-bias", &bias).await;
    // The kernel may take pages of a process that sleeps: the truth moves a little.
    let biased = |heard: &Heard| memory(heard) > truth * 5.0;
    let heard = listener.until(biased).await;
    assert!(heard.age_ms > 9 * MINUTE_MS);
    assert!(heard.value("web", "latency_p95_ms").is_nan());
    end(&mut arena, "telemetry-skew").await;
    let heard = listener.until(|heard| heard.age_ms < MINUTE_MS).await;
    assert!(biased(&heard));
    end(&mut arena, "telemetry-bias").await;
    listener.until(|heard| memory(heard) < truth * 2.0).await;

    let forge = [
        ("metric", "latency_p95_ms"),
        ("value", "900"),
        ("service", "web"),
    ];
    begin(&mut arena, "telemetry-forge", &forge).await;
    let latency = |heard: &Heard| heard.value("web", "latency_p95_ms");
    listener
        .until(|heard| (latency(heard) - 900.0).abs() < 0.1)
        .await;
    end(&mut arena, "telemetry-forge").await;
    listener.until(|heard| latency(heard).is_nan()).await;

    begin(&mut arena, "telemetry-freeze", &[]).await;
    let mut before = listener.until(|_| true).await;
    // The machine's own readings are never the same to the last bit for so long.
    let mut same = 0;
    while same < 4 {
        let next = listener.until(|_| true).await;
        assert!(
            next.telemetry.seq > before.telemetry.seq
                && next.telemetry.time > before.telemetry.time
        );
        same = if next.bits() == before.bits() {
            same + 1
        } else {
            0
        };
        before = next;
    }
    end(&mut arena, "telemetry-freeze").await;
    let frozen = before.bits();
    listener.until(|heard| heard.bits() != frozen).await;
    arena.stop().await;
}

#[tokio::test]
async fn nothing_is_heard_of_a_silent_node_but_what_it_was_asked() {
    let mut arena = Arena::start().await;
    arena.healthy("quiet").await;
    let mut listener = Listener::to(&arena).await;
    let last = listener.next().await.telemetry;
    begin(&mut arena, "node-silent", &[]).await;

    // It does what it is told, and says so; its status stays what it was.
    let outcome = arena.command("c-1", ActionKind::Stop, "quiet").await;
    assert_eq!(outcome.state, CommandState::Succeeded, "{outcome:?}");
    let outcome = arena.command("c-2", ActionKind::Restart, "web").await;
    assert_eq!(outcome.state, CommandState::Succeeded, "{outcome:?}");
    let quiet = arena.service("quiet", |_| true).await;
    assert_eq!(quiet.state, ProcessState::Running);

    end(&mut arena, "node-silent").await;
    arena
        .service("quiet", |quiet| quiet.state == ProcessState::Stopped)
        .await;
    // Each change of state would have been a message of its own.
    let mut before = last.seq;
    let missing = loop {
        let seq = listener.next().await.telemetry.seq;
        if seq > before + 1 {
            break seq - before - 1;
        }
        before = seq;
    };
    assert!(missing >= 2, "only {missing} messages were held back");
    listener.in_order().await;
    arena.stop().await;
}

#[tokio::test]
async fn a_silent_node_that_is_stopped_says_so() {
    let mut arena = Arena::start().await;
    arena.healthy("web").await;
    begin(&mut arena, "node-silent", &[]).await;
    assert!(arena.stop().await.success());
    assert_eq!(arena.node_state().await, ProcessState::Stopping);
    let over = arena.faults_over(&["node-silent"]).await;
    assert_eq!(over[0].state, FaultState::Reverted, "{over:?}");
}

#[tokio::test]
async fn nothing_of_it_outlives_the_agent() {
    const MINUTE_MS: i64 = 60_000;
    let mut arena = Arena::start().await;
    arena.healthy("web").await;
    let mut listener = Listener::to(&arena).await;
    let before = listener.until(|_| true).await.telemetry.boot_id;
    let forge = [("metric", "cpu_percent"), ("value", "1234")];
    begin(&mut arena, "telemetry-forge", &forge).await;
    let skew = [("offset", "10m"), ("direction", "ahead")];
    begin(&mut arena, "telemetry-skew", &skew).await;
    listener
        .until(|heard| heard.value("", "cpu_percent") > 1000.0 && heard.age_ms < -9 * MINUTE_MS)
        .await;
    begin(&mut arena, "telemetry-delay", &[("delay", "30s")]).await;
    begin(&mut arena, "node-silent", &[]).await;

    arena.kill_agent();
    arena.start_agent();
    let faults = [
        "telemetry-forge",
        "telemetry-skew",
        "telemetry-delay",
        "node-silent",
    ];
    for status in arena.faults_over(&faults).await {
        assert_eq!(status.state, FaultState::Reverted, "{status:?}");
        assert_eq!(status.reason, Some(FaultReason::AgentRestarted));
    }
    let heard = listener
        .until(|heard| heard.telemetry.boot_id != before)
        .await;
    assert!(heard.age_ms.abs() < 9 * MINUTE_MS, "{} ms", heard.age_ms);
    assert!(heard.value("", "cpu_percent") <= 100.0);
    arena.healthy("web").await;
    arena.stop().await;
}

#[tokio::test]
async fn what_the_node_does_not_have_is_refused_with_what_it_has() {
    let mut arena = Arena::start().await;
    arena.healthy("web").await;
    arena
        .apply_to_node("f-1", "telemetry-forge", &[("metric", "cpu_prcent")])
        .await;
    let status = arena.fault_status("f-1", FaultState::Rejected).await;
    assert_eq!(status.reason, Some(FaultReason::BadParameter));
    assert!(
        status
            .message
            .starts_with("node-1 has no metric cpu_prcent (did you mean cpu_percent?); it has "),
        "{}",
        status.message
    );
    arena
        .apply_to_node("f-2", "telemetry-bias", &[("service", "ledger")])
        .await;
    let status = arena.fault_status("f-2", FaultState::Rejected).await;
    assert_eq!(status.reason, Some(FaultReason::BadParameter));
    assert_eq!(
        status.message,
        "node-1 has no service ledger; it has quiet, web, wrapped"
    );
    arena
        .apply("f-3", "telemetry-loss", "web", Duration::from_secs(9), &[])
        .await;
    let status = arena.fault_status("f-3", FaultState::Rejected).await;
    assert_eq!(status.reason, Some(FaultReason::UnknownTarget));
    arena.stop().await;
}
