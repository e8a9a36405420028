//! Readers that take their time, on a gateway without a bus: what happens is put in by hand.

use std::collections::BTreeMap;

use arena_bus::{NatsArgs, Role};
use arena_gateway_core::History;
use arena_proto::{FaultId, FaultState, FaultStatus, NodeName};
use arena_testkit::free_port;

use super::stream::Next;
use super::*;

async fn handle() -> LiveHandle {
    let args = NatsArgs {
        nats_url: format!("nats://127.0.0.1:{}", free_port()),
    };
    let bus = Bus::connect_later(&args, Role::Gateway, "test").await;
    let about = About {
        version: "0".to_owned(),
        started_at: Timestamp::EPOCH,
        viewer_url: None,
        read_only: true,
        token_required: false,
    };
    let live = LiveHandle::start(
        &bus.unwrap(),
        Clock::new(),
        Arc::new(about),
        Arc::default(),
        CancellationToken::new(),
    );
    for history in History::ALL {
        live.step(Input::CaughtUp(history));
    }
    live
}

/// A change: the same fault, told anew.
fn happen(live: &LiveHandle, times: i64) {
    for _ in 0..times {
        let seq = live.shared().ring.seq();
        live.step(Input::Fault(FaultStatus {
            id: FaultId::new("flt-1").unwrap(),
            fault: "hang".to_owned(),
            node: NodeName::new("n1").unwrap(),
            service: None,
            state: FaultState::Active,
            reason: None,
            message: format!("{seq}"),
            at: Timestamp::from_unix_millis(i64::try_from(seq).unwrap()),
            active_at: None,
            expires_at: None,
            reverted_at: None,
            params: BTreeMap::new(),
        }));
    }
}

async fn name(stream: &mut EventStream) -> String {
    let bytes = stream.next().await.unwrap();
    let text = std::str::from_utf8(&bytes).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("event: "));
    line.unwrap_or("retry").to_owned()
}

#[tokio::test]
async fn who_reads_too_slowly_is_told_so_once_and_nobody_waits_for_it() {
    let live = handle().await;
    let mut slow = live.stream(None, true);
    assert_eq!(name(&mut slow).await, "retry");
    assert_eq!(name(&mut slow).await, "snapshot");
    happen(&live, 1);
    assert_eq!(name(&mut slow).await, "fault");
    let kept = i64::try_from(Ring::<Frame>::EVENTS_MAX).unwrap();
    happen(&live, kept + 10);
    assert_eq!(live.shared().ring.len(), Ring::<Frame>::EVENTS_MAX);
    assert_eq!(name(&mut slow).await, "resync");
    assert_eq!(name(&mut slow).await, "snapshot");
    happen(&live, 1);
    assert_eq!(name(&mut slow).await, "fault");
}

#[tokio::test]
async fn a_snapshot_that_stands_is_given_again_and_what_came_since_follows() {
    let live = handle().await;
    happen(&live, 3);
    let now = live.inner.clock.now();
    let first = live.begin(now);
    happen(&live, 2);
    let almost = Duration::from_millis(1);
    assert_eq!(live.begin(now + SNAPSHOT_STANDS - almost), first);
    let mut page = live.stream(None, true);
    let mut read = 0;
    while page.next != Next::After(live.shared().ring.seq()) {
        page.next().await.unwrap();
        read += 1;
    }
    assert!(read <= 2 + 2, "retry, snapshot, and at most two events");
    assert_ne!(live.begin(now + SNAPSHOT_STANDS * 2), first);
}

#[tokio::test]
async fn streams_end_when_the_gateway_does() {
    let live = handle().await;
    let mut page = live.stream(None, true);
    page.next().await.unwrap();
    page.next().await.unwrap();
    live.inner.shutdown.cancel();
    assert_eq!(page.next().await, None);
}
