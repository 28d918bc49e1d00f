#!/usr/bin/env bash
# The rules of who may know whom (ARCHITECTURE.md, "Rooms"), held against what Cargo says:
# server -> service -> store -> vault -> domain and service -> stripe -> domain, never back; a crate that only one room may name is
# named there only; what is for tests is not in the binary.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

cargo metadata --format-version 1 --no-deps --locked | python3 -c '
import json, sys

PREFIX = "billfold-"
# Which rooms each room may know. A room that is not listed is unknown to these rules, and fails.
MAY_KNOW = {
    "domain": set(),
    "auth": {"domain"},
    "vault": {"domain"},
    "store": {"domain", "vault"},
    "stripe": {"domain"},
    "service": {"domain", "store", "stripe"},
    "sandbox": set(),
    "test-support": set(),
    # What others build on, apart from the workspace.
    "client": set(),
    "server": {"auth", "domain", "sandbox", "service", "store", "stripe", "vault"},
    # Measures the binary from outside, so it may know every room.
    "bench": {"auth", "domain", "sandbox", "server", "service", "store", "stripe", "test-support"},
    # Judges the binary from outside: of the product it knows only how to count in a SQLite file.
    "torture": {"domain", "store", "test-support"},
}
# In tests a room may also know these.
TESTS_MAY_KNOW = {room: {"test-support"} for room in MAY_KNOW}
TESTS_MAY_KNOW["service"] |= {"sandbox", "vault"}
TESTS_MAY_KNOW["server"] |= {"client"}
TESTS_MAY_KNOW["client"] = set()
TESTS_MAY_KNOW["test-support"] = set()
# Which rooms may name a crate in what is shipped.
ONLY_IN = {
    "diesel": {"store"},
    "diesel-async": {"store"},
    "diesel_migrations": {"store"},
    "libsqlite3-sys": {"store"},
    "deadpool": {"store"},
    "tokio-postgres": {"store", "test-support", "bench", "torture"},
    "tokio-postgres-rustls": {"store"},
    "reqwest": {"auth", "client", "stripe", "sandbox", "bench", "torture"},
    "rcgen": {"test-support"},
    "actix-web": {"server", "sandbox", "bench"},
    "actix-http": {"server"},
    "actix-cors": {"server"},
    "jsonwebtoken": {"auth"},
    "clap": {"server", "bench", "torture"},
    "indicatif": {"server", "bench"},
}
# The only crates that the domain is built on: none of them reads, writes, waits or serialises.
DOMAIN_IS_BUILT_ON = {"secrecy", "thiserror", "time"}
# Not even in tests: a test that writes SQL by itself belongs to the store.
NEVER_OUTSIDE = {"diesel", "diesel-async", "diesel_migrations"}

faults = []
for package in json.load(sys.stdin)["packages"]:
    room = "server" if package["name"] == "billfold" else package["name"].removeprefix(PREFIX)
    if room not in MAY_KNOW:
        faults.append(f"the room {room} is in no rule: give it its line in .ci/dependency-direction.sh")
        continue
    for dependency in package["dependencies"]:
        name, in_tests = dependency["name"], dependency["kind"] == "dev"
        if dependency.get("path"):
            other = "server" if name == "billfold" else name.removeprefix(PREFIX)
            allowed = MAY_KNOW[room] | (TESTS_MAY_KNOW[room] if in_tests else set())
            if other not in allowed:
                faults.append(f"{room} must not know {other}" + (", not even in tests" if in_tests else ""))
        elif name in ONLY_IN and room not in ONLY_IN[name] and (not in_tests or name in NEVER_OUTSIDE):
            faults.append(f"{room} must not name {name}: only {sorted(ONLY_IN[name])} may")
        elif room == "domain" and not in_tests and name not in DOMAIN_IS_BUILT_ON:
            faults.append(f"domain must not name {name}: only {sorted(DOMAIN_IS_BUILT_ON)}")
for fault in faults:
    print(fault)
sys.exit(bool(faults))
'

# What follows looks through everything that is built, not only at what is named.
tree() { cargo tree --locked --prefix none --format '{lib}' --edges normal,build "$@" | sort -u; }
refuse() { # refuse ROOM CRATES...: fails when the room is built on one of the crates.
    local room=$1 crates found
    shift
    crates=$(tree --package "$room")
    for found in "$@"; do
        if grep -qx "$found" <<<"$crates"; then
            echo "$room must not be built on $found: see cargo tree --package $room --edges normal,build --invert ${found//_/-}"
            return 1
        fi
    done
}
refuse billfold billfold_client billfold_test_support rcgen proptest wiremock rstest jsonschema openssl_sys native_tls
# It must be possible to publish it alone.
refuse billfold-client billfold billfold_server billfold_domain billfold_stripe billfold_service billfold_sandbox diesel actix_web
refuse billfold-domain tokio mio serde serde_json diesel reqwest hyper actix_web rand
refuse billfold-service actix_web serde_yaml
refuse billfold-sandbox billfold_stripe billfold_domain billfold_service billfold_store diesel
refuse billfold-store reqwest hyper actix_web billfold_stripe
refuse billfold-stripe diesel billfold_store actix_web
# It fetches key sets, and is no server of anything.
refuse billfold-auth actix_web diesel billfold_stripe
refuse billfold-vault tokio mio reqwest actix_web diesel serde_json
echo "every dependency points the right way"
