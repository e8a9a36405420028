//! The live side: `arena-bus`, and a nats-server of its own. What the bus offers nobody (a revision, a write under a condition) is asked of
//! the server by a client that knows nothing of ours.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use arena_bus::{
    Bus, BusError, CanaryReceiver, CanarySender, Change, Consume, Deliveries, Delivery, Durable,
    HeldLease, Partitions, Role, TelemetryStream, Value, Values,
};
use arena_proto::{
    Command, FaultRequest, FaultStatus, IncidentEvent, Lease, Message as _, NodeStatus, Telemetry,
};
use arena_sim::bus::{Bucket, Family, From, Message, Read};
use arena_testkit::{NatsServer, wait_for};
use async_nats::jetstream::{self, kv, stream};
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt};
use tokio::task::JoinHandle;

use crate::common;
use crate::{Arena, Changed, Ending, Given, Letter, Party, Reader, Watch, Watched, WrongRevision};

/// Far more than anything takes on a busy machine.
const WAIT_MAX: Duration = Duration::from_mins(3);
/// For a message that may be lost: then another one is said.
const HEAR_MAX: Duration = Duration::from_millis(100);
/// The server forgets ids by a timer of its own, some time after it has forgotten their messages.
const IDS_OUTLIVE: Duration = Duration::from_secs(5);
/// A fence without what tells its bucket from others.
const REVISION: u64 = 0xffff_ffff;
/// The numbers that scripts say themselves are not higher.
const SCRIPTS_SEQ_MAX: u64 = 100;
const LEASE: &str = "remediator";

type Ack = Box<dyn Fn() -> BoxFuture<'static, ()> + Send>;
type Told = (Given, Ack);

pub(crate) struct Live {
    server: NatsServer,
    context: jetstream::Context,
    parties: Vec<Option<Bus>>,
    readers: Vec<(Party, Option<BoxStream<'static, Told>>)>,
    watches: Vec<BoxStream<'static, Changed>>,
    acks: Vec<Ack>,
    letters: Vec<Option<JoinHandle<Result<(), BusError>>>>,
    telemetry: BTreeMap<Party, TelemetryStream>,
    canaries: BTreeMap<Party, (CanarySender, CanaryReceiver)>,
    wanted: BTreeMap<Party, JoinHandle<Result<HeldLease, BusError>>>,
    held: BTreeMap<Party, HeldLease>,
    said: u64,
}

/// What comes in the end.
async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    let waited = tokio::time::timeout(WAIT_MAX, future).await;
    waited.unwrap_or_else(|_| panic!("{what} does not come"))
}

fn given<M>(delivery: Delivery<M>, durable: bool) -> Told
where
    M: Durable + Clone + Into<Message> + 'static,
{
    let given = Given {
        message: delivery.message.clone().into(),
        sequence: delivery.sequence,
        stored_at: delivery.published_at,
        token: 0,
    };
    let delivery = Arc::new(delivery);
    let ack = move || {
        let delivery = Arc::clone(&delivery);
        let ack = async move {
            // To what is not durable the server does not answer.
            let acked = if durable {
                delivery.double_ack().await
            } else {
                delivery.ack().await
            };
            acked.unwrap();
        };
        ack.boxed()
    };
    (given, Box::new(ack))
}

fn told<M>(deliveries: Deliveries<M>, durable: bool) -> BoxStream<'static, Told>
where
    M: Durable + Clone + Into<Message> + 'static,
{
    let next = async |mut deliveries: Deliveries<M>| Some((deliveries.next().await?, deliveries));
    let deliveries = futures::stream::unfold(deliveries, next);
    deliveries
        .map(move |delivery| given(delivery, durable))
        .boxed()
}

fn changes<T>(values: Values<T>) -> BoxStream<'static, Changed>
where
    T: Value + Into<Message> + 'static,
    T::Key: ToString,
{
    let next = async |mut values: Values<T>| {
        let changed = match values.next_change().await? {
            Change::Put(value) => Changed::Put(value.into()),
            Change::Removed(key) => Changed::Removed(key.to_string()),
        };
        Some((changed, values))
    };
    futures::stream::unfold(values, next).boxed()
}

async fn all_stored<M>(bus: &Bus, consume: Consume) -> Vec<Given>
where
    M: Durable + Clone + Into<Message> + 'static,
{
    let mut deliveries = bus.consume::<M>(consume).await.unwrap();
    let mut stored = Vec::new();
    while let Some(delivery) = deliveries.next_stored().await {
        stored.push(given(delivery, false).0);
    }
    stored
}

fn consume(read: &Read) -> Consume {
    let Read {
        node,
        from,
        durable,
        in_hand_max,
        ..
    } = read.clone();
    let consume = match durable {
        Some(name) => Consume::durable(name).in_hand_max(u16::try_from(in_hand_max).unwrap()),
        None => Consume::ephemeral(),
    };
    let consume = match node {
        Some(node) => consume.node(node),
        None => consume,
    };
    consume.from(match from {
        From::All => arena_bus::From::All,
        From::New => arena_bus::From::New,
        From::LastPerSubject => arena_bus::From::LastPerSubject,
        From::Since(at) => arena_bus::From::Since(at),
    })
}

async fn publish(bus: Bus, message: Message) -> Result<(), BusError> {
    match message {
        Message::Incident(event) => bus.publish(&*event, None).await,
        Message::Command(command) => bus.publish(&*command, None).await,
        Message::Fault(request) => bus.publish(&*request, None).await,
        Message::FaultStatus(status) => bus.publish(&*status, None).await,
        other => panic!("no script publishes {other:?}"),
    }
}

impl Live {
    pub(crate) async fn start() -> Self {
        // Who made the streams is not on the bus any more: nothing is said but by the parties of the script.
        let (server, _) = common::arena().await;
        let client = async_nats::connect(server.url()).await.unwrap();
        Self {
            server,
            context: jetstream::new(client),
            parties: Vec::new(),
            readers: Vec::new(),
            watches: Vec::new(),
            acks: Vec::new(),
            letters: Vec::new(),
            telemetry: BTreeMap::new(),
            canaries: BTreeMap::new(),
            wanted: BTreeMap::new(),
            held: BTreeMap::new(),
            said: SCRIPTS_SEQ_MAX,
        }
    }

    fn bus(&self, party: Party) -> &Bus {
        self.parties[party.0].as_ref().unwrap()
    }

    /// The server has heard everything that this party has said until now.
    async fn settle(&self, party: Party) {
        self.bus(party).observers().await.unwrap();
    }

    async fn bucket(&self, name: &str) -> kv::Store {
        self.context.get_key_value(name).await.unwrap()
    }

    /// How long the server keeps a value; zero: for ever.
    pub(crate) async fn keeps(&self, bucket: Bucket) -> Duration {
        let bucket = format!("{bucket:?}").to_lowercase();
        self.bucket(&bucket)
            .await
            .stream
            .cached_info()
            .config
            .max_age
    }

    async fn commands(&self) -> stream::Stream {
        self.context.get_stream("COMMANDS").await.unwrap()
    }

    fn telemetry(&mut self, node: &str) -> Telemetry {
        self.said += 1;
        common::telemetry(node, self.said)
    }

    async fn all_are(&self, connected: bool) {
        for bus in self.parties.iter().flatten() {
            let mut is = bus.connected();
            let is = is.wait_for(|is| *is == connected);
            soon("the connection", is).await.unwrap();
        }
    }
}

impl Arena for Live {
    async fn join(&mut self) -> Party {
        // Everybody may do everything: permissions are no part of this.
        let bus = common::connect(&self.server, Role::Operator).await;
        self.parties.push(Some(bus));
        Party(self.parties.len() - 1)
    }

    async fn die(&mut self, party: Party) {
        for (of, reader) in &mut self.readers {
            if *of == party {
                *reader = None;
            }
        }
        self.held.remove(&party);
        // That the server has heard of it: what follows is not sent to somebody who is gone.
        self.settle(party).await;
        self.parties[party.0] = None;
    }

    async fn come_back(&mut self, party: Party) {
        let bus = common::connect(&self.server, Role::Operator).await;
        self.parties[party.0] = Some(bus);
    }

    async fn put_schema(&mut self, party: Party, node: &str) {
        let schema = common::schema(node);
        self.bus(party).put_schema(&schema).await.unwrap();
    }

    async fn say(&mut self, party: Party, telemetry: Telemetry) {
        match self.bus(party).publish_telemetry(&telemetry).await {
            Ok(()) | Err(BusError::Disconnected) => {}
            Err(error) => panic!("{error}"),
        }
    }

    async fn listen(&mut self, party: Party) {
        let stream = self.bus(party).telemetry(Partitions::all()).await.unwrap();
        self.settle(party).await;
        self.telemetry.insert(party, stream);
    }

    async fn hear(&mut self, party: Party) -> Telemetry {
        let stream = self.telemetry.get_mut(&party).unwrap();
        soon("telemetry", stream.next()).await.unwrap().0
    }

    async fn say_until_heard(&mut self, from: Party, to: Party, node: &str) {
        wait_for("telemetry", async || {
            let said = self.telemetry(node);
            self.say(from, said).await;
            let stream = self.telemetry.get_mut(&to).unwrap();
            let heard = tokio::time::timeout(HEAR_MAX, stream.next()).await;
            let (heard, _) = heard.ok()??;
            // Nothing that was said at another time.
            assert!(heard.seq > SCRIPTS_SEQ_MAX, "{heard:?}");
            Some(())
        })
        .await;
    }

    async fn say_until_refused(&mut self, from: Party, to: Party, node: &str) {
        wait_for("a refusal", async || {
            let said = self.telemetry(node);
            self.say(from, said).await;
            let stream = self.telemetry.get_mut(&to).unwrap();
            let heard = tokio::time::timeout(HEAR_MAX, stream.next()).await;
            assert!(heard.is_err(), "it has no schema yet");
            let refused = self.bus(to).rejected();
            refused.contains_key("telemetry").then_some(())
        })
        .await;
    }

    async fn canary(&mut self, party: Party, number: u64) -> u64 {
        if !self.canaries.contains_key(&party) {
            let both = self.bus(party).canary().await.unwrap();
            self.canaries.insert(party, both);
        }
        let (voice, ear) = self.canaries.get_mut(&party).unwrap();
        voice.send(number).await.unwrap();
        soon("a canary", ear.next()).await.unwrap()
    }

    async fn begin(&mut self, party: Party, message: Message) -> Letter {
        let letter = publish(self.bus(party).clone(), message);
        self.letters.push(Some(tokio::spawn(letter)));
        Letter(self.letters.len() - 1)
    }

    async fn end(&mut self, letter: Letter) -> Ending {
        let letter = self.letters[letter.0].take().unwrap();
        match soon("an answer", letter).await.unwrap() {
            Ok(()) => Ending::Stored,
            Err(BusError::Publish { cause, .. }) if cause.contains("maximum messages") => {
                Ending::Full
            }
            Err(_) => Ending::NoAnswer,
        }
    }

    async fn read(&mut self, party: Party, read: Read) -> Reader {
        let (bus, how, durable) = (self.bus(party), consume(&read), read.durable.is_some());
        let reader = match read.family {
            Family::Incident => told(bus.consume::<IncidentEvent>(how).await.unwrap(), durable),
            Family::Command => told(bus.consume::<Command>(how).await.unwrap(), durable),
            other => panic!("no script reads {other:?} on and on"),
        };
        self.readers.push((party, Some(reader)));
        Reader(self.readers.len() - 1)
    }

    async fn next(&mut self, reader: Reader) -> Given {
        let (_, reader) = &mut self.readers[reader.0];
        let next = reader.as_mut().unwrap().next();
        let (mut given, ack) = soon("a message", next).await.unwrap();
        given.token = self.acks.len();
        self.acks.push(ack);
        given
    }

    async fn ack(&mut self, given: &Given) {
        soon("an ack", self.acks[given.token]()).await;
    }

    async fn close(&mut self, reader: Reader) {
        let (party, reader) = &mut self.readers[reader.0];
        let party = *party;
        *reader = None;
        self.settle(party).await;
    }

    async fn stored(&mut self, party: Party, read: Read) -> Vec<Given> {
        let (bus, how) = (self.bus(party), consume(&read));
        match read.family {
            Family::Incident => all_stored::<IncidentEvent>(bus, how).await,
            Family::Command => all_stored::<Command>(bus, how).await,
            Family::Fault => all_stored::<FaultRequest>(bus, how).await,
            Family::FaultStatus => all_stored::<FaultStatus>(bus, how).await,
            other => panic!("no script reads {other:?}"),
        }
    }

    async fn fill(&mut self, room: u32) {
        let mut config = self.commands().await.cached_info().config.clone();
        config.max_messages = i64::from(room);
        self.context.update_stream(config).await.unwrap();
    }

    async fn make_room(&mut self) {
        // Time for the first attempts, which are in vain.
        tokio::time::sleep(HEAR_MAX).await;
        self.commands().await.purge().await.unwrap();
    }

    async fn forget(&mut self) {
        let empty = async {
            while self.commands().await.cached_info().state.messages > 0 {
                tokio::time::sleep(HEAR_MAX).await;
            }
        };
        soon("an empty stream", empty).await;
        tokio::time::sleep(IDS_OUTLIVE).await;
    }

    async fn put(&mut self, party: Party, status: NodeStatus) {
        self.bus(party).put_status(&status).await.unwrap();
    }

    async fn put_if(
        &mut self,
        _party: Party,
        status: NodeStatus,
        revision: u64,
    ) -> Result<u64, WrongRevision> {
        let (key, value) = (status.key(), status.encode().into());
        let bucket = self.bucket("status").await;
        let written = bucket.update(key, value, revision).await;
        written.map_err(|error| {
            assert_eq!(error.kind(), kv::UpdateErrorKind::WrongLastRevision);
            WrongRevision
        })
    }

    async fn remove(&mut self, party: Party, node: &str) {
        let node = common::node(node);
        self.bus(party).forget_node(&node).await.unwrap();
    }

    async fn get(&mut self, node: &str) -> Option<(u64, NodeStatus)> {
        let entry = self.bucket("status").await.entry(node).await.unwrap()?;
        if entry.operation != kv::Operation::Put {
            return None;
        }
        let known = self.parties.iter().flatten().next().unwrap();
        let statuses = known.statuses().await.unwrap();
        let status = statuses.into_iter().find(|status| status.key() == node);
        Some((entry.revision, status.unwrap()))
    }

    async fn watch(&mut self, party: Party, what: Watched) -> Watch {
        let bus = self.bus(party);
        let watch = match what {
            Watched::Status => changes(bus.watch_statuses().await.unwrap()),
            Watched::Lease => changes(bus.watch_lease(LEASE).await.unwrap()),
        };
        self.watches.push(watch);
        Watch(self.watches.len() - 1)
    }

    async fn change(&mut self, watch: Watch) -> Changed {
        soon("a change", self.watches[watch.0].next())
            .await
            .unwrap()
    }

    async fn want_lease(&mut self, party: Party, holder: &str) {
        let (bus, holder) = (self.bus(party).clone(), holder.to_owned());
        let wanted = tokio::spawn(async move { bus.acquire_lease(LEASE, &holder).await });
        self.wanted.insert(party, wanted);
    }

    async fn take_lease(&mut self, party: Party) -> u64 {
        let wanted = self.wanted.remove(&party).unwrap();
        let held = soon("the lease", wanted).await.unwrap().unwrap();
        let fence = held.fence() & REVISION;
        self.held.insert(party, held);
        fence
    }

    async fn holds_lease(&mut self, party: Party) -> bool {
        let wanted = self.wanted.get(&party);
        let held = self.held.get(&party);
        wanted.is_some_and(JoinHandle::is_finished) || held.is_some_and(|held| !held.is_lost())
    }

    async fn lose_lease(&mut self, party: Party) {
        let held = self.held.get_mut(&party).unwrap();
        soon("its loss", held.lost()).await;
    }

    async fn give_lease_back(&mut self, party: Party) {
        self.held.remove(&party).unwrap().release().await;
    }

    async fn outlive_lease(&mut self, watch: Watch) {
        // One a second, and it lasts three.
        for _ in 0..4 {
            self.change(watch).await;
        }
    }

    async fn lease_runs_out(&mut self) {
        let bucket = self.bucket("lease").await;
        wait_for("its end", async || {
            bucket.get(LEASE).await.unwrap().is_none().then_some(())
        })
        .await;
    }

    async fn usurp_lease(&mut self, _party: Party, holder: &str) {
        let usurper = Lease {
            name: LEASE.to_owned(),
            holder: holder.to_owned(),
            ..common::lease()
        };
        let bucket = self.bucket("lease").await;
        bucket.put(LEASE, usurper.encode().into()).await.unwrap();
    }

    async fn kill(&mut self, _away: Duration) {
        self.server.kill();
        self.all_are(false).await;
    }

    async fn start(&mut self) {
        self.server.restart().await;
        self.all_are(true).await;
    }
}
