//! Webhooks, from the bus to a real receiver: told once and signed, in order, whatever is down, slow or killed in between.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};

use arena_bus::{Bus, Family};
use arena_gateway_core::webhook::sign::Secret;
use arena_proto::{Decision, IncidentState, Severity};
use arena_testkit::{NatsServer, free_port, temp_dir, wait_for};
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use common::{GatewayProcess, arena, decided, file, opened, resolved};
use serde_json::Value;
use tokio::net::TcpListener;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// What a receiver got.
#[derive(Debug, Clone)]
struct Post {
    path: String,
    headers: HeaderMap,
    body: String,
}

impl Post {
    fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// The event's id in its last part: `inc-1.e1`, `inc-1.3`.
    fn id(&self) -> String {
        self.json()["id"].as_str().unwrap_or_default().to_owned()
    }
}

/// A receiver that answers as it is told to, and with 204 after that.
#[derive(Debug, Clone, Default)]
struct Receiver {
    posts: Arc<Mutex<Vec<Post>>>,
    answers: Arc<Mutex<VecDeque<u16>>>,
}

/// Never answers.
const HANGS: u16 = 0;

impl Receiver {
    fn answers(self, statuses: impl IntoIterator<Item = u16>) -> Self {
        self.answers.lock().unwrap().extend(statuses);
        self
    }

    async fn listen(&self, port: u16) {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let router = Router::new().fallback(take).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
    }

    async fn start(self) -> (Self, u16) {
        let port = free_port();
        self.listen(port).await;
        (self, port)
    }

    fn posts(&self) -> Vec<Post> {
        self.posts.lock().unwrap().clone()
    }

    /// Waits until it has got so many, and gives their ids.
    async fn ids(&self, count: usize) -> Vec<String> {
        let what = format!("{count} posts");
        wait_for(&what, async || {
            let posts = self.posts();
            (posts.len() >= count).then(|| posts.iter().map(Post::id).collect())
        })
        .await
    }
}

async fn take(
    State(receiver): State<Receiver>,
    uri: Uri,
    headers: HeaderMap,
    body: String,
) -> StatusCode {
    let path = uri.path().to_owned();
    let post = Post {
        path,
        headers,
        body,
    };
    receiver.posts.lock().unwrap().push(post);
    let answer = receiver.answers.lock().unwrap().pop_front();
    match answer {
        Some(HANGS) => std::future::pending().await,
        Some(status) => StatusCode::from_u16(status).unwrap(),
        None => StatusCode::NO_CONTENT,
    }
}

/// A `[[webhook]]` that gets `CloudEvents`.
fn webhook(name: &str, port: u16) -> String {
    format!(
        "[[webhook]]\nname = \"{name}\"\nform = \"cloudevents\"\nurl = \"http://127.0.0.1:{port}/in\"\nsecret_env = \"SECRET\"\n"
    )
}

async fn start(nats: &NatsServer, operator: &Bus, config: &str) -> GatewayProcess {
    let folder = temp_dir();
    let path = file(folder.path(), "webhooks.toml", config);
    let environment = [
        ("SECRET", SECRET),
        ("ROUTING_KEY", "R0UT1NGKEY"),
        ("SLACK", "http://127.0.0.1:1/unused"),
    ];
    let gateway = GatewayProcess::start(nats, &["--webhooks", &path], &environment).await;
    // A receiver that is new begins with what comes once its readers are there.
    let names = config
        .lines()
        .filter_map(|line| line.strip_prefix("name = "));
    let names: BTreeSet<String> = names
        .map(|name| format!("webhook-{}", name.trim_matches('"')))
        .collect();
    wait_for("the readers of these and of no others", async || {
        for family in [Family::Incident, Family::Plan] {
            let readers = operator.readers(family).await.ok()?.into_iter();
            let webhooks: BTreeSet<String> = readers
                .filter(|name| name.starts_with("webhook-"))
                .collect();
            if webhooks != names {
                return None;
            }
        }
        Some(())
    })
    .await;
    gateway
}

fn view(gateway: &GatewayProcess, name: &str) -> Option<Value> {
    let list = gateway.get("/api/v1/webhooks")?;
    let views = list["webhooks"].as_array()?;
    views.iter().find(|view| view["name"] == name).cloned()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_form_is_told_once_in_order_and_signed() {
    let (nats, operator) = arena().await;
    let (events, events_port) = Receiver::default().start().await;
    let (slack, slack_port) = Receiver::default().start().await;
    let (pager, pager_port) = Receiver::default().start().await;
    let config = [
        webhook("events", events_port),
        format!(
            "[[webhook]]\nname = \"slack\"\nform = \"slack\"\nurl = \"http://127.0.0.1:{slack_port}/services/T0/hush\"\nseverity_min = \"critical\"\n"
        ),
        format!(
            "[[webhook]]\nname = \"pager\"\nform = \"pagerduty\"\nurl = \"http://127.0.0.1:{pager_port}/v2/enqueue\"\nsecret_env = \"ROUTING_KEY\"\nevents = [\"escalated\", \"resolved\"]\n"
        ),
    ]
    .concat();
    let gateway = start(&nats, &operator, &config).await;

    operator.publish(&opened("inc-1"), None).await.unwrap();
    let escalated = decided("inc-1", 2, Decision::Escalate, IncidentState::Escalated);
    operator.publish(&escalated, None).await.unwrap();
    operator.publish(&resolved("inc-1"), None).await.unwrap();
    let mut worse = opened("inc-2");
    worse.severity = Severity::Critical;
    operator.publish(&worse, None).await.unwrap();

    let ids = events.ids(4).await;
    let first: Vec<&String> = ids.iter().filter(|id| id.starts_with("inc-1")).collect();
    assert_eq!(first, ["inc-1.e1", "inc-1.2", "inc-1.3"], "in order");
    let posts = events.posts();
    assert_is_signed(posts.iter().find(|post| post.id() == "inc-1.e1").unwrap());
    let end = posts
        .iter()
        .find(|post| post.id() == "inc-1.3")
        .unwrap()
        .json();
    assert_eq!(
        end["data"]["incident"]["severity"], "ERROR",
        "what its opening told"
    );

    wait_for("the pager", async || {
        (pager.posts().len() == 2).then_some(())
    })
    .await;
    let actions: Vec<Value> = pager
        .posts()
        .iter()
        .map(|post| post.json()["event_action"].clone())
        .collect();
    assert_eq!(actions, ["trigger", "resolve"]);
    assert_eq!(pager.posts()[0].json()["routing_key"], "R0UT1NGKEY");
    wait_for("the channel", async || {
        (slack.posts().len() == 1).then_some(())
    })
    .await;
    assert!(
        slack.posts()[0].body.contains("inc-2"),
        "only what is critical"
    );

    wait_for("the counts", async || {
        let delivered = view(&gateway, "events")?["delivered"].as_u64();
        (delivered == Some(4) && view(&gateway, "slack")?["delivered"] == 1).then_some(())
    })
    .await;
    let shown = gateway.get("/api/v1/webhooks").unwrap().to_string();
    for secret in [
        "hush",
        "R0UT1NGKEY",
        "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "/in",
    ] {
        assert!(!shown.contains(secret), "{shown}");
    }
    assert_eq!(events.posts().len(), 4, "each once");
}

/// It is `inc-1.e1` as `CloudEvents` and Standard Webhooks want it.
fn assert_is_signed(post: &Post) {
    assert_eq!(post.path, "/in");
    assert_eq!(post.header("content-type"), "application/cloudevents+json");
    assert_eq!(post.header("webhook-id"), "inc-1.e1");
    assert_eq!(post.json()["traceparent"], post.header("traceparent"));
    let timestamp = post.header("webhook-timestamp").parse().unwrap();
    let signature =
        Secret::parse(SECRET)
            .unwrap()
            .sign("inc-1.e1", timestamp, post.body.as_bytes());
    assert_eq!(post.header("webhook-signature"), signature);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_down_or_broken_is_told_later() {
    let (nats, operator) = arena().await;
    let (broken, broken_port) = Receiver::default().answers([500, 503, 429]).start().await;
    let (down, down_port) = (Receiver::default(), free_port());
    let config = webhook("broken", broken_port) + &webhook("down", down_port);
    let gateway = start(&nats, &operator, &config).await;
    operator.publish(&opened("inc-1"), None).await.unwrap();
    operator.publish(&resolved("inc-1"), None).await.unwrap();

    let ids = broken.ids(5).await;
    assert_eq!(
        ids,
        ["inc-1.e1", "inc-1.e1", "inc-1.e1", "inc-1.e1", "inc-1.3"]
    );
    wait_for("the refused connection to be told", async || {
        let view = view(&gateway, "down")?;
        (view["last_error"] == "nobody listens there" && view["waiting"] == 2).then_some(())
    })
    .await;
    down.listen(down_port).await;
    assert_eq!(down.ids(2).await, ["inc-1.e1", "inc-1.3"]);
    let signatures = broken.posts();
    assert_ne!(
        signatures[0].header("webhook-timestamp"),
        signatures[3].header("webhook-timestamp"),
        "each try has its own time"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_hangs_holds_up_nobody() {
    let (nats, operator) = arena().await;
    let (slow, slow_port) = Receiver::default().answers([HANGS]).start().await;
    let (quick, quick_port) = Receiver::default().start().await;
    let config = webhook("slow", slow_port) + &webhook("quick", quick_port);
    let gateway = start(&nats, &operator, &config).await;
    operator.publish(&opened("inc-1"), None).await.unwrap();
    slow.ids(1).await;
    operator.publish(&opened("inc-2"), None).await.unwrap();
    quick.ids(2).await;
    // Another incident does not wait for the one that hangs, not even at the same receiver.
    assert_eq!(slow.ids(2).await, ["inc-1.e1", "inc-2.e1"]);
    assert_eq!(slow.ids(3).await[2], "inc-1.e1");
    wait_for("the timeout to be told", async || {
        let view = view(&gateway, "slow")?;
        (view["last_error"] == "no answer within 10 s" && view["delivered"] == 2).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_is_given_up_and_shown() {
    let (nats, operator) = arena().await;
    let (gone, gone_port) = Receiver::default().answers([410]).start().await;
    let (picky, picky_port) = Receiver::default().answers([400, 301, 400]).start().await;
    let config = webhook("gone", gone_port) + &webhook("picky", picky_port);
    let gateway = start(&nats, &operator, &config).await;
    operator.publish(&opened("inc-1"), None).await.unwrap();
    operator.publish(&resolved("inc-1"), None).await.unwrap();
    assert_eq!(gone.ids(2).await, ["inc-1.e1", "inc-1.3"]);
    assert_eq!(
        picky.ids(4).await,
        ["inc-1.e1", "inc-1.e1", "inc-1.e1", "inc-1.3"]
    );
    for name in ["gone", "picky"] {
        wait_for("what was lost to be shown", async || {
            let view = view(&gateway, name)?;
            (view["lost"] == 1 && view["delivered"] == 1 && view["waiting"] == 0).then_some(())
        })
        .await;
    }
    let error = view(&gateway, "gone").unwrap()["last_error"].to_string();
    assert!(
        error.contains("inc-1.e1 was given up: it answers 410"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_a_killed_gateway_nor_a_killed_server_loses_anything() {
    let (mut nats, operator) = arena().await;
    let (receiver, port) = Receiver::default().answers([500, 500]).start().await;
    let config = webhook("events", port);
    let gateway = start(&nats, &operator, &config).await;
    operator.publish(&opened("inc-1"), None).await.unwrap();
    operator.publish(&resolved("inc-1"), None).await.unwrap();
    receiver.ids(1).await;
    gateway.kill();
    operator.publish(&opened("inc-2"), None).await.unwrap();
    let before = receiver.posts().len();

    let gateway = start(&nats, &operator, &config).await;
    nats.kill();
    nats.restart().await;
    let told = wait_for("everything to be told", async || {
        let told: Vec<String> = receiver.posts()[before..].iter().map(Post::id).collect();
        let all = ["inc-1.e1", "inc-1.3", "inc-2.e1"];
        all.iter()
            .all(|id| told.iter().any(|t| t == id))
            .then_some(told)
    })
    .await;
    let place = |id: &str| told.iter().rposition(|told| told == id);
    assert!(place("inc-1.e1") < place("inc-1.3"), "{told:?}");
    wait_for("the server to know", async || {
        let incidents = operator
            .backlog(Family::Incident, "webhook-events")
            .await
            .ok()?;
        let plans = operator
            .backlog(Family::Plan, "webhook-events")
            .await
            .ok()?;
        (incidents.unacked + plans.unacked == 0).then_some(())
    })
    .await;
    drop(gateway);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_new_begins_with_what_is_new_and_one_that_is_gone_is_forgotten() {
    let (nats, operator) = arena().await;
    let (old, old_port) = Receiver::default().start().await;
    let gateway = start(&nats, &operator, &webhook("old", old_port)).await;
    operator.publish(&opened("inc-1"), None).await.unwrap();
    old.ids(1).await;
    gateway.kill();

    let (new, new_port) = Receiver::default().start().await;
    let _gateway = start(&nats, &operator, &webhook("new", new_port)).await;
    operator.publish(&opened("inc-2"), None).await.unwrap();
    assert_eq!(new.ids(1).await, ["inc-2.e1"]);
    // `start` waited until that of the new one is the only one.
    let mut readers = operator.readers(Family::Incident).await.unwrap();
    // What is shown live has readers too.
    readers.retain(|name| name.starts_with("webhook-"));
    assert_eq!(readers, ["webhook-new"]);
    assert_eq!(old.posts().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mistake_in_the_file_is_told_before_anything_starts() {
    let folder = temp_dir();
    let run = |text: &str| {
        let path = file(folder.path(), "webhooks.toml", text);
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_arena-gateway"))
            .args(["--check", "--webhooks", &path])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8(output.stderr).unwrap()
    };
    let unset = run(&webhook("a", 1));
    assert!(
        unset.contains("webhook \"a\": the environment has no text under the name in secret_env"),
        "{unset}"
    );
    let unknown = run("[[webhook]]\nname = \"a\"\nform = \"slack\"\nurll = \"http://h/\"\n");
    assert!(
        unknown.contains("webhooks.toml:4:1: unknown field, expected"),
        "{unknown}"
    );
    let pasted = run(&webhook("a", 1).replace("\"SECRET\"", "\"whsec_c2VjcmV0\""));
    assert!(pasted.contains("secret_env is not the name"), "{pasted}");
    assert!(!pasted.contains("c2VjcmV0"), "{pasted}");
    let file = webhook("a", 1).replace(
        "secret_env = \"SECRET\"",
        "secret_file = \"whsec_c2VjcmV0\"",
    );
    let file = run(&file);
    assert!(file.contains("the file that secret_file names"), "{file}");
    assert!(!file.contains("c2VjcmV0"), "{file}");
}

/// What stands in docs/webhooks.md between "```<language>" and "```".
fn example(language: &str) -> String {
    let manual = include_str!("../../../docs/webhooks.md");
    let verify = manual.split_once("## Verify").unwrap().1;
    let begin = verify.split_once(&format!("```{language}\n")).unwrap().1;
    begin.split_once("```").unwrap().0.to_owned()
}

/// The manual's own ways to verify a signature, on one that Python and OpenSSL know nothing else about.
#[test]
fn the_examples_of_the_manual_verify_what_is_genuine_and_nothing_else() {
    let folder = temp_dir();
    let body = r#"{"a":"ä"}"#;
    let timestamp = arena_chassis::Clock::new().now().unix_millis() / 1000;
    let signature = Secret::parse(SECRET)
        .unwrap()
        .sign("inc-1.e1", timestamp, body.as_bytes());
    file(folder.path(), "body", body);
    let python = example("python")
        + &format!(
            "headers = {{'webhook-id': 'inc-1.e1', 'webhook-timestamp': '{timestamp}', 'webhook-signature': '{signature}'}}\n\
             body = open('body', 'rb').read()\n\
             print(is_genuine('{SECRET}', headers, body), is_genuine('{SECRET}', headers, body + b' '),\n\
                   is_genuine('{SECRET}', headers | {{'webhook-timestamp': '{}'}}, body))\n",
            timestamp - 600
        );
    let shell = format!("id=inc-1.e1 timestamp={timestamp} secret={SECRET}\n") + &example("sh");
    let run = |program: &str, script: &str| {
        let output = std::process::Command::new(program)
            .args(["-c", script])
            .current_dir(folder.path())
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    assert_eq!(run("python3", &python), "True False False");
    assert_eq!(format!("v1,{}", run("sh", &shell)), signature);
}
