# One recipe for each habit. `just` lists them.

_default:
    @just --list --unsorted

# Everything on this machine, with a stand-in for Stripe.
run *arguments:
    cargo run -- dev {{ arguments }}

# Every test, with nothing installed but Rust.
test *arguments:
    cargo test --workspace {{ arguments }}

# Every test, faster: needs cargo-nextest.
test-fast *arguments:
    cargo nextest run --workspace {{ arguments }}

# What must be clean before a commit: form, lints, documentation, and what is depended on. Needs cargo-deny.
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets --locked -- -D warnings
    RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --locked
    .ci/dependency-direction.sh
    .ci/dependency-reasons.sh
    .ci/environment-variables.sh
    cargo deny --locked check bans licenses sources
    .ci/spelling.sh

# How fast it is, beside PostgreSQL's own speed; `just bench --only reads --rows 20000 --seconds 1` for a quick try.
bench *arguments:
    cargo run --release -p billfold-bench -- {{ arguments }}

# The engine against a hundred thousand seeds of a world that is not real; `just simulate 1000` for fewer.
simulate seeds='100000':
    BILLFOLD_SIMULATION_SEEDS={{ seeds }} cargo test --release -p billfold-service simulation -- --nocapture

# Kills, faults, failing databases, hostile and slow clients around the release binary, and a judge: over an hour. The slow clients of the
# long form take slowhttptest too (Debian: apt-get install slowhttptest). `just torture kill --quick` for less.
# Then known bugs are planted, each of which a test must catch.
torture *arguments='all --long':
    cargo build --release --bin billfold
    cargo run --release -p billfold-torture -- {{ arguments }}
    torture/planted-bugs.sh

# Several instances, a standby, and a primary that is lost: measured, judged, and written into docs/scaling.md. Needs HAProxy and wrk.
scaling *arguments='--long':
    cargo build --release --bin billfold
    cargo run --release -p billfold-torture -- scaling {{ arguments }}

# The pages of `billfold dev` in a headless Chromium: every way to add a card, axe, and pictures in target/e2e. Needs Node.js and Chromium.
e2e:
    cargo build --release --bin billfold
    .ci/beside.sh dev bash -c 'tests/e2e/run.sh "$BILLFOLD_BASE_URL"'

# What strangers send, made up by a fuzzer, for so many seconds each. Needs a nightly compiler and cargo-fuzz.
fuzz seconds='600' *targets:
    fuzz/run.sh {{ seconds }} {{ targets }}

# Every check, as on a fresh machine.
ci:
    bash .ci/run

# Makes an empty migration for both databases: `just new-migration add_default_method`.
new-migration NAME:
    #!/usr/bin/env bash
    set -euo pipefail
    if ! [[ '{{ NAME }}' =~ ^[a-z][a-z0-9_]*$ ]]; then
        echo 'a name is of a-z, 0-9 and _, such as add_default_method' >&2
        exit 1
    fi
    version=$(date -u +%Y%m%d%H%M%S)
    for database in postgres sqlite; do
        folder=migrations/$database/${version}_{{ NAME }}
        mkdir "$folder"
        echo "-- What the next version needs of the schema." >"$folder/up.sql"
        echo "-- Takes back what up.sql did." >"$folder/down.sql"
        echo "$folder"
    done
    # A new folder by itself is no reason for Cargo to build the store anew.
    touch crates/store/src/migrations.rs
