#!/usr/bin/env bash
# Installs what the checks need and the machine lacks: a C compiler, curl, OpenSSL's program, patch, Python's venv, Node.js, Chromium,
# PostgreSQL's server, PgBouncer, the proxies nginx and haproxy, Prometheus, Compose and systemd's checker of units, of Rust's own
# parts the formatter and the linter, and cargo-deny.
set -euo pipefail

has_postgresql() {
    local directory
    for directory in /usr/lib/postgresql/*/bin ${PATH//:/ }; do
        if [ -x "$directory/initdb" ] && [ -x "$directory/postgres" ]; then return; fi
    done
    return 1
}

packages=()
command -v cc >/dev/null || packages+=(gcc libc6-dev)
command -v curl >/dev/null || packages+=(curl ca-certificates)
command -v openssl >/dev/null || packages+=(openssl)
command -v python3 >/dev/null || packages+=(python3)
command -v patch >/dev/null || packages+=(patch)
python3 -c 'import ensurepip, venv' 2>/dev/null || packages+=(python3-venv)
command -v node >/dev/null || packages+=(nodejs)
command -v npm >/dev/null || packages+=(npm)
command -v chromium >/dev/null || packages+=(chromium)
has_postgresql || packages+=(postgresql)
command -v pgbouncer >/dev/null || [ -x /usr/sbin/pgbouncer ] || packages+=(pgbouncer)
[ -x /usr/sbin/nginx ] || command -v nginx >/dev/null || packages+=(nginx)
[ -x /usr/sbin/haproxy ] || command -v haproxy >/dev/null || packages+=(haproxy)
command -v promtool >/dev/null || packages+=(prometheus)
command -v docker-compose >/dev/null || docker compose version >/dev/null 2>&1 || packages+=(docker-compose)
command -v systemd-analyze >/dev/null || packages+=(systemd)

if [ "${#packages[@]}" -gt 0 ]; then
    echo "missing: ${packages[*]}"
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
        echo "Install them first, or run this as root on Debian." >&2
        exit 1
    fi
    export DEBIAN_FRONTEND=noninteractive
    install() { apt-get -qq -o Dpkg::Use-Pty=0 install --yes --no-install-recommends "$@" >/dev/null; }
    apt-get -qq update
    if ! has_postgresql; then
        # Only the programs are wanted, no server that runs from now on.
        install postgresql-common
        printf 'create_main_cluster = false\n' >>/etc/postgresql-common/createcluster.conf
    fi
    # Only the programs are wanted of nginx, haproxy and Prometheus too: while this stands, no package starts its service.
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
        trap 'rm -f "$policy"' EXIT
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
    fi
    install "${packages[@]}"
fi
for part in clippy rustfmt; do
    if ! "cargo-${part/rustfmt/fmt}" --version >/dev/null 2>&1; then
        echo "missing: $part"
        rustup component add "$part" >/dev/null
    fi
done
# Debian's is too old for deny.toml. Without optimisation it is built in a minute.
cargo deny --version >/dev/null 2>&1 || { echo "missing: cargo-deny"; cargo install cargo-deny --version 0.20.2 --locked --debug --quiet; }
rustc --version
cc --version | head -n 1
python3 --version
echo "node $(node --version)"
