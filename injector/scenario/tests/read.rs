//! Reading and writing scenario files: what is right is read, what is wrong is told with its place and its mend.

use arena_scenario::Scenario;
use expect_test::{Expect, expect};

const GOOD: &str = r#"name = "two-in-orders"
summary = "A replica of orders burns, and a node's telemetry lies."
difficulty = "hard"
seed = 7
limit = "50s"

[topology]
nodes = 4
replicas = 2
batch = true

[load]
rate = 15
shape = "wave"

[steady_state]
checks = ["user_error_percent < 1.0"]
hold = "1s"

[[fault]]
at = "1s"
fault = "cpu-spike"
target = { role = "orders", count = 1 }
for = "55s"
params = { cores = 2 }

[[fault]]
if = "user_error_percent > 5.0 || incidents_open > 0"
after = "500ms"
fault = "telemetry-forge"
target = "node-1"
for = "10s"
params = { metric = "cpu_percent", service = "batch" }

[telemetry]
loss = 10

[healed]
within = "40s"
hold = "2s"

[truth]
expect = "heal"
roots = ["node-2/orders"]
"#;

/// What is told when `from` is `to`.
fn check(from: &str, to: &str, expected: &Expect) {
    let text = GOOD.replacen(from, to, 1);
    assert_ne!(text, GOOD, "nothing was replaced");
    let diagnostic = Scenario::parse("file.toml", &text).expect_err("a mistake");
    expected.assert_eq(&diagnostic.to_string());
}

#[test]
fn a_scenario_is_read_and_written() {
    let scenario = Scenario::parse("file.toml", GOOD).expect("no mistake");
    let written = scenario.to_toml();
    assert_eq!(Scenario::parse("written.toml", &written), Ok(scenario));
    expect![[r#"
        name = "two-in-orders"
        summary = "A replica of orders burns, and a node's telemetry lies."
        difficulty = "hard"
        seed = 7
        limit = "50s"

        [topology]
        nodes = 4
        replicas = 2
        batch = true

        [load]
        rate = 15
        shape = "wave"

        [steady_state]
        checks = [
            "user_error_percent < 1.0",
        ]
        hold = "1s"
        within = "30s"

        [[fault]]
        at = "1s"
        fault = "cpu-spike"
        target = { role = "orders", count = 1 }
        for = "55s"
        params = { cores = 2 }

        [[fault]]
        if = "user_error_percent > 5.0 || incidents_open > 0"
        after = "500ms"
        fault = "telemetry-forge"
        target = "node-1"
        for = "10s"
        params = { metric = "cpu_percent", value = 99, service = "batch" }

        [telemetry]
        loss = 10
        duplicate = 0
        delay = "0s"

        [healed]
        checks = [
            "user_error_percent < 1.0",
        ]
        hold = "2s"
        within = "40s"

        [truth]
        expect = "heal"
        roots = ["node-2/orders"]
        cures = ["restart"]
    "#]]
    .assert_eq(&written);
}

#[test]
fn an_unknown_key_or_word_has_its_place() {
    check(
        "seed = 7",
        "sede = 7",
        &expect![[r#"
        file.toml:4:1: unknown field `sede`, expected one of `name`, `summary`, `difficulty`, `seed`, `limit`, `topology`, `load`, `steady_state`, `fault`, `telemetry`, `healed`, `truth`
          |
        4 | sede = 7
          | ^^^^
          mend: remove it, or use one of name, summary, difficulty, seed, limit, topology, load, steady_state, fault, telemetry, healed, truth"#]],
    );
    check(
        "\"hard\"",
        "\"cruel\"",
        &expect![[r#"
        file.toml:3:14: unknown variant `cruel`, expected one of `easy`, `medium`, `hard`
          |
        3 | difficulty = "cruel"
          |              ^^^^^^^
          mend: remove it, or use one of easy, medium, hard"#]],
    );
    check(
        "role = \"orders\"",
        "rolle = \"orders\"",
        &expect![[r#"
        file.toml:23:12: unknown field `rolle`, expected one of `role`, `count`, `percent`, `services`, `nodes`
           |
        23 | target = { rolle = "orders", count = 1 }
           |            ^^^^^
          mend: did you mean `role`? Otherwise remove it"#]],
    );
    check(
        "seed = 7",
        "seed = -7",
        &expect![[r#"
        file.toml:4:8: invalid value: integer `-7`, expected a whole number, 0 or more
          |
        4 | seed = -7
          |        ^^
          mend: write a whole number, 0 or more"#]],
    );
    check(
        "loss = 10",
        "loss = 101",
        &expect![[r#"
        file.toml:36:8: 101 percent
           |
        36 | loss = 101
           |        ^^^
          mend: write 0 to 100"#]],
    );
    check(
        "\"two-in-orders\"",
        "\"Two in orders\"",
        &expect![[r#"
        file.toml:1:8: this is no name of a scenario
          |
        1 | name = "Two in orders"
          |        ^^^^^^^^^^^^^^^
          mend: write lower-case words joined by `-`, as in "cpu-spike-orders", at most 60 characters"#]],
    );
}

#[test]
fn a_fault_that_cannot_be_made_there_is_refused() {
    check(
        "\"cpu-spike\"",
        "\"cpu-spice\"",
        &expect![[r#"
        file.toml:22:9: there is no fault "cpu-spice" (did you mean "cpu-spike"?); there are cpu-spike, noisy-neighbour, memory-leak, fd-leak, thread-leak, crash, crash-loop, hang, deadlock, slow-start, error-burst, gray, bad-config, port-squat, network-delay, network-loss, network-bandwidth, network-partition, dependency-down, storage-latency, storage-error, disk-full, retry-storm, load-surge, telemetry-loss, telemetry-…
           |
        22 | fault = "cpu-spice"
           |         ^^^^^^^^^^^
          mend: write one of these faults"#]],
    );
    check(
        "cores = 2",
        "cores = 99",
        &expect![[r#"
        file.toml:25:20: cores is 99: allowed 1 to 16
           |
        25 | params = { cores = 99 }
           |                    ^^
          mend: docs/faults.md tells what each fault takes"#]],
    );
    check(
        "target = \"node-1\"",
        "target = \"node-1/orders\"",
        &expect![[r#"
            file.toml:31:10: the scenario's arena has no node-1/orders
               |
            31 | target = "node-1/orders"
               |          ^^^^^^^^^^^^^^^
              mend: write one of node-1/batch, node-1/payments, node-1/inventory, node-2/edge, node-2/orders, node-2/ledger, node-3/edge, node-3/payments, node-3/traffic, node-4/orders, node-4/inventory, node-4/ledger"#]],
    );
    check(
        "target = \"node-1\"",
        "target = \"node-9\"",
        &expect![[r#"
        file.toml:31:10: the scenario's arena has no node-9
           |
        31 | target = "node-9"
           |          ^^^^^^^^
          mend: write one of node-1, node-2, node-3, node-4"#]],
    );
    check(
        "role = \"orders\", count = 1",
        "role = \"order\", count = 1",
        &expect![[r#"
            file.toml:23:19: the scenario's arena has no service order
               |
            23 | target = { role = "order", count = 1 }
               |                   ^^^^^^^
              mend: write one of batch, edge, inventory, ledger, orders, payments, traffic"#]],
    );
}

#[test]
fn a_choice_that_cannot_be_made_is_refused() {
    check(
        "role = \"orders\", count = 1",
        "role = \"orders\", count = 3",
        &expect![[r#"
            file.toml:23:37: 3 of 2 replicas of orders
               |
            23 | target = { role = "orders", count = 3 }
               |                                     ^
              mend: write 1 to 2"#]],
    );
    check(
        "role = \"orders\", count = 1",
        "role = \"orders\", count = 2",
        &expect![[r#"
            file.toml:23:10: 2 of 2 replicas of orders would have faults at once
               |
            23 | target = { role = "orders", count = 2 }
               |          ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
              mend: at most half of them may, rounded up: 1"#]],
    );
    check(
        "role = \"orders\", count = 1",
        "role = \"orders\"",
        &expect![[r#"
            file.toml:23:10: this chooses nothing, or twice
               |
            23 | target = { role = "orders" }
               |          ^^^^^^^^^^^^^^^^^^^
              mend: write { role = "orders", count = 1 }, { role = "orders", percent = 50 }, { services = 1 } or { nodes = 1 }"#]],
    );
    check(
        "{ role = \"orders\", count = 1 }",
        "7",
        &expect![[r#"
        file.toml:23:10: invalid type: integer `7`, expected a target such as "node-1/orders" or { role = "orders", count = 1 }
           |
        23 | target = 7
           |          ^
          mend: write a target such as "node-1/orders" or { role = "orders", count = 1 }"#]],
    );
    check(
        "service = \"batch\"",
        "service = \"batsh\"",
        &expect![[r#"
        file.toml:33:46: the scenario's arena has no service batsh
           |
        33 | params = { metric = "cpu_percent", service = "batsh" }
           |                                              ^^^^^^^
          mend: write one of batch, edge, inventory, ledger, orders, payments, traffic"#]],
    );
}

#[test]
fn what_the_target_lacks_is_told() {
    check(
        "fault = \"cpu-spike\"\ntarget = { role = \"orders\", count = 1 }",
        "fault = \"storage-error\"\ntarget = { role = \"orders\", count = 1 }",
        &expect![[r#"
            file.toml:23:10: storage-error needs a control socket that makes this fault, as the workload has, and orders has none
               |
            23 | target = { role = "orders", count = 1 }
               |          ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
              mend: docs/faults.md tells what each fault takes"#]],
    );
    check(
        "fault = \"cpu-spike\"\ntarget = { role = \"orders\", count = 1 }\nfor = \"55s\"\nparams = { cores = 2 }",
        "fault = \"network-loss\"\ntarget = { role = \"orders\", count = 1 }\nparams = { direction = \"out\", to = \"ledger\" }",
        &expect![[r#"
            file.toml:24:36: orders does not call ledger
               |
            24 | params = { direction = "out", to = "ledger" }
               |                                    ^^^^^^^^
              mend: write one of payments, inventory"#]],
    );
}

#[test]
fn times_and_conditions_fit_each_other() {
    check(
        "within = \"40s\"",
        "within = \"49s\"",
        &expect![[r#"
            file.toml:39:10: healed within 49s and held for 2s is later than the limit of 50s
               |
            39 | within = "49s"
               |          ^^^^^
              mend: make `limit` 51s or more, or `within` of [healed] shorter"#]],
    );
    check(
        "for = \"55s\"",
        "for = \"30s\"",
        &expect![[r#"
            file.toml:24:7: every fault is over by the time by which it has to be healed, so doing nothing heals it
               |
            24 | for = "30s"
               |       ^^^^^
              mend: give one of them 42s or more (`within` and `hold` of [healed]), or expect no-action"#]],
    );
    check(
        "for = \"55s\"",
        "for = \"11m\"",
        &expect![[r#"
        file.toml:24:7: for is 11m: allowed 1s to 10m
           |
        24 | for = "11m"
           |       ^^^^^
          mend: write such a duration"#]],
    );
    check(
        "at = \"1s\"",
        "at = \"51s\"",
        &expect![[r#"
        file.toml:21:6: later than the limit of 50s
           |
        21 | at = "51s"
           |      ^^^^^
          mend: write an earlier time, or a longer `limit`"#]],
    );
    check(
        "at = \"1s\"",
        "at = \"1s\"\nif = \"incidents_open > 0\"",
        &expect![[r#"
            file.toml:21:6: both `at` and `if`
               |
            21 | at = "1s"
               |      ^^^^
              mend: keep one of the two; `after` is how long after `if`"#]],
    );
    check(
        "at = \"1s\"",
        "if = \"incidents_open > 0\"",
        &expect![[r#"
        file.toml:22:9: every fault waits for a condition
           |
        22 | fault = "cpu-spike"
           |         ^^^^^^^^^^^
          mend: give one of them a time (`at`): the run is counted from the first fault on"#]],
    );
}

#[test]
fn conditions_are_checked() {
    check(
        "incidents_open > 0",
        "faults_active > 0",
        &expect![[r#"
            file.toml:28:35: unknown reading `faults_active`
               |
            28 | if = "user_error_percent > 5.0 || faults_active > 0"
               |                                   ^^^^^^^^^^^^^
              mend: use one of user_error_percent, user_latency_p95_ms, user_request_rate_hz, services_unhealthy, incidents_open; a check knows only what users feel and how the arena is"#]],
    );
    check(
        "user_error_percent < 1.0",
        "user_error_percent <",
        &expect![[r#"
            file.toml:17:32: not an expression: mismatched input the end
               |
            17 | checks = ["user_error_percent <"]
               |                                ^
              mend: write a comparison, as in `user_error_percent < 2.0`; `&&` and `||` join several"#]],
    );
    check(
        "user_error_percent < 1.0",
        "1.0 < 2.0",
        &expect![[r#"
        file.toml:17:12: this names no reading, so it is always the same
           |
        17 | checks = ["1.0 < 2.0"]
           |            ^^^^^^^^^
          mend: name one of user_error_percent, user_latency_p95_ms, user_request_rate_hz, services_unhealthy, incidents_open"#]],
    );
}

#[test]
fn an_arena_has_room_for_its_roles() {
    check(
        "nodes = 4",
        "nodes = 11",
        &expect![[r#"
        file.toml:8:9: 2 of each of the five roles leave some of 11 nodes empty
          |
        8 | nodes = 11
          |         ^^
          mend: write at most 10 nodes, or more replicas"#]],
    );
    check(
        "replicas = 2",
        "replicas = 5",
        &expect![[r#"
        file.toml:9:12: 5 replicas of a role do not fit on 4 nodes
          |
        9 | replicas = 5
          |            ^
          mend: a role is on a node at most once: write at most as many as nodes"#]],
    );
}

#[test]
fn the_truth_fits_the_faults() {
    check(
        "node-2/orders",
        "node-7/orders",
        &expect![[r#"
        file.toml:44:10: the scenario's arena has no node-7/orders
           |
        44 | roots = ["node-7/orders"]
           |          ^^^^^^^^^^^^^^^
          mend: write one of node-1/batch, node-1/payments, node-1/inventory, node-2/edge, node-2/orders, node-2/ledger, node-3/edge, node-3/payments, node-3/traffic, node-4/orders, node-4/inventory, node-4/ledger"#]],
    );
    check(
        "expect = \"heal\"",
        "expect = \"heal\"\ncures = [\"reboot\"]",
        &expect![[r#"
            file.toml:44:10: there is no action "reboot"
               |
            44 | cures = ["reboot"]
               |          ^^^^^^^^
              mend: write one of start, stop, kill, restart, recover, drain, undrain, throttle, unthrottle, rollback, clean-disk, free-port, quarantine, unquarantine"#]],
    );
    check(
        "expect = \"heal\"",
        "expect = \"no-action\"\ncures = [\"restart\"]",
        &expect![[r#"
            file.toml:44:10: cures, and nothing is to be healed
               |
            44 | cures = ["restart"]
               |          ^^^^^^^^^
              mend: leave `cures` out, or expect heal"#]],
    );
    check(
        "\"cpu-spike\"",
        "\"network-loss\"",
        &expect![[r#"
        file.toml:25:12: network-loss has no parameter "cores"; it has share, kind, stall, direction, to
           |
        25 | params = { cores = 2 }
           |            ^^^^^
          mend: docs/faults.md tells what each fault takes"#]],
    );
}

#[test]
fn what_is_made_twice_or_wrongly_blamed_is_told() {
    let surge = "[[fault]]\nfault = \"load-surge\"\ntarget = \"node-3/traffic\"\nfor = \"30s\"\n\n[telemetry]";
    check(
        "[telemetry]",
        surge,
        &expect![[r#"
        file.toml:37:10: load-surge is made there at that time by the `shape` of [load]
           |
        37 | target = "node-3/traffic"
           |          ^^^^^^^^^^^^^^^^
          mend: leave one of the two out"#]],
    );
    let loss = "[[fault]]\nfault = \"telemetry-loss\"\ntarget = { nodes = 1 }\n\n[telemetry]";
    check(
        "[telemetry]",
        loss,
        &expect![[r#"
        file.toml:37:10: telemetry-loss is made there at that time by [telemetry]
           |
        37 | target = { nodes = 1 }
           |          ^^^^^^^^^^^^^
          mend: leave one of the two out"#]],
    );
    let lie = "[[fault]]\nfault = \"telemetry-skew\"\ntarget = \"node-1\"\n";
    let twins = format!("{lie}\n{lie}at = \"5s\"\n\n[telemetry]");
    check(
        "[telemetry]",
        &twins,
        &expect![[r#"
        file.toml:37:10: telemetry-skew is made there at that time by another [[fault]]
           |
        37 | target = "node-1"
           |          ^^^^^^^^
          mend: choose another time or target"#]],
    );
    check(
        "roots = [\"node-2/orders\"]\n",
        "",
        &expect![[r#"
        file.toml:31:10: what is only told wrongly of is not to blame, and would count so
           |
        31 | target = "node-1"
           |          ^^^^^^^^
          mend: name those that are to blame: `roots` of [truth]"#]],
    );
}
