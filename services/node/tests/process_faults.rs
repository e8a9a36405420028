//! Faults of processes, their starts, their ports and their folders: each has its effect, seen from outside, and is gone after
//! its revert, after the agent's death, and after the service's where that ends it. No helper and no file stays.

#[allow(
    dead_code,
    reason = "this module is part of several tests, which use parts of it"
)]
mod common;

use std::time::Duration;

use arena_chassis::Clock;
use arena_proto::{ActionKind, CommandState, FaultReason, FaultState, ProcessState};
use arena_testkit::wait_for;
use common::{Arena, process_state, signal};
use procfs::process::{Process, Stat};

/// Longer than any of these tests.
const LONG: Duration = Duration::from_mins(5);

/// `keeper` answers on its control socket as the workload does, and names what may be deleted of its folder.
const KEEPER: &str = r#"
[[node.service]]
name = "keeper"
clean = ["scratch/*"]
command = ["python3", "-c", """
import http.server, json, os, socketserver
made = {}
class Control(http.server.BaseHTTPRequestHandler):
    def answer(self, status, body=b''):
        self.send_response(status)
        self.send_header('content-length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def do_GET(self):
        faults = [{'id': id} for id in made]
        self.answer(200, json.dumps({'faults': faults, 'makes': ['deadlock', 'disk-full']}).encode())
    def do_PUT(self):
        body = json.loads(self.rfile.read(int(self.headers['content-length'])))
        if body['fault'] != 'deadlock':
            return self.answer(422, b'not that one')
        made[self.path.split('/')[-1]] = body
        open('made', 'w').write(body['fault'])
        self.answer(204)
    def do_DELETE(self):
        made.pop(self.path.split('/')[-1], None)
        os.remove('made')
        self.answer(204)
    def address_string(self):
        return 'agent'
class Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
Server(os.environ['ARENA_CONTROL_SOCKET'], Control).serve_forever()
"""]
"#;

fn stat(pid: u32) -> Option<Stat> {
    Process::new(i32::try_from(pid).ok()?).ok()?.stat().ok()
}

fn command_line(pid: u32) -> Vec<String> {
    let process = Process::new(i32::try_from(pid).expect("a pid")).expect("a process");
    process.cmdline().expect("a command line")
}

fn open_files(pid: u32) -> usize {
    let process = Process::new(i32::try_from(pid).expect("a pid")).ok();
    process
        .and_then(|process| process.fd_count().ok())
        .unwrap_or_default()
}

async fn no_helper(arena: &Arena) {
    wait_for("the end of every helper", async || {
        arena.helpers().is_empty().then_some(())
    })
    .await;
}

/// The one helper of this arena.
async fn helper(arena: &Arena) -> u32 {
    wait_for("a helper", async || match arena.helpers()[..] {
        [pid] => Some(pid),
        _ => None,
    })
    .await
}

/// In effect.
async fn active(arena: &mut Arena, id: &str, fault: &str, service: &str, params: &[(&str, &str)]) {
    arena.apply(id, fault, service, LONG, params).await;
    arena.fault_status(id, FaultState::Active).await;
}

async fn over(arena: &mut Arena, id: &str, reason: FaultReason) {
    let status = arena.fault_status(id, FaultState::Reverted).await;
    assert_eq!(status.reason, Some(reason), "{status:?}");
}

async fn another_agent(arena: &mut Arena, id: &str) {
    arena.kill_agent();
    arena.start_agent();
    over(arena, id, FaultReason::AgentRestarted).await;
}

#[tokio::test]
async fn what_leaks_beside_a_service_counts_as_the_services_and_goes() {
    let mut arena = Arena::start().await;
    let leader = arena.healthy("quiet").await.pid.expect("a process");
    let page_mib = 1024 * 1024 / procfs::page_size();
    for (fault, ceiling, is_reached) in [
        (
            "memory-leak",
            "64",
            Box::new(move |pid| stat(pid).is_some_and(|stat| stat.rss / page_mib >= 64))
                as Box<dyn Fn(u32) -> bool>,
        ),
        (
            "fd-leak",
            "512",
            Box::new(|pid| (512..600).contains(&open_files(pid))),
        ),
        (
            "thread-leak",
            "100",
            Box::new(|pid| stat(pid).is_some_and(|stat| (100..110).contains(&stat.num_threads))),
        ),
    ] {
        let rate = if fault == "fd-leak" { "1000" } else { "100" };
        let params = [("rate", rate), ("ceiling", ceiling)];
        active(&mut arena, fault, fault, "quiet", &params).await;
        let pid = helper(&arena).await;
        let group = stat(pid).expect("a helper").pgrp;
        assert_eq!(u32::try_from(group), Ok(leader), "{fault}");
        wait_for(fault, async || is_reached(pid).then_some(())).await;
        arena.revert(fault).await;
        over(&mut arena, fault, FaultReason::RevertRequested).await;
        assert_eq!(arena.helpers(), Vec::<u32>::new(), "{fault}");
    }

    // With the service it goes, too, though nobody but itself ends it.
    active(&mut arena, "f-4", "thread-leak", "quiet", &[]).await;
    helper(&arena).await;
    signal(leader, "KILL");
    no_helper(&arena).await;
    arena
        .service("quiet", |quiet| quiet.state == ProcessState::Exited)
        .await;
    over(&mut arena, "f-4", FaultReason::TargetReplaced).await;
    arena.stop().await;
}

#[tokio::test]
async fn a_helper_whose_agent_is_dead_ends_at_its_time_to_live() {
    let mut arena = Arena::start().await;
    arena.healthy("quiet").await;
    let short = Duration::from_secs(2);
    arena.apply("f-1", "fd-leak", "quiet", short, &[]).await;
    arena
        .apply("f-2", "noisy-neighbour", "", short, &[("cores", "1")])
        .await;
    arena.fault_status("f-2", FaultState::Active).await;
    arena.kill_agent();
    no_helper(&arena).await;
    arena.start_agent();
    arena.healthy("quiet").await;
    arena.stop().await;
}

#[tokio::test]
async fn a_noisy_neighbour_burns_beside_every_service_and_whoever_ends_it_cures_the_node() {
    let mut arena = Arena::start().await;
    let services = [
        arena.healthy("web").await.pid,
        arena.healthy("quiet").await.pid,
    ];
    active(&mut arena, "f-1", "noisy-neighbour", "", &[("cores", "2")]).await;
    let pid = helper(&arena).await;
    let group = stat(pid).expect("a helper").pgrp;
    assert!(
        !services.contains(&u32::try_from(group).ok()),
        "a service's group"
    );
    let burnt = |pid| stat(pid).map_or(0, |stat| stat.utime);
    wait_for("half a second of CPU", async || {
        (burnt(pid) * 2 > procfs::ticks_per_second()).then_some(())
    })
    .await;
    signal(pid, "KILL");
    over(&mut arena, "f-1", FaultReason::Cured).await;

    active(&mut arena, "f-2", "noisy-neighbour", "", &[("cores", "1")]).await;
    helper(&arena).await;
    another_agent(&mut arena, "f-2").await;
    assert_eq!(arena.helpers(), Vec::<u32>::new());
    arena.healthy("web").await;
    arena.stop().await;
}

#[tokio::test]
async fn a_crash_loop_fails_so_many_starts() {
    let mut arena = Arena::start().await;
    let before = arena.healthy("web").await;
    active(&mut arena, "f-1", "crash-loop", "web", &[("times", "2")]).await;
    arena
        .service("web", |web| web.state == ProcessState::Exited)
        .await;
    assert_eq!(process_state(before.pid.expect("a process")), None);
    for id in ["c-1", "c-2"] {
        let outcome = arena.command(id, ActionKind::Start, "web").await;
        assert_eq!(outcome.state, CommandState::Failed, "{outcome:?}");
    }
    let outcome = arena.command("c-3", ActionKind::Start, "web").await;
    assert_eq!(outcome.state, CommandState::Succeeded, "{outcome:?}");
    over(&mut arena, "f-1", FaultReason::Spent).await;
    assert_eq!(arena.healthy("web").await.generation, before.generation + 3);

    // It dies with its agent.
    active(&mut arena, "f-2", "crash-loop", "web", &[("times", "20")]).await;
    another_agent(&mut arena, "f-2").await;
    arena.healthy("web").await;
    arena.stop().await;
}

/// `web` is held in its start; gives its process.
async fn held(arena: &mut Arena, id: &str, command: &str, delay: &str) -> u32 {
    active(arena, id, "slow-start", "web", &[("delay", delay)]).await;
    arena
        .service("web", |web| web.state == ProcessState::Exited)
        .await;
    arena
        .publish_command(command, ActionKind::Start, "web", None)
        .await;
    let web = arena
        .service("web", |web| {
            web.state == ProcessState::Starting && web.pid.is_some()
        })
        .await;
    let pid = web.pid.expect("a process");
    wait_for("the process to be stopped", async || {
        (process_state(pid) == Some('T')).then_some(())
    })
    .await;
    pid
}

#[tokio::test]
async fn a_slow_start_is_held_and_goes_on_by_itself_by_revert_or_by_another_agent() {
    let mut arena = Arena::start().await;
    arena.healthy("web").await;
    active(&mut arena, "f-1", "slow-start", "web", &[("delay", "1s")]).await;
    arena
        .service("web", |web| web.state == ProcessState::Exited)
        .await;
    let (clock, began) = (Clock::new(), Clock::new().now());
    let outcome = arena.command("c-1", ActionKind::Start, "web").await;
    assert_eq!(outcome.state, CommandState::Succeeded, "{outcome:?}");
    let took = clock.now().saturating_since(began);
    assert!(took >= Duration::from_secs(1), "{took:?}");
    arena.revert("f-1").await;
    over(&mut arena, "f-1", FaultReason::RevertRequested).await;

    let pid = held(&mut arena, "f-2", "c-2", "25s").await;
    arena.revert("f-2").await;
    over(&mut arena, "f-2", FaultReason::RevertRequested).await;
    assert_ne!(process_state(pid), Some('T'));
    assert_eq!(arena.healthy("web").await.pid, Some(pid));

    let pid = held(&mut arena, "f-3", "c-3", "25s").await;
    another_agent(&mut arena, "f-3").await;
    assert_ne!(process_state(pid), Some('T'));
    arena.healthy("web").await;
    arena.stop().await;
}

#[tokio::test]
async fn a_bad_definition_keeps_a_service_down_until_it_is_rolled_back() {
    let mut arena = Arena::start().await;
    arena.healthy("web").await;
    active(&mut arena, "f-1", "bad-config", "web", &[]).await;
    let dead = arena
        .service("web", |web| web.state == ProcessState::Exited)
        .await;
    assert_eq!(dead.exit_code, Some(2));
    let outcome = arena.command("c-1", ActionKind::Restart, "web").await;
    assert_eq!(outcome.state, CommandState::Failed, "{outcome:?}");
    let outcome = arena.command("c-2", ActionKind::Rollback, "web").await;
    assert_eq!(outcome.state, CommandState::Succeeded, "{outcome:?}");
    over(&mut arena, "f-1", FaultReason::Cured).await;
    let web = arena.healthy("web").await;
    assert_eq!(web.message, "");
    arena.stop().await;
}

#[tokio::test]
async fn a_service_that_runs_a_bad_definition_runs_its_own_again_afterwards() {
    let mut arena = Arena::start().await;
    arena.healthy("quiet").await;
    // `sleep 1000 7` runs, and is not what arena.toml says.
    let runs_bad = |pid: Option<u32>| pid.is_some_and(|pid| command_line(pid).len() == 3);
    let mut bad = 0;
    for id in ["f-1", "f-2"] {
        active(&mut arena, id, "bad-config", "quiet", &[("argument", "7")]).await;
        let quiet = arena
            .service("quiet", |quiet| {
                quiet.state == ProcessState::Running && runs_bad(quiet.pid)
            })
            .await;
        bad = quiet.pid.expect("a process");
        if id == "f-1" {
            arena.revert(id).await;
            over(&mut arena, id, FaultReason::RevertRequested).await;
            assert_eq!(process_state(bad), None);
            let quiet = arena.healthy("quiet").await;
            assert!(!runs_bad(quiet.pid));
        }
    }
    another_agent(&mut arena, "f-2").await;
    assert_eq!(process_state(bad), None);
    let quiet = arena
        .service("quiet", |quiet| {
            quiet.is_healthy() && quiet.pid != Some(bad)
        })
        .await;
    assert!(!runs_bad(quiet.pid));
    assert_eq!(quiet.message, "");
    let state = std::fs::read_to_string(arena.path("state.json")).expect("a state");
    assert!(!state.contains("\"spoiled\": true"), "{state}");
    arena.stop().await;
}

#[tokio::test]
async fn an_orphan_holds_the_port_until_it_is_freed_or_reverted() {
    let mut arena = Arena::start().await;
    let served = arena.healthy("web").await.pid.expect("a process");
    let served = command_line(served).join(" ");
    active(&mut arena, "f-1", "port-squat", "web", &[]).await;
    let pid = helper(&arena).await;
    let orphan = stat(pid).expect("an orphan");
    assert_eq!(orphan.session, orphan.pid, "a session of its own");
    assert_ne!(u32::try_from(orphan.ppid).ok(), arena.agent_pid());
    let web = arena
        .service("web", |web| web.detail.port_holder.is_some())
        .await;
    // As a child of the service that outlived it: whoever heals is told this, and must not learn of a fault from it.
    assert_eq!(web.detail.port_holder, Some((pid, served)));
    // Accepted by the kernel, answered by nobody.
    arena.web_answers().await;
    let outcome = arena.command("c-1", ActionKind::Start, "web").await;
    assert_eq!(outcome.state, CommandState::Failed, "{outcome:?}");
    let outcome = arena.command("c-2", ActionKind::FreePort, "web").await;
    assert_eq!(outcome.state, CommandState::Succeeded, "{outcome:?}");
    over(&mut arena, "f-1", FaultReason::Cured).await;
    arena.healthy("web").await;

    active(&mut arena, "f-2", "port-squat", "web", &[]).await;
    arena.revert("f-2").await;
    over(&mut arena, "f-2", FaultReason::RevertRequested).await;
    assert_eq!(arena.helpers(), Vec::<u32>::new());
    arena.command("c-3", ActionKind::Start, "web").await;
    arena.healthy("web").await;

    active(&mut arena, "f-3", "port-squat", "web", &[]).await;
    another_agent(&mut arena, "f-3").await;
    assert_eq!(arena.helpers(), Vec::<u32>::new());
    arena.healthy("web").await;
    arena.stop().await;
}

#[tokio::test]
async fn a_full_disk_is_a_quota_and_a_file_that_cleaning_deletes() {
    let mut arena = Arena::start_with_services(KEEPER).await;
    arena
        .service("keeper", |keeper| !keeper.detail.makes_faults.is_empty())
        .await;
    let folder = arena.path("work/keeper");
    let size = |name: &str| {
        std::fs::metadata(folder.join(name))
            .ok()
            .map(|file| file.len())
    };
    let empty = || {
        let left: Vec<_> = std::fs::read_dir(&folder).expect("a folder").collect();
        assert!(left.is_empty(), "{left:?}");
    };
    for (id, fill) in [("f-1", 3), ("f-2", 1), ("f-3", 2)] {
        let text = fill.to_string();
        active(&mut arena, id, "disk-full", "keeper", &[("fill", &text)]).await;
        let filled = size(&format!("scratch/{id}.fill"));
        assert_eq!(filled, Some(fill * 1024 * 1024));
        let quota = std::fs::read_to_string(folder.join("quota")).expect("a quota");
        assert_eq!(quota.parse(), Ok(fill * 1024 * 1024));
        match id {
            "f-1" => {
                let outcome = arena.command("c-1", ActionKind::CleanDisk, "keeper").await;
                assert_eq!(outcome.state, CommandState::Succeeded, "{outcome:?}");
                over(&mut arena, id, FaultReason::Cured).await;
            }
            "f-2" => {
                arena.revert(id).await;
                over(&mut arena, id, FaultReason::RevertRequested).await;
            }
            _ => another_agent(&mut arena, id).await,
        }
        empty();
    }
    // It is refused where nobody obeys a quota.
    arena.apply("f-4", "disk-full", "web", LONG, &[]).await;
    let status = arena.fault_status("f-4", FaultState::Rejected).await;
    assert_eq!(status.reason, Some(FaultReason::Unsupported));
    // And where somebody else has set one, which stays.
    std::fs::write(folder.join("quota"), "1000000").expect("a quota");
    arena.apply("f-5", "disk-full", "keeper", LONG, &[]).await;
    let status = arena.fault_status("f-5", FaultState::Rejected).await;
    assert_eq!(status.reason, Some(FaultReason::NotAllowed), "{status:?}");
    let quota = std::fs::read_to_string(folder.join("quota"));
    assert_eq!(quota.expect("theirs"), "1000000");
    arena.stop().await;
}

#[tokio::test]
async fn a_full_disk_is_that_of_the_process_whatever_arena_toml_says_by_now() {
    let mut arena = Arena::start_with_services(KEEPER).await;
    let makes = |keeper: &arena_proto::ServiceStatus| !keeper.detail.makes_faults.is_empty();
    arena.service("keeper", makes).await;
    let (folder, elsewhere) = (arena.path("work/keeper"), arena.path("elsewhere"));
    let is_empty = |folder: &std::path::Path| {
        let left: Vec<_> = std::fs::read_dir(folder).expect("a folder").collect();
        assert!(left.is_empty(), "{left:?}");
    };
    active(&mut arena, "f-1", "disk-full", "keeper", &[]).await;
    assert!(folder.join("quota").exists());
    std::fs::create_dir(&elsewhere).expect("a folder");
    let moved = format!("name = \"keeper\"\nworking_dir = {elsewhere:?}");
    arena.kill_agent();
    arena.change_config("name = \"keeper\"", &moved);
    arena.start_agent();
    over(&mut arena, "f-1", FaultReason::AgentRestarted).await;
    is_empty(&folder);

    // The process runs as it was started.
    arena.service("keeper", makes).await;
    active(&mut arena, "f-2", "disk-full", "keeper", &[]).await;
    assert!(folder.join("quota").exists());
    is_empty(&elsewhere);
    arena.revert("f-2").await;
    over(&mut arena, "f-2", FaultReason::RevertRequested).await;
    is_empty(&folder);

    // Nor does the service have to be there any more.
    active(&mut arena, "f-3", "disk-full", "keeper", &[]).await;
    let keeper = arena.service("keeper", makes).await.pid.expect("a process");
    arena.kill_agent();
    arena.change_config("name = \"keeper\"", "name = \"another\"");
    signal(keeper, "KILL");
    arena.start_agent();
    over(&mut arena, "f-3", FaultReason::AgentRestarted).await;
    is_empty(&folder);
    arena.stop().await;
}

#[tokio::test]
async fn what_a_service_makes_in_itself_it_is_asked_for_and_nothing_else() {
    let mut arena = Arena::start_with_services(KEEPER).await;
    let keeper = arena
        .service("keeper", |keeper| !keeper.detail.makes_faults.is_empty())
        .await;
    assert_eq!(keeper.detail.makes_faults, ["deadlock", "disk-full"]);
    let made = arena.path("work/keeper/made");
    active(&mut arena, "f-1", "deadlock", "keeper", &[]).await;
    assert!(made.exists());
    arena.revert("f-1").await;
    over(&mut arena, "f-1", FaultReason::RevertRequested).await;
    assert!(!made.exists());

    active(&mut arena, "f-2", "deadlock", "keeper", &[]).await;
    another_agent(&mut arena, "f-2").await;
    assert!(!made.exists());

    arena.apply("f-3", "load-surge", "keeper", LONG, &[]).await;
    let status = arena.fault_status("f-3", FaultState::Rejected).await;
    assert_eq!(status.reason, Some(FaultReason::Unsupported));
    // One that it does not make is made beside it.
    active(&mut arena, "f-4", "cpu-spike", "keeper", &[]).await;
    helper(&arena).await;
    arena.stop().await;
    assert_eq!(arena.helpers(), Vec::<u32>::new());
}
