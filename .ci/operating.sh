#!/usr/bin/env bash
# Tries docs/operating.md as an operator would: the lines of its walk-through, on an empty PostgreSQL of its own and the Stripe
# sandbox; and looks whether what they print has the lines that the page shows, in their order.
#
# usage: operating.sh BILLFOLD
# What is put in place of the page's own: the addresses, the directory and the keys. Ends what it starts, in a minute at most.
set -euo pipefail
binary=$(realpath "${1:?usage: operating.sh BILLFOLD}")
cd "$(dirname "${BASH_SOURCE[0]}")/.."
page=docs/operating.md
# What a person has set for their own server is not meant for this one.
for variable in ${!BILLFOLD_@} ${!PG@}; do unset "$variable"; done

work=$(mktemp -d)
chmod 755 "$work"
mkdir "$work/bin" "$work/postgres" "$work/etc"
sandbox='' postgres=''
stop() {
    # By their numbers, and only those that were started here. The page's own server goes by the number that it noted.
    for process in "$(cat "$work/server" 2>/dev/null || true)" "$sandbox"; do
        if [ -n "$process" ]; then kill -KILL "$process" 2>/dev/null || true; fi
    done
    if [ -n "$postgres" ]; then kill -INT "$postgres" 2>/dev/null || true; wait "$postgres" 2>/dev/null || true; fi
    rm -rf "$work"
}
trap stop EXIT
trap 'exit 143' TERM INT

fail() {
    echo "$1"
    shift
    tail -n 15 "$@"
    exit 1
}
# until_true WHAT COMMAND...: for ten seconds at most
until_true() {
    local what=$1
    shift
    for _ in $(seq 100); do
        if "$@" >/dev/null 2>&1; then return; fi
        sleep 0.1
    done
    fail "$what did not start" "$work/log"
}
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

programs=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
if [ ! -x "$programs/initdb" ]; then programs=$(dirname "$(command -v initdb)"); fi
# PostgreSQL works for no superuser of the machine.
as=()
if [ "$(id -u)" -eq 0 ]; then
    chown postgres "$work/postgres"
    as=(setpriv --reuid postgres --regid postgres --clear-groups)
fi
port=$(free_port)
"${as[@]}" "$programs/initdb" --auth=trust --username=postgres --no-sync "$work/postgres/data" >"$work/log" 2>&1 ||
    fail 'initdb failed' "$work/log"
# Becomes the server, so this is its number.
"${as[@]}" "$programs/postgres" -D "$work/postgres/data" -p "$port" -c listen_addresses=127.0.0.1 \
    -c unix_socket_directories= -c fsync=off >>"$work/log" 2>&1 &
postgres=$!
until_true PostgreSQL "$programs/pg_isready" -h 127.0.0.1 -p "$port"

"$binary" sandbox --listen 127.0.0.1:0 >"$work/sandbox" 2>>"$work/log" &
sandbox=$!
until_true 'the sandbox' grep -q 'http://' "$work/sandbox"
BILLFOLD_STRIPE_API_BASE=$(grep -o 'http://[0-9.:]*[0-9]' "$work/sandbox" | head -n 1)
export BILLFOLD_STRIPE_API_BASE
# Nobody else asks this server, so nobody need see that it ends.
export BILLFOLD_DRAIN_SECONDS=0
# Who the page's operator is.
export USER=olga LOGNAME=olga

# What a block of the walk-through has, in one language.
blocks() {
    awk -v language="$1" '
        $0 == "<!-- walk-through -->" { inside = 1; next }
        $0 == "<!-- /walk-through -->" { inside = 0 }
        inside && /^```/ { if (block) { block = 0 } else { block = 1; wanted = ($0 == "```" language) } next }
        inside && block && wanted
    ' "$page"
}
ln -s "$binary" "$work/bin/billfold"
export PATH=$work/bin:$PATH:$programs
blocks sh | sed \
    -e "s|^export PGHOST=.*|export PGHOST=127.0.0.1 PGPORT=$port PGUSER=postgres|" \
    -e "s|^DATABASE=.*|DATABASE=127.0.0.1:$port/billfold|" \
    -e "s|^\([A-Z]*\)_PUBLISHABLE_KEY=.*|\1_PUBLISHABLE_KEY=pk_test_of_\1_1234|" \
    -e "s|^API=.*|API=http://127.0.0.1:$(free_port)|" \
    -e "s|/etc/billfold|$work/etc|" \
    -e "s|^ *SERVER=\$!|& ; echo \$! >'$work/server'|" >"$work/lines"
if [ "$(grep -cE '127\.0\.0\.1:|_PUBLISHABLE_KEY=pk|mkdir .*/etc$|/server.$' "$work/lines")" -lt 5 ]; then
    fail "$page has lost a line that this script puts its own in place of" "$work/lines"
fi
# What is typed where the page asks: two secrets for each tenant, and the new one.
typed=$(printf '%s\n' sk_test_of_ACME_1234 whsec_of_acme sk_test_of_GLOBEX_1234 whsec_of_globex whsec_of_acme_too)
if ! timeout --kill-after=5 50 bash -eu "$work/lines" <<<"$typed" >"$work/printed" 2>"$work/errors"; then
    fail 'the walk-through ends with an error' "$work/printed" "$work/errors"
fi

# One space for several, and neither times nor identifiers, but for the name that Stripe knows its test card by.
normal() {
    sed -E -e 's/pm_[0-9][A-Za-z0-9]+/pm_…/g' -e 's/(aud|req)_[0-9A-Z]+/\1_…/g' -e 's/\b01[0-9A-Z]{24}\b/01…/g' \
        -e 's/[0-9-]{10}T[0-9:]{8}Z/(time)/g' -e 's/[[:space:]]+/ /g' -e 's/ $//' "$@"
}
blocks text | normal >"$work/expected"
if ! awk 'NR == FNR { wanted[++number] = $0; next } $0 == wanted[found + 1] { found++ }
    END { if (found < number) { print "not printed, or not there: " wanted[found + 1]; exit 1 } }' \
    "$work/expected" <(normal "$work/printed"); then
    fail "the walk-through does not print what $page shows" "$work/printed"
fi
echo "the walk-through of $page prints its $(wc -l <"$work/expected") lines"
