//! What has to be asked for, as long as the bus is there: who answers a ping, what people decided, what the recorder counts.

use std::collections::BTreeSet;
use std::time::Duration;

use arena_gateway_core::{Input, Recorded};
use arena_operator::{Operator, OperatorError, lost};
use arena_proto::Summary;
use arena_view::status::GATEWAY;

use super::feed::{Feed, Over};

/// How often is asked who is there, and what the recorder counts.
const POLL_EVERY: Duration = Duration::from_secs(2);
/// The recorder stores what happened within this time, as a rule; else it is asked again soon anyway.
const STORED_WITHIN: Duration = Duration::from_millis(200);
/// How long components have to answer a ping: on loopback they do within a few milliseconds.
const PING_WAIT: Duration = Duration::from_millis(300);

/// One answer may be late on a busy machine; three in a row are none.
const OWN_PINGS_MISSED_MAX: u32 = 3;

/// Tells when the bus comes and goes, and asks as long as it is there.
pub(super) async fn poll(feed: &Feed) -> Result<(), Over> {
    let mut connected = feed.bus.connected();
    loop {
        connected
            .wait_for(|connected| *connected)
            .await
            .map_err(|_| Over)?;
        match feed.bus.check_server() {
            Ok(()) => {
                feed.send(Input::Connected).await?;
                tokio::select! {
                    over = session(feed) => return over,
                    silent = pings(feed) => silent?,
                    _ = connected.wait_for(|connected| !*connected) => {}
                }
                feed.send(Input::Away).await?;
                tokio::select! {
                    () = sign_of_life(feed) => {}
                    _ = connected.wait_for(|connected| !*connected) => {}
                }
            }
            Err(error) => {
                tracing::error!("{error}");
                let gone = connected.wait_for(|connected| !*connected).await;
                gone.map_err(|_| Over)?;
            }
        }
    }
}

/// Returns when the server passes on what it is given.
async fn sign_of_life(feed: &Feed) {
    while !answered(feed).await.contains(GATEWAY) {
        tokio::time::sleep(PING_WAIT).await;
    }
}

/// Who answers a ping: nobody, when it could not even be sent.
async fn answered(feed: &Feed) -> BTreeSet<String> {
    let pings = feed.bus.ping_services(PING_WAIT).await;
    let pings = pings.unwrap_or_default().into_iter();
    pings.map(|ping| ping.name).collect()
}

/// Ends only when everything does.
async fn session(feed: &Feed) -> Result<(), Over> {
    tokio::try_join!(nodes(feed), observers(feed), control(feed), recorder(feed)).map(|_| ())
}

/// Once a connection: which nodes there are.
async fn nodes(feed: &Feed) -> Result<(), Over> {
    let statuses = feed.open("status", || feed.bus.statuses()).await?;
    let names = statuses.into_iter().map(|status| status.node);
    feed.send(Input::Nodes(names.collect())).await
}

/// Once a connection: what the detectors said. A server that only fell silent for a while does not tell its readers anew.
async fn observers(feed: &Feed) -> Result<(), Over> {
    for observer in feed.open("observers", || feed.bus.observers()).await? {
        feed.send(Input::Observer(observer)).await?;
    }
    Ok(())
}

/// Returns when the server is there and says nothing: a stopped one keeps its connections, and not even this gateway's own answer to a
/// ping comes through it.
async fn pings(feed: &Feed) -> Result<(), Over> {
    let mut missed = 0;
    while missed < OWN_PINGS_MISSED_MAX {
        let names = answered(feed).await;
        missed = if names.contains(GATEWAY) {
            0
        } else {
            missed + 1
        };
        feed.send(Input::Answered(names)).await?;
        tokio::time::sleep(POLL_EVERY).await;
    }
    Ok(())
}

/// What people decided is read anew when it changed: so a later look is never overtaken by an earlier one. And now and then, because what
/// cannot be read is not told as a change.
async fn control(feed: &Feed) -> Result<(), Over> {
    let mut changes = feed.open("control", || feed.bus.watch_control()).await?;
    loop {
        if let Ok(decided) = feed.bus.decided().await {
            let lost = lost(&decided);
            feed.send(Input::Decided(decided.control(), lost)).await?;
        }
        tokio::select! {
            change = changes.next_change() => { change.ok_or(Over)?; }
            () = tokio::time::sleep(POLL_EVERY) => {}
        }
    }
}

/// The totals every time; the lists when there is something new to list.
async fn recorder(feed: &Feed) -> Result<(), Over> {
    let operator = Operator::new(feed.bus.clone(), "gateway".to_owned(), "gateway");
    let mut last: Option<Summary> = None;
    loop {
        match operator.summary().await {
            Ok(summary) if last.as_ref() == Some(&summary) => {}
            Ok(summary) => {
                let recorded = lists(&operator, summary.clone()).await;
                last = recorded.is_ok().then_some(summary);
                feed.send(Input::Recorded(recorded)).await?;
            }
            Err(error) => {
                last = None;
                let why = error.sentence().to_owned();
                feed.send(Input::Recorded(Err(why))).await?;
            }
        }
        tokio::select! {
            () = tokio::time::sleep(POLL_EVERY) => {}
            () = feed.news.notified() => tokio::time::sleep(STORED_WITHIN).await,
        }
    }
}

async fn lists(operator: &Operator, summary: Summary) -> Result<Recorded, String> {
    let in_words = |error: OperatorError| error.sentence().to_owned();
    Ok(Recorded {
        summary,
        incidents: operator.newest_incidents().await.map_err(in_words)?,
        faults: operator.faults().await.map_err(in_words)?,
    })
}
