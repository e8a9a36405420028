//! The arena that is hurt: three nodes with a victim for each fault of a service, then a node for each fault of a node.

use std::fmt::Write as _;

/// A victim: its name, what it runs, and what it calls.
type Victim = (&'static str, &'static str, &'static [&'static str]);

/// What runs a role of the shop; `EDGE` stands for a program of its own.
const EDGE: &str = "edge";

const VICTIMS: &[(&str, &[Victim])] = &[
    (
        "node-1",
        &[
            ("cpu-spike", "inventory", &[]),
            ("memory-leak", "inventory", &[]),
            ("fd-leak", "inventory", &[]),
            ("thread-leak", "inventory", &[]),
            ("crash", "inventory", &[]),
            ("crash-loop", "inventory", &[]),
            ("hang", "inventory", &[]),
            ("deadlock", "inventory", &[]),
        ],
    ),
    (
        "node-2",
        &[
            ("slow-start", "inventory", &[]),
            ("error-burst", "inventory", &[]),
            ("gray", "inventory", &[]),
            ("bad-config", "inventory", &[]),
            ("port-squat", "inventory", &[]),
            ("network-delay", "inventory", &[]),
            ("network-loss", "inventory", &[]),
            ("network-bandwidth", "inventory", &[]),
        ],
    ),
    (
        "node-3",
        &[
            ("network-partition", "inventory", &[]),
            ("dependency-down", "payments", &["ledger"]),
            ("storage-latency", "ledger", &[]),
            ("storage-error", "ledger", &[]),
            ("disk-full", "ledger", &[]),
            ("retry-storm", "inventory", &[]),
            ("load-surge", "traffic", &["edge"]),
            ("edge", EDGE, &[]),
            ("ledger", "ledger", &[]),
        ],
    ),
    ("node-4", &[("small", "inventory", &[])]),
];

/// The nodes of telemetry's own faults: each has one small service.
const SMALL_NODES: std::ops::RangeInclusive<u32> = 5..=13;

/// Takes one call at a time, 20 ms each, as a shop that has just enough staff; and logs each.
const ONE_AT_A_TIME: &str = "\
import http.server as h, threading, time
turn = threading.Lock()
class Shop(h.BaseHTTPRequestHandler):
    def answer(self):
        self.send_response(200); self.send_header('content-length', '2'); self.end_headers(); self.wfile.write(b'{}')
    do_GET = answer
    def do_POST(self):
        self.rfile.read(int(self.headers.get('content-length', 0)))
        with turn: time.sleep(0.02)
        self.answer()
h.ThreadingHTTPServer(('127.0.0.1', {port}), Shop).serve_forever()";

/// `arena.toml`; its ports are replaced by free ones.
pub(crate) fn config() -> String {
    let mut text = String::new();
    for (node, victims) in VICTIMS {
        let _ = writeln!(text, "[[node]]\nname = \"{node}\"\n");
        for victim in *victims {
            text.push_str(&service(victim));
        }
    }
    for number in SMALL_NODES {
        let _ = writeln!(text, "[[node]]\nname = \"node-{number}\"\n");
        text.push_str(&service(&("small", "inventory", &[])));
    }
    text
}

fn service((name, runs, calls): &Victim) -> String {
    let command = match *runs {
        EDGE => format!("[\"python3\", \"-u\", \"-c\", {ONE_AT_A_TIME:?}]"),
        role => format!("[\"arena-workload\", \"{role}\", \"--port\", \"{{port}}\"]"),
    };
    let clean = match *runs {
        "ledger" => "clean = [\"scratch/*\"]\n",
        _ => "",
    };
    // A failed probe is known before the latency of requests is, on a machine that is being hurt, too.
    format!(
        "[[node.service]]\nname = \"{name}\"\ncommand = {command}\nport = 1\ndepends_on = {calls:?}\n{clean}\
         health = {{ http = \"/healthz\", interval = \"200ms\", timeout = \"400ms\", failures = 3 }}\n\n"
    )
}
