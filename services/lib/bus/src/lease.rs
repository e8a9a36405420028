//! A lease: at most one holder at a time, and a fencing token that tells a later holder from an earlier one.
//!
//! KV `lease` forgets a key [`KEEP_LEASE`](arena_proto::carriage::KEEP_LEASE) after it was last written. Who can write it while it is not there holds it, and
//! writes it again and again, each time only if nobody else did (docs/adr/0006-lease-and-fencing.md).
//!
//! Invariants: the holder counts from before it asked for a renewal, the server from when it stored it, so that the holder
//! stops first. Whoever holds it later has a higher fence, also where the bucket was lost and made anew. Nothing here looks
//! at wall clocks but the server, and [`Lease::acquired_at`], which is for people.

use std::ops::ControlFlow;
use std::pin::Pin;
use std::time::Duration;

use arena_chassis::Clock;
use arena_proto::carriage::{
    LEASE_ATTEMPT_MAX, LEASE_HOLD_MAX, LEASE_RENEW_EVERY, LEASE_RETRY_EVERY, LEASE_TAKE_EVERY,
    lease_fence,
};
use arena_proto::{Lease, Message};
use async_nats::HeaderMap;
use async_nats::jetstream::context::PublishErrorKind;
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::{DirectGetErrorKind, Stream};
use tokio::sync::watch;
use tokio::time::{Sleep, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::bucket::{is_removal, removal};
use crate::subject::{self, Family};
use crate::{Bus, BusError, Change, Values};

/// A lease that is held, and renewed in the background. Dropped, it is no longer renewed and runs out by itself.
#[derive(Debug)]
pub struct HeldLease {
    fence: u64,
    lost: watch::Receiver<bool>,
    /// Ends the renewals; the task then gives the lease back.
    give_back: CancellationToken,
    renewals: AbortOnDropHandle<()>,
}

impl HeldLease {
    /// The fencing token: higher than that of every holder before.
    #[must_use]
    pub const fn fence(&self) -> u64 {
        self.fence
    }

    /// Whether it is lost.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        *self.lost.borrow() || self.lost.has_changed().is_err()
    }

    /// Returns when it is lost: somebody else holds it, or nobody could be asked for so long that somebody else may.
    /// Cancel safe.
    pub async fn lost(&mut self) {
        // An error means that nothing renews it any more.
        let _ = self.lost.wait_for(|lost| *lost).await;
    }

    /// Gives it back, so that the next one has it at once. Where that cannot be done it runs out by itself.
    pub async fn release(self) {
        self.give_back.cancel();
        if let Err(error) = self.renewals.await {
            tracing::debug!("giving a lease back: {error}");
        }
    }
}

impl Bus {
    /// Waits until nobody holds this lease, and takes it. While the server is away it goes on waiting. Fails when there is
    /// no such bucket, or this role may not. Cancel safe: what was under way runs out by itself.
    pub async fn acquire_lease(&self, name: &str, holder: &str) -> Result<HeldLease, BusError> {
        if !subject::is_key(name) {
            let key = name.to_owned();
            return Err(BusError::NoKey { key });
        }
        let mut holders = self.holders(name).await?;
        let mut connected = self.connected();
        loop {
            let _ = connected.wait_for(|connected| *connected).await;
            if let Some(held) = self.take(name, holder).await {
                return Ok(held);
            }
            while let Ok(heard) = timeout(LEASE_TAKE_EVERY, holders.next_change()).await {
                match heard {
                    Some(Change::Put(_)) => {}
                    Some(Change::Removed(_)) => break,
                    None => return Err(BusError::Disconnected),
                }
            }
        }
    }

    /// Waits for the server where it is away.
    async fn holders(&self, name: &str) -> Result<Values<Lease>, BusError> {
        let mut connected = self.connected();
        loop {
            // An error means that the connection is gone for good; reading says so.
            let _ = connected.wait_for(|connected| *connected).await;
            match self.watch_lease(name).await {
                // It went away meanwhile: that says nothing about the bucket.
                Err(error) if connected.has_changed().unwrap_or(false) => {
                    tracing::debug!("watching lease {name}: {error}");
                }
                watched => return watched,
            }
        }
    }

    /// One attempt; `None` when somebody holds it, or the server did not answer.
    async fn take(&self, name: &str, holder: &str) -> Option<HeldLease> {
        let stream = Family::Lease.stream().unwrap_or_default();
        let bucket = match timeout(LEASE_ATTEMPT_MAX, self.inner.context.get_stream(stream)).await {
            Ok(Ok(bucket)) => bucket,
            Ok(Err(error)) => {
                tracing::debug!("finding stream {stream}: {error}");
                return None;
            }
            Err(_) => return None,
        };
        let subject = Family::Lease.of_key(name);
        let Entry { revision, value } = entry(&bucket, &subject).await?;
        if value.is_some() {
            return None;
        }
        let info = bucket.cached_info();
        let written = info.state.last_sequence;
        // Written only if nothing at all was written since we looked, it has exactly this revision.
        let fence = lease_fence(info.created.unix_timestamp(), written + 1);
        let lease = Lease {
            name: name.to_owned(),
            holder: holder.to_owned(),
            fence,
            acquired_at: Clock::new().now(),
        };
        let message = PublishMessage::build()
            .payload(lease.encode().into())
            .expected_last_sequence(written)
            .expected_last_subject_sequence(revision);
        // Counted from before the write: the server cannot have stored it earlier.
        let expiry = Box::pin(sleep(LEASE_HOLD_MAX));
        let Written::Yes(revision) = self.write(&subject, message).await else {
            return None;
        };
        let (lost, told) = watch::channel(false);
        let give_back = CancellationToken::new();
        let renewal = Renewal {
            bus: self.clone(),
            bucket,
            subject,
            body: lease.encode(),
            revision,
            expiry,
            give_back: give_back.clone(),
        };
        Some(HeldLease {
            fence,
            lost: told,
            give_back,
            renewals: AbortOnDropHandle::new(tokio::spawn(renewal.run(lost))),
        })
    }

    async fn write(&self, subject: &str, message: PublishMessage) -> Written {
        // What is buffered until the server is back would renew a lease that was given up meanwhile.
        if !*self.inner.connected.borrow() {
            return Written::Unknown;
        }
        let context = &self.inner.context;
        let published = async {
            context
                .send_publish(subject.to_owned(), message)
                .await?
                .await
        };
        match timeout(LEASE_ATTEMPT_MAX, published).await {
            Ok(Ok(ack)) => Written::Yes(ack.sequence),
            Ok(Err(error)) if error.kind() == PublishErrorKind::WrongLastSequence => Written::No,
            Ok(Err(error)) => {
                tracing::debug!("writing {subject}: {error}");
                Written::Unknown
            }
            Err(_) => Written::Unknown,
        }
    }
}

/// What became of a write that was to happen only if nobody else wrote.
enum Written {
    Yes(u64),
    No,
    Unknown,
}

/// What a bucket has under a key.
struct Entry {
    /// Of the last write that is still there, removals included; 0 when there is none.
    revision: u64,
    /// `None` when it was removed or has run out.
    value: Option<Vec<u8>>,
}

/// `None` when the server does not say.
async fn entry(bucket: &Stream, subject: &str) -> Option<Entry> {
    let found = timeout(
        LEASE_ATTEMPT_MAX,
        bucket.direct_get_last_for_subject(subject),
    )
    .await;
    match found.ok()? {
        Ok(message) => Some(Entry {
            revision: message.sequence,
            value: (!is_removal(Some(&message.headers))).then(|| message.payload.to_vec()),
        }),
        Err(error) if error.kind() == DirectGetErrorKind::NotFound => Some(Entry {
            revision: 0,
            value: None,
        }),
        Err(error) => {
            tracing::debug!("reading {subject}: {error}");
            None
        }
    }
}

/// Writes a lease again and again.
struct Renewal {
    bus: Bus,
    bucket: Stream,
    subject: String,
    body: Vec<u8>,
    revision: u64,
    /// When it can no longer be counted on.
    expiry: Pin<Box<Sleep>>,
    give_back: CancellationToken,
}

impl Renewal {
    async fn run(mut self, lost: watch::Sender<bool>) {
        let give_back = self.give_back.clone();
        let mut pause = LEASE_RENEW_EVERY;
        loop {
            tokio::select! {
                biased;
                () = give_back.cancelled() => return self.remove().await,
                () = &mut self.expiry => break,
                () = sleep(pause) => {}
            }
            match self.renew().await {
                ControlFlow::Continue(next) => pause = next,
                ControlFlow::Break(()) => break,
            }
        }
        lost.send_replace(true);
    }

    /// One renewal, and how long to wait for the next; a break when the lease is lost.
    async fn renew(&mut self) -> ControlFlow<(), Duration> {
        // As when it was taken.
        let expiry = Box::pin(sleep(LEASE_HOLD_MAX));
        let message = PublishMessage::build()
            .payload(self.body.clone().into())
            .expected_last_subject_sequence(self.revision);
        let written = tokio::select! {
            biased;
            () = &mut self.expiry => return ControlFlow::Break(()),
            written = self.bus.write(&self.subject, message) => written,
        };
        match written {
            Written::Yes(revision) => {
                self.revision = revision;
                self.expiry = expiry;
                ControlFlow::Continue(LEASE_RENEW_EVERY)
            }
            Written::Unknown => ControlFlow::Continue(LEASE_RETRY_EVERY),
            Written::No => self.find_again().await,
        }
    }

    /// Refused: somebody else wrote, or it was an earlier renewal of ours whose answer did not come. Fences differ from
    /// holder to holder, so the same body is ours.
    async fn find_again(&mut self) -> ControlFlow<(), Duration> {
        match entry(&self.bucket, &self.subject).await {
            Some(Entry {
                revision,
                value: Some(value),
            }) if value == self.body => {
                self.revision = revision;
                ControlFlow::Continue(LEASE_RETRY_EVERY)
            }
            Some(_) => ControlFlow::Break(()),
            None => ControlFlow::Continue(LEASE_RETRY_EVERY),
        }
    }

    async fn remove(self) {
        let headers: HeaderMap = removal();
        let message = PublishMessage::build()
            .headers(headers)
            .expected_last_subject_sequence(self.revision);
        if let Written::Unknown = self.bus.write(&self.subject, message).await {
            tracing::debug!("{} was not given back; it runs out", self.subject);
        }
    }
}
