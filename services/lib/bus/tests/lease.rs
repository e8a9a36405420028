//! Leases on a real server: at most one holder at a time, each with a higher fence than all before, whatever happens to
//! holders, to the server and to the bucket.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use arena_bus::{Bus, BusError, Change, HeldLease, Role};
use arena_proto::{Lease, Message};
use arena_testkit::{NatsServer, wait_for};
use async_nats::jetstream::{self, kv};
use common::{arena, connect};

const NAME: &str = "remediator";

async fn acquire(bus: &Bus, holder: &str) -> HeldLease {
    bus.acquire_lease(NAME, holder).await.unwrap()
}

/// The bucket as somebody sees it who knows nothing of ours.
async fn bucket(server: &NatsServer) -> kv::Store {
    let client = async_nats::connect(server.url()).await.unwrap();
    let context = jetstream::new(client);
    context.get_key_value("lease").await.unwrap()
}

async fn revision(bucket: &kv::Store) -> u64 {
    let entry = bucket.entry(NAME).await.unwrap();
    entry.map_or(0, |entry| entry.revision)
}

/// Several, over and over, each ending in its own way: given back, dropped, told to stop while it waits.
#[tokio::test(flavor = "multi_thread")]
async fn contenders_never_hold_at_once_and_fences_grow() {
    let (server, _operator) = arena().await;
    let holders = Arc::new(AtomicUsize::new(0));
    let highest = Arc::new(AtomicU64::new(0));
    let mut contenders = Vec::new();
    for contender in 0..4_u32 {
        let bus = connect(&server, Role::Remediator).await;
        let (holders, highest) = (Arc::clone(&holders), Arc::clone(&highest));
        contenders.push(tokio::spawn(async move {
            for round in 0..5 {
                // A process may be told to stop at any point of its attempt.
                let short = Duration::from_millis(u64::from(contender * 7 + round * 3));
                let cut_off = tokio::time::timeout(short, acquire(&bus, "cut off")).await;
                drop(cut_off);
                let held = acquire(&bus, &format!("contender-{contender}")).await;
                assert_eq!(holders.fetch_add(1, Ordering::SeqCst), 0, "two hold");
                let before = highest.swap(held.fence(), Ordering::SeqCst);
                assert!(before < held.fence(), "{before} then {}", held.fence());
                tokio::time::sleep(Duration::from_millis(20)).await;
                assert!(!held.is_lost());
                holders.fetch_sub(1, Ordering::SeqCst);
                if round == contender {
                    drop(held);
                } else {
                    held.release().await;
                }
            }
        }));
    }
    for contender in contenders {
        contender.await.unwrap();
    }
}

#[tokio::test]
async fn a_holder_that_dies_is_followed_when_its_lease_has_run_out() {
    let (server, _operator) = arena().await;
    let first = connect(&server, Role::Remediator).await;
    let second = connect(&server, Role::Remediator).await;
    let bucket = bucket(&server).await;
    let held = acquire(&first, "first").await;
    let fence = held.fence();
    // As a kill: nothing is said to anybody.
    drop(held);
    let left = bucket.get(NAME).await.unwrap();
    assert!(left.is_some(), "it was not given back");
    let held = acquire(&second, "second").await;
    assert!(held.fence() > fence);
}

#[tokio::test]
async fn a_lease_is_renewed_and_everybody_may_read_it() {
    let (server, operator) = arena().await;
    let remediator = connect(&server, Role::Remediator).await;
    let node = connect(&server, Role::Node).await;
    let mut heard = node.watch_lease(NAME).await.unwrap();
    let held = acquire(&remediator, "host-1").await;
    let mut seen = Vec::new();
    for _ in 0..5 {
        seen.push(heard.next().await.unwrap());
    }
    // Four renewals: longer than it would last without.
    assert!(!held.is_lost());
    let Lease {
        name,
        holder,
        fence,
        ..
    } = seen[0].clone();
    assert_eq!((name.as_str(), holder.as_str()), (NAME, "host-1"));
    assert_eq!(fence, held.fence());
    assert!(seen.iter().all(|lease| *lease == seen[0]));

    let value = bucket(&server).await.get(NAME).await.unwrap().unwrap();
    let value: serde_json::Value = serde_json::from_slice(&value).unwrap();
    assert_eq!(value["holder"], "host-1");
    assert_eq!(value["fence"], held.fence().to_string());

    // Given back, it is told, and free at once.
    held.release().await;
    assert_eq!(
        heard.next_change().await.unwrap(),
        Change::Removed(NAME.to_owned())
    );
    let mut late = operator.watch_lease(NAME).await.unwrap();
    let next = acquire(&remediator, "host-2").await;
    assert!(next.fence() > fence);
    loop {
        if let Change::Put(lease) = late.next_change().await.unwrap() {
            break assert_eq!(lease.holder, "host-2");
        }
    }
}

#[tokio::test]
async fn it_is_lost_when_the_server_is_gone_and_held_anew_when_it_is_back() {
    let (mut server, _operator) = arena().await;
    let first = connect(&server, Role::Remediator).await;
    let second = connect(&server, Role::Remediator).await;
    let mut held = acquire(&first, "first").await;
    server.kill();
    held.lost().await;
    assert!(held.is_lost());
    // One that begins to wait while nobody is there, too.
    let mut connected = second.connected();
    connected.wait_for(|connected| !*connected).await.unwrap();
    server.restart().await;
    let next = acquire(&second, "second").await;
    assert!(next.fence() > held.fence());
    // Lost stays lost, and giving it back harms nobody.
    held.lost().await;
    held.release().await;
    assert!(!next.is_lost());
}

#[tokio::test]
async fn one_who_waits_goes_on_waiting_while_the_server_is_away() {
    let (mut server, _operator) = arena().await;
    let first = connect(&server, Role::Remediator).await;
    let second = connect(&server, Role::Remediator).await;
    let mut held = acquire(&first, "first").await;
    let waiting = tokio::spawn(async move { acquire(&second, "second").await });
    server.kill();
    held.lost().await;
    assert!(!waiting.is_finished());
    server.restart().await;
    assert!(waiting.await.unwrap().fence() > held.fence());
}

/// The connection stays, and no answer comes: the holder must not go on as if.
#[tokio::test]
async fn it_is_lost_when_the_server_does_not_answer() {
    let (server, _operator) = arena().await;
    let remediator = connect(&server, Role::Remediator).await;
    let mut held = acquire(&remediator, "first").await;
    server.pause();
    held.lost().await;
    assert!(*remediator.connected().borrow(), "not by the connection");
    server.resume();
    let next = acquire(&remediator, "second").await;
    assert!(next.fence() > held.fence());
}

#[tokio::test]
async fn it_is_lost_when_somebody_else_writes_it() {
    let (server, _operator) = arena().await;
    let remediator = connect(&server, Role::Remediator).await;
    let bucket = bucket(&server).await;
    let mut held = acquire(&remediator, "first").await;
    let usurper = Lease {
        name: NAME.to_owned(),
        holder: "usurper".to_owned(),
        fence: held.fence() + 1,
        acquired_at: common::at(0),
    };
    bucket.put(NAME, usurper.encode().into()).await.unwrap();
    held.lost().await;
    let mut held = acquire(&remediator, "second").await;
    bucket.delete(NAME).await.unwrap();
    held.lost().await;
}

/// A renewal that was stored, and whose answer was lost, reads as one by somebody else; it is not.
#[tokio::test]
async fn a_renewal_whose_answer_was_lost_is_found_again() {
    let (server, _operator) = arena().await;
    let remediator = connect(&server, Role::Remediator).await;
    let bucket = bucket(&server).await;
    let held = acquire(&remediator, "first").await;
    let value = bucket.get(NAME).await.unwrap().unwrap();
    let ours = bucket.put(NAME, value).await.unwrap();
    wait_for("a renewal after it", async || {
        assert!(!held.is_lost());
        (revision(&bucket).await > ours).then_some(())
    })
    .await;
}

#[tokio::test]
async fn fences_grow_when_the_bucket_is_lost_and_made_anew() {
    let (server, operator) = arena().await;
    let client = async_nats::connect(server.url()).await.unwrap();
    let context = jetstream::new(client);
    let remediator = connect(&server, Role::Remediator).await;
    // An old bucket has seen many writes, its successor none.
    let bucket = bucket(&server).await;
    for _ in 0..100 {
        bucket.put("other", "{}".into()).await.unwrap();
    }
    let mut held = acquire(&remediator, "first").await;
    context.delete_key_value("lease").await.unwrap();
    held.lost().await;
    operator.ensure_streams().await.unwrap();
    let next = acquire(&remediator, "second").await;
    assert!(
        next.fence() > held.fence(),
        "{} then {}",
        held.fence(),
        next.fence()
    );
}

#[tokio::test]
async fn what_cannot_be_a_lease_is_refused_with_words() {
    let (server, _operator) = arena().await;
    let remediator = connect(&server, Role::Remediator).await;
    let refused = remediator.acquire_lease("a b", "first").await;
    let words = refused.unwrap_err().to_string();
    assert!(words.starts_with("\"a b\" cannot be a key"), "{words}");
    let bare = NatsServer::start().await;
    let remediator = connect(&bare, Role::Remediator).await;
    let refused = remediator.acquire_lease(NAME, "first").await;
    assert!(
        matches!(refused, Err(BusError::JetStream { .. })),
        "{refused:?}"
    );
}
