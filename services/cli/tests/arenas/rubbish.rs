//! Rubbish on every subject, from whoever may publish there: it is counted, logged once, and nothing dies or is fooled.

use arena_testkit::{Arena, ArenaBuilder, wait_for};

use crate::{ONE_NODE, TURNS};

/// Role and subject: as each publisher of the table could, if it went mad.
const SUBJECTS: [(&str, &str); 9] = [
    ("node", "arena.telemetry.laptop"),
    ("detector", "arena.incident.laptop.web"),
    ("detector", "arena.incident.laptop._"),
    ("remediator", "arena.plan.laptop.web"),
    ("remediator", "arena.command.laptop"),
    ("node", "arena.outcome.laptop"),
    ("injector", "arena.fault.laptop"),
    ("node", "arena.fault_status.laptop"),
    ("node", "arena.telemetry.nobody"),
];

fn rubbish() -> Vec<Vec<u8>> {
    vec![
        Vec::new(),
        vec![0],
        (0_u8..=255).collect(),
        b"{".to_vec(),
        b"{}".to_vec(),
        br#"{"kind":"OPENED","nonsense":1}"#.to_vec(),
        br#"{"op":"APPLY","fault":"cpu-spike","service":"web","ttl":"30s","extra":true}"#.to_vec(),
        br#"{"node":"somebody-else","service":"web","action":"KILL"}"#.to_vec(),
        br#"{"node":42}"#.to_vec(),
        b"hello".to_vec(),
        vec![b'{'; 1_000_000],
        vec![0xff; 1_000_000],
    ]
}

fn pids(arena: &Arena) -> Vec<String> {
    let pid = |line: String| line.split(' ').next().map(str::to_owned);
    let mut pids: Vec<String> = arena.leftovers().into_iter().filter_map(pid).collect();
    pids.sort();
    pids
}

#[tokio::test]
async fn rubbish_on_every_subject_hurts_nobody() {
    let _turn = TURNS.one().await;
    let arena = ArenaBuilder::new(env!("CARGO_BIN_EXE_arena"), ONE_NODE)
        .env("OTEL_SDK_DISABLED", "true")
        .arg("--chaos")
        .start();
    let before = pids(&arena);
    for (role, subject) in SUBJECTS {
        let options = async_nats::ConnectOptions::with_user_and_password(role.into(), role.into());
        let client = options.connect(&arena.nats_url).await.unwrap();
        for _ in 0..3 {
            for body in rubbish() {
                client.publish(subject, body.into()).await.unwrap();
            }
        }
        client.flush().await.unwrap();
    }
    // What is sent after the rubbish is worked on after it: when this is through, all of it was met.
    let inject = arena.run(&["inject", "crash", "laptop/web"]);
    assert!(
        inject.status.success(),
        "{}",
        String::from_utf8_lossy(&inject.stderr)
    );
    let healed = wait_for("the crash to be healed all the same", async || {
        let incidents = arena.json(&["incidents", "--json"]);
        incidents[0]["ended_at"].is_string().then_some(incidents)
    })
    .await;
    assert_eq!(healed[0]["resolution"], "REMEDIATED", "{healed:#}");
    assert_eq!(
        healed.as_array().map(Vec::len),
        Some(1),
        "rubbish became an incident: {healed:#}"
    );
    wait_for("all to be well", async || {
        arena
            .run(&["status", "--exit-code"])
            .status
            .success()
            .then_some(())
    })
    .await;
    // The crashed service has a new process; everybody else is who they were.
    let after = pids(&arena);
    let gone = before.iter().filter(|pid| !after.contains(pid)).count();
    assert_eq!(gone, 1, "{before:?} became {after:?}\n{}", arena.logs());
    let logs = arena.logs();
    let complaints = logs
        .lines()
        .filter(|line| line.contains("rubbish") || line.contains("rejected"))
        .count();
    assert!(
        (1..=60).contains(&complaints),
        "{complaints} complaints, and each kind is logged once:\n{logs}"
    );
}
