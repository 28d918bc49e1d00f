#!/usr/bin/env bash
# Asks the sandbox and localstripe (PyPI) the same, alone and behind `billfold dev`, and prints both answers beside each other. Then walks the
# demo page in a headless Chromium with localstripe's own stand-in of Stripe.js, and prints what the page says.
#
# usage: run.sh BILLFOLD    # Chromium is the program `chromium`, or the one that CHROMIUM names
#
# localstripe is a process of its own, on loopback, and keeps nothing: by itself it listens everywhere and keeps its objects in /tmp.
set -euo pipefail
binary=$(realpath "${1:?usage: run.sh BILLFOLD}")
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
for variable in ${!BILLFOLD_@}; do unset "$variable"; done
work=$(mktemp -d)
processes=()
stop() {
    local process
    # By their numbers, and only those that were started here.
    for process in "${processes[@]}"; do
        kill -KILL "$process" 2>/dev/null || true
        wait "$process" 2>/dev/null || true
    done
    rm -rf "$work"
}
trap stop EXIT
trap 'exit 143' TERM INT
cd "$work"

python3 -m venv environment
environment/bin/pip install --quiet --disable-pip-version-check localstripe==1.15.10
read -r localstripe_port sandbox_port first second < <(python3 -c 'import socket
held = [socket.create_server(("127.0.0.1", 0)) for _ in range(4)]
print(*(s.getsockname()[1] for s in held))')
environment/bin/python - "$localstripe_port" >localstripe.log 2>&1 <<'PYTHON' &
import sys
from aiohttp import web
from localstripe import resources, server

resources.store.dump_to_disk = lambda: None
web.run_app(server.app, host="127.0.0.1", port=int(sys.argv[1]), print=None)
PYTHON
processes+=("$!")
"$binary" sandbox --listen "127.0.0.1:$sandbox_port" >sandbox.log 2>&1 &
processes+=("$!")
# `dev` as it runs at Stripe's own test mode, but for the address; each with a key of its own.
"$binary" dev --data-dir one --listen "127.0.0.1:$first" --stripe-api-base "http://127.0.0.1:$sandbox_port" \
    --stripe-secret-key sk_test_compared_1234 --stripe-publishable-key pk_test_compared_1234 >one.log 2>&1 &
processes+=("$!")
"$binary" dev --data-dir two --listen "127.0.0.1:$second" --stripe-api-base "http://127.0.0.1:$localstripe_port" \
    --stripe-secret-key sk_test_compared_1234 --stripe-publishable-key pk_test_compared_1234 \
    --stripe-js "http://127.0.0.1:$localstripe_port/js.stripe.com/v3/" >two.log 2>&1 &
processes+=("$!")
for address in "$first/health/ready" "$second/health/ready" "$localstripe_port/js.stripe.com/v3/"; do
    curl --silent --fail --output /dev/null --max-time 20 --retry 40 --retry-delay 1 --retry-all-errors "http://127.0.0.1:$address"
done
token() { "$binary" token --data-dir "$1" --project demo; }
timeout 60 "$here/compare.py" "http://127.0.0.1:$sandbox_port" "http://127.0.0.1:$first" "$(token one)" \
    "http://127.0.0.1:$localstripe_port" "http://127.0.0.1:$second" "$(token two)"

chromium=$(command -v "${CHROMIUM:-chromium}") || {
    echo 'There is no Chromium: install it (Debian: apt-get install chromium), or name it in CHROMIUM.' >&2
    exit 1
}
mkdir page
cp "$here/page.mjs" page/
npm install --prefix page --silent --no-package-lock --no-audit --no-fund playwright-core@1.65.1
echo
CHROMIUM=$chromium timeout 120 node page/page.mjs "http://127.0.0.1:$second"
