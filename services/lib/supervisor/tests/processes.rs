//! Real processes: how they start, end, are adopted and stopped.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use arena_supervisor::{
    Exit, Identity, Process, Signal, Spawn, SpawnError, identity_of, spawn, stop, with_environment,
};
use tokio::time::{sleep, timeout};

/// Long beyond what any of this takes: reaching it is a failure, never a measurement.
const LIMIT: Duration = Duration::from_secs(20);

/// A grace that is only used up by who ignores SIGTERM.
const SHORT_GRACE: Duration = Duration::from_millis(200);

fn shell(script: &str, folder: &Path) -> Spawn {
    Spawn {
        argv: ["sh", "-c", script].map(str::to_owned).into(),
        env: BTreeMap::new(),
        working_dir: Some(folder.to_owned()),
        log: folder.join("logs/test.log"),
    }
}

fn log(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("logs/test.log")).unwrap_or_default()
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    let wait = async {
        while !condition() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(LIMIT, wait)
        .await
        .unwrap_or_else(|_| panic!("never: {what}"));
}

/// The pid that a script wrote into a file, once it is there whole.
async fn pid_in(path: &Path) -> u32 {
    let read = || {
        std::fs::read_to_string(path)
            .ok()?
            .strip_suffix('\n')?
            .parse()
            .ok()
    };
    until("a pid is written", || read().is_some()).await;
    read().expect("it was there")
}

fn state_of(pid: u32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

#[tokio::test]
async fn a_process_writes_its_log_in_its_folder_with_its_environment_and_its_exit_code_is_known() {
    let folder = tempfile::tempdir().unwrap();
    let mut wanted = shell("echo out $WORD; echo err >&2; pwd; exit 7", folder.path());
    wanted.env.insert("WORD".to_owned(), "given".to_owned());
    let process = spawn(&wanted).unwrap();
    assert_eq!(process.exited().await, Exit { code: Some(7) });
    let folder_name = folder.path().canonicalize().unwrap();
    assert_eq!(
        log(folder.path()),
        format!("out given\nerr\n{}\n", folder_name.display())
    );
}

#[tokio::test]
async fn a_signal_is_told_as_128_and_its_number() {
    let folder = tempfile::tempdir().unwrap();
    let process = spawn(&shell("exec sleep 1000", folder.path())).unwrap();
    assert!(process.is_alive());
    assert!(process.signal_group(Signal::KILL));
    assert_eq!(process.exited().await, Exit { code: Some(137) });
    assert!(!process.is_alive() && !process.group_is_alive());
    assert!(!process.signal(Signal::TERM) && !process.signal_group(Signal::TERM));
}

#[tokio::test]
async fn nobody_stays_behind_as_a_zombie_also_when_nobody_asks() {
    let folder = tempfile::tempdir().unwrap();
    let pid = spawn(&shell("exit 0", folder.path())).unwrap().pid;
    until("the child is reaped", || state_of(pid).is_none()).await;
}

#[tokio::test]
async fn a_program_that_is_not_there_and_a_log_that_cannot_be_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let mut wanted = shell("", folder.path());
    wanted.argv = vec!["/no/such/program".to_owned()];
    assert!(matches!(spawn(&wanted), Err(SpawnError::Start { .. })));
    wanted.working_dir = Some(folder.path().join("nowhere"));
    let said = spawn(&wanted).expect_err("no folder").to_string();
    assert!(said.ends_with("is not a folder that exists: make it, or change working_dir"));
    wanted.working_dir = None;
    wanted.argv.clear();
    assert!(matches!(spawn(&wanted), Err(SpawnError::Empty)));
    let mut wanted = shell("", folder.path());
    wanted.log = folder.path().join("logs/test.log/below-a-file");
    std::fs::write(folder.path().join("logs/test.log"), "").unwrap();
    assert!(matches!(spawn(&wanted), Err(SpawnError::Log { .. })));
}

#[tokio::test]
async fn a_process_that_obeys_is_stopped_without_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let script = "trap 'echo stopping; exit 0' TERM; echo ready; while :; do sleep 0.01; done";
    let process = spawn(&shell(script, folder.path())).unwrap();
    until("the trap is set", || log(folder.path()).contains("ready")).await;
    assert!(stop(&process, LIMIT).await);
    assert_eq!(process.exit(), Some(Exit { code: Some(0) }));
    assert!(log(folder.path()).contains("stopping"));
}

#[tokio::test]
async fn who_ignores_sigterm_is_killed_with_all_its_children() {
    let folder = tempfile::tempdir().unwrap();
    let script = "trap '' TERM; (trap '' TERM; echo $(exec sh -c 'echo $PPID') > child; \
                  while :; do sleep 1; done) & while :; do sleep 1; done";
    let process = spawn(&shell(script, folder.path())).unwrap();
    let child = pid_in(&folder.path().join("child")).await;
    assert!(!stop(&process, SHORT_GRACE).await);
    assert_eq!(process.exit(), Some(Exit { code: Some(137) }));
    assert_eq!(identity_of(child), None);
    assert!(!process.group_is_alive());
}

#[tokio::test]
async fn a_stubborn_child_does_not_outlive_a_leader_that_obeyed() {
    let folder = tempfile::tempdir().unwrap();
    let script = "(trap '' TERM; echo $(exec sh -c 'echo $PPID') > child; \
                  while :; do sleep 1; done) & wait";
    let process = spawn(&shell(script, folder.path())).unwrap();
    let child = pid_in(&folder.path().join("child")).await;
    process.signal(Signal::TERM);
    process.exited().await;
    assert!(identity_of(child).is_some() && process.group_is_alive());
    assert!(!stop(&process, SHORT_GRACE).await);
    assert_eq!(identity_of(child), None);
}

#[tokio::test]
async fn a_stopped_process_lives_and_can_still_be_asked_to_end() {
    let folder = tempfile::tempdir().unwrap();
    let process = spawn(&shell("exec sleep 1000", folder.path())).unwrap();
    process.signal_group(Signal::STOP);
    until("it is stopped", || state_of(process.pid) == Some('T')).await;
    assert!(process.is_alive());
    assert!(stop(&process, LIMIT).await);
    assert_eq!(process.exit(), Some(Exit { code: Some(143) }));
}

#[tokio::test]
async fn an_adopted_process_is_watched_and_stopped_like_a_child_but_has_no_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    // The shell ends at once, so that its child is an orphan in a group of its own: what a killed supervisor leaves.
    let script = "setsid sh -c 'echo $$ > orphan; exec sleep 1000' & while [ ! -s orphan ]; do sleep 0.01; done";
    spawn(&shell(script, folder.path())).unwrap().exited().await;
    let orphan = identity_of(pid_in(&folder.path().join("orphan")).await).unwrap();
    let process = Process::adopt(orphan.pid, orphan.start_time).unwrap();
    assert!(process.is_alive() && process.exit().is_none());
    assert!(stop(&process, LIMIT).await);
    assert_eq!(process.exited().await, Exit { code: None });
    assert_eq!(
        Process::adopt(orphan.pid, orphan.start_time).map(|process| process.pid),
        None
    );
}

#[tokio::test]
async fn a_pid_with_another_start_time_is_not_adopted() {
    let folder = tempfile::tempdir().unwrap();
    let process = spawn(&shell("exec sleep 1000", folder.path())).unwrap();
    let Identity { pid, start_time } = process.identity();
    assert!(Process::adopt(pid, start_time + 1).is_none());
    assert!(Process::adopt(pid, start_time).is_some());
    assert!(Process::adopt(0, start_time).is_none());
    stop(&process, LIMIT).await;
}

#[tokio::test]
async fn a_group_that_is_not_its_own_is_not_signalled_as_one() {
    let folder = tempfile::tempdir().unwrap();
    let script = "sleep 1000 & echo $! > member; wait $!";
    let leader = spawn(&shell(script, folder.path())).unwrap();
    let member = identity_of(pid_in(&folder.path().join("member")).await).unwrap();
    let adopted = Process::adopt(member.pid, member.start_time).unwrap();
    assert!(stop(&adopted, LIMIT).await);
    // The leader only ends because what it waited for did: nobody signalled it.
    assert_eq!(leader.exited().await, Exit { code: Some(143) });
}

#[tokio::test]
async fn a_process_is_found_by_the_mark_in_its_environment() {
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().to_string_lossy().into_owned();
    let script = "echo ready; while :; do sleep 0.01; done";
    let mut wanted = shell(script, folder.path());
    wanted
        .env
        .insert("ARENA_TEST_MARK".to_owned(), mark.clone());
    let process = spawn(&wanted).unwrap();
    until("it runs", || log(folder.path()).contains("ready")).await;
    assert!(with_environment("ARENA_TEST_MARK", &mark).contains(&process.identity()));
    assert_eq!(with_environment("ARENA_TEST_MARK", &mark[1..]), []);
    stop(&process, LIMIT).await;
    assert_eq!(with_environment("ARENA_TEST_MARK", &mark), []);
}
