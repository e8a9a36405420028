//! Reading a whole bucket: the same as who watches it, and without a trace on the server.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use arena_bus::{Bus, Role};
use arena_testkit::NatsServer;
use async_nats::jetstream;
use common::{arena, connect, status};

/// More than a server gives in one answer.
const MANY: usize = 1100;

async fn consumers(server: &NatsServer) -> usize {
    let client = async_nats::connect(server.url()).await.unwrap();
    let stream = jetstream::new(client).get_stream("KV_status").await;
    stream.unwrap().cached_info().state.consumer_count
}

async fn names(bus: &Bus) -> Vec<String> {
    let statuses = bus.statuses().await.unwrap();
    let names = statuses.iter().map(|status| status.node.to_string());
    names.collect()
}

#[tokio::test]
async fn a_bucket_is_read_without_a_trace_on_the_server() {
    let (server, operator) = arena().await;
    let client = async_nats::connect(server.url()).await.unwrap();
    assert!(names(&operator).await.is_empty());
    for name in ["node-2", "node-1", "gone"] {
        let node = connect(&server, Role::Node).await;
        node.put_status(&status(name)).await.unwrap();
    }
    operator
        .forget_node(&"gone".parse().unwrap())
        .await
        .unwrap();
    let rubbish = client.request("$KV.status.node-3", "rubbish".into());
    rubbish.await.unwrap();
    for role in [
        Role::Operator,
        Role::Gateway,
        Role::Injector,
        Role::Remediator,
    ] {
        let bus = connect(&server, role).await;
        let read = names(&bus).await;
        assert_eq!(read, ["node-2", "node-1"], "as they were written last");
        assert_eq!(bus.rejected().values().sum::<u64>(), 1, "{role:?}");
    }
    assert_eq!(consumers(&server).await, 0);
    let _watched = operator.watch_statuses().await.unwrap();
    assert_eq!(consumers(&server).await, 1, "the count does count");
}

#[tokio::test]
async fn a_bucket_that_does_not_fit_into_one_answer_is_read_all_the_same() {
    let (server, operator) = arena().await;
    let node = connect(&server, Role::Node).await;
    let writes = (0..MANY).map(|number| {
        let node = node.clone();
        async move { node.put_status(&status(&format!("n-{number}"))).await }
    });
    futures::future::try_join_all(writes).await.unwrap();
    assert_eq!(names(&operator).await.len(), MANY);
}
