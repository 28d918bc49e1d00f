#!/usr/bin/env bash
# Walks the demo page of a running `billfold dev` in a headless Chromium.
#
# Usage: run.sh BASE_URL [DIRECTORY]
#
#   run.sh http://127.0.0.1:8080 target/e2e
#
# The cards of the demo's two users are deleted first. One walk stays within the limits of a fresh `billfold dev`; to walk it again
# within the hour, start it with --rate-limit-setup-intents 1000 --rate-limit-failed-cards 1000.
#
# Screenshots go to DIRECTORY (default target/e2e). Chromium is the program `chromium` (Debian: apt-get install chromium), or the
# one that CHROMIUM names. Nothing is started here but it; what drives it is installed once under ${TMPDIR:-/tmp}/billfold-e2e.
set -euo pipefail

url=${1:?usage: run.sh BASE_URL [DIRECTORY]}
here=$(cd "$(dirname "$0")" && pwd)
pictures=${2:-$here/../../target/e2e}
home=${TMPDIR:-/tmp}/billfold-e2e
chromium=$(command -v "${CHROMIUM:-chromium}") || {
    echo "There is no Chromium: install it (Debian: apt-get install chromium), or name it in CHROMIUM." >&2
    exit 1
}

mkdir -p "$home" "$pictures"
pictures=$(cd "$pictures" && pwd)
rm -f "$pictures"/*.png
# A module is looked for beside the script that imports it, so the scripts stand beside the installed ones.
rm -f "$home"/*.mjs
cp "$here"/*.mjs "$here/package.json" "$home/"
npm install --prefix "$home" --silent --no-package-lock --no-audit --no-fund

CHROMIUM=$chromium node "$home/walk.mjs" "$url" "$pictures"
