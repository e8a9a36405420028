//! Real processes that call `run`: this file starts itself again as the program under test.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitCode, Output, Stdio};

use arena_chassis::{Chassis, Exit, Span, SpanKind};
use arena_proto::{SpanId, TraceContext, TraceId};
use arena_testkit::otlp::OtlpReceiver;
use rustix::process::{Pid, Signal, kill_process};

/// Set in the environment of the program under test.
const ROLE: &str = "ARENA_CHASSIS_TEST_PROGRAM";

#[derive(clap::Parser)]
enum Role {
    /// Says that it is ready, waits to be told to stop, records a span, and returns.
    Serve,
    /// Returns an error with a cause.
    Fail,
    /// Asks for an exit code of its own.
    Degraded,
}

fn main() -> ExitCode {
    if std::env::var_os(ROLE).is_some() {
        return arena_chassis::run("fixture", play);
    }
    let checks: [(&str, fn()); 6] = [
        ("sigterm_drains_and_exits_0", || drains(Signal::TERM, None)),
        ("sigint_drains_and_exits_0", || drains(Signal::INT, None)),
        ("sighup_drains_and_exits_0", || {
            drains(Signal::HUP, Some("named-by-its-user"));
        }),
        ("an_error_is_printed_with_its_causes_and_exits_1", fails),
        ("an_exit_code_can_be_asked_for", asks_for_a_code),
        ("a_mistake_in_the_arguments_exits_2", refuses_arguments),
    ];
    for (name, check) in checks {
        check();
        println!("test {name} ... ok");
    }
    ExitCode::SUCCESS
}

async fn play(role: Role, chassis: Chassis) -> anyhow::Result<()> {
    match role {
        Role::Serve => {
            println!("ready");
            chassis.shutdown.cancelled().await;
            let now = chassis.clock.now();
            chassis.tracer.record(Span {
                context: TraceContext {
                    trace_id: TraceId(1),
                    span_id: SpanId(1),
                },
                parent: None,
                name: "drain".to_owned(),
                kind: SpanKind::Internal,
                start: now,
                end: now,
                attributes: Vec::new(),
                error: None,
            });
            Ok(())
        }
        Role::Fail => Err(anyhow::anyhow!("the disk is full").context("cannot write the journal")),
        Role::Degraded => Err(Exit::silent(4).into()),
    }
}

fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command
        .args(arguments)
        .env(ROLE, "1")
        .env_remove("RUST_LOG");
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn output(arguments: &[&str]) -> (Option<i32>, String) {
    let Output { status, stderr, .. } = program(arguments).output().expect("it runs");
    (status.code(), String::from_utf8_lossy(&stderr).into_owned())
}

fn drains(signal: Signal, service_name: Option<&str>) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let receiver = runtime.block_on(OtlpReceiver::start()).expect("a receiver");
    let mut child = program(&["serve"])
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.endpoint())
        .env(
            "OTEL_RESOURCE_ATTRIBUTES",
            "deployment.environment.name=test",
        )
        .envs(service_name.map(|name| ("OTEL_SERVICE_NAME", name)))
        .spawn()
        .expect("it starts");
    wait_until_ready(&mut child);
    let id = Pid::from_child(&child);
    kill_process(id, signal).expect("it is there");
    let status = child.wait().expect("it ends");
    let mut talk = String::new();
    child
        .stderr
        .take()
        .expect("stderr")
        .read_to_string(&mut talk)
        .expect("text");
    assert_eq!(status.code(), Some(0), "{talk}");
    assert!(talk.contains("stopping"), "{talk}");
    let spans = receiver.spans();
    assert_eq!(
        spans.len(),
        1,
        "what is recorded while draining is sent: {talk}"
    );
    assert_eq!(spans[0].service, service_name.unwrap_or("arena-fixture"));
    assert_eq!(spans[0].resource["deployment.environment.name"], "test");
}

fn wait_until_ready(child: &mut Child) {
    let stdout = child.stdout.as_mut().expect("stdout");
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line).expect("a line");
    assert_eq!(line, "ready\n");
}

fn fails() {
    let (code, talk) = output(&["fail"]);
    assert_eq!(code, Some(1));
    assert_eq!(talk, "error: cannot write the journal: the disk is full\n");
}

fn asks_for_a_code() {
    assert_eq!(output(&["degraded"]), (Some(4), String::new()));
}

fn refuses_arguments() {
    let (code, talk) = output(&["dance"]);
    assert_eq!(code, Some(2));
    assert!(talk.contains("unrecognized subcommand 'dance'"), "{talk}");
}
