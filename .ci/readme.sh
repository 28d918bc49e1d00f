#!/usr/bin/env bash
# Tries the README as a new user would: its run command, then the lines that this prints, then the README's own; and looks
# whether the answers are those that the README shows, but for ids, times and secrets.
#
# The command runs on free ports with data of its own: both are set by environment variables, so it stays as written.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$here/.."
run_command=$("$here/from-readme.sh" 'run command')
work=$(mktemp -d)
server=
stop() {
    if [ -n "$server" ]; then kill -TERM "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; fi
    server=
}
trap 'stop; rm -rf "$work"' EXIT
trap 'exit 143' TERM INT
export BILLFOLD_LISTEN=127.0.0.1:0 BILLFOLD_SANDBOX_LISTEN=127.0.0.1:0

start() { # start NAME: a server with data of its own
    export BILLFOLD_DATA_DIR=$work/$1/data
    mkdir -p "$BILLFOLD_DATA_DIR"
    # Cargo becomes the program that it runs, so this is the server's number.
    bash -c "exec $run_command" >"$work/$1/printed" 2>"$work/$1/log" &
    server=$!
    for _ in $(seq 1200); do
        if grep -q '^USER_TOKEN=' "$work/$1/printed"; then return; fi
        kill -0 "$server" 2>/dev/null || break
        sleep 0.1
    done
    echo "the run command ($run_command) did not come to the lines to paste:"
    tail -n 20 "$work/$1/printed" "$work/$1/log"
    exit 1
}

# What differs from run to run becomes a word.
normal() {
    sed -E -e 's/seti_[A-Za-z0-9]+_secret_[A-Za-z0-9]+/(secret)/g' -e 's/(seti|pm)_[0-9][A-Za-z0-9]+/(\1)/g' \
        -e 's/[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:]{8}Z?/(time)/g' -e 's/"exp_(month|year)":[0-9]+/"exp_\1":(number)/g' "$@"
}

paste() { # paste NAME FILE: runs the lines, and compares what they print with the README's answers
    if ! timeout --kill-after=5 60 bash -eu "$2" >"$work/$1/answers" 2>"$work/$1/errors"; then
        echo "the lines of $1 end with an error:"
        tail -n 5 "$work/$1/answers" "$work/$1/errors"
        exit 1
    fi
    if ! diff -u <(normal "$work/expected") <(normal "$work/$1/answers"); then
        echo "the lines of $1 do not give the README's answers (-): bring README.md up to date, or mend what changed"
        exit 1
    fi
    echo "the lines of $1 give the README's $(wc -l <"$work/expected") answers"
}

"$here/from-readme.sh" 'lines to paste' json >"$work/expected"

start dev
sed -n '/^API=/,$p' "$work/dev/printed" >"$work/dev/lines"
paste dev "$work/dev/lines"
stop

start README
api=$(sed -n 's|^API=||p' "$work/README/printed" | head -n 1)
stripe=$(sed -n 's|^STRIPE=||p' "$work/README/printed" | head -n 1)
"$here/from-readme.sh" 'lines to paste' sh |
    sed -e "s|^API=.*|API=$api|" -e "s|^STRIPE=.*|STRIPE=$stripe|" >"$work/README/lines"
paste README "$work/README/lines"
stop
