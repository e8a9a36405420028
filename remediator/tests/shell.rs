//! The program with a real nats-server: the test is the detector, the node and the person.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command as Process, Stdio};
use std::time::Duration;

use arena_bus::{Bus, Consume, Deliveries, Delivery, Durable, NatsArgs, Role};
use arena_chassis::Clock;
use arena_proto::{
    ActionKind, Approval, Command, CommandId, CommandState, Control, Decision, Entity,
    IncidentEvent, IncidentEventKind, IncidentId, IncidentState, LeverPosition, Mode, NodeStatus,
    Outcome, Plan, PlanId, ProbeVerdict, ProcessState, Resolution, ServiceStatus, Severity,
    Timestamp, TraceContext, TraceId, Verdict,
};
use arena_testkit::otlp::OtlpReceiver;
use arena_testkit::{NatsServer, TempDir, temp_dir, wait_for};

const BINARY: &str = env!("CARGO_BIN_EXE_arena-remediator");

/// The remediator's process. Killed with the value.
struct Felix(Child);

impl Felix {
    /// As an operator stops it, and waits for its end.
    fn terminate(&mut self) {
        let pid = self.0.id().to_string();
        assert!(Process::new("kill").arg(pid).status().unwrap().success());
        self.0.wait().unwrap();
    }
}

impl Drop for Felix {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

struct World {
    nats: NatsServer,
    folder: TempDir,
    detector: Bus,
    node: Bus,
    operator: Bus,
    plans: Deliveries<Plan>,
    commands: Deliveries<Command>,
    clock: Clock,
}

impl World {
    async fn new() -> Self {
        let nats = NatsServer::start().await;
        let args = NatsArgs {
            nats_url: nats.url(),
        };
        let operator = Bus::connect(&args, Role::Operator, "test").await.unwrap();
        operator.ensure_streams().await.unwrap();
        Self {
            folder: temp_dir(),
            detector: Bus::connect(&args, Role::Detector, "test").await.unwrap(),
            node: Bus::connect(&args, Role::Node, "test").await.unwrap(),
            plans: operator.consume(Consume::ephemeral()).await.unwrap(),
            commands: operator.consume(Consume::ephemeral()).await.unwrap(),
            operator,
            nats,
            clock: Clock::new(),
        }
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("remediator.log")
    }

    fn start(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Felix {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.log())
            .unwrap();
        let child = Process::new(BINARY)
            .args(arguments)
            .env_remove("OTEL_EXPORTER_OTLP_ENDPOINT")
            .env("NATS_URL", self.nats.url())
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Felix(child)
    }

    async fn incident(&self, kind: IncidentEventKind, revision: u32, opened_at: Timestamp) {
        let event = IncidentEvent {
            context: arena_proto::IncidentContext::default(),
            kind,
            id: id(),
            revision,
            entity: orders(),
            symptom: "cpu_high".to_owned(),
            severity: Severity::Error,
            signals: Vec::new(),
            root_cause: orders(),
            reason: "cpu_percent = 97, raised above 80".to_owned(),
            first_abnormal_at: opened_at - Duration::from_secs(2),
            opened_at,
            at: self.clock.now(),
            pid: Some(10),
            generation: 1,
        };
        let trace = Some(TraceContext::root(&event.id));
        self.detector.publish(&event, trace).await.unwrap();
    }

    async fn open(&self) -> Timestamp {
        let opened_at = self.clock.now();
        self.incident(IncidentEventKind::Opened, 1, opened_at).await;
        opened_at
    }

    async fn status(&self) {
        let now = self.clock.now();
        let service = ServiceStatus {
            detail: arena_proto::ServiceDetail::default(),
            name: "orders".parse().unwrap(),
            state: ProcessState::Running,
            probe: ProbeVerdict::Passing,
            pid: Some(10),
            generation: 1,
            restarts: 0,
            port: None,
            proxy_port: None,
            depends_on: Vec::new(),
            since: now,
            exit_code: None,
            message: String::new(),
        };
        let status = NodeStatus {
            quarantined: false,
            restart_owner: None,
            fence: 0,
            node: "node-1".parse().unwrap(),
            boot_id: 1,
            pid: 1,
            state: ProcessState::Running,
            chaos: false,
            services: vec![service],
            at: now,
        };
        self.node.put_status(&status).await.unwrap();
    }

    async fn answer(&self, command: &Command, state: CommandState) {
        let outcome = self.outcome(command, state);
        self.node.publish(&outcome, None).await.unwrap();
    }

    fn outcome(&self, command: &Command, state: CommandState) -> Outcome {
        Outcome {
            command_id: command.id.clone(),
            node: command.node.clone(),
            service: command.service.clone(),
            action: command.action,
            state,
            reason: None,
            message: "as the test says".to_owned(),
            incident_id: command.incident_id.clone(),
            at: self.clock.now(),
            pid_before: Some(10),
            pid_after: Some(20),
        }
    }

    /// Waits until the remediators have said this in their log so often.
    async fn said(&self, words: &str, times: usize) {
        wait_for(words, async || {
            let said = std::fs::read_to_string(self.log()).unwrap_or_default();
            (said.matches(words).count() >= times).then_some(())
        })
        .await;
    }

    /// The next decision, but for what only says that it is too early.
    async fn plan(&mut self, decision: Decision) -> Delivery<Plan> {
        let log = self.log();
        let passes = |plan: &Plan| ["hold", "backoff"].contains(&plan.basis.rail.as_str());
        let mut delivery = next(&mut self.plans, "a plan", &log).await;
        while passes(&delivery.message) {
            delivery = next(&mut self.plans, "a plan", &log).await;
        }
        assert_eq!(delivery.message.decision, decision, "{delivery:?}");
        delivery
    }

    async fn command(&mut self) -> Delivery<Command> {
        let log = self.log();
        next(&mut self.commands, "a command", &log).await
    }

    /// Every command that was stored, in order.
    async fn stored_commands(&self) -> Vec<CommandId> {
        let mut reader = self
            .operator
            .consume::<Command>(Consume::ephemeral())
            .await
            .unwrap();
        let mut ids = Vec::new();
        while let Some(delivery) = reader.next_stored().await {
            ids.push(delivery.message.id);
        }
        ids
    }
}

/// Far more than anything takes here: only what never comes reaches it.
const PATIENCE: Duration = Duration::from_mins(1);

async fn next<M: Durable>(deliveries: &mut Deliveries<M>, what: &str, log: &Path) -> Delivery<M> {
    let next = tokio::time::timeout(PATIENCE, deliveries.next()).await;
    let said = || std::fs::read_to_string(log).unwrap_or_default();
    next.unwrap_or_else(|_| panic!("waited for {what}; the remediator said:\n{}", said()))
        .unwrap()
}

fn id() -> IncidentId {
    IncidentId::new("inc-1").unwrap()
}

fn orders() -> Entity {
    "node-1/orders".parse().unwrap()
}

#[tokio::test]
async fn an_incident_is_remediated_and_traced() {
    let mut world = World::new().await;
    let receiver = OtlpReceiver::start().await.unwrap();
    world.status().await;
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.endpoint()),
        ("OTEL_BSP_SCHEDULE_DELAY", "20"),
    ];
    let _felix = world.start(&[], &variables);

    let opened_at = world.open().await;
    let act = world.plan(Decision::Act).await;
    assert_eq!(act.trace, Some(TraceContext::root(&id())));
    assert_eq!(act.message.incident_state, IncidentState::Acting);
    assert!(act.message.reason.contains("cpu_percent = 97"), "{act:?}");
    let command = world.command().await;
    assert_eq!(act.message.command_id, Some(command.message.id.clone()));
    assert_eq!(command.message.action, ActionKind::Restart);
    assert_eq!(command.message.preconditions.pid, Some(10));
    assert_eq!(command.message.preconditions.generation, Some(1));
    let key = format!("act.{}", command.message.id);
    assert_eq!(command.trace, Some(TraceContext::of(&id(), &key)));

    world.answer(&command.message, CommandState::Accepted).await;
    world
        .answer(&command.message, CommandState::Succeeded)
        .await;
    world.plan(Decision::Verify).await;
    world
        .incident(IncidentEventKind::Cleared, 2, opened_at)
        .await;
    let end = world.plan(Decision::Resolve).await;
    assert_eq!(end.message.resolution, Some(Resolution::Remediated));
    assert!(end.message.revision >= 3);

    let spans = wait_for("four spans", async || {
        Some(receiver.spans()).filter(|spans| spans.len() >= 4)
    })
    .await;
    let root = TraceContext::root(&id());
    for name in ["incident", "plan", "act", "verify"] {
        let span = spans.iter().find(|span| span.name == name).unwrap();
        assert_eq!(span.trace_id, TraceId::of(&id()));
        assert!(span.start <= span.end, "{span:?}");
        let parent = (name != "incident").then_some(root.span_id);
        assert_eq!(span.parent, parent, "{span:?}");
    }

    let services = world
        .operator
        .ping_services(Duration::from_secs(1))
        .await
        .unwrap();
    assert!(services.iter().any(|service| service.name == "remediator"));
}

#[tokio::test]
async fn a_restart_goes_on_with_the_same_command() {
    let mut world = World::new().await;
    let felix = world.start(&[], &[]);
    let opened_at = world.open().await;
    let act = world.plan(Decision::Act).await;
    let command = world.command().await;
    drop(felix);

    let _felix = world.start(&[], &[]);
    world
        .answer(&command.message, CommandState::Succeeded)
        .await;
    world
        .incident(IncidentEventKind::Cleared, 2, opened_at)
        .await;
    world.plan(Decision::Verify).await;
    let end = world.plan(Decision::Resolve).await;
    assert_eq!(end.message.resolution, Some(Resolution::Remediated));
    assert_eq!(
        world.stored_commands().await,
        [act.message.command_id.unwrap()]
    );
}

#[tokio::test]
async fn a_server_that_was_away_is_waited_for() {
    let mut world = World::new().await;
    let mut felix = world.start(&[], &[]);
    let opened_at = world.open().await;
    world.plan(Decision::Act).await;
    let command = world.command().await;
    world.nats.kill();
    world.nats.restart().await;
    world
        .answer(&command.message, CommandState::Succeeded)
        .await;
    world
        .incident(IncidentEventKind::Cleared, 2, opened_at)
        .await;
    world.plan(Decision::Verify).await;
    world.plan(Decision::Resolve).await;
    assert_eq!(felix.0.try_wait().unwrap(), None);
}

#[tokio::test]
async fn a_plan_whose_command_was_never_published_is_carried_out() {
    let mut world = World::new().await;
    world.open().await;
    let plan = Plan {
        basis: arena_proto::PlanBasis::default(),
        id: PlanId::derive(&id(), 1),
        incident_id: id(),
        revision: 1,
        entity: orders(),
        symptom: "cpu_high".to_owned(),
        decision: Decision::Act,
        incident_state: IncidentState::Acting,
        resolution: None,
        reason: "before the crash".to_owned(),
        playbook: "cpu_high".to_owned(),
        rung: 1,
        rungs: 1,
        action: Some(ActionKind::Restart),
        target: Some(orders()),
        command_id: Some(CommandId::derive(&id(), 1)),
        at: world.clock.now(),
    };
    world.operator.publish(&plan, None).await.unwrap();
    world.plan(Decision::Act).await;

    let _felix = world.start(&[], &[]);
    let command = world.command().await;
    assert_eq!(command.message.id, CommandId::derive(&id(), 1));
    world.answer(&command.message, CommandState::Failed).await;
    let next = world.plan(Decision::Act).await;
    assert_eq!(next.message.rung, 2);
}

#[tokio::test]
async fn a_persons_lever_is_known_before_the_first_decision() {
    let mut world = World::new().await;
    let mut control = Control {
        mode: Mode::Auto,
        lever: LeverPosition::Stopped,
        at: world.clock.now(),
        by: "ada".to_owned(),
        ..Control::default()
    };
    world.operator.put_control(&control).await.unwrap();
    world.open().await;
    let _felix = world.start(&[], &[]);
    let refusal = world.plan(Decision::Refuse).await;
    assert!(refusal.message.reason.contains("STOPPED"), "{refusal:?}");
    assert_eq!(world.stored_commands().await, []);

    control.lever = LeverPosition::Released;
    world.operator.put_control(&control).await.unwrap();
    world.plan(Decision::Act).await;
    world.command().await;
}

#[tokio::test]
async fn a_ladder_of_ones_own_is_climbed_and_left() {
    let mut world = World::new().await;
    let playbooks = world.folder.path().join("playbooks.toml");
    let text = "[[playbook]]\nsymptom = \"cpu_high\"\n\
                [[playbook.step]]\naction = \"recover\"\nverify_within = \"50ms\"\n\
                [[playbook.step]]\naction = \"restart\"\n";
    std::fs::write(&playbooks, text).unwrap();
    let _felix = world.start(&["--playbooks", playbooks.to_str().unwrap()], &[]);
    world.open().await;
    world.plan(Decision::Act).await;
    let first = world.command().await;
    assert_eq!(first.message.action, ActionKind::Recover);
    world.answer(&first.message, CommandState::Succeeded).await;
    world.plan(Decision::Verify).await;
    world.plan(Decision::Act).await;
    let second = world.command().await;
    assert_eq!(second.message.action, ActionKind::Restart);
    assert_ne!(second.message.id, first.message.id);
    world.answer(&second.message, CommandState::TimedOut).await;
    let end = world.plan(Decision::Escalate).await;
    assert!(end.message.reason.contains("TIMED_OUT"), "{end:?}");
}

#[tokio::test]
async fn of_two_remediators_one_acts_and_the_other_takes_over() {
    let mut world = World::new().await;
    let mut first = world.start(&[], &[]);
    world.said("it acts under fence", 1).await;
    let mut second = world.start(&[], &[]);
    world.said("standby: waiting", 2).await;
    let opened_at = world.open().await;
    world.plan(Decision::Act).await;
    let command = world.command().await.message;
    let fence = command.fence.unwrap();

    first.terminate();
    world.said("it acts under fence", 2).await;
    world.answer(&command, CommandState::Failed).await;
    world.plan(Decision::Act).await;
    // The first command once more is the same message to the stream: what comes is the next one.
    let later = world.command().await.message;
    assert_ne!(later.id, command.id);
    assert!(later.fence.unwrap() > fence, "{later:?}");
    assert_eq!(second.0.try_wait().unwrap(), None);
    world
        .incident(IncidentEventKind::Cleared, 2, opened_at)
        .await;
}

#[tokio::test]
async fn a_node_that_knows_a_newer_remediator_stops_this_one() {
    let mut world = World::new().await;
    let _felix = world.start(&[], &[]);
    world.open().await;
    world.plan(Decision::Act).await;
    let first = world.command().await.message;
    let mut fenced = world.outcome(&first, CommandState::Rejected);
    fenced.reason = Some(arena_proto::RejectionReason::Fenced);
    world.node.publish(&fenced, None).await.unwrap();
    world.said("holds a newer lease: it stops acting", 1).await;
    // Nobody else is there: it has the next term too, and goes on with the incident.
    let wait = world.plan(Decision::Wait).await;
    assert!(wait.message.reason.contains("FENCED"), "{wait:?}");
    let again = wait_for("a later fence", async || {
        let stored = world.commands.next().await.unwrap().message;
        (stored.fence > first.fence).then_some(stored)
    })
    .await;
    assert_eq!(again.action, first.action);
}

#[tokio::test]
async fn a_person_approves() {
    let mut world = World::new().await;
    let control = Control {
        mode: Mode::Approve,
        by: "ada".to_owned(),
        at: world.clock.now(),
        ..Control::default()
    };
    world.operator.put_control(&control).await.unwrap();
    let felix = world.start(&[], &[]);
    world.open().await;
    let question = world.plan(Decision::Wait).await.message;
    assert_eq!(question.incident_state, IncidentState::AwaitingApproval);
    assert_eq!(question.action, Some(ActionKind::Restart));
    // The question outlives who asked.
    drop(felix);
    let _felix = world.start(&[], &[]);
    world
        .operator
        .put_approval(&Approval {
            incident_id: id(),
            plan_id: question.id,
            verdict: Verdict::Approved,
            by: "ada".to_owned(),
            reason: String::new(),
            at: world.clock.now(),
        })
        .await
        .unwrap();
    let act = world.plan(Decision::Act).await.message;
    assert!(act.reason.contains("approved by ada"), "{act:?}");
    assert_eq!(world.command().await.message.action, ActionKind::Restart);
}

#[tokio::test]
async fn a_dry_run_plans_the_same_and_never_acts() {
    let mut world = World::new().await;
    let _felix = world.start(&["--dry-run"], &[]);
    world.open().await;
    let plan = world.plan(Decision::Refuse).await.message;
    assert_eq!(plan.basis.rail, "observe");
    assert_eq!(plan.action, Some(ActionKind::Restart));
    assert_eq!(plan.target, Some(orders()));
    world.said("--dry-run", 1).await;
    assert_eq!(world.stored_commands().await, []);
}

#[test]
fn playbooks_are_checked_without_a_server() {
    let folder = temp_dir();
    let file = folder.path().join("mine.toml");
    let check = |text: &str| {
        std::fs::write(&file, text).unwrap();
        let output = Process::new(BINARY)
            .arg("--check")
            .arg("--playbooks")
            .arg(&file)
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        (output.status.code(), said)
    };
    let good = "[[playbook]]\nsymptom = \"cpu_high\"\nescalate = \"call ada\"\n";
    assert_eq!(check(good), (Some(0), String::new()));
    let (code, said) = check(&good.replace("escalate", "escalat"));
    assert_eq!(code, Some(2));
    assert!(said.contains("mine.toml:3:1: unknown field"), "{said}");
    assert!(said.contains("did you mean `escalate`"), "{said}");
}

#[test]
fn the_built_in_playbooks_are_good() {
    let status = Process::new(BINARY).arg("--check").status().unwrap();
    assert_eq!(status.code(), Some(0));
}
