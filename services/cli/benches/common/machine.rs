//! Which machine and which version a figure was measured on.

use std::process::Command;

/// Two lines: machine, and version.
pub(crate) fn describe() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let model = cpuinfo.lines().find(|line| line.starts_with("model name"));
    let model = model
        .and_then(|line| line.split(": ").nth(1))
        .unwrap_or("unknown CPU");
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let kernel = read("/proc/sys/kernel/osrelease");
    let load = read("/proc/loadavg");
    let load = load.split(' ').next().unwrap_or("?");
    let git = Command::new("git")
        .args(["describe", "--always", "--dirty"])
        .output();
    let version = git.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    format!(
        "machine: {model}, {cores} cores, Linux {}, load {load} before the run\nversion: {} {}, {}",
        kernel.trim(),
        env!("CARGO_PKG_VERSION"),
        version.unwrap_or_default(),
        if cfg!(debug_assertions) {
            "debug build"
        } else {
            "release build"
        },
    )
}
