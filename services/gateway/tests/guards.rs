//! Who may ask for what, tried with every operation that the API has; and what clients do that mean no good, over raw sockets.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use arena_gateway::http::limits::CONNECTIONS_MAX;
use arena_testkit::{NatsServer, wait_for};
use common::GatewayProcess;
use serde_json::Value;

const TOKEN: &str = "a-token-of-this-very-test";

/// Sends bytes as they are, and gives all that comes back until the connection ends.
fn raw(gateway: &GatewayProcess, bytes: &[u8]) -> String {
    let mut stream = connect(gateway);
    // Who is refused early may not take the rest.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

fn connect(gateway: &GatewayProcess) -> TcpStream {
    TcpStream::connect(("127.0.0.1", gateway.port)).unwrap()
}

/// Status and problem type of a request with these headers.
fn ask(gateway: &GatewayProcess, method: &str, path: &str, headers: &str) -> (u16, String) {
    let host = if headers.contains("Host:") {
        String::new()
    } else {
        format!("Host: 127.0.0.1:{}\r\n", gateway.port)
    };
    let head = format!(
        "{method} {path} HTTP/1.1\r\n{host}{headers}Connection: close\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}"
    );
    let answer = raw(gateway, head.as_bytes());
    let status = answer.get(9..12).unwrap_or_default().parse().unwrap_or(0);
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    (status, body["type"].as_str().unwrap_or_default().to_owned())
}

/// Every operation that may change something, its variables filled in.
fn changes() -> Vec<(String, String)> {
    let openapi = serde_json::to_value(arena_gateway::http::openapi()).unwrap();
    let mut found = Vec::new();
    for (path, item) in openapi["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            if method != "get" {
                let path = path.replace(['{', '}'], "");
                found.push((method.to_uppercase(), path));
            }
        }
    }
    assert!(found.len() > 5, "{found:?}");
    found
}

fn told(status: u16, kind: &str) -> (u16, String) {
    (status, format!("/docs/problems#{kind}"))
}

#[tokio::test]
async fn whatever_changes_something_is_refused_when_reading_is_all_there_is() {
    let nats = NatsServer::start().await;
    let gateway = GatewayProcess::start(&nats, &["--read-only"], &[]).await;
    for (method, path) in changes() {
        let refused = ask(&gateway, &method, &path, "");
        assert_eq!(refused, told(403, "read-only"), "{method} {path}");
    }
    // A method that nobody has thought of is no way around.
    assert_eq!(ask(&gateway, "BREW", "/healthz", "").0, 403);
    assert_eq!(ask(&gateway, "GET", "/healthz", "").0, 200);
}

#[tokio::test]
async fn whatever_changes_something_wants_the_token_where_there_is_one() {
    let nats = NatsServer::start().await;
    let environment = [("ARENA_GATEWAY_TOKEN", TOKEN)];
    let gateway = GatewayProcess::start(&nats, &[], &environment).await;
    for (method, path) in changes() {
        for headers in ["", "Authorization: Bearer a-token-of-another\r\n"] {
            let refused = ask(&gateway, &method, &path, headers);
            assert_eq!(refused, told(401, "token-wanted"), "{method} {path}");
        }
    }
    let headers = format!("Authorization: bearer {TOKEN}\r\n");
    assert_eq!(ask(&gateway, "BREW", "/healthz", &headers).0, 405);
    assert_eq!(ask(&gateway, "GET", "/healthz", "").0, 200);
}

#[tokio::test]
async fn foreign_pages_and_foreign_names_are_refused_whatever_they_ask_for() {
    let nats = NatsServer::start().await;
    let gateway = GatewayProcess::start(&nats, &[], &[]).await;
    let mut all = changes();
    all.push(("GET".to_owned(), "/healthz".to_owned()));
    for (method, path) in all {
        for origin in ["null", "https://evil.example"] {
            let refused = ask(&gateway, &method, &path, &format!("Origin: {origin}\r\n"));
            assert_eq!(refused, told(403, "foreign-origin"), "{method} {path}");
        }
        let host = format!("Host: evil.example:{}\r\n", gateway.port);
        let refused = ask(&gateway, &method, &path, &host);
        assert_eq!(refused, told(403, "foreign-host"), "{method} {path}");
    }
    let own = format!("Origin: http://127.0.0.1:{}\r\n", gateway.port);
    assert_eq!(ask(&gateway, "GET", "/healthz", &own).0, 200);
}

#[tokio::test]
async fn rubbish_and_huge_heads_are_refused_and_hold_nobody() {
    let nats = NatsServer::start().await;
    let gateway = GatewayProcess::start(&nats, &[], &[]).await;
    let huge = format!(
        "GET / HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n",
        "x".repeat(1 << 20)
    );
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "X: x\r\n".repeat(1_000));
    for bytes in [
        huge.as_bytes(),
        many.as_bytes(),
        b"\x16\x03\x01\x00\xff\x00\x00\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    ] {
        let answer = raw(&gateway, bytes);
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 4"),
            "{answer}"
        );
    }
    assert!(gateway.get("/healthz").is_some());
}

#[tokio::test]
async fn who_sends_slowly_or_takes_nothing_is_cut_off_while_others_are_served() {
    let nats = NatsServer::start().await;
    let gateway = GatewayProcess::start(&nats, &[], &[]).await;
    let host = format!("Host: 127.0.0.1:{}\r\n", gateway.port);
    let mut slow_head = connect(&gateway);
    slow_head.write_all(b"GET /healthz HTTP/1.1\r\nX").unwrap();
    let mut slow_body = connect(&gateway);
    let head = format!(
        "POST /api/v1/faults HTTP/1.1\r\n{host}Content-Type: application/json\r\nContent-Length: 99\r\n\r\n{{"
    );
    slow_body.write_all(head.as_bytes()).unwrap();
    // Many large answers that nobody takes fill what the kernel keeps, and then the gateway waits.
    let mut deaf = connect(&gateway);
    let wanted = format!("GET /docs/swagger-ui-bundle.js HTTP/1.1\r\n{host}\r\n");
    deaf.write_all(wanted.repeat(200).as_bytes()).unwrap();
    assert!(gateway.get("/healthz").is_some());

    let mut answer = String::new();
    slow_body.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert_eq!(slow_head.read(&mut [0; 1]).unwrap_or(0), 0, "it is closed");
    wait_for("the deaf to be cut off", async || {
        deaf.write_all(b"\r\n").err()
    })
    .await;
    assert!(gateway.get("/healthz").is_some());
}

#[tokio::test]
async fn a_connection_too_many_is_told_so_and_one_that_ends_makes_room() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).unwrap();
    let nats = NatsServer::start().await;
    let gateway = GatewayProcess::start(&nats, &[], &[]).await;
    // Streams, because an idle connection ends by itself after some time.
    let request = format!(
        "GET /api/v1/events?samples=false HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n\r\n",
        gateway.port
    );
    let mut held = Vec::new();
    let refused = (0..=CONNECTIONS_MAX).find_map(|_| {
        let mut stream = connect(&gateway);
        stream.write_all(request.as_bytes()).unwrap();
        let mut status = [0; 12];
        stream.read_exact(&mut status).unwrap();
        let is_refused = status != *b"HTTP/1.1 200";
        held.push(stream);
        is_refused.then_some(status)
    });
    assert_eq!(refused, Some(*b"HTTP/1.1 429"));
    assert!(
        held.len() > 1_200,
        "1,000 event streams fit: {}",
        held.len()
    );
    drop(held);
    wait_for("room", async || gateway.get("/healthz")).await;
}

#[tokio::test]
async fn told_to_stop_it_ends_though_event_streams_are_open() {
    let nats = NatsServer::start().await;
    let gateway = GatewayProcess::start(&nats, &[], &[]).await;
    let mut stream = connect(&gateway);
    let host = format!("Host: 127.0.0.1:{}\r\n", gateway.port);
    let request = format!("GET /api/v1/events HTTP/1.1\r\n{host}\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    stream.read_exact(&mut [0; 12]).unwrap();
    // Who does not end by itself within its grace period ends with 1.
    assert_eq!(gateway.stop().await, Some(0));
}
