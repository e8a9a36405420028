//! Several people change KV `control` at once, and no change is lost.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use arena_bus::{BusError, Decided, Role};
use arena_proto::{Control, LeverPosition, Mode, Pause, Timestamp};
use common::{arena, connect};
use futures::future::join_all;

fn pause(name: &str) -> Pause {
    Pause {
        entity: name.parse().unwrap(),
        by: "ann@desk".to_owned(),
        reason: String::new(),
        at: Timestamp::from_unix_millis(1),
        until: None,
    }
}

#[tokio::test]
async fn two_people_at_once_lose_nothing() {
    let (server, _operator) = arena().await;
    let names: Vec<String> = (0..4).map(|number| format!("node-{number}")).collect();
    let people = join_all(names.iter().map(|_| connect(&server, Role::Operator))).await;
    let changes = people.iter().zip(&names).map(|(bus, name)| {
        bus.change_control(move |control| {
            control.pauses.push(pause(name));
            Ok::<_, BusError>(())
        })
    });
    for changed in join_all(changes).await {
        changed.unwrap();
    }
    let mut paused: Vec<String> = people[0]
        .control()
        .await
        .unwrap()
        .pauses
        .iter()
        .map(|pause| pause.entity.to_string())
        .collect();
    paused.sort();
    assert_eq!(paused, names);
}

#[tokio::test]
async fn a_change_that_is_refused_writes_nothing() {
    let (_server, operator) = arena().await;
    let refused = operator
        .change_control(|control| {
            control.mode = Mode::Observe;
            Err(BusError::Disconnected)
        })
        .await;
    assert!(matches!(refused, Err(BusError::Disconnected)));
    assert_eq!(operator.control().await.unwrap(), Control::default());
}

#[tokio::test]
async fn what_cannot_be_read_counts_as_a_stopped_lever_and_can_be_mended() {
    let (server, operator) = arena().await;
    let options = async_nats::ConnectOptions::with_user_and_password(
        "operator".to_owned(),
        "operator".to_owned(),
    );
    let client = options.connect(&server.url()).await.unwrap();
    client
        .publish("$KV.control.control", "rubbish".into())
        .await
        .unwrap();
    client.flush().await.unwrap();
    assert_eq!(operator.decided().await.unwrap(), Decided::Unreadable);
    assert_eq!(
        operator.control().await.unwrap().lever,
        LeverPosition::Stopped
    );
    let seen = operator
        .change_control(|control| {
            assert_eq!(control.lever, LeverPosition::Stopped);
            control.lever = LeverPosition::Released;
            Ok::<_, BusError>(())
        })
        .await
        .unwrap();
    assert_eq!(operator.control().await.unwrap(), seen);
    let bucket = async_nats::jetstream::new(client)
        .get_key_value("control")
        .await
        .unwrap();
    bucket.delete("control").await.unwrap();
    assert_eq!(operator.decided().await.unwrap(), Decided::Removed);
}
