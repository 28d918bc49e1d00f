#!/usr/bin/env bash
# Drives a running sandbox with Stripe's official Python and Node SDKs, in their newest versions.
#
# Usage: run.sh http://127.0.0.1:8090
#
# Nothing is started here but the SDKs. They are installed once under ${TMPDIR:-/tmp}/billfold-sdk.
set -euo pipefail

url=${1:?usage: run.sh SANDBOX_URL}
here=$(cd "$(dirname "$0")" && pwd)
home=${TMPDIR:-/tmp}/billfold-sdk
mkdir -p "$home/node"

if [ ! -x "$home/python/bin/python" ]; then
    python3 -m venv "$home/python"
fi
"$home/python/bin/pip" install --quiet --disable-pip-version-check --upgrade stripe
npm install --prefix "$home/node" --silent --no-save --no-audit --no-fund stripe@latest

"$home/python/bin/python" "$here/drive.py" "$url"
# A module is looked for beside the script that imports it, so the script stands beside the installed one.
cp "$here/drive.mjs" "$home/node/drive.mjs"
node "$home/node/drive.mjs" "$url"
