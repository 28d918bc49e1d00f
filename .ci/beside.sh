#!/usr/bin/env bash
# Runs a command beside `billfold dev` or `billfold sandbox`, which listens on free ports, keeps its data in a directory
# of its own and ends with the command.
#
# usage: beside.sh dev|sandbox COMMAND...
# The command finds in its environment:
#   BILLFOLD_SANDBOX_URL              where the sandbox is
# and beside `dev` also:
#   BILLFOLD_BASE_URL                 where the API is
#   BILLFOLD_PROJECT_TOKEN            a token for the project API
#   BILLFOLD_ACCOUNT_TOKEN            a token for the account API
#   BILLFOLD_SANDBOX_PUBLISHABLE_KEY  the publishable key of the project's account
#   BILLFOLD_BINARY                   the binary, which makes more tokens: billfold token …
#   BILLFOLD_DATA_DIR                 where its issuer's key is
# BILLFOLD_BINARY names the binary; without it, it is the release build's.
set -euo pipefail
kind=${1:?usage: beside.sh dev|sandbox COMMAND...}
shift
cd "$(dirname "${BASH_SOURCE[0]}")/.."
binary=${BILLFOLD_BINARY:-$(cargo metadata --format-version 1 --no-deps --locked |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])')/release/billfold}

data=$(mktemp -d)
server=
stop() {
    # By its number, and only the one that was started here.
    if [ -n "$server" ]; then kill -TERM "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; fi
    rm -rf "$data"
}
trap stop EXIT
trap 'exit 143' TERM INT
# What goes wrong is worth a line in the output of the checks, and each call is not.
export BILLFOLD_LOG=warn
# What is tried beside it asks as much as it can in the name of one user, and should see every other answer.
export BILLFOLD_RATE_LIMIT_PROJECT_READS=0 BILLFOLD_RATE_LIMIT_PROJECT_WRITES=0 BILLFOLD_RATE_LIMIT_USER=0
export BILLFOLD_RATE_LIMIT_SETUP_INTENTS=1000000 BILLFOLD_RATE_LIMIT_FAILED_CARDS=1000000
export BILLFOLD_RATE_LIMIT_PROJECT_FAILED_CARDS=1000000 BILLFOLD_STRIPE_RATE_TEST=0

case $kind in
dev) "$binary" dev --listen 127.0.0.1:0 --sandbox-listen 127.0.0.1:0 --data-dir "$data" >"$data/output" 2>"$data/log" & ;;
sandbox) "$binary" sandbox --listen 127.0.0.1:0 >"$data/output" 2>"$data/log" & ;;
*) echo "beside.sh: $kind is neither dev nor sandbox" >&2 && exit 2 ;;
esac
server=$!

# The output's last line comes when everything answers.
for _ in $(seq 300); do
    case $kind in
    dev) ! grep -q '^USER_TOKEN=' "$data/output" || break ;;
    sandbox) ! grep -q 'http://' "$data/output" || break ;;
    esac
    if ! kill -0 "$server" 2>/dev/null; then break; fi
    sleep 0.1
done

printed() { sed -n "s|^$1=||p" "$data/output" | head -n 1; }
status=0
if [ "$kind" = dev ]; then
    export BILLFOLD_BASE_URL BILLFOLD_SANDBOX_URL BILLFOLD_PROJECT_TOKEN BILLFOLD_ACCOUNT_TOKEN
    BILLFOLD_BASE_URL=$(printed API)
    BILLFOLD_SANDBOX_URL=$(printed STRIPE)
    BILLFOLD_PROJECT_TOKEN=$(printed TOKEN)
    BILLFOLD_ACCOUNT_TOKEN=$(printed USER_TOKEN)
    export BILLFOLD_SANDBOX_PUBLISHABLE_KEY=pk_test_billfold_demo
    export BILLFOLD_BINARY=$binary BILLFOLD_DATA_DIR=$data
else
    export BILLFOLD_SANDBOX_URL
    BILLFOLD_SANDBOX_URL=$(grep -o 'http://[0-9.:]*[0-9]' "$data/output" | head -n 1 || true)
fi
if [ -z "$BILLFOLD_SANDBOX_URL" ]; then
    echo "billfold $kind did not start" >&2
    status=1
else
    "$@" || status=$?
fi
if [ "$status" -ne 0 ]; then
    echo "-- the last lines of the log of billfold $kind:" >&2
    tail -n 20 "$data/log" >&2
fi
exit "$status"
