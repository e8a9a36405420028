//! What the server remembers of durable readers, as the gateway asks for it; and that nobody else may make it forget.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use arena_bus::{Backlog, Consume, Family, From, Role};
use arena_proto::IncidentEvent;
use arena_testkit::wait_for;
use common::*;

#[tokio::test]
async fn how_far_a_reader_is_and_that_it_can_be_forgotten() {
    let (server, operator) = arena().await;
    let gateway = connect(&server, Role::Gateway).await;
    operator.publish(&incident(1), None).await.unwrap();
    let consume = || {
        let consume = Consume::durable("webhook-a").from(From::New);
        consume.in_hand_max(2)
    };
    let mut reader = gateway.consume::<IncidentEvent>(consume()).await.unwrap();
    for revision in 2..=4 {
        let incident = incident(revision);
        operator.publish(&incident, None).await.unwrap();
    }
    let first = reader.next().await.unwrap();
    let second = reader.next().await.unwrap();
    assert_eq!(
        (first.sequence, second.sequence),
        (2, 3),
        "what was there before is not told"
    );
    let backlog = gateway
        .backlog(Family::Incident, "webhook-a")
        .await
        .unwrap();
    let expected = Backlog {
        waiting: 1,
        unacked: 2,
        offered: 3,
        acked: 1,
    };
    assert_eq!(backlog, expected, "no more than two are out");
    second.double_ack().await.unwrap();
    let third = reader.next().await.unwrap();
    assert_eq!(third.sequence, 4);
    let backlog = gateway
        .backlog(Family::Incident, "webhook-a")
        .await
        .unwrap();
    assert_eq!((backlog.acked, backlog.unacked), (1, 2));

    drop(reader);
    let names = gateway.readers(Family::Incident).await.unwrap();
    assert_eq!(names, ["webhook-a"]);
    let forget = async || {
        gateway
            .forget_reader(Family::Incident, "webhook-a")
            .await
            .unwrap();
    };
    forget().await;
    forget().await;
    let names = gateway.readers(Family::Incident).await.unwrap();
    assert!(names.is_empty(), "{names:?}");
}

#[tokio::test]
async fn only_the_gateway_and_people_make_readers_forgotten() {
    let (server, operator) = arena().await;
    let consume = Consume::durable("kept");
    let kept = operator.consume::<IncidentEvent>(consume).await.unwrap();
    for role in [Role::Detector, Role::Injector, Role::Recorder] {
        let client = async_nats::ConnectOptions::new()
            .user_and_password(role.as_str().into(), role.as_str().into())
            .custom_inbox_prefix(format!("_INBOX_{}", role.as_str()))
            .connect(server.url())
            .await
            .unwrap();
        client
            .publish("$JS.API.CONSUMER.DELETE.INCIDENTS.kept", "".into())
            .await
            .unwrap();
        client.flush().await.unwrap();
    }
    let gateway = connect(&server, Role::Gateway).await;
    let others = gateway.forget_reader(Family::Outcome, "kept").await;
    assert!(others.is_err(), "only of what its webhooks read");
    let names = wait_for("the readers", async || {
        operator.readers(Family::Incident).await.ok()
    })
    .await;
    assert_eq!(names, ["kept"]);
    drop(kept);
}
