# What people type. `just` alone lists it.

release := "cargo build --quiet --release --workspace --bins"
arena := env("CARGO_TARGET_DIR", "target") / "release/arena"
debug := env("CARGO_TARGET_DIR", "target") / "debug/arena"

# List the recipes
default:
    @just --list --unsorted

# Build, and say what this machine still needs
setup:
    cargo build --release --workspace --bins
    {{ arena }} doctor

# Build the dashboard (needs npm); the gateway's next build takes it in
web:
    bash services/gateway/web/scripts/build.sh

# Start everything in the foreground; Ctrl-C stops it all
up *ARGS:
    bash services/gateway/web/scripts/build.sh --if-changed
    {{ release }}
    exec {{ arena }} up {{ ARGS }}

# Stop what runs in the background; data stays
down *ARGS:
    {{ release }}
    {{ arena }} down {{ ARGS }}

# Hurt a service, and watch it being detected, healed, verified and stored
demo *ARGS:
    {{ release }}
    {{ arena }} demo {{ ARGS }}

# Everything on the bus, live
watch *ARGS:
    {{ release }}
    {{ arena }} watch {{ ARGS }}

# The tests, real servers and processes included
test *ARGS:
    cargo test --workspace {{ ARGS }}

# The dashboard in a browser, on an arena of its own (needs npm and Chromium); screenshots of every view are left in test-results
test-web *ARGS:
    bash services/gateway/web/scripts/build.sh
    cargo build --workspace --bins
    cd services/gateway/web && npm run e2e -- {{ ARGS }}

# schemathesis over the gateway's own description (needs `pip install schemathesis` for the Python that ARENA_PYTHON names)
test-api:
    ARENA_REQUIRE_TOOLS=1 cargo test -p arena-gateway --test schemathesis

# The Python package of the stepped mode (needs `pip install -e 'sim/gym[dev]'` for the Python that ARENA_PYTHON names)
test-gym *ARGS:
    cargo build -p arena-cli
    cd sim/gym && ARENA_BIN={{ absolute_path(debug) }} ARENA_REQUIRE_TOOLS=1 {{ env("ARENA_PYTHON", "python3") }} -m pytest {{ ARGS }}

# Steps a second of the stepped mode, through the Python package
bench-gym *ARGS:
    cargo build --quiet --release -p arena-cli
    cd sim/gym && ARENA_BIN={{ absolute_path(arena) }} {{ env("ARENA_PYTHON", "python3") }} examples/speed.py {{ ARGS }}

# Each fault, and the death of each party in the middle of it (`cargo test` has the soak for that)
test-faults *FAULTS:
    ARENA_FAULTS="{{ FAULTS }}" cargo test -p arena-cli --test faults_live -- --include-ignored --nocapture

# Random faults and random deaths in an arena of its own, then an independent look at the machine: nothing may be left
soak-faults COUNT="500" SEED="1":
    ARENA_SOAK_COUNT={{ COUNT }} ARENA_SOAK_SEED={{ SEED }} cargo test -p arena-cli --test soak -- --nocapture

# Every seed gives the same event log: run after run, in another process, with another number of threads
sim-determinism SEEDS="1000":
    cargo test --quiet --release -p arena-lab --test determinism -- {{ SEEDS }}

# Format, lints and style
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings

# Licences and sources of the dependencies (needs cargo-deny)
deny:
    cargo deny check bans licenses sources

# Fault to incident and fault to healed, over at least 20 repeats a fault
bench-loop *ARGS:
    cargo bench --quiet -p arena-cli --bench loop -- {{ ARGS }}

# CPU and memory of an idle arena, and of one agent with 50 small services
bench-idle *ARGS:
    cargo bench --quiet -p arena-cli --bench idle -- {{ ARGS }}

# What the sidecar adds to a request, beside a direct connection
bench-proxy *ARGS:
    cargo bench --quiet -p arena-node --bench proxy -- {{ ARGS }}

# 1,000 event streams and 200 requests/s: memory, missed events, and how long an event takes from the bus to each stream
bench-gateway *ARGS:
    cargo bench --quiet -p arena-gateway --bench gateway -- {{ ARGS }}

# From an event on the bus to the screen of a browser (needs npm and Chromium)
bench-screen:
    bash services/gateway/web/scripts/build.sh --if-changed
    cargo build --workspace --bins
    cd services/gateway/web && npm run --silent bench

# Every curated scenario in the simulator, or those that are named
sim *ARGS:
    {{ release }}
    {{ arena }} run {{ ARGS }} --sim

# The same scenarios live and simulated, for each fault or those that are named: a table, and 1 where they differ (--recorded: nothing live)
sim-vs-live *ARGS:
    cargo bench --quiet --profile dev -p arena-cli --bench sim_vs_live -- {{ ARGS }}

# 0 of the cheating policies is scored as healed: a table of who tries what, its score, and why it gets nothing; honest ones for comparison
sim-cheats:
    cargo test --quiet -p arena-sim --test cheats -- --nocapture --test-threads 1

# How fast the simulator is, and how much memory it takes, from 3 to 10,000 nodes, on one core
bench-sim *NODES:
    cargo bench --quiet -p arena-sim --bench sim -- {{ NODES }}

# All benchmarks
bench: bench-loop bench-idle bench-proxy bench-gateway bench-screen bench-sim

# Every curated scenario on real processes, one after the other (long), or those that are named
scenarios *ARGS:
    {{ release }}
    {{ arena }} run {{ if ARGS == "" { "injector/scenarios" } else { ARGS } }} --live

# Every curated scenario with 20 seeds under several policies, in the simulator: a table, and target/sim-bench/report.html
sim-bench *ARGS:
    {{ release }}
    {{ arena }} bench {{ if ARGS == "" { "--policy rules,noop,restart --out target/sim-bench" } else { ARGS } }}

# What CI runs
verify:
    bash .ci/run
